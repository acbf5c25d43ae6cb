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
