/*
 * Tables for people and lines for monitoring from one struct health; nothing is judged
 * here.
 */
#include "base/clock.h"
#include "cmd/artifact_text.h"
#include "cmd/cmd.h"
#include "catalog/artifact_find.h"
#include "report/artifact_name.h"
#include "report/health_json.h"
#include "cmd/output.h"

enum {
    REMARKS_MAX = 1 << 12,
    REASON_WIDTH = 200, /* bytes of an error; `show` has all of it */
    RUNS_MAX = 1000     /* looked back for the newest of each job */
};

/* Puts a short id into the cell; a catalog that went away meanwhile costs only the short
 * form. */
static void cell_id(struct output_table *table, struct catalog *catalog, const char *id)
{
    struct err ignored = {0};
    char short_id[ULID_SIZE];
    bool known = catalog_artifact_short(catalog, id, short_id, &ignored) == 0;
    output_table_cell(table, known ? short_id : id);
}

static void cell_age(struct output_table *table, int64_t now, int64_t since)
{
    char age[32];
    int64_t passed = now > since ? now - since : 0;
    output_table_cell(table, since ? text_duration(age, passed * 1000) : NULL);
}

/* ---- running ---- */

static void add_running(struct output_table *table, struct catalog *catalog,
                        const struct catalog_artifact *artifact, int64_t now)
{
    const struct catalog_progress *progress = &artifact->progress;
    char size[32];
    cell_id(table, catalog, artifact->id);
    output_table_cell(table, artifact_name_job(artifact));
    output_table_cell(table, artifact_name_database(artifact));
    output_table_cell(table, progress->phase && *progress->phase ? progress->phase : NULL);
    output_table_cell(table, text_size(size, progress->raw_bytes));
    output_table_cell(table, text_size(size, progress->stored_bytes));
    if (progress->estimate > 0 && progress->raw_bytes <= progress->estimate)
        output_table_cellf(table, "%.0f %%",
                           100.0 * (double)progress->raw_bytes /
                               (double)progress->estimate);
    else
        output_table_cell(table, NULL);
    cell_age(table, now, artifact->started);
    if (progress->updated)
        output_table_cellf(
            table, "%s ago",
            text_duration(size,
                          1000 * (now > progress->updated ? now - progress->updated : 0)));
    else
        output_table_cell(table, NULL);
    output_table_cell(table, owner_state_name(artifact->owner_state));
}

static void print_running(struct catalog *catalog, const struct health *health)
{
    static const struct output_column columns[] = {
        {"RUNNING", OUTPUT_LEFT}, {"JOB", OUTPUT_LEFT},  {"DATABASE", OUTPUT_LEFT},
        {"PHASE", OUTPUT_LEFT},   {"RAW", OUTPUT_RIGHT}, {"STORED", OUTPUT_RIGHT},
        {"DONE", OUTPUT_RIGHT},   {"FOR", OUTPUT_RIGHT}, {"UPDATED", OUTPUT_RIGHT},
        {"PROCESS", OUTPUT_LEFT}};
    struct output_table table;
    if (health->running_count == 0)
        return;
    output_table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
    for (size_t i = 0; i < health->running_count; i++)
        add_running(&table, catalog, health->running[i], health->now);
    output_table_print(&table);
    output_text("\n");
    output_table_release(&table);
}

/* ---- jobs ---- */

static void add_remark(struct text *out, const char *remark)
{
    if (out->length > 0)
        text_add(out, "; ");
    text_add(out, remark);
}

/* Why the newest one is not the last good one. */
static void add_tried(struct text *out, const struct catalog_artifact *tried)
{
    add_remark(out, "the last one: ");
    if (tried->status != CATALOG_COMPLETE)
        text_add(out, catalog_status_name(tried->status));
    else if (tried->suspect || tried->quarantined)
        text_add(out, tried->suspect ? "suspect" : "quarantined");
    else
        text_add(out, "no good copy, or from the future");
    if (tried->error_message) {
        text_add(out, ": ");
        artifact_text_add_reason(out, tried->error_message, REASON_WIDTH);
    }
}

/* Several may hold: the worst comes first. group NULL: the job has no backups at all. */
static void cell_remarks(struct output_table *table, const struct health *health,
                         const struct health_job *job, const struct health_group *group)
{
    struct text text;
    text_init(&text, REMARKS_MAX);
    if (group ? group->too_old : job->too_old)
        add_remark(&text, "too old");
    if (!group && !job->failed_run)
        add_remark(&text, "never ran");
    else if (group && !group->tried && !group->good)
        add_remark(&text, "none yet");
    else if (group && group->tried != group->good)
        add_tried(&text, group->tried);
    /* Of the job, not of a database: told once, in its first row. */
    if (job->failed_run && (!group || group == job->groups)) {
        char time[32];
        add_remark(&text, "the run of ");
        text_addf(&text, "%s failed: ", output_time(time, job->failed_run->started));
        artifact_text_add_reason(
            &text, job->failed_run->message ? job->failed_run->message : "no reason noted",
            REASON_WIDTH);
    }
    if (!job->configured && health->any_configured)
        add_remark(&text, "not configured");
    output_table_cell(table, text.data);
    text_release(&text);
}

