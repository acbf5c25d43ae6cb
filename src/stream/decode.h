/*
 * decode - chunks of a stored object back into raw bytes: several at once, each checked against its
 * SHA-256, handed on in their order.
 *
 *     decode_run:   next, fill (caller) --(work)--> N threads: decoder, SHA-256 --> take (caller)
 *
 * The caller's own thread reads the stored bytes and takes the raw ones; all three callbacks run on
 * it. As each chunk is a member of its own, the threads need nothing of each other. A chunk that is
 * done goes on before the next one is read, and what is read ahead is bounded, so that whoever takes
 * slowly is not overrun.
 *
 * Errors come in the order of the chunks: every chunk before the one that failed has been taken,
 * and none behind it.
 */
#ifndef PGKEEP_STREAM_DECODE_H
#define PGKEEP_STREAM_DECODE_H

#include "base/digest.h"
#include "stream/codec/codec.h"

struct decode_chunk {
    uint64_t number; /* for messages, from 1 */
    size_t raw_size, stored_size;
    unsigned char sha256[SHA256_SIZE]; /* of the raw bytes */
};

struct decode_spec {
    enum codec_kind codec;
    unsigned threads; /* that decode; 0 and 1: none but the caller's */
    void *context;
    /* The next chunk: 1, 0 when there are no more, -1. */
    int (*next)(void *context, struct decode_chunk *chunk, struct err *err);
    /* All stored_size bytes of it, as they follow those of the chunk before. */
    int (*fill)(void *context, const struct decode_chunk *chunk, unsigned char *stored,
                struct err *err);
    /* Its raw_size bytes, which were right; valid until it returns. */
    int (*take)(void *context, const struct decode_chunk *chunk, const unsigned char *raw,
                struct err *err);
};

/* Threads that are used unasked: one per core, at most 4. A backup and a restore share the machine
 * with PostgreSQL's programs and maybe its server. */
unsigned decode_threads(void);
/* Bytes that a run holds at most, as long as no chunk is larger than those that are written today
 * (4 MiB raw); a larger one is decoded alone. */
uint64_t decode_memory(enum codec_kind codec, unsigned threads);
/* Blocks until all chunks are taken or one failed; no thread outlives it. ERR_CORRUPT for damage, and
 * for more or fewer bytes than the chunk should have; else what a callback said. */
int decode_run(const struct decode_spec *spec, struct err *err) MUST_USE;

#endif
