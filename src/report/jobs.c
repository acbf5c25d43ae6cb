/*
 * Read afresh each time: a handful of jobs, and rows that other processes write at any moment.
 */
#define _DEFAULT_SOURCE /* gethostname with any standard */
#include "report/jobs.h"

#include "base/json.h"
#include "base/memory.h"
#include "catalog/artifact_list.h"
#include "catalog/db/schedules.h"
#include "catalog/verifications.h"

#include <unistd.h>

static const char *const kind_names[JOBS_KINDS] = {"backup", "verify", "drill"};

const char *jobs_kind_name(enum jobs_kind kind)
{
    return kind_names[kind];
}

bool jobs_kind_find(const char *name, enum jobs_kind *kind)
{
    for (unsigned i = 0; i < JOBS_KINDS; i++) {
        if (strcmp(name, kind_names[i]) != 0)
            continue;
        *kind = (enum jobs_kind)i;
        return true;
    }
    return false;
}

/* When a row of this kind is due, but for where it runs. *has false: it never is by itself, and is
 * told only of a job's backups. */
static struct schedule_spec spec_of(const struct job_settings *job, enum jobs_kind kind,
                                    bool *has)
{
    struct schedule_spec spec = {
        .timezone = job->timezone, .jitter_s = job->jitter_s, .job = job->name};
    *has = true;
    switch (kind) {
    case JOBS_BACKUP:
        spec.cron = job->schedule;
        spec.every_s = job->every_s;
        break;
    case JOBS_VERIFY:
        spec.every_s = job->verify_every_s;
        *has = spec.every_s > 0;
        break;
    case JOBS_DRILL:
        spec.every_s = job->drill_every_s;
        *has = spec.every_s > 0;
        break;
    case JOBS_KINDS:
        *has = false;
        break;
    }
    return spec;
}

/* All that the next time hangs on; another text, and counting begins anew. A job that is switched
 * off has a rule of its own, so that what it missed meanwhile is not caught up with. */
static char *rule_of(const struct job_settings *job, const struct schedule_spec *spec)
{
    if (!job->enabled)
        return memory_strdup("off");
    return memory_format("%s|%lld|%s|%lld", spec->cron ? spec->cron : "",
                         (long long)spec->every_s, spec->timezone,
                         (long long)spec->jitter_s);
}

/* Of a span only the first run is delayed, and its times follow runs. */
int64_t jobs_delay(const struct jobs_row *row)
{
    return schedule_is_span(row->schedule) ? 0 : schedule_delay(row->schedule);
}

/* Is a run of the job under way, whatever it does? */
static int load_busy(struct jobs_row *row, struct catalog *catalog, struct err *err)
{
    const struct catalog_run_filter unfinished = {.job = row->settings->name,
                                                  .states =
                                                      CATALOG_RUN_BIT(CATALOG_RUN_PENDING) |
                                                      CATALOG_RUN_BIT(CATALOG_RUN_RUNNING)};
    struct catalog_runs under_way = {0};
    enum jobs_kind kind;
    int result = catalog_runs_list(catalog, &unfinished, &under_way, err);
    /* A pending one has no process yet; one whose process is dead waits for nobody. A prune or a
     * restore of the job's is no run of a schedule. */
    for (size_t i = 0; i < under_way.count; i++)
        row->busy = row->busy || (jobs_kind_find(under_way.items[i].kind, &kind) &&
                                  (under_way.items[i].state == CATALOG_RUN_PENDING ||
                                   under_way.items[i].owner_state != OWNER_DEAD));
    catalog_runs_release(&under_way);
    return result;
}

/* What the decision needs; none yet is no error. */
static int load_runs(struct jobs_row *row, struct catalog *catalog, struct err *err)
{
    const char *name = row->settings->name;
    /* One by hand that found the job busy did nothing: what it met says how the job is. */
    const struct catalog_run_filter newest = {
        .kind = kind_names[row->kind], .job = name, .limit = 1, .attempts = true};
    if (catalog_schedule_get(catalog, row->key, row->rule, &row->handled, err) < 0 ||
        catalog_runs_list(catalog, &newest, &row->runs, err) < 0 ||
        load_busy(row, catalog, err) < 0)
        return -1;
    row->handled += row->handled != 0 ? jobs_delay(row) : 0;
    /* By its number, not by its time: a clock that went back hides no run. */
    row->last = row->runs.count > 0 ? &row->runs.items[0] : NULL;
    if (row->kind == JOBS_BACKUP)
        return 0;
    /* Before its first backup a job has nothing to prove; its turn comes as soon as it has. */
    char id[ULID_SIZE];
    int result = catalog_verification_longest(catalog, name, CATALOG_QUICK, id, err);
    row->idle = *id == '\0';
    return result;
}

