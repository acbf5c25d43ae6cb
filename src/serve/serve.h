/*
 * serve - the supervisor: looks at all jobs when one is due, runs what is, as children of its own,
 * and sleeps.
 *
 * It holds no truth. What is due, asked for, under way and over stands in the catalog, so it may be
 * killed at any moment: runs go on without it, and the next one settles what was left open and
 * catches up as each job says. Idle, it wakes for the next due time, a clock that is set, a signal,
 * the end of a child, and the watchdog.
 *
 *     a changed file   is read again as soon as it rests, before anything else begins
 *     SIGHUP           reads the configuration again; a bad one changes nothing and is logged
 *     SIGTERM, SIGINT  begins nothing more, lets runs end for stop_grace, then cancels them; a
 *                      second one cancels at once
 */
#ifndef PGKEEP_SERVE_SERVE_H
#define PGKEEP_SERVE_SERVE_H

#include "session/session.h"

/* Blocks the signals that serve_run takes; before any thread is started. */
int serve_block_signals(struct err *err) MUST_USE;

/* Until a signal ends it. The session holds SESSION_LOCK_SERVE and a catalog; args are those of the
 * command line, by which the settings are read again; wake: an eventfd of somebody who asks for
 * runs in the catalog, borrowed, or -1. 0, or -1 when it cannot go on. */
int serve_run(struct session *session, const struct config_args *args, int wake,
              struct err *err) MUST_USE;

/* One round: what is due (jobs NULL) or these jobs, each as a run of its own with its end waited
 * for. The ids of the runs are added to `runs` (heap, to be freed); count 0: nothing was due. */
struct serve_once {
    const struct strlist *jobs;
    bool results; /* what the runs print goes to stdout */
    int64_t *runs;
    size_t count, capacity;
};
int serve_once(struct session *session, struct serve_once *once, struct err *err) MUST_USE;

#endif
