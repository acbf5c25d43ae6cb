/*
 * --wrap makes PQdb of the product __wrap_PQdb, and __real_PQdb here libpq's. A connection of
 * ours is known by the list of them; all others are libpq's.
 */
#define _GNU_SOURCE /* PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP */
#include "tests/support/fake_libpq.h"
#include "tests/support/fake_libpq_internal.h"

#include "base/memory.h"
#include "base/text.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <unistd.h>

enum { RULES = 64, BACKEND = 4711, POOLED = 9000, SQL_MAX = 1 << 20 };

/* Guards all below: workers of a dump have threads and connections of their own. Recursive: who
 * is told of a notice asks the connection for its database. */
static pthread_mutex_t lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static struct fake *fakes;

enum what { ANSWER, FAIL, BREAK, NOTICE };
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
    unsigned connections, calls, lose_at;
    unsigned backends; /* behind a pooler; 0: without one */
    char *greeting;    /* a notice while connecting */
    const char *encoding, *refused_encoding;
    int socket; /* one that is always ready */
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

void fake_libpq_notice(const char *match, const char *message)
{
    if (match == NULL)
        memory_replace(&server.greeting, message);
    else
        add_rule(match, NOTICE)->message = memory_strdup(message);
}

void fake_libpq_encoding(const char *encoding, const char *refused)
{
    server.encoding = encoding;
    server.refused_encoding = refused;
}

void fake_libpq_pool(unsigned backends)
{
    server.backends = backends;
}

void fake_libpq_lose_at(unsigned n)
{
    server.lose_at = n == 0 ? 0 : server.calls + n;
}

unsigned fake_libpq_calls(void)
{
    return server.calls;
}

static bool count_call(void)
{
    return ++server.calls == server.lose_at;
}

bool fake_counts_call(void)
{
    pthread_mutex_lock(&lock);
    bool lost = count_call();
    pthread_mutex_unlock(&lock);
    return lost;
}

bool fake_serves(void)
{
    return server.version != 0;
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
    fake_libpq_miscount(0);
    fake_libpq_refuse(NULL, NULL);
    strlist_release(&server.asked);
    free(server.greeting);
    if (server.version != 0)
        (void)close(server.socket);
    server = (struct server_state){0};
}

void fake_libpq_serve(int version, uint64_t size)
{
    char bytes[32];
    snprintf(bytes, sizeof bytes, "%llu", (unsigned long long)size);
    server.version = version;
    server.encoding = "UTF8";
    server.socket = open("/dev/null", O_RDWR | O_CLOEXEC);
    snprintf(server.version_text, sizeof server.version_text, "%d.%d", version / 10000,
             version % 10000);
    fake_libpq_answer("current_schemas(", 1, "{pg_catalog,public}", FAKE_LIBPQ_END);
    fake_libpq_answer("pg_database_size(", 1, bytes, FAKE_LIBPQ_END);
    fake_libpq_answer("SELECT datname, ", 4, "shop", "t", "-1", "f", FAKE_LIBPQ_END);
    fake_libpq_answer("pg_encoding_to_char(d.encoding)", 11, "UTF8", "C.UTF-8", "C.UTF-8",
                      "c", NULL, NULL, "keeper", NULL, "f", "t", "-1", FAKE_LIBPQ_END);
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

REAL(PGconn *, connectStartParams, const char *const *, const char *const *, int);
REAL(PostgresPollingStatusType, connectPoll, PGconn *);
REAL(int, socket, const PGconn *);
REAL(char *, hostaddr, const PGconn *);
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

struct fake *fake_of(const PGconn *conn)
{
    pthread_mutex_lock(&lock);
    struct fake *fake = fakes;
    while (fake != NULL && (const void *)fake != (const void *)conn)
        fake = fake->next;
    pthread_mutex_unlock(&lock);
    return fake;
}

/* ---- connections ---- */

static void set_word(struct fake *fake, const char *keyword, const char *value)
{
    const struct word {
        const char *keyword;
        char **field;
    } words[] = {{"host", &fake->host},
                 {"port", &fake->port},
                 {"user", &fake->user},
                 {"dbname", &fake->database}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i].keyword, keyword) == 0)
            memory_replace(words[i].field, value);
}

