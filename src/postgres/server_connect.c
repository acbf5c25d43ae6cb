/*
 * A session that changes nothing on the server and that nothing on the server can end
 * early. Names are always qualified with pg_catalog: a search_path set by the owner of a
 * database could put functions of his own in front.
 *
 * libpq's blocking PQconnectdb is not used: the notices of the login itself (collation
 * versions, login triggers) would go to stderr as they are, and nobody could cancel it.
 */
#include "postgres/server.h"

#include "base/cancel.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "postgres/conninfo.h"
#include "postgres/hint.h"
#include "postgres/server_query.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

enum { GRACE_MS = 500 };

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

/* ---- waiting ---- */

/* What conninfo, environment and service file have come to; heap, may be NULL. */
static char *effective_option(PGconn *conn, const char *keyword)
{
    char *value = NULL;
    PQconninfoOption *options = PQconninfo(conn);
    for (PQconninfoOption *option = options; option != NULL && option->keyword != NULL;
         option++)
        if (strcmp(option->keyword, keyword) == 0)
            value = memory_strdup(option->val);
    PQconninfoFree(options);
    return value;
}

/* Which of its addresses libpq is trying. */
static char *current_address(const PGconn *conn)
{
    const char *host = PQhost(conn), *address = PQhostaddr(conn), *port = PQport(conn);
    return memory_format("%s %s %s", host == NULL ? "" : host,
                         address == NULL ? "" : address, port == NULL ? "" : port);
}

/* Until the socket is ready: 1; 0 when deadline_ms (0: none) is over; -1: cancelled. */
static int await_socket(const PGconn *conn, PostgresPollingStatusType next,
                        int64_t deadline_ms, const struct cancel *cancel, struct err *err)
{
    for (;;) {
        /* A second at most, for where a cancel has no descriptor. */
        short events = next == PGRES_POLLING_READING ? POLLIN : POLLOUT;
        struct pollfd fds[2] = {{.fd = PQsocket(conn), .events = events},
                                {.fd = cancel_fd(cancel), .events = POLLIN}};
        int64_t left_ms = deadline_ms == 0 ? 1000 : deadline_ms - clock_monotonic_ms();
        if (cancel_check(cancel, err) < 0)
            return -1;
        if (left_ms <= 0)
            return 0;
        int ready = poll(fds, 2, left_ms < 1000 ? (int)left_ms : 1000);
        if (ready < 0 && errno != EINTR)
            return err_errno(err, ERR_SYSTEM, "poll");
        if (ready > 0 && fds[0].revents != 0)
            return 1;
    }
}

/* How long what was sent may stay unanswered. Sockets of another family take no such thing. */
static void set_user_timeout(const PGconn *conn, int64_t milliseconds)
{
    int value = milliseconds > INT_MAX ? INT_MAX : (int)milliseconds;
    (void)setsockopt(PQsocket(conn), IPPROTO_TCP, TCP_USER_TIMEOUT, &value, sizeof value);
}

/* As PQconnectdb waits, for each address a connect_timeout (0 or less: for ever, at least
 * 2 s). -1: cancelled; else 0 and PQstatus, or *timed_out. */
static int await_login(PGconn *conn, const struct cancel *cancel, bool *timed_out,
                       struct err *err)
{
    char *timeout = effective_option(conn, "connect_timeout");
    char *user_timeout = effective_option(conn, "tcp_user_timeout");
    int64_t timeout_ms = timeout == NULL ? 0 : strtol(timeout, NULL, 10) * 1000;
    int64_t deadline_ms = 0;
    PostgresPollingStatusType next = PGRES_POLLING_WRITING;
    char *address = NULL;
    int ready = 1;
    if (timeout_ms > 0 && timeout_ms < 2000)
        timeout_ms = 2000;
    while (ready > 0 && PQstatus(conn) != CONNECTION_BAD && next != PGRES_POLLING_OK &&
           next != PGRES_POLLING_FAILED) {
        char *current = current_address(conn);
        /* Where nothing answers at all, the kernel gives up a little before we do, and libpq
         * goes on to the next address of the name. */
        if (timeout_ms > 0 && (address == NULL || strcmp(address, current) != 0)) {
            set_user_timeout(conn, timeout_ms);
            deadline_ms = clock_monotonic_ms() + timeout_ms + GRACE_MS;
        }
        free(address);
        address = current;
        ready = await_socket(conn, next, deadline_ms, cancel, err);
        if (ready > 0)
            next = PQconnectPoll(conn);
    }
    if (PQstatus(conn) == CONNECTION_OK)
        set_user_timeout(conn, user_timeout == NULL ? 0 : strtol(user_timeout, NULL, 10));
    free(address);
    free(timeout);
    free(user_timeout);
    *timed_out = ready == 0;
    return ready < 0 ? -1 : 0;
}

PGconn *server_open(const struct server_login *login, bool *timed_out, struct err *err)
{
    PGconn *conn =
        PQconnectStartParams(login->keywords, login->values, login->expand_dbname);
    *timed_out = false;
    if (conn == NULL) {
        err_set(err, ERR_SYSTEM, "cannot connect: no memory");
        return NULL;
    }
    /* Before the first byte is read: the notices of the login are the first of all. */
    PQsetNoticeProcessor(conn, login->notice, conn);
    if (await_login(conn, login->cancel, timed_out, err) < 0) {
        PQfinish(conn);
        return NULL;
    }
    /* Of a list of hosts the next may answer, but only the blocking libpq goes on to it. It
     * keeps the notice processor. */
    char *host = *timed_out ? effective_option(conn, "host") : NULL;
    char *hostaddr = *timed_out ? effective_option(conn, "hostaddr") : NULL;
    if ((host != NULL && strchr(host, ',') != NULL) ||
        (hostaddr != NULL && strchr(hostaddr, ',') != NULL)) {
        PQreset(conn);
        *timed_out = false;
    }
    free(host);
    free(hostaddr);
    return conn;
}

/* ---- connecting ---- */

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
    err_set(err, ERR_DATABASE, "cannot connect to database \"%s\": %s",
            database == NULL ? PQdb(conn) : database, line.data);

    /* Missing ones are most often misspelt: where the right name stands is the best
     * help. */
    const char *hint = hint_find(line.data);
    const char *reference = supabase_reference(host);
    bool missing = strstr(line.data, "does not exist") != NULL;
    if (missing && strstr(line.data, "database \"") != NULL)
        err_hint(err, "psql --list shows the databases of a server");
    else if (missing && strstr(line.data, "role \"") != NULL)
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

/* Before the session is changed in any way: what is set in a shared one stays there. */
static int refuse_shared_sessions(const struct server *server, struct err *err)
{
    PGconn *conn = server->conn;
    if (!server_pooler_is_supabase(PQhost(conn), PQport(conn)))
        return PQstatus(conn) == CONNECTION_OK ? server_pooler_check(server, err) : 0;
    err_set(err, ERR_DATABASE,
            "%s port 6543 is transaction pooling, which can neither be dumped through nor "
            "restored",
            PQhost(conn));
    return err_hint(err, "use port 5432 of the pooler (session mode)");
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
    if (conninfo_child(conninfo, database, &child, err) < 0)
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
