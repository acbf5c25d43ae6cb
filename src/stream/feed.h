/*
 * feed - where a chunk gets its place in the order of the object.
 *
 *     feed_open -> fill it -> feed_close, or feed_return when nothing went into it
 *
 * The order is that in which chunks are closed, whoever closes them: the one reader of
 * pg_dump's text, and table_writers that each copy rows beside it. So nothing in front of the
 * assembler has to know which bytes come first, and nothing that depends on the order
 * (numbers, offsets, hashes of the whole) is made before it.
 *
 * Two rules keep the text valid:
 *
 * 1. What a source has begun it ends before another one comes in between: a chunk that goes_on
 *    holds all others back until the same source closes one that does not.
 * 2. Rows of writers lie behind the definitions of all tables and before indexes and foreign
 *    keys: writers wait for feed_begin_rows, and the reader waits in feed_await_rows until all
 *    of them have ended.
 *
 *     reader:  pre-data, feed_begin_rows, data, feed_await_rows, post-data
 *     writers:                            rows, feed_end_rows
 *
 * A source that waits owns one chunk at most, so with N + 2 chunks and one more for each writer
 * nobody waits for ever. feed_stop makes everybody leave. Any thread.
 */
#ifndef PGKEEP_STREAM_FEED_H
#define PGKEEP_STREAM_FEED_H

#include "base/chan.h"
#include "base/err.h"
#include "stream/chunk.h"

#include <pthread.h>

struct feed {
    struct chan *idle;    /* empty chunks; the caller's */
    struct chan *work;    /* for the codec threads; the caller's */
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t changed;
    uint64_t chunks;
    bool held; /* by holder, whose last chunk goes on */
    const void *holder;
    bool rows_begun;
    unsigned writers; /* that have not ended */
    bool stopped;
};

void feed_init(struct feed *feed, struct chan *idle, struct chan *work, unsigned writers);
/* An empty chunk, which the caller owns; waits for one. NULL when the stream has failed. */
struct chunk *feed_open(struct feed *feed) MUST_USE;
/* Waits for the chunk's turn (rules 1 and 2), numbers it and hands it over. False when the
 * stream has failed. */
bool feed_close(struct feed *feed, struct chunk *chunk) MUST_USE;
bool feed_return(struct feed *feed, struct chunk *chunk) MUST_USE;
/* Of the reader: every chunk of the pre-data is closed. May be called twice. */
void feed_begin_rows(struct feed *feed);
/* Of a writer: until then. False when the stream has failed. */
bool feed_await_begin(struct feed *feed) MUST_USE;
/* Of a writer: it closes no chunk any more. */
void feed_end_rows(struct feed *feed);
/* Of the reader, before the first chunk of the post-data: until the last writer has ended.
 * False when the stream has failed. */
bool feed_await_rows(struct feed *feed) MUST_USE;
void feed_stop(struct feed *feed);
uint64_t feed_chunks(struct feed *feed); /* closed so far */
void feed_release(struct feed *feed);    /* of a zeroed one too */

#endif