/* The words one by one; a dbname that is a whole connection string is read as one. */
static void set_words(struct fake *fake, const char *const *keywords,
                      const char *const *values, bool expand)
{
    for (size_t i = 0; keywords[i] != NULL; i++) {
        bool whole = expand && strcmp(keywords[i], "dbname") == 0;
        PQconninfoOption *options = whole ? PQconninfoParse(values[i], NULL) : NULL;
        for (const PQconninfoOption *o = options; o != NULL && o->keyword != NULL; o++)
            if (o->val != NULL && *o->val != '\0')
                set_word(fake, o->keyword, o->val);
        PQconninfoFree(options);
        if (whole)
            memory_replace(&fake->conninfo, values[i]);
        else if (values[i] != NULL && *values[i] != '\0')
            set_word(fake, keywords[i], values[i]);
    }
}

PGconn *__wrap_PQconnectStartParams(const char *const *keywords, const char *const *values,
                                    int expand_dbname)
{
    if (server.version == 0)
        return __real_PQconnectStartParams(keywords, values, expand_dbname);
    struct fake *fake = memory_zalloc(sizeof *fake);
    const char *refused = server.refused_database;
    pthread_mutex_lock(&lock);
    fake->number = server.connections++;
    fake->user = memory_strdup("keeper");
    fake->host = memory_strdup("/run/postgresql");
    fake->port = memory_strdup("5432");
    set_words(fake, keywords, values, expand_dbname);
    if (fake->database == NULL)
        fake->database = memory_strdup(fake->user);
    if (count_call()) {
        snprintf(fake->error, sizeof fake->error, "Connection refused");
        fake->status = CONNECTION_BAD;
    }
    if (server.refusal != NULL &&
        (refused == NULL || strcmp(refused, fake->database) == 0)) {
        snprintf(fake->error, sizeof fake->error, "%s", server.refusal);
        fake->status = CONNECTION_BAD;
    }
    fake->next = fakes;
    fakes = fake;
    pthread_mutex_unlock(&lock);
    return (PGconn *)fake;
}

PostgresPollingStatusType __wrap_PQconnectPoll(PGconn *conn)
{
    const struct fake *fake = fake_of(conn);
    if (fake == NULL)
        return __real_PQconnectPoll(conn);
    if (server.greeting != NULL && fake->notice != NULL)
        fake->notice(fake->context, server.greeting);
    return PGRES_POLLING_OK;
}

int __wrap_PQsocket(const PGconn *conn)
{
    return fake_of(conn) != NULL ? server.socket : __real_PQsocket(conn);
}

char *__wrap_PQhostaddr(const PGconn *conn)
{
    const struct fake *fake = fake_of(conn);
    return fake != NULL ? fake->host : __real_PQhostaddr(conn);
}

void __wrap_PQfinish(PGconn *conn)
{
    struct fake *fake = fake_of(conn), **link = &fakes;
    if (fake == NULL) {
        __real_PQfinish(conn);
        return;
    }
    pthread_mutex_lock(&lock);
    while (*link != fake)
        link = &(*link)->next;
    *link = fake->next;
    pthread_mutex_unlock(&lock);
    PQclear(fake->answer);
    free(fake->conninfo);
    free(fake->database);
    free(fake->host);
    free(fake->port);
    free(fake->user);
    free(fake);
}

ConnStatusType __wrap_PQstatus(const PGconn *conn)
{
    const struct fake *fake = fake_of(conn);
    return fake != NULL ? fake->status : __real_PQstatus(conn);
}

char *__wrap_PQerrorMessage(const PGconn *conn)
{
    struct fake *fake = fake_of(conn);
    return fake != NULL ? fake->error : __real_PQerrorMessage(conn);
}

char *__wrap_PQdb(const PGconn *conn)
{
    const struct fake *fake = fake_of(conn);
    return fake != NULL ? fake->database : __real_PQdb(conn);
}

char *__wrap_PQhost(const PGconn *conn)
{
    const struct fake *fake = fake_of(conn);
    return fake != NULL ? fake->host : __real_PQhost(conn);
}

char *__wrap_PQport(const PGconn *conn)
{
    const struct fake *fake = fake_of(conn);
    return fake != NULL ? fake->port : __real_PQport(conn);
}

char *__wrap_PQuser(const PGconn *conn)
{
    const struct fake *fake = fake_of(conn);
    return fake != NULL ? fake->user : __real_PQuser(conn);
}

