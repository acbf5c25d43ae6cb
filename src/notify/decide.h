/*
 * decide - what to tell: a pure function of what was told last, how it is now, and the time. No I/O,
 * no clock; one job at a time.
 *
 *     what is wrong now          was told          told now
 *     -------------------------  ----------------  ----------------------------------------------
 *     new                        not               the event, with all that is new of its kind
 *     as before                  remind ago        the event again, as a reminder, with all of its kind
 *     nothing of this kind       something         recovery, one for all kinds that end at this moment
 *     some of a kind less        that too          nothing: recovery comes when all of it is over
 *     nobody can say             something         nothing; it stays as told
 *
 * A run that went well is told once, by its number (`success`). A database that has no good backup yet
 * is stale only when it was known for max_age: it is watched from the first look on.
 *
 * Rows of catalog/db/notices.h: `what` is the name of an event, "run" (mark: the last run whose end was
 * seen) or "watch" (since: when a database without a good backup was first seen).
 */
#ifndef PGKEEP_NOTIFY_DECIDE_H
#define PGKEEP_NOTIFY_DECIDE_H

#include "catalog/db/notices.h"
#include "notify/notifier.h"

#define DECIDE_RUN "run"
#define DECIDE_WATCH "watch"

/* One thing that is wrong; all texts are borrowed. */
struct decide_item {
    enum notifier_event what; /* FAILURE STALE SUSPECT GUARD GONE DRILL */
    const char *subject;      /* a database, a copy …; "": the job as a whole */
    const char *message;      /* NULL: its subject says all */
    int64_t since;            /* 0: not known, which is now when it is new */
    /* STALE of what has no good backup at all: it is wrong once it was watched for longer than this */
    int64_t unless_watched_s; /* 0: it is wrong */
};

/* How a job is. */
struct decide_now {
    const char *job;
    const struct decide_item *items;
    size_t count;
    unsigned unknown; /* 1 << event: of these kinds nothing can be said now */
    bool
        others_stay; /* of FAILURE: what was told of other subjects stays, nobody looked at them */
    int64_t run;      /* the newest that has ended; 0: none is known */
    bool run_good;    /* its exit status was 0 */
    int64_t remind_s; /* 0: never */
};

/* One message to be sent. */
struct decide_event {
    enum notifier_event event; /* a kind of item, RECOVERY or SUCCESS */
    bool reminder;
    unsigned ended; /* RECOVERY: 1 << event of each kind that is over */
    int64_t since;  /* the earliest of its items; RECOVERY: of what is over */
    const struct decide_item **items;
    size_t count, capacity;
};

struct decision {
    struct decide_event *events;
    size_t count, capacity;
    /* rows to be kept and to be forgotten; texts borrowed from what was told and how it is */
    struct catalog_notice *set, *forget;
    size_t set_count, set_capacity, forget_count, forget_capacity;
    int64_t
        next; /* when the answer may be another without anything else happening; INT64_MAX */
};

/* told: rows of any jobs. Both must outlive the decision. */
void decide(const struct catalog_notices *told, const struct decide_now *now_is,
            int64_t now, struct decision *out);
void decision_release(struct decision *decision);

#endif
