/*
 * Statements that are sent and waited for. A COPY … TO STDOUT gives the rows of its rule, one
 * text each, and then says how many they were.
 */
#include "tests/support/fake_libpq.h"

#include "base/memory.h"
#include "tests/support/fake_libpq_internal.h"

REAL(int, sendQuery, PGconn *, const char *);
REAL(int, sendQueryParams, PGconn *, const char *, int, const Oid *, const char *const *,
     const int *, const int *, int);
REAL(int, isBusy, PGconn *);
REAL(int, consumeInput, PGconn *);
REAL(PGresult *, getResult, PGconn *);
REAL(int, getCopyData, PGconn *, char **, int);
REAL(char *, cmdTuples, PGresult *);

static int more;                      /* rows that the server says it sent, but did not */
static _Thread_local char tuples[32]; /* of the COPY that ended last */

void fake_libpq_miscount(int rows)
{
    more = rows;
}

int __wrap_PQsendQuery(PGconn *conn, const char *sql)
{
    struct fake *fake = fake_of(conn);
    if (fake == NULL)
        return __real_PQsendQuery(conn, sql);
    fake->answer = fake_run(fake, sql, 0, NULL);
    fake->copies =
        strncmp(sql, "COPY ", 5) == 0 && PQresultStatus(fake->answer) != PGRES_FATAL_ERROR;
    fake->fetched = -1;
    return 1;
}

int __wrap_PQsendQueryParams(PGconn *conn, const char *sql, int count, const Oid *types,
                             const char *const *params, const int *lengths,
                             const int *formats, int result_format)
{
    struct fake *fake = fake_of(conn);
    if (fake == NULL)
        return __real_PQsendQueryParams(conn, sql, count, types, params, lengths, formats,
                                        result_format);
    fake->answer = fake_run(fake, sql, count, params);
    fake->copies = false;
    return 1;
}

int __wrap_PQisBusy(PGconn *conn)
{
    return fake_of(conn) != NULL ? 0 : __real_PQisBusy(conn);
}

int __wrap_PQconsumeInput(PGconn *conn)
{
    const struct fake *fake = fake_of(conn);
    return fake == NULL ? __real_PQconsumeInput(conn) : fake->status == CONNECTION_OK;
}

PGresult *__wrap_PQgetResult(PGconn *conn)
{
    struct fake *fake = fake_of(conn);
    if (fake == NULL)
        return __real_PQgetResult(conn);
    PGresult *answer = fake->answer;
    if (fake->copies && fake->fetched < 0) {
        fake->fetched = 0;
        return PQmakeEmptyPGresult(NULL, PGRES_COPY_OUT);
    }
    fake->answer = NULL;
    if (answer == NULL || !fake->copies)
        return answer;
    snprintf(tuples, sizeof tuples, "%d", fake->fetched + more);
    fake->copies = false;
    PQclear(answer);
    return fake_counts_call() ? fake_lose(fake)
                              : PQmakeEmptyPGresult(NULL, PGRES_COMMAND_OK);
}

int __wrap_PQgetCopyData(PGconn *conn, char **buffer, int async)
{
    struct fake *fake = fake_of(conn);
    if (fake == NULL)
        return __real_PQgetCopyData(conn, buffer, async);
    *buffer = NULL;
    if (fake_counts_call()) {
        PQclear(fake_lose(fake));
        return -2;
    }
    if (fake->fetched >= PQntuples(fake->answer))
        return -1;
    *buffer = memory_format("%s\n", PQgetvalue(fake->answer, fake->fetched++, 0));
    return (int)strlen(*buffer);
}

char *__wrap_PQcmdTuples(PGresult *result)
{
    return fake_serves() ? tuples : __real_PQcmdTuples(result);
}