static void add_group(struct output_table *table, const struct health *health,
                      const struct health_job *job, const struct health_group *group)
{
    const struct catalog_artifact *good = group ? group->good : NULL;
    char time[32], size[32];
    output_table_cell(table, job->name);
    output_table_cell(table, !group             ? NULL
                             : *group->database ? group->database
                                                : "(globals)");
    if (group)
        output_table_cellf(table, "%s%s", group->type,
                           health_is_filtered(group) ? " (filtered)" : "");
    else
        output_table_cell(table, NULL);
    output_table_cell(table, good ? output_time(time, good->time) : NULL);
    cell_age(table, health->now, good ? good->time : 0);
    output_table_cell(table, good ? text_size(size, good->stored_bytes) : NULL);
    cell_remarks(table, health, job, group);
}

static void print_jobs(const struct health *health)
{
    static const struct output_column columns[] = {
        {"JOB", OUTPUT_LEFT},       {"DATABASE", OUTPUT_LEFT}, {"TYPE", OUTPUT_LEFT},
        {"LAST GOOD", OUTPUT_LEFT}, {"AGE", OUTPUT_RIGHT},     {"SIZE", OUTPUT_RIGHT},
        {"REMARKS", OUTPUT_LEFT}};
    struct output_table table;
    output_table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
    for (size_t i = 0; i < health->job_count; i++) {
        const struct health_job *job = &health->jobs[i];
        if (job->group_count == 0)
            add_group(&table, health, job, NULL);
        for (size_t j = 0; j < job->group_count; j++)
            add_group(&table, health, job, &job->groups[j]);
    }
    output_table_print(&table);
    output_table_release(&table);
}

/* ---- problems ---- */

/* What to do about it, or what it waits for. */
static const char *advice(enum health_what what)
{
    static const char *const rows[HEALTH_WHATS] = {
        [HEALTH_ABANDONED] = "its process is gone: `pgkeep sweep`",
        [HEALTH_SUSPECT] = "much smaller than usual: `pgkeep accept` clears it",
        [HEALTH_QUARANTINED] = "its time is in the future or unknown",
        [HEALTH_FAILED] = "`pgkeep copy` brings it there",
        [HEALTH_MISSING] = "`pgkeep copy` brings it back",
        [HEALTH_DAMAGED] = "`pgkeep copy` replaces it",
        [HEALTH_DELETING] = "the next prune or sweep tries again",
        [HEALTH_LOCKED] = "object lock",
        [HEALTH_BLOCKED] = "the store refuses to delete it",
    };
    return rows[what];
}

static void cell_problem(struct output_table *table, const struct health_problem *problem)
{
    struct text text;
    text_init(&text, REMARKS_MAX);
    if (problem->reason) {
        artifact_text_add_reason(&text, problem->reason, REASON_WIDTH);
        text_add(&text, "; ");
    }
    text_add(&text, advice(problem->what));
    output_table_cell(table, text.data);
    text_release(&text);
}

static void add_problem(struct output_table *table, struct catalog *catalog,
                        const struct health *health, const struct health_problem *problem)
{
    char time[32];
    cell_id(table, catalog, problem->artifact->id);
    output_table_cell(table, artifact_name_job(problem->artifact));
    output_table_cell(table, artifact_name_database(problem->artifact));
    output_table_cell(table, problem->copy ? problem->copy->store : NULL);
    output_table_cell(table, health_what_name(problem->what));
    cell_age(table, health->now, problem->since);
    if (problem->what == HEALTH_LOCKED)
        output_table_cellf(table, "%s until %s", advice(problem->what),
                           problem->until ? output_time(time, problem->until)
                                          : "a legal hold is lifted");
    else
        cell_problem(table, problem);
}

static void print_problems(struct catalog *catalog, const struct health *health)
{
    static const struct output_column columns[] = {
        {"LOOK AT", OUTPUT_LEFT}, {"JOB", OUTPUT_LEFT},  {"DATABASE", OUTPUT_LEFT},
        {"STORE", OUTPUT_LEFT},   {"WHAT", OUTPUT_LEFT}, {"FOR", OUTPUT_RIGHT},
        {"REMARKS", OUTPUT_LEFT}};
    struct output_table table;
    if (health->problem_count == 0)
        return;
    output_table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
    for (size_t i = 0; i < health->problem_count; i++)
        add_problem(&table, catalog, health, &health->problems[i]);
    output_text("\n");
    output_table_print(&table);
    output_table_release(&table);
}

