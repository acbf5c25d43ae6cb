/*
 * One counter and three conditions under one lock. It is small because nothing else is shared:
 * who fills a chunk owns it until it is closed, and what depends on the order happens behind
 * the codecs.
 */
#include "stream/feed.h"

void feed_init(struct feed *feed, struct chan *idle, struct chan *work, unsigned writers)
{
    *feed = (struct feed){.idle = idle, .work = work, .writers = writers};
    pthread_mutex_init(&feed->lock, NULL);
    pthread_cond_init(&feed->changed, NULL);
}

struct chunk *feed_open(struct feed *feed)
{
    /* Here back-pressure holds a source: no chunk is idle until one was written. */
    struct chunk *chunk = chan_pop(feed->idle);
    if (chunk != NULL)
        chunk_reset(chunk);
    return chunk;
}

/* Numbered when it is closed and not when it is opened: numbers in flight are then of
 * chunks that are on their way, and differ by less than there are chunks. The
 * assembler's slots rely on that; and a source that waits for its rows holds nobody up. */
bool feed_close(struct feed *feed, struct chunk *chunk)
{
    pthread_mutex_lock(&feed->lock);
    /* Rule 1: nobody comes between two chunks that belong together. Rule 2: no rows before
     * their table is there. */
    while (!feed->stopped && ((feed->held && feed->holder != chunk->source) ||
                              (chunk->source != NULL && !feed->rows_begun)))
        pthread_cond_wait(&feed->changed, &feed->lock);
    bool closed = false;
    if (!feed->stopped) {
        if (feed->held && !chunk->goes_on)
            pthread_cond_broadcast(&feed->changed);
        feed->held = chunk->goes_on;
        feed->holder = chunk->source;
        chunk->number = feed->chunks++;
        /* Under the lock, though the order of the queue means nothing: the push never waits. */
        closed = chan_push(feed->work, chunk);
    }
    pthread_mutex_unlock(&feed->lock);
    return closed;
}

/* Without a number: one that was opened in vain leaves no gap in the order. */
bool feed_return(struct feed *feed, struct chunk *chunk)
{
    chunk_reset(chunk);
    return chan_push(feed->idle, chunk);
}

void feed_begin_rows(struct feed *feed)
{
    pthread_mutex_lock(&feed->lock);
    feed->rows_begun = true;
    pthread_cond_broadcast(&feed->changed);
    pthread_mutex_unlock(&feed->lock);
}

bool feed_await_begin(struct feed *feed)
{
    pthread_mutex_lock(&feed->lock);
    while (!feed->stopped && !feed->rows_begun)
        pthread_cond_wait(&feed->changed, &feed->lock);
    bool going = !feed->stopped;
    pthread_mutex_unlock(&feed->lock);
    return going;
}

void feed_end_rows(struct feed *feed)
{
    pthread_mutex_lock(&feed->lock);
    feed->writers--;
    pthread_cond_broadcast(&feed->changed);
    pthread_mutex_unlock(&feed->lock);
}

bool feed_await_rows(struct feed *feed)
{
    pthread_mutex_lock(&feed->lock);
    while (!feed->stopped && feed->writers > 0)
        pthread_cond_wait(&feed->changed, &feed->lock);
    bool going = !feed->stopped;
    pthread_mutex_unlock(&feed->lock);
    return going;
}

void feed_stop(struct feed *feed)
{
    pthread_mutex_lock(&feed->lock);
    feed->stopped = true;
    pthread_cond_broadcast(&feed->changed);
    pthread_mutex_unlock(&feed->lock);
}

uint64_t feed_chunks(struct feed *feed)
{
    pthread_mutex_lock(&feed->lock);
    uint64_t chunks = feed->chunks;
    pthread_mutex_unlock(&feed->lock);
    return chunks;
}

void feed_release(struct feed *feed)
{
    if (feed->idle == NULL)
        return;
    pthread_cond_destroy(&feed->changed);
    pthread_mutex_destroy(&feed->lock);
    feed->idle = NULL;
}
