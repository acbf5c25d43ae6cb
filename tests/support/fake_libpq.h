/*
 * fake_libpq - servers without a server: what pgkeep asks through libpq is answered as a test
 * says. Unit tests are linked with these calls led through here (Makefile: SEAMS).
 *
 *     fake_libpq_serve -> fake_libpq_answer, _fail, _refuse … -> (the product connects)
 *     -> fake_libpq_asked … -> fake_libpq_reset
 *
 * Before fake_libpq_serve it is libpq itself. After it every connection is to one server,
 * with the database that the connection string says; statements that no rule matches
 * succeed: a "SELECT pg_catalog.count(*)" with 0, other SELECTs without a row. Rules are of one
 * thread; connections may be used by several, one each.
 */
#ifndef PGKEEP_TESTS_FAKE_LIBPQ_H
#define PGKEEP_TESTS_FAKE_LIBPQ_H

#include "base/err.h"

/* version: as PQserverVersion, 150018. With answers to all that is asked before a dump: one
 * database, owned by its user, of `size` bytes, of which every row may be read. */
void fake_libpq_serve(int version, uint64_t size);
#define FAKE_LIBPQ_END ((const char *)-1)
/* Statements that contain `match` are answered with these rows of `columns` texts each (NULL:
 * SQL NULL), one behind the other, FAKE_LIBPQ_END after the last. Parameters stand behind the
 * statement as "; $1=value". The latest rule that matches counts. */
void fake_libpq_answer(const char *match, int columns, ...);
/* A COPY … TO STDOUT gives such rows of one column; after this it says that it sent so many
 * more. */
void fake_libpq_miscount(int rows);
/* … fail with this message of the server. */
void fake_libpq_fail(const char *match, const char *message);
/* … end the connection. */
void fake_libpq_break(const char *match);
/* Connections to this database (NULL: any) are refused with this message; NULL: no more. */
void fake_libpq_refuse(const char *database, const char *message);
/* … are answered after this notice; match NULL: connecting is. */
void fake_libpq_notice(const char *match, const char *message);
/* server_encoding, and a client_encoding that is not taken (NULL: all are). */
void fake_libpq_encoding(const char *encoding, const char *refused);
/* All sessions go through a pooler that has so many backends. */
void fake_libpq_pool(unsigned backends);
/* The n-th call from now on that waits for the server loses the connection (0: none), so
 * that a test can fail each of them in turn; fake_libpq_calls: how many there were so far. */
void fake_libpq_lose_at(unsigned n);
unsigned fake_libpq_calls(void);
/* How many statements contained it so far. */
unsigned fake_libpq_asked(const char *match);
/* The last that did, "" for none; valid until the next statement. */
const char *fake_libpq_last(const char *match);
/* How many connections are open now, and were opened so far. */
unsigned fake_libpq_open(void);
unsigned fake_libpq_connections(void);
void fake_libpq_reset(void); /* nobody serves any more */

#endif
