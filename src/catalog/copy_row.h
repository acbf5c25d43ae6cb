/*
 * copy_row - the columns of the table copies, and why a change of one is refused. For this
 * folder only.
 */
#ifndef PGKEEP_CATALOG_COPY_ROW_H
#define PGKEEP_CATALOG_COPY_ROW_H

#include "catalog/copies.h"
#include "catalog/db/record.h"

/* A question that answers all columns of a struct catalog_copy; where: its WHERE or ORDER
 * BY. Tables: c copies, a artifacts, s stores. */
void copy_row_prepare(struct sql *sql, struct catalog *catalog, const char *where,
                      struct err *err);
/* Appends the rows of such a question. Ends it. */
int copy_row_list(struct sql *sql, struct catalog_copies *out) MUST_USE;
/* Its first row; out->id is 0 when it has none. Ends it. */
int copy_row_read(struct sql *sql, struct catalog_copy *out) MUST_USE;
/* Runs a change that must find one row, the copy `id`; else ERR_NOT_FOUND, or ERR_UNSAFE
 * "copy of ARTIFACT in store "NAME" is STATE: WHAT". */
int copy_row_change(struct sql *sql, int64_t id, const char *what) MUST_USE;

/* When nothing of its artifact is left in any store, and it does not run, the artifact is
 * deleted too: *last (may be NULL). Copies of a complete one that failed and left nothing
 * do not hold it up: with the last good one they go, too. */
int copy_row_end_artifact(struct catalog *catalog, int64_t id, bool *last,
                          struct err *err) MUST_USE;

#endif
