/*
 * server_query - SQL on a struct server, for the other files of this module only.
 *
 * Values go as text parameters; names that cannot be parameters go through server_add_name
 * and server_add_literal. Every name of the system is qualified: the search_path is empty.
 */
#ifndef PGKEEP_POSTGRES_SERVER_QUERY_H
#define PGKEEP_POSTGRES_SERVER_QUERY_H

#include "postgres/server.h"

#include <libpq-fe.h>

struct server {
    PGconn *conn;
    const struct cancel *cancel;
    /* text of the name[] that unqualified patterns of pg_dump look into */
    char *search_path;
};

/* Rows, for PQclear; NULL and ERR_DATABASE "WHAT: the server's message". param is $1; NULL:
 * the SQL has none. A cancel ends the wait: ERR_CANCELLED, and the session is of no use any more. */
PGresult *server_query(struct server *server, const char *what, const char *sql,
                       const char *param, struct err *err) MUST_USE;
/* ERR_DATABASE (or ERR_AGAIN, by hint.h) "WHAT: the message" of a result that failed, or, when
 * result is NULL, of the connection. Returns -1. */
int server_failed(struct server *server, const char *what, const PGresult *result,
                  struct err *err);
/* Like server_query, without rows and parameters. */
int server_execute(struct server *server, const char *what, const char *sql,
                   struct err *err) MUST_USE;
/* The one number that the SQL gives, 0 or more; -1 on an error. */
int64_t server_query_count(struct server *server, const char *what, const char *sql,
                           const char *param, struct err *err) MUST_USE;
/* One-line text of a libpq message: no line breaks, no doubled "server" chatter. */
void server_add_message(struct text *out, const char *message);
/* "name", 'literal'; texts that are not valid in the connection's encoding overflow the
 * text. */
void server_add_name(struct server *server, struct text *out, const char *name);
void server_add_literal(struct server *server, struct text *out, const char *value);
/* A column's value, NULL for SQL NULL, heap. */
char *server_take_value(const PGresult *result, int row, int column) MUST_USE;

/* A session by libpq's keywords and values (ended by NULL). */
struct server_login {
    const char *const *keywords;
    const char *const *values;
    bool expand_dbname;          /* the dbname is a whole conninfo */
    PQnoticeProcessor notice;    /* gets the connection as its context */
    const struct cancel *cancel; /* NULL: the root */
};
/* How it went is for PQstatus, or *timed_out: no answer within connect_timeout. NULL when
 * cancelled, or without memory. */
PGconn *server_open(const struct server_login *login, bool *timed_out,
                    struct err *err) MUST_USE;

#endif
