/*
 * fake_libpq_internal - what the files of fake_libpq share.
 */
#ifndef PGKEEP_TESTS_FAKE_LIBPQ_INTERNAL_H
#define PGKEEP_TESTS_FAKE_LIBPQ_INTERNAL_H

#include "base/err.h"

#include <libpq-fe.h>

/* Handed out as a PGconn. */
struct fake {
    char *conninfo, *database, *host, *port, *user;
    char error[480];
    ConnStatusType status;
    unsigned number; /* the how-manieth connection */
    PQnoticeProcessor notice;
    void *context;
    /* Of what was sent: the answer (NULL: nothing is to come), for a COPY its rows, and how
     * many of them were fetched. */
    PGresult *answer;
    bool copies;
    int fetched;
    struct fake *next;
};

#define REAL(type, name, ...)                                                              \
    type __real_PQ##name(__VA_ARGS__);                                                     \
    type __wrap_PQ##name(__VA_ARGS__)

/* Ours, or NULL for one of libpq. */
struct fake *fake_of(const PGconn *conn);
/* Runs a statement by the rules of the test. */
PGresult *fake_run(struct fake *fake, const char *sql, int count,
                   const char *const *params);
PGresult *fake_lose(struct fake *fake);
/* One more call that waits for the server; is it the one that loses the connection? */
bool fake_counts_call(void);
bool fake_serves(void);

#endif
