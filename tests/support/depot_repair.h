/*
 * depot_repair - what sweep, sync, check and rebuild do to a depot: each 0, or -1 and
 * depot->err.
 */
#ifndef PGKEEP_TESTS_DEPOT_REPAIR_H
#define PGKEEP_TESTS_DEPOT_REPAIR_H

#include "repair/check.h"
#include "repair/rebuild.h"
#include "repair/sweep.h"
#include "repair/sync.h"
#include "tests/support/depot_session.h"

struct depot_sweep {
    const char *store; /* NULL: all */
    bool orphans;
    int64_t now; /* 0: depot->now */
    /* out, of struct sweep_report */
    struct recover_counts recovered;
    size_t ended, removed, aborted, left_uploads, orphaned, young_orphans, unknown, failed;
    size_t missed;
    int status; /* as it is recorded */
};
int depot_sweep(struct depot *depot, struct depot_sweep *run) MUST_USE;

int depot_sync(struct depot *depot, enum depot_place place,
               struct sync_result *result) MUST_USE;
/* The findings as "kind number, kind number …" in their order; heap. NULL: depot->err. */
char *depot_check(struct depot *depot, enum depot_place place) MUST_USE;

/* only: NULL, a store. The depot goes on with the new catalog. */
struct depot_rebuild {
    const char *only;
    /* out */
    size_t stores, unused, artifacts, damaged;
    char *kept; /* heap; NULL: none */
    int status;
};
int depot_rebuild(struct depot *depot, struct depot_rebuild *run) MUST_USE;

#endif
