/* `delete`: the same call shows and does, so that what is shown is what would be done. */
#include "prune/delete_artifact.h"
#include "base/clock.h"
#include "base/json.h"
#include "cmd/cmd.h"
#include "cmd/output.h"

/* What the store said; NULL where nothing had to be removed or it did not answer. */
static const struct remove_result *result_of(const struct delete_outcome *outcome,
                                             int64_t copy)
{
    for (size_t i = 0; i < outcome->removed.count; i++) {
        if (outcome->removed.items[i].copy == copy)
            return &outcome->removed.items[i];
    }
    return NULL;
}

/* Is this copy among those that were chosen? */
static bool goes(const struct delete_outcome *outcome, int64_t copy)
{
    for (size_t i = 0; i < outcome->count; i++) {
        if (outcome->copies[i] == copy)
            return true;
    }
    return false;
}

static const char *word_of(const struct delete_outcome *outcome,
                           const struct catalog_copy *copy, bool yes)
{
    const struct remove_result *result = result_of(outcome, copy->id);
    if (!yes)
        return "would be deleted";
    if (result)
        return remove_outcome_name(result->outcome);
    /* No result: there was nothing to remove in a store that answered, or the store did
     * not. */
    return repository_list_find(&outcome->stores, copy->store_id) ? "deleted" : "later";
}

static void print_text(const struct delete_outcome *outcome, bool yes)
{
    const struct catalog_artifact *artifact = &outcome->artifact;
    if (outcome->only_row)
        output_linef("%s  %s", artifact->id, yes ? "deleted" : "would be deleted");
    for (size_t i = 0; i < artifact->copy_count; i++) {
        const struct catalog_copy *copy = &artifact->copies[i];
        const struct remove_result *result = result_of(outcome, copy->id);
        char size[32];
        if (goes(outcome, copy->id))
            output_linef("%s  store %s  %s  %s%s%s", artifact->id, copy->store,
                         text_size(size, copy->bytes), word_of(outcome, copy, yes),
                         result && *result->reason ? ": " : "",
                         result ? result->reason : "");
    }
    if (!yes)
        output_text("nothing is deleted without --yes\n");
}

static json_t *outcome_json(const struct delete_outcome *outcome, bool yes)
{
    const struct catalog_artifact *artifact = &outcome->artifact;
    json_t *copies = json_array();
    for (size_t i = 0; i < artifact->copy_count; i++) {
        const struct catalog_copy *copy = &artifact->copies[i];
        const struct remove_result *result = result_of(outcome, copy->id);
        if (goes(outcome, copy->id))
            (void)json_array_append_new(
                copies,
                json_pack(
                    "{s:o, s:o, s:I, s:o, s:o}", "store", json_bytes(copy->store), "key",
                    json_bytes(copy->key), "bytes", (json_int_t)copy->bytes, "result",
                    yes ? json_string(word_of(outcome, copy, yes)) : json_null(), "error",
                    result && *result->reason ? json_bytes(result->reason) : json_null()));
    }
    return json_pack("{s:s, s:b, s:o}", "id", artifact->id, "dry_run", !yes, "copies",
                     copies);
}

static int run(struct cmd_context *ctx, struct err *err)
{
    char id[ULID_SIZE];
    bool yes = config_args_flag(ctx->args, "yes");
    struct delete_outcome outcome = {0};
    struct session_spec run_spec = delete_session(yes);
    struct session *session = cmd_begin(ctx, &run_spec, err);
    if (session == NULL)
        return -1;
    struct delete_spec spec = {.session = session,
                               .id = id,
                               .store = config_args_text(ctx->args, "store"),
                               .yes = yes,
                               .now = clock_now()};
    int result = catalog_artifact_find(session_catalog(session),
                                       ctx->args->positional.items[0], id, err);
    if (result == 0)
        result = delete_artifact(&spec, &outcome, err);
    if (result == 0 && ctx->settings->json)
        output_json(outcome_json(&outcome, yes));
    else if (result == 0)
        print_text(&outcome, yes);
    int status = result < 0 ? cmd_end(session, result, err)
                            : session_end(session, delete_artifact_outcome(&outcome), NULL);
    delete_outcome_release(&outcome);
    return status;
}

const struct command cmd_delete = {
    .name = "delete",
    .usage = "ID [--store NAME] [--yes]",
    .summary = "delete one artifact, or one copy of it",
    .about =
        "Without --yes it only says what would go. The manifest goes first, then the\n"
        "rest; what a store refuses or does not answer is tried again by the next prune\n"
        "or sweep.\n"
        "\n"
        "Refused (exit status 9): what is pinned, what is being restored, verified or\n"
        "copied, and the last good backup of a database. Exit status 8: a copy could not\n"
        "be deleted yet.\n"
        "\n"
        "  pgkeep delete 01JD7XK2M4\n"
        "  pgkeep delete 01JD7XK2M4 --store nas --yes\n",
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
