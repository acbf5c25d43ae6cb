/*
 * --wrap makes PQdb of the product __wrap_PQdb, and __real_PQdb here libpq's. A connection of
 * ours is known by the list of them; all others are libpq's.
 */
#include "tests/support/fake_libpq.h"

#include "base/memory.h"
#include "base/text.h"

#include <libpq-fe.h>
#include <stdarg.h>

enum { RULES = 64, BACKEND = 4711, SQL_MAX = 1 << 20 };

/* Handed out as a PGconn. */
struct fake {
    char *database, *host, *port, *user;
    char error[480];
    ConnStatusType status;
    struct fake *next;
};
static struct fake *fakes;

enum what { ANSWER, FAIL, BREAK };
static struct rule {
    char *match;
    enum what what;
    int columns;
    struct strlist cells; /* "=text", or "" for SQL NULL */
    char *message;
} rules[RULES];
static size_t rule_count;

static struct server_state {
    int version; /* 0: nobody serves */
    char version_text[32];
    char *refused_database, *refusal; /* refusal NULL: nobody is refused */
    struct strlist asked;
    unsigned connections;
} server;

/* ---- what tests set and ask ---- */

static struct rule *add_rule(const char *match, enum what what)
{
    if (rule_count == RULES) {
        fprintf(stderr, "fake_libpq: no room for more rules\n");
        abort();
    }
    struct rule *rule = &rules[rule_count++];
    *rule = (struct rule){.match = memory_strdup(match), .what = what};
    return rule;
}

void fake_libpq_answer(const char *match, int columns, ...)
{
    struct rule *rule = add_rule(match, ANSWER);
    va_list cells;
    rule->columns = columns;
    va_start(cells, columns);
    for (const char *cell; (cell = va_arg(cells, const char *)) != FAKE_LIBPQ_END;)
        strlist_addf(&rule->cells, "%s%s", cell != NULL ? "=" : "",
                     cell != NULL ? cell : "");
    va_end(cells);
}

void fake_libpq_fail(const char *match, const char *message)
{
    add_rule(match, FAIL)->message = memory_strdup(message);
}

void fake_libpq_break(const char *match)
{
    add_rule(match, BREAK)->message =
        memory_strdup("server closed the connection unexpectedly");
}

void fake_libpq_refuse(const char *database, const char *message)
{
    memory_replace(&server.refused_database, database);
    memory_replace(&server.refusal, message);
}

void fake_libpq_reset(void)
{
    for (size_t i = 0; i < rule_count; i++) {
        free(rules[i].match);
        free(rules[i].message);
        strlist_release(&rules[i].cells);
    }
    rule_count = 0;
    fake_libpq_refuse(NULL, NULL);
    strlist_release(&server.asked);
    server = (struct server_state){0};
}

void fake_libpq_serve(int version, uint64_t size)
{
    char bytes[32];
    snprintf(bytes, sizeof bytes, "%llu", (unsigned long long)size);
    server.version = version;
    snprintf(server.version_text, sizeof server.version_text, "%d.%d", version / 10000,
             version % 10000);
    fake_libpq_answer("pg_backend_pid()", 1, "4711", FAKE_LIBPQ_END);
    fake_libpq_answer("current_schemas(", 1, "{pg_catalog,public}", FAKE_LIBPQ_END);
    fake_libpq_answer("pg_database_size(", 1, bytes, FAKE_LIBPQ_END);
    fake_libpq_answer("SELECT datname FROM", 1, "shop", FAKE_LIBPQ_END);
    fake_libpq_answer("pg_encoding_to_char(d.encoding)", 10, "UTF8", "C.UTF-8", "C.UTF-8",
                      "c", NULL, "keeper", NULL, "f", "t", "-1", FAKE_LIBPQ_END);
}

unsigned fake_libpq_asked(const char *match)
{
    unsigned count = 0;
    for (size_t i = 0; i < server.asked.count; i++)
        count += strstr(server.asked.items[i], match) != NULL;
    return count;
}

const char *fake_libpq_last(const char *match)
{
    for (size_t i = server.asked.count; i-- > 0;) {
        if (strstr(server.asked.items[i], match) != NULL)
            return server.asked.items[i];
    }
    return "";
}

unsigned fake_libpq_open(void)
{
    unsigned count = 0;
    for (const struct fake *fake = fakes; fake != NULL; fake = fake->next)
        count++;
    return count;
}

unsigned fake_libpq_connections(void)
{
    return server.connections;
}

/* ---- libpq's own ---- */

#define REAL(type, name, ...)                                                              \
    type __real_PQ##name(__VA_ARGS__);                                                     \
    type __wrap_PQ##name(__VA_ARGS__)

