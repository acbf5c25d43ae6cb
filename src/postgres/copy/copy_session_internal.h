/*
 * copy_session_internal - what the files of copy_session share; nobody else includes it.
 */
#ifndef PGKEEP_POSTGRES_COPY_COPY_SESSION_INTERNAL_H
#define PGKEEP_POSTGRES_COPY_COPY_SESSION_INTERNAL_H

#include "postgres/copy/copy_session.h"
#include "postgres/server_query.h"

enum { COPY_SQL_MAX = 64 << 20 }; /* bytes of a statement that lists tables */

struct copy_session {
    struct server *server;
    const struct cancel *cancel;
    int64_t lock_wait_timeout_ms, stall_timeout_ms;
    char *snapshot; /* of the leader */
    char *encoding;
    const struct copy_table *locked; /* by this worker, last */
};

/* Until the session's socket is readable (0), wake_fd (1; -1: none) or other_fd (2; -1: none). -1:
 * cancelled, or nothing for limit_ms (0: no limit). */
int copy_session_wait(const struct copy_session *session, int wake_fd, int other_fd,
                      int64_t limit_ms, struct err *err) MUST_USE;
/* The next result of what was sent: 0 with *result (NULL: that was the last), 1 when woken. */
int copy_session_await(struct copy_session *session, const char *what, int wake_fd,
                       PGresult **result, struct err *err) MUST_USE;
/* Sends one statement and waits for its end; a cancel ends the wait. 1: wake_fd (-1: none) became
 * readable. -1: ERR_DATABASE, or ERR_AGAIN by hint.h, "WHAT: the message". */
int copy_session_execute(struct copy_session *session, const char *what, const char *sql,
                         int wake_fd, struct err *err) MUST_USE;
/* Of a worker, before it copies from a table: ACCESS SHARE at once, or an error. As
 * copy_session_execute. */
int copy_session_lock_now(struct copy_session *session, const struct copy_table *table,
                          int wake_fd, struct err *err) MUST_USE;

#endif
