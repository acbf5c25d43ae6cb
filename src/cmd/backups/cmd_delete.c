/*
 * `delete`: the same call shows and does, so that what is shown is what would be done. Refusals
 * (a pin, a lease, the last good one) come from inside the transaction that marks, and so they
 * come without --yes as well.
 */
#include "prune/delete_artifact.h"
#include "base/clock.h"
#include "base/memory.h"
#include "cmd/cmd.h"
#include "cmd/output.h"
#include "report/artifact_name.h"
#include "report/run_json.h"

/* A line for each copy that goes; those that stay are not told. */
static void print_text(const struct delete_outcome *outcome, bool yes, bool refused)
{
    const struct catalog_artifact *artifact = &outcome->artifact;
    char *name = artifact_name_of(artifact);
    /* No copy is left anywhere: the row alone goes. */
    if (outcome->only_row)
        output_linef("%s  %s", name, yes ? "deleted" : "would be deleted");
    for (size_t i = 0; i < artifact->copy_count; i++) {
        /* The same answer as in JSON, for each copy that goes. */
        struct run_deletion one;
        char size[32];
        if (!run_deletion_of(outcome, i, &one))
            continue;
        output_linef("%s  store %s  %s  %s%s%s", name, one.copy->store,
                     text_size(size, one.copy->bytes),
                     yes ? one.result : "would be deleted", one.reason ? ": " : "",
                     one.reason ? one.reason : "");
    }
    free(name);
    if (!yes && !refused)
        output_text("nothing is deleted without --yes\n");
}

/* One call that shows or does; what it refuses it refuses in both. */
static int run(struct cmd_context *ctx, struct err *err)
{
    char id[ULID_SIZE];
    char *store = NULL;
    /* With it the run takes the lock of removals and is recorded; without it nothing is. */
    bool yes = config_args_flag(ctx->args, "yes");
    struct delete_outcome outcome = {0};
    struct session_spec run_spec = delete_session(yes);
    struct session *session = cmd_begin(ctx, &run_spec, err);
    if (session == NULL)
        return -1;
    struct delete_spec spec = {.session = session,
                               .id = id,
                               .yes = yes,
                               .force = config_args_text(ctx->args, "force-unsafe"),
                               .now = clock_now()};
    int result = cmd_find_artifact(ctx, session, id, err);
    /* The option may be the URL of a store; its copies go by the name in the catalog. */
    if (result == 0)
        result = cmd_store_name(ctx, session, &store, err);
    spec.store = store;
    if (result == 0)
        result = delete_artifact(&spec, &outcome, err);
    if (result < 0)
        cmd_name_artifact(&outcome.artifact, err);
    /* What a hash would override is shown with its refusal. */
    bool refused = result < 0 && outcome.last_good;
    if ((result == 0 || refused) && ctx->settings->json)
        output_json(run_json_deleted(&outcome, !yes || refused, refused ? err : NULL));
    else if (result == 0 || refused)
        print_text(&outcome, yes && !refused, refused);
    /* What a store did not let go is partial, not failed: it is marked, and goes later. */
    int status = result < 0 ? cmd_end(session, result, err)
                            : session_end(session, delete_artifact_outcome(&outcome), NULL);
    delete_outcome_release(&outcome);
    free(store);
    return status;
}

const struct command cmd_delete = {
    .name = "delete",
    .usage = "ID [--store NAME] [--yes] [--force-unsafe HASH]",
    .summary = "delete one artifact, or one copy of it",
    .about =
        "Without --yes it only says what would go. The manifest goes first, then the\n"
        "rest; what a store refuses or does not answer is tried again by the next prune\n"
        "or sweep.\n"
        "\n"
        "Refused (exit status 9): what is pinned, what is being restored, verified or\n"
        "copied, and the last good backup of a database. The last of these goes with\n"
        "--force-unsafe and the hash that the refusal prints: so a job or a database\n"
        "that was given up can be removed. Exit status 8: a copy could not be deleted\n"
        "yet.\n"
        "\n"
        "  pgkeep delete 01JD7XK2M4\n"
        "  pgkeep delete 01JD7XK2M4 --store nas --yes\n",
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