REAL(PGconn *, connectdbParams, const char *const *, const char *const *, int);
REAL(void, finish, PGconn *);
REAL(ConnStatusType, status, const PGconn *);
REAL(char *, errorMessage, const PGconn *);
REAL(char *, db, const PGconn *);
REAL(char *, host, const PGconn *);
REAL(char *, port, const PGconn *);
REAL(char *, user, const PGconn *);
REAL(int, serverVersion, const PGconn *);
REAL(int, backendPID, const PGconn *);
REAL(const char *, parameterStatus, const PGconn *, const char *);
REAL(int, setClientEncoding, PGconn *, const char *);
REAL(PQnoticeProcessor, setNoticeProcessor, PGconn *, PQnoticeProcessor, void *);
REAL(PQconninfoOption *, conninfo, PGconn *);
REAL(char *, escapeIdentifier, PGconn *, const char *, size_t);
REAL(char *, escapeLiteral, PGconn *, const char *, size_t);
REAL(PGresult *, exec, PGconn *, const char *);
REAL(PGresult *, execParams, PGconn *, const char *, int, const Oid *, const char *const *,
     const int *, const int *, int);

/* Ours, or NULL for one of libpq. */
static struct fake *of(const PGconn *conn)
{
    struct fake *fake = fakes;
    while (fake != NULL && (const void *)fake != (const void *)conn)
        fake = fake->next;
    return fake;
}

/* ---- connections ---- */

static char *value_of(const PQconninfoOption *options, const char *keyword,
                      const char *otherwise)
{
    for (const PQconninfoOption *o = options; o != NULL && o->keyword != NULL; o++) {
        if (strcmp(o->keyword, keyword) == 0 && o->val != NULL && *o->val != '\0')
            return memory_strdup(o->val);
    }
    return memory_strdup(otherwise);
}

/* The only word that counts here is dbname, which holds a whole connection string. */
static PQconninfoOption *options_of(const char *const *keywords, const char *const *values)
{
    for (size_t i = 0; keywords[i] != NULL; i++) {
        if (strcmp(keywords[i], "dbname") == 0)
            return PQconninfoParse(values[i], NULL);
    }
    return NULL;
}

PGconn *__wrap_PQconnectdbParams(const char *const *keywords, const char *const *values,
                                 int expand_dbname)
{
    if (server.version == 0)
        return __real_PQconnectdbParams(keywords, values, expand_dbname);
    struct fake *fake = memory_zalloc(sizeof *fake);
    PQconninfoOption *options = options_of(keywords, values);
    const char *refused = server.refused_database;
    server.connections++;
    fake->user = value_of(options, "user", "keeper");
    fake->database = value_of(options, "dbname", fake->user);
    fake->host = value_of(options, "host", "/run/postgresql");
    fake->port = value_of(options, "port", "5432");
    PQconninfoFree(options);
    if (server.refusal != NULL &&
        (refused == NULL || strcmp(refused, fake->database) == 0)) {
        snprintf(fake->error, sizeof fake->error, "%s", server.refusal);
        fake->status = CONNECTION_BAD;
    }
    fake->next = fakes;
    fakes = fake;
    return (PGconn *)fake;
}

void __wrap_PQfinish(PGconn *conn)
{
    struct fake *fake = of(conn), **link = &fakes;
    if (fake == NULL) {
        __real_PQfinish(conn);
        return;
    }
    while (*link != fake)
        link = &(*link)->next;
    *link = fake->next;
    free(fake->database);
    free(fake->host);
    free(fake->port);
    free(fake->user);
    free(fake);
}

ConnStatusType __wrap_PQstatus(const PGconn *conn)
{
    const struct fake *fake = of(conn);
    return fake != NULL ? fake->status : __real_PQstatus(conn);
}

char *__wrap_PQerrorMessage(const PGconn *conn)
{
    struct fake *fake = of(conn);
    return fake != NULL ? fake->error : __real_PQerrorMessage(conn);
}

char *__wrap_PQdb(const PGconn *conn)
{
    const struct fake *fake = of(conn);
    return fake != NULL ? fake->database : __real_PQdb(conn);
}

char *__wrap_PQhost(const PGconn *conn)
{
    const struct fake *fake = of(conn);
    return fake != NULL ? fake->host : __real_PQhost(conn);
}

char *__wrap_PQport(const PGconn *conn)
{
    const struct fake *fake = of(conn);
    return fake != NULL ? fake->port : __real_PQport(conn);
}

char *__wrap_PQuser(const PGconn *conn)
{
    const struct fake *fake = of(conn);
    return fake != NULL ? fake->user : __real_PQuser(conn);
}

int __wrap_PQserverVersion(const PGconn *conn)
{
    return of(conn) != NULL ? server.version : __real_PQserverVersion(conn);
}

int __wrap_PQbackendPID(const PGconn *conn)
{
    return of(conn) != NULL ? BACKEND : __real_PQbackendPID(conn);
}

