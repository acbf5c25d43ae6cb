/*
 * stream - a dump in, the stored object out: scan, cut into chunks, compress on several
 * threads, hash, keep the order, index. Knows neither S3 nor PostgreSQL's programs.
 *
 *     backup:   stream_new -> stream_run -> stream_result -> stream_free
 *     restore:  unstream_new -> unstream_push -> unstream_finish -> unstream_sums
 *
 * stream_run says only that all bytes that came were read, understood, compressed and
 * handed to the sink. Whether the source ended well is the caller's next question; nothing
 * may be committed before.
 *
 * How it works inside (one header each): the reader thread fills chunks (reader, scan), and so
 * does a thread for each further source of rows (table_writer); they get their numbers when they
 * are closed (feed); N codec threads encode them (codec); the caller's thread puts them in order,
 * hashes, writes and indexes them (assemble, index).
 * Chunks circulate idle -> work -> slots -> idle; there are N + 2 of them and one more for each
 * further source, and each queue can hold all, so only an empty queue makes a thread wait.
 */
#ifndef PGKEEP_STREAM_STREAM_H
#define PGKEEP_STREAM_STREAM_H

#include "base/cancel.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/text.h"
#include "stream/codec/codec.h"
#include "stream/meter.h"

enum stream_format {
    STREAM_PLAIN, /* pg_dump's SQL: scanned, cut at rows and statements */
    STREAM_CUSTOM /* pg_dump -Fc -Z0: opaque, cut every chunk_size bytes */
};

/* Where bytes go, in order. Called on the thread that runs the stream, or that pushes.
 * Not 0: it failed and filled err, which ends the stream with just that error. write NULL:
 * nobody wants them. */
struct stream_sink {
    int (*write)(void *context, const void *data, size_t size, struct err *err);
    void *context;
};
int stream_sink_write(const struct stream_sink *sink, const void *data, size_t size,
                      struct err *err) MUST_USE;

/* Where rows come from beside the dump's text: tables whose data the text leaves out. Each runs
 * on a thread of its own, together with the others. 0: all its rows are written and its server
 * said that they were all. -1: an error, which ends the stream. 1: the stream has failed
 * (a call of the writer said so), somebody else has the error. It must also leave soon after
 * wake_fd became readable. */
struct table_writer;
struct stream_source {
    int (*run)(void *context, struct table_writer *writer, int wake_fd, struct err *err);
    void *context;
};

struct stream_spec {
    /* Read to its end; stays the caller's. A pipe of 1 MiB (see process.h) saves a third of
     * the processor time against one of 64 KiB. */
    int fd;
    enum stream_format format;
    struct codec_choice codec;
    unsigned threads;  /* codec threads, 1-64; two more and those of sources run besides */
    size_t chunk_size; /* raw bytes, 64 to 1 GiB; 0: 4 MiB */
    int64_t stall_timeout_ms; /* no byte for this long is ERR_DATABASE; 0: never */
    struct stream_sink sink;
    /* Also gets the raw bytes, as they are read, on the reading thread. Its failure ends the
     * stream like that of the sink. */
    struct stream_sink raw;
    /* Plain format only. Their rows stand between the text's pre-data and post-data. */
    const struct stream_source *sources;
    unsigned source_count;
    struct meter *meter;         /* counted while it runs; may be NULL */
    const struct cancel *cancel; /* NULL: the root */
};

/* A table whose rows the dump holds in COPY statements; names unquoted, in the dump's
 * encoding, schema "" when the statement names none. Each name stands once. */
struct stream_table {
    char *schema;
    char *name;
    uint64_t rows;
    uint64_t raw_bytes; /* of the rows alone */
};

/* Belongs to the stream, and so do its members. */
struct stream_result {
    uint64_t raw_bytes;
    uint64_t stored_bytes;
    uint64_t chunks;
    /* Of all raw bytes; with further sources of the digests of the chunks, one behind the other
     * in the order of the object: nobody reads such bytes one after the other. */
    unsigned char raw_sha256[SHA256_SIZE];
    bool raw_of_chunks;
    unsigned char stored_sha256[SHA256_SIZE];
    struct stream_table *tables; /* in the order of the dump, then those of the sources */
    size_t table_count;
    char *encoding; /* client_encoding that a plain dump declares; NULL if none */
    /* plain: a whole dump to the last newline (see scan.h).
     * custom: it begins as an archive; its end is the caller's question. */
    bool ended_well;
    struct text index_gz; /* the chunk index, see index.h */
};

struct stream;

/* Allocates all buffers. The spec is copied, the sink's context and the meter must outlive
 * the stream. NULL: ERR_USAGE for a spec out of range, ERR_SYSTEM for no memory. */
struct stream *stream_new(const struct stream_spec *spec, struct err *err) MUST_USE;

/* Bytes that a stream holds at most, whatever the size of the dump or of a row in it; 48
 * MiB for gzip on 4 threads. The index comes on top: 15 MiB for a dump of 1 TiB. */
uint64_t stream_memory(const struct stream_spec *spec);

/* Once. Blocks until the input has ended and is written, or something failed: the first
 * error of any thread. All threads are gone when it returns. A cancelled run returns
 * ERR_CANCELLED as soon as the sink lets go. */
int stream_run(struct stream *stream, struct err *err) MUST_USE;

/* After stream_run failed: the text came to an end before its closing comment, so that whoever
 * wrote it knows more. Only noticed with further sources. */
bool stream_is_cut(const struct stream *stream);

/* After stream_run returned 0. */
const struct stream_result *stream_result(const struct stream *stream);
void stream_free(struct stream *stream); /* NULL-safe */

/* The mirror where there is no chunk index (with one: decode.h): stored bytes pushed in, raw bytes come out through the sink, both hashed.
 * For one thread. */
struct unstream;
struct unstream *unstream_new(enum codec_kind codec, struct stream_sink sink,
                              struct err *err) MUST_USE;
/* Pieces of any size. ERR_CORRUPT for damage, and for what follows a member and is none. */
int unstream_push(struct unstream *unstream, const void *data, size_t size,
                  struct err *err) MUST_USE;
/* End of input: a member that is cut is ERR_CORRUPT. Once. */
int unstream_finish(struct unstream *unstream, struct err *err) MUST_USE;
/* After unstream_finish returned 0: compare them before saying "done". */
void unstream_sums(const struct unstream *unstream, uint64_t *raw_bytes,
                   unsigned char raw_sha256[SHA256_SIZE], uint64_t *stored_bytes,
                   unsigned char stored_sha256[SHA256_SIZE]);
void unstream_free(struct unstream *unstream); /* NULL-safe */

#endif
