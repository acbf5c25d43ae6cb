/*
 * `copy`: names to ids, and one call of copy_artifact.h. What it may and may not replace is
 * decided there.
 *
 * Store names first, artifact second: a URL that nobody knows yet gets its row, so that a copy
 * that breaks off can be resumed by the same command line.
 */
#include "backup/copy_artifact.h"
#include "base/memory.h"
#include "cmd/cmd.h"
#include "cmd/output.h"
#include "report/artifact_name.h"
#include "report/run_json.h"

/* What came of it, in the word that a script gets, too. */
static void print(const struct cmd_context *ctx, const struct catalog_artifact *artifact,
                  const struct copy_artifact_spec *spec,
                  const struct copy_artifact_result *result)
{
    char *name = artifact_name_of(artifact);
    char size[32], resumed[32];
    if (ctx->settings->json)
        output_json(run_json_copied(artifact, spec, result));
    /* A sentence for each outcome: in text nobody should have to know its word. */
    else if (result->outcome == COPY_ARTIFACT_PRESENT)
        output_linef("%s: store \"%s\" has a good copy already", name, spec->to);
    else if (result->outcome == COPY_ARTIFACT_RESUMED)
        output_linef("%s: copied to store \"%s\", %s (%s of it had been sent before)", name,
                     spec->to, text_size(size, result->bytes),
                     text_size(resumed, result->resumed));
    else
        output_linef("%s: %s to store \"%s\", %s", name,
                     result->outcome == COPY_ARTIFACT_HEALED ? "copied anew" : "copied",
                     spec->to, text_size(size, result->bytes));
    free(name);
}

/* From names to ids, then one call; recorded, as it changes what a store holds. */
static int work(struct cmd_context *ctx, struct session *session, struct err *err)
{
    struct catalog_artifact artifact = {0};
    const struct config_args *args = ctx->args;
    struct catalog *catalog = session_catalog(session);
    struct copy_artifact_result result;
    char *to = NULL;
    /* Names as the catalog knows them, also where a URL was given. */
    char *from =
        repository_name(ctx->settings, catalog, config_args_text(args, "from"), err);
    if (from)
        to = repository_name(ctx->settings, catalog, config_args_text(args, "to"), err);
    int done = to ? cmd_load_artifact(ctx, session, 0, &artifact, err) : -1;
    struct copy_artifact_spec spec = {
        .session = session, .id = artifact.id, .from = from, .to = to};
    if (done == 0)
        done = copy_artifact_run(&spec, &result, err);
    if (done == 0)
        print(ctx, &artifact, &spec, &result);
    if (done < 0)
        cmd_name_artifact(&artifact, err);
    catalog_artifact_release(&artifact);
    free(from);
    free(to);
    return cmd_end(session, done, err);
}

/* Both ends must be named: a default would be a guess about where backups go. */
static int run(struct cmd_context *ctx, struct err *err)
{
    const struct session_spec spec = {
        .kind = "copy", .catalog = SESSION_WRITE, .recorded = true};
    if (!config_args_has(ctx->args, "from") || !config_args_has(ctx->args, "to"))
        return cmd_usage(ctx, err, "from where to where? --from STORE --to STORE");
    return cmd_run_shown(ctx, &spec, work, err);
}

const struct command cmd_copy = {
    .name = "copy",
    .usage = "ID --from STORE --to STORE",
    .summary = "bring a backup into another store",
    .about =
        "Streams the stored bytes from one store to the other, hash-checked; the copy\n"
        "counts once its manifest lies there, which is written last. A copy that is\n"
        "missing, damaged or failed in the target is replaced, one that is good stays.\n"
        "STORE is a name of the configuration, of an ad-hoc store of the catalog, or a\n"
        "URL. Meanwhile nothing removes the source.\n"
        "\n"
        "A copy that was killed is continued where it was by the same command.\n"
        "Exit status 6: the source is not what was stored; nothing is in the target.\n"
        "\n"
        "  pgkeep copy latest:nightly --from nas --to offsite\n"
        "  pgkeep copy 01JD7XK2M4 --from offsite --to dir:/mnt/usb/backups\n",
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
