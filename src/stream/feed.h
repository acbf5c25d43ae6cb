/*
 * feed - where a chunk gets its place in the order of the object.
 *
 *     feed_open -> fill it -> feed_close, or feed_return when nothing went into it
 *
 * The order is that in which chunks are closed, whoever closes them: the one reader of
 * pg_dump's text, or several workers that each copy a table. So nothing in front of the
 * assembler has to know which bytes come first, and nothing that depends on the order
 * (numbers, offsets, the hash of all raw bytes) is made before it.
 */
#ifndef PGKEEP_STREAM_FEED_H
#define PGKEEP_STREAM_FEED_H

#include "base/chan.h"
#include "base/err.h"
#include "stream/chunk.h"

#include <stdatomic.h>

struct feed {
    struct chan *idle; /* empty chunks; the caller's */
    struct chan *work; /* for the codec threads; the caller's */
    atomic_uint_fast64_t chunks;
};

void feed_init(struct feed *feed, struct chan *idle, struct chan *work);
/* An empty chunk, which the caller owns; waits for one. NULL when the stream has failed. */
struct chunk *feed_open(struct feed *feed) MUST_USE;
/* Numbers it and hands it over. False when the stream has failed. */
bool feed_close(struct feed *feed, struct chunk *chunk) MUST_USE;
bool feed_return(struct feed *feed, struct chunk *chunk) MUST_USE;
uint64_t feed_chunks(const struct feed *feed); /* closed so far */

#endif
