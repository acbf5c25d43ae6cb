/*
 * plan - decides, for the copies in one store, what is kept and what is removed, and why.
 *
 *     retention_plan_new -> read decisions (explain.h for words, guard.h for refusals)
 *     -> retention_plan_free
 *
 * A pure function of a policy, a time and an array: no I/O, no clock, no hidden state,
 * whatever the order of the array. Groups (job or ad-hoc source, database, type, filters)
 * are planned apart and never mix: a partial dump takes no full one's place. For each group:
 *
 *     1 classify   only complete ones with a believable time are eligible; a failed, damaged
 *                  or missing one fills no slot and counts for no floor; one from the future
 *                  or of unknown time is kept, set aside and never an anchor
 *     2 rules      independent counters over the eligible, newest first by (time, seq, id);
 *                  every match is recorded. The anchor of durations is the newest eligible
 *                  one, not the clock: while backups fail, nothing ages out
 *     3 floors     the newest min_keep, the newest verified, the newest by seq: protected
 *     4 pins       pinned and leased: protected; they use slots like others
 *     5 replica    a copy that another store still waits for: protected
 *     6 size cap   the oldest kept that is not protected goes until the rest fits
 *     7 the rest   goes; the winner of its period is remembered
 *
 * Deletion is not done here: a plan says what should go; pins, leases and states are read
 * again in the transaction that deletes. O(n log n) for the sort, linear for the rest.
 */
#ifndef PGKEEP_RETENTION_PLAN_H
#define PGKEEP_RETENTION_PLAN_H

#include "base/err.h"
#include "retention/policy.h"

/* What the copy is, as the catalog knows it. */
enum retention_state {
    RETENTION_COMPLETE,
    RETENTION_RUNNING, /* being uploaded */
    RETENTION_FAILED,  /* or cancelled */
    RETENTION_DAMAGED,
    RETENTION_MISSING,
    RETENTION_DELETING, /* decided earlier, on its way out */
    RETENTION_LOCKED,   /* the same, waiting for an object lock to end */
    RETENTION_BLOCKED,  /* the same, refused by the store */
    RETENTION_STATES
};

/* Flags of a complete copy; in other states they mean nothing. */
enum retention_flag {
    RETENTION_VERIFIED = 1,    /* by level full or drill */
    RETENTION_PINNED = 2,      /* until pin_until */
    RETENTION_LEASED = 4,      /* being restored, verified or copied */
    RETENTION_SUSPECT = 8,     /* marked by the anomaly gate */
    RETENTION_QUARANTINED = 16 /* set aside by an earlier plan; only the user clears it */
};

/* One copy. All pointers are borrowed for the life of the plan. */
struct retention_artifact {
    const char *id; /* unique in the store */
    const char *group;
    int64_t seq;   /* catalog sequence; breaks ties of time */
    int64_t time;  /* of the dump's snapshot, seconds UTC */
    uint64_t size; /* stored bytes */
    bool has_time; /* false: unknown */
    enum retention_state state;
    unsigned flags;         /* enum retention_flag */
    const char *pin_reason; /* may be NULL */
    int64_t pin_until;      /* the pin ends when now reaches it; 0: never */
    const char *lease;      /* "being restored"; may be NULL */
    /* NULL-terminated names of the stores that wait for a copy of this one, or NULL */
    const char *const *pending;
    int64_t first_marked;  /* when a plan first wanted it gone; 0: not yet */
    int64_t locked_until;  /* RETENTION_LOCKED: end of the object lock; 0: a legal hold */
    int64_t damaged_since; /* RETENTION_DAMAGED: when that was found; 0: unknown */
};

enum retention_verdict { RETENTION_KEEP, RETENTION_PRUNE, RETENTION_IGNORE };

