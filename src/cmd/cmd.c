/*
 * What all commands say and do alike: a slip of the pen, a run of their own, the artifact that
 * the first argument names. A command that is more than arguments, one call and its result has
 * something in it that belongs below, where an API or a scheduler could call it too.
 */
#include "cmd/cmd.h"

#include "base/memory.h"
#include "cmd/progress.h"
#include "repair/borrow.h"
#include "report/artifact_name.h"

#include <stdarg.h>

/* Exit status 2, with where to read on. */
int cmd_usage(const struct cmd_context *ctx, struct err *err, const char *format, ...)
{
    /* Formatted first: err_set takes a format of its own, and the caller's may quote
     * anything. */
    char text[sizeof(err->text)];
    va_list list;
    va_start(list, format);
    (void)vsnprintf(text, sizeof(text), format, list);
    va_end(list);
    err_set(err, ERR_USAGE, "%s", text);
    return err_hint(err, "see `pgkeep help %s`", ctx->command->name);
}

/* A command gives what is its own; the settings are always those of the command line. */
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

/* NULL: not given, or a command without it. `copy` has --from, which decides nothing about which
 * artifact. */
static const char *store_option(const struct cmd_context *ctx)
{
    bool has = option_find_argument(ctx->args->command, "store") != NULL;
    return has ? config_args_text(ctx->args, "store") : NULL;
}

/* Restores, fetches, copies and checks: what may take hours is shown, and what it began is
 * undone in this order. */
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
    struct cmd_context own = *ctx;
    struct borrow borrow = {0};
    int status = -1;
    run.observer = &observer;

    /* A URL needs neither a catalog nor a configuration: what lies there is read for this run. */
    const char *url = store_option(ctx);
    bool borrows = url != NULL && borrow_is_needed(ctx->settings, url);
    if (borrows && borrow_begin(&borrow, ctx->settings, err) < 0)
        goto cleanup;
    if (borrows) {
        own.settings = &borrow.settings;
        run.catalog = SESSION_CREATE;
    }
    struct session *session = cmd_begin(&own, &run, err);
    if (session != NULL && borrows && borrow_read(session, url, err) < 0)
        status = cmd_end(session, -1, err);
    else if (session != NULL)
        status = work(&own, session, err);
    borrow_end(&borrow);
cleanup:
    progress_free(progress);
    return status;
}

/* A store is known by more than one name; what decides is the one that the catalog has. */
int cmd_store_name(const struct cmd_context *ctx, struct session *session, char **name,
                   struct err *err)
{
    /* The configuration before the catalog, as everywhere: a name that both have is the
     * configured one. */
    const char *given = store_option(ctx);
    struct catalog_store row = {0};
    bool absent = true;
    *name = NULL;
    if (given == NULL)
        return 0;
    if (settings_store(ctx->settings, given) != NULL)
        *name = memory_strdup(given);
    else
        *name = repository_known_url(session_catalog(session), given);
    /* A store that left the configuration still has its row and its backups. */
    if (*name == NULL &&
        catalog_store_find(session_catalog(session), given, &row, &absent, err) < 0)
        return -1;
    if (!absent)
        *name = memory_strdup(row.name);
    catalog_store_release(&row);
    /* What nobody knows is a slip of the pen. */
    return *name != NULL ? 0 : session_require_store(session, given, err);
}

/* What stands on the command line beside the id; nothing of it need be given. */
int cmd_narrow(const struct cmd_context *ctx, struct session *session,
               struct catalog_choice *choice, char **store, struct err *err)
{
    const struct config_args *args = ctx->args;
    *choice = (struct catalog_choice){.database = config_args_text(args, "database"),
                                      .type = config_args_text(args, "type"),
                                      .before = config_args_number(args, "before", 0)};
    int result = cmd_store_name(ctx, session, store, err);
    choice->store = *store;
    return result;
}

/* For people only: in JSON ids are whole. */
const char *cmd_short_id(struct catalog *catalog, const char *id, char out[ULID_SIZE])
{
    struct err ignored = {0};
    if (catalog_artifact_short(catalog, id, out, &ignored) < 0)
        snprintf(out, ULID_SIZE, "%s", id);
    return out;
}

/* For all commands that take an id, so that it is narrowed and `latest` means the same in each. */
static int find_argument(const struct cmd_context *ctx, struct session *session,
                         size_t argument, char id[ULID_SIZE], struct err *err)
{
    struct catalog_choice choice;
    char *store = NULL;
    int result = cmd_narrow(ctx, session, &choice, &store, err);
    choice.text = ctx->args->positional.items[argument];
    if (result == 0)
        result = catalog_artifact_find(session_catalog(session), &choice, id, err);
    free(store);
    return result;
}

int cmd_find_artifact(const struct cmd_context *ctx, struct session *session,
                      char id[ULID_SIZE], struct err *err)
{
    return find_argument(ctx, session, 0, id, err);
}

int cmd_load_artifact(const struct cmd_context *ctx, struct session *session, unsigned with,
                      struct catalog_artifact *out, struct err *err)
{
    return cmd_load_argument(ctx, session, 0, with, out, err);
}

/* Found and loaded: the two may not come apart. */
int cmd_load_argument(const struct cmd_context *ctx, struct session *session,
                      size_t argument, unsigned with, struct catalog_artifact *out,
                      struct err *err)
{
    char id[ULID_SIZE];
    /* Empty, so that it can be released whatever happens. */
    *out = (struct catalog_artifact){0};
    if (find_argument(ctx, session, argument, id, err) < 0)
        return -1;
    return catalog_artifact_load(session_catalog(session), id, with, out, err);
}

void cmd_name_artifact(const struct catalog_artifact *artifact, struct err *err)
{
    struct err bare = *err;
    if (artifact->id[0] == '\0' || err->kind == ERR_NONE)
        return;
    char *name = artifact_name_of(artifact);
    /* Many begin with the id: the name takes its place. */
    if (text_starts_with(bare.text, artifact->id))
        (void)snprintf(err->text, sizeof err->text, "%s%s", name,
                       bare.text + strlen(artifact->id));
    else
        err_context(err, "%s", name);
    free(name);
}
