/*
 * record - rows of a table as structs, by a table of columns: one line per field says where
 * it lies and which statements write it. For the folders of the catalog only.
 *
 *     static const struct record_column columns[] = {
 *         {"job", RECORD_TEXT, WRITE_BEGIN, offsetof(struct catalog_run, job)}, …};
 */
#ifndef PGKEEP_CATALOG_DB_RECORD_H
#define PGKEEP_CATALOG_DB_RECORD_H

#include "catalog/db/sql.h"

enum record_kind {
    RECORD_INT,    /* int64_t */
    RECORD_SIZE,   /* uint64_t */
    RECORD_BOOL,   /* bool, 0 or 1 */
    RECORD_ENUM,   /* an enum or unsigned, as a number */
    RECORD_WORD,   /* an enum, as one of `words` */
    RECORD_TEXT,   /* char *, heap; NULL is NULL */
    RECORD_FILLED, /* char *, heap; NULL is written as "" */
    RECORD_CHARS   /* char[size]; "" is NULL */
};

struct record_column {
    const char *name;
    enum record_kind kind;
    unsigned writes; /* bits of the statements that write it; meaning is the module's */
    size_t offset;
    size_t size; /* RECORD_CHARS: of the array; RECORD_WORD: count of words */
    const char *const *words;
};

struct record {
    const struct record_column *columns;
    size_t count;
};

/* "PREFIXa, PREFIXb, …": all columns. */
void record_add_columns(struct text *text, const struct record *record, const char *prefix);
/* "INSERT INTO TABLE (a, b) VALUES (?, ?)" of the columns that `write` writes. */
void record_add_insert(struct text *text, const struct record *record, unsigned write,
                       const char *table);
/* "a = ?, b = ?" */
void record_add_assignments(struct text *text, const struct record *record, unsigned write);
/* Binds the columns that `write` writes, in order. */
void record_bind(struct sql *sql, const struct record *record, unsigned write,
                 const void *from);
/* Reads all columns in order into a struct whose pointers are NULL. ERR_CORRUPT (sticky)
 * for a word that is none. */
void record_read(struct sql *sql, const struct record *record, void *out);
/* Frees all texts and sets them to NULL. */
void record_release(const struct record *record, void *of);

#endif