/* Reasons are bits (1u << reason). Those before RETENTION_BY_ALL are rules. */
enum retention_reason {
    RETENTION_BY_COUNT = 0,                /* + enum retention_rule */
    RETENTION_BY_WITHIN = RETENTION_RULES, /* + enum retention_rule */
    RETENTION_BY_DAYS = 2 * RETENTION_RULES,
    RETENTION_BY_OLDEST,
    RETENTION_BY_ALL, /* no rule is on */
    RETENTION_BY_UNKNOWN_TIME,
    RETENTION_BY_FUTURE,
    RETENTION_BY_MARK, /* quarantined by an earlier plan */
    RETENTION_BY_MIN_KEEP,
    RETENTION_BY_VERIFIED, /* newest verified */
    RETENTION_BY_SEQUENCE, /* newest by seq */
    RETENTION_BY_PIN,
    RETENTION_BY_LEASE,
    RETENTION_BY_PENDING,
    RETENTION_BY_SIZE, /* prune: max_total_size; the rules that kept it stay in the bits */
    RETENTION_BY_NOTHING, /* prune: no rule keeps it */
    RETENTION_BY_STATE,   /* ignore: what its state says */
    RETENTION_REASONS
};

#define RETENTION_QUARANTINE                                                               \
    (1u << RETENTION_BY_UNKNOWN_TIME | 1u << RETENTION_BY_FUTURE | 1u << RETENTION_BY_MARK)
#define RETENTION_NOBODY UINT32_MAX

/* About the artifact of the same index. At least one reason is always set. */
struct retention_decision {
    uint32_t reasons;
    /* which slot of a count rule it took, from 1; 0: none */
    uint32_t slot[RETENTION_RULES];
    uint32_t floor_slot; /* which of the min_keep it is, from 1; 0: none */
    uint32_t winner; /* prune: index of the one that won its period, or RETENTION_NOBODY */
    uint8_t verdict; /* enum retention_verdict */
    uint8_t winner_period; /* enum retention_period */
    bool is_protected;     /* the size cap may not take it */
    /* prune, but delete_grace is not over: mark it, delete it in a later run */
    bool is_held;
    /* ignore: failed, failed_keep is over and a newer complete one exists; or damaged,
     * damaged_keep is over since that was found and a newer verified one exists. It may be
     * cleared away */
    bool is_due;
};

/* A place in the order of the plan: by group, then newest first; unknown times last. */
struct retention_place {
    const char *group;
    int64_t time; /* INT64_MIN when unknown */
    int64_t seq;
    const struct retention_artifact *artifact; /* retention_plan_index says which */
};

struct retention_group {
    const char *name;
    size_t first, count; /* its places: plan->order[first .. first + count) */
    bool has_anchor;     /* false: nothing is eligible */
    uint32_t newest; /* index of the newest eligible one, the anchor; or RETENTION_NOBODY */
    int64_t anchor;  /* its time */
    size_t complete; /* copies in that state, eligible or not */
    size_t eligible, kept, pruned, held, ignored; /* held ones are among the pruned */
    uint64_t kept_bytes, pruned_bytes;            /* UINT64_MAX when beyond it */
    bool over_cap; /* max_total_size cannot be reached: exit status 8 */
};

struct retention_plan {
    const struct retention_policy *policy;      /* borrowed */
    const struct retention_artifact *artifacts; /* borrowed */
    size_t count;
    int64_t now;
    bool is_on;                           /* false: no rule is on, worth a warning */
    struct retention_decision *decisions; /* [count], by index of the artifact */
    struct retention_place *order;        /* [count] */
    struct retention_group *groups;       /* [group_count], by name */
    size_t group_count;
};

/* Plans `count` copies of one store (any number of groups) at the time `now`. Policy and
 * artifacts must outlive the plan and stay as they are. NULL with ERR_SYSTEM when memory is
 * out, or when there are more than 4,000,000,000. */
struct retention_plan *retention_plan_new(const struct retention_policy *policy,
                                          int64_t now,
                                          const struct retention_artifact *artifacts,
                                          size_t count, struct err *err) MUST_USE;
void retention_plan_free(struct retention_plan *plan); /* NULL-safe */

/* Index of the artifact at a place of plan->order: its decision is plan->decisions[index]. */
static inline size_t retention_plan_index(const struct retention_plan *plan, size_t place)
{
    return (size_t)(plan->order[place].artifact - plan->artifacts);
}

/* The catalog's word for a state: "complete", "damaged" … */
const char *retention_state_name(enum retention_state state);

/* Is this one set aside now, and was it not before? Then the mark must be stored: an
 * artifact from the future must not become the anchor once its time has come. */
bool retention_plan_newly_quarantined(const struct retention_plan *plan, size_t index);

#endif
