/*
 * due - what is to be done with a job now: the one decision of `serve` and `run --due`, as a
 * function of the clock and of what is known about the job.
 *
 * What is remembered of a job is one time, `handled`: all its times up to then are dealt with,
 * by a run or by leaving them out. So nothing hangs on when, or how often, it is asked:
 *
 *     asked late (machine off, suspended, clock set forward)   several missed times are one run
 *                                   (catch_up once) or none (skip: those that are over by
 *                                   more than DUE_LATE_S)
 *     asked twice                   the second time nothing is due
 *     clock set back                times up to `handled` are not due again; by more than
 *                                   DUE_SET_BACK_S the clock was wrong before, not now, and
 *                                   counting begins anew
 *     a run of the job under way    it waits; what became due meanwhile is one run afterwards
 *     a failed run, with retries    once more after retry_delay, doubled each time, unless a
 *                                   regular time comes first, or counting began anew since
 *
 * A span counts from when the last run began, whoever asked for it, and knows no missed times.
 * Times are seconds UTC. Pure.
 */
#ifndef PGKEEP_SCHEDULE_DUE_H
#define PGKEEP_SCHEDULE_DUE_H

#include "schedule/schedule.h"

/* Rounds of `run --due` come every few minutes: what is this late was not missed. */
#define DUE_LATE_S 900
/* More than any slip of zones or of NTP. */
#define DUE_SET_BACK_S 86400

struct due_job {
    const struct schedule *schedule;
    bool enabled;
    bool skip_missed; /* catch_up = "skip" */
    int64_t retries, retry_delay_s;
    /* what is known of it */
    int64_t handled; /* 0: it was never asked about */
    bool busy;       /* a run of it is pending or running */
    int64_t began;   /* its last run; 0: none */
    bool failed;     /* that one, which was by schedule or a retry, failed at `ended` … */
    int64_t ended;
    int64_t retry; /* … as the n-th retry; 0: the regular one */
};

enum due_what { DUE_NOTHING, DUE_RUN, DUE_RETRY };

struct due {
    enum due_what what;
    int64_t time;    /* DUE_RUN: the time that it is for; DUE_RETRY: when it became due */
    int64_t skipped; /* a missed time that is left out; 0: none */
    int64_t handled; /* to be remembered, before anything is run */
    int64_t next; /* when to ask again; SCHEDULE_NEVER; of a busy job: when its run ended */
};

void due_decide(const struct due_job *job, int64_t now, struct due *out);

#endif
