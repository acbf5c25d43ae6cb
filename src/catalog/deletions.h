/*
 * deletions - taking copies out, in two phases (RETENTION section 5).
 *
 *     phase 1  catalog_deletions_mark: one transaction per group, in which everything is read
 *              again
 *     phase 2  per copy, outside any transaction: remove in the store, catalog_deletion_gone
 *              for each object, then catalog_deletion_done; or catalog_deletion_delay when
 *              the store did not
 *     later    catalog_deletions_due -> catalog_deletion_resume: what earlier runs left
 *
 * A copy that was marked is on its way out and never comes back; repeating any step is
 * harmless.
 */
#ifndef PGKEEP_CATALOG_DELETIONS_H
#define PGKEEP_CATALOG_DELETIONS_H

#include "catalog/copies.h"

enum catalog_skip {
    CATALOG_MARKED,      /* it is deleting now */
    CATALOG_SKIP_STATE,  /* its state is another by now, or its artifact is still running */
    CATALOG_SKIP_PINNED, /* pinned meanwhile */
    CATALOG_SKIP_LEASED, /* being restored, verified or copied */
    /* uploading, and its owner lives or nobody vouches that it does not */
    CATALOG_SKIP_OWNED,
    CATALOG_FORGOTTEN /* failed and never begun: deleted at once, nothing to remove */
};
/* "marked" "its state changed" "pinned" "in use" "being uploaded" … */
const char *catalog_skip_name(enum catalog_skip skip);

struct catalog_deletion {
    int64_t copy;
    const char *reason;               /* stored: "no rule keeps it" */
    enum catalog_copy_state expected; /* as planned; another by now is skipped */
    bool vouched; /* uploading: the caller holds the lock its owner would hold */
    enum catalog_skip result; /* out */
};

struct catalog_marking {
    struct catalog_deletion *items; /* of one group */
    size_t count;
    int64_t run; /* of runs.h */
    int64_t now; /* for pins and leases */
    /* Called inside the transaction after the marks were made: may read anything and sees
     * what would be left. -1 with err undoes them all (floors, last copy of a group). May
     * be NULL. */
    int (*check)(void *context, struct catalog *catalog, struct err *err);
    void *context;
};
/* Pins hold complete copies only. 0 also when all were skipped; see the results. */
int catalog_deletions_mark(struct catalog *catalog, struct catalog_marking *marking,
                           struct err *err) MUST_USE;

/* One physical removal succeeded; `what` are bits of enum catalog_gone. */
int catalog_deletion_gone(struct catalog *catalog, int64_t copy, unsigned what,
                          struct err *err) MUST_USE;
/* deleting -> deleted, when nothing is left in the store. With the last copy of an artifact
 * that is not running the artifact becomes deleted too: *last (may be NULL). */
int catalog_deletion_done(struct catalog *catalog, int64_t copy, bool *last,
                          struct err *err) MUST_USE;
/* The store did not let it go: attempts + 1, and when to try again. */
struct catalog_delay {
    /* DELETING: stays so, a later try may do; LOCKED: by an object lock; BLOCKED: refused
     * for another reason, a person must look */
    enum catalog_copy_state state;
    const char *error;
    int64_t locked_until; /* of LOCKED; 0: a legal hold */
    int64_t next_try;
};
int catalog_deletion_delay(struct catalog *catalog, int64_t copy,
                           const struct catalog_delay *delay, struct err *err) MUST_USE;
/* locked | blocked -> deleting; deleting stays. Also when it is not due: the caller
 * decides. */
int catalog_deletion_resume(struct catalog *catalog, int64_t copy,
                            struct err *err) MUST_USE;
/* deleting, locked or blocked with next_try <= now; store_id 0: all. By store; in it those
 * tried least first, so that a few that never go do not keep the others from going. */
int catalog_deletions_due(struct catalog *catalog, int64_t store_id, int64_t now,
                          struct catalog_copies *out, struct err *err) MUST_USE;

/* Removes rows of artifacts and copies deleted before this time; *count (may be NULL)
 * artifacts. */
#define CATALOG_TOMBSTONE_S (INT64_C(400) * 86400)
int catalog_tombstones_purge(struct catalog *catalog, int64_t before, size_t *count,
                             struct err *err) MUST_USE;

#endif
