/*
 * sql - one SQLite connection: prepared statements, transactions, errors. For the catalog's
 * folders only.
 *
 *     sql_prepare -> sql_bind_… in the order of the question marks
 *         -> sql_run                                   a change
 *         -> while (sql_row) sql_int, sql_text …; sql_end     a question
 *
 * Failures stick: after one the later calls do nothing, and sql_run or sql_end returns -1.
 * The texts bound must live until then. Statements are kept and used again, found by their
 * text, which therefore never holds a value.
 */
#ifndef PGKEEP_CATALOG_DB_SQL_H
#define PGKEEP_CATALOG_DB_SQL_H

#include "base/owner.h"
#include "base/text.h"
#include "catalog/db/catalog.h"

#include <sqlite3.h>

struct catalog {
    sqlite3 *db;
    char *path;
    bool read_only;
    bool callers;   /* the transaction is the caller's (catalog_begin) */
    unsigned depth; /* transactions open, one in the other */
    bool impatient; /* does not wait for locks: a progress that cannot be written */
    const struct cancel *cancel; /* NULL: the root */
    int64_t busy_since;          /* monotonic, of the lock that is waited for */
    struct sql_cached *cached;
    size_t cached_count, cached_capacity;
};

struct sql {
    struct catalog *catalog;
    sqlite3_stmt *statement;
    size_t cached; /* its place in the cache plus one; 0: of its own */
    struct err *err;
    int parameter, column;
    bool failed;
    bool begun; /* sql_begin_change has opened a transaction for it */
};

void sql_prepare(struct sql *sql, struct catalog *catalog, const char *text,
                 struct err *err);
/* The next question marks, in their order: %jd an int64_t, %ju a uint64_t (above 2^63 - 1: that),
 * %d an int, a bool or an enum, %s a text (NULL: NULL). Nothing is formatted: the letters are
 * printf's so that the compiler looks at the types. */
void sql_bind(struct sql *sql, const char *types, ...) PRINTF(2, 3);
/* One of them. */
void sql_bind_int(struct sql *sql, int64_t value);
void sql_bind_size(struct sql *sql, uint64_t value);     /* above 2^63 - 1: that */
void sql_bind_text(struct sql *sql, const char *value);  /* NULL: NULL */
bool sql_row(struct sql *sql);                           /* false: no more, or failed */
int64_t sql_int(struct sql *sql);                        /* the next column */
char *sql_text(struct sql *sql) MUST_USE;                /* heap; NULL for NULL */
void sql_chars(struct sql *sql, char *out, size_t size); /* cut to size - 1 */
int sql_end(struct sql *sql) MUST_USE;
/* Runs a change to its end. *changed (may be NULL): rows. */
int sql_run(struct sql *sql, int64_t *changed) MUST_USE;

/* Statements without parameters; may be several. */
int sql_exec(struct catalog *catalog, const char *text, struct err *err) MUST_USE;
/* One number of a question without parameters; 0 without a row. */
int sql_number(struct catalog *catalog, const char *text, int64_t *out,
               struct err *err) MUST_USE;
/* Forgets all kept statements. */
void sql_release(struct catalog *catalog);

/* A change that is a transaction of its own: begin, bind …, run, end. That it could not begin
 * sticks like any failure. sql_end_change commits when result is 0; returns it, or -1. */
void sql_begin_change(struct sql *sql, struct catalog *catalog, const char *text,
                      struct err *err);
int sql_end_change(struct sql *sql, int result) MUST_USE;
/* Adds the first column of each row that is left. Ends it. */
int sql_texts(struct sql *sql, struct strlist *out) MUST_USE;

/* A change is made between these: BEGIN IMMEDIATE, or a savepoint in what is open. sql_finish
 * commits when result is 0, else undoes; returns the result, or -1 when the commit failed. */
int sql_begin(struct catalog *catalog, struct err *err) MUST_USE;
int sql_finish(struct catalog *catalog, int result, struct err *err) MUST_USE;
/* sql_begin, and the text of our process for a row that it will own (base/owner.h). */
int sql_begin_owned(struct catalog *catalog, char owner[OWNER_SIZE],
                    struct err *err) MUST_USE;
/* The same for several questions that must agree. Nothing may be changed in between. */
int sql_begin_reading(struct catalog *catalog, struct err *err) MUST_USE;
int sql_finish_reading(struct catalog *catalog, int result, struct err *err) MUST_USE;

/* Turns the last failure of the connection into an error. Returns -1. */
int sql_error(struct catalog *catalog, struct err *err);
/* What a result code of SQLite means to a caller. */
enum err_kind sql_kind(int code);
/* The busy handler of the connection: context is the catalog. */
int sql_wait(void *context, int count);

#endif
