/*
 * scratches - what drills make outside of our stores: a database on somebody's server, a cluster in
 * a folder. The row stands before the thing is made and goes after it went, so that `sweep` finds
 * what a crash left.
 *
 *     catalog_scratch_add -> it is made, used, removed -> catalog_scratch_forget
 */
#ifndef PGKEEP_CATALOG_DB_SCRATCHES_H
#define PGKEEP_CATALOG_DB_SCRATCHES_H

#include "base/owner.h"
#include "catalog/db/catalog.h"

enum catalog_scratch_kind { CATALOG_SCRATCH_CLUSTER, CATALOG_SCRATCH_DATABASE };

struct catalog_scratch {
    int64_t id;
    enum catalog_scratch_kind kind;
    char *place; /* of a cluster its folder; of a database the conninfo without secrets */
    char *name;  /* of a database its name; else "" */
    char *owner; /* owner_text of the process that made it; read only */
    int64_t created;
};
struct catalog_scratches {
    struct catalog_scratch *items;
    size_t count, capacity;
};
void catalog_scratches_release(struct catalog_scratches *scratches);

/* Ours from now on; gives id. place and name are borrowed. */
int catalog_scratch_add(struct catalog *catalog, struct catalog_scratch *scratch,
                        struct err *err) MUST_USE;
/* One that is not there any more is success. */
int catalog_scratch_forget(struct catalog *catalog, int64_t id, struct err *err) MUST_USE;
/* All, oldest first. */
int catalog_scratches_list(struct catalog *catalog, struct catalog_scratches *out,
                           struct err *err) MUST_USE;

#endif
