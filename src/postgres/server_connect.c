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
#include "postgres/profile/supabase.h"

/* Warnings are worth a line; what triggers and extensions chat about is for --verbose. */
static void log_notice(void *context, const char *message)
{
    const PGconn *conn = context;
    struct text line;
    text_init(&line, 4096);
    server_add_message(&line, message);
    if (text_starts_with(line.data, "WARNING:"))
        log_info("database \"%s\": server: %s", PQdb(conn), line.data);
    else
        log_debug("database \"%s\": server: %s", PQdb(conn), line.data);
    text_release(&line);
}

/* ---- poolers ---- */

/* The number of the backend that runs our statements; 0 when it cannot be had. */
static int backend_pid(PGconn *conn)
{
    int pid = 0;
    PGresult *result = PQexec(conn, "SELECT pg_catalog.pg_backend_pid()");
    if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1)
        pid = (int)strtol(PQgetvalue(result, 0, 0), NULL, 10);
    PQclear(result);
    return pid;
}

/* The first session has said them. */
static void ignore_notice(void *context, const char *message)
{
    (void)context;
    (void)message;
}

/* A second session with all that the first one was opened with, its password too. */
static PGconn *connect_again(const struct server *server, struct err *err)
{
    const char *keywords[128], *values[128];
    size_t count = 0;
    bool timed_out;
    PQconninfoOption *options = PQconninfo(server->conn);
    if (options == NULL) {
        err_set(err, ERR_SYSTEM, "cannot connect: no memory");
        return NULL;
    }
    for (PQconninfoOption *option = options; option->keyword != NULL && count < 127;
         option++) {
        /* Defaults of libpq that nobody set need not be said. */
        if (option->val == NULL)
            continue;
        keywords[count] = option->keyword;
        values[count++] = option->val;
    }
    keywords[count] = values[count] = NULL;
    struct server_login login = {keywords, values, false, ignore_notice, server->cancel};
    PGconn *second = server_open(&login, &timed_out, err);
    PQconninfoFree(options);
    return second;
}

/* A pooler is noticed by the process number: PgBouncer, Supavisor and the like give the
 * client one of their own, the backend knows its true one. Behind a pooler a second
 * session is opened while the first one is idle. When both run in one backend, sessions
 * are shared. Nothing is set in either session: settings would stay in the pool. */
static int check_sessions(const struct server *server, struct err *err)
{
    PGconn *conn = server->conn;
    int first = backend_pid(conn);
    /* The server itself, or one that cannot be asked: the dump will say what is wrong. */
    if (first == 0 || first == PQbackendPID(conn))
        return 0;
    bool shared = false;
    /* In a busy pool somebody else may take our backend in between; three tries find
     * most. */
    for (int try = 0; try < 3 && !shared; try++) {
        PGconn *second = connect_again(server, err);
        if (second == NULL)
            return -1;
        /* Asked again each time: in a shared pool the first session may have another by
         * now. */
        first = backend_pid(conn);
        shared = first != 0 && backend_pid(second) == first;
        PQfinish(second);
    }
    if (!shared)
        return 0;
    err_set(err, ERR_DATABASE,
            "a pooler at %s port %s shares the server's sessions (transaction or statement "
            "pooling), which can neither be dumped through nor restored",
            PQhost(conn), PQport(conn));
    return err_hint(err, "connect to the server itself, or to a pool in session mode");
}

bool server_is_pooled(struct server *server)
{
    int pid = backend_pid(server->conn);
    return pid != 0 && pid != PQbackendPID(server->conn);
}

/* ---- connecting ---- */

/* One sentence of libpq's words, and the hint that is worth most here. */
static int fail_to_connect(PGconn *conn, const char *database, bool timed_out,
                           struct err *err)
{
    struct text line;
    const char *host = PQhost(conn);
    text_init(&line, 4096);
    /* A service file's host was not seen before: libpq's message would quote it. */
    if (host != NULL && conninfo_may_be(host))
        text_add(&line, "the service's host is a URL or holds a password");
    else if (timed_out)
        text_addf(&line, "connection to server at \"%s\", port %s failed: timeout expired",
                  host == NULL ? "" : host, PQport(conn));
    else
        server_add_message(&line, PQerrorMessage(conn));
    err_set(err, hint_is_passing(line.data) ? ERR_AGAIN : ERR_DATABASE,
            "cannot connect to database \"%s\": %s",
            database == NULL ? PQdb(conn) : database, line.data);

    /* Missing ones are most often misspelt: where the right name stands is the best
     * help. */
    const char *reference = supabase_reference(host);
    bool missing = strstr(line.data, "does not exist") != NULL;
    if (missing && strstr(line.data, "database \"") != NULL)
        err_hint(err, "psql --list shows the databases of a server");
    else if (missing && strstr(line.data, "role \"") != NULL)
        err_hint(err, "give the role by user= or PGUSER");
    else if (supabase_address(host, NULL) != SUPABASE_NOT &&
             strstr(line.data, "certificate") != NULL)
        err_hint(
            err,
            "Supabase signs with an authority of its own: download its certificate "
            "(Database Settings, SSL Configuration) and name the file by sslrootcert=");
    else if (reference != NULL && strstr(line.data, "authentication failed") == NULL)
        err_hint(err,
                 "this host has only an IPv6 address; use the pooler in session mode: "
                 "host=aws-<n>-<region>.pooler.supabase.com port=5432 user=postgres.%.20s",
                 reference);
    else
        hint_add(err, line.data);
    text_release(&line);
    return -1;
}

