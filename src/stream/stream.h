/*
 * stream - a dump in, the stored object out: scan, cut into chunks, compress on several
 * threads, hash, keep the order, index. Knows neither S3 nor PostgreSQL's programs.
 *
 *     stream_new -> stream_run (blocks until the input ends or something fails) ->
 * stream_result -> stream_free
 *
 * stream_run says only that all bytes that came were read, understood, compressed and
 * handed to the sink. Whether the source ended well is the caller's next question; nothing
 * may be committed before.
 *
 * Memory: stream_memory() bytes, allocated up front; a row larger than a chunk passes in
 * pieces.
 */
#ifndef PGKEEP_STREAM_STREAM_H
#define PGKEEP_STREAM_STREAM_H

#include "base/digest.h"
#include "base/err.h"
#include "base/text.h"
#include "stream/codec.h"
#include "stream/meter.h"

enum stream_format { STREAM_PLAIN, STREAM_CUSTOM };

/* Where the stored bytes go, in order, on one thread of the stream. Non-zero ends the
 * stream with err. */
struct stream_sink {
    int (*write)(void *context, const void *data, size_t size, struct err *err);
    void *context;
};

struct stream_spec {
    int fd; /* read to its end; stays the caller's */
    enum stream_format
        format; /* STREAM_CUSTOM is opaque: no scan, cut every chunk_size bytes */
    struct codec_choice codec;
    unsigned threads;         /* codec threads, 1-64 */
    size_t chunk_size;        /* raw bytes; 0: 4 MiB */
    int64_t stall_timeout_ms; /* no byte for this long is an error; 0: never */
    struct stream_sink sink;
    struct meter *meter; /* counts raw and stored bytes, rows, tables; may be NULL */
};

/* A table seen in COPY (or INSERT) data, in the dump's encoding, as written in the COPY
 * statement but unquoted. */
struct stream_table {
    char *schema;
    char *name;
    uint64_t rows;
    uint64_t raw_bytes;
};

struct stream_result {
    uint64_t raw_bytes;
    uint64_t stored_bytes;
    uint64_t chunks;
    unsigned char raw_sha256[SHA256_SIZE];
    unsigned char stored_sha256[SHA256_SIZE];
    struct stream_table *tables;
    size_t table_count;
    char *encoding;  /* client_encoding the plain dump declares; NULL if none */
    bool ended_well; /* plain: pg_dump's closing comment is the last thing at top level.
                        custom: the archive's magic is there (its end is the caller's
                        question) */
    struct text index_gz; /* gzip of the chunk index, JSON lines (see index.h) */
};

struct stream;
struct stream *stream_new(const struct stream_spec *spec, struct err *err) MUST_USE;
uint64_t stream_memory(const struct stream_spec *spec); /* bytes it will hold at most */
int stream_run(struct stream *stream, struct err *err) MUST_USE;
const struct stream_result *stream_result(const struct stream *stream);
void stream_free(struct stream *stream); /* NULL-safe; joins threads */

/* The mirror: stored bytes pushed in, raw bytes come out through the sink, both hashed. */
struct unstream;
struct unstream *unstream_new(enum codec_kind codec, struct stream_sink sink,
                              struct err *err) MUST_USE;
int unstream_push(struct unstream *unstream, const void *data, size_t size,
                  struct err *err) MUST_USE;
/* End of input: a member that is cut is ERR_CORRUPT. */
int unstream_finish(struct unstream *unstream, struct err *err) MUST_USE;
/* After finish. */
void unstream_sums(const struct unstream *unstream, uint64_t *raw_bytes,
                   unsigned char raw_sha256[SHA256_SIZE], uint64_t *stored_bytes,
                   unsigned char stored_sha256[SHA256_SIZE]);
void unstream_free(struct unstream *unstream);

#endif
