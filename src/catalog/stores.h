/*
 * stores - the stores the catalog knows. The UUID of a store's mark is its identity; name
 * and URL may change, the URL is kept without secrets so that an artifact is found again by
 * its id alone.
 */
#ifndef PGKEEP_CATALOG_STORES_H
#define PGKEEP_CATALOG_STORES_H

#include "catalog/db/catalog.h"

struct catalog_store {
    int64_t id;
    char *name;
    char uuid[37]; /* "" while its mark was never seen */
    char *type;    /* "dir" "s3" */
    char *url;     /* without secrets */
    bool adhoc; /* name is a URL given on the command line, not one of the configuration */
    int64_t created, seen; /* seen: when its mark was last read; 0: never */
};
struct catalog_stores {
    struct catalog_store *items;
    size_t count, capacity;
};
void catalog_store_release(struct catalog_store *store);
void catalog_stores_release(struct catalog_stores *stores);

/* Before its mark is read: the row of this name (of an ad-hoc store: of this URL, since two
 * services can have a bucket of one name; the second row is then named by the whole URL),
 * made when absent; type and url are brought up to date. Gives id, uuid (the one to expect;
 * "": any), seen, created. A URL that carries a password is ERR_USAGE. */
int catalog_store_declare(struct catalog *catalog, struct catalog_store *store,
                          struct err *err) MUST_USE;
/* After its mark was read (store->uuid): the row of that identity. First seen: the row of
 * this name gets the uuid. Known under another name: that row is the store and takes this
 * name (an ad-hoc name never replaces a configured one). ERR_UNSAFE "another store than
 * expected" when the name belongs to another uuid. Gives id, seen = now; store->name stays
 * the caller's. */
int catalog_store_identify(struct catalog *catalog, struct catalog_store *store,
                           int64_t now, struct err *err) MUST_USE;
/* `doctor --adopt`: this store has this mark from now on, whatever it was. ERR_UNSAFE when
 * another store has it. */
int catalog_store_adopt(struct catalog *catalog, int64_t id, const char *uuid,
                        struct err *err) MUST_USE;

int catalog_store_load(struct catalog *catalog, int64_t id, struct catalog_store *out,
                       struct err *err) MUST_USE;
/* By name, else by uuid; *absent. */
int catalog_store_find(struct catalog *catalog, const char *name, struct catalog_store *out,
                       bool *absent, struct err *err) MUST_USE;
/* Forgets the stores that a command line named once and nobody ever reached: no mark was read
 * there and no copy was begun, so there is nothing of ours (a slip of the pen, most often).
 * *count: how many. */
int catalog_stores_forget_unreached(struct catalog *catalog, int64_t *count,
                                    struct err *err) MUST_USE;
/* All of them, by name. */
int catalog_stores_list(struct catalog *catalog, struct catalog_stores *out,
                        struct err *err) MUST_USE;

#endif
