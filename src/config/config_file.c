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
#include <stdarg.h>
#include <sys/stat.h>

enum { FILE_MAX = 1 << 20, NAMES_MAX = 64, OTHERS_READ = 004 };

/* What is being read, and where it goes. */
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
  form_count = {1U << CONFIG_TYPE_INT | 1U << CONFIG_TYPE_INT64 | 1U << CONFIG_TYPE_STRING,
                "a whole number or \"auto\""},
  form_number = {1U << CONFIG_TYPE_INT | 1U << CONFIG_TYPE_INT64 | 1U << CONFIG_TYPE_FLOAT,
                 "a number"},
  form_size = {1U << CONFIG_TYPE_INT | 1U << CONFIG_TYPE_INT64 | 1U << CONFIG_TYPE_STRING,
               "a size as \"512MiB\" or a number of bytes"},
  form_span = {1U << CONFIG_TYPE_STRING,
               "a duration in double quotes, as \"12h\" or \"30d\""},
  form_list = {1U << CONFIG_TYPE_ARRAY | 1U << CONFIG_TYPE_LIST,
               "a list of texts, as [ \"a\", \"b\" ]"},
  form_map = {1U << CONFIG_TYPE_GROUP, "a group of names, as { nas = \"short\"; }"};

/* All that is not listed is a text: paths, names, URLs, times. */
static const struct form *form_of(const struct option *option)
{
    static const struct form *const forms[OPTION_TYPE_COUNT] = {
        [OPTION_BOOL] = &form_bool,      [OPTION_INT] = &form_int,
        [OPTION_PERCENT] = &form_number, [OPTION_SIZE] = &form_size,
        [OPTION_SPAN] = &form_span,      [OPTION_PERIOD] = &form_span,
        [OPTION_LIST] = &form_list,      [OPTION_TAGS] = &form_list,
        [OPTION_MAP] = &form_map,        [OPTION_COUNT] = &form_count,
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

/* A type of libconfig among those that the form allows. */
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

/* What the file says there cannot be meant: "FILE:LINE: SENTENCE". Returns -1. */
PRINTF(3, 4)
static int refuse(const struct reader *reader, const config_setting_t *setting,
                  const char *format, ...)
{
    char sentence[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof(sentence), format, arguments);
    va_end(arguments);
    err_set(reader->err, ERR_CONFIG, "%s", sentence);
    return located(reader, setting);
}

/* Types are strict: 7.5 days or "yes" as a truth value are more likely a mistake than
 * meant. */
static int wrong_form(const struct reader *reader, const config_setting_t *setting,
                      const char *label, const struct form *form)
{
    return refuse(reader, setting, "%s must be %s, not %s", label, form->phrase,
                  type_name(setting));
}

/* One scalar of an option as an item of its value; `before` stands in front of it
 * (maps). */
static int read_item(const struct reader *reader, const config_setting_t *setting,
                     struct layer_value *value, const char *label, const char *before)
{
    /* As text, because the same check and assignment serve the environment and the command
     * line. */
    struct text text;
    text_init(&text, FILE_MAX);
    text_add(&text, before);
    switch (config_setting_type(setting)) {
    case CONFIG_TYPE_BOOL:
        text_add(&text, config_setting_get_bool(setting) ? "true" : "false");
        break;
    case CONFIG_TYPE_FLOAT:
        text_addf(&text, "%.10g", config_setting_get_float(setting));
        break;
    case CONFIG_TYPE_STRING:
        text_add(&text, config_setting_get_string(setting));
        break;
    default:
        text_addf(&text, "%lld", config_setting_get_int64(setting));
        break;
    }
    int result = option_check(value->option, label, text.data, reader->err);

    /* Asked value by value, so that the error can name the line that should not be
     * there. */
    if (result == 0 && (reader->mode & OTHERS_READ) != 0 &&
        option_is_secret(value->option, text.data)) {
        result = err_set(reader->err, ERR_CONFIG,
                         "%s holds a secret, but every user can read this file (mode %04o)",
                         label, reader->mode & 07777U);
        err_hint(reader->err, "chmod o-rwx %s", reader->path);
    }
    if (result < 0)
        located(reader, setting);
    else
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
        /* Names and patterns: a number or a list in a list is a mistake. */
        if (!has_form(item, &form_text))
            return wrong_form(reader, item, label, form_of(value->option));
        /* NAME = VALUE of a map is one item as any other: "NAME=VALUE". */
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
    /* As errors call it: the key alone would be one of several. */
    char *label = section ? memory_format("\"%s\" of %s \"%s\"", option->key,
                                          option_scope_name(option->scope), section)
                          : memory_format("\"%s\"", option->key);
    int result;
    if (!has_form(setting, form_of(option))) {
        result = wrong_form(reader, setting, label, form_of(option));
    } else {
        char *origin =
            memory_format("%s:%u", reader->path, config_setting_source_line(setting));
        /* Valid until the next value is put: nothing below puts one. */
        struct layer_value *value = layer_put(reader->out, option, section, origin);
        result = option_is_list(option) ? read_items(reader, setting, value, label)
                                        : read_item(reader, setting, value, label, "");
        free(origin);
    }
    free(label);
    return result;
}

/* libconfig keeps the order of the file, so the first wrong line is the one that is
 * named. */
static int unknown_key(const struct reader *reader, const config_setting_t *setting,
                       const char *where, const char *nearest)
{
    /* Its nearest neighbour in this very place: elsewhere it may be right. */
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
    /* The names of sections follow the same rule as names that refer to them. */
    char *label = memory_format("the name of a %s", kind);
    int result = option_check(&name, label, config_setting_name(section), reader->err);
    free(label);
    if (result < 0)
        return located(reader, section);
    /* Stores and policies may be called so: they group nothing. */
    bool reserved = strcmp(config_setting_name(section), SETTINGS_ADHOC) == 0 &&
                    (scope == OPTION_SOURCE || scope == OPTION_JOB);
    return reserved
               ? refuse(reader, section, "the name \"%s\" is kept for backups without a %s",
                        SETTINGS_ADHOC, kind)
               : 0;
}

/* NAME: { KEY = VALUE; … }, of one scope. */
static int read_section(const struct reader *reader, const config_setting_t *section,
                        enum option_scope scope)
{
    const char *name = config_setting_name(section);
    /* `nightly = "…"` instead of `nightly: { … }`. */
    if (!config_setting_is_group(section))
        return refuse(reader, section, "%s \"%s\" must be a group { … }, not %s",
                      option_scope_name(scope), name, type_name(section));
    if (check_section_name(reader, section, scope) < 0)
        return -1;
    char *origin =
        memory_format("%s:%u", reader->path, config_setting_source_line(section));
    /* Also an empty one exists, and may be named by a job. */
    layer_add_section(reader->out, scope, name, origin);
    free(origin);
    for (int i = 0; i < config_setting_length(section); i++) {
        const config_setting_t *setting = config_setting_get_elem(section, (unsigned)i);
        const char *key = config_setting_name(setting);
        /* A key of another scope is as unknown here as one that is nowhere. */
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

/* A group of sections, or a top-level key. */
static int read_top(const struct reader *reader, const config_setting_t *setting)
{
    const char *name = config_setting_name(setting);
    const char *names[NAMES_MAX];
    size_t count = 0;
    /* sources, stores, policies, notifiers, jobs: the groups come first in the enum's order. */
    for (int i = OPTION_SOURCE; i <= OPTION_JOB; i++) {
        enum option_scope scope = (enum option_scope)i;
        names[count++] = option_scope_group(scope);
        if (strcmp(name, option_scope_group(scope)) != 0)
            continue;
        if (!config_setting_is_group(setting))
            return refuse(reader, setting, "\"%s\" must be a group of named groups, not %s",
                          name, type_name(setting));
        for (int j = 0; j < config_setting_length(setting); j++) {
            const config_setting_t *section = config_setting_get_elem(setting, (unsigned)j);
            if (read_section(reader, section, scope) < 0)
                return -1;
        }
        return 0;
    }
    const struct option *option = option_find(OPTION_TOP, name);
    if (option)
        return read_value(reader, setting, option, NULL);

    /* A group's name is as likely to be meant as a top-level key. */
    for (size_t i = 0; i < option_table_count && count < NAMES_MAX; i++) {
        if (option_table[i].scope == OPTION_TOP)
            names[count++] = option_table[i].key;
    }
    return unknown_key(reader, setting, "", text_nearest(name, names, count));
}

/* libconfig itself refuses doubled names; its words for that are clear enough. */
static int syntax_error(const struct reader *reader, const config_t *config)
{
    const char *text = config_error_text(config);
    /* The scanner could not open it: see config_set_include_dir below. */
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

/* Stops at the first mistake: the next ones may only follow from it. */
int config_file_parse(const char *path, const char *text, unsigned mode, struct layer *out,
                      struct err *err)
{
    struct reader reader = {path, mode, out, err};
    config_t config;
    int result = -1;
    /* Some editors put it in front of UTF-8 (a byte order mark, U+FEFF); libconfig would
     * call it a syntax error in line 1, where nobody can see anything. */
    if (text_starts_with(text, "\xEF\xBB\xBF"))
        text += 3;
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

/* The text may hold secrets: it is wiped, whatever happens. */
int config_file_read(const char *path, struct layer *out, struct err *err)
{
    /* At most a megabyte: what is larger is some other file. */
    struct text text;
    struct stat status;
    int result = -1;
    text_init(&text, FILE_MAX);
    if (file_read(path, &text, NULL, err) < 0 || text_check(&text, path, err) < 0) {
        err->kind = ERR_CONFIG;
        goto cleanup;
    }
    /* The mode counts only where a secret is found. */
    if (stat(path, &status) < 0) {
        err_errno(err, ERR_CONFIG, "%s", path);
        goto cleanup;
    }
    /* libconfig would end at the first NUL, and what is behind it would not count. */
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

char *config_file_locate(const char *given)
{
    const char *variable = getenv("PGKEEP_CONFIG");
    const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    char *path = NULL;
    /* What is named counts even when it is not there: that is then the error. */
    if (given)
        return memory_strdup(given);
    /* For a service's environment, where there is no command line to change. */
    if (variable && *variable)
        return memory_strdup(variable);

    /* The user's own. XDG says: only absolute paths count. Without a home there is none. */
    if (xdg && *xdg == '/')
        path = file_join(xdg, "pgkeep/pgkeep.conf");
    else if (home && *home)
        path = memory_format("%s/.config/pgkeep/pgkeep.conf", home);
    if (path && file_exists(path))
        return path;

    /* The machine's. */
    memory_take(&path, file_join(PGKEEP_SYSCONFDIR, "pgkeep/pgkeep.conf"));
    if (file_exists(path))
        return path;
    free(path);
    return NULL;
}