int jobs_load_history(struct jobs *jobs, struct catalog *catalog, struct err *err)
{
    for (size_t i = 0; catalog != NULL && i < jobs->count; i++) {
        struct jobs_row *row = &jobs->items[i];
        const char *name = row->settings->name;
        /* Its newest backup, which may be older than its last run. */
        struct catalog_artifacts made = {0};
        const struct catalog_filter of_job = {.job = name, .limit = 1};
        int result =
            catalog_runs_count(catalog, kind_names[row->kind], name, &row->counts, err);
        if (result == 0 && row->kind == JOBS_BACKUP)
            result = catalog_artifacts_list(catalog, &of_job, 0, &made, err);
        if (made.count > 0)
            memcpy(row->artifact, made.items[0].id, sizeof row->artifact);
        catalog_artifacts_release(&made);
        if (result < 0)
            return -1;
    }
    return 0;
}

/* What decides when it runs next, as schedule/ wants it. */
struct due_job jobs_due(const struct jobs_row *row)
{
    const struct catalog_run *last = row->last;
    /* Who ran it by hand sees the failure; only what a schedule began is tried again. And only
     * backups: the next verification would be of another one. */
    bool scheduled =
        row->kind == JOBS_BACKUP && last != NULL &&
        (last->cause == CATALOG_RUN_BY_SCHEDULE || last->cause == CATALOG_RUN_BY_RETRY);
    return (struct due_job){.schedule = row->schedule,
                            .enabled = row->settings->enabled && !row->idle,
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

/* One row, as if it were asked now; a job that is due, or waits for its run under way, says since
 * when. */
static int load_row(struct jobs_row *row, const struct schedule_spec *spec,
                    struct catalog *catalog, int64_t now, struct err *err)
{
    const struct job_settings *job = row->settings;
    row->rule = rule_of(job, spec);
    /* A name holds no blank. Backups are known by it alone, as they ever were. */
    row->key = row->kind == JOBS_BACKUP
                   ? memory_strdup(job->name)
                   : memory_format("%s %s", kind_names[row->kind], job->name);
    row->schedule = schedule_new(spec, err);
    if (row->schedule == NULL || (catalog != NULL && load_runs(row, catalog, err) < 0))
        return -1;
    struct due_job known = jobs_due(row);
    struct due due;
    known.busy = false;
    due_decide(&known, now, &due);
    row->next = due.what == DUE_NOTHING ? due.next : due.time;
    return 0;
}

/* Configured jobs in their order: a job that left the configuration runs no more. */
int jobs_load(struct jobs *jobs, const struct settings *settings, struct catalog *catalog,
              int64_t now, struct err *err)
{
    /* Only a hash of it counts, so that machines differ. */
    char host[256] = "";
    (void)gethostname(host, sizeof host - 1);
    jobs->items = memory_array(settings->job_count * JOBS_KINDS, sizeof *jobs->items);
    jobs->count = 0;
    for (size_t i = 0; i < settings->job_count * JOBS_KINDS; i++) {
        const struct job_settings *job = &settings->jobs[i / JOBS_KINDS];
        enum jobs_kind kind = (enum jobs_kind)(i % JOBS_KINDS);
        bool has;
        struct schedule_spec spec = spec_of(job, kind, &has);
        if (!has)
            continue;
        spec.host = host;
        struct jobs_row *row = &jobs->items[jobs->count++];
        *row = (struct jobs_row){
            .settings = job, .kind = kind, .idle = catalog == NULL && kind != JOBS_BACKUP};
        if (load_row(row, &spec, catalog, now, err) < 0) {
            jobs_release(jobs);
            return -1;
        }
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
        free(jobs->items[i].key);
    }
    free(jobs->items);
    *jobs = (struct jobs){0};
}

/* "1d" "6h" "90s", as people write it; else as lengths of time are told everywhere. */
static const char *span_text(char out[32], int64_t seconds)
{
    static const struct {
        int64_t seconds;
        const char *unit;
    } units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (seconds % units[i].seconds != 0)
            continue;
        (void)snprintf(out, 32, "%lld%s", (long long)(seconds / units[i].seconds),
                       units[i].unit);
        /* Of minutes only a few: 90min is 1h30m. */
        if (units[i].seconds > 60 || seconds < 3600)
            return out;
    }
    return text_duration(out, seconds * 1000);
}

/* In the words of the configuration. */
const char *jobs_schedule(const struct jobs_row *row, char out[64])
{
    char span[32];
    int64_t every_s = schedule_every(row->schedule);
    /* As it was written: people look for it in their file. */
    if (every_s == 0 && row->settings->schedule == NULL)
        return NULL;
    if (every_s == 0)
        (void)snprintf(out, 64, "%s", row->settings->schedule);
    else
        (void)snprintf(out, 64, "%s%severy %s",
                       row->kind == JOBS_BACKUP ? "" : kind_names[row->kind],
                       row->kind == JOBS_BACKUP ? "" : " ", span_text(span, every_s));
    return out;
}

/* ---- JSON ---- */

/* Also what a run was for other commands: the keys are those of `runs`. */
json_t *jobs_run_json(const struct catalog_run *run)
{
    /* -1 is none yet, in rows; in documents that is null. */
    json_t *exit_status =
        run->exit_status < 0 ? json_null() : json_integer((json_int_t)run->exit_status);
    return json_pack("{s:I, s:s, s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "id",
                     (json_int_t)run->id, "kind", run->kind, "job", json_bytes(run->job),
                     "state", catalog_run_state_name(run->state), "trigger",
                     catalog_run_cause_name(run->cause), "requested",
                     json_time(run->requested), "started", json_time(run->started), "ended",
                     json_time(run->ended), "exit_status", exit_status, "message",
                     json_sentence(run->message), "hint", json_hint(run->message));
}

static json_t *counts_json(const struct jobs_row *row)
{
    return json_pack("{s:I, s:I, s:I, s:I}", "total", (json_int_t)row->counts.total,
                     "successful", (json_int_t)row->counts.complete, "failed",
                     (json_int_t)row->counts.failed, "cancelled",
                     (json_int_t)row->counts.cancelled);
}

/* A job that never ran has null where others have their last run. */
static json_t *next_json(const struct jobs_row *row)
{
    return row->next == SCHEDULE_NEVER ? json_null() : json_time(row->next);
}
static json_t *last_json(const struct jobs_row *row)
{
    return row->last != NULL ? jobs_run_json(row->last) : json_null();
}

/* A job, by the row of its backups. Every key is always there, null where nothing is to be said. */
static json_t *job_json(const struct jobs_row *row)
{
    const struct job_settings *job = row->settings;
    json_t *every = job->every_s > 0 ? json_integer((json_int_t)job->every_s) : json_null();
    return json_pack("{s:o, s:o, s:o, s:o, s:b, s:b, s:o, s:o, s:o, s:o, s:n, s:n}", "name",
                     json_bytes(job->name), "schedule", json_bytes(job->schedule), "every",
                     every, "timezone", json_bytes(job->timezone), "enabled", job->enabled,
                     "busy", row->busy, "next_run", next_json(row), "last_run",
                     last_json(row), "last_artifact",
                     json_bytes(*row->artifact != 0 ? row->artifact : NULL), "runs",
                     counts_json(row), "verify", "drill");
}

/* What it does by itself besides. */
static json_t *proof_json(const struct jobs_row *row)
{
    const char *level = row->kind == JOBS_DRILL                             ? "drill"
                        : row->settings->verify_level == VERIFY_LEVEL_QUICK ? "quick"
                                                                            : "full";
    return json_pack("{s:I, s:s, s:o, s:o, s:o}", "every",
                     (json_int_t)schedule_every(row->schedule), "level", level, "next_run",
                     next_json(row), "last_run", last_json(row), "runs", counts_json(row));
}

/* An object around the list, as everywhere. */
json_t *jobs_json(const struct jobs *jobs)
{
    json_t *list = json_array(), *job = NULL;
    for (size_t i = 0; i < jobs->count; i++) {
        const struct jobs_row *row = &jobs->items[i];
        /* The row of the backups is the first of each job. */
        if (row->kind == JOBS_BACKUP) {
            job = job_json(row);
            (void)json_array_append_new(list, job);
        } else
            (void)json_object_set_new(job, kind_names[row->kind], proof_json(row));
    }
    return json_pack("{s:o}", "jobs", list);
}
