/*
 * `cat`: the rows of one table to stdout, without a database.
 */
#include "backup/table_rows.h"
#include "base/file.h"
#include "base/log.h"
#include "cmd/cmd.h"

#include <errno.h>
#include <unistd.h>

/* stdout is the result, so nothing else goes there. *closed: nobody reads it any more. */
static int write_stdout(void *context, const void *data, size_t size, struct err *err)
{
    bool *closed = context;
    if (file_write_all(STDOUT_FILENO, data, size) == 0)
        return 0;
    *closed = errno == EPIPE;
    return err_errno(err, ERR_SYSTEM, "writing to stdout");
}

/* No database is needed: chunks of the table are read by ranges, checked, and taken apart. */
static int work(struct cmd_context *ctx, struct session *session, struct err *err)
{
    struct catalog_artifact artifact;
    const char *format = config_args_text(ctx->args, "format");
    bool closed = false;
    struct table_rows_spec spec = {.from = {.session = session, .artifact = &artifact},
                                   .table = config_args_text(ctx->args, "table"),
                                   .columns = config_args_text(ctx->args, "columns"),
                                   .limit =
                                       (uint64_t)config_args_number(ctx->args, "limit", 0),
                                   .out = {.write = write_stdout, .context = &closed}};
    char *store = NULL;
    uint64_t count = 0;
    int result = cmd_load_artifact(ctx, session, CATALOG_WITH_COPIES, &artifact, err);
    if (result == 0)
        result = cmd_store_name(ctx, session, &store, err);
    spec.from.store = store;
    if (format == NULL)
        format = ctx->settings->json ? "json" : "csv";
    (void)table_rows_format_from_name(format, &spec.format);
    if (result == 0)
        result = table_rows_run(&spec, &count, err);
    /* `| head` has what it wanted: the rows were for a person, and none of them was wrong. */
    if (result < 0 && closed) {
        err_clear(err);
        result = 0;
    }
    if (result == 0)
        log_debug("%llu rows of database \"%s\"", (unsigned long long)count,
                  artifact.database);
    catalog_artifact_release(&artifact);
    free(store);
    return cmd_end(session, result, err);
}

/* Like fetch, but of one table. */
static int run(struct cmd_context *ctx, struct err *err)
{
    const struct session_spec spec = {.kind = "cat", .catalog = SESSION_WRITE};
    return cmd_run_shown(ctx, &spec, work, err);
}

const struct command cmd_cat = {
    .name = "cat",
    .usage = "ID --table PATTERN [--format csv|copy|json] [options]",
    .summary = "show the rows of one table of a backup, without a database",
    .about =
        "Reads just the chunks of that table (plain format), checks them and prints\n"
        "their rows. PATTERN is pg_dump's and must fit one table. csv: NULL is nothing,\n"
        "the empty text \"\"; copy: as COPY writes them; json: an object a line, values\n"
        "are texts. --json alone is --format json.\n"
        "\n"
        "  pgkeep cat latest:nightly/shop --table public.orders --limit 10\n"
        "  pgkeep cat 01JD7XK2M4 --table orders --columns id,total --format json\n",
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
