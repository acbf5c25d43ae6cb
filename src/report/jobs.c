/*
 * Read afresh each time: a handful of jobs, and rows that other processes write at any moment.
 */
#define _DEFAULT_SOURCE /* gethostname with any standard */
#include "report/jobs.h"

#include "base/json.h"
#include "base/memory.h"
#include "catalog/artifact_list.h"
#include "catalog/db/schedules.h"

#include <unistd.h>

/* All that the next time hangs on; another text, and counting begins anew. A job that is switched
 * off has a rule of its own, so that what it missed meanwhile is not caught up with. */
static char *rule_of(const struct job_settings *job)
{
    if (!job->enabled)
        return memory_strdup("off");
    return memory_format("%s|%lld|%s|%lld", job->schedule ? job->schedule : "",
                         (long long)job->every_s, job->timezone, (long long)job->jitter_s);
}

/* Of a span only the first run is delayed, and its times follow runs. */
int64_t jobs_delay(const struct jobs_row *row)
{
    return schedule_is_span(row->schedule) ? 0 : schedule_delay(row->schedule);
}

/* The last run and the counts, of the catalog; none yet is no error. */
static int load_runs(struct jobs_row *row, struct catalog *catalog, struct err *err)
{
    const char *name = row->settings->name;
    const unsigned open =
        CATALOG_RUN_BIT(CATALOG_RUN_PENDING) | CATALOG_RUN_BIT(CATALOG_RUN_RUNNING);
    /* One by hand that found the job busy did nothing: what it met says how the job is. */
    const struct catalog_run_filter newest = {
        .kind = "backup", .job = name, .limit = 1, .attempts = true};
    const struct catalog_run_filter unfinished = {
        .kind = "backup", .job = name, .states = open};
    struct catalog_runs under_way = {0};
    if (catalog_schedule_get(catalog, name, row->rule, &row->handled, err) < 0 ||
        catalog_runs_count(catalog, name, &row->counts, err) < 0 ||
        catalog_runs_list(catalog, &newest, &row->runs, err) < 0)
        return -1;
    row->handled += row->handled != 0 ? jobs_delay(row) : 0;
    /* By its number, not by its time: a clock that went back hides no run. */
    row->last = row->runs.count > 0 ? &row->runs.items[0] : NULL;
    /* Its newest backup, which may be older than its last run. */
    struct catalog_artifacts made = {0};
    const struct catalog_filter of_job = {.job = name, .limit = 1};
    int result = catalog_artifacts_list(catalog, &of_job, 0, &made, err);
    if (made.count > 0)
        memcpy(row->artifact, made.items[0].id, sizeof row->artifact);
    catalog_artifacts_release(&made);
    if (result == 0)
        result = catalog_runs_list(catalog, &unfinished, &under_way, err);
    /* A pending one has no process yet; one whose process is dead waits for nobody. */
    for (size_t i = 0; i < under_way.count; i++)
        row->busy = row->busy || under_way.items[i].state == CATALOG_RUN_PENDING ||
                    under_way.items[i].owner_state != OWNER_DEAD;
    catalog_runs_release(&under_way);
    return result;
}

/* What decides when it runs next, as schedule/ wants it. */
struct due_job jobs_due(const struct jobs_row *row)
{
    const struct catalog_run *last = row->last;
    /* Who ran it by hand sees the failure; only what a schedule began is tried again. */
    bool scheduled = last != NULL && (last->cause == CATALOG_RUN_BY_SCHEDULE ||
                                      last->cause == CATALOG_RUN_BY_RETRY);
    return (struct due_job){.schedule = row->schedule,
                            .enabled = row->settings->enabled,
                            .skip_missed = row->settings->catch_up == CATCH_UP_SKIP,
                            .retries = row->settings->retries,
                            .retry_delay_s = row->settings->retry_delay_s,
                            .handled = row->handled,
                            .busy = row->busy,
                            .began = last != NULL ? last->started : 0,
                            .failed = scheduled && last->state == CATALOG_RUN_FAILED,
                            .ended = last != NULL ? last->ended : 0,
                            .retry = last != NULL ? last->retry : 0};
}

