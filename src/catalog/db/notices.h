/*
 * notices - what was told last of each job, so that a change is told once, whoever notices it: a row
 * for each thing that is wrong and was told (notify/decide.h says what `what` and `mark` hold).
 *
 * Read, decided and written in one transaction of the caller's (catalog_begin), of two processes one
 * comes second and finds that it was told.
 */
#ifndef PGKEEP_CATALOG_DB_NOTICES_H
#define PGKEEP_CATALOG_DB_NOTICES_H

#include "catalog/db/catalog.h"

struct catalog_notice {
    char *job, *what, *subject; /* subject "": the job as a whole */
    int64_t since, told;
    int64_t mark;
};
struct catalog_notices {
    struct catalog_notice *items;
    size_t count, capacity;
};
void catalog_notices_release(struct catalog_notices *notices);

/* Adds all, by job, what and subject. */
int catalog_notices_list(struct catalog *catalog, struct catalog_notices *out,
                         struct err *err) MUST_USE;
/* In place of what stands there of (job, what, subject). */
int catalog_notice_set(struct catalog *catalog, const struct catalog_notice *notice,
                       struct err *err) MUST_USE;
int catalog_notice_forget(struct catalog *catalog, const struct catalog_notice *notice,
                          struct err *err) MUST_USE;

#endif
