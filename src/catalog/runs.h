/*
 * runs - what pgkeep did when, is doing, and was asked to do: backups, prunes, sweeps,
 * verifications.
 *
 *     catalog_run_begin -> catalog_run_end                             of our own accord
 *     catalog_run_request -> catalog_run_start -> catalog_run_end      asked for by another
 *                                                                      process: a schedule, an API
 *
 *     pending    asked for; nobody does it yet
 *     running    its owner does it; a dead owner leaves it so until somebody settles it
 *     complete   ended with exit status 0
 *     failed     ended with another one (8, partial, too), or its process is gone
 *     cancelled  ended by SIGINT, SIGTERM or catalog_run_cancel; or cancelled while pending
 *
 *     from      to
 *     --------  ---------------------------------------
 *     pending   running  cancelled  failed             (failed: it could not be started)
 *     running   complete  failed  cancelled
 *
 * Each move names the state it starts from in its UPDATE: of two processes one makes it.
 */
#ifndef PGKEEP_CATALOG_RUNS_H
#define PGKEEP_CATALOG_RUNS_H

#include "base/owner.h"
#include "catalog/db/catalog.h"

enum catalog_run_state {
    CATALOG_RUN_PENDING,
    CATALOG_RUN_RUNNING,
    CATALOG_RUN_COMPLETE,
    CATALOG_RUN_FAILED,
    CATALOG_RUN_CANCELLED,
    CATALOG_RUN_STATES
};

/* Who wanted it. */
enum catalog_run_cause {
    CATALOG_RUN_BY_CLI,
    CATALOG_RUN_BY_SCHEDULE,
    CATALOG_RUN_BY_RETRY, /* of a scheduled one that failed */
    CATALOG_RUN_BY_API,
    CATALOG_RUN_CAUSES
};

const char *catalog_run_state_name(enum catalog_run_state state);
const char *catalog_run_cause_name(enum catalog_run_cause cause); /* "cli" "schedule" … */

struct catalog_run {
    int64_t id;
    char *kind; /* the command: "backup" "prune" "delete" "sweep" "verify" "copy" … */
    char *job;  /* NULL: none in particular */
    enum catalog_run_state state;
    enum catalog_run_cause cause;
    int64_t requested;      /* when it was asked for */
    int64_t due;            /* the time of the schedule that it is for; 0: of none */
    int64_t retry;          /* the n-th retry; 0: none */
    int64_t started, ended; /* ended 0: running, or its process died: owner_state */
    char *owner;            /* while pending: who asked for it; "" by an older pgkeep */
    int64_t exit_status;    /* -1: none yet */
    char *message;          /* the error, or a summary; NULL: none */
    int64_t cancel;         /* when somebody asked for its end; 0: nobody */
    char
        *log; /* the last of what it said (CATALOG_LOG_MAX); NULL: none, or not asked for */
    enum owner_state owner_state; /* read: of one without end, now; else OWNER_DEAD */
};
struct catalog_runs {
    struct catalog_run *items;
    size_t count, capacity;
};
void catalog_runs_release(struct catalog_runs *runs);

#define CATALOG_LOG_MAX 65536

/* Our process runs it. job may be NULL. */
int catalog_run_begin(struct catalog *catalog, const char *kind, const char *job,
                      int64_t *id, struct err *err) MUST_USE;
/* message may be NULL. Ends once: a second end is ERR_UNSAFE. The exit status decides the
 * state. */
int catalog_run_end(struct catalog *catalog, int64_t id, int exit_status,
                    const char *message, struct err *err) MUST_USE;
/* What it said at last; the end of it when it is longer than CATALOG_LOG_MAX. */
int catalog_run_set_log(struct catalog *catalog, int64_t id, const char *log,
                        struct err *err) MUST_USE;

/* Asks for a run: of `wish` kind, job, cause, due and retry. */
int catalog_run_request(struct catalog *catalog, const struct catalog_run *wish,
                        int64_t *id, struct err *err) MUST_USE;
/* A pending one becomes ours to begin. *taken false: somebody was faster. */
int catalog_run_take(struct catalog *catalog, const struct catalog_run *seen, bool *taken,
                     struct err *err) MUST_USE;
/* Our process begins one that is pending. ERR_CANCELLED: somebody cancelled it; ERR_UNSAFE:
 * another process has it. */
int catalog_run_start(struct catalog *catalog, int64_t id, struct err *err) MUST_USE;
/* A run without end whose process is gone, or never came to be: failed, or cancelled when that
 * was asked for. One that has ended is left as it is. message may be NULL. */
int catalog_run_settle(struct catalog *catalog, int64_t id, int exit_status,
                       const char *message, struct err *err) MUST_USE;

/* The same, unless another process has begun it since `seen` was read. */
int catalog_run_settle_seen(struct catalog *catalog, const struct catalog_run *seen,
                            int exit_status, const char *message, struct err *err) MUST_USE;

/* Ends a pending one; asks a running one to end. *state: what it is now. ERR_NOT_FOUND. */
int catalog_run_cancel(struct catalog *catalog, int64_t id, enum catalog_run_state *state,
                       struct err *err) MUST_USE;
/* Has somebody asked for its end? Cheap: a row by its number. */
int catalog_run_cancel_asked(struct catalog *catalog, int64_t id, bool *asked,
                             struct err *err) MUST_USE;

#define CATALOG_RUN_BIT(state) (1U << (state))
#define CATALOG_RUN_ANY (CATALOG_RUN_BIT(CATALOG_RUN_STATES) - 1)
struct catalog_run_filter {
    const char *kind, *job; /* NULL: any */
    int64_t limit;          /* 0: all */
    int64_t id;             /* 0: any */
    unsigned states;        /* CATALOG_RUN_BIT; 0: all but pending */
    /* only the newest of each job that says how it goes: one that found another at work (exit
     * status 7), or that was cancelled before it began, says nothing; with a kind */
    bool last_of_jobs;
    bool with_log;
    /* without those that a person asked for while the job was busy (exit status 7): they did
     * nothing, and what they met goes on */
    bool attempts;
};
/* Newest first. */
int catalog_runs_list(struct catalog *catalog, const struct catalog_run_filter *filter,
                      struct catalog_runs *out, struct err *err) MUST_USE;
/* This one in whatever state, in place of what `out` held; none of this number: count 0. */
int catalog_run_load(struct catalog *catalog, int64_t id, struct catalog_runs *out,
                     struct err *err) MUST_USE;
/* The run whose process makes this artifact, while it is running; 0: none. */
int catalog_run_of_artifact(struct catalog *catalog, const char *artifact, int64_t *id,
                            struct err *err) MUST_USE;

/* Of the runs of a kind of a job that have ended, ever: also those whose rows are gone by now. */
struct catalog_run_counts {
    int64_t total, complete, failed, cancelled;
};
int catalog_runs_count(struct catalog *catalog, const char *kind, const char *job,
                       struct catalog_run_counts *out, struct err *err) MUST_USE;

/* How long runs and verifications are kept (as tombstones are, deletions.h). */
#define CATALOG_HISTORY_S (INT64_C(400) * 86400)
/* Removes those that ended before, and to which no copy and no verification refers; they stay counted
 * (db/totals.h). */
int catalog_runs_purge(struct catalog *catalog, int64_t before, struct err *err) MUST_USE;

#endif
