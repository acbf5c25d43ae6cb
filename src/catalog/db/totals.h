/*
 * totals - what only grows: bytes that were sent, copies that were removed, runs whose rows are
 * purged. What a counter of monitoring has to be, over years and over the end of processes.
 *
 * A catalog that is made anew from its stores begins at nothing.
 */
#ifndef PGKEEP_CATALOG_DB_TOTALS_H
#define PGKEEP_CATALOG_DB_TOTALS_H

#include "catalog/db/catalog.h"

/* Names, and what their label is. */
#define TOTALS_UPLOADED "uploaded_bytes" /* a store */
#define TOTALS_REPEATED                                                                    \
    "repeated_bytes"                    /* a store: of those, sent in vain and sent again */
#define TOTALS_DELETED "deleted_copies" /* a store */
#define TOTALS_DELETED_BYTES "deleted_bytes"
#define TOTALS_RUNS "runs" /* "KIND STATE", of those that were purged (runs.h) */

struct catalog_total {
    char *name;
    char *job; /* "": of none */
    char *label;
    int64_t value;
};
struct catalog_totals {
    struct catalog_total *items; /* by name, job, label */
    size_t count, capacity;
};
void catalog_totals_release(struct catalog_totals *totals);

/* Adds to it; 0 and less adds nothing. */
int catalog_total_add(struct catalog *catalog, const struct catalog_total *total,
                      struct err *err) MUST_USE;
/* name NULL: all. */
int catalog_totals_list(struct catalog *catalog, const char *name,
                        struct catalog_totals *out, struct err *err) MUST_USE;

#endif
