/*
 * libconfig gives a tree; every node of it is looked up in the option table. What the table
 * does not know is an error here, not silently ignored: a misspelled keep_daily must not
 * mean "keep nothing".
 */
#include "config/config_file.h"
#include "base/file.h"
#include "base/memory.h"
#include "config/settings.h"

#include <libconfig.h>
#include <sys/stat.h>

enum { FILE_MAX = 1 << 20, NAMES_MAX = 64, OTHERS_READ = 004 };

struct reader {
    const char *path;
    unsigned mode;
    struct layer *out;
    struct err *err;
};

/* Which libconfig types a value of an option may have, and how errors call that. */
static const struct form {
    unsigned types; /* bits 1 << CONFIG_TYPE_x */
    const char *phrase;
} form_text = {1U << CONFIG_TYPE_STRING, "a text in double quotes"},
  form_bool = {1U << CONFIG_TYPE_BOOL, "true or false"},
  form_int = {1U << CONFIG_TYPE_INT | 1U << CONFIG_TYPE_INT64, "a whole number"},
  form_number = {1U << CONFIG_TYPE_INT | 1U << CONFIG_TYPE_INT64 | 1U << CONFIG_TYPE_FLOAT,
                 "a number"},
  form_size = {1U << CONFIG_TYPE_INT | 1U << CONFIG_TYPE_INT64 | 1U << CONFIG_TYPE_STRING,
               "a size as \"512MiB\" or a number of bytes"},
  form_span = {1U << CONFIG_TYPE_STRING,
               "a duration in double quotes, as \"12h\" or \"30d\""},
  form_list = {1U << CONFIG_TYPE_ARRAY | 1U << CONFIG_TYPE_LIST,
               "a list of texts, as [ \"a\", \"b\" ]"},
  form_map = {1U << CONFIG_TYPE_GROUP, "a group of names, as { nas = \"short\"; }"};

static const struct form *form_of(const struct option *option)
{
    static const struct form *const forms[OPTION_TYPE_COUNT] = {
        [OPTION_BOOL] = &form_bool,      [OPTION_INT] = &form_int,
        [OPTION_PERCENT] = &form_number, [OPTION_SIZE] = &form_size,
        [OPTION_SPAN] = &form_span,      [OPTION_PERIOD] = &form_span,
        [OPTION_LIST] = &form_list,      [OPTION_TAGS] = &form_list,
        [OPTION_MAP] = &form_map,
    };
    return forms[option->type] ? forms[option->type] : &form_text;
}

/* What stands there instead, in the words of the form table. */
static const char *type_name(const config_setting_t *setting)
{
    static const char *const names[] = {
        [CONFIG_TYPE_NONE] = "nothing",       [CONFIG_TYPE_GROUP] = "a group",
        [CONFIG_TYPE_INT] = "a whole number", [CONFIG_TYPE_INT64] = "a whole number",
        [CONFIG_TYPE_FLOAT] = "a number",     [CONFIG_TYPE_STRING] = "a text",
        [CONFIG_TYPE_BOOL] = "true or false", [CONFIG_TYPE_ARRAY] = "a list",
        [CONFIG_TYPE_LIST] = "a list",
    };
    return names[config_setting_type(setting)];
}

static bool has_form(const config_setting_t *setting, const struct form *form)
{
    return (form->types >> config_setting_type(setting) & 1U) != 0;
}

/* Puts "FILE:LINE: " in front and makes it ERR_CONFIG. Returns -1. */
static int located(const struct reader *reader, const config_setting_t *setting)
{
    reader->err->kind = ERR_CONFIG;
    return err_context(reader->err, "%s:%u", reader->path,
                       config_setting_source_line(setting));
}

/* Types are strict: 7.5 days or "yes" as a truth value are more likely a mistake than
 * meant. */
static int wrong_form(const struct reader *reader, const config_setting_t *setting,
                      const char *label, const struct form *form)
{
    err_set(reader->err, ERR_CONFIG, "%s must be %s, not %s", label, form->phrase,
            type_name(setting));
    return located(reader, setting);
}

/* As text, because the same check and assignment serve the environment and the command
 * line. */
static void scalar_text(const config_setting_t *setting, struct text *out)
{
    switch (config_setting_type(setting)) {
    case CONFIG_TYPE_BOOL:
        text_add(out, config_setting_get_bool(setting) ? "true" : "false");
        break;
    case CONFIG_TYPE_FLOAT:
        text_addf(out, "%.10g", config_setting_get_float(setting));
        break;
    case CONFIG_TYPE_STRING:
        text_add(out, config_setting_get_string(setting));
        break;
    default:
        text_addf(out, "%lld", config_setting_get_int64(setting));
        break;
    }
}

/* Asked value by value, so that the error can name the line that should not be there. */
static int check_hidden(const struct reader *reader, const config_setting_t *setting,
                        const struct option *option, const char *label, const char *text)
{
    if ((reader->mode & OTHERS_READ) == 0 || !option_is_secret(option, text))
        return 0;
    err_set(reader->err, ERR_CONFIG,
            "%s holds a secret, but every user can read this file (mode %04o)", label,
            reader->mode & 07777U);
    err_hint(reader->err, "chmod o-rwx %s", reader->path);
    return located(reader, setting);
}

