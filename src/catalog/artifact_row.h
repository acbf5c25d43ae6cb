/*
 * artifact_row - the columns of the table artifacts and what hangs on a row: tags, filters,
 * tables. For this folder only.
 */
#ifndef PGKEEP_CATALOG_ARTIFACT_ROW_H
#define PGKEEP_CATALOG_ARTIFACT_ROW_H

#include "catalog/artifacts.h"
#include "catalog/db/record.h"

enum artifact_row_write {
    ARTIFACT_ROW_INSERT = 1,
    ARTIFACT_ROW_FINISH = 2,
    ARTIFACT_ROW_IMPORT = 4
};
extern const struct record artifact_row;

/* What it is now; ERR_NOT_FOUND. */
int artifact_row_status(struct catalog *catalog, const char *id,
                        enum catalog_status *status, struct err *err) MUST_USE;
/* Runs a change that must find one row, the artifact `id`; else ERR_NOT_FOUND, or ERR_UNSAFE
 * "artifact ID is STATUS: WHAT". */
int artifact_row_change(struct sql *sql, const char *id, const char *what) MUST_USE;
/* That error alone. Returns -1. */
int artifact_row_refuse(struct catalog *catalog, const char *id, const char *what,
                        struct err *err);
/* And filters. */
int artifact_row_add_tags(struct catalog *catalog, int64_t number,
                          const struct catalog_artifact *artifact,
                          struct err *err) MUST_USE;
int artifact_row_add_tables(struct catalog *catalog,
                            const struct catalog_artifact *artifact,
                            struct err *err) MUST_USE;
/* Reads the children; `with` of artifact_list.h. */
int artifact_row_load_children(struct catalog *catalog, int64_t number, unsigned with,
                               struct catalog_artifact *artifact, struct err *err) MUST_USE;
/* table_count and row_count from the tables. */
void artifact_row_count_tables(struct catalog_artifact *artifact);

#endif
