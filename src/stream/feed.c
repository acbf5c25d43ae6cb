/*
 * One counter. It is small because nothing else is shared: who fills a chunk owns it until it
 * is closed, and what depends on the order happens behind the codecs.
 */
#include "stream/feed.h"

void feed_init(struct feed *feed, struct chan *idle, struct chan *work)
{
    feed->idle = idle;
    feed->work = work;
    atomic_init(&feed->chunks, 0);
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
    chunk->number = atomic_fetch_add(&feed->chunks, 1);
    return chan_push(feed->work, chunk);
}

/* Without a number: one that was opened in vain leaves no gap in the order. */
bool feed_return(struct feed *feed, struct chunk *chunk)
{
    chunk_reset(chunk);
    return chan_push(feed->idle, chunk);
}

uint64_t feed_chunks(const struct feed *feed)
{
    return atomic_load(&feed->chunks);
}