/* One scalar of an option as an item of its value; `before` stands in front of it (maps). */
static int read_item(const struct reader *reader, const config_setting_t *setting,
                     struct layer_value *value, const char *label, const char *before)
{
    struct text text;
    text_init(&text, FILE_MAX);
    text_add(&text, before);
    scalar_text(setting, &text);
    int result = option_check(value->option, label, text.data, reader->err);
    if (result < 0)
        located(reader, setting);
    else
        result = check_hidden(reader, setting, value->option, label, text.data);
    if (result == 0)
        layer_add_item(value, text.data);
    memory_wipe(text.data, text.length);
    text_release(&text);
    return result;
}

/* [ ... ], ( ... ) or, for a map, the members of a group. An empty list is a value too. */
static int read_items(const struct reader *reader, const config_setting_t *setting,
                      struct layer_value *value, const char *label)
{
    bool map = value->option->type == OPTION_MAP;
    for (int i = 0; i < config_setting_length(setting); i++) {
        const config_setting_t *item = config_setting_get_elem(setting, (unsigned)i);
        if (!has_form(item, &form_text))
            return wrong_form(reader, item, label, form_of(value->option));
        char *before =
            memory_format("%s%s", map ? config_setting_name(item) : "", map ? "=" : "");
        int result = read_item(reader, item, value, label, before);
        free(before);
        if (result < 0)
            return -1;
    }
    return 0;
}

static int read_value(const struct reader *reader, const config_setting_t *setting,
                      const struct option *option, const char *section)
{
    char *label = section ? memory_format("\"%s\" of %s \"%s\"", option->key,
                                          option_scope_name(option->scope), section)
                          : memory_format("\"%s\"", option->key);
    int result = -1;
    if (!has_form(setting, form_of(option))) {
        wrong_form(reader, setting, label, form_of(option));
        goto cleanup;
    }
    char *origin =
        memory_format("%s:%u", reader->path, config_setting_source_line(setting));
    struct layer_value *value = layer_put(reader->out, option, section, origin);
    free(origin);
    if (option_is_list(option))
        result = read_items(reader, setting, value, label);
    else
        result = read_item(reader, setting, value, label, "");
cleanup:
    free(label);
    return result;
}

/* libconfig keeps the order of the file, so the first wrong line is the one that is named. */
static int unknown_key(const struct reader *reader, const config_setting_t *setting,
                       const char *where, const char *nearest)
{
    err_set(reader->err, ERR_CONFIG, "unknown key \"%s\"%s", config_setting_name(setting),
            where);
    if (nearest)
        err_hint(reader->err, "did you mean \"%s\"?", nearest);
    else
        err_hint(reader->err, "`pgkeep config --example` shows all keys");
    return located(reader, setting);
}

/* Names become folders in stores and names of lock files. "adhoc" is taken: it groups the
 * backups that were made without a configuration, which retention must not mix with a
 * job's. */
static int check_section_name(const struct reader *reader, const config_setting_t *section,
                              enum option_scope scope)
{
    static const struct option name = {.type = OPTION_NAME};
    const char *kind = option_scope_name(scope);
    char *label = memory_format("the name of a %s", kind);
    int result = option_check(&name, label, config_setting_name(section), reader->err);
    free(label);
    if (result < 0)
        return located(reader, section);
    bool reserved = strcmp(config_setting_name(section), SETTINGS_ADHOC) == 0 &&
                    (scope == OPTION_SOURCE || scope == OPTION_JOB);
    if (!reserved)
        return 0;
    err_set(reader->err, ERR_CONFIG, "the name \"%s\" is kept for backups without a %s",
            SETTINGS_ADHOC, kind);
    return located(reader, section);
}

static int read_section(const struct reader *reader, const config_setting_t *section,
                        enum option_scope scope)
{
    const char *name = config_setting_name(section);
    if (!config_setting_is_group(section)) {
        err_set(reader->err, ERR_CONFIG, "%s \"%s\" must be a group { … }, not %s",
                option_scope_name(scope), name, type_name(section));
        return located(reader, section);
    }
    if (check_section_name(reader, section, scope) < 0)
        return -1;
    char *origin =
        memory_format("%s:%u", reader->path, config_setting_source_line(section));
    layer_add_section(reader->out, scope, name, origin);
    free(origin);
    for (int i = 0; i < config_setting_length(section); i++) {
        const config_setting_t *setting = config_setting_get_elem(section, (unsigned)i);
        const char *key = config_setting_name(setting);
        const struct option *option = option_find(scope, key);
        if (!option) {
            char *where = memory_format(" in %s \"%s\"", option_scope_name(scope), name);
            int result =
                unknown_key(reader, setting, where, option_nearest_key(scope, key));
            free(where);
            return result;
        }
        if (read_value(reader, setting, option, name) < 0)
            return -1;
    }
    return 0;
}

