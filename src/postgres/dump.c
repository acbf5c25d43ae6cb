/*
 * pg_dump's command line. Passwords are in the environment (conninfo_child), never here: `ps`
 * shows arguments to everybody.
 */
#include "postgres/dump.h"

#include "base/memory.h"
#include "postgres/child.h"
#include "postgres/conninfo.h"

struct dump {
    struct child *child;
};

struct dump_check {
    struct child *child;
};

static const char *const format_names[] = {
    [DUMP_PLAIN] = "plain", [DUMP_CUSTOM] = "custom"};
static const char *const type_names[] = {
    [DUMP_FULL] = "full",
    [DUMP_SCHEMA] = "schema",
    [DUMP_DATA] = "data",
    [DUMP_GLOBALS] = "globals",
};

static bool find_name(const char *name, const char *const *names, size_t count, size_t *out)
{
    for (*out = 0; *out < count; (*out)++)
        if (strcmp(names[*out], name) == 0)
            return true;
    return false;
}

const char *dump_format_name(enum dump_format format)
{
    return format_names[format];
}

const char *dump_type_name(enum dump_type type)
{
    return type_names[type];
}

bool dump_format_from_name(const char *name, enum dump_format *out)
{
    size_t found;
    if (!find_name(name, format_names, sizeof format_names / sizeof *format_names, &found))
        return false;
    *out = (enum dump_format)found;
    return true;
}

bool dump_type_from_name(const char *name, enum dump_type *out)
{
    size_t found;
    if (!find_name(name, type_names, sizeof type_names / sizeof *type_names, &found))
        return false;
    *out = (enum dump_type)found;
    return true;
}

static void add_each(struct strlist *argv, const char *option,
                     const struct strlist *patterns)
{
    for (size_t i = 0; i < patterns->count; i++)
        strlist_addf(argv, "--%s=%s", option, patterns->items[i]);
}

static void add_filters(struct strlist *argv, const struct dump_filters *filters)
{
    if (filters == NULL)
        return;
    add_each(argv, "schema", &filters->schemas);
    add_each(argv, "exclude-schema", &filters->exclude_schemas);
    add_each(argv, "table", &filters->tables);
    add_each(argv, "exclude-table", &filters->exclude_tables);
    add_each(argv, "exclude-table-data", &filters->exclude_table_data);
}

static void add_dump_options(struct strlist *argv, const struct dump_spec *spec)
{
    strlist_addf(argv, "--format=%s", dump_format_name(spec->format));
    if (spec->format == DUMP_CUSTOM)
        strlist_add(argv, "--compress=0"); /* our codec is outside */
    if (spec->type == DUMP_SCHEMA)
        strlist_add(argv, "--schema-only");
    if (spec->type == DUMP_DATA)
        strlist_add(argv, "--data-only");
    add_filters(argv, spec->filters);
}

static void build_argv(struct strlist *argv, const struct dump_spec *spec,
                       const char *connection, const char *database)
{
    strlist_add(argv, spec->program);
    strlist_addf(argv, "--dbname=%s", connection);
    /* Without a terminal a question for the password would hang for ever. */
    strlist_add(argv, "--no-password");
    if (spec->lock_wait_timeout_ms > 0)
        strlist_addf(argv, "--lock-wait-timeout=%lld",
                     (long long)spec->lock_wait_timeout_ms);
    if (spec->type != DUMP_GLOBALS) {
        add_dump_options(argv, spec);
        return;
    }
    /* pg_dumpall takes no database from the connection string. */
    strlist_add(argv, "--globals-only");
    strlist_addf(argv, "--database=%s", database);
}

struct dump *dump_start(const struct dump_spec *spec, struct err *err)
{
    struct conninfo_child connection;
    struct strlist argv = {0};
    struct child *child = NULL;
    char *database = spec->database != NULL ? memory_strdup(spec->database)
                                            : conninfo_database(spec->conninfo, err);
    if (database == NULL)
        return NULL;
    if (conninfo_child(spec->conninfo, database, &connection, err) == 0) {
        build_argv(&argv, spec, connection.argument, database);
        struct child_spec child_spec = {
            .argv = &argv,
            .env = &connection.env,
            .database = database,
            .writes = true,
            .kind = ERR_DATABASE,
            .cancel = spec->cancel,
        };
        child = child_start(&child_spec, err);
        conninfo_child_release(&connection);
    }
    strlist_release(&argv);
    free(database);
    if (child == NULL)
        return NULL;
    struct dump *dump = memory_zalloc(sizeof *dump);
    dump->child = child;
    return dump;
}

int dump_fd(const struct dump *dump)
{
    return child_fd(dump->child);
}

int dump_finish(struct dump *dump, struct err *err)
{
    return child_finish(dump->child, err);
}

void dump_free(struct dump *dump)
{
    if (dump == NULL)
        return;
    child_free(dump->child);
    free(dump);
}

/* ---- checking an archive ---- */

struct dump_check *dump_check_start(const char *pg_restore, struct err *err)
{
    /* --list reads the head only. Without a seekable input, writing the whole as SQL walks
     * every block of the archive, and all of its bytes are asked for. */
    struct strlist argv = {0};
    struct strlist env = {0};
    strlist_add(&argv, pg_restore);
    strlist_add(&argv, "--file=/dev/null");
    strlist_add(&env, "LC_ALL=C");
    struct child_spec spec = {
        .argv = &argv, .env = &env, .reads = true, .kind = ERR_CORRUPT};
    struct child *child = child_start(&spec, err);
    strlist_release(&argv);
    strlist_release(&env);
    if (child == NULL)
        return NULL;
    struct dump_check *check = memory_zalloc(sizeof *check);
    check->child = child;
    return check;
}

int dump_check_write(struct dump_check *check, const void *data, size_t size,
                     struct err *err)
{
    return child_write(check->child, data, size, err);
}

int dump_check_finish(struct dump_check *check, struct err *err)
{
    return child_finish(check->child, err);
}

void dump_check_free(struct dump_check *check)
{
    if (check == NULL)
        return;
    child_free(check->child);
    free(check);
}