const char *__wrap_PQparameterStatus(const PGconn *conn, const char *name)
{
    if (of(conn) == NULL)
        return __real_PQparameterStatus(conn, name);
    return strcmp(name, "server_version") == 0    ? server.version_text
           : strcmp(name, "server_encoding") == 0 ? "UTF8"
                                                  : NULL;
}

int __wrap_PQsetClientEncoding(PGconn *conn, const char *encoding)
{
    return of(conn) != NULL ? 0 : __real_PQsetClientEncoding(conn, encoding);
}

PQnoticeProcessor __wrap_PQsetNoticeProcessor(PGconn *conn, PQnoticeProcessor process,
                                              void *context)
{
    return of(conn) != NULL ? NULL : __real_PQsetNoticeProcessor(conn, process, context);
}

PQconninfoOption *__wrap_PQconninfo(PGconn *conn)
{
    return of(conn) != NULL ? PQconndefaults() : __real_PQconninfo(conn);
}

/* Freed by PQfreemem, which is free. */
static char *quoted(const char *text, size_t length, char quote)
{
    char *out = memory_alloc(2 * length + 3);
    size_t at = 0;
    out[at++] = quote;
    for (size_t i = 0; i < length && text[i] != '\0'; i++) {
        if (text[i] == quote)
            out[at++] = quote;
        out[at++] = text[i];
    }
    out[at++] = quote;
    out[at] = '\0';
    return out;
}

char *__wrap_PQescapeIdentifier(PGconn *conn, const char *text, size_t length)
{
    return of(conn) != NULL ? quoted(text, length, '"')
                            : __real_PQescapeIdentifier(conn, text, length);
}

char *__wrap_PQescapeLiteral(PGconn *conn, const char *text, size_t length)
{
    return of(conn) != NULL ? quoted(text, length, '\'')
                            : __real_PQescapeLiteral(conn, text, length);
}

/* ---- statements ---- */

static PGresult *rows_of(const struct rule *rule)
{
    static char name[] = "column";
    PGresAttDesc columns[16] = {0};
    PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    for (int i = 0; i < rule->columns && i < 16; i++)
        columns[i].name = name;
    PQsetResultAttrs(result, rule->columns, columns);
    for (size_t i = 0; i < rule->cells.count; i++) {
        char *cell = rule->cells.items[i];
        int row = (int)i / rule->columns, column = (int)i % rule->columns;
        if (*cell == '\0')
            PQsetvalue(result, row, column, NULL, -1);
        else
            PQsetvalue(result, row, column, cell + 1, (int)strlen(cell + 1));
    }
    return result;
}

static PGresult *fail(struct fake *fake, const char *message)
{
    snprintf(fake->error, sizeof fake->error, "%s", message);
    return PQmakeEmptyPGresult(NULL, PGRES_FATAL_ERROR);
}

/* The parameters stand behind the statement, so that a rule can match them. */
static PGresult *run(struct fake *fake, const char *sql, int count,
                     const char *const *params)
{
    static char zero[] = "=0";
    static char *zeros[] = {zero};
    struct rule none = {.columns = 1}, counted = {.columns = 1, .cells = {zeros, 1, 1}};
    struct text text;
    PGresult *result = NULL;
    if (fake->status != CONNECTION_OK)
        return fail(fake, "no connection to the server");
    text_init(&text, SQL_MAX);
    text_add(&text, sql);
    for (int i = 0; i < count; i++)
        text_addf(&text, "; $%d=%s", i + 1, params[i]);
    strlist_add(&server.asked, text.data);
    for (size_t i = rule_count; result == NULL && i-- > 0;) {
        if (strstr(text.data, rules[i].match) == NULL)
            continue;
        if (rules[i].what == BREAK)
            fake->status = CONNECTION_BAD;
        result =
            rules[i].what == ANSWER ? rows_of(&rules[i]) : fail(fake, rules[i].message);
    }
    if (result == NULL && text_starts_with(sql, "SELECT pg_catalog.count(*)"))
        result = rows_of(&counted);
    else if (result == NULL && text_starts_with(sql, "SELECT"))
        result = rows_of(&none);
    else if (result == NULL)
        result = PQmakeEmptyPGresult(NULL, PGRES_COMMAND_OK);
    text_release(&text);
    return result;
}

PGresult *__wrap_PQexec(PGconn *conn, const char *sql)
{
    struct fake *fake = of(conn);
    return fake != NULL ? run(fake, sql, 0, NULL) : __real_PQexec(conn, sql);
}

PGresult *__wrap_PQexecParams(PGconn *conn, const char *sql, int count, const Oid *types,
                              const char *const *params, const int *lengths,
                              const int *formats, int result_format)
{
    struct fake *fake = of(conn);
    return fake != NULL ? run(fake, sql, count, params)
                        : __real_PQexecParams(conn, sql, count, types, params, lengths,
                                              formats, result_format);
}
