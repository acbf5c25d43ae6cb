/*
 * `fetch`: into a file, to stdout, or as a link. Whatever is said while it runs goes to
 * stderr, as stdout may be the backup itself.
 */
#include "backup/export.h"
#include "base/clock.h"
#include "base/log.h"
#include "catalog/artifact_list.h"
#include "cmd/artifact_text.h"
#include "cmd/catalog_for.h"
#include "cmd/cmd.h"
#include "cmd/output.h"
#include "cmd/progress.h"
#include "report/artifact_name.h"

#include <unistd.h>

static int presign(struct cmd_context *ctx, const struct copy_reader_spec *from,
                   struct err *err)
{
    char time[32];
    int64_t expires = 0;
    int64_t seconds = config_args_number(ctx->args, "presign", 0);
    struct copy_reader_spec spec = *from;
    spec.purpose = "being read";
    spec.for_url = true;
    if (config_args_has(ctx->args, "output") || config_args_flag(ctx->args, "decode"))
        return cmd_usage(ctx, err, "--presign prints a URL, it fetches nothing");
    struct copy_reader *retrieve = copy_reader_open(&spec, err);
    if (retrieve == NULL)
        return -1;
    char *url = store_presign(copy_reader_access(retrieve)->store,
                              copy_reader_copy(retrieve)->key, seconds, &expires, err);
    copy_reader_close(retrieve);
    if (url == NULL)
        return -1;
    clock_rfc3339(time, expires);
    if (ctx->settings->json)
        output_json(json_pack("{s:s, s:s}", "url", url, "expires", time));
    else
        output_linef("%s", url);
    log_info("anybody who has this URL can read the backup until %s", time);
    free(url);
    return 0;
}

static int fetch(struct cmd_context *ctx, const struct copy_reader_spec *from,
                 struct err *err)
{
    const char *output = config_args_text(ctx->args, "output");
    bool standard = output && strcmp(output, "-") == 0;
    struct meter meter;
    struct export_spec spec = {.from = *from,
                               .form = config_args_flag(ctx->args, "decode")
                                           ? COPY_READER_DECODED
                                           : COPY_READER_STORED,
                               .output = standard ? NULL : output,
                               .fd = STDOUT_FILENO,
                               .force = config_args_flag(ctx->args, "force"),
                               .meter = &meter};
    char *store = NULL;
    if (output == NULL)
        return cmd_usage(ctx, err, "where to? --output FILE, or - for stdout");
    struct progress *progress = progress_new(progress_style(ctx->settings), NULL, err);
    if (progress == NULL)
        return -1;
    /* Of stored bytes there is no estimate in the unit that progress counts. */
    meter_init(&meter, spec.form == COPY_READER_DECODED ? from->artifact->raw_bytes : 0);
    progress_begin(progress, "fetch", artifact_name_database(from->artifact),
                   from->artifact->id, &meter);
    progress_phase(progress, "read");
    int result = export_run(&spec, &store, err);
    progress_finish(progress);
    progress_free(progress);
    if (result == 0)
        log_info("%s: whole and right, from store \"%s\"", from->artifact->id, store);
    free(store);
    return result;
}

static int run_with(struct cmd_context *ctx, struct catalog *catalog, struct err *err)
{
    char id[ULID_SIZE];
    struct catalog_artifact artifact = {0};
    struct copy_reader_spec from = {.settings = ctx->settings,
                                    .catalog = catalog,
                                    .artifact = &artifact,
                                    .store = config_args_text(ctx->args, "store")};
    int result = catalog_artifact_find(catalog, ctx->args->positional.items[0], id, err);
    if (result == 0)
        result = catalog_artifact_load(catalog, id, CATALOG_WITH_COPIES, &artifact, err);
    if (result == 0)
        result = config_args_has(ctx->args, "presign") ? presign(ctx, &from, err)
                                                       : fetch(ctx, &from, err);
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

const struct command cmd_fetch = {
    .name = "fetch",
    .usage = "ID --output FILE|- [--decode] | ID --presign TIME",
    .summary = "copy a backup out of its store, hash-checked",
    .about =
        "Writes the bytes as they lie in the store; with --decode exactly what pg_dump\n"
        "wrote. A file appears under its name only when it is whole and its SHA-256 is\n"
        "that of the manifest. Exit status 6: the bytes are not what was stored.\n"
        "\n"
        "  pgkeep fetch latest:nightly --output shop.sql.gz\n"
        "  pgkeep fetch 01JD7XK2M4 --decode --output - | less\n"
        "  pgkeep fetch 01JD7XK2M4 --presign 1h\n",
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
