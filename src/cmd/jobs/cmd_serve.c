/* The face of serve/: a session that holds the one lock, and the loop. */
#include "serve/serve.h"

#include "api/http.h"
#include "cmd/cmd.h"

/* In the foreground, until a signal: systemd or a container keeps it. */
static int run(struct cmd_context *ctx, struct err *err)
{
    struct session_spec spec = {
        .kind = "serve", .catalog = SESSION_CREATE, .lock = SESSION_LOCK_SERVE};
    /* Before any thread there is: all inherit what is blocked. */
    if (serve_block_signals(err) < 0)
        return -1;
    struct session *session = cmd_begin(ctx, &spec, err);
    if (session == NULL)
        return -1;
    /* What was cancelled at its end is told by the runs; serve itself did what it should. */
    /* With threads of its own, beside the loop; it asks for runs in the catalog and wakes it. */
    struct http *http = NULL;
    int result = 0;
    if (ctx->settings->listen.count > 0 &&
        (http = http_new(ctx->settings, ctx->args, err)) == NULL)
        result = -1;
    if (result == 0)
        result = serve_run(session, ctx->args, http_wake_fd(http), err);
    http_free(http);
    return cmd_end(session, result, err);
}

const struct command cmd_serve = {
    .name = "serve",
    .usage = "",
    .summary = "run jobs when they are due, in the foreground",
    .about =
        "Sleeps until a job is due by its `schedule` or `every`, and runs it as a process\n"
        "of its own, at most max_concurrent at once and never two of one job. What is\n"
        "known about runs stands in the catalog: when serve is killed, runs go on, and\n"
        "the next serve catches up as the job's `catch_up` says. One per catalog.\n"
        "\n"
        "A changed configuration is read again, also by SIGHUP; a bad one changes nothing\n"
        "here and is logged (a run that begins reads the file itself, and fails).\n"
        "SIGTERM lets runs end for `stop_grace`, then cancels them; twice: at once. Under\n"
        "systemd it is Type=notify, with watchdog.\n"
        "\n"
        "With `listen` it answers HTTP there: what --json prints at /api/v1/…, and the\n"
        "dashboard; `pgkeep password` sets the password that it asks for.\n"
        "\n"
        "  pgkeep serve\n",
    .flags = CMD_OWN_SIGNALS | CMD_NO_STORES,
    .run = run,
};
