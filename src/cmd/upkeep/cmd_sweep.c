/* `sweep`: the figures of sweep_report as text and as JSON, from one table. */
#include "repair/sweep.h"
#include "base/clock.h"
#include "base/json.h"
#include "cmd/cmd.h"
#include "cmd/output.h"

static size_t count_removed(const struct sweep_report *report, enum remove_outcome outcome)
{
    size_t count = 0;
    for (size_t i = 0; i < report->removed.count; i++)
        count += report->removed.items[i].outcome == outcome;
    return count;
}

/* One row per figure, for both forms of output. */
struct figure {
    const char *key, *message;
    size_t count;
};
enum { FIGURES = 14 };

static size_t figures_of(const struct sweep_report *report, struct figure out[FIGURES])
{
    const struct figure rows[] = {
        {"completed", "backups turned out complete", report->recovered.completed},
        {"cleaned", "half uploads undone", report->recovered.cleaned},
        {"left", "uploads whose process may still live", report->recovered.left},
        {"ended", "backups ended whose process is gone", report->ended},
        {"deleted", "deletions finished", count_removed(report, REMOVE_GONE)},
        {"locked", "deletions wait for an object lock",
         count_removed(report, REMOVE_LOCKED)},
        {"blocked", "deletions refused by a store", count_removed(report, REMOVE_BLOCKED)},
        {"later", "deletions tried again later", count_removed(report, REMOVE_LATER)},
        {"aborted", "uploads aborted that nobody owned", report->aborted},
        {"foreign", "uploads left that are not of this catalog", report->left_uploads},
        {"orphans", "orphans removed", report->orphans},
        {"young_orphans", "orphans younger than 7 days", report->young_orphans},
        {"unknown", "backups that only the store knows (`pgkeep catalog sync`)",
         report->unknown},
        {"failed", "things that could not be done",
         report->failed + report->recovered.failed},
    };
    memcpy(out, rows, sizeof rows);
    return sizeof rows / sizeof rows[0];
}

static void print_text(const struct sweep_report *report)
{
    struct figure figures[FIGURES];
    size_t count = figures_of(report, figures);
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        if (figures[i].count > 0)
            output_linef("%s: %zu", figures[i].message, figures[i].count);
        any |= figures[i].count > 0;
    }
    for (size_t i = 0; i < report->stores.failure_count; i++)
        output_linef("skipped store %s", report->stores.failures[i].name);
    if (!any && report->stores.failure_count == 0)
        output_text("nothing to sweep\n");
}

static json_t *report_json(const struct sweep_report *report)
{
    struct figure figures[FIGURES];
    size_t count = figures_of(report, figures);
    json_t *document = json_object(), *skipped = json_array();
    for (size_t i = 0; i < count; i++)
        (void)json_object_set_new(document, figures[i].key,
                                  json_integer((json_int_t)figures[i].count));
    (void)json_object_set_new(document, "orphan_bytes",
                              json_integer((json_int_t)report->orphan_bytes));
    for (size_t i = 0; i < report->stores.failure_count; i++)
        (void)json_array_append_new(
            skipped,
            json_pack("{s:o, s:o}", "store", json_bytes(report->stores.failures[i].name),
                      "error", json_bytes(report->stores.failures[i].err.text)));
    (void)json_object_set_new(document, "skipped", skipped);
    return document;
}

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
    int result = sweep_run(&spec, &report, err);
    if (result == 0 && ctx->settings->json)
        output_json(report_json(&report));
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
        "aborted, those that this catalog does not know only after 7 days. What a running\n"
        "pgkeep owns is left alone.\n"
        "\n"
        "--orphans also removes objects of our own naming, older than 7 days, that\n"
        "neither the catalog nor a manifest speaks for; never while anything is uploaded.\n"
        "\n"
        "Exit status 8: something could not be done, or a store did not answer (an ad-hoc\n"
        "one only where something is unfinished in it); 7: another prune, delete or sweep\n"
        "runs.\n"
        "\n"
        "  pgkeep sweep\n"
        "  pgkeep sweep --store offsite --orphans\n",
    .run = run,
};