/* Supabase's is known by its name and port: refused also where it lets nobody in yet, with the
 * address that was meant. */
static int refuse_transactions(const char *host, const char *port, const char *user,
                               struct err *err)
{
    if (supabase_address(host, port) != SUPABASE_TRANSACTION)
        return 0;
    err_set(err, ERR_DATABASE,
            "%s port 6543 is transaction pooling, which can neither be dumped through nor "
            "restored",
            host);
    return err_hint(err, "use its session mode: host=%s port=5432%s%s", host,
                    user != NULL ? " user=" : "", user != NULL ? user : "");
}

/* Before anything is asked of a server: neither the string nor the environment may lead there. */
static int refuse_by_name(const char *conninfo, struct err *err)
{
    char *host = conninfo_value(conninfo, "host"), *port = conninfo_value(conninfo, "port");
    char *user = conninfo_value(conninfo, "user");
    int result = refuse_transactions(host, port, user, err);
    free(host);
    free(port);
    free(user);
    return result;
}

/* Before the session is changed in any way: what is set in a shared one stays there. A service
 * file may have led to a pooler that the string did not name. */
static int refuse_shared_sessions(const struct server *server, struct err *err)
{
    PGconn *conn = server->conn;
    if (refuse_transactions(PQhost(conn), PQport(conn), PQuser(conn), err) < 0)
        return -1;
    return PQstatus(conn) == CONNECTION_OK ? check_sessions(server, err) : 0;
}

static int set_up(struct server *server, struct err *err)
{
    static const struct setting {
        /* What the owner of the database or a role may have set against long sessions. */
        int from_version; /* an unknown setting would be an error */
        const char *sql;
    } settings[] = {
        {0, "SELECT pg_catalog.set_config('search_path', '', false)"},
        {0, "SET statement_timeout = 0"},
        {0, "SET lock_timeout = 0"},
        {0, "SET idle_in_transaction_session_timeout = 0"},
        {0, "SET datestyle = ISO"},
        {0, "SET standard_conforming_strings = on"},
        {170000, "SET transaction_timeout = 0"},
    };
    /* In these encodings there is nothing to convert from: the bytes come as they are
     * stored. */
    const char *encoding = PQparameterStatus(server->conn, "server_encoding");
    /* Nothing was sent with the start-up packet but application_name: poolers refuse the
     * rest. */
    bool raw = encoding != NULL && (strcmp(encoding, "SQL_ASCII") == 0 ||
                                    strcmp(encoding, "MULE_INTERNAL") == 0);
    if (PQsetClientEncoding(server->conn, raw ? encoding : "UTF8") != 0)
        return err_set(err, ERR_DATABASE, "cannot set client_encoding: %s",
                       PQerrorMessage(server->conn));

    /* Where patterns without a schema look, asked for before search_path is emptied. */
    PGresult *path =
        server_query(server, "search_path",
                     "SELECT pg_catalog.current_schemas(true)::pg_catalog.text", NULL, err);
    if (path == NULL)
        return -1;
    server->search_path = server_take_value(path, 0, 0);
    PQclear(path);

    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        if (PQserverVersion(server->conn) >= settings[i].from_version &&
            server_execute(server, "setting up the session", settings[i].sql, err) < 0)
            return -1;
    return 0;
}

struct server *server_connect(const char *conninfo, const char *database,
                              const struct cancel *cancel, struct err *err)
{
    const char *keywords[] = {"dbname", "password", NULL};
    const char *values[] = {NULL, NULL, NULL};
    struct conninfo_child child;
    bool timed_out = false;
    if (refuse_by_name(conninfo, err) < 0 ||
        conninfo_child(conninfo, database, &child, err) < 0)
        return NULL;

    /* The password stands beside the words, not in them, so that no text holds it. */
    values[0] = child.argument;
    for (size_t i = 0; i < child.env.count; i++)
        if (text_starts_with(child.env.items[i], "PGPASSWORD="))
            values[1] = child.env.items[i] + strlen("PGPASSWORD=");
    struct server_login login = {keywords, values, true, log_notice, cancel};
    struct server *server = memory_zalloc(sizeof *server);
    server->cancel = cancel;
    server->conn = server_open(&login, &timed_out, err);
    conninfo_child_release(&child);
    int result = server->conn == NULL ? -1 : refuse_shared_sessions(server, err);
    if (result == 0 && PQstatus(server->conn) != CONNECTION_OK)
        result = fail_to_connect(server->conn, database, timed_out, err);
    if (result == 0)
        result = set_up(server, err);
    if (result == 0)
        return server;
    server_free(server);
    return NULL;
}

struct server *server_connect_any(const char *conninfo, const struct cancel *cancel,
                                  struct err *err)
{
    struct err first = {0};
    struct server *server = server_connect(conninfo, "postgres", cancel, &first);
    if (server == NULL) {
        struct err second = {0};
        server = server_connect(conninfo, "template1", cancel, &second);
    }
    /* Of two that failed the first one says what is wrong with the server. */
    if (server == NULL)
        *err = first;
    return server;
}
