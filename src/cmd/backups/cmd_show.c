/*
 * `show`: the catalog alone is read, so it answers also when no store does. Everything that is
 * known of one artifact, with its tables and every check that was ever made of its copies; with
 * a key from this page it can be restored without pgkeep.
 */
#include "base/clock.h"
#include "report/artifact_json.h"
#include "cmd/artifact_text.h"
#include "cmd/cmd.h"
#include "cmd/output.h"

/* For reading alone: it works beside everything that runs. */
static int run(struct cmd_context *ctx, struct err *err)
{
    struct session_spec spec = {.kind = "show", .catalog = SESSION_READ};
    struct catalog_verifications verifications = {0};
    struct catalog_artifact artifact;
    struct session *session = cmd_begin(ctx, &spec, err);
    const struct artifact_view view = {clock_now(), ctx->settings};
    if (session == NULL)
        return -1;
    int result = cmd_load_artifact(ctx, session, CATALOG_WITH_COPIES | CATALOG_WITH_TABLES,
                                   &artifact, err);
    /* The whole history, of every copy. */
    if (result == 0)
        result = catalog_verifications_of(session_catalog(session), artifact.id, 0,
                                          &verifications, err);
    if (result == 0 && ctx->settings->json)
        output_json(artifact_json_detail(&artifact, &verifications, &view));
    else if (result == 0)
        artifact_text_page(&artifact, &verifications, &view);
    catalog_verifications_release(&verifications);
    catalog_artifact_release(&artifact);
    return cmd_end(session, result, err);
}

const struct command cmd_show = {
    .name = "show",
    .usage = "ID",
    .summary = "show everything known about one artifact",
    .about =
        "Sizes, hashes, versions, copies with their keys, tables with their rows, and\n"
        "every verification. A key is relative to the store: with it the artifact can\n"
        "be fetched and restored without pgkeep.\n"
        "\n"
        "  pgkeep show latest\n"
        "  pgkeep show 01JD7XK2M4 --json\n",
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
