/*
 * index - the chunk index that lies beside the data: JSON lines, gzipped while they are
 * written.
 *
 * The first line:
 *
 *     {"pgkeep_index":1,"format":"plain","codec":"gzip"}
 *
 * A line for each chunk, in the order of the dump:
 *
 *     section                        "pre-data" "data" "post-data"; absent: opaque (custom format)
 *     schema, table, columns, rows   of table data only; columns only if the statement has a list
 *     data [FROM,TO]                 of table data only: its rows, from the begin of the chunk
 *     raw [FROM,TO]                  from the begin of the raw stream
 *     stored [FROM,TO]               from the begin of the stored object
 *     continued, state, restrict     only when true, see chunk.h
 *     sha256                         of the raw bytes
 *
 * The last line; without it the index is cut:
 *
 *     {"chunks":N,"raw_bytes":N,"stored_bytes":N,"encoding":"UTF8"}
 *
 * Ranges are half open, bytes. Names that are no UTF-8 are {"hex":"..."}.
 */
#ifndef PGKEEP_STREAM_INDEX_H
#define PGKEEP_STREAM_INDEX_H

#include "base/digest.h"
#include "base/err.h"
#include "base/text.h"
#include "stream/chunk.h"

struct index_writer;
struct index_writer *index_writer_new(const char *format, const char *codec,
                                      struct err *err) MUST_USE;
/* The next chunk of the order, which begins where the last one ended, raw and stored. */
int index_writer_add(struct index_writer *writer, const struct chunk *chunk,
                     uint64_t stored_size, struct err *err) MUST_USE;
/* encoding may be NULL. The gzipped index goes to `out` (uninitialised; the caller's to
 * release). */
int index_writer_finish(struct index_writer *writer, const char *encoding, struct text *out,
                        struct err *err) MUST_USE;
void index_writer_free(struct index_writer *writer); /* NULL-safe */

struct index_range {
    uint64_t from, to;
};

struct index_entry {
    enum section section;
    char *schema; /* NULL: no table data */
    char *table;
    struct strlist columns;
    uint64_t rows;
    struct index_range raw, stored, data;
    unsigned flags; /* enum chunk_flag */
    unsigned char sha256[SHA256_SIZE];
};
void index_entry_release(struct index_entry *entry); /* of a zeroed or read one */

/* Reads a gzipped index from memory, which must outlive the reader. */
struct index_reader;
struct index_reader *index_reader_new(const void *data, size_t size,
                                      struct err *err) MUST_USE;
/* 1: *entry is filled, release it. 0: whole index read, counts and ranges fit together. -1:
 * ERR_CORRUPT. */
int index_reader_next(struct index_reader *reader, struct index_entry *entry,
                      struct err *err) MUST_USE;
void index_reader_free(struct index_reader *reader); /* NULL-safe */

#endif
