/*
 * Errors of libpq are lines and paragraphs; in here they become one line with the hint that
 * fits.
 */
#include "postgres/server_query.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/parse.h"
#include "postgres/hint.h"

#include <poll.h>

enum { LAST_WORDS_MS = 2000 }; /* for an answer after a cancel */

/* Runs of blanks and line breaks become one blank. */
void server_add_message(struct text *out, const char *message)
{
    bool space = false;
    for (const char *at = message; *at != '\0'; at++) {
        bool blank = *at == '\n' || *at == '\t' || *at == ' ';
        if (!blank && space && out->length > 0)
            text_add_char(out, ' ');
        if (!blank)
            text_add_char(out, *at);
        space = blank;
    }
}

int server_failed(struct server *server, const char *what, const PGresult *result,
                  struct err *err)
{
    /* Without a result (no memory, a lost connection) the connection has the message. */
    const char *message = PQresultErrorMessage(result);
    struct text line;
    text_init(&line, 4096);
    text_addf(&line, "%s: ", what);
    server_add_message(&line, *message != '\0' ? message : PQerrorMessage(server->conn));
    err_set(err, hint_is_passing(line.data) ? ERR_AGAIN : ERR_DATABASE, "%s", line.data);
    /* What was done is part of what a hint is found by. */
    hint_add(err, line.data);
    text_release(&line);
    return -1;
}

/* Until the whole answer is here, or the connection is lost: the next PQgetResult says which. A
 * server that is frozen, or waits for a lock, must not hold us once the user has had enough; what is
 * asked while we end already has a moment. */
static int await_answer(struct server *server, struct err *err)
{
    int64_t end =
        cancel_requested(server->cancel) ? clock_monotonic_ms() + LAST_WORDS_MS : 0;
    while (PQisBusy(server->conn)) {
        bool over =
            end != 0 ? clock_monotonic_ms() >= end : cancel_requested(server->cancel);
        if (over)
            return cancel_check(server->cancel, err);
        /* In steps, for where a cancel has no descriptor, and for the last moment. */
        struct pollfd fds[2] = {
            {.fd = PQsocket(server->conn), .events = POLLIN},
            {.fd = end == 0 ? cancel_fd(server->cancel) : -1, .events = POLLIN}};
        (void)poll(fds, 2, 200);
        if (fds[0].revents != 0 && PQconsumeInput(server->conn) == 0)
            break;
    }
    return 0;
}

PGresult *server_query(struct server *server, const char *what, const char *sql,
                       const char *param, struct err *err)
{
    PGconn *conn = server->conn;
    PGresult *result = NULL;
    bool sent = PQsendQueryParams(conn, sql, param == NULL ? 0 : 1, NULL, &param, NULL,
                                  NULL, 0) == 1;
    /* To the last result, which is NULL, so that the session can go on; one statement has one. */
    for (PGresult *next = NULL; sent; result = next) {
        if (await_answer(server, err) < 0) {
            PQclear(result);
            err_context(err, "%s", what);
            return NULL;
        }
        next = PQgetResult(conn);
        if (next == NULL)
            break;
        PQclear(result);
    }
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
        return result;

    server_failed(server, what, result, err);
    PQclear(result);
    return NULL;
}

int server_execute(struct server *server, const char *what, const char *sql,
                   struct err *err)
{
    PGresult *result = server_query(server, what, sql, NULL, err);
    PQclear(result);
    return result == NULL ? -1 : 0;
}

int64_t server_query_count(struct server *server, const char *what, const char *sql,
                           const char *param, struct err *err)
{
    int64_t number = 0;
    PGresult *result = server_query(server, what, sql, param, err);
    if (result == NULL)
        return -1;
    /* A count is never negative, so that -1 is free for errors. */
    bool good = PQntuples(result) == 1 &&
                parse_int(PQgetvalue(result, 0, 0), 0, INT64_MAX, &number, err) == 0;
    PQclear(result);
    return good ? number : err_set(err, ERR_DATABASE, "%s: unexpected answer", what);
}

/* What cannot be quoted must not go out unquoted: the text is marked as overflowed. */
static void add_quoted(struct text *out, char *quoted)
{
    if (quoted == NULL)
        out->overflowed = true;
    else
        text_add(out, quoted);
    PQfreemem(quoted);
}

void server_add_name(struct server *server, struct text *out, const char *name)
{
    add_quoted(out, PQescapeIdentifier(server->conn, name, strlen(name)));
}

void server_add_literal(struct server *server, struct text *out, const char *value)
{
    add_quoted(out, PQescapeLiteral(server->conn, value, strlen(value)));
}

/* An empty text and NULL are two things: a database without a comment has none. */
char *server_take_value(const PGresult *result, int row, int column)
{
    if (PQgetisnull(result, row, column))
        return NULL;
    return memory_strdup(PQgetvalue(result, row, column));
}
