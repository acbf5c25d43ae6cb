/*
 * lease_row - all leases at once, for the plan. For this folder only.
 */
#ifndef PGKEEP_CATALOG_LEASE_ROW_H
#define PGKEEP_CATALOG_LEASE_ROW_H

#include "catalog/leases.h"

struct lease_row {
    int64_t id, copy;
    char *purpose;
};
struct lease_rows {
    struct lease_row *items; /* by copy */
    size_t count, capacity;
};

/* Those that are in force, or those that are not. */
int lease_rows_load(struct catalog *catalog, int64_t now, bool in_force,
                    struct lease_rows *out, struct err *err) MUST_USE;
void lease_rows_release(struct lease_rows *rows);

#endif
