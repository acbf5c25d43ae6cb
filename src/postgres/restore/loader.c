/*
 * Non-blocking throughout: libpq's own waits know of no cancel. Sent is what the server takes,
 * and meanwhile what it says is read, else both sides could wait for each other.
 */
#include "postgres/restore/loader.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "postgres/hint.h"
#include "postgres/server_query.h"

#include <errno.h>
#include <poll.h>

enum {
    CANCEL_WAIT_MS = 3000, /* for a cancelled statement to end on the server */
    POLL_MS = 1000,
    PUT_MAX = 256 * 1024 /* bytes handed to libpq before its buffer is flushed */
};

struct loader {
    struct server *server;
    PGconn *conn; /* the server's */
    const struct cancel *cancel;
    bool running; /* a statement or COPY is open on the server */
};

/* ---- waiting ---- */

/* Until the server says something, takes something (`writing`), or somebody cancels. */
static int wait_server(struct loader *loader, bool writing, struct err *err)
{
    /* Both directions at once, and the cancel. The limit of a second is for a process that
     * has no descriptor left to be woken by. */
    struct pollfd fds[2] = {
        {.fd = PQsocket(loader->conn), .events = (short)(POLLIN | (writing ? POLLOUT : 0))},
        {.fd = cancel_fd(loader->cancel), .events = POLLIN}};
    if (cancel_check(loader->cancel, err) < 0)
        return -1;
    if (poll(fds, 2, POLL_MS) < 0 && errno != EINTR)
        return err_errno(err, ERR_SYSTEM, "poll");
    return cancel_check(loader->cancel, err);
}

static int connection_lost(struct loader *loader, struct err *err)
{
    struct text line;
    text_init(&line, 4096);
    server_add_message(&line, PQerrorMessage(loader->conn));
    err_set(err, ERR_DATABASE, "%s",
            line.length > 0 ? line.data : "the connection to the server was lost");
    hint_add(err, line.data);
    text_release(&line);
    loader->running = false;
    return -1;
}

/* All that libpq holds goes out. */
static int flush(struct loader *loader, struct err *err)
{
    /* 1 means that the socket takes no more for now. */
    int left;
    while ((left = PQflush(loader->conn)) == 1) {
        if (wait_server(loader, true, err) < 0)
            return -1;
        if (PQconsumeInput(loader->conn) == 0)
            return connection_lost(loader, err);
    }
    return left == 0 ? 0 : connection_lost(loader, err);
}

/* The server's words for one result that is an error. */
static int tell(struct loader *loader, const PGresult *result, struct err *err)
{
    /* The fields and not the ready text: that would bring the statement along, line by
     * line. */
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
    const char *context = PQresultErrorField(result, PG_DIAG_CONTEXT);
    struct text line;
    if (message == NULL)
        return connection_lost(loader, err);
    text_init(&line, 4096);
    server_add_message(&line, message);
    if (detail != NULL) {
        text_add(&line, " (");
        server_add_message(&line, detail);
        text_add_char(&line, ')');
    }
    /* Which line of a COPY it was; the context of functions is told by the server's log. */
    if (context != NULL && text_starts_with(context, "COPY ")) {
        text_add(&line, "; ");
        text_add_bytes(&line, context, strcspn(context, "\n"));
    }
    err_set(err, ERR_DATABASE, "%s", line.data);
    hint_add(err, line.data);
    text_release(&line);
    return -1;
}

/* The next result; NULL in *result: there is no more. */
static int next_result(struct loader *loader, PGresult **result, struct err *err)
{
    /* PQgetResult would wait by itself, deaf to a cancel. */
    while (PQisBusy(loader->conn)) {
        if (wait_server(loader, false, err) < 0)
            return -1;
        if (PQconsumeInput(loader->conn) == 0)
            return connection_lost(loader, err);
    }
    *result = PQgetResult(loader->conn);
    return 0;
}

/* To the end of what runs; the first error counts. *rows: of the last command that has any; *done:
 * how many went well. Both may be NULL. */
