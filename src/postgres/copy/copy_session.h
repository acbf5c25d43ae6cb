/*
 * copy_session - a session of one snapshot, which copies ranges of tables.
 *
 *     the leader    copy_session_open -> copy_session_share -> copy_session_snapshot
 *     a worker      copy_session_join(that snapshot)
 *     both          copy_session_copy ... -> copy_session_end -> copy_session_free
 *
 * The leader takes the snapshot and holds it, for pg_dump and for the workers, until
 * copy_session_end says that it held to the end; whoever has joined sees exactly the same rows.
 * Sessions are set as pg_dump sets its own (POSTGRES.md 10, 11): what a database or a role has set
 * must not change a value, and nothing on the server may end them early. Locks are ACCESS SHARE;
 * a worker never waits for one (gpbackup #545: it would wait behind somebody who waits for us).
 *
 * Freeing a session ends its backend: PostgreSQL 14 and later notice it within 5 s also in the
 * middle of a scan, older ones with the next row.
 * A session belongs to one thread at a time. A cancel ends every wait. Errors are ERR_DATABASE, or
 * ERR_AGAIN where another session's change of definitions is the reason.
 */
#ifndef PGKEEP_POSTGRES_COPY_COPY_SESSION_H
#define PGKEEP_POSTGRES_COPY_COPY_SESSION_H

#include "postgres/copy/copy_plan.h"
#include "stream/table_writer.h"

struct copy_session_spec {
    const char *conninfo;
    const char *database;         /* NULL: conninfo's */
    const char *encoding;         /* client_encoding of the dump; NULL: the session's own */
    int64_t lock_wait_timeout_ms; /* of copy_session_share; 0: for ever */
    int64_t stall_timeout_ms;     /* no row for so long ends it; 0: never */
    const struct cancel *cancel;  /* NULL: the root */
};

struct copy_session;
/* 0 with *out. 1: the server answers, but does not take the settings or the transaction that this
 * needs; err says why. -1: no connection. */
int copy_session_open(const struct copy_session_spec *spec, struct copy_session **out,
                      struct err *err) MUST_USE;
struct copy_session *copy_session_join(const struct copy_session_spec *spec,
                                       const char *snapshot, struct err *err) MUST_USE;
/* Of the leader, after copy_session_share: as others name its snapshot (pg_dump --snapshot). */
const char *copy_session_snapshot(const struct copy_session *session);
/* In which it copies. */
const char *copy_session_encoding(const struct copy_session *session);
/* For questions in its transaction. */
struct server *copy_session_server(const struct copy_session *session);
/* Of the leader: locks the tables of the plan, and all others that pg_dump would dump unless they
 * are too many for the server's lock table; then exports the snapshot, so that others can join.
 * 1: this server does not export snapshots, err says why. ERR_AGAIN: after the snapshot was taken
 * somebody dropped, truncated or rewrote a table of the plan (POSTGRES.md 17). */
int copy_session_share(struct copy_session *session, const struct dump_filters *filters,
                       const struct copy_plan *plan, struct err *err) MUST_USE;
/* Copies the rows of one task. 0: the server said that they were all, and that many were written.
 * 1: wake_fd became readable or the writer's stream has failed. -1: an error. */
int copy_session_copy(struct copy_session *session, const struct copy_task *task,
                      struct table_writer *writer, int wake_fd, struct err *err) MUST_USE;
/* Does nothing until done_fd (0) or wake_fd (1) is readable. -1: the session was lost. */
int copy_session_watch(struct copy_session *session, int done_fd, int wake_fd,
                       struct err *err) MUST_USE;
/* Ends the transaction: how the server says that the snapshot held. */
int copy_session_end(struct copy_session *session, struct err *err) MUST_USE;
void copy_session_free(struct copy_session *session); /* NULL-safe */

#endif
