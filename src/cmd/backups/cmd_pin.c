/*
 * What a person decides about a backup: pin, unpin, accept. Three commands, one way: the
 * decision goes into the catalog and into every store that holds a copy, so that other machines
 * and a rebuilt catalog respect it. A store that could not be told makes the exit status 8,
 * though the decision holds here.
 */
#include "prune/pin.h"
#include "base/clock.h"
#include "base/memory.h"
#include "catalog/artifact_list.h"
#include "cmd/cmd.h"
#include "cmd/output.h"
#include "report/artifact_name.h"
#include "report/run_json.h"

/* What holds from now on, not what was done: pinning twice says the same. */
static void print_text(const struct catalog_artifact *artifact, bool accepted)
{
    char time[32];
    char *name = artifact_name_of(artifact);
    /* Each has its own: a pin may stay while a doubt is cleared. */
    const char *reason = accepted ? artifact->accept_reason : artifact->pin_reason;
    const char *colon = reason && *reason ? ": " : "";
    if (accepted)
        output_linef("%s is not suspect any more%s%s", name, colon, reason ? reason : "");
    /* After `unpin`, and of a pin that another machine has ended meanwhile. */
    else if (!artifact->pinned)
        output_linef("%s is not pinned", name);
    else
        output_linef("%s is pinned %s%s%s%s", name,
                     artifact->pin_until ? "until " : "for ever",
                     artifact->pin_until ? output_time(time, artifact->pin_until) : "",
                     colon, reason ? reason : "");
    free(name);
}

/* As the catalog has it now: what the store was told. */
static int print(struct cmd_context *ctx, const struct pin_spec *spec, size_t untold,
                 struct err *err)
{
    /* Loaded anew: what was decided is printed as it stands in the catalog. */
    struct catalog *catalog = session_catalog(spec->session);
    struct catalog_artifact artifact = {0};
    int result = catalog_artifact_load(catalog, spec->id, 0, &artifact, err);
    if (result == 0 && ctx->settings->json)
        output_json(spec->accept ? run_json_accepted(&artifact, untold)
                                 : run_json_pinned(&artifact, untold));
    else if (result == 0)
        print_text(&artifact, spec->accept);
    catalog_artifact_release(&artifact);
    return result;
}

/* The stores are told in the same call; how many could not be is the exit status. */
static int run(struct cmd_context *ctx, const struct pin_spec *given, struct err *err)
{
    struct catalog_artifact artifact;
    size_t untold = 0;
    struct session_spec run_spec = {.kind = ctx->command->name, .catalog = SESSION_WRITE};
    struct session *session = cmd_begin(ctx, &run_spec, err);
    if (session == NULL)
        return -1;
    struct pin_spec spec = *given;
    spec.session = session;
    int result = cmd_load_artifact(ctx, session, 0, &artifact, err);
    spec.id = artifact.id;
    if (result == 0)
        result = pin_run(&spec, &untold, err);
    if (result < 0)
        cmd_name_artifact(&artifact, err);
    if (result == 0)
        result = print(ctx, &spec, untold, err);
    catalog_artifact_release(&artifact);
    /* Here it holds; elsewhere it may not be known yet. */
    if (result < 0 || untold == 0)
        return cmd_end(session, result, err);
    return session_end(session, OUTCOME_PARTIAL, NULL);
}

/* Until a date, or for good. */
static int run_pin(struct cmd_context *ctx, struct err *err)
{
    struct pin_spec spec = {.pinned = true,
                            .until = config_args_number(ctx->args, "until", 0),
                            .reason = config_args_text(ctx->args, "reason")};
    /* A pin that has ended already would protect nothing, and look as if it did. */
    if (config_args_has(ctx->args, "until") && spec.until <= clock_now())
        return cmd_usage(ctx, err, "--until %s has passed already",
                         config_args_text(ctx->args, "until"));
    return run(ctx, &spec, err);
}

/* Retention decides again from the next prune on. */
static int run_unpin(struct cmd_context *ctx, struct err *err)
{
    struct pin_spec spec = {.pinned = false};
    return run(ctx, &spec, err);
}

/* Not a pin: it says something about the past, and ends nothing. */
static int run_accept(struct cmd_context *ctx, struct err *err)
{
    struct pin_spec spec = {.accept = true,
                            .reason = config_args_text(ctx->args, "reason")};
    return run(ctx, &spec, err);
}

const struct command cmd_accept = {
    .name = "accept",
    .usage = "ID [--reason TEXT]",
    .summary = "say that a suspect backup is as it should be",
    .about =
        "A backup that is much smaller than usual, or empty, is suspect, and nothing of\n"
        "its group is pruned until a normal one follows. This says that somebody has\n"
        "looked: what is normal begins anew with it. `verify` does not say so: it proves\n"
        "bytes, and a dump of a database that somebody emptied has good bytes.\n"
        "\n"
        "Exit status 8: a store could not be told; `pgkeep catalog sync` makes up for it.\n"
        "\n"
        "  pgkeep accept latest:nightly --reason 'sessions were archived'\n"
        "  pgkeep accept 01JD7XK2M4\n",
    .min_args = 1,
    .max_args = 1,
    .run = run_accept,
};

const struct command cmd_pin = {
    .name = "pin",
    .usage = "ID [--until DATE] [--reason TEXT]",
    .summary = "protect a backup from being deleted",
    .about =
        "Neither prune nor delete removes a pinned backup, on no machine that uses its\n"
        "stores: the pin lies beside the manifest, and a rebuilt catalog knows it. It\n"
        "still counts for retention. Pinning it again replaces date and reason. One that\n"
        "is suspect stays so: `pgkeep accept` says that it is as it should be.\n"
        "\n"
        "A date is its midnight in the local zone; 2026-12-01T08:00:00Z is exact, 30d is\n"
        "from now on. Exit status 8: it is pinned here, but a store could not be told\n"
        "(`pgkeep catalog sync` makes up for it).\n"
        "\n"
        "  pgkeep pin latest:nightly --until 2026-12-01 --reason 'before migration'\n"
        "  pgkeep pin 01JD7XK2M4\n",
    .min_args = 1,
    .max_args = 1,
    .run = run_pin,
};

const struct command cmd_unpin = {
    .name = "unpin",
    .usage = "ID",
    .summary = "end the protection of a backup",
    .about =
        "From now on retention alone decides; also over one that was set aside because\n"
        "its date was in the future or unknown, once that date has come. Exit status 8: a\n"
        "store could not be told; there the pin stays until `pgkeep catalog sync` or the\n"
        "next change.\n"
        "\n"
        "  pgkeep unpin 01JD7XK2M4\n",
    .min_args = 1,
    .max_args = 1,
    .run = run_unpin,
};
