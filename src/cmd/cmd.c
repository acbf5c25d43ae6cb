/* What all commands say alike. */
#include "cmd/cmd.h"

#include "base/memory.h"
#include "cmd/progress.h"

#include <stdarg.h>

int cmd_usage(const struct cmd_context *ctx, struct err *err, const char *format, ...)
{
    char text[sizeof(err->text)];
    va_list list;
    va_start(list, format);
    (void)vsnprintf(text, sizeof(text), format, list);
    va_end(list);
    err_set(err, ERR_USAGE, "%s", text);
    return err_hint(err, "see `pgkeep help %s`", ctx->command->name);
}

struct session *cmd_begin(const struct cmd_context *ctx, const struct session_spec *spec,
                          struct err *err)
{
    struct session_spec run = *spec;
    run.settings = ctx->settings;
    return session_begin(&run, err);
}

/* The outcome is the exit status; of a failure the error stays for cli.c to print. */
int cmd_end(struct session *session, int result, struct err *err)
{
    if (result < 0)
        return session_end(session, OUTCOME_FAILED, err);
    err_clear(err);
    return session_end(session, OUTCOME_DONE, NULL);
}

int cmd_run_shown(struct cmd_context *ctx, const struct session_spec *spec,
                  int (*work)(struct cmd_context *ctx, struct session *session,
                              struct err *err),
                  struct err *err)
{
    /* The thread that draws before the session whose observer it is, and it goes last. */
    struct progress *progress = progress_new(progress_style(ctx->settings), NULL, err);
    if (progress == NULL)
        return -1;
    struct observer observer = progress_observer(progress);
    struct session_spec run = *spec;
    run.observer = &observer;
    struct session *session = cmd_begin(ctx, &run, err);
    int status = session != NULL ? work(ctx, session, err) : -1;
    progress_free(progress);
    return status;
}

int cmd_narrow(const struct cmd_context *ctx, struct session *session,
               struct catalog_choice *choice, char **store, struct err *err)
{
    const struct config_args *args = ctx->args;
    /* `copy` has no --store: its --from decides nothing about which artifact. */
    bool has = option_find_argument(args->command, "store") != NULL;
    const char *given = has ? config_args_text(args, "store") : NULL;
    *store = NULL;
    *choice = (struct catalog_choice){.database = config_args_text(args, "database"),
                                      .type = config_args_text(args, "type"),
                                      .before = config_args_number(args, "before", 0)};
    if (given == NULL)
        return 0;

    /* A URL may be known by another name. What nobody knows is a slip of the pen. */
    struct catalog_store row = {0};
    bool absent = true;
    if (settings_store(ctx->settings, given) != NULL)
        *store = memory_strdup(given);
    else if (catalog_store_find(session_catalog(session), given, &row, &absent, err) < 0)
        return -1;
    else if (!absent)
        *store = memory_strdup(row.name);
    catalog_store_release(&row);
    choice->store = *store;
    return *store != NULL ? 0 : session_require_store(session, given, err);
}

const char *cmd_short_id(struct catalog *catalog, const char *id, char out[ULID_SIZE])
{
    struct err ignored = {0};
    if (catalog_artifact_short(catalog, id, out, &ignored) < 0)
        snprintf(out, ULID_SIZE, "%s", id);
    return out;
}

int cmd_find_artifact(const struct cmd_context *ctx, struct session *session,
                      char id[ULID_SIZE], struct err *err)
{
    struct catalog_choice choice;
    char *store = NULL;
    int result = cmd_narrow(ctx, session, &choice, &store, err);
    choice.text = ctx->args->positional.items[0];
    if (result == 0)
        result = catalog_artifact_find(session_catalog(session), &choice, id, err);
    free(store);
    return result;
}

int cmd_load_artifact(const struct cmd_context *ctx, struct session *session, unsigned with,
                      struct catalog_artifact *out, struct err *err)
{
    char id[ULID_SIZE];
    *out = (struct catalog_artifact){0};
    if (cmd_find_artifact(ctx, session, id, err) < 0)
        return -1;
    return catalog_artifact_load(session_catalog(session), id, with, out, err);
}