/* ---- the command ---- */

/* For monitoring: on stderr, with --quiet too. */
static void report_too_old(const struct health *health, const struct health_job *job)
{
    char age[32], limit[32];
    text_duration(limit, health->max_age_s * 1000);
    /* Without a single good one the databases need not be counted up. */
    if (!job->good) {
        log_error("job \"%s\" has no good backup", job->name);
        return;
    }
    for (size_t i = 0; i < job->group_count; i++) {
        const struct health_group *group = &job->groups[i];
        const char *database = *group->database ? group->database : "(globals)";
        if (!group->too_old)
            continue;
        if (group->good)
            log_error("job \"%s\": the last good backup of \"%s\" is %s old, more than %s",
                      job->name, database,
                      text_duration(age, health_age(health, group->good) * 1000), limit);
        else
            log_error("job \"%s\": there is no good backup of \"%s\"", job->name, database);
    }
}

static enum outcome verdict(const struct health *health, const struct settings *settings)
{
    bool reported = false;
    if (!health->too_old)
        return OUTCOME_DONE;
    for (size_t i = 0; i < health->job_count; i++) {
        if (!health->jobs[i].too_old)
            continue;
        report_too_old(health, &health->jobs[i]);
        reported = true;
    }
    if (!reported)
        log_error("there is no backup in %s", settings->catalog);
    return OUTCOME_TOO_OLD;
}

static void print_text(struct catalog *catalog, const struct health *health,
                       const struct settings *settings)
{
    if (health->job_count == 0) {
        output_linef("no backups yet in %s: `pgkeep help backup` says how to take one",
                     settings->catalog);
        return;
    }
    print_running(catalog, health);
    print_jobs(health);
    print_problems(catalog, health);
}

/* A name that neither the configuration nor the catalog knows is a slip of the pen. */
static int check_job(const struct cmd_context *ctx, const struct health *health,
                     struct err *err)
{
    const char *job = config_args_text(ctx->args, "job");
    if (!job || health->job_count > 0)
        return 0;
    return settings_require_job(ctx->settings, job, err) ? 0 : -1;
}

static int run(struct cmd_context *ctx, struct err *err)
{
    static const struct catalog_filter everything = {0};
    const struct settings *settings = ctx->settings;
    struct catalog_artifacts artifacts = {0};
    struct catalog_runs runs = {0};
    struct health health = {0};
    struct health_spec spec = {
        .settings = settings,
        .job = config_args_text(ctx->args, "job"),
        .max_age_s = config_args_number(ctx->args, "max-age", HEALTH_NO_LIMIT),
        .now = clock_now(),
        .runs = &runs,
    };
    enum outcome outcome = OUTCOME_FAILED;
    struct session_spec run_spec = {.kind = "status", .catalog = SESSION_READ_IF_ANY};
    struct session *session = cmd_begin(ctx, &run_spec, err);
    if (session == NULL)
        return -1;
    struct catalog *catalog = session_catalog(session);
    if (catalog && catalog_artifacts_list(catalog, &everything, CATALOG_WITH_COPIES,
                                          &artifacts, err) < 0)
        goto cleanup;
    const struct catalog_run_filter backups = {.kind = "backup", .limit = RUNS_MAX};
    if (catalog && catalog_runs_list(catalog, &backups, &runs, err) < 0)
        goto cleanup;
    health_init(&health, &artifacts, &spec);
    if (check_job(ctx, &health, err) < 0)
        goto cleanup;
    if (settings->json)
        output_json(health_json(&health));
    else if (!settings->quiet)
        print_text(catalog, &health, settings);
    outcome = verdict(&health, settings);
cleanup:
    health_release(&health);
    catalog_runs_release(&runs);
    catalog_artifacts_release(&artifacts);
    return session_end(session, outcome, err);
}

const struct command cmd_status = {
    .name = "status",
    .usage = "[--max-age DURATION] [--job NAME]",
    .summary = "show running backups, the age of the last good ones, and problems",
    .about =
        "Good is a complete backup with a complete copy that is neither suspect (much\n"
        "smaller than usual) nor from the future; the last good one of a job is of the\n"
        "type that the job makes, and not cut down by --table and its like. Jobs that\n"
        "never ran, or whose last run failed before it began a backup (no server, no\n"
        "store), are listed too, and what a person should look at: copies missing,\n"
        "damaged, locked or blocked, deletions that are stuck, runs whose process is\n"
        "gone. Only the catalog is read.\n"
        "\n"
        "With --max-age the exit status is 10 when a job has no good backup, or a "
        "database\n"
        "of it only one that is older; --quiet then prints the reason alone.\n"
        "\n"
        "  pgkeep status\n"
        "  pgkeep -q status --max-age 26h || notify-somebody\n",
    .run = run,
};