static int read_group(const struct reader *reader, const config_setting_t *group,
                      enum option_scope scope)
{
    if (!config_setting_is_group(group)) {
        err_set(reader->err, ERR_CONFIG, "\"%s\" must be a group of named groups, not %s",
                config_setting_name(group), type_name(group));
        return located(reader, group);
    }
    for (int i = 0; i < config_setting_length(group); i++) {
        if (read_section(reader, config_setting_get_elem(group, (unsigned)i), scope) < 0)
            return -1;
    }
    return 0;
}

/* A group's name is as likely to be meant as a top-level key. */
static const char *nearest_top(const char *word)
{
    const char *names[NAMES_MAX];
    size_t count = 0;
    for (int scope = OPTION_SOURCE; scope <= OPTION_JOB; scope++)
        names[count++] = option_scope_group((enum option_scope)scope);
    for (size_t i = 0; i < option_table_count && count < NAMES_MAX; i++) {
        if (option_table[i].scope == OPTION_TOP)
            names[count++] = option_table[i].key;
    }
    return text_nearest(word, names, count);
}

static int read_top(const struct reader *reader, const config_setting_t *setting)
{
    const char *name = config_setting_name(setting);
    for (int scope = OPTION_SOURCE; scope <= OPTION_JOB; scope++) {
        if (strcmp(name, option_scope_group((enum option_scope)scope)) == 0)
            return read_group(reader, setting, (enum option_scope)scope);
    }
    const struct option *option = option_find(OPTION_TOP, name);
    if (!option)
        return unknown_key(reader, setting, "", nearest_top(name));
    return read_value(reader, setting, option, NULL);
}

/* libconfig itself refuses doubled names; its words for that are clear enough. */
static int syntax_error(const struct reader *reader, const config_t *config)
{
    const char *text = config_error_text(config);
    if (strstr(text, "include")) {
        err_set(reader->err, ERR_CONFIG, "%s:%d: @include is not supported", reader->path,
                config_error_line(config));
        return err_hint(reader->err,
                        "keep secrets apart with password_file, secret_key_file "
                        "or *_env");
    }
    return err_set(reader->err, ERR_CONFIG, "%s:%d: %s", reader->path,
                   config_error_line(config), text);
}

int config_file_parse(const char *path, const char *text, unsigned mode, struct layer *out,
                      struct err *err)
{
    struct reader reader = {path, mode, out, err};
    config_t config;
    int result = -1;
    config_init(&config);
    /* libconfig's scanner would print it to stdout. */
    if (text_ends_with(text, "\\")) {
        err_set(err, ERR_CONFIG, "%s: ends in a backslash", path);
        goto cleanup;
    }
    /* No file can be below /dev/null: every @include fails. libconfig's scanner would call
     * exit() on an included folder, and the secret check would have to follow each file. */
    config_set_include_dir(&config, "/dev/null");
    if (config_read_string(&config, text) != CONFIG_TRUE) {
        syntax_error(&reader, &config);
        goto cleanup;
    }
    const config_setting_t *root = config_root_setting(&config);
    for (int i = 0; i < config_setting_length(root); i++) {
        if (read_top(&reader, config_setting_get_elem(root, (unsigned)i)) < 0)
            goto cleanup;
    }
    result = 0;
cleanup:
    config_destroy(&config);
    return result;
}

int config_file_read(const char *path, struct layer *out, struct err *err)
{
    struct text text;
    struct stat status;
    int result = -1;
    text_init(&text, FILE_MAX);
    if (file_read(path, &text, NULL, err) < 0) {
        err->kind = ERR_CONFIG;
        goto cleanup;
    }
    if (text_check(&text, path, err) < 0) {
        err->kind = ERR_CONFIG;
        goto cleanup;
    }
    if (stat(path, &status) < 0) {
        err_errno(err, ERR_CONFIG, "%s", path);
        goto cleanup;
    }
    if (strlen(text.data) != text.length) {
        err_set(err, ERR_CONFIG, "%s: holds a NUL byte", path);
        goto cleanup;
    }
    result = config_file_parse(path, text.data, status.st_mode & 07777U, out, err);
cleanup:
    memory_wipe(text.data, text.length);
    text_release(&text);
    return result;
}

/* XDG says: only absolute paths count. Without a home there is no such file. */
static char *below_home(const char *variable, const char *fallback, const char *rest)
{
    const char *folder = getenv(variable);
    if (folder && *folder == '/')
        return file_join(folder, rest);
    const char *home = getenv("HOME");
    return home && *home ? memory_format("%s/%s/%s", home, fallback, rest) : NULL;
}

char *config_file_locate(const char *given)
{
    const char *variable = getenv("PGKEEP_CONFIG");
    if (given)
        return memory_strdup(given);
    if (variable && *variable)
        return memory_strdup(variable);
    char *path = below_home("XDG_CONFIG_HOME", ".config", "pgkeep/pgkeep.conf");
    if (path && file_exists(path))
        return path;
    free(path);
    path = file_join(PGKEEP_SYSCONFDIR, "pgkeep/pgkeep.conf");
    if (file_exists(path))
        return path;
    free(path);
    return NULL;
}
