/*
 * `restore`: the command line becomes a struct restore_spec. What of it a backup allows is
 * checked in restore.c, so that the command and later callers refuse the same things.
 */
#include "backup/restore.h"
#include "base/clock.h"
#include "base/memory.h"
#include "cmd/cmd.h"
#include "cmd/output.h"
#include "report/artifact_name.h"
#include "report/run_json.h"

static void report_done(const struct cmd_context *ctx,
                        const struct catalog_artifact *artifact,
                        const struct restore_done *done, int64_t milliseconds)
{
    char time[32], size[32];
    if (ctx->settings->json) {
        output_json(run_json_restored(artifact, done, milliseconds));
        return;
    }
    char *name = artifact_name_of(artifact);
    output_linef("%s restored into database \"%s\" from store \"%s\": %s in %s", name,
                 done->database, done->store, text_size(size, artifact->raw_bytes),
                 text_duration(time, milliseconds));
    free(name);
}

/* The command line as a struct; how long it took is the person's time, so measured here. */
static int work(struct cmd_context *ctx, struct session *session, struct err *err)
{
    int64_t start = clock_monotonic_ms();
    struct catalog_artifact artifact;
    struct restore_done done = {0};
    struct restore_spec spec = {
        .from = {.session = session, .artifact = &artifact},
        .conninfo = config_args_text(ctx->args, "to"),
        .create = config_args_flag(ctx->args, "create"),
        .into_nonempty = config_args_flag(ctx->args, "into-nonempty"),
        .tables = config_args_list(ctx->args, "table"),
        .schemas = config_args_list(ctx->args, "schema"),
        .section = config_args_text(ctx->args, "section"),
        .no_owner = config_args_flag(ctx->args, "no-owner"),
        .no_privileges = config_args_flag(ctx->args, "no-privileges")};
    char *store = NULL;
    int result = cmd_load_artifact(ctx, session, CATALOG_WITH_COPIES, &artifact, err);
    if (result == 0)
        result = cmd_store_name(ctx, session, &store, err);
    spec.from.store = store;
    if (result == 0)
        result = restore_run(&spec, &done, err);
    if (result == 0)
        report_done(ctx, &artifact, &done, clock_monotonic_ms() - start);
    restore_done_release(&done);
    catalog_artifact_release(&artifact);
    free(store);
    return cmd_end(session, result, err);
}

static int run(struct cmd_context *ctx, struct err *err)
{
    const struct session_spec spec = {.kind = "restore", .catalog = SESSION_WRITE};
    if (config_args_number(ctx->args, "parallel", 1) > 1)
        return err_set(err, ERR_USAGE,
                       "--parallel: restores run on one connection in this version");
    return cmd_run_shown(ctx, &spec, work, err);
}

const struct command cmd_restore = {
    .name = "restore",
    .usage = "ID --to CONNINFO [--create] [options]",
    .summary = "bring a backup back into a database",
    .about =
        "Streams the backup into psql (plain) or pg_restore (custom), each chunk only\n"
        "after its hash was right. The target must be empty of tables; with --create it\n"
        "must not exist and is made like the source. Nothing is ever dropped. A restore\n"
        "that fails leaves the target as far as it got, and says so.\n"
        "--table, --schema, --section, --no-owner and --no-privileges work with backups\n"
        "of format custom.\n"
        "\n"
        "With a URL as --store neither a catalog nor a configuration is needed.\n"
        "\n"
        "  pgkeep restore latest:nightly --to \"host=db dbname=shop_copy\" --create\n"
        "  pgkeep restore 01JD7XK2M4 --to dbname=scratch --table orders\n",
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