int __wrap_PQserverVersion(const PGconn *conn)
{
    return fake_of(conn) != NULL ? server.version : __real_PQserverVersion(conn);
}

int __wrap_PQbackendPID(const PGconn *conn)
{
    const struct fake *fake = fake_of(conn);
    return fake != NULL ? BACKEND + (int)fake->number : __real_PQbackendPID(conn);
}

const char *__wrap_PQparameterStatus(const PGconn *conn, const char *name)
{
    if (fake_of(conn) == NULL)
        return __real_PQparameterStatus(conn, name);
    return strcmp(name, "server_version") == 0    ? server.version_text
           : strcmp(name, "server_encoding") == 0 ? server.encoding
                                                  : NULL;
}

int __wrap_PQsetClientEncoding(PGconn *conn, const char *encoding)
{
    struct fake *fake = fake_of(conn);
    if (fake == NULL)
        return __real_PQsetClientEncoding(conn, encoding);
    pthread_mutex_lock(&lock);
    strlist_addf(&server.asked, "client_encoding %s", encoding);
    pthread_mutex_unlock(&lock);
    if (fake_counts_call()) {
        PQclear(fake_lose(fake));
        return -1;
    }
    if (server.refused_encoding == NULL || strcmp(server.refused_encoding, encoding) != 0)
        return 0;
    snprintf(fake->error, sizeof fake->error, "conversion between them is not supported");
    return -1;
}

PQnoticeProcessor __wrap_PQsetNoticeProcessor(PGconn *conn, PQnoticeProcessor process,
                                              void *context)
{
    struct fake *fake = fake_of(conn);
    if (fake == NULL)
        return __real_PQsetNoticeProcessor(conn, process, context);
    fake->notice = process;
    fake->context = context;
    return NULL;
}

PQconninfoOption *__wrap_PQconninfo(PGconn *conn)
{
    const struct fake *fake = fake_of(conn);
    return fake == NULL             ? __real_PQconninfo(conn)
           : fake->conninfo == NULL ? PQconndefaults()
                                    : PQconninfoParse(fake->conninfo, NULL);
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
    return fake_of(conn) != NULL ? quoted(text, length, '"')
                                 : __real_PQescapeIdentifier(conn, text, length);
}

char *__wrap_PQescapeLiteral(PGconn *conn, const char *text, size_t length)
{
    return fake_of(conn) != NULL ? quoted(text, length, '\'')
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

PGresult *fake_lose(struct fake *fake)
{
    fake->status = CONNECTION_BAD;
    return fail(fake, "server closed the connection unexpectedly");
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
    if (count_call()) {
        text_release(&text);
        return fake_lose(fake);
    }
    if (strstr(sql, "pg_backend_pid()") != NULL) {
        /* A pooler tells each client a number of its own, and gives it one of its backends. */
        struct rule pid = {.columns = 1};
        strlist_addf(&pid.cells, "=%d",
                     server.backends == 0 ? BACKEND + (int)fake->number
                                          : POOLED + (int)(fake->number % server.backends));
        result = rows_of(&pid);
        strlist_release(&pid.cells);
    }
    for (size_t i = rule_count; result == NULL && i-- > 0;) {
        if (strstr(text.data, rules[i].match) == NULL)
            continue;
        if (rules[i].what == NOTICE) {
            if (fake->notice != NULL)
                fake->notice(fake->context, rules[i].message);
            continue;
        }
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

PGresult *fake_run(struct fake *fake, const char *sql, int count, const char *const *params)
{
    pthread_mutex_lock(&lock);
    PGresult *result = run(fake, sql, count, params);
    pthread_mutex_unlock(&lock);
    return result;
}

PGresult *__wrap_PQexec(PGconn *conn, const char *sql)
{
    struct fake *fake = fake_of(conn);
    return fake != NULL ? fake_run(fake, sql, 0, NULL) : __real_PQexec(conn, sql);
}

PGresult *__wrap_PQexecParams(PGconn *conn, const char *sql, int count, const Oid *types,
                              const char *const *params, const int *lengths,
                              const int *formats, int result_format)
{
    struct fake *fake = fake_of(conn);
    return fake != NULL ? fake_run(fake, sql, count, params)
                        : __real_PQexecParams(conn, sql, count, types, params, lengths,
                                              formats, result_format);
}
