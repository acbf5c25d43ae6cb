/*
 * jobs - each job of the configuration with its schedule and its runs: what `jobs` shows, what
 * `serve` decides by, and what an API lists.
 *
 *     jobs_load -> read; jobs_due for the decision -> jobs_release
 *                  jobs_load_history: what people want to see besides
 *
 * A job has a row for its backups, and behind it one for each other thing that it does by itself.
 * Those have schedules and runs of their own; of all runs of a job one is under way at a time.
 */
#ifndef PGKEEP_REPORT_JOBS_H
#define PGKEEP_REPORT_JOBS_H

#include "base/ulid.h"
#include "catalog/runs.h"
#include "config/settings.h"
#include "schedule/due.h"

#include <jansson.h>

/* What a run of a schedule does. */
enum jobs_kind {
    JOBS_BACKUP, /* schedule, every */
    JOBS_VERIFY, /* verify_every: nothing is due before there is a backup */
    JOBS_DRILL,  /* drill_every: the same */
    JOBS_KINDS
};
/* "backup" "verify" "drill", as `kind` of catalog/runs.h has it. */
const char *jobs_kind_name(enum jobs_kind kind);
/* False: runs of this kind are no schedule's. */
bool jobs_kind_find(const char *name, enum jobs_kind *kind);

struct jobs_row {
    const struct job_settings *settings; /* borrowed */
    enum jobs_kind kind;
    char *key;                      /* by what catalog/db/schedules.h knows it */
    bool idle;                      /* there is nothing yet that it could be done with */
    struct schedule *schedule;      /* never NULL */
    char *rule;                     /* it as text, for catalog/db/schedules.h */
    int64_t handled;                /* up to when its times are dealt with; 0: not known */
    struct catalog_runs runs;       /* the newest attempt, if any (catalog_run_filter) */
    const struct catalog_run *last; /* of `runs`; NULL: it never ran */
    bool busy; /* a run of its job, of any of these kinds, is pending or running */
    /* by jobs_load_history */
    struct catalog_run_counts counts;
    char artifact
        [ULID_SIZE]; /* the newest that it made, whatever became of it; "": none is left */
    int64_t next;    /* when it will run; SCHEDULE_NEVER; in the past: it is due */
};

struct jobs {
    struct jobs_row
        *items; /* jobs in the order of the configuration, each in that of the kinds */
    size_t count;
};

/* catalog NULL: there is none yet. `settings` must outlive it. A run whose process is surely gone
 * makes no job busy. */
int jobs_load(struct jobs *jobs, const struct settings *settings, struct catalog *catalog,
              int64_t now, struct err *err) MUST_USE;
/* Counts and newest backups, which no decision needs. catalog NULL: there are none. */
int jobs_load_history(struct jobs *jobs, struct catalog *catalog, struct err *err) MUST_USE;
void jobs_release(struct jobs *jobs);
/* Seconds that are taken off `handled` when it is kept in the catalog: the delay by jitter hangs on
 * the host, and who comes after us (a pod with another name) must not run the same time again. */
int64_t jobs_delay(const struct jobs_row *row);
/* What due_decide wants to know of it. */
struct due_job jobs_due(const struct jobs_row *row);

/* "30 2 * * *", "every 6h", "verify every 1d", or NULL: only when it is asked for. Writes into
 * out. */
const char *jobs_schedule(const struct jobs_row *row, char out[64]);
/* {"jobs":[{name,schedule,every,timezone,enabled,busy,next_run,last_run,last_artifact,
 *  runs{total,successful,failed,cancelled},verify{every,level,next_run,last_run,runs{…}}}]};
 * `every` in seconds; next_run null: never; verify null: not by itself; drill as verify. */
json_t *jobs_json(const struct jobs *jobs) MUST_USE;
/* last_run of it: {id,kind,job,state,trigger,requested,started,ended,exit_status,message,hint} */
json_t *jobs_run_json(const struct catalog_run *run) MUST_USE;

#endif