/* Configured jobs in their order: a job that left the configuration runs no more. */
int jobs_load(struct jobs *jobs, const struct settings *settings, struct catalog *catalog,
              int64_t now, struct err *err)
{
    /* Only a hash of it counts, so that machines differ. */
    char host[256] = "";
    (void)gethostname(host, sizeof host - 1);
    jobs->items = memory_array(settings->job_count, sizeof *jobs->items);
    jobs->count = 0;
    for (size_t i = 0; i < settings->job_count; i++) {
        struct jobs_row *row = &jobs->items[i];
        const struct job_settings *job = &settings->jobs[i];
        const struct schedule_spec spec = {.cron = job->schedule,
                                           .every_s = job->every_s,
                                           .timezone = job->timezone,
                                           .jitter_s = job->jitter_s,
                                           .host = host,
                                           .job = job->name};
        *row = (struct jobs_row){.settings = job, .rule = rule_of(job)};
        jobs->count++;
        row->schedule = schedule_new(&spec, err);
        if (row->schedule == NULL ||
            (catalog != NULL && load_runs(row, catalog, err) < 0)) {
            jobs_release(jobs);
            return -1;
        }
        /* As if it were asked now; a job that is due, or waits for its run under way, says since
         * when. */
        struct due_job known = jobs_due(row);
        struct due due;
        known.busy = false;
        due_decide(&known, now, &due);
        row->next = due.what == DUE_NOTHING ? due.next : due.time;
    }
    return 0;
}

/* Settings were borrowed. */
void jobs_release(struct jobs *jobs)
{
    for (size_t i = 0; i < jobs->count; i++) {
        schedule_free(jobs->items[i].schedule);
        catalog_runs_release(&jobs->items[i].runs);
        free(jobs->items[i].rule);
    }
    free(jobs->items);
    *jobs = (struct jobs){0};
}

/* In the words of the configuration. */
const char *jobs_schedule(const struct jobs_row *row, char out[64])
{
    char span[32];
    /* As it was written: people look for it in their file. */
    if (row->settings->schedule != NULL)
        (void)snprintf(out, 64, "%s", row->settings->schedule);
    else if (row->settings->every_s > 0)
        (void)snprintf(out, 64, "every %s",
                       text_duration(span, row->settings->every_s * 1000));
    else
        return NULL;
    return out;
}

/* ---- JSON ---- */

/* Also what a run was for other commands: the keys are those of `runs`. */
json_t *jobs_run_json(const struct catalog_run *run)
{
    /* -1 is none yet, in rows; in documents that is null. */
    json_t *exit_status =
        run->exit_status < 0 ? json_null() : json_integer((json_int_t)run->exit_status);
    return json_pack(
        "{s:I, s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "id", (json_int_t)run->id, "job",
        json_bytes(run->job), "state", catalog_run_state_name(run->state), "trigger",
        catalog_run_cause_name(run->cause), "requested", json_time(run->requested),
        "started", json_time(run->started), "ended", json_time(run->ended), "exit_status",
        exit_status, "message", json_bytes(run->message));
}

/* A job that never ran has null where others have their last run. */
static json_t *row_json(const struct jobs_row *row)
{
    const struct job_settings *job = row->settings;
    /* Every key is always there, null where nothing is to be said. */
    json_t *every = job->every_s > 0 ? json_integer((json_int_t)job->every_s) : json_null();
    json_t *next = row->next == SCHEDULE_NEVER ? json_null() : json_time(row->next);
    json_t *last = row->last != NULL ? jobs_run_json(row->last) : json_null();
    json_t *runs = json_pack("{s:I, s:I, s:I, s:I}", "total", (json_int_t)row->counts.total,
                             "successful", (json_int_t)row->counts.complete, "failed",
                             (json_int_t)row->counts.failed, "cancelled",
                             (json_int_t)row->counts.cancelled);
    return json_pack("{s:o, s:o, s:o, s:o, s:b, s:b, s:o, s:o, s:o, s:o}", "name",
                     json_bytes(job->name), "schedule", json_bytes(job->schedule), "every",
                     every, "timezone", json_bytes(job->timezone), "enabled", job->enabled,
                     "busy", row->busy, "next_run", next, "last_run", last, "last_artifact",
                     json_bytes(*row->artifact != 0 ? row->artifact : NULL), "runs", runs);
}

/* An object around the list, as everywhere. */
json_t *jobs_json(const struct jobs *jobs)
{
    json_t *list = json_array();
    for (size_t i = 0; i < jobs->count; i++)
        (void)json_array_append_new(list, row_json(&jobs->items[i]));
    return json_pack("{s:o}", "jobs", list);
}
