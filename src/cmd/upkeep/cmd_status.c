/*
 * `status`: tables for people and lines for monitoring from one struct health; nothing is
 * judged here.
 *
 * What runs, how old the last good backup of each database is, what somebody should look at.
 * With --max-age the reasons go to stderr as errors, one each, so that `-q` leaves only them,
 * and the exit status is 10.
 */
#include "base/clock.h"
#include "cmd/upkeep/status_follow.h"
#include "cmd/artifact_text.h"
#include "cmd/cmd.h"
#include "report/artifact_name.h"
#include "report/health_input.h"
#include "report/health_json.h"
#include "report/progress_view.h"
#include "cmd/output.h"

enum {
    REMARKS_MAX = 1 << 12,
    REASON_WIDTH = 200 /* bytes of an error; `show` has all of it */
};

/* A clock that went back since makes 0 of it, not a negative age. */
static void cell_age(struct output_table *table, int64_t now, int64_t since)
{
    char age[32];
    int64_t passed = now > since ? now - since : 0;
    output_table_cell(table, since ? text_duration(age, passed * 1000) : NULL);
}

/* Which artifact: the first cells of two of the tables. */
static void cells_artifact(struct output_table *table, struct catalog *catalog,
                           const struct catalog_artifact *artifact)
{
    char id[ULID_SIZE];
    output_table_cell(table, cmd_short_id(catalog, artifact->id, id));
    output_table_cell(table, *artifact->job ? artifact->job : NULL);
    output_table_cell(table, artifact_name_database(artifact));
}

/* Printed even when it is empty: then nothing is printed. */
static void end_table(struct output_table *table, const struct output_fit *fit)
{
    table->fit = fit;
    output_table_print(table);
    output_table_release(table);
}

/* ---- running ---- */

/* As each process last wrote it into the catalog; how long ago that was tells whether it hangs. */
static void print_running(struct catalog *catalog, const struct health *health)
{
    static const struct output_column columns[] = {
        {"RUNNING", OUTPUT_LEFT}, {"JOB", OUTPUT_LEFT},  {"DATABASE", OUTPUT_LEFT},
        {"PHASE", OUTPUT_LEFT},   {"RAW", OUTPUT_RIGHT}, {"STORED", OUTPUT_RIGHT},
        {"DONE", OUTPUT_RIGHT},   {"FOR", OUTPUT_RIGHT}, {"UPDATED", OUTPUT_RIGHT},
        {"PROCESS", OUTPUT_LEFT}};
    static const struct output_fit fit[] = {[1] = {.spare = 1},
                                            [4] = {.spare = 2},
                                            [5] = {.spare = 4},
                                            [8] = {.spare = 3},
                                            [9] = {0}};
    struct output_table table;
    output_table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
    for (size_t i = 0; i < health->running_count; i++) {
        const struct catalog_artifact *artifact = health->running[i];
        const struct catalog_progress *progress = &artifact->progress;
        int64_t passed = health->now - progress->updated;
        char size[32];
        /* Which, how far, since when, and whether anybody is still at it. */
        cells_artifact(&table, catalog, artifact);
        output_table_cell(&table,
                          progress->phase && *progress->phase ? progress->phase : NULL);
        output_table_cell(&table, text_size(size, progress->raw_bytes));
        output_table_cell(&table, text_size(size, progress->stored_bytes));
        double percent = progress_view_percent_of(progress->raw_bytes, progress->estimate);
        if (percent >= 0)
            output_table_cellf(&table, "%.0f %%", percent);
        else
            output_table_cell(&table, NULL);
        cell_age(&table, health->now, artifact->started);
        if (progress->updated)
            output_table_cellf(&table, "%s ago",
                               text_duration(size, passed > 0 ? passed * 1000 : 0));
        else
            output_table_cell(&table, NULL);
        output_table_cell(&table, owner_state_name(artifact->owner_state));
    }
    end_table(&table, fit);
    if (health->running_count > 0)
        output_text("\n");
}

/* ---- jobs ---- */

