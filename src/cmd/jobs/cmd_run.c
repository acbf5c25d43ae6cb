/*
 * What `serve` does, once: each run is a process of its own, and what became of it is read from the
 * catalog, where it stands whatever became of the process.
 */
#include "base/log.h"
#include "base/memory.h"
#include "cmd/cmd.h"
#include "cmd/output.h"
#include "notify/tell.h"
#include "report/jobs.h"
#include "serve/serve.h"

/* The exit status of all: that of the only one; of several, 8 when some went well. */
static int add_up(struct catalog *catalog, const struct serve_once *once, json_t *list,
                  int *status, struct err *err)
{
    size_t good = 0;
    int first = 0;
    for (size_t i = 0; i < once->count; i++) {
        struct catalog_runs runs = {0};
        if (catalog_run_load(catalog, once->runs[i], &runs, err) < 0) {
            catalog_runs_release(&runs);
            return -1;
        }
        /* One that never began has no status; it is a failure of ours. */
        for (size_t j = 0; j < runs.count; j++) {
            int one = runs.items[j].exit_status < 0 ? 1 : (int)runs.items[j].exit_status;
            good += one == 0;
            first = first == 0 ? one : first;
            if (list != NULL)
                (void)json_array_append_new(list, jobs_run_json(&runs.items[j]));
        }
        catalog_runs_release(&runs);
    }
    *status = first != 0 && good > 0 && first != 130 && first != 143 ? 8 : first;
    return 0;
}

/* All names before the first is run: a slip of the pen is told at once. */
static int check_arguments(struct cmd_context *ctx, struct err *err)
{
    const struct strlist *names = &ctx->args->positional;
    /* Either the names or what is due, never both. */
    bool due = config_args_flag(ctx->args, "due");
    if (due == (names->count > 0))
        return cmd_usage(ctx, err,
                         due ? "--due chooses the jobs by itself"
                             : "which job? name one, or give --due");
    for (size_t i = 0; i < names->count; i++) {
        if (settings_require_job(ctx->settings, names->items[i], err) == NULL)
            return -1;
    }
    return 0;
}

/* A run by hand is one like any other: it has a record and its hooks. */
static int run(struct cmd_context *ctx, struct err *err)
{
    struct session_spec spec = {.kind = "run", .catalog = SESSION_CREATE};
    struct serve_once once = {.results = !ctx->settings->json};
    int status = 0;
    if (check_arguments(ctx, err) < 0)
        return -1;
    struct session *session = cmd_begin(ctx, &spec, err);
    if (session == NULL)
        return -1;
    /* Without --due these jobs, whether they are due or not. */
    if (!config_args_flag(ctx->args, "due"))
        once.jobs = &ctx->args->positional;
    json_t *list = ctx->settings->json ? json_array() : NULL;
    /* Before and after: a round may take hours, and what is stale need not wait for it. */
    tell_now(ctx->settings);
    int result = serve_once(session, &once, err);
    if (result == 0)
        result = add_up(session_catalog(session), &once, list, &status, err);
    if (result == 0 && once.count == 0)
        log_debug("nothing is due");
    if (result == 0 && list != NULL)
        output_json(json_pack("{s:O}", "runs", list));
    json_decref(list);
    free(once.runs);
    tell_now(ctx->settings);
    /* The session's own end says only whether we could do our part. */
    int ended = cmd_end(session, result, err);
    return result == 0 ? status : ended;
}

const struct command cmd_run = {
    .name = "run",
    .usage = "JOB... | --due",
    .summary = "run jobs as `serve` would: these, or those that are due",
    .about =
        "Each job runs in a process of its own; what it prints and says is passed on.\n"
        "With --due whatever is due by its schedule is run, at most max_concurrent at\n"
        "once, and the command ends when all have: for cron and for Kubernetes, a line\n"
        "every few minutes instead of `pgkeep serve`. Rounds may overlap, and a running\n"
        "`serve` does no harm: each due time is run once.\n"
        "\n"
        "Exit status 0: all went well, or nothing was due; 8: some did; else that of the\n"
        "first that failed.\n"
        "\n"
        "  */5 * * * * pgkeep -q run --due >/dev/null\n"
        "  pgkeep run nightly\n",
    .max_args = SIZE_MAX,
    .flags = CMD_NO_STORES,
    .run = run,
};
