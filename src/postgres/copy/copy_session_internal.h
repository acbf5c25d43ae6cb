/*
 * copy_session_internal - what the files of copy_session share; nobody else includes it.
 */
#ifndef PGKEEP_POSTGRES_COPY_COPY_SESSION_INTERNAL_H
#define PGKEEP_POSTGRES_COPY_COPY_SESSION_INTERNAL_H

#include "postgres/copy/copy_session.h"

enum { COPY_SQL_MAX = 64 << 20 }; /* bytes of a statement that lists tables */

struct copy_session {
    struct server *server;
    const struct cancel *cancel;
    int64_t lock_wait_timeout_ms, stall_timeout_ms;
    char *snapshot; /* of the leader */
    char *encoding;
    const struct copy_table *locked; /* by this worker, last */
};

/* Sends one statement and waits for its end; a cancel ends the wait. 1: wake_fd (-1: none) became
 * readable. -1: ERR_DATABASE, or ERR_AGAIN by hint.h, "WHAT: the message". */
int copy_session_execute(struct copy_session *session, const char *what, const char *sql,
                         int wake_fd, struct err *err) MUST_USE;
/* Of a worker, before it copies from a table: ACCESS SHARE at once, or an error. As
 * copy_session_execute. */
int copy_session_lock_now(struct copy_session *session, const struct copy_table *table,
                          int wake_fd, struct err *err) MUST_USE;

#endif
