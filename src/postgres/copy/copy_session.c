/*
 * How a session begins, copies and ends. Waiting is in copy_wait.c, locking in copy_lock.c; short
 * questions go through server_query.
 */
#include "postgres/copy/copy_session_internal.h"

#include "base/memory.h"

/* As pg_dump's setup_connection does it, and what makes scans of ranges what they should be. */
static const struct setting {
    int from_version;
    bool may_fail;
    const char *sql;
} settings[] = {
    {0, false, "SET datestyle = ISO"},
    {0, false, "SET intervalstyle = postgres"},
    {0, false, "SET extra_float_digits = 3"},
    {0, false, "SET synchronize_seqscans = off"},
    {0, false, "SET row_security = off"},
    {0, false, "SET enable_tidscan = on"},
    {110000, false, "SET jit = off"},
    {0, false, "SET max_parallel_workers_per_gather = 0"},
    /* How a backend in the middle of a scan notices that we are gone. In 14 only Linux can do it,
     * and Windows never: such a server notices it with the next row. */
    {140000, true, "SET client_connection_check_interval = '5s'"},
};

/* In these a byte of a letter may look like a quote or a backslash: such text cannot be followed
 * (stream/scan), so it is written in the encoding of the database. */
static const char *const unsafe_encodings[] = {
    "BIG5", "GB18030", "GBK", "JOHAB", "SHIFT_JIS_2004", "SJIS", "UHC",
};

/* ---- beginning ---- */

/* What pg_dump would write in: the encoding that the session began with, whoever set it. */
static int choose_encoding(struct copy_session *session, const char *wanted,
                           struct err *err)
{
    struct server *server = session->server;
    PGresult *rows =
        server_query(server, "client_encoding",
                     "SELECT reset_val, pg_catalog.current_setting('server_encoding') "
                     "FROM pg_catalog.pg_settings WHERE name = 'client_encoding'",
                     NULL, err);
    if (rows == NULL)
        return -1;
    /* Not the current one: server_connect has made that UTF8 for its own questions. */
    const char *own = PQntuples(rows) == 1 ? PQgetvalue(rows, 0, 0) : "UTF8";
    for (size_t i = 0; i < sizeof unsafe_encodings / sizeof *unsafe_encodings; i++)
        if (strcmp(own, unsafe_encodings[i]) == 0)
            own = PQgetvalue(rows, 0, 1);
    session->encoding = memory_strdup(wanted != NULL ? wanted : own);
    PQclear(rows);
    if (PQsetClientEncoding(server->conn, session->encoding) == 0)
        return 0;
    return server_failed(server, "client_encoding", NULL, err);
}

/* Did the server answer, and say no? */
static bool is_refusal(const struct copy_session *session, const struct err *err)
{
    return PQstatus(session->server->conn) == CONNECTION_OK && err->kind == ERR_DATABASE;
}

/* Connected, set up, and in a transaction. 0, -1, or 1: it answers, but refuses one of that. */
int copy_session_open(const struct copy_session_spec *spec, struct copy_session **out,
                      struct err *err)
{
    struct server *server =
        server_connect(spec->conninfo, spec->database, spec->cancel, err);
    *out = NULL;
    if (server == NULL)
        return -1;
    struct copy_session *session = memory_zalloc(sizeof *session);
    *session = (struct copy_session){
        .server = server,
        .cancel = spec->cancel,
        .lock_wait_timeout_ms = spec->lock_wait_timeout_ms,
        .stall_timeout_ms = spec->stall_timeout_ms,
    };
    /* Before the transaction begins: settings made within one would go with it if it failed. */
    int result = choose_encoding(session, spec->encoding, err);
    for (size_t i = 0; result == 0 && i < sizeof settings / sizeof *settings; i++) {
        if (server_version(server) < settings[i].from_version)
            continue;
        result = server_execute(server, "setting up the session", settings[i].sql, err);
        /* A connection that was lost is not an answer. */
        if (result < 0 && settings[i].may_fail && is_refusal(session, err)) {
            err_clear(err);
            result = 0;
        }
    }
    if (result == 0)
        result = server_execute(server, "the snapshot",
                                "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", err);
    if (result == 0) {
        *out = session;
        return 0;
    }
    bool refused = is_refusal(session, err);
    copy_session_free(session);
    return refused ? 1 : -1;
}

struct copy_session *copy_session_join(const struct copy_session_spec *spec,
                                       const char *snapshot, struct err *err)
{
    struct copy_session *session;
    struct text sql;
    if (copy_session_open(spec, &session, err) != 0)
        return NULL;
    /* First of all: a transaction that has looked at anything has a snapshot of its own. */
    text_init(&sql, COPY_SQL_MAX);
    text_add(&sql, "SET TRANSACTION SNAPSHOT ");
    server_add_literal(session->server, &sql, snapshot);
    int result = text_check(&sql, "a statement", err);
    if (result == 0)
        result = server_execute(session->server, "the snapshot", sql.data, err);
    text_release(&sql);
    if (result == 0)
        return session;
    copy_session_free(session);
    return NULL;
}

const char *copy_session_snapshot(const struct copy_session *session)
{
    return session->snapshot;
}

const char *copy_session_encoding(const struct copy_session *session)
{
    return session->encoding;
}

/* Lent: its questions are asked within this session's transaction. */
struct server *copy_session_server(const struct copy_session *session)
{
    return session->server;
}

/* ---- copying ---- */

/* ONLY, or the rows of children would be in it twice (POSTGRES.md 13). A whole table is copied
 * without a query: that spares the server 7 %. */
