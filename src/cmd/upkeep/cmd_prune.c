/*
 * `prune`: shows the plan, does it with --yes, and then shows what came of it. A refusal is
 * printed as the very line that would override it, hash included, so that nobody has to
 * build one.
 */
#include "prune/prune.h"
#include "base/clock.h"
#include "cmd/cmd.h"
#include "cmd/output.h"
#include "cmd/prune_text.h"
#include "report/plan_json.h"

static void add_option(struct text *line, const struct config_args *args, const char *name)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                "0123456789_-./:@%+=,";
    if (!config_args_has(args, name))
        return;
    const char *value = config_args_text(args, name);
    text_addf(line, " --%s ", name);
    if (*value != '\0' && value[strspn(value, plain)] == '\0')
        text_add(line, value);
    else
        text_add_quoted(line, value);
}

/* The very line that does what was refused: the same selection, so the same plan. */
static void add_force(const char *hash, const struct config_args *args, struct text *line)
{
    text_add(line, "pgkeep");
    add_option(line, args, "config");
    add_option(line, args, "catalog");
    text_add(line, " prune");
    add_option(line, args, "job");
    add_option(line, args, "store");
    text_addf(line, " --force-unsafe=%s --yes", hash);
}

/* What a guard refused, as the line that does it all the same. Nothing else that ended the
 * run is said so. */
static void refuse(const struct prune *prune, const struct config_args *args,
                   const struct err *why, struct err *err)
{
    struct text line;
    char hash[RETENTION_HASH_SIZE];
    text_init(&line, 1 << 12);
    prune_rest_hash(prune, hash);
    add_force(hash, args, &line);
    *err = *why;
    err_hint(err, "if this is what you want: %s", line.data);
    text_release(&line);
}

/* What did not go is listed with its reason; what went was listed in the plan. */
static void print_done(const struct prune *prune)
{
    size_t gone = 0;
    uint64_t bytes = 0;
    char size[32], count[64];
    for (size_t i = 0; i < prune->removed.count; i++) {
        const struct remove_result *result = &prune->removed.items[i];
        gone += result->outcome == REMOVE_GONE;
        bytes += result->outcome == REMOVE_GONE ? result->bytes : 0;
        if (result->outcome != REMOVE_GONE)
            output_linef("%s  %s  %s", result->artifact,
                         remove_outcome_name(result->outcome), result->reason);
    }
    output_linef("deleted %s, %s", text_count(count, gone, "copy", "copies"),
                 text_size(size, bytes));
}

/* Text: the plan first, then what was done. JSON: one document, when all is done. */
static int apply(const struct cmd_context *ctx, struct prune *prune, struct err *err)
{
    bool yes = prune->spec.yes, json = ctx->settings->json;
    int result = 0;
    if (!json)
        prune_text_print(prune, !yes || config_args_flag(ctx->args, "explain"));
    if (yes)
        result = prune_run(prune, err);
    if (json)
        output_json(plan_json(prune, !yes));
    else if (yes)
        print_done(prune);
    return result;
}

static int run(struct cmd_context *ctx, struct err *err)
{
    const char *job = config_args_text(ctx->args, "job");
    bool yes = config_args_flag(ctx->args, "yes");
    struct session_spec run_spec = prune_session(job, yes);
    struct session *session = cmd_begin(ctx, &run_spec, err);
    if (session == NULL)
        return -1;
    struct prune_spec spec = {.session = session,
                              .job = job,
                              .store = config_args_text(ctx->args, "store"),
                              .yes = yes,
                              .force = config_args_text(ctx->args, "force-unsafe"),
                              .now = clock_now()};
    struct prune *prune = prune_new(&spec, err);
    int result = prune != NULL ? apply(ctx, prune, err) : -1;
    enum outcome outcome = OUTCOME_FAILED;
    struct err why = *err;
    if (result == 0) {
        outcome = prune_outcome(prune, &why);
        if (prune_is_refused(prune, NULL))
            refuse(prune, ctx->args, &why, err);
    }
    prune_free(prune);
    return session_end(session, outcome, &why);
}

const struct command cmd_prune = {
    .name = "prune",
    .usage = "[--job NAME] [--store NAME] [--yes] [--force-unsafe=HASH] [--explain]",
    .summary = "apply retention: show what would go, or with --yes delete it",
    .about =
        "Without --yes it only shows the plan: one line per copy, with what keeps it or\n"
        "who took its place. With --yes the same plan is carried out; then --explain\n"
        "shows also what stays.\n"
        "\n"
        "Guards refuse what looks like an accident, group by group: too many at once, a\n"
        "clock that went back, a newest backup that looks wrong. --force-unsafe with the\n"
        "hash of the plan does it all the same. Never removed: the newest good one, the\n"
        "newest verified one, what is pinned or being read, what another store waits for.\n"
        "\n"
        "Exit status 9: a guard refused something; 8: a store did not answer, or "
        "something\n"
        "could not be deleted; 5: no store answers; 7: another prune, delete or sweep "
        "runs.\n"
        "\n"
        "  pgkeep prune\n"
        "  pgkeep prune --job nightly --yes\n",
    .run = run,
};
