/* A line per database as soon as it is there; what is not is said on stderr. */
#include "cmd/backups/restore_all_command.h"

#include "backup/restore_all.h"
#include "base/json.h"
#include "base/log.h"
#include "base/memory.h"
#include "cmd/output.h"
#include "postgres/conninfo.h"
#include "report/artifact_name.h"

int restore_all_command_check(const struct cmd_context *ctx, struct err *err)
{
    static const char *const alone[] = {
        "create",   "into-nonempty", "table",  "schema",           "section",     "list",
        "database", "type",          "before", "disable-triggers", "search-path", "resume"};
    for (size_t i = 0; i < sizeof alone / sizeof *alone; i++)
        if (config_args_has(ctx->args, alone[i]))
            return cmd_usage(ctx, err, "--%s is of one backup, --run of all of a run",
                             alone[i]);
    if (ctx->args->positional.count > 0)
        return cmd_usage(ctx, err, "either a backup or --run, not both");
    /* Each database comes back under its own name: a dbname would be dropped without a word. The
     * two that every server has are how people name a server. */
    char *database = conninfo_own_database(config_args_text(ctx->args, "to"));
    int result = 0;
    if (database != NULL && strcmp(database, "postgres") != 0 &&
        strcmp(database, "template1") != 0) {
        err_set(err, ERR_USAGE,
                "--run brings each database back under its own name, not into \"%s\"",
                database);
        result = err_hint(err, "leave dbname out of --to, or restore one backup by its id");
    }
    free(database);
    return result;
}

struct told {
    json_t *list; /* with --json */
};

static void tell(void *context, const struct restore_all_one *one)
{
    struct told *told = context;
    const char *word = one->done ? "restored" : one->artifact ? "failed" : "missing";
    if (told->list != NULL)
        (void)json_array_append_new(
            told->list, json_pack("{s:o, s:s, s:s?, s:s?, s:o, s:o}", "database",
                                  json_bytes(one->database), "result", word, "id",
                                  one->artifact ? one->artifact->id : NULL, "store",
                                  one->done ? one->done->store : NULL, "error",
                                  json_sentence(one->err ? one->err->text : NULL), "hint",
                                  json_hint(one->err ? one->err->text : NULL)));
    if (one->err != NULL && one->artifact != NULL) {
        struct err failure = *one->err;
        char *name = artifact_name_of(one->artifact);
        err_context(&failure, "%s", name);
        log_err(&failure);
        free(name);
    } else if (one->err != NULL) {
        log_error("%s%s%s: %s", *one->database ? "database \"" : "globals", one->database,
                  *one->database ? "\"" : "", one->err->text);
    } else if (told->list == NULL && one->done != NULL) {
        char *name = artifact_name_of(one->artifact);
        output_linef("%s restored from store \"%s\"", name, one->done->store);
        free(name);
    }
}

int restore_all_command(struct cmd_context *ctx, struct session *session, struct err *err)
{
    struct told told = {.list = ctx->settings->json ? json_array() : NULL};
    struct restore_all_result result = {0};
    struct err why = {0};
    char *store = NULL;
    struct restore_all_spec spec = {
        .session = session,
        .run = config_args_text(ctx->args, "run"),
        .conninfo = config_args_text(ctx->args, "to"),
        .no_owner = config_args_flag(ctx->args, "no-owner"),
        .no_privileges = config_args_flag(ctx->args, "no-privileges"),
        .no_role_passwords = config_args_flag(ctx->args, "no-role-passwords"),
        .parallel = (unsigned)config_args_number(ctx->args, "parallel", 0),
        .done = tell,
        .context = &told};
    int done = cmd_store_name(ctx, session, &store, err);
    spec.store = store;
    if (done == 0)
        done = restore_all(&spec, &result, err);
    free(store);
    /* Also of what was brought back before something ended it. */
    if (told.list != NULL && (done == 0 || json_array_size(told.list) > 0))
        output_json(json_pack("{s:o}", "databases", told.list));
    else
        json_decref(told.list);
    if (done < 0)
        return cmd_end(session, done, err);
    enum outcome outcome = restore_all_outcome(&result, &why);
    if (outcome != OUTCOME_DONE)
        log_error("%zu restored, %zu could not be, %zu not in the run", result.restored,
                  result.failed, result.missing);
    return session_end(session, outcome, &why);
}
