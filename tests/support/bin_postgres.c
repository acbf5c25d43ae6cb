/*
 * postgres - the postgres layer alone, for integration tests:
 *
 *     postgres facts CONNINFO [DATABASE]        version, database, size, tables
 *     postgres databases CONNINFO [INCLUDE [EXCLUDE]]
 *     postgres exists CONNINFO NAME             yes or no
 *     postgres preflight CONNINFO [schema-only] [OPTION=PATTERN ...]   schema,
 * exclude-schema, table, exclude-table, exclude-table-data postgres properties CONNINFO
 * [DATABASE]   a line per property postgres clone CONNINFO DATABASE NEW      NEW with the
 * properties of DATABASE postgres dump CONNINFO plain|custom full|schema|data|globals
 * [LOCK_WAIT_MS [DATABASE]] >DUMP postgres check <DUMP postgres restore CONNINFO
 * plain|custom [DATABASE] <DUMP postgres child CONNINFO [DATABASE]        argument and
 * environment postgres programs BIN_DIR VERSION_NUM
 *
 * Programs come from $BIN_DIR, if set. Exit status as pgkeep's for the error's kind.
 */
#include "base/cancel.h"
#include "session/exit_status.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "postgres/conninfo.h"
#include "postgres/dump.h"
#include "postgres/programs.h"
#include "postgres/psql_sink.h"
#include "postgres/server.h"

#include <errno.h>
#include <unistd.h>

struct arguments {
    int count;
    char **items; /* behind the command; items[0] is CONNINFO */
};

static const char *argument(const struct arguments *arguments, int index)
{
    return index < arguments->count ? arguments->items[index] : NULL;
}

static int find_programs(struct programs *programs, struct err *err)
{
    return programs_find(getenv("BIN_DIR"), 0, programs, err);
}

static int facts(const struct arguments *arguments, struct err *err)
{
    uint64_t bytes = 0, tables = 0;
    struct server *server =
        server_connect(arguments->items[0], argument(arguments, 1), NULL, err);
    if (server == NULL)
        return -1;
    int result = server_size(server, &bytes, err);
    if (result == 0)
        result = server_user_tables(server, NULL, &tables, err);
    printf("version %d %s\ndatabase %s\nuser %s\nhost %s\nsize %llu\ntables %llu\n",
           server_version(server), server_version_text(server), server_database(server),
           server_user(server), server_host(server), (unsigned long long)bytes,
           (unsigned long long)tables);
    server_free(server);
    return result;
}

static int databases(const struct arguments *arguments, struct err *err)
{
    struct strlist include = {0}, exclude = {0};
    struct server_databases found = {0};
    struct server *server = server_connect(arguments->items[0], NULL, NULL, err);
    if (server == NULL)
        return -1;
    if (argument(arguments, 1) != NULL)
        strlist_add(&include, arguments->items[1]);
    if (argument(arguments, 2) != NULL)
        strlist_add(&exclude, arguments->items[2]);
    int result = server_databases(server, &include, &exclude, &found, err);
    for (size_t i = 0; i < found.count; i++)
        printf("%s%s%s\n", found.items[i].name, found.items[i].problem ? ": " : "",
               found.items[i].problem ? found.items[i].problem : "");
    strlist_release(&include);
    strlist_release(&exclude);
    server_databases_release(&found);
    server_free(server);
    return result;
}

static int exists(const struct arguments *arguments, struct err *err)
{
    bool found = false;
    struct server *server = server_connect(arguments->items[0], NULL, NULL, err);
    int result = server == NULL
                     ? -1
                     : server_database_exists(server, argument(arguments, 1), &found, err);
    puts(found ? "yes" : "no");
    server_free(server);
    return result;
}

static int preflight(const struct arguments *arguments, struct err *err)
{
    struct dump_filters filters = {0};
    bool with_data = true;
    const struct row {
        const char *prefix;
        struct strlist *list;
    } rows[] = {{"schema=", &filters.schemas},
                {"exclude-schema=", &filters.exclude_schemas},
                {"table=", &filters.tables},
                {"exclude-table=", &filters.exclude_tables},
                {"exclude-table-data=", &filters.exclude_table_data}};
    for (int i = 1; i < arguments->count; i++)
        with_data = with_data && strcmp(arguments->items[i], "schema-only") != 0;
    for (int i = 1; i < arguments->count; i++)
        for (size_t r = 0; r < sizeof rows / sizeof *rows; r++)
            if (text_starts_with(arguments->items[i], rows[r].prefix))
                strlist_add(rows[r].list, arguments->items[i] + strlen(rows[r].prefix));
    struct server *server = server_connect(arguments->items[0], NULL, NULL, err);
    int result = server == NULL ? -1 : server_preflight(server, &filters, with_data, err);
    server_free(server);
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++)
        strlist_release(rows[r].list);
    return result;
}

