#include "schedule/due.h"

/* 2^20 times any delay is for ever; and no shift overflows. */
enum { DOUBLINGS_MAX = 20 };

/* When the failed run is tried again; SCHEDULE_NEVER: not at all. */
static int64_t retry_time(const struct due_job *job, int64_t now)
{
    if (!job->failed || job->retry >= job->retries)
        return SCHEDULE_NEVER;
    /* It was under another rule, or before the job was switched off: over, as missed times are.
     * Not by its end alone, which a clock that was set back may put before its own time. */
    if (job->handled == 0 || (job->began < job->handled && job->ended < job->handled))
        return SCHEDULE_NEVER;
    /* It ended in what is the future by now: how long ago cannot be known, so it is due. */
    if (job->ended > now)
        return now;
    int64_t doublings = job->retry < DOUBLINGS_MAX ? job->retry : DOUBLINGS_MAX;
    return job->ended + job->retry_delay_s * (INT64_C(1) << doublings);
}

/* What counting begins with: the times before are nobody's. */
static int64_t start_of(const struct due_job *job, int64_t now)
{
    int64_t every = schedule_every(job->schedule);
    bool is_span = schedule_is_span(job->schedule);
    if (job->handled == 0)
        /* A cron line waits for its next time; a span without any run is due at once, or after
         * its delay. */
        return !is_span ? now
               : job->began > 0 && job->began <= now
                   ? job->began
                   : now - every + schedule_delay(job->schedule);
    if (!is_span)
        return job->handled > now + DUE_SET_BACK_S ? now : job->handled;
    if (job->handled > now)
        return now;
    return job->began > job->handled && job->began <= now ? job->began : job->handled;
}

void due_decide(const struct due_job *job, int64_t now, struct due *out)
{
    *out = (struct due){.handled = job->handled, .next = SCHEDULE_NEVER};
    if (!job->enabled)
        return;

    /* Where to count from is remembered also when nothing is due: a job that is new today must
     * know tomorrow that it was there. */
    int64_t start = start_of(job, now);
    int64_t next = schedule_next(job->schedule, start);
    int64_t retry = retry_time(job, now);
    if (next != SCHEDULE_NEVER)
        out->handled = start;

    /* Whatever becomes due meanwhile is still due when the run has ended. */
    if (job->busy)
        return;

    if (next <= now) {
        bool is_span = schedule_is_span(job->schedule);
        int64_t last = schedule_last(job->schedule, start, now);
        /* The run of a span begins now, and the next one counts from now. */
        out->handled = is_span ? now : last;
        if (is_span || !job->skip_missed || now - last <= DUE_LATE_S) {
            out->what = DUE_RUN;
            out->time = last;
            return; /* when it has ended is when to ask again */
        }
        out->skipped = last;
        next = schedule_next(job->schedule, last);
    }

    /* A retry that nobody was there for is a missed run like any other. */
    if (retry <= now && !(job->skip_missed && now - retry > DUE_LATE_S)) {
        out->what = DUE_RETRY;
        out->time = retry;
        return;
    }
    out->next = retry > now && retry < next ? retry : next;
}
