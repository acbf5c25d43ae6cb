/*
 * pg_dump's command line. Passwords are in the environment (conninfo_child), never here: `ps`
 * shows arguments to everybody.
 */
#include "postgres/dump.h"

#include "base/memory.h"
#include "postgres/child.h"
#include "postgres/conninfo.h"

/* Both are no more than their child; the types keep apart what may be done with it. */
struct dump {
    struct child *child;
};

struct dump_check {
    struct child *child;
};

/* As manifests, the catalog and the configuration spell them. */
static const char *const format_names[] = {
    [DUMP_PLAIN] = "plain", [DUMP_CUSTOM] = "custom"};
static const char *const type_names[] = {
    [DUMP_FULL] = "full",
    [DUMP_SCHEMA] = "schema",
    [DUMP_DATA] = "data",
    [DUMP_GLOBALS] = "globals",
};

/* Names both ways: the texts of manifests and of the catalog come from outside. */
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
    for (size_t i = 0; i < sizeof format_names / sizeof *format_names; i++) {
        if (strcmp(format_names[i], name) != 0)
            continue;
        *out = (enum dump_format)i;
        return true;
    }
    return false;
}

bool dump_type_from_name(const char *name, enum dump_type *out)
{
    for (size_t i = 0; i < sizeof type_names / sizeof *type_names; i++) {
        if (strcmp(type_names[i], name) != 0)
            continue;
        *out = (enum dump_type)i;
        return true;
    }
    return false;
}

static void add_each(struct strlist *argv, const char *option,
                     const struct strlist *patterns)
{
    for (size_t i = 0; i < patterns->count; i++)
        strlist_addf(argv, "--%s=%s", option, patterns->items[i]);
}

/* What is to be dumped, in pg_dump's own words. */
static void add_dump_options(struct strlist *argv, const struct dump_spec *spec)
{
    strlist_addf(argv, "--format=%s", dump_format_name(spec->format));
    if (spec->format == DUMP_CUSTOM)
        strlist_add(argv, "--compress=0"); /* our codec is outside */
    if (spec->type == DUMP_SCHEMA)
        strlist_add(argv, "--schema-only");
    if (spec->type == DUMP_DATA)
        strlist_add(argv, "--data-only");
    if (spec->encoding != NULL)
        strlist_addf(argv, "--encoding=%s", spec->encoding);
    if (spec->snapshot != NULL)
        strlist_addf(argv, "--snapshot=%s", spec->snapshot);
    if (spec->elsewhere != NULL)
        add_each(argv, "exclude-table-data", spec->elsewhere);
    if (spec->filters == NULL)
        return;
    add_each(argv, "schema", &spec->filters->schemas);
    add_each(argv, "exclude-schema", &spec->filters->exclude_schemas);
    add_each(argv, "table", &spec->filters->tables);
    add_each(argv, "exclude-table", &spec->filters->exclude_tables);
    add_each(argv, "exclude-table-data", &spec->filters->exclude_table_data);
}

struct dump *dump_start(const struct dump_spec *spec, struct err *err)
{
    struct conninfo_child connection;
    struct strlist argv = {0};
    if (conninfo_child(spec->conninfo, spec->database, &connection, err) < 0)
        return NULL;

    strlist_add(&argv, spec->program);
    strlist_addf(&argv, "--dbname=%s", connection.argument);
    /* Without a terminal a question for the password would hang for ever. */
    strlist_add(&argv, "--no-password");
    if (spec->lock_wait_timeout_ms > 0)
        strlist_addf(&argv, "--lock-wait-timeout=%lld",
                     (long long)spec->lock_wait_timeout_ms);
    if (spec->type == DUMP_GLOBALS) {
        /* pg_dumpall takes no database from the connection string. */
        strlist_add(&argv, "--globals-only");
        if (spec->encoding != NULL)
            strlist_addf(&argv, "--encoding=%s", spec->encoding);
        strlist_addf(&argv, "--database=%s", connection.database);
        /* Managed servers show pg_roles and not pg_authid. */
        if (spec->no_role_passwords)
            strlist_add(&argv, "--no-role-passwords");
    } else {
        add_dump_options(&argv, spec);
    }

    struct child_spec child_spec = {
        .argv = &argv,
        .env = &connection.env,
        .database = connection.database,
        .writes = true,
        .kind = ERR_DATABASE,
        .cancel = spec->cancel,
    };
    struct child *child = child_start(&child_spec, err);
    conninfo_child_release(&connection);
    strlist_release(&argv);
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

/* Only after the end of its output: else it would wait for us to read. */
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
