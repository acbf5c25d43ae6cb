/*
 * unknown - backups that lie in a store and that this catalog does not know: another machine
 * writes there as well, or the catalog was lost and begun anew beside a running cron
 * (CONTRACT-NOTES 34).
 *
 * Counting takes a listing of the manifests, which a backup makes of a store that is new to this
 * catalog and then once a day, doctor and `catalog sync` each time. What was counted last is
 * remembered by the mark of the store, so that `list` need not ask any.
 */
#ifndef PGKEEP_REPOSITORY_UNKNOWN_H
#define PGKEEP_REPOSITORY_UNKNOWN_H

#include "catalog/db/catalog.h"
#include "store/store.h"

/* The hint that goes with it. */
#define UNKNOWN_ADVICE "`pgkeep catalog sync` takes them in"

/* Manifests in the store of artifacts that have no row; catalog NULL: all of them. */
int unknown_count(struct catalog *catalog, struct store *store, size_t *count,
                  struct err *err) MUST_USE;
/* Less than a day, so that each night counts anew. */
#define UNKNOWN_EVERY_S (20 * 3600)

/* As counted for the store of this mark at `when`. */
struct unknown {
    size_t count;
    int64_t when; /* 0: never */
};
int unknown_remember(struct catalog *catalog, const char *uuid,
                     const struct unknown *unknown, struct err *err) MUST_USE;
int unknown_remembered(struct catalog *catalog, const char *uuid, struct unknown *out,
                       struct err *err) MUST_USE;

#endif
