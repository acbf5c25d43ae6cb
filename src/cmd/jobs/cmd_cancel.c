/*
 * The end is asked for in the catalog, where the run looks twice a second; so it can be asked for by
 * whoever may write the catalog. Only a run that does not hear gets a signal, and only when its
 * process is surely the one that has it.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/parse.h"
#include "catalog/artifact_find.h"
#include "cmd/cmd.h"
#include "cmd/output.h"
#include "report/jobs.h"
#include "session/settle.h"

/* How long it is waited for; when it is signalled. A run that heard undoes what it began. */
enum { WAIT_MS = 30000, SIGNAL_MS = 3000, STEP_MS = 100 };

/* A number is that of a run, all else an artifact that is being made. */
static int find_run(struct cmd_context *ctx, struct catalog *catalog, int64_t *id,
                    struct err *err)
{
    const char *text = ctx->args->positional.items[0];
    const struct catalog_choice choice = {.text = text};
    char artifact[ULID_SIZE];
    if (text[strspn(text, "0123456789")] == '\0' && strlen(text) < 10)
        return parse_int(text, 1, INT64_MAX, id, err);
    if (catalog_artifact_find(catalog, &choice, artifact, err) < 0 ||
        catalog_run_of_artifact(catalog, artifact, id, err) < 0)
        return -1;
    /* It may be complete by now, or of a process that is gone. */
    return *id != 0 ? 0
                    : err_set(err, ERR_NOT_FOUND, "backup %s is not under way", artifact);
}

/* Read anew each time: the process that has the run writes it. */
static int load(struct catalog *catalog, int64_t id, struct catalog_runs *runs,
                struct err *err)
{
    if (catalog_run_load(catalog, id, runs, err) < 0)
        return -1;
    return runs->count == 1
               ? 0
               : err_set(err, ERR_NOT_FOUND, "there is no run %lld", (long long)id);
}

/* Until the row has an end. ERR_BUSY: it has none yet. */
static int wait_for_end(struct cmd_context *ctx, struct catalog *catalog, int64_t id,
                        struct catalog_runs *runs, struct err *err)
{
    int64_t begun = clock_monotonic_ms();
    bool signalled = false;
    for (;;) {
        if (load(catalog, id, runs, err) < 0)
            return -1;
        const struct catalog_run *run = &runs->items[0];
        int64_t waited = clock_monotonic_ms() - begun;
        if (run->ended != 0)
            return 0;
        /* Whoever had it is gone: this is its end. */
        if (settle_runs(ctx->settings, catalog, err) < 0)
            return -1;
        /* Once: a second SIGTERM ends a process without clean-up. */
        if (!signalled && waited >= SIGNAL_MS)
            signalled = settle_signal(run) || waited >= 2 * SIGNAL_MS;
        if (waited >= WAIT_MS) {
            err_set(err, ERR_BUSY, "run %lld was asked to end and has not ended yet",
                    (long long)id);
            return err_hint(err, "`pgkeep jobs` and `pgkeep status` show when it has");
        }
        /* Who interrupts us takes nothing back: the request stands. */
        if (!cancel_sleep_ms(NULL, STEP_MS))
            return cancel_check(NULL, err);
    }
}

/* Asks for the end and waits for it: what comes next in a script may rely on it. */
static int cancel(struct cmd_context *ctx, struct catalog *catalog, struct err *err)
{
    struct catalog_runs runs = {0};
    enum catalog_run_state state = CATALOG_RUN_PENDING;
    int64_t id = 0;
    int result = find_run(ctx, catalog, &id, err);
    if (result == 0)
        result = load(catalog, id, &runs, err);
    /* Nothing is there to be ended any more. */
    if (result == 0 && runs.items[0].ended != 0)
        result = err_set(err, ERR_NOT_FOUND, "run %lld has ended already: it is %s",
                         (long long)id, catalog_run_state_name(runs.items[0].state));
    /* A pending one has its end with this; a running one is asked. */
    if (result == 0)
        result = catalog_run_cancel(catalog, id, &state, err);
    if (result == 0)
        result = wait_for_end(ctx, catalog, id, &runs, err);
    if (result == 0 && ctx->settings->json)
        output_json(jobs_run_json(&runs.items[0]));
    else if (result == 0)
        output_linef("run %lld of job \"%s\" is %s", (long long)id,
                     runs.items[0].job != NULL ? runs.items[0].job : "",
                     catalog_run_state_name(runs.items[0].state));
    catalog_runs_release(&runs);
    return result;
}

/* Needs the catalog alone: the run may be on another machine that shares it. */
static int run(struct cmd_context *ctx, struct err *err)
{
    struct session_spec spec = {.kind = "cancel", .catalog = SESSION_WRITE};
    struct session *session = cmd_begin(ctx, &spec, err);
    if (session == NULL)
        return -1;
    return cmd_end(session, cancel(ctx, session_catalog(session), err), err);
}

const struct command cmd_cancel = {
    .name = "cancel",
    .usage = "ID",
    .summary = "end a backup that is under way, or a run that is pending",
    .about =
        "ID is that of the artifact being made, or the number of a run. The request is\n"
        "written to the catalog, where the run sees it within a second, undoes what it\n"
        "began - nothing half stays in a store - and ends as cancelled. It may run as\n"
        "another user; a run that does not hear gets a SIGTERM, when that is allowed.\n"
        "A pending run ends before it begins.\n"
        "\n"
        "  pgkeep cancel 01KC1E5T00\n"
        "  pgkeep cancel 1234\n",
    .min_args = 1,
    .max_args = 1,
    .flags = CMD_NO_STORES,
    .run = run,
};
