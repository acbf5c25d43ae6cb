/*
 * assemble - encoded chunks come in any order and go out in that of their numbers: raw and
 * stored bytes hashed, the stored ones to the sink, each chunk into the index.
 *
 *     codec threads: assemble_put            one thread: assemble_run until 0 or an error
 *     reader at its end: assemble_expect     anybody who fails: assemble_stop
 */
#ifndef PGKEEP_STREAM_ASSEMBLE_H
#define PGKEEP_STREAM_ASSEMBLE_H

#include "base/chan.h"
#include "base/digest.h"
#include "base/err.h"
#include "stream/chunk.h"
#include "stream/index.h"
#include "stream/stream.h"

#include <pthread.h>

struct assemble {
    pthread_mutex_t lock; /* guards slots, expected, stopped */
    pthread_cond_t changed;
    struct chunk **slots; /* chunk n waits in slots[n % count] */
    size_t count;
    uint64_t expected; /* chunks in all; UINT64_MAX while unknown */
    bool stopped;
    /* of the thread in assemble_run */
    struct stream_sink sink;
    struct meter *meter; /* may be NULL */
    const struct cancel *cancel;
    struct index_writer *index;
    struct chan *idle; /* where written chunks go */
    struct digest raw, stored;
    bool of_chunks; /* raw is of the chunks' digests */
    bool is_plain;  /* codec none: the stored bytes are the raw ones */
    uint64_t next;
    uint64_t raw_bytes, stored_bytes;
};

/* count: chunks in circulation. idle, index and meter stay the caller's. */
void assemble_init(struct assemble *assemble, size_t count, struct chan *idle,
                   struct index_writer *index);
void assemble_put(struct assemble *assemble, struct chunk *chunk);
void assemble_expect(struct assemble *assemble, uint64_t chunks);
void assemble_stop(struct assemble *assemble);
/* 0 when all chunks are written, 1 when it was stopped (the stopper has the error), -1 on
 * an error. */
int assemble_run(struct assemble *assemble, struct err *err) MUST_USE;
/* After assemble_run returned 0, once: sizes and hashes of all bytes. */
void assemble_sums(struct assemble *assemble, struct stream_result *out);
void assemble_release(struct assemble *assemble);

#endif
