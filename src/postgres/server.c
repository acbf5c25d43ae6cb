/*
 * A session that changes nothing on the server and that nothing on the server can end
 * early. Names are always qualified with pg_catalog: a search_path set by the owner of a
 * database could put functions of his own in front.
 */
#include "postgres/server.h"

#include "base/log.h"
#include "base/memory.h"
#include "postgres/conninfo.h"
#include "postgres/hint.h"
#include "postgres/server_query.h"

#include <ctype.h>

static void note_notice(void *context, const char *message)
{
    (void)context;
    log_debug("server: %.*s", (int)strcspn(message, "\n"), message);
}

/* "db.<ref>.supabase.co", where ref is 20 lower-case letters: the reference, or NULL. */
static const char *supabase_reference(const char *host)
{
    if (host == NULL || !text_starts_with(host, "db."))
        return NULL;
    const char *reference = host + 3;
    for (size_t i = 0; i < 20; i++)
        if (!islower((unsigned char)reference[i]))
            return NULL;
    return text_starts_with(reference + 20, ".supabase.") ? reference : NULL;
}

static int fail_to_connect(PGconn *conn, const char *database, struct err *err)
{
    struct text line;
    const char *host = PQhost(conn);
    const char *reference = supabase_reference(host);
    text_init(&line, 4096);
    server_add_message(&line, PQerrorMessage(conn));
    /* A service file's host was not seen before: libpq's message would quote it. */
    if (host != NULL && conninfo_may_be(host)) {
        text_clear(&line);
        text_add(&line, "the service's host is a URL or holds a password");
    }
    const char *hint = hint_find(line.data);
    err_set(err, ERR_DATABASE, "cannot connect to database \"%s\": %s",
            database == NULL ? PQdb(conn) : database, line.data);
    if (strstr(line.data, "database \"") != NULL &&
        strstr(line.data, "does not exist") != NULL)
        err_hint(err, "psql --list shows the databases of a server");
    else if (strstr(line.data, "role \"") != NULL &&
             strstr(line.data, "does not exist") != NULL)
        err_hint(err, "give the role by user= or PGUSER");
    else if (reference != NULL && strstr(line.data, "authentication failed") == NULL)
        err_hint(err,
                 "this host has only an IPv6 address; use the pooler in session mode: "
                 "host=aws-<n>-<region>.pooler.supabase.com port=5432 user=postgres.%.20s",
                 reference);
    else if (hint != NULL)
        err_hint(err, "%s", hint);
    text_release(&line);
    return -1;
}

static int refuse_shared_sessions(PGconn *conn, struct err *err)
{
    if (!server_pooler_is_supabase(PQhost(conn), PQport(conn)))
        return PQstatus(conn) == CONNECTION_OK ? server_pooler_check(conn, err) : 0;
    err_set(err, ERR_DATABASE,
            "%s port 6543 is transaction pooling, which can neither be dumped through nor "
            "restored",
            PQhost(conn));
    return err_hint(err, "use port 5432 of the pooler (session mode)");
}

/* The password stands beside the words, not in them, so that no text holds it. */
static PGconn *connect_with(const struct conninfo_child *child)
{
    const char *keywords[] = {"dbname", "password", NULL};
    const char *values[] = {child->argument, NULL, NULL};
    for (size_t i = 0; i < child->env.count; i++)
        if (text_starts_with(child->env.items[i], "PGPASSWORD="))
            values[1] = child->env.items[i] + strlen("PGPASSWORD=");
    return PQconnectdbParams(keywords, values, 1);
}

/* Where patterns without a schema look, asked for before search_path is emptied. */
static int remember_search_path(struct server *server, struct err *err)
{
    PGresult *result =
        server_query(server, "search_path",
                     "SELECT pg_catalog.current_schemas(true)::pg_catalog.text", NULL, err);
    if (result == NULL)
        return -1;
    server->search_path = server_take_value(result, 0, 0);
    PQclear(result);
    return 0;
}

static int set_up(struct server *server, struct err *err)
{
    static const char *const settings[] = {
        "SELECT pg_catalog.set_config('search_path', '', false)",
        "SET statement_timeout = 0",
        "SET lock_timeout = 0",
        "SET idle_in_transaction_session_timeout = 0",
        "SET datestyle = ISO",
        "SET standard_conforming_strings = on",
    };
    const char *encoding = PQparameterStatus(server->conn, "server_encoding");
    /* In these there is nothing to convert from: the bytes come as they are stored. */
    bool raw = encoding != NULL && (strcmp(encoding, "SQL_ASCII") == 0 ||
                                    strcmp(encoding, "MULE_INTERNAL") == 0);
    if (PQsetClientEncoding(server->conn, raw ? encoding : "UTF8") != 0)
        return err_set(err, ERR_DATABASE, "cannot set client_encoding: %s",
                       PQerrorMessage(server->conn));
    if (remember_search_path(server, err) < 0)
        return -1;
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        if (server_execute(server, "setting up the session", settings[i], err) < 0)
            return -1;
    /* An unknown setting would be an error: it exists from 17 on. */
    if (PQserverVersion(server->conn) < 170000)
        return 0;
    return server_execute(server, "setting up the session", "SET transaction_timeout = 0",
                          err);
}

