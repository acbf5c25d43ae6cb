/*
 * A pooler is noticed by the process number: PgBouncer, Supavisor and the like give the
 * client one of their own, the backend knows its true one. Behind a pooler a second
 * session is opened while the first one is idle. When both run in one backend, sessions
 * are shared. Nothing is set in either session: settings would stay in the pool.
 */
#include "postgres/server_query.h"

#include "postgres/hint.h"

#include "base/memory.h"

#include <unistd.h>

/* Known by its name and port, so that it is refused also where it lets nobody in yet. */
bool server_pooler_is_supabase(const char *host, const char *port)
{
    return host != NULL && port != NULL && strcmp(port, "6543") == 0 &&
           (text_ends_with(host, ".supabase.com") || text_ends_with(host, ".supabase.co") ||
            text_ends_with(host, ".supabase.red"));
}

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

int server_pooler_check(const struct server *server, struct err *err)
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
