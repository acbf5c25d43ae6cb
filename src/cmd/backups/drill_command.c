/*
 * What was found is said backup by backup, as soon as it is known: a drill takes as long as a
 * restore.
 */
#include "cmd/backups/drill_command.h"

#include "base/log.h"
#include "cmd/output.h"
#include "drill/drill_all.h"
#include "report/artifact_name.h"
#include "report/run_json.h"

#include <sys/resource.h>

enum { NICE = 10 };

bool drill_command_is_meant(const struct cmd_context *ctx)
{
    const char *level = config_args_text(ctx->args, "level");
    return level != NULL && strcmp(level, "drill") == 0;
}

/* The differences below the line that counts them. */
static void print_comparison(const struct comparison *comparison)
{
    for (size_t i = 0; i < comparison->told.count; i++)
        output_linef("  %s", comparison->told.items[i]);
    if (comparison->differences > comparison->told.count)
        output_linef("  and %zu more", comparison->differences - comparison->told.count);
}

static void print(const struct catalog_artifact *artifact,
                  const struct drill_result *result)
{
    const struct catalog_verification *found = &result->verification;
    char took[32];
    char *name = artifact_name_of(artifact);
    output_linef(
        "%s in store \"%s\": %s in %s: %zu tables with %llu rows, %zu sequences compared",
        name, result->copy->store, catalog_result_name(found->result),
        text_duration(took, found->duration_ms), result->comparison.tables,
        (unsigned long long)result->comparison.rows, result->comparison.sequences);
    if (result->comparison.differences > 0)
        print_comparison(&result->comparison);
    else if (found->message != NULL)
        output_linef("  %.*s", (int)strcspn(found->message, "\n"), found->message);
    if (result->against.tables > 0 || result->against.differences > 0) {
        output_linef("against the live database: %zu tables with %llu rows, %zu differ",
                     result->against.tables, (unsigned long long)result->against.rows,
                     result->against.differences);
        print_comparison(&result->against);
    }
    free(name);
}

/* The tables that differ, all of them: a program wants to read each again. */
static json_t *names_json(const struct text *lines)
{
    json_t *list = json_array();
    for (const char *at = lines->data; at != NULL && *at != '\0';) {
        size_t length = strcspn(at, "\n");
        (void)json_array_append_new(list, json_stringn(at, length));
        at += length + (at[length] == '\n');
    }
    return list;
}

static void report(void *context, const struct catalog_artifact *artifact,
                   const struct drill_result *result)
{
    json_t *list = context;
    if (list == NULL) {
        print(artifact, result);
        return;
    }
    json_t *one = run_json_verified(artifact, result->copy, &result->verification);
    (void)json_object_set_new(one, "differing", names_json(&result->against_tables));
    (void)json_array_append_new(list, one);
}

static struct drill_all_spec spec_of(const struct cmd_context *ctx)
{
    const struct config_args *args = ctx->args;
    return (struct drill_all_spec){.names = &args->positional,
                                   .job = config_args_text(args, "job"),
                                   .all = config_args_flag(args, "all"),
                                   .budget_s = config_args_number(args, "budget", 0),
                                   .to = config_args_text(args, "to"),
                                   .against = config_args_text(args, "against"),
                                   .run = config_args_number(args, "run", 0),
                                   .drilled = report};
}

static int work(struct cmd_context *ctx, struct session *session, struct err *err)
{
    struct drill_all_spec spec = spec_of(ctx);
    struct drill_all_result sum = {0};
    struct err why = {0};
    char *store = NULL;
    json_t *list = ctx->settings->json ? json_array() : NULL;
    spec.session = session;
    spec.context = list;
    int result = cmd_narrow(ctx, session, &spec.among, &store, err);
    if (result == 0)
        result = drill_all(&spec, &sum, err);
    if (result == 0 && sum.drilled == 0)
        log_info("there is nothing to drill");
    if (sum.left > 0)
        log_info("the budget is used up: %zu backups wait for the next time", sum.left);
    if (list != NULL)
        output_json_list("verifications", list, result < 0);
    free(store);
    return result < 0 ? cmd_end(session, result, err)
                      : session_end(session, drill_all_outcome(&sum, &why), &why);
}

int drill_command(struct cmd_context *ctx, struct err *err)
{
    const struct drill_all_spec wish = spec_of(ctx);
    const struct session_spec spec = drill_all_session(&wish);
    size_t ways = (wish.names->count > 0) + (wish.all ? 1u : 0u) + (wish.job != NULL);
    if (ways > 1 && !(ways == 2 && wish.all && wish.job != NULL))
        return cmd_usage(ctx, err, "give ids, or --all, or --job NAME");
    if (config_args_flag(ctx->args, "longest-unverified"))
        return cmd_usage(ctx, err, "--longest-unverified does not go with a drill");
    if (wish.against != NULL && wish.names->count != 1)
        return cmd_usage(ctx, err, "--against goes with one backup");
    /* Whatever else this machine does comes first; what is started from here inherits it. */
    (void)setpriority(PRIO_PROCESS, 0, NICE);
    return cmd_run_shown(ctx, &spec, work, err);
}
