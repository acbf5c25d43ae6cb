/*
 * `sweep`: what it found, the figures that are not 0, and the stores that were not reached.
 * "Nothing to sweep" is said only where something was looked at.
 */
#include "repair/sweep.h"
#include "base/clock.h"
#include "cmd/cmd.h"
#include "cmd/output.h"
#include "report/upkeep_json.h"

/* Only what is not 0: on most nights that is a single line. */
static void print_text(const struct sweep_report *report)
{
    struct upkeep_figure figures[UPKEEP_SWEEP_FIGURES];
    /* Said only when every figure is 0 and every store answered. */
    bool any = false;
    upkeep_sweep_figures(report, figures);
    for (size_t i = 0; i < UPKEEP_SWEEP_FIGURES; i++) {
        if (figures[i].count > 0)
            output_linef("%s: %zu", figures[i].text, figures[i].count);
        any |= figures[i].count > 0;
    }
    for (size_t i = 0; i < report->stores.failure_count; i++)
        output_linef("skipped store %s", report->stores.failures[i].name);
    if (!any && report->stores.failure_count == 0)
        output_text("nothing to sweep\n");
}

/* Recorded with the others that remove, and under their lock. */
static int run(struct cmd_context *ctx, struct err *err)
{
    struct sweep_report report;
    struct err why = {0};
    struct session_spec run_spec = sweep_session();
    struct session *session = cmd_begin(ctx, &run_spec, err);
    if (session == NULL)
        return -1;
    struct sweep_spec spec = {.session = session,
                              .store = config_args_text(ctx->args, "store"),
                              .orphans = config_args_flag(ctx->args, "orphans"),
                              .now = clock_now()};
    /* Whatever one store refuses, the others are swept; -1 is what ends all. */
    int result = sweep_run(&spec, &report, err);
    if (result == 0 && ctx->settings->json)
        output_json(upkeep_json_swept(&report));
    else if (result == 0)
        print_text(&report);
    int status = result < 0 ? cmd_end(session, result, err)
                            : session_end(session, sweep_outcome(&report, &why), &why);
    sweep_report_release(&report);
    return status;
}

const struct command cmd_sweep = {
    .name = "sweep",
    .usage = "[--store NAME] [--orphans]",
    .summary = "finish or undo what a crash left",
    .about =
        "Half uploads become complete when their manifest is there and are undone when\n"
        "it is not; half deletions are finished; uploads in buckets that nobody owns are\n"
        "aborted, those that this catalog does not know only after 7 days; clusters and\n"
        "databases of drills that were killed are removed. What a running pgkeep owns is\n"
        "left alone.\n"
        "\n"
        "--orphans also removes objects of our own naming, older than 7 days, that\n"
        "neither the catalog nor a manifest speaks for; never while anything is uploaded.\n"
        "\n"
        "Exit status 8: something could not be done, or a store did not answer (an\n"
        "ad-hoc one only where something is unfinished in it); 5: no store was reached;\n"
        "7: another prune, delete or sweep runs.\n"
        "\n"
        "  pgkeep sweep\n"
        "  pgkeep sweep --store offsite --orphans\n",
    .run = run,
};