static int finish(struct loader *loader, uint64_t *rows, size_t *done, struct err *err)
{
    int outcome = 0;
    for (;;) {
        PGresult *result;
        if (next_result(loader, &result, err) < 0)
            return -1;
        if (result == NULL)
            break;
        /* Several statements give several results; the first error ends them all in the
         * server. */
        ExecStatusType status = PQresultStatus(result);
        if (status == PGRES_FATAL_ERROR && outcome == 0)
            outcome = tell(loader, result, err);
        else if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT)
            outcome = err_set(err, ERR_DATABASE, "a statement of the dump wants rows");
        if (rows != NULL && status == PGRES_COMMAND_OK)
            *rows = strtoull(PQcmdTuples(result), NULL, 10);
        if (done != NULL && (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK))
            (*done)++;
        PQclear(result);
        if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT)
            return -1;
    }
    loader->running = false;
    return outcome;
}

/* ---- the session ---- */

/* What the dump itself does not say, because it depends on who restores it. */
static int set_up(struct loader *loader, const struct loader_spec *spec, struct err *err)
{
    /* What the database itself says of dates is in force, as for its users (REFRESH shows them);
     * the dump says the rest. */
    if (loader_statement(loader, "RESET datestyle", err) < 0)
        return -1;
    /* A trigger or a rule of the target shall not see rows that were checked at the source. */
    if (spec->disable_triggers &&
        loader_statement(loader, "SET session_replication_role = replica", err) < 0) {
        err_context(err, "--disable-triggers");
        return err_hint(err, "it takes a superuser, or a role that was granted SET on "
                             "session_replication_role");
    }
    /* A project's tables have triggers and foreign keys already, and a dump's rows know no order. */
    if (spec->replica_if_allowed) {
        struct err denied = {0};
        if (loader_statement(loader, "SET session_replication_role = replica", &denied) < 0)
            log_warning("triggers of the target fire: %s", denied.text);
    }
    /* One flush at the end instead of one for each statement. */
    if (spec->fast && loader_statement(loader, "SET synchronous_commit = off", err) < 0)
        return -1;
    if (spec->maintenance_memory > 0) {
        /* Never less than the server gives by itself. */
        char sql[256];
        /* A number of ours: nothing to quote. */
        snprintf(sql, sizeof sql,
                 "SELECT pg_catalog.set_config('maintenance_work_mem', '%lldkB', false) "
                 "FROM pg_catalog.pg_settings WHERE name = 'maintenance_work_mem' "
                 "AND setting::pg_catalog.int8 < %lld",
                 (long long)spec->maintenance_memory, (long long)spec->maintenance_memory);
        return loader_statement(loader, sql, err);
    }
    return 0;
}

struct loader *loader_open(const struct loader_spec *spec, struct err *err)
{
    struct loader *loader = memory_zalloc(sizeof *loader);
    loader->cancel = spec->cancel;
    loader->server = server_connect(spec->conninfo, NULL, spec->cancel, err);
    int result = -1;
    if (loader->server != NULL) {
        loader->conn = loader->server->conn;
        result = PQsetnonblocking(loader->conn, 1) == 0 ? set_up(loader, spec, err)
                                                        : connection_lost(loader, err);
    }
    if (result == 0)
        return loader;
    loader_free(loader);
    return NULL;
}

int loader_statement(struct loader *loader, const char *sql, struct err *err)
{
    return loader_statements(loader, sql, NULL, err);
}

int loader_statements(struct loader *loader, const char *sql, size_t *done, struct err *err)
{
    loader->running = true;
    /* The simple protocol: its text may hold several statements. */
    if (PQsendQuery(loader->conn, sql) == 0)
        return connection_lost(loader, err);
    return flush(loader, err) < 0 ? -1 : finish(loader, NULL, done, err);
}

int loader_copy_begin(struct loader *loader, const char *sql, struct err *err)
{
    PGresult *result;
    loader->running = true;
    if (PQsendQuery(loader->conn, sql) == 0)
        return connection_lost(loader, err);
    if (flush(loader, err) < 0 || next_result(loader, &result, err) < 0)
        return -1;
    /* What stands in front of it in the same query (ledger.h) is done. */
    while (PQresultStatus(result) == PGRES_COMMAND_OK) {
        PQclear(result);
        if (next_result(loader, &result, err) < 0)
            return -1;
    }
    /* Only then does the server wait for rows. */
    bool ready = PQresultStatus(result) == PGRES_COPY_IN;
    int outcome = 0;
    if (!ready)
        outcome = result != NULL && PQresultStatus(result) == PGRES_FATAL_ERROR
                      ? tell(loader, result, err)
                      : err_set(err, ERR_DATABASE, "the server takes no rows");
    PQclear(result);
    if (ready)
        return 0;
    /* What is left of the failed statement is read off, so that the session can be used. */
    struct err ignored = {0};
    (void)finish(loader, NULL, NULL, &ignored);
    return outcome;
}

