/* The catalog as text for Prometheus; with --output as node_exporter's textfile collector wants it:
 * never half a file. */
#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "cmd/cmd.h"
#include "cmd/output.h"
#include "report/health_input.h"
#include "report/metrics.h"

enum { TEXT_MAX = 64 << 20 };

/* The same facts as `status` and `list`, counted. */
static int collect(struct cmd_context *ctx, struct catalog *catalog, struct text *out,
                   struct err *err)
{
    /* Each is released whether it was filled or not. */
    struct health_input facts = {0};
    struct jobs jobs = {0};
    struct catalog_totals totals = {0};
    struct catalog_drills drills = {0};
    int64_t now = clock_now();
    int result = jobs_load(&jobs, ctx->settings, catalog, now, err);
    if (result == 0)
        result = jobs_load_history(&jobs, catalog, err);
    if (result == 0)
        result = health_input_load(&facts, catalog, err);
    if (result == 0 && catalog != NULL)
        result = catalog_totals_list(catalog, NULL, &totals, err);
    if (result == 0 && catalog != NULL)
        result = catalog_drills_last(catalog, &drills, err);
    /* From here on no I/O: what is told is of one moment. */
    if (result == 0) {
        struct health health = {0};
        struct health_spec spec = {.settings = ctx->settings,
                                   .max_age_s = HEALTH_NO_LIMIT,
                                   .now = now,
                                   .runs = &facts.runs,
                                   .run_databases = &facts.run_databases};
        health_init(&health, &facts.artifacts, &spec);
        const struct metrics_input input = {.health = &health,
                                            .jobs = &jobs,
                                            .artifacts = &facts.artifacts,
                                            .totals = &totals,
                                            .drills = &drills,
                                            .settings = ctx->settings};
        metrics_add(&input, out);
        health_release(&health);
        result = text_check(out, "the metrics", err);
    }
    catalog_drills_release(&drills);
    catalog_totals_release(&totals);
    jobs_release(&jobs);
    health_input_release(&facts);
    return result;
}

/* Readable by the exporter, which is another user. Not brought to disk: after a crash of the
 * machine it is written anew within minutes. */
static int write_file(const char *path, const struct text *text, struct err *err)
{
    const struct file_content content = {text->data, text->length, 0644, false};
    return file_replace(path, &content, err);
}

/* Into a file atomically: node_exporter may read at any moment. */
static int run(struct cmd_context *ctx, struct err *err)
{
    const char *path = config_args_text(ctx->args, "output");
    struct session_spec spec = {.kind = "metrics", .catalog = SESSION_READ_IF_ANY};
    struct text text;
    /* Its format is Prometheus' own; `jobs` and `status` tell the same as JSON. */
    if (ctx->settings->json)
        return cmd_usage(ctx, err,
                         "metrics are text for Prometheus: `pgkeep --json status` and "
                         "`pgkeep --json jobs` are documents");
    struct session *session = cmd_begin(ctx, &spec, err);
    if (session == NULL)
        return -1;
    /* As a whole before any of it goes out. */
    text_init(&text, TEXT_MAX);
    int result = collect(ctx, session_catalog(session), &text, err);
    /* "-" is stdout, as everywhere. */
    if (result == 0 && path != NULL && strcmp(path, "-") != 0)
        result = write_file(path, &text, err);
    else if (result == 0)
        output_text(text.data);
    text_release(&text);
    return cmd_end(session, result, err);
}

const struct command cmd_metrics = {
    .name = "metrics",
    .usage = "[--output FILE]",
    .summary = "print what is known as metrics for Prometheus",
    .about =
        "Age, size, duration, last proof of the last good backup of each database, copies\n"
        "by state, runs by result, how long a job has been due, bytes that were sent and\n"
        "sent again, what was deleted. --output writes a file in\n"
        "one step, for the textfile collector of node_exporter. Only the catalog is\n"
        "read.\n"
        "\n"
        "  pgkeep metrics\n"
        "  * * * * * pgkeep -q metrics --output /var/lib/node_exporter/pgkeep.prom\n",
    .flags = CMD_NO_STORES,
    .run = run,
};
