/* What all commands say alike. */
#include "cmd/cmd.h"

#include <stdarg.h>

int cmd_usage(const struct cmd_context *ctx, struct err *err, const char *format, ...)
{
    char text[sizeof(err->text)];
    va_list list;
    va_start(list, format);
    (void)vsnprintf(text, sizeof(text), format, list);
    va_end(list);
    err_set(err, ERR_USAGE, "%s", text);
    return err_hint(err, "see `pgkeep help %s`", ctx->command->name);
}

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
