/*
 * `prune`: shows the plan, does it with --yes, and then shows what came of it.
 *
 * A dry run and a real one are the same code up to prune_run. A refusal ends with exit status
 * 9, the guard by name, and the very line that does it all the same, hash included, so that
 * nobody has to build one: what is forced is what was shown.
 */
#include "prune/prune.h"
#include "base/clock.h"
#include "cmd/cmd.h"
#include "cmd/output.h"
#include "cmd/prune_text.h"
#include "report/plan_json.h"
#include "notify/tell.h"

/* As it was given, quoted for a shell: the line is meant to be pasted. */
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

/* A refusal with what goes on from there: the very line that does it all the same, hash included,
 * for the same selection and so the same plan. What no hash overrides gets none. */
static void refuse(const struct prune *prune, const struct config_args *args,
                   const struct err *why, struct err *err)
{
    struct text line;
    char hash[RETENTION_HASH_SIZE];
    text_init(&line, 1 << 12);
    prune_rest_hash(prune, hash);
    text_add(&line, "pgkeep");
    add_option(&line, args, "config");
    add_option(&line, args, "catalog");
    text_add(&line, " prune");
    add_option(&line, args, "job");
    add_option(&line, args, "store");
    *err = *why;
    /* The floors (G2), and what changed while it was planned: another plan is needed. */
    if ((prune->refused_by & RETENTION_GUARD_FLOORS) != 0)
        err_hint(err, "it stays whatever is forced; take a newer backup, then: %s",
                 line.data);
    else if (!prune_is_refused(prune, NULL))
        err_hint(err, "look at the new plan: %s", line.data);
    else
        err_hint(err, "if this is what you want: %s --force-unsafe=%s --yes", line.data,
                 hash);
    text_release(&line);
}

/* What did not go is listed with its reason; what went was listed in the plan. */
static void print_done(const struct prune *prune)
{
    /* Counted by what the stores said, not by what was planned. */
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
    /* The plan is printed before it is carried out: whoever watches can still interrupt. */
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

/* The record of the run gets what it came to; what is printed is of the plan itself. */
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
    /* The record gets the refusal; the terminal gets it with the line that goes on. */
    enum outcome outcome = OUTCOME_FAILED;
    struct err why = *err;
    if (result == 0) {
        outcome = prune_outcome(prune, &why);
        if (why.kind == ERR_UNSAFE)
            refuse(prune, ctx->args, &why, err);
    }
    prune_free(prune);
    int status = session_end(session, outcome, &why);
    /* A refusal of a plan that was to be carried out. */
    if (yes)
        tell_now(ctx->settings);
    return status;
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
        "Guards refuse what looks like an accident, group by group and store by store;\n"
        "the others go on. --force-unsafe with the hash of the plan overrides G3, G4\n"
        "and G11:\n"
        "\n"
        "  G1   no rule is on: everything is kept\n"
        "  G2   the newest min_keep, the newest verified, the newest of all: always stay\n"
        "  G3   too many at once: more than guard_min_count and guard_percent of a group\n"
        "  G4   a clock that went back, or disagrees with that of a store\n"
        "  G5   dated in the future, or of no known time: kept, and counts for nothing\n"
        "  G6   delete_grace: must be unwanted for so long first\n"
        "  G7   another store still waits for its copy\n"
        "  G8   a store whose mark is missing or another's is not touched\n"
        "  G9   pinned, or being read: asked again at the very deletion\n"
        "  G10  a listing that broke off, or is empty, decides nothing\n"
        "  G11  the newest one is suspect: nothing goes until `pgkeep accept`\n"
        "\n"
        "Exit status 9: a guard refused something; 8: a store did not answer, or\n"
        "something could not be deleted; 5: no store answers; 7: another prune, delete\n"
        "or sweep runs.\n"
        "\n"
        "  pgkeep prune\n"
        "  pgkeep prune --job nightly --yes\n",
    .run = run,
};
