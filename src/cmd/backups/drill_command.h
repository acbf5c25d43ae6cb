/* drill_command - `verify --level drill`: one call of drill/drill_all.h, and what came of it. */
#ifndef PGKEEP_CMD_BACKUPS_DRILL_COMMAND_H
#define PGKEEP_CMD_BACKUPS_DRILL_COMMAND_H

#include "cmd/cmd.h"

/* Is it what this command line asks for? */
bool drill_command_is_meant(const struct cmd_context *ctx);
/* Checks the options and does it. An exit status, or -1. */
int drill_command(struct cmd_context *ctx, struct err *err);

#endif