int loader_copy_put(struct loader *loader, const void *data, size_t size, struct err *err)
{
    const char *at = data;
    while (size > 0) {
        size_t now = size < PUT_MAX ? size : PUT_MAX;
        /* 0 says that its buffer is full: then it is flushed and tried again. */
        int put = PQputCopyData(loader->conn, at, (int)now);
        if (put < 0)
            return connection_lost(loader, err);
        if (put == 1) {
            at += now;
            size -= now;
        }
        /* An error of the server comes at the end; it goes on taking rows until then. */
        if (flush(loader, err) < 0)
            return -1;
    }
    return 0;
}

int loader_copy_end(struct loader *loader, uint64_t *rows, struct err *err)
{
    int put;
    *rows = 0;
    while ((put = PQputCopyEnd(loader->conn, NULL)) == 0)
        if (flush(loader, err) < 0)
            return -1;
    if (put < 0)
        return connection_lost(loader, err);
    return flush(loader, err) < 0 ? -1 : finish(loader, rows, NULL, err);
}

int loader_flush(struct loader *loader, struct err *err)
{
    /* A transaction with a number of its own is written and synced, and with it all before. */
    return loader_statement(loader,
                            "SET synchronous_commit = on; "
                            "SELECT pg_catalog.txid_current()",
                            err);
}

int loader_present(struct server *server, const char *encoding, loader_each each,
                   void *context, struct err *err)
{
    static const char sql[] =
        "SELECT n.nspname, x.name FROM pg_catalog.pg_namespace n JOIN ("
        "SELECT oid AS space, '' AS name FROM pg_catalog.pg_namespace UNION ALL "
        "SELECT relnamespace, relname::pg_catalog.text FROM pg_catalog.pg_class UNION ALL "
        "SELECT typnamespace, typname::pg_catalog.text FROM pg_catalog.pg_type UNION ALL "
        "SELECT oprnamespace, oprname::pg_catalog.text FROM pg_catalog.pg_operator UNION "
        "ALL "
        "SELECT pronamespace, proname::pg_catalog.text FROM pg_catalog.pg_proc) x "
        "ON x.space = n.oid WHERE n.nspname OPERATOR(pg_catalog.!~) '^pg_' "
        "AND n.nspname OPERATOR(pg_catalog.<>) 'information_schema'";
    /* One that this server does not know is the restore's own to fail for. */
    if (encoding != NULL)
        (void)PQsetClientEncoding(server->conn, encoding);
    PGresult *rows = server_query(server, "what the target has", sql, NULL, err);
    if (rows == NULL)
        return -1;
    /* Names as they are, in the encoding of this session. */
    for (int i = 0; i < PQntuples(rows); i++)
        each(context, PQgetvalue(rows, i, 0), PQgetvalue(rows, i, 1));
    PQclear(rows);
    return 0;
}

/* What runs is ended on the server: a session whose client is gone would work on until it had
 * something to say, for hours in the middle of an index. */
static void cancel_running(struct loader *loader)
{
    char ignored[256];
    int64_t until = clock_monotonic_ms() + CANCEL_WAIT_MS;
    PGcancel *cancel = PQgetCancel(loader->conn);
    if (cancel == NULL)
        return;
    (void)PQcancel(cancel, ignored, sizeof ignored);
    PQfreeCancel(cancel);
    /* A COPY waits for rows, not for a statement: its end has to be said, too. */
    (void)PQputCopyEnd(loader->conn, "the restore was ended");
    while (PQstatus(loader->conn) == CONNECTION_OK && clock_monotonic_ms() < until) {
        struct pollfd fd = {.fd = PQsocket(loader->conn), .events = POLLIN};
        (void)PQflush(loader->conn);
        if (!PQisBusy(loader->conn)) {
            PGresult *result = PQgetResult(loader->conn);
            if (result == NULL)
                return;
            PQclear(result);
            continue;
        }
        if (poll(&fd, 1, 100) > 0 && PQconsumeInput(loader->conn) == 0)
            return;
    }
}

void loader_free(struct loader *loader)
{
    if (loader == NULL)
        return;
    if (loader->running && loader->conn != NULL)
        cancel_running(loader);
    server_free(loader->server);
    free(loader);
}
