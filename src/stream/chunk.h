/*
 * chunk - a piece of the dump on its way: filled by the reader or by a table_writer, encoded by a
 * codec thread, written by the assembler, then used again. One owner at a time, so no lock.
 *
 * A chunk begins at a border (the end of a statement or of a row) unless it is `continued`:
 * then the row or statement is larger than a chunk and this is a later piece of it.
 *
 * Layout of a chunk of table data. The reader's first one of a table also has the statement, its
 * last one the end; a table_writer's has both, unless a row goes through several:
 *
 *     [ blank lines, comments, COPY t (a, b) FROM stdin;\n ] [ rows ] [ \.\n ]
 *     0                                                      data_from data_to
 */
#ifndef PGKEEP_STREAM_CHUNK_H
#define PGKEEP_STREAM_CHUNK_H

#include "base/digest.h"
#include "base/err.h"
#include "stream/scan/scan.h"

enum chunk_flag {
    CHUNK_CONTINUED = 1, /* begins inside a row or statement */
    CHUNK_STATE = SCAN_STATE,
    CHUNK_RESTRICT = SCAN_RESTRICT
};

struct chunk {
    unsigned char *raw;
    size_t raw_size;
    size_t raw_capacity;
    size_t border; /* offset behind the last border in raw; 0: none since its begin */
    unsigned char *encoded; /* NULL for the codec none: the stored bytes are the raw ones */
    size_t encoded_size;
    size_t encoded_capacity;
    uint64_t number;    /* from 0, the order of the stored bytes; given by feed_close */
    uint64_t rows;      /* rows that end in this chunk */
    const void *source; /* who fills it: NULL the reader, else a table_writer */
    /* It ends inside a COPY, a statement or a transaction: the next chunk of the same source
     * must follow at once, see feed_close. */
    bool goes_on;
    enum section section;
    struct dump_table *table;  /* a reference; NULL: no table data */
    size_t data_from, data_to; /* rows in raw, when table is set */
    unsigned flags;            /* enum chunk_flag */
    unsigned char raw_sha256[SHA256_SIZE];
};

/* encoded_capacity 0: none. NULL and ERR_SYSTEM when there is no memory. */
struct chunk *chunk_new(size_t raw_capacity, size_t encoded_capacity,
                        struct err *err) MUST_USE;
void chunk_reset(struct chunk *chunk); /* for the next use; drops the table */
/* The caller has checked that there is room. */
void chunk_append(struct chunk *chunk, const void *data, size_t size);
/* Moves what is behind the last border to the empty chunk `next`, which begins there. With
 * no border in it the chunk is cut where it ends, and `next` is continued. */
void chunk_split(struct chunk *chunk, struct chunk *next);
void chunk_free(struct chunk *chunk); /* NULL-safe */

#endif
