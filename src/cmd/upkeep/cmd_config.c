/*
 * What a value is and where it came from; the settings hand both over already redacted. The
 * settings are loaded here and not by cli.c, so that the example can be had while the present
 * file is broken.
 */
#include "cmd/cmd.h"
#include "cmd/output.h"
#include "cmd/upkeep/config_example.h"

enum { EXAMPLE_MAX = 1 << 20 };

/* Every key, also those at their default: who reads it wants to know what is in force. */
static void print_table(const struct settings *settings)
{
    static const struct output_column columns[] = {
        {"SETTING", OUTPUT_LEFT}, {"VALUE", OUTPUT_LEFT}, {"FROM", OUTPUT_LEFT}};
    struct output_table table;
    output_table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
    for (size_t i = 0; i < settings->value_count; i++) {
        const struct settings_value *value = &settings->values[i];
        const char *key = value->option->key;
        /* As one would write it in a sentence: jobs.nightly.compress */
        if (value->section)
            output_table_cellf(&table, "%s.%s.%s", option_scope_group(value->option->scope),
                               value->section, key);
        else
            output_table_cell(&table, key);
        output_table_cell(&table, *value->text ? value->text : "\"\"");
        output_table_cell(&table, value->origin);
    }
    /* Which file it was is the first thing to know when a value surprises. */
    output_linef("configuration file: %s",
                 settings->config_file ? settings->config_file : "none");
    output_text("\n");
    output_table_print(&table);
    output_table_release(&table);
}

/* group and name null at the top level. */
static void print_json(const struct settings *settings)
{
    json_t *list = json_array();
    for (size_t i = 0; i < settings->value_count; i++) {
        const struct settings_value *value = &settings->values[i];
        /* As they stand in the file: a script can write them back. */
        const char *group = option_scope_group(value->option->scope);
        (void)json_array_append_new(
            list, json_pack("{s:s?, s:s?, s:s, s:s, s:s}", "group", *group ? group : NULL,
                            "name", value->section, "key", value->option->key, "value",
                            value->text, "origin", value->origin));
    }
    output_json(
        json_pack("{s:s?, s:o}", "config_file", settings->config_file, "settings", list));
}

/* Loads the settings itself: --example must come even when they cannot be loaded. */
static int run(struct cmd_context *ctx, struct err *err)
{
    /* Released after an error, too: what was read before it may hold secrets. */
    struct settings settings;
    if (config_args_flag(ctx->args, "example")) {
        /* Generated from the option rows: it always loads, and a test makes sure. */
        struct text text;
        text_init(&text, EXAMPLE_MAX);
        config_example_print(&text);
        output_text(text.data);
        text_release(&text);
        return 0;
    }
    int result = settings_load(&settings, ctx->args, err);
    if (result == 0 && settings.json)
        print_json(&settings);
    else if (result == 0)
        print_table(&settings);
    settings_release(&settings);
    return result;
}

/* Loads the settings itself: the example must come even when the present file is broken. */
const struct command cmd_config = {
    .name = "config",
    .usage = "[--example]",
    .summary = "show the effective settings and where each comes from",
    .about = "Reads the configuration as every command does (default, file, environment,\n"
             "command line: the later wins), checks all of it, and prints each value with\n"
             "its origin. Secrets are hidden. Exit status 3 with file and line when\n"
             "something is wrong: a good last step after every change of the file.\n"
             "\n"
             "  pgkeep config\n"
             "  pgkeep config --example > /etc/pgkeep/pgkeep.conf\n",
    .flags = CMD_NO_SETTINGS,
    .run = run,
};
