/* Configuration has one home, files: what is switched here is a word in one of them. */
#include "cmd/cmd.h"
#include "cmd/output.h"
#include "config/include.h"

/* The file is changed, not the catalog: configuration has one home. */
static int set(struct cmd_context *ctx, bool enabled, struct err *err)
{
    const struct job_settings *job =
        settings_require_job(ctx->settings, ctx->args->positional.items[0], err);
    bool changed = false;
    /* No session: the catalog learns of it by the next round, from the configuration. */
    if (job == NULL || include_set_enabled(ctx->settings, job, enabled, &changed, err) < 0)
        return -1;
    if (ctx->settings->json)
        output_json(json_pack("{s:s, s:b, s:b}", "job", job->name, "enabled", enabled,
                              "changed", changed));
    else
        output_linef("job \"%s\" %s %s", job->name, changed ? "is" : "was already",
                     enabled ? "enabled" : "disabled");
    /* `run --due` reads the files each time, and a running `serve` sees that they changed. */
    return 0;
}

/* It runs again at its next time. */
static int run_enable(struct cmd_context *ctx, struct err *err)
{
    return set(ctx, true, err);
}

/* What runs now goes on. */
static int run_disable(struct cmd_context *ctx, struct err *err)
{
    return set(ctx, false, err);
}

const struct command cmd_enable = {
    .name = "enable",
    .usage = "JOB",
    .summary = "let a job run by its schedule again",
    .about =
        "Writes enabled = true into the file of include_dir where the job stands, which\n"
        "needs editable = true; nothing else of the file changes. A job that stands\n"
        "elsewhere is left to its owner: the error says where it stands.\n"
        "\n"
        "  pgkeep enable nightly\n",
    .min_args = 1,
    .max_args = 1,
    .flags = CMD_NO_STORES,
    .run = run_enable,
};

const struct command cmd_disable = {
    .name = "disable",
    .usage = "JOB",
    .summary = "let a job run only when it is asked for",
    .about =
        "As `pgkeep enable`, with enabled = false. What a job misses while it is disabled\n"
        "is not caught up with. A run under way goes on: `pgkeep cancel` ends it.\n"
        "\n"
        "  pgkeep disable nightly\n",
    .min_args = 1,
    .max_args = 1,
    .flags = CMD_NO_STORES,
    .run = run_disable,
};
