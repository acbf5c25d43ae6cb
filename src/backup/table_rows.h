/*
 * table_rows - the rows of one table of a plain backup, without a database: by ranges through its
 * chunk index.
 */
#ifndef PGKEEP_BACKUP_TABLE_ROWS_H
#define PGKEEP_BACKUP_TABLE_ROWS_H

#include "copy/copy_reader.h"

enum table_rows_format {
    TABLE_ROWS_COPY, /* as COPY writes them: tabs between, \N is NULL */
    TABLE_ROWS_CSV,  /* RFC 4180 with a line of names; NULL is nothing, the empty text "" */
    TABLE_ROWS_JSON /* an object for each row, on a line of its own; values are texts or null */
};
bool table_rows_format_from_name(const char *name,
                                 enum table_rows_format *out); /* "copy" "csv" "json" */

struct table_rows_spec {
    struct copy_reader_spec from; /* purpose is set here */
    const char *table;            /* pg_dump's pattern; must fit one table */
    enum table_rows_format format;
    const char
        *columns;   /* names with commas between, in this order; NULL: all, as dumped */
    uint64_t limit; /* rows at most; 0: all */
    struct stream_sink out;
};

/* ERR_NOT_FOUND: no table fits; ERR_USAGE: several do, they are named; a column that it does not
 * have; a backup of format custom. Chunks are checked before a row of them goes out; only the wanted ones are read. *count:
 * rows that went out. */
int table_rows_run(const struct table_rows_spec *spec, uint64_t *count,
                   struct err *err) MUST_USE;

#endif
