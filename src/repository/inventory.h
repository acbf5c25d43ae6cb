/*
 * inventory - what lies in a store under pgkeep's own names, sorted, to be held against
 * what the catalog says.
 *
 * A listing is complete or an error, and still only a moment of a store that others write
 * to: whoever concludes from an absence reads the catalog first and lists then, so that
 * what was committed before must be in the list.
 */
#ifndef PGKEEP_REPOSITORY_INVENTORY_H
#define PGKEEP_REPOSITORY_INVENTORY_H

#include "repository/keys.h"
#include "store/store.h"

struct inventory_object {
    char id[ULID_SIZE]; /* of its artifact; "": mark, recovery */
    enum keys_kind kind;
    char *key;
    uint64_t size;
    int64_t modified; /* seconds UTC */
};
struct inventory {
    struct inventory_object *items; /* by id, kind, key */
    size_t count, capacity;
    size_t others; /* not of our naming: nobody's business */
};

/* Adds what lies under a prefix (KEYS_MANIFESTS …, "" for all) and sorts. */
int inventory_list(struct inventory *inventory, struct store *store, const char *prefix,
                   struct err *err) MUST_USE;
/* The first of this id and kind, or NULL. */
const struct inventory_object *inventory_find(const struct inventory *inventory,
                                              const char *id, enum keys_kind kind);
void inventory_release(struct inventory *inventory);

#endif
