/* The catalog as text for Prometheus; with --output as node_exporter's textfile collector wants it:
 * never half a file. */
#include "base/file.h"
#include "cmd/cmd.h"
#include "cmd/output.h"
#include "report/metrics_input.h"

enum { TEXT_MAX = 64 << 20 };

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
    int result = metrics_collect(ctx->settings, session_catalog(session), &text, err);
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