/* Several may hold: the worst comes first. group NULL: the job has no backups at all. */
static void cell_remarks(struct output_table *table, const struct health *health,
                         const struct health_job *job, const struct health_group *group)
{
    /* What the newest one came to, where it is not the last good one. */
    const struct catalog_artifact *tried = group ? group->tried : NULL;
    struct text text;
    text_init(&text, REMARKS_MAX);
    if (group ? group->too_old : job->too_old)
        artifact_text_add_part(&text, "too old");
    if (group && group->gone)
        artifact_text_add_part(&text, "gone from the server");
    /* With an artifact, that one tells. */
    if (group && group->missed && (!tried || tried->started < group->missed->started)) {
        artifact_text_add_part(&text, "the last run missed it: ");
        artifact_text_add_reason(&text, health_missed_why(group), REASON_WIDTH);
    }
    if (!group && !job->failed_run)
        artifact_text_add_part(&text, "never ran");
    else if (group && !tried && !group->good && !group->missed)
        artifact_text_add_part(&text, "none yet");
    else if (tried && tried != group->good) {
        /* Why the newest one is not the last good one. */
        const char *doubt =
            tried->status == CATALOG_COMPLETE ? health_doubt(health, tried) : NULL;
        artifact_text_add_part(&text, "the last one: ");
        text_add(&text, doubt ? doubt : catalog_status_name(tried->status));
        if (tried->error_message) {
            text_add(&text, ": ");
            artifact_text_add_reason(&text, tried->error_message, REASON_WIDTH);
        }
    }
    /* Of the job, not of a database: told once, in its first row. */
    if (job->failed_run && (!group || group == job->groups)) {
        const char *why = job->failed_run->message;
        char time[32];
        artifact_text_add_part(&text, "the run of ");
        text_addf(&text, "%s failed: ", output_time(time, job->failed_run->started));
        artifact_text_add_reason(&text, why ? why : "no reason noted", REASON_WIDTH);
    }
    if (job->left)
        artifact_text_add_part(&text, job->left);
    else if (!job->configured && health->any_configured)
        artifact_text_add_part(&text, "not configured");
    output_table_cell(table, text.data);
    text_release(&text);
}

