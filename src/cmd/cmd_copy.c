/*
 * `copy`: names to ids, one call of transfer.h, recorded as a run. What it may and may not
 * replace is decided there.
 */
#include "backup/copy_artifact.h"
#include "session/exit_status.h"
#include "base/json.h"
#include "base/log.h"
#include "base/memory.h"
#include "catalog/artifact_list.h"
#include "catalog/runs.h"
#include "cmd/artifact_text.h"
#include "cmd/catalog_for.h"
#include "cmd/cmd.h"
#include "cmd/output.h"
#include "cmd/progress.h"
#include "report/artifact_name.h"

static void print(const struct cmd_context *ctx, const struct copy_artifact_spec *spec,
                  const struct copy_artifact_result *result)
{
    char size[32], resumed[32];
    const char *outcome = copy_artifact_outcome_name(result->outcome);
    if (ctx->settings->json)
        output_json(json_pack("{s:s, s:o, s:o, s:s, s:I, s:I}", "id", spec->id, "from",
                              json_bytes(spec->from), "to", json_bytes(spec->to), "outcome",
                              outcome, "bytes", (json_int_t)result->bytes, "resumed_bytes",
                              (json_int_t)result->resumed));
    else if (result->outcome == COPY_ARTIFACT_PRESENT)
        output_linef("%s: store \"%s\" has a good copy already", spec->id, spec->to);
    else if (result->outcome == COPY_ARTIFACT_RESUMED)
        output_linef("%s: copied to store \"%s\", %s (%s of it had been sent before)",
                     spec->id, spec->to, text_size(size, result->bytes),
                     text_size(resumed, result->resumed));
    else
        output_linef("%s: %s to store \"%s\", %s", spec->id,
                     result->outcome == COPY_ARTIFACT_HEALED ? "copied anew" : "copied",
                     spec->to, text_size(size, result->bytes));
}

static int transfer(struct cmd_context *ctx, const struct copy_artifact_spec *given,
                    struct err *err)
{
    struct meter meter;
    struct copy_artifact_spec spec = *given;
    struct copy_artifact_result result;
    struct catalog_artifact artifact = {0};
    struct progress *progress = NULL;
    int done = -1;
    if (catalog_artifact_load(spec.catalog, spec.id, 0, &artifact, err) == 0)
        progress = progress_new(progress_style(ctx->settings), NULL, err);
    if (progress) {
        /* No estimate: only stored bytes move, and the percentage is one of raw bytes. */
        meter_init(&meter, 0);
        spec.meter = &meter;
        progress_begin(progress, "copy", artifact_name_database(&artifact), spec.id,
                       &meter);
        progress_phase(progress, spec.to);
        done = copy_artifact_run(&spec, &result, err);
        progress_finish(progress);
    }
    progress_free(progress);
    catalog_artifact_release(&artifact);
    if (done == 0)
        print(ctx, &spec, &result);
    return done;
}

static int run_recorded(struct cmd_context *ctx, const struct copy_artifact_spec *spec,
                        struct err *err)
{
    struct err trouble = {0};
    int64_t run = 0;
    if (catalog_run_begin(spec->catalog, "copy", NULL, &run, err) < 0)
        return -1;
    int result = transfer(ctx, spec, err);
    int status = result < 0 ? exit_status_of(OUTCOME_FAILED, err->kind, NULL) : CMD_DONE;
    if (catalog_run_end(spec->catalog, run, status, result < 0 ? err->text : NULL,
                        &trouble) < 0)
        log_warning("%s", trouble.text);
    return result;
}

static int run_with(struct cmd_context *ctx, struct catalog *catalog, struct err *err)
{
    char id[ULID_SIZE];
    const struct config_args *args = ctx->args;
    char *to = NULL;
    char *from =
        repository_name(ctx->settings, catalog, config_args_text(args, "from"), err);
    if (from)
        to = repository_name(ctx->settings, catalog, config_args_text(args, "to"), err);
    int result =
        to ? catalog_artifact_find(catalog, args->positional.items[0], id, err) : -1;
    struct copy_artifact_spec spec = {
        .settings = ctx->settings, .catalog = catalog, .id = id, .from = from, .to = to};
    if (result == 0)
        result = run_recorded(ctx, &spec, err);
    free(from);
    free(to);
    return result;
}

static int run(struct cmd_context *ctx, struct err *err)
{
    if (!config_args_has(ctx->args, "from") || !config_args_has(ctx->args, "to"))
        return cmd_usage(ctx, err, "from where to where? --from STORE --to STORE");
    struct catalog *catalog = catalog_for_using(ctx->settings, CATALOG_WRITE, err);
    int result = catalog ? run_with(ctx, catalog, err) : -1;
    catalog_close(catalog);
    return result;
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
