/*
 * cmd - one file per command, cmd_<name>.c, exporting one `const struct command
 * cmd_<name>`.
 *
 * cli.c parses the command line, loads the settings (unless the command needs none), sets
 * the log up and calls run(). A command reads ctx->args and ctx->settings, makes its one
 * call into backup/, catalog/ or retention/, and prints the result with output.h. It never
 * prints the error that ends it: it fills err and returns -1, and cli.c logs that once and
 * turns its kind into the exit status. What it survives (one store of several, one job of a
 * line) it logs itself, and returns the exit status.
 *
 * Which options a command takes stands in config/option_table.c (column `commands`), not
 * here.
 */
#ifndef PGKEEP_CMD_CMD_H
#define PGKEEP_CMD_CMD_H

#include "base/err.h"
#include "config/config_args.h"
#include "config/settings.h"

/* Exit statuses that are no error of a kind (session/exit_status.h has the others). */
enum cmd_status { CMD_DONE = 0, CMD_PARTIAL = 8, CMD_TOO_OLD = 10 };

enum cmd_flag {
    CMD_NO_SETTINGS = 1 /* runs without a configuration: settings is NULL */
};

struct command;

struct cmd_context {
    const struct command *command;
    const struct config_args *args;
    struct settings *settings; /* const but for settings_resolve_*; NULL: CMD_NO_SETTINGS */
    const struct command *const *commands; /* the whole table, for help */
    size_t command_count;
};

struct command {
    const char *name;
    const char *usage; /* what stands behind "pgkeep NAME": "[options] ID --to CONNINFO" */
    /* one line for the list of commands: begins with a verb, no full stop */
    const char *summary;
    /* help: what it does and does not do, then examples; wrapped at 78 columns */
    const char *about;
    /* arguments that are no options; checked before run (exit 2) */
    size_t min_args, max_args;
    unsigned flags; /* enum cmd_flag */
    /* An exit status (enum cmd_status, or an error kind's when the reason was logged
     * already), or -1 with err. */
    int (*run)(struct cmd_context *ctx, struct err *err);
};

/* ERR_USAGE with "hint: see `pgkeep help NAME`". Returns -1. */
int cmd_usage(const struct cmd_context *ctx, struct err *err, const char *format, ...)
    PRINTF(3, 4);

extern const struct command cmd_backup;
extern const struct command cmd_list;
extern const struct command cmd_show;
extern const struct command cmd_restore;
extern const struct command cmd_fetch;
extern const struct command cmd_verify;
extern const struct command cmd_prune;
extern const struct command cmd_pin;
extern const struct command cmd_unpin;
extern const struct command cmd_delete;
extern const struct command cmd_copy;
extern const struct command cmd_catalog;
extern const struct command cmd_sweep;
extern const struct command cmd_doctor;
extern const struct command cmd_status;
extern const struct command cmd_config;
extern const struct command cmd_help;

#endif
