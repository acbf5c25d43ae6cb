/*
 * Everything here is read from the command table and the option table, so help cannot fall
 * behind what the parser takes. What a command does and does not do stands with it (`about`),
 * its options with their rows; a test asks every command for its help.
 */
#include "cmd/cmd.h"
#include "base/memory.h"
#include "cmd/output.h"

enum { WIDTH = 90, HELP_MAX = 1 << 16, OPTION_COLUMN = 30 };

/* One table for all commands; what each means there stands in their `about`. */
static const char exit_statuses[] =
    "exit status:\n"
    "  0 done  1 failed  2 usage  3 configuration  4 database  5 store  6 integrity\n"
    "  7 busy  8 partial  9 refused by a guard  10 too old (status)\n"
    "  130, 143 interrupted, after cleaning up\n";

/* Breaks `help` at spaces; later lines are indented to the column. */
static void add_wrapped(struct text *out, const char *help, size_t column)
{
    /* Bytes, not characters: all of this is ours, and ASCII. */
    size_t used = column;
    for (const char *at = help; *at;) {
        size_t size = strcspn(at, " ");
        if (used > column && used + 1 + size > WIDTH) {
            text_addf(out, "\n%*s", (int)column, "");
            used = column;
        } else if (used > column) {
            text_add_char(out, ' ');
            used++;
        }
        text_add_bytes(out, at, size);
        used += size;
        at += size + (at[size] == ' ');
    }
    text_add_char(out, '\n');
}

/* Long names push their text to the next line instead of the whole column to the right. */
static void add_option(struct text *out, const struct option *option)
{
    struct text left;
    text_init(&left, 256);
    if (option->letter)
        text_addf(&left, "  -%c, --%s", option->letter, option->argument);
    else
        text_addf(&left, "  --%s", option->argument);
    if (!option_is_flag(option))
        text_addf(&left, " %s", option_value_name(option));
    text_add(out, left.data);
    if (left.length + 2 > OPTION_COLUMN)
        text_addf(out, "\n%*s", OPTION_COLUMN, "");
    else
        text_addf(out, "%*s", (int)(OPTION_COLUMN - left.length), "");
    /* A flag has none, and an empty one would look like a missing word. */
    bool shows_default = option->initial && *option->initial && !option_is_flag(option);
    if (shows_default && strcmp(option->initial, "0") == 0 && strstr(option->help, "(0: "))
        shows_default = false; /* what 0 means stands there */
    char *help = shows_default
                     ? memory_format("%s (default: %s)", option->help, option->initial)
                     : memory_strdup(option->help);
    add_wrapped(out, help, OPTION_COLUMN);
    free(help);
    text_release(&left);
}

/* command NULL: the global ones. Returns how many there are. */
static size_t add_options(struct text *out, const char *command)
{
    size_t count = 0;
    for (size_t i = 0; i < option_table_count; i++) {
        const struct option *option = &option_table[i];
        /* Keys of the configuration alone have no argument. */
        if (!option->argument ||
            (command ? !option_for_command(option, command) : !option_is_global(option)))
            continue;
        if (count++ == 0)
            text_addf(out, "\n%s:\n", command ? "options" : "global options");
        add_option(out, option);
    }
    return count;
}

/* For who types `pgkeep` alone. */
static void add_overview(struct text *out, const struct cmd_context *ctx)
{
    text_add(out, "pgkeep " PGKEEP_VERSION
                  " - PostgreSQL backups, streamed into S3 buckets and directories\n\n"
                  "usage: pgkeep [global options] COMMAND [options] [arguments]\n\n"
                  "commands:\n");
    for (size_t i = 0; i < ctx->command_count; i++)
        text_addf(out, "  %-10s %s\n", ctx->commands[i]->name, ctx->commands[i]->summary);
    text_add(out, "\n`pgkeep help COMMAND` explains one of them.\n");
    add_options(out, NULL);
    text_addf(out, "\n%s", exit_statuses);
}

/* Usage, what it does, options: in the order in which one asks. */
static void add_command(struct text *out, const struct command *command)
{
    text_addf(out, "pgkeep %s - %s\n\nusage: pgkeep %s%s%s\n", command->name,
              command->summary, command->name, *command->usage ? " " : "", command->usage);
    if (command->about)
        text_addf(out, "\n%s", command->about);
    add_options(out, command->name);
    text_add(out, "\nGlobal options, which may stand here too: `pgkeep help`.\n");
}

/* As the parser takes it: `value` null is a flag. */
static json_t *option_json(const struct option *option)
{
    return json_pack("{s:s, s:s?, s:s, s:s?}", "name", option->argument, "value",
                     option_is_flag(option) ? NULL : option_value_name(option), "help",
                     option->help, "default", option->initial);
}

/* For completion scripts: names, options and their values. */
static json_t *command_json(const struct command *command)
{
    json_t *options = json_array();
    for (size_t i = 0; i < option_table_count; i++) {
        if (option_for_command(&option_table[i], command->name))
            (void)json_array_append_new(options, option_json(&option_table[i]));
    }
    return json_pack("{s:s, s:s, s:s, s:o}", "name", command->name, "usage", command->usage,
                     "summary", command->summary, "options", options);
}

/* For completion scripts and documentation. */
static void print_json(const struct cmd_context *ctx, const struct command *only)
{
    json_t *commands = json_array();
    for (size_t i = 0; i < ctx->command_count; i++) {
        if (!only || ctx->commands[i] == only)
            (void)json_array_append_new(commands, command_json(ctx->commands[i]));
    }
    output_json(json_pack("{s:s, s:o}", "version", PGKEEP_VERSION, "commands", commands));
}

/* The parser checks the command itself; the word behind `help` is only an argument to it. */
static const struct command *find(const struct cmd_context *ctx, const char *name,
                                  struct err *err)
{
    /* The nearest by letters; a word of other tools for the same thing is none of these. */
    const char **names = memory_array(ctx->command_count, sizeof(*names));
    const struct command *found = NULL;
    for (size_t i = 0; i < ctx->command_count; i++) {
        names[i] = ctx->commands[i]->name;
        if (strcmp(names[i], name) == 0)
            found = ctx->commands[i];
    }
    if (!found)
        config_args_unknown_command(name, names, ctx->command_count, err);
    free(names);
    return found;
}

/* Also where the configuration is broken: help needs none of it. */
static int run(struct cmd_context *ctx, struct err *err)
{
    const struct strlist *positional = &ctx->args->positional;
    const struct command *command = NULL;
    struct text text;
    /* A word that is no command is told before anything is printed. */
    if (positional->count > 0) {
        command = find(ctx, positional->items[0], err);
        if (!command)
            return -1;
    }
    /* Settings were not loaded, so the flag is asked for and not the setting. */
    if (config_args_flag(ctx->args, "json")) {
        print_json(ctx, command);
        return 0;
    }
    text_init(&text, HELP_MAX);
    if (command)
        add_command(&text, command);
    else
        add_overview(&text, ctx);
    output_text(text.data);
    text_release(&text);
    return 0;
}

const struct command cmd_help = {
    .name = "help",
    .usage = "[COMMAND]",
    .summary = "explain a command, or list all",
    .about = "  pgkeep help\n"
             "  pgkeep help restore\n",
    .max_args = 1,
    .flags = CMD_NO_SETTINGS,
    .run = run,
};
