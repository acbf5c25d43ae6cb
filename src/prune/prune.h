/*
 * prune - applies retention: plans, guards, and deletes what nothing keeps.
 *
 *     session_begin with prune_session
 *     prune_new     catalog read, stores opened and identified, planned, guarded, hashed
 *     -> show it (report/plan_json.h, cmd/prune_text.h)
 *     -> prune_run  only with `yes`: marks, removes, clears away what is left over
 *     -> prune_outcome, prune_free, session_end
 *
 * A dry run is prune_new alone: the same code, so the same plan and the same hash. It holds
 * no lock and changes neither a store nor what the catalog says of any copy.
 *
 * What is planned (RETENTION 3): per group and store, with the policy of that store. A
 * store that does not answer, or that is not the one it should be (G8), is skipped; the
 * others go on.
 *
 * What refuses (RETENTION 4, exit 9 with the line that forces it): G3 and G11 per group and
 * store, G4 for a store whose clock disagrees or, when the clock went back, for all. Others
 * go on. `force` with the very hash of this plan overrides these. Floors, pins, leases and
 * the last good copy of a group (G2, G9) are asked for again inside the transaction that
 * marks, and nothing overrides them.
 *
 * Phase 1 is one transaction per group: complete -> deleting. Phase 2 is remove.h. Ended at
 * any point, the next run goes on with what is due.
 *
 * One thread.
 */
#ifndef PGKEEP_PRUNE_PRUNE_H
#define PGKEEP_PRUNE_PRUNE_H

#include "session/session.h"
#include "prune/policies.h"
#include "copy/remove.h"
#include "catalog/artifact_list.h"
#include "catalog/plan_rows.h"
#include "retention/guard.h"
#include "retention/plan.h"

struct prune_spec {
    struct session *session; /* of prune_session; stays open until prune_free */
    const char *job;         /* NULL: all */
    const char *store;       /* NULL: all; a name */
    bool yes;                /* prune_run will follow */
    const char *force;       /* hash that a plan printed; NULL: none */
    int64_t now;
};

/* The copies of one store to which one policy applies. */
struct prune_part {
    struct repository *repository;
    const struct policy *policy;
    struct retention_artifact *artifacts;
    const struct catalog_plan_row **rows; /* of the artifact of the same index */
    size_t count, capacity, row_capacity;
    struct retention_plan *plan;
    /* enum retention_guard; of the plan's group of the same index; what was forced is not in
     * it */
    unsigned *guards;
};

struct prune {
    struct prune_spec spec;
    const struct settings *settings; /* of the session, as the next */
    struct catalog *catalog;
    struct policies *policies;
    struct catalog_stores known;
    struct repository_list stores; /* those that answer, and the failures */
    struct catalog_plan_rows rows;
    char ***pending;          /* of the row of the same index: names, or NULL */
    struct prune_part *parts; /* by store, then policy in the order of its first use */
    size_t part_count, part_capacity;
    char hash[RETENTION_HASH_SIZE];
    struct err refusal;  /* the whole plan is refused: text says why */
    unsigned refused_by; /* RETENTION_GUARD_CLOCK or _FLOORS; 0: it is not */
    bool forced;         /* `force` was given and is this plan's hash */
    size_t refused;      /* groups, each in one store, that a guard refuses */
    bool over_cap;       /* max_total_size cannot be reached somewhere */

    /* prune_run */
    size_t marked, skipped; /* copies; skipped: a pin, a lease or another run was first */
    size_t untold;          /* of the skipped: whether they are pinned could not be told */
    size_t failed_groups;   /* refused inside the transaction */
    struct remove_results removed;
};

/* The run: with `yes` it holds the lock of removals and is recorded. Settings, cancel and
 * observer are the caller's to add. */
struct session_spec prune_session(const char *job, bool yes);
/* NULL: ERR_CORRUPT of the catalog, ERR_CONFIG,
 * ERR_USAGE for a store that nobody knows, ERR_UNSAFE when `force` is another plan's hash,
 * ERR_CANCELLED. A refused plan is no error here. */
struct prune *prune_new(const struct prune_spec *spec, struct err *err) MUST_USE;
void prune_free(struct prune *prune); /* NULL-safe */

/* Does it. -1: the catalog failed, or cancelled; what was done stays and
 * the rest can be resumed. */
int prune_run(struct prune *prune, struct err *err) MUST_USE;

/* Is anything refused? Then one sentence per refusal is added to `out` (may be NULL), a
 * line each. */
bool prune_is_refused(const struct prune *prune, struct text *out);
/* Is group `index` of this part left alone in this run? */
bool prune_group_is_refused(const struct prune *prune, const struct prune_part *part,
                            size_t index);
/* What was removed of this copy; NULL when it was not touched. */
const struct remove_result *prune_result_of(const struct prune *prune, int64_t copy);
/* How many copies a run would clear away because failed_keep or damaged_keep is over. */
size_t prune_due_count(const struct prune *prune);

/* What it came to, and why: refused somewhere, no store answers, some do not, something stays
 * undone, a cap is out of reach. */
enum outcome prune_outcome(const struct prune *prune, struct err *why);
/* The hash of what a refusal left: of a plan that was carried out in part it is another one.
 * Made from the stores as they were opened; they are not asked again. */
void prune_rest_hash(const struct prune *prune, char hash[RETENTION_HASH_SIZE]);

#endif
