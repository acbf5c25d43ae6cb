/*
 * `restore`: the command line becomes a struct restore_spec. What of it a backup allows is
 * checked in restoring.c, so that the command and later callers refuse the same things.
 */
#include "backup/restore.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "catalog/artifact_list.h"
#include "cmd/artifact_text.h"
#include "cmd/catalog_for.h"
#include "cmd/cmd.h"
#include "cmd/output.h"
#include "cmd/progress.h"
#include "report/artifact_name.h"

static void on_phase(void *context, const char *phase)
{
    progress_phase(context, phase);
}

static void say_done(const struct cmd_context *ctx, const struct catalog_artifact *artifact,
                     const struct restore_done *done, int64_t milliseconds)
{
    char time[32], size[32];
    if (ctx->settings->json) {
        output_json(json_pack("{s:s, s:o, s:s, s:I, s:I}", "id", artifact->id, "database",
                              json_bytes(done->database), "store", done->store, "raw_bytes",
                              (json_int_t)artifact->raw_bytes, "duration_ms",
                              (json_int_t)milliseconds));
        return;
    }
    output_linef("%s restored into database \"%s\" from store \"%s\": %s in %s",
                 artifact->id, done->database, done->store,
                 text_size(size, artifact->raw_bytes), text_duration(time, milliseconds));
}

static int restore(struct cmd_context *ctx, struct catalog *catalog,
                   const struct catalog_artifact *artifact, struct progress *progress,
                   struct err *err)
{
    struct meter meter;
    struct restore_done done = {0};
    struct restore_spec spec = {
        .from = {.settings = ctx->settings,
                 .catalog = catalog,
                 .artifact = artifact,
                 .store = config_args_text(ctx->args, "store")},
        .conninfo = config_args_text(ctx->args, "to"),
        .create = config_args_flag(ctx->args, "create"),
        .into_nonempty = config_args_flag(ctx->args, "into-nonempty"),
        .tables = config_args_list(ctx->args, "table"),
        .schemas = config_args_list(ctx->args, "schema"),
        .section = config_args_text(ctx->args, "section"),
        .no_owner = config_args_flag(ctx->args, "no-owner"),
        .no_privileges = config_args_flag(ctx->args, "no-privileges"),
        .meter = &meter,
        .phase = on_phase,
        .context = progress};
    meter_init(&meter, artifact->raw_bytes);
    progress_begin(progress, "restore", artifact_name_database(artifact), artifact->id,
                   &meter);
    int result = restore_run(&spec, &done, err);
    progress_finish(progress);
    if (result == 0)
        say_done(ctx, artifact, &done, clock_monotonic_ms() - meter.started_ms);
    restore_done_release(&done);
    return result;
}

static int run_with(struct cmd_context *ctx, struct catalog *catalog, struct err *err)
{
    char id[ULID_SIZE];
    struct catalog_artifact artifact = {0};
    struct progress *progress = NULL;
    if (config_args_number(ctx->args, "parallel", 1) > 1) {
        err_set(err, ERR_USAGE,
                "--parallel: restores run on one connection in this version");
        return -1;
    }
    int result = catalog_artifact_find(catalog, ctx->args->positional.items[0], id, err);
    if (result == 0)
        result = catalog_artifact_load(catalog, id, CATALOG_WITH_COPIES, &artifact, err);
    if (result == 0) {
        progress = progress_new(progress_style(ctx->settings), NULL, err);
        result = progress ? restore(ctx, catalog, &artifact, progress, err) : -1;
    }
    progress_free(progress);
    catalog_artifact_release(&artifact);
    return result;
}

static int run(struct cmd_context *ctx, struct err *err)
{
    struct catalog *catalog = catalog_for_using(ctx->settings, CATALOG_WRITE, err);
    int result = catalog ? run_with(ctx, catalog, err) : -1;
    catalog_close(catalog);
    return result;
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
        "  pgkeep restore latest:nightly --to \"host=db dbname=shop_copy\" --create\n"
        "  pgkeep restore 01JD7XK2M4 --to dbname=scratch --table orders\n",
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
