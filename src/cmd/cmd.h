/*
 * cmd - one file per command, cmd_<name>.c, exporting one `const struct command
 * cmd_<name>`.
 *
 * cli.c parses the command line, loads the settings (unless the command needs none), sets
 * the log up and calls run(). A command reads ctx->args and ctx->settings, begins a session,
 * makes its one call into an operation, prints the result with output.h, and returns what
 * session_end says. It never prints the error that ends it: it leaves it in err, and cli.c
 * logs that once. What it survives (one store of several, one job of a line) is logged where
 * it happens.
 *
 * Which options a command takes stands in config/option_table.c (column `commands`), not
 * here.
 */
#ifndef PGKEEP_CMD_CMD_H
#define PGKEEP_CMD_CMD_H

#include "base/err.h"
#include "catalog/artifact_find.h"
#include "catalog/artifact_list.h"
#include "config/config_args.h"
#include "session/session.h"

enum cmd_flag {
    CMD_NO_SETTINGS = 1, /* runs without a configuration: settings is NULL */
    CMD_OWN_SIGNALS = 2, /* takes SIGINT, SIGTERM and SIGHUP itself */
    CMD_NO_STORES = 4    /* opens none: the libraries behind them stay asleep */
};

struct command;

struct cmd_context {
    const struct command *command;
    const struct config_args *args;
    const struct settings *settings;       /* NULL: CMD_NO_SETTINGS */
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
    /* An exit status (of session_end), with err when there is something left to say; or -1
     * with err, whose kind then decides it. */
    int (*run)(struct cmd_context *ctx, struct err *err);
};

/* ERR_USAGE with "hint: see `pgkeep help NAME`". Returns -1. */
int cmd_usage(const struct cmd_context *ctx, struct err *err, const char *format, ...)
    PRINTF(3, 4);

/* session_begin of this command line: adds the settings. NULL with err. */
struct session *cmd_begin(const struct cmd_context *ctx, const struct session_spec *spec,
                          struct err *err) MUST_USE;
/* session_end of what has no outcome of its own: result 0 is done, -1 failed with err. */
int cmd_end(struct session *session, int result, struct err *err);
/* A run that shows how it gets on (--progress): begins the session, with the observer added,
 * and leaves it to `work`, which ends it and returns its exit status. With the URL of a store
 * that the catalog does not know as --store, the session is one of repair/borrow.h. */
int cmd_run_shown(struct cmd_context *ctx, const struct session_spec *spec,
                  int (*work)(struct cmd_context *ctx, struct session *session,
                              struct err *err),
                  struct err *err);

/* The shortest unique beginning of an id, for people; of a catalog that went away meanwhile the
 * id itself. Returns out. */
const char *cmd_short_id(struct catalog *catalog, const char *id, char out[ULID_SIZE]);
/* What the catalog calls the store of --store, which may be a URL; heap, NULL: not given.
 * ERR_CONFIG: no such store. */
int cmd_store_name(const struct cmd_context *ctx, struct session *session, char **name,
                   struct err *err) MUST_USE;
/* What narrows the choice of an artifact (PRODUCT section 2): --database, --type, --before and
 * --store of this command line, without a text; a store goes by its name in the catalog. Borrows
 * from args, and from *store, which is the caller's to free. ERR_CONFIG: no such store. */
int cmd_narrow(const struct cmd_context *ctx, struct session *session,
               struct catalog_choice *choice, char **store, struct err *err) MUST_USE;
/* The artifact that the first argument names, so narrowed. Its whole id; -1: ERR_NOT_FOUND,
 * ERR_USAGE, ERR_CONFIG. */
int cmd_find_artifact(const struct cmd_context *ctx, struct session *session,
                      char id[ULID_SIZE], struct err *err) MUST_USE;
/* Of a failure with this artifact: the error names it with its database, so that nobody takes it for
 * another. An artifact that was not loaded changes nothing. */
void cmd_name_artifact(const struct catalog_artifact *artifact, struct err *err);
/* The same as cmd_find_artifact, loaded (`with` as catalog_artifact_load has it). Release *out in any case. */
int cmd_load_artifact(const struct cmd_context *ctx, struct session *session, unsigned with,
                      struct catalog_artifact *out, struct err *err) MUST_USE;
/* That of another argument, counted from 0. */
int cmd_load_argument(const struct cmd_context *ctx, struct session *session,
                      size_t argument, unsigned with, struct catalog_artifact *out,
                      struct err *err) MUST_USE;

extern const struct command cmd_backup;
extern const struct command cmd_list;
extern const struct command cmd_show;
extern const struct command cmd_restore;
extern const struct command cmd_fetch;
extern const struct command cmd_cat;
extern const struct command cmd_diff;
extern const struct command cmd_verify;
extern const struct command cmd_prune;
extern const struct command cmd_pin;
extern const struct command cmd_unpin;
extern const struct command cmd_accept;
extern const struct command cmd_delete;
extern const struct command cmd_copy;
extern const struct command cmd_catalog;
extern const struct command cmd_sweep;
extern const struct command cmd_doctor;
extern const struct command cmd_status;
extern const struct command cmd_jobs;
extern const struct command cmd_run;
extern const struct command cmd_enable;
extern const struct command cmd_disable;
extern const struct command cmd_cancel;
extern const struct command cmd_serve;
extern const struct command cmd_metrics;
extern const struct command cmd_password;
extern const struct command cmd_notify;
extern const struct command cmd_config;
extern const struct command cmd_help;

#endif