static void print_properties(const struct server_properties *properties)
{
    const struct row {
        const char *name;
        const char *value;
    } rows[] = {
        {"encoding", properties->encoding}, {"collate", properties->collate},
        {"ctype", properties->ctype},       {"provider", properties->locale_provider},
        {"locale", properties->icu_locale}, {"owner", properties->owner},
        {"comment", properties->comment}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        printf("%s %s\n", rows[i].name, rows[i].value == NULL ? "-" : rows[i].value);
    printf("template %d\nconnections %d %d\n", properties->is_template,
           properties->allow_connections, properties->connection_limit);
    for (size_t i = 0; i < properties->settings.count; i++)
        printf("setting %s\n", properties->settings.items[i]);
    for (size_t i = 0; i < properties->acl.count; i++)
        printf("acl %s\n", properties->acl.items[i]);
}

static int properties(const struct arguments *arguments, struct err *err)
{
    struct server_properties found = {0};
    struct server *server =
        server_connect(arguments->items[0], argument(arguments, 1), NULL, err);
    int result = server == NULL ? -1 : server_properties(server, &found, err);
    if (result == 0)
        print_properties(&found);
    server_properties_release(&found);
    server_free(server);
    return result;
}

static int clone_database(const struct arguments *arguments, struct err *err)
{
    struct server_properties found = {0};
    const char *name = argument(arguments, 2);
    struct server *server =
        server_connect(arguments->items[0], argument(arguments, 1), NULL, err);
    int result = server == NULL ? -1 : server_properties(server, &found, err);
    if (result == 0 && argument(arguments, 3) != NULL) {
        server_free(server);
        server = server_connect(arguments->items[3], NULL, NULL, err);
        result = server == NULL ? -1 : 0;
    }
    if (result == 0)
        result = server_create_database(server, name, &found, err);
    if (result == 0)
        result = server_apply_settings(server, name, &found, err);
    if (result == 0)
        result = server_apply_properties(server, name, &found, err);
    server_properties_release(&found);
    server_free(server);
    return result;
}

static int copy_out(struct dump *dump, struct err *err)
{
    static char buffer[65536];
    ssize_t got;
    while ((got = read(dump_fd(dump), buffer, sizeof buffer)) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 || file_write_all(STDOUT_FILENO, buffer, (size_t)got) < 0)
            return err_errno(err, ERR_SYSTEM, "copying the dump");
    }
    return dump_finish(dump, err);
}

static int dump(const struct arguments *arguments, struct err *err)
{
    struct programs programs;
    const char *wait = argument(arguments, 3);
    struct dump_spec spec = {
        .conninfo = arguments->items[0],
        .database = argument(arguments, 4),
        .lock_wait_timeout_ms = wait == NULL ? 60000 : strtol(wait, NULL, 10),
    };
    if (arguments->count < 3 || !dump_format_from_name(arguments->items[1], &spec.format) ||
        !dump_type_from_name(arguments->items[2], &spec.type))
        return err_set(err, ERR_USAGE, "dump: format and type");
    if (find_programs(&programs, err) < 0)
        return -1;
    spec.program = spec.type == DUMP_GLOBALS ? programs.pg_dumpall : programs.pg_dump;
    struct dump *running = dump_start(&spec, err);
    int result = running == NULL ? -1 : copy_out(running, err);
    dump_free(running);
    programs_release(&programs);
    return result;
}

/* Feeds standard input to one of the two sinks. */
static int copy_in(struct dump_check *check, struct psql_sink *restore, struct err *err)
{
    static char buffer[65536];
    ssize_t got;
    while ((got = file_read_all(STDIN_FILENO, buffer, sizeof buffer)) > 0) {
        int put = check != NULL ? dump_check_write(check, buffer, (size_t)got, err)
                                : psql_sink_write(restore, buffer, (size_t)got, err);
        if (put < 0)
            return -1;
    }
    return check != NULL ? dump_check_finish(check, err) : psql_sink_finish(restore, err);
}

static int check_archive(const struct arguments *arguments, struct err *err)
{
    struct programs programs;
    (void)arguments;
    if (find_programs(&programs, err) < 0)
        return -1;
    struct dump_check *check = dump_check_start(programs.pg_restore, err);
    int result = check == NULL ? -1 : copy_in(check, NULL, err);
    dump_check_free(check);
    programs_release(&programs);
    return result;
}

static int restore(const struct arguments *arguments, struct err *err)
{
    struct programs programs;
    struct psql_sink_spec spec = {
        .conninfo = arguments->items[0],
        .database = argument(arguments, 2),
        .programs = &programs,
    };
    if (arguments->count < 2 || !dump_format_from_name(arguments->items[1], &spec.format))
        return err_set(err, ERR_USAGE, "restore: format");
    if (find_programs(&programs, err) < 0)
        return -1;
    struct psql_sink *running = psql_sink_start(&spec, err);
    int result = running == NULL ? -1 : copy_in(NULL, running, err);
    psql_sink_free(running);
    programs_release(&programs);
    return result;
}

static int show_child(const struct arguments *arguments, struct err *err)
{
    struct conninfo_child child;
    if (conninfo_child(arguments->items[0], argument(arguments, 1), &child, err) < 0)
        return -1;
    puts(child.argument);
    for (size_t i = 0; i < child.env.count; i++)
        puts(child.env.items[i]);
    conninfo_child_release(&child);
    return 0;
}

static int programs(const struct arguments *arguments, struct err *err)
{
    struct programs found;
    const char *version = argument(arguments, 1);
    if (programs_find(arguments->items[0],
                      version == NULL ? 0 : (int)strtol(version, NULL, 10), &found,
                      err) < 0)
        return -1;
    printf("%s %s\n", found.version, found.pg_dump);
    programs_release(&found);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct command {
        const char *name;
        int (*run)(const struct arguments *arguments, struct err *err);
    } commands[] = {
        {"facts", facts},         {"databases", databases},   {"exists", exists},
        {"preflight", preflight}, {"properties", properties}, {"clone", clone_database},
        {"dump", dump},           {"check", check_archive},   {"restore", restore},
        {"child", show_child},    {"programs", programs}};
    struct err err = {0};
    struct arguments arguments = {.count = argc - 2, .items = argv + 2};
    log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    if (argc < 2 || cancel_install(&err) < 0)
        return 2;
    if (argc == 2)
        arguments = (struct arguments){1, (char *[]){(char[]){""}}};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(commands[i].name, argv[1]) != 0)
            continue;
        if (commands[i].run(&arguments, &err) == 0)
            return 0;
        log_err(&err);
        return exit_status_of(OUTCOME_FAILED, err.kind, NULL);
    }
    return 2;
}
