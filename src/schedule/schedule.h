/*
 * schedule - when a job runs: at the times of a cron line in a time zone, or a span after its
 * last run began.
 *
 *     schedule_new -> schedule_next ... -> schedule_free
 *
 * Times are seconds since 1970 UTC. A schedule never changes: any thread.
 *
 * Where local clocks change (of a cron line):
 *     they jump over a time     it is due at once behind the jump; several of them, and one that
 *                               is due there anyway, are one
 *     they show a time twice    it is due the first time only. So "0 * * * *" in a zone with
 *                               summer time has one pause of two hours in autumn; UTC, the
 *                               default, and `every` have none
 *
 * Jitter: all times are later by one and the same delay of 0 .. jitter - 1 seconds, which is a
 * hash of host and job: it spreads the jobs of many machines and yet a job runs at the same time
 * each day. Of a span the first run alone is delayed; the others follow it.
 */
#ifndef PGKEEP_SCHEDULE_SCHEDULE_H
#define PGKEEP_SCHEDULE_SCHEDULE_H

#include "base/err.h"

struct schedule;

struct schedule_spec {
    const char *cron;     /* NULL: every */
    int64_t every_s;      /* 0: never by itself, when there is no cron line either */
    const char *timezone; /* NULL: UTC */
    int64_t jitter_s;
    const char *host, *job; /* what the delay is a hash of; looked at with a jitter only */
};

#define SCHEDULE_NEVER INT64_MAX

/* ERR_USAGE: what is wrong with the cron line (cron.h); ERR_CONFIG: no such time zone. */
struct schedule *schedule_new(const struct schedule_spec *spec, struct err *err) MUST_USE;
void schedule_free(struct schedule *schedule); /* NULL-safe */

/* The first time after `after`; of a span that is when the last run began. */
int64_t schedule_next(const struct schedule *schedule, int64_t after);
/* The latest time at or before `now` that is after `after`; `after` itself when there is none.
 * Of a span: the last whole span. */
int64_t schedule_last(const struct schedule *schedule, int64_t after, int64_t now);

bool schedule_is_span(const struct schedule *schedule);
int64_t schedule_every(const struct schedule *schedule); /* seconds; 0: no span */
int64_t schedule_delay(const struct schedule *schedule); /* seconds, by jitter */

#endif
