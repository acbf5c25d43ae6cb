/* restore_all_command - `restore --run`: one call of backup/restore_all.h, and what came of it. */
#ifndef PGKEEP_CMD_BACKUPS_RESTORE_ALL_COMMAND_H
#define PGKEEP_CMD_BACKUPS_RESTORE_ALL_COMMAND_H

#include "cmd/cmd.h"

/* Options that do not go with --run, an artifact beside it; ERR_USAGE. */
int restore_all_command_check(const struct cmd_context *ctx, struct err *err) MUST_USE;
/* The work of cmd_run_shown. */
int restore_all_command(struct cmd_context *ctx, struct session *session, struct err *err);

#endif
