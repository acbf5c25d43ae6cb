/*
 * All that may take long is sent and waited for by poll, so that a cancel and the failure of
 * another thread end it at once.
 */
#include "postgres/copy/copy_session_internal.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>

/* Until the session's socket is readable (0), wake_fd (1; -1: none) or other_fd (2; -1: none). */
int copy_session_wait(const struct copy_session *session, int wake_fd, int other_fd,
                      int64_t limit_ms, struct err *err)
{
    int64_t start = clock_monotonic_ms();
    for (;;) {
        struct pollfd fds[] = {
            {.fd = PQsocket(session->server->conn), .events = POLLIN},
            {.fd = cancel_fd(session->cancel), .events = POLLIN},
            {.fd = wake_fd, .events = POLLIN},
            {.fd = other_fd, .events = POLLIN},
        };
        if (cancel_check(session->cancel, err) < 0)
            return -1;
        if (limit_ms > 0 && clock_monotonic_ms() - start >= limit_ms) {
            char span[32];
            err_set(err, ERR_DATABASE, "the server sent nothing for %s",
                    text_duration(span, limit_ms));
            return err_hint(err, "look for a stalled connection or a stopped server");
        }
        /* A second at most, for where a cancel has no descriptor, and for the limit. */
        int ready = poll(fds, 4, 1000);
        if (ready < 0 && errno != EINTR)
            return err_errno(err, ERR_SYSTEM, "poll");
        if (ready <= 0)
            continue;
        /* That everything has failed counts before what the server still says. */
        if (fds[2].revents != 0)
            return 1;
        if (fds[3].revents != 0)
            return 2;
        if (fds[0].revents != 0)
            return 0;
    }
}

/* The next result of what was sent: 0 with *result (NULL: that was the last), 1 when woken. */
int copy_session_await(struct copy_session *session, const char *what, int wake_fd,
                       PGresult **result, struct err *err)
{
    PGconn *conn = session->server->conn;
    *result = NULL;
    /* Busy: PQgetResult would block, and neither a cancel nor another's failure could end it. */
    while (PQisBusy(conn)) {
        int state = copy_session_wait(session, wake_fd, -1, 0, err);
        if (state != 0)
            return state;
        if (!PQconsumeInput(conn))
            return server_failed(session->server, what, NULL, err);
    }
    *result = PQgetResult(conn);
    return 0;
}

/* Sends one statement and waits for its end. */
int copy_session_execute(struct copy_session *session, const char *what, const char *sql,
                         int wake_fd, struct err *err)
{
    PGresult *result;
    int state = 0;
    bool failed = false;
    if (!PQsendQuery(session->server->conn, sql))
        return server_failed(session->server, what, NULL, err);
    do {
        state = copy_session_await(session, what, wake_fd, &result, err);
        ExecStatusType status = PQresultStatus(result);
        /* To the last result, whatever the first one says: then the session can go on. */
        if (result != NULL && status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK &&
            !failed) {
            server_failed(session->server, what, result, err);
            failed = true;
        }
        PQclear(result);
    } while (state == 0 && result != NULL &&
             PQstatus(session->server->conn) == CONNECTION_OK);
    if (state == 0 && !failed && PQstatus(session->server->conn) != CONNECTION_OK)
        return server_failed(session->server, what, NULL, err);
    return failed ? -1 : state;
}
