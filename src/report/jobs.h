/*
 * jobs - each job of the configuration with its schedule and its runs: what `jobs` shows, what
 * `serve` decides by, and what an API lists.
 *
 *     jobs_load -> read; jobs_due for the decision -> jobs_release
 */
#ifndef PGKEEP_REPORT_JOBS_H
#define PGKEEP_REPORT_JOBS_H

#include "base/ulid.h"
#include "catalog/runs.h"
#include "config/settings.h"
#include "schedule/due.h"

#include <jansson.h>

struct jobs_row {
    const struct job_settings *settings; /* borrowed */
    struct schedule *schedule;           /* never NULL */
    char *rule;                          /* it as text, for catalog/db/schedules.h */
    int64_t handled;                /* up to when its times are dealt with; 0: not known */
    struct catalog_runs runs;       /* the newest attempt, if any (catalog_run_filter) */
    const struct catalog_run *last; /* of `runs`; NULL: it never ran */
    bool busy;                      /* a run of it is pending or running */
    struct catalog_run_counts counts;
    char artifact
        [ULID_SIZE]; /* the newest that it made, whatever became of it; "": none is left */
    int64_t next;    /* when it will run; SCHEDULE_NEVER; in the past: it is due */
};

struct jobs {
    struct jobs_row *items; /* in the order of the configuration */
    size_t count;
};

/* catalog NULL: there is none yet. `settings` must outlive it. A run whose process is surely gone
 * makes no job busy. */
int jobs_load(struct jobs *jobs, const struct settings *settings, struct catalog *catalog,
              int64_t now, struct err *err) MUST_USE;
void jobs_release(struct jobs *jobs);
/* Seconds that are taken off `handled` when it is kept in the catalog: the delay by jitter hangs on
 * the host, and who comes after us (a pod with another name) must not run the same time again. */
int64_t jobs_delay(const struct jobs_row *row);
/* What due_decide wants to know of it. */
struct due_job jobs_due(const struct jobs_row *row);

/* "30 2 * * *", "every 6h", or NULL: only when it is asked for. Writes into out. */
const char *jobs_schedule(const struct jobs_row *row, char out[64]);
/* {"jobs":[{name,schedule,every,timezone,enabled,busy,next_run,last_run,last_artifact,
 *  runs{total,successful,failed,cancelled}}]}; `every` in seconds; next_run null: never. */
json_t *jobs_json(const struct jobs *jobs) MUST_USE;
/* last_run of it: {id,job,state,trigger,requested,started,ended,exit_status,message} */
json_t *jobs_run_json(const struct catalog_run *run) MUST_USE;

#endif
