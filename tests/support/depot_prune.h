/*
 * depot_prune - what prune, delete and pin do to a depot: each 0, or -1 and depot->err.
 */
#ifndef PGKEEP_TESTS_DEPOT_PRUNE_H
#define PGKEEP_TESTS_DEPOT_PRUNE_H

#include "prune/prune.h"
#include "tests/support/depot_session.h"

struct depot_prune {
    const char *job, *store, *force;
    bool dry;
    int64_t now; /* 0: depot->now */
    /* out */
    int status; /* as it is recorded */
    char hash[RETENTION_HASH_SIZE], rest[RETENTION_HASH_SIZE];
    size_t marked, skipped, untold, failed_groups, removed, due, refused, missed;
    bool over_cap;
    char refusal[1000];
};
int depot_prune(struct depot *depot, struct depot_prune *run) MUST_USE;

struct depot_delete {
    const char *store; /* NULL: all copies */
    const char *force; /* a hash; NULL: none */
    bool dry;
    /* out */
    int status;                    /* as it is recorded */
    size_t count, removed, missed; /* copies that go, that were removed; stores away */
    bool only_row, last_good;
    char hash[RETENTION_HASH_SIZE];
};
int depot_delete(struct depot *depot, unsigned n, struct depot_delete *run) MUST_USE;

/* until 0: for ever. untold (may be NULL): stores that were not told. */
int depot_pin(struct depot *depot, unsigned n, int64_t until, const char *reason,
              size_t *untold) MUST_USE;
int depot_unpin(struct depot *depot, unsigned n, size_t *untold) MUST_USE;

#endif
