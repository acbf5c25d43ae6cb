/*
 * `fetch`: into a file, to stdout, or as a link. Whatever is said while it runs goes to
 * stderr, as stdout may be the backup itself.
 */
#include "backup/export.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "cmd/cmd.h"
#include "cmd/output.h"
#include "report/artifact_name.h"
#include "report/run_json.h"

#include <unistd.h>

/* A link is for who has no pgkeep: to one object, of a copy that is good as far as we know. */
static int presign(struct cmd_context *ctx, const struct copy_reader_spec *from,
                   struct err *err)
{
    char time[32];
    int64_t expires = 0;
    int64_t seconds = config_args_number(ctx->args, "presign", 0);
    struct copy_reader_spec spec = *from;
    /* Leased only while the URL is made: who reads it later is on his own. */
    spec.purpose = "being read";
    spec.for_url = true;
    if (config_args_has(ctx->args, "output") || config_args_flag(ctx->args, "decode"))
        return cmd_usage(ctx, err, "--presign prints a URL, it fetches nothing");
    /* A copy that is known to be whole; a folder has no URLs. */
    struct copy_reader *retrieve = copy_reader_open(&spec, err);
    if (retrieve == NULL)
        return -1;
    char *url = store_presign(copy_reader_repository(retrieve)->store,
                              copy_reader_copy(retrieve)->key, seconds, &expires, err);
    copy_reader_close(retrieve);
    if (url == NULL)
        return -1;
    char *name = artifact_name_of(from->artifact);
    if (ctx->settings->json)
        output_json(run_json_presigned(from->artifact, url, expires));
    else
        output_linef("%s", url);
    log_info("anybody who has this URL can read %s until %s", name,
             clock_local(time, expires));
    free(name);
    free(url);
    return 0;
}

/* "-" is stdout. */
static int fetch(struct cmd_context *ctx, const struct copy_reader_spec *from,
                 struct err *err)
{
    const char *output = config_args_text(ctx->args, "output");
    bool standard = output && strcmp(output, "-") == 0;
    struct export_spec spec = {.from = *from,
                               .form = config_args_flag(ctx->args, "decode")
                                           ? COPY_READER_DECODED
                                           : COPY_READER_STORED,
                               .output = standard ? NULL : output,
                               .fd = STDOUT_FILENO,
                               .force = config_args_flag(ctx->args, "force")};
    char *store = NULL;
    /* A backup on a terminal helps nobody, so a file has to be named. */
    if (output == NULL)
        return cmd_usage(ctx, err, "where to? --output FILE, or - for stdout");
    if (standard)
        output_taken();
    /* Only when it returns 0 was all of it right; a file has its name from then on. */
    int result = export_run(&spec, &store, err);
    char *name = artifact_name_of(from->artifact);
    if (result == 0)
        log_info("%s: whole and right, from store \"%s\"", name, store);
    if (result == 0 && ctx->settings->json && !standard)
        output_json(run_json_fetched(&spec, store));
    free(name);
    free(store);
    return result;
}

/* A link or the bytes: the artifact and the store are chosen alike. */
static int work(struct cmd_context *ctx, struct session *session, struct err *err)
{
    struct catalog_artifact artifact;
    struct copy_reader_spec from = {.session = session, .artifact = &artifact};
    char *store = NULL;
    int result = cmd_load_artifact(ctx, session, CATALOG_WITH_COPIES, &artifact, err);
    if (result == 0)
        result = cmd_store_name(ctx, session, &store, err);
    /* NULL: whichever store has a good copy, folders first. */
    from.store = store;
    if (result == 0)
        result = config_args_has(ctx->args, "presign") ? presign(ctx, &from, err)
                                                       : fetch(ctx, &from, err);
    if (result < 0)
        cmd_name_artifact(&artifact, err);
    catalog_artifact_release(&artifact);
    free(store);
    return cmd_end(session, result, err);
}

/* Needs the catalog for writing: a lease keeps a prune from the copy meanwhile. */
static int run(struct cmd_context *ctx, struct err *err)
{
    const struct session_spec spec = {.kind = "fetch", .catalog = SESSION_WRITE};
    return cmd_run_shown(ctx, &spec, work, err);
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
