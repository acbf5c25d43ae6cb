/*
 * config_args - the command line: [global options] COMMAND [options] [arguments].
 *
 *     config_args_parse -> config_args_… accessors (any thread) -> config_args_release
 *
 * Long options are `--name value` or `--name=value`, flags `--name` (or `--name=false`),
 * "--" ends them; options and arguments may be mixed, global options also stand after the
 * command. Which command takes what stands in the option table. Values are checked here, so
 * accessors cannot fail; asking for an option that the command does not have is a
 * programming mistake (assert).
 */
#ifndef PGKEEP_CONFIG_CONFIG_ARGS_H
#define PGKEEP_CONFIG_CONFIG_ARGS_H

#include "config/layer.h"

struct config_args {
    char *command;             /* NULL: none given */
    struct strlist positional; /* what is no option, after the command */
    struct layer layer;
};

/* What to parse: main's words (argv[0] is skipped) and the names of the commands that
 * exist. */
struct config_args_line {
    int argc;
    char *const *argv;
    const char *const *commands;
    size_t command_count;
};

/* ERR_USAGE with the nearest name and where help is. Release it after an error too: what
 * was read before the error stays (so that --log-format is known). */
int config_args_parse(struct config_args *args, const struct config_args_line *line,
                      struct err *err) MUST_USE;
void config_args_release(struct config_args *args);

/* ERR_USAGE for a word that is no command, with what was meant: what other tools call it, else the
 * nearest name. */
int config_args_unknown_command(const char *word, const char *const *commands, size_t count,
                                struct err *err);

/* Overwrites with 'x' those words of argv that hold a password (connection strings), so
 * that `ps` does not show them for the hours a backup takes. After parsing; the parsed
 * copies stay. */
void config_args_hide(const struct config_args *args, int argc, char **argv);

bool config_args_has(const struct config_args *args, const char *name);
bool config_args_flag(const struct config_args *args, const char *name);
/* The last value given; NULL when not given. */
const char *config_args_text(const struct config_args *args, const char *name);
/* All values of an option that repeats, in order; an empty list when not given. */
const struct strlist *config_args_list(const struct config_args *args, const char *name);
/* OPTION_INT, OPTION_SPAN (seconds) and OPTION_TIME (seconds UTC); `absent` when not given. */
int64_t config_args_number(const struct config_args *args, const char *name,
                           int64_t absent);

#endif