struct server *server_connect(const char *conninfo, const char *database, struct err *err)
{
    struct conninfo_child child;
    if (conninfo_child(conninfo, database, &child, err) < 0)
        return NULL;
    struct server *server = memory_zalloc(sizeof *server);
    server->conn = connect_with(&child);
    conninfo_child_release(&child);
    int result = 0;
    if (server->conn == NULL)
        result = err_set(err, ERR_SYSTEM, "cannot connect: no memory");
    else
        PQsetNoticeProcessor(server->conn, note_notice, NULL);
    if (result == 0)
        result = refuse_shared_sessions(server->conn, err);
    if (result == 0 && PQstatus(server->conn) != CONNECTION_OK)
        result = fail_to_connect(server->conn, database, err);
    if (result == 0)
        result = set_up(server, err);
    if (result == 0)
        return server;
    server_free(server);
    return NULL;
}

void server_free(struct server *server)
{
    if (server == NULL)
        return;
    PQfinish(server->conn);
    free(server->search_path);
    free(server);
}

int server_version(const struct server *server)
{
    return PQserverVersion(server->conn);
}

const char *server_version_text(const struct server *server)
{
    const char *text = PQparameterStatus(server->conn, "server_version");
    return text == NULL ? "" : text;
}

const char *server_database(const struct server *server)
{
    return PQdb(server->conn);
}

const char *server_host(const struct server *server)
{
    return PQhost(server->conn);
}

const char *server_port(const struct server *server)
{
    return PQport(server->conn);
}

const char *server_user(const struct server *server)
{
    return PQuser(server->conn);
}

int server_size(struct server *server, uint64_t *bytes, struct err *err)
{
    int64_t size = server_query_count(
        server, "size of the database",
        "SELECT pg_catalog.pg_database_size(pg_catalog.current_database())", NULL, err);
    *bytes = size < 0 ? 0 : (uint64_t)size;
    return size < 0 ? -1 : 0;
}

int server_user_tables(struct server *server, uint64_t *count, struct err *err)
{
    static const char sql[] =
        "SELECT pg_catalog.count(*) FROM pg_catalog.pg_class c "
        "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        "WHERE c.relkind IN ('r', 'p', 'f', 'm') AND n.nspname !~ '^pg_' "
        "AND n.nspname <> 'information_schema' "
        "AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d "
        "WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid "
        "AND d.deptype = 'e')";
    int64_t tables = server_query_count(server, "user tables", sql, NULL, err);
    *count = tables < 0 ? 0 : (uint64_t)tables;
    return tables < 0 ? -1 : 0;
}

int server_database_exists(struct server *server, const char *name, bool *exists,
                           struct err *err)
{
    int64_t count = server_query_count(
        server, "databases",
        "SELECT pg_catalog.count(*) FROM pg_catalog.pg_database WHERE datname = $1", name,
        err);
    *exists = count > 0;
    return count < 0 ? -1 : 0;
}

/* '*' any run of characters, '?' any one byte; the name must fit from end to end. */
static bool fits(const char *name, const char *pattern)
{
    const char *star = NULL, *resume = NULL;
    while (*name != '\0') {
        if (*pattern == '*') {
            star = pattern++;
            resume = name;
        } else if (*pattern == '?' || *pattern == *name) {
            pattern++;
            name++;
        } else if (star != NULL) {
            pattern = star + 1;
            name = ++resume;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

static bool fits_one(const char *name, const struct strlist *patterns)
{
    for (size_t i = 0; patterns != NULL && i < patterns->count; i++)
        if (fits(name, patterns->items[i]))
            return true;
    return false;
}

int server_databases(struct server *server, const struct strlist *include,
                     const struct strlist *exclude, struct strlist *out, struct err *err)
{
    PGresult *result = server_query(server, "databases",
                                    "SELECT datname FROM pg_catalog.pg_database WHERE "
                                    "datallowconn AND NOT datistemplate "
                                    "AND datconnlimit <> -2 ORDER BY datname",
                                    NULL, err);
    if (result == NULL)
        return -1;
    for (int row = 0; row < PQntuples(result); row++) {
        const char *name = PQgetvalue(result, row, 0);
        bool wanted = include == NULL || include->count == 0 || fits_one(name, include);
        if (wanted && !fits_one(name, exclude))
            strlist_add(out, name);
    }
    PQclear(result);
    return 0;
}
