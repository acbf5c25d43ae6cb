/*
 * artifact_row - the columns of the table artifacts and what hangs on a row: tags, filters,
 * tables. For this folder only.
 */
#ifndef PGKEEP_CATALOG_ARTIFACT_ROW_H
#define PGKEEP_CATALOG_ARTIFACT_ROW_H

#include "catalog/artifacts.h"
#include "catalog/record.h"

enum artifact_row_write {
    ARTIFACT_ROW_INSERT = 1,
    ARTIFACT_ROW_UPDATE = 2,
    ARTIFACT_ROW_FINISH = 4,
    ARTIFACT_ROW_IMPORT = 8
};
extern const struct record artifact_row;

/* Its number in the catalog, for the child tables; ERR_NOT_FOUND. */
int artifact_row_number(struct catalog *catalog, const char *id, int64_t *number,
                        struct err *err) MUST_USE;
/* And filters. */
int artifact_row_add_tags(struct catalog *catalog, int64_t number,
                          const struct catalog_artifact *artifact,
                          struct err *err) MUST_USE;
int artifact_row_add_tables(struct catalog *catalog, int64_t number,
                            const struct catalog_artifact *artifact,
                            struct err *err) MUST_USE;
/* Reads the children; `with` of artifact_list.h. */
int artifact_row_load_children(struct catalog *catalog, int64_t number, unsigned with,
                               struct catalog_artifact *artifact, struct err *err) MUST_USE;
/* table_count and row_count from the tables. */
void artifact_row_count_tables(struct catalog_artifact *artifact);

#endif
