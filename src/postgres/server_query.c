/*
 * Errors of libpq are lines and paragraphs; in here they become one line with the hint that
 * fits.
 */
#include "postgres/server_query.h"

#include "base/memory.h"
#include "base/parse.h"
#include "postgres/hint.h"

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
    /* What was done is part of what a hint is found by. */
    const char *hint = hint_find(line.data);
    err_set(err, hint_is_passing(line.data) ? ERR_AGAIN : ERR_DATABASE, "%s", line.data);
    if (hint != NULL)
        err_hint(err, "%s", hint);
    text_release(&line);
    return -1;
}

PGresult *server_query(struct server *server, const char *what, const char *sql,
                       const char *param, struct err *err)
{
    PGresult *result =
        PQexecParams(server->conn, sql, param == NULL ? 0 : 1, NULL, &param, NULL, NULL, 0);
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
