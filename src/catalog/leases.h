/*
 * leases - "this copy is being read": no deletion is marked while a lease is in force.
 *
 *     catalog_lease_take
 *     -> catalog_lease_refresh (every CATALOG_LEASE_REFRESH_S)
 *     -> catalog_lease_end
 *
 * Taking one and the check that the copy may be read are one serialized transaction, as are
 * the marks of a deletion: whoever comes second sees the other. A lease is in force while
 * its owner lives; where that cannot be known (another machine or container), while it was
 * refreshed within CATALOG_LEASE_VOID_S. So a killed restore holds nothing up.
 */
#ifndef PGKEEP_CATALOG_LEASES_H
#define PGKEEP_CATALOG_LEASES_H

#include "catalog/db/catalog.h"

#define CATALOG_LEASE_REFRESH_S 300
#define CATALOG_LEASE_VOID_S 3600

struct catalog_lease {
    int64_t id; /* set when it is taken */
    int64_t copy;
    const char *purpose; /* "being restored", "being verified", "being copied" */
    bool unbroken; /* only a complete copy; else also a missing or damaged one (verify, copy
                    * to heal) */
};

/* A copy can have many. ERR_UNSAFE when its state is another, with the state in the text;
 * ERR_NOT_FOUND. */
int catalog_lease_take(struct catalog *catalog, struct catalog_lease *lease,
                       struct err *err) MUST_USE;
/* ERR_NOT_FOUND when it was taken for void and removed. */
int catalog_lease_refresh(struct catalog *catalog, int64_t lease, struct err *err) MUST_USE;
/* One that is not there any more is success. */
int catalog_lease_end(struct catalog *catalog, int64_t lease, struct err *err) MUST_USE;
/* Purpose of one in force at `now`, heap; NULL: none. */
int catalog_lease_of(struct catalog *catalog, int64_t copy, int64_t now, char **purpose,
                     struct err *err) MUST_USE;
/* Removes the rows of those that are void. */
int catalog_leases_purge(struct catalog *catalog, int64_t now, struct err *err) MUST_USE;

#endif