/* A row per database; group NULL: the job has none. */
static void add_group(struct output_table *table, const struct health *health,
                      const struct health_job *job, const struct health_group *group)
{
    const struct catalog_artifact *good = group ? group->good : NULL;
    bool adhoc = strcmp(job->name, SETTINGS_ADHOC) == 0; /* no name of a job */
    char time[32], size[32];
    output_table_cell(table, adhoc ? NULL : job->name);
    output_table_cell(table, group ? artifact_name_of_database(group->database) : NULL);
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

/* A job without any backup has a row as well: it is the one that matters most. */
static void print_jobs(const struct health *health)
{
    static const struct output_column columns[] = {
        {"JOB", OUTPUT_LEFT},       {"DATABASE", OUTPUT_LEFT}, {"TYPE", OUTPUT_LEFT},
        {"LAST GOOD", OUTPUT_LEFT}, {"AGE", OUTPUT_RIGHT},     {"SIZE", OUTPUT_RIGHT},
        {"REMARKS", OUTPUT_LEFT}};
    static const struct output_fit fit[] = {
        [2] = {.spare = 2}, [3] = {.spare = 1, .least = 16}, [5] = {.spare = 3}, [6] = {0}};
    struct output_table table;
    output_table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
    for (size_t i = 0; i < health->job_count; i++) {
        const struct health_job *job = &health->jobs[i];
        /* Never ran, or never came to a backup. */
        if (job->group_count == 0)
            add_group(&table, health, job, NULL);
        for (size_t j = 0; j < job->group_count; j++)
            add_group(&table, health, job, &job->groups[j]);
    }
    end_table(&table, fit);
}

/* ---- problems ---- */

/* What to do about it, or what it waits for. */
static const char *const advice[HEALTH_WHATS] = {
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

/* One row for a copy or an artifact that somebody should look at. */
static void add_problem(struct output_table *table, struct catalog *catalog,
                        const struct health *health, const struct health_problem *problem)
{
    char time[32];
    struct text text;
    text_init(&text, REMARKS_MAX);
    cells_artifact(table, catalog, problem->artifact);
    output_table_cell(table, problem->copy ? problem->copy->store : NULL);
    output_table_cell(table, health_what_name(problem->what));
    cell_age(table, health->now, problem->since);
    /* What was found, then what to do; of a lock only its end matters. */
    if (problem->reason && problem->what != HEALTH_LOCKED) {
        artifact_text_add_reason(&text, problem->reason, REASON_WIDTH);
        text_add(&text, "; ");
    }
    text_add(&text, advice[problem->what]);
    if (problem->what == HEALTH_LOCKED)
        text_addf(&text, " until %s",
                  problem->until ? output_time(time, problem->until)
                                 : "a legal hold is lifted");
    output_table_cell(table, text.data);
    text_release(&text);
}

/* Below the jobs: first whether it is well, then what is not. */
static void print_problems(struct catalog *catalog, const struct health *health)
{
    static const struct output_column columns[] = {
        {"LOOK AT", OUTPUT_LEFT}, {"JOB", OUTPUT_LEFT},  {"DATABASE", OUTPUT_LEFT},
        {"STORE", OUTPUT_LEFT},   {"WHAT", OUTPUT_LEFT}, {"FOR", OUTPUT_RIGHT},
        {"REMARKS", OUTPUT_LEFT}};
    static const struct output_fit fit[] = {
        [1] = {.spare = 2}, [5] = {.spare = 1}, [6] = {0}};
    struct output_table table;
    output_table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
    for (size_t i = 0; i < health->problem_count; i++)
        add_problem(&table, catalog, health, &health->problems[i]);
    if (health->problem_count > 0)
        output_text("\n");
    end_table(&table, fit);
    /* Nothing writes there any more, and prune goes on with the rules of the job. */
    if (health->store_count > 0)
        output_text("\n");
    for (size_t i = 0; i < health->store_count; i++) {
        char copies[64];
        output_linef("store \"%s\" is not in the configuration any more: %s in it",
                     health->stores_left[i].name,
                     text_count(copies, health->stores_left[i].copies, "good copy is still",
                                "good copies are still"));
    }
}

/* ---- the command ---- */

/* Why the newest one of these groups is not good: " - the newest one is suspect"; "" when there is
 * none, or it failed, which its run has told. A clock that is behind takes all for wrong. */
static const char *no_good(const struct health *health, const struct health_group *groups,
                           size_t count, char out[160])
{
    *out = '\0';
    for (size_t i = 0; i < count && *out == '\0'; i++) {
        const struct catalog_artifact *newest = groups[i].tried;
        const char *doubt =
            groups[i].regular && newest && newest->status == CATALOG_COMPLETE
                ? health_doubt(health, newest)
                : NULL;
        bool future = doubt && newest->time > health->now + HEALTH_FUTURE_S;
        if (doubt)
            snprintf(out, 160, ": the newest one is %s%s", doubt,
                     future ? ": is the clock of this machine right?" : "");
    }
    return out;
}

/* For monitoring: on stderr, with --quiet too. */
static void report_too_old(const struct health *health, const struct health_job *job)
{
    char age[32], limit[32], why[160];
    /* In the words in which it was given. */
    text_duration(limit, health->max_age_s * 1000);
    /* Without a single good one the databases need not be counted up. */
    if (!job->good) {
        log_error("job \"%s\" has no good backup%s", job->name,
                  no_good(health, job->groups, job->group_count, why));
        return;
    }
    if (job->failed_run)
        log_error("job \"%s\": its last run failed: %s", job->name,
                  job->failed_run->message ? job->failed_run->message : "no reason noted");
    for (size_t i = 0; i < job->group_count; i++) {
        const struct health_group *group = &job->groups[i];
        const char *database = artifact_name_of_database(group->database);
        if (group->missed)
            log_error("job \"%s\": the last run has no backup of \"%s\": %s", job->name,
                      database, health_missed_why(group));
        if (!group->too_old)
            continue;
        if (group->good)
            log_error("job \"%s\": the last good backup of \"%s\" is %s old, more than %s",
                      job->name, database,
                      text_duration(age, health_age(health, group->good) * 1000), limit);
        else
            log_error("job \"%s\": there is no good backup of \"%s\"%s", job->name,
                      database, no_good(health, group, 1, why));
    }
}

/* After the tables: on stderr, with --quiet too, and with --json beside the document. */
static enum outcome verdict(const struct health *health, const struct settings *settings)
{
    bool reported = false;
    for (size_t i = 0; health->too_old && i < health->job_count; i++) {
        if (!health->jobs[i].too_old)
            continue;
        report_too_old(health, &health->jobs[i]);
        reported = true;
    }
    if (health->too_old && !reported)
        log_error("there is no backup in %s", settings->catalog);
    return health->too_old ? OUTCOME_TOO_OLD : OUTCOME_DONE;
}

/* What is read is read once; the document, the tables and the exit status are of the same
 * moment. */
static int run(struct cmd_context *ctx, struct err *err)
{
    const struct settings *settings = ctx->settings;
    struct health_input input = {0};
    struct health health = {0};
    struct health_spec spec = {
        .settings = settings,
        .job = config_args_text(ctx->args, "job"),
        .max_age_s = config_args_number(ctx->args, "max-age", HEALTH_NO_LIMIT),
        .now = clock_now(),
        .runs = &input.runs,
        .run_databases = &input.run_databases,
    };
    enum outcome outcome = OUTCOME_FAILED;
    struct session_spec run_spec = {.kind = "status", .catalog = SESSION_READ_IF_ANY};
    struct session *session = cmd_begin(ctx, &run_spec, err);
    if (session == NULL)
        return -1;
    struct catalog *catalog = session_catalog(session);
    /* What is under way first, to its end; then how it all is. */
    if (catalog && config_args_flag(ctx->args, "follow")) {
        if (status_follow(session, spec.job, settings->json, err) < 0)
            goto cleanup;
        spec.now = clock_now();
        if (settings->json)
            return session_end(session, OUTCOME_DONE, NULL);
    }
    if (health_input_load(&input, catalog, err) < 0)
        goto cleanup;
    /* No clock and no I/O from here on: what is judged is what was read. */
    health_init(&health, &input.artifacts, &spec);
    /* A name that neither the configuration nor the catalog knows is a slip of the pen. */
    if (spec.job && health.job_count == 0 && !settings_require_job(settings, spec.job, err))
        goto cleanup;
    if (settings->json)
        output_json(health_json(&health));
    else if (!settings->quiet && health.job_count == 0)
        output_linef("no backups yet in %s: `pgkeep help backup` says how to take one, "
                     "`pgkeep catalog rebuild` makes a lost catalog anew",
                     settings->catalog);
    else if (!settings->quiet) {
        print_running(catalog, &health);
        print_jobs(&health);
        print_problems(catalog, &health);
    }
    outcome = verdict(&health, settings);
cleanup:
    health_release(&health);
    health_input_release(&input);
    return session_end(session, outcome, err);
}

const struct command cmd_status = {
    .name = "status",
    .usage = "[--max-age DURATION] [--job NAME] [--follow]",
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
        "With --max-age the exit status is 10 when a job has no good backup, when a\n"
        "database that its last run should have dumped has only one that is older, and\n"
        "when the last run missed one; --quiet then prints the reason alone. A database\n"
        "that is gone from the server is shown so, and is no alarm. Of backups by hand\n"
        "(--source), whose next one nobody expects, only the newest is looked at: a\n"
        "job watches each of its databases.\n"
        "\n"
        "--follow shows running backups second by second until they have ended; with\n"
        "--json one object a line.\n"
        "\n"
        "  pgkeep status\n"
        "  pgkeep -q status --max-age 26h || notify-somebody\n",
    .run = run,
};
