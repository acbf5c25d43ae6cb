/* What runs when, and how it went: for people and, as JSON, for a dashboard. */
#include "base/clock.h"
#include "base/memory.h"
#include "cmd/cmd.h"
#include "cmd/output.h"
#include "report/jobs.h"

/* In the order of the columns below. */
static void add_row(struct output_table *table, const struct jobs_row *row, int64_t now)
{
    char text[64], time[32];
    const char *schedule = jobs_schedule(row, text);
    const struct catalog_run *last = row->last;
    output_table_cell(table, row->settings->name);
    output_table_cellf(table, "%s%s", schedule != NULL ? schedule : "by hand",
                       row->settings->enabled ? "" : " (disabled)");
    /* A time that has passed is one that nobody served. */
    if (row->next == SCHEDULE_NEVER)
        output_table_cell(table, NULL);
    else
        output_table_cellf(table, "%s%s", row->next <= now ? "due since " : "",
                           output_time(time, row->next));
    /* When it began, not when it ended: that is what a schedule speaks of. */
    output_table_cell(table, last != NULL ? output_time(time, last->started) : NULL);
    if (last == NULL)
        output_table_cell(table, NULL);
    /* How it failed is the first that anybody asks. */
    else if (last->state == CATALOG_RUN_FAILED)
        output_table_cellf(table, "failed (%lld)", (long long)last->exit_status);
    else
        output_table_cell(table, catalog_run_state_name(last->state));
    output_table_cellf(table, "%lld", (long long)row->counts.total);
    output_table_cellf(table, "%lld", (long long)row->counts.complete);
    output_table_cellf(table, "%lld", (long long)row->counts.failed);
}

/* One line a job; what went wrong with a run is `status`'s to tell. */
static void print_text(const struct jobs *jobs, int64_t now)
{
    static const struct output_column columns[] = {
        {"JOB", OUTPUT_LEFT},         {"SCHEDULE", OUTPUT_LEFT}, {"NEXT RUN", OUTPUT_LEFT},
        {"LAST RUN", OUTPUT_LEFT},    {"STATUS", OUTPUT_LEFT},   {"RUNS", OUTPUT_RIGHT},
        {"SUCCESSFUL", OUTPUT_RIGHT}, {"FAILED", OUTPUT_RIGHT}};
    struct output_table table;
    /* A table without rows would say nothing at all. */
    if (jobs->count == 0) {
        output_linef("no jobs are configured");
        return;
    }
    output_table_init(&table, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < jobs->count; i++)
        add_row(&table, &jobs->items[i], now);
    output_table_print(&table);
    output_table_release(&table);
}

/* Read alone: what is due is done by `run --due` or `serve`. */
static int run(struct cmd_context *ctx, struct err *err)
{
    struct session_spec spec = {.kind = "jobs", .catalog = SESSION_READ_IF_ANY};
    struct session *session = cmd_begin(ctx, &spec, err);
    struct jobs jobs = {0};
    /* One moment for all rows. */
    int64_t now = clock_now();
    if (session == NULL)
        return -1;
    /* Before the first backup there is no catalog; schedules are there all the same. */
    int result = jobs_load(&jobs, ctx->settings, session_catalog(session), now, err);
    if (result == 0)
        result = jobs_load_history(&jobs, session_catalog(session), err);
    if (result == 0 && ctx->settings->json)
        output_json(jobs_json(&jobs));
    else if (result == 0)
        print_text(&jobs, now);
    jobs_release(&jobs);
    return cmd_end(session, result, err);
}

const struct command cmd_jobs = {
    .name = "jobs",
    .usage = "",
    .summary = "show each job: schedule, next run, last run, how many went well",
    .about = "When a job runs next, by its `schedule` or `every`, and what became of its\n"
             "backups so far. \"due since\": nobody ran it; `pgkeep serve`, or\n"
             "`pgkeep run --due` from cron, does. Only the catalog is read.\n"
             "\n"
             "  pgkeep jobs\n"
             "  pgkeep --json jobs\n",
    .flags = CMD_NO_STORES,
    .run = run,
};
