/*
 * policy - which backups are worth keeping, as a struct that is built key by key from text.
 *
 *     retention_policy_init -> retention_policy_set per key -> use, const
 *     -> retention_policy_release
 *
 * retention_policy_keys[] says which keys exist and what each takes; configuration, the
 * test filter and this file know them from there only. Absent means off; a count of 0 means
 * off; nothing ever means "delete everything". A policy applies as a whole: two are never
 * merged.
 *
 * Only the key "timezone" touches a file (calendar.h). Const after the last set: any
 * thread.
 */
#ifndef PGKEEP_RETENTION_POLICY_H
#define PGKEEP_RETENTION_POLICY_H

#include "base/err.h"
#include "base/parse.h"
#include "base/text.h"
#include "retention/calendar.h"

/* The rules that count, and with the same index those that look back a duration. */
enum retention_rule {
    RETENTION_LAST,
    RETENTION_HOURLY,
    RETENTION_DAILY,
    RETENTION_WEEKLY,
    RETENTION_MONTHLY,
    RETENTION_YEARLY,
    RETENTION_RULES
};

struct retention_policy {
    int64_t keep[RETENTION_RULES];           /* newest n (periods); 0: off */
    struct duration within[RETENTION_RULES]; /* [RETENTION_LAST]: keep_within, everything */
    /* a duration of 0 is on: what is as new as the newest */
    bool has_within[RETENTION_RULES];
    int64_t keep_days; /* keep_within of n x 86400 s; 0: off */
    bool keep_oldest;
    uint64_t max_total_size;                   /* bytes; 0: off */
    int64_t min_keep;                          /* >= 1 */
    struct duration future_tolerance;          /* 15 min */
    struct duration failed_keep, damaged_keep; /* 7 d, 30 d */
    struct duration delete_grace;              /* 0 */
    int64_t guard_percent;                     /* 50 */
    int64_t guard_min_count;                   /* 3 */
    struct zone *zone;                         /* never NULL; owned */
};

enum retention_kind {
    RETENTION_KIND_COUNT,    /* whole number (int64_t) */
    RETENTION_KIND_DURATION, /* [Ny][Nmo][Nw][Nd][Nh][Nmin][Ns] (struct duration) */
    RETENTION_KIND_FLAG,     /* true or false (bool) */
    RETENTION_KIND_SIZE,     /* bytes, or with KiB MiB GiB TiB (uint64_t) */
    RETENTION_KIND_ZONE      /* IANA name (struct zone *) */
};

#define RETENTION_NO_SWITCH SIZE_MAX

/* One key: what it takes and where it goes. */
struct retention_key {
    const char *name;
    enum retention_kind kind;
    int64_t min;          /* of a count */
    size_t offset;        /* of its field in struct retention_policy */
    size_t switch_offset; /* of a bool that says "is set", or RETENTION_NO_SWITCH */
};

extern const struct retention_key retention_policy_keys[];
extern const size_t retention_policy_key_count;

/* NULL when there is no such key. */
const struct retention_key *retention_policy_key(const char *name);

/* Nothing on, defaults for the rest, UTC. Release it always. */
void retention_policy_init(struct retention_policy *policy);
void retention_policy_release(struct retention_policy *policy);

/* Sets one key from text. 0, or -1 with ERR_CONFIG and one sentence that names the key; the
 * policy must then not be used. Unknown keys, negative numbers, unknown units and zones are
 * errors. */
int retention_policy_set(struct retention_policy *policy, const char *key,
                         const char *value, struct err *err) MUST_USE;

/* Is any rule on that chooses what to keep? If not, everything is kept; keep_oldest and
 * max_total_size alone are no such rules. */
bool retention_policy_is_on(const struct retention_policy *policy);

/* Adds "daily=7 weekly=4 monthly=6 min_keep=1 UTC": every rule that is on, min_keep, what
 * differs from the defaults, and the zone. */
void retention_policy_text(const struct retention_policy *policy, struct text *out);
/* Adds a duration the way a policy takes it: "1y6mo", "15min"; "0h" for none. */
void retention_duration_text(struct duration duration, struct text *out);

#endif
