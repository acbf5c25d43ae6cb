/*
 * table_writer - rows that come row by row, as chunks that are each a whole COPY statement.
 *
 *     in a stream_source's run:  { table_writer_begin -> table_writer_row ... ->
 *                                  table_writer_end } ...
 *
 * The second source of a dump beside pg_dump's text. Each chunk is one statement and one
 * compressed member,
 *
 *     \nCOPY t (a, b) FROM stdin;\n  rows  \\.\n
 *
 * so that chunks of all writers may stand in any order. A row that is larger than a chunk goes
 * through in pieces: chunks that follow each other (CHUNK_CONTINUED), of one statement.
 *
 * A writer belongs to one thread.
 */
#ifndef PGKEEP_STREAM_TABLE_WRITER_H
#define PGKEEP_STREAM_TABLE_WRITER_H

#include "stream/feed.h"
#include "stream/meter.h"
#include "stream/tables.h"

struct table_writer {
    struct feed *feed;
    struct meter *meter;      /* may be NULL */
    struct dump_table *table; /* a reference; NULL between end and begin */
    struct text head;         /* the statement's line */
    struct chunk *chunk;      /* being filled; NULL: the next row begins one */
    struct tables tables;     /* of this writer; ranges of one table stand more than once */
    uint64_t rows;            /* since the last begin */
};

void table_writer_init(struct table_writer *writer, struct feed *feed, struct meter *meter);
/* Until rows may go out (feed_begin_rows): pg_dump has locked and described all tables. False:
 * the stream has failed. A writer need not wait: its first chunk does. */
bool table_writer_await(struct table_writer *writer) MUST_USE;
/* target: the table as a COPY statement names it, with its list of columns, in the dump's
 * encoding: `public.t (a, b)`. A table is known from here on, also when no row follows.
 * ERR_SYSTEM: it is not to be read as one. */
int table_writer_begin(struct table_writer *writer, const char *target,
                       struct err *err) MUST_USE;
/* One row with its newline, in COPY's text format. False: the stream has failed, somebody
 * else has the error. */
bool table_writer_row(struct table_writer *writer, const char *row, size_t size) MUST_USE;
/* No more rows of this table, or of this part of it. */
bool table_writer_end(struct table_writer *writer) MUST_USE;
void table_writer_release(struct table_writer *writer); /* of a zeroed one too */

#endif
