/*
 * libpq's blocking PQconnectdb, done by hand: the notices of a login (collation versions,
 * login triggers) would go to stderr as they are, since a processor can only be set on a
 * connection that is there, and nobody could cancel the wait.
 */
#include "postgres/server_query.h"

#include "base/clock.h"
#include "base/memory.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

enum { GRACE_MS = 500 };

/* What conninfo, environment and service file have come to; heap, may be NULL. */
static char *effective_option(PGconn *conn, const char *keyword)
{
    char *value = NULL;
    PQconninfoOption *options = PQconninfo(conn);
    for (PQconninfoOption *option = options; option != NULL && option->keyword != NULL;
         option++)
        if (strcmp(option->keyword, keyword) == 0)
            value = memory_strdup(option->val);
    PQconninfoFree(options);
    return value;
}

/* Which of its addresses libpq is trying. */
static char *current_address(const PGconn *conn)
{
    const char *host = PQhost(conn), *address = PQhostaddr(conn), *port = PQport(conn);
    return memory_format("%s %s %s", host == NULL ? "" : host,
                         address == NULL ? "" : address, port == NULL ? "" : port);
}

/* Until the socket is ready: 1; 0 when deadline_ms (0: none) is over; -1: cancelled. */
static int await_socket(const PGconn *conn, PostgresPollingStatusType next,
                        int64_t deadline_ms, const struct cancel *cancel, struct err *err)
{
    for (;;) {
        /* A second at most, for where a cancel has no descriptor. */
        short events = next == PGRES_POLLING_READING ? POLLIN : POLLOUT;
        struct pollfd fds[2] = {{.fd = PQsocket(conn), .events = events},
                                {.fd = cancel_fd(cancel), .events = POLLIN}};
        int64_t left_ms = deadline_ms == 0 ? 1000 : deadline_ms - clock_monotonic_ms();
        if (cancel_check(cancel, err) < 0)
            return -1;
        if (left_ms <= 0)
            return 0;
        int ready = poll(fds, 2, left_ms < 1000 ? (int)left_ms : 1000);
        if (ready < 0 && errno != EINTR)
            return err_errno(err, ERR_SYSTEM, "poll");
        if (ready > 0 && fds[0].revents != 0)
            return 1;
    }
}

/* How long what was sent may stay unanswered. Sockets of another family take no such thing. */
static void set_user_timeout(const PGconn *conn, int64_t milliseconds)
{
    int value = milliseconds > INT_MAX ? INT_MAX : (int)milliseconds;
    (void)setsockopt(PQsocket(conn), IPPROTO_TCP, TCP_USER_TIMEOUT, &value, sizeof value);
}

/* As PQconnectdb waits, for each address a connect_timeout (0 or less: for ever, at least
 * 2 s). -1: cancelled; else 0 and PQstatus, or *timed_out. */
static int await_login(PGconn *conn, const struct cancel *cancel, bool *timed_out,
                       struct err *err)
{
    char *timeout = effective_option(conn, "connect_timeout");
    char *user_timeout = effective_option(conn, "tcp_user_timeout");
    int64_t timeout_ms = timeout == NULL ? 0 : strtol(timeout, NULL, 10) * 1000;
    int64_t deadline_ms = 0;
    PostgresPollingStatusType next = PGRES_POLLING_WRITING;
    char *address = NULL;
    int ready = 1;
    if (timeout_ms > 0 && timeout_ms < 2000)
        timeout_ms = 2000;
    while (ready > 0 && PQstatus(conn) != CONNECTION_BAD && next != PGRES_POLLING_OK &&
           next != PGRES_POLLING_FAILED) {
        char *current = current_address(conn);
        /* Where nothing answers at all, the kernel gives up a little before we do, and libpq
         * goes on to the next address of the name. */
        if (timeout_ms > 0 && (address == NULL || strcmp(address, current) != 0)) {
            set_user_timeout(conn, timeout_ms);
            deadline_ms = clock_monotonic_ms() + timeout_ms + GRACE_MS;
        }
        free(address);
        address = current;
        ready = await_socket(conn, next, deadline_ms, cancel, err);
        if (ready > 0)
            next = PQconnectPoll(conn);
    }
    if (PQstatus(conn) == CONNECTION_OK)
        set_user_timeout(conn, user_timeout == NULL ? 0 : strtol(user_timeout, NULL, 10));
    free(address);
    free(timeout);
    free(user_timeout);
    *timed_out = ready == 0;
    return ready < 0 ? -1 : 0;
}

PGconn *server_open(const struct server_login *login, bool *timed_out, struct err *err)
{
    PGconn *conn =
        PQconnectStartParams(login->keywords, login->values, login->expand_dbname);
    *timed_out = false;
    if (conn == NULL) {
        err_set(err, ERR_SYSTEM, "cannot connect: no memory");
        return NULL;
    }
    /* Before the first byte is read: the notices of the login are the first of all. */
    PQsetNoticeProcessor(conn, login->notice, conn);
    if (await_login(conn, login->cancel, timed_out, err) < 0) {
        PQfinish(conn);
        return NULL;
    }
    /* Of a list of hosts the next may answer, but only the blocking libpq goes on to it. It
     * keeps the notice processor. */
    char *host = *timed_out ? effective_option(conn, "host") : NULL;
    char *hostaddr = *timed_out ? effective_option(conn, "hostaddr") : NULL;
    if ((host != NULL && strchr(host, ',') != NULL) ||
        (hostaddr != NULL && strchr(hostaddr, ',') != NULL)) {
        PQreset(conn);
        *timed_out = false;
    }
    free(host);
    free(hostaddr);
    return conn;
}