static char *copy_sql(const struct copy_task *task)
{
    const struct copy_table *table = task->table;
    if (task->whole)
        return memory_format("COPY %s (%s) TO STDOUT", table->name, table->columns);
    if (task->to == COPY_PLAN_OPEN)
        return memory_format(
            "COPY (SELECT %s FROM ONLY %s WHERE ctid >= '(%llu,0)') TO STDOUT",
            table->columns, table->name, (unsigned long long)task->from);
    return memory_format("COPY (SELECT %s FROM ONLY %s WHERE ctid >= '(%llu,0)' AND "
                         "ctid < '(%llu,0)') TO STDOUT",
                         table->columns, table->name, (unsigned long long)task->from,
                         (unsigned long long)task->to);
}

/* Row by row into the writer. 0: there are no more. */
static int copy_rows(struct copy_session *session, struct table_writer *writer, int wake_fd,
                     struct err *err)
{
    PGconn *conn = session->server->conn;
    /* Asked row by row without blocking (1): then a cancel is seen between any two. */
    bool emptied = false; /* what the socket held is read, and was no whole row */
    char *row = NULL;
    int size;
    while ((size = PQgetCopyData(conn, &row, 1)) != -1) {
        if (size > 0) {
            bool going = table_writer_row(writer, row, (size_t)size);
            PQfreemem(row);
            if (!going)
                return 1;
            emptied = false;
            continue;
        }
        /* Mostly there is more in the socket already: it is read before anybody waits. */
        int state = 0;
        if (size == 0 && emptied)
            state = copy_session_wait(session, wake_fd, -1, session->stall_timeout_ms, err);
        if (state != 0)
            return state;
        if (size < 0 || !PQconsumeInput(conn))
            return server_failed(session->server, "COPY", NULL, err);
        emptied = true;
    }
    return 0;
}

/* What the server says about the COPY that has ended: only this makes it a whole one. */
static int check_end(struct copy_session *session, uint64_t written, int wake_fd,
                     struct err *err)
{
    PGresult *result;
    bool counted = false;
    for (;;) {
        int state = copy_session_await(session, "COPY", wake_fd, &result, err);
        if (state != 0)
            return state;
        if (result == NULL)
            break;
        /* An error in the middle of the rows comes as the result behind them. */
        if (PQresultStatus(result) != PGRES_COMMAND_OK) {
            server_failed(session->server, "COPY", result, err);
            PQclear(result);
            return -1;
        }
        /* Of "COPY 4711" the number, against what went into chunks. */
        const char *said = PQcmdTuples(result);
        char *expected = memory_format("%llu", (unsigned long long)written);
        counted = strcmp(said, expected) == 0;
        if (!counted)
            err_set(err, ERR_DATABASE, "COPY: the server sent %s rows, %s came", said,
                    expected);
        free(expected);
        PQclear(result);
        if (!counted)
            return -1;
    }
    return counted ? 0 : err_set(err, ERR_DATABASE, "COPY ended without a word");
}

int copy_session_copy(struct copy_session *session, const struct copy_task *task,
                      struct table_writer *writer, int wake_fd, struct err *err)
{
    const struct copy_table *table = task->table;
    PGresult *result = NULL;
    int state = copy_session_lock_now(session, table, wake_fd, err);
    if (state != 0)
        goto cleanup;

    /* From here on rows come as fast as they are taken. */
    char *sql = copy_sql(task);
    int sent = PQsendQuery(session->server->conn, sql);
    free(sql);
    state = sent ? copy_session_await(session, "COPY", wake_fd, &result, err)
                 : server_failed(session->server, "COPY", NULL, err);
    if (state == 0 && PQresultStatus(result) != PGRES_COPY_OUT)
        state = server_failed(session->server, "COPY", result, err);
    PQclear(result);
    if (state != 0)
        goto cleanup;

    /* With this table's own columns: a partition's may stand in another order. */
    char *target = memory_format("%s (%s)", table->name, table->columns);
    state = table_writer_begin(writer, target, err);
    free(target);
    if (state == 0)
        state = copy_rows(session, writer, wake_fd, err);
    /* First what the server says: rows of a COPY that failed need not go anywhere. */
    if (state == 0)
        state = check_end(session, writer->rows, wake_fd, err);
    if (state == 0 && !table_writer_end(writer))
        state = 1;
cleanup:
    return state < 0 ? err_context(err, "table %s", table->name) : state;
}

/* ---- ending ---- */

int copy_session_watch(struct copy_session *session, int done_fd, int wake_fd,
                       struct err *err)
{
    PGconn *conn = session->server->conn;
    for (;;) {
        int state = copy_session_wait(session, wake_fd, done_fd, 0, err);
        if (state != 0)
            return state == 2 ? 0 : state;
        /* Nothing was asked: either the server has a word to all, or this is the end. */
        if (!PQconsumeInput(conn) || PQstatus(conn) != CONNECTION_OK)
            return server_failed(session->server, "the session that holds the snapshot",
                                 NULL, err);
    }
}

/* Nothing was changed: a COMMIT that succeeds says that the transaction was alive until now. */
int copy_session_end(struct copy_session *session, struct err *err)
{
    return copy_session_execute(session, "the end of the snapshot", "COMMIT", -1, err);
}

void copy_session_free(struct copy_session *session)
{
    if (session == NULL)
        return;
    /* Its backend ends with the connection, whatever it is doing. */
    server_free(session->server);
    free(session->snapshot);
    free(session->encoding);
    free(session);
}
