/*
 * chan - a bounded queue of pointers between threads.
 *
 *     chan_init -> chan_push / chan_pop from any thread -> chan_close -> chan_release
 *
 * Buffers circulate through queues that can each hold all of them, so a push finds room and
 * only a pop waits. After chan_close a push is refused and a pop hands out what is left,
 * then NULL.
 */
#ifndef PGKEEP_BASE_CHAN_H
#define PGKEEP_BASE_CHAN_H

#include "base/err.h"

#include <pthread.h>

struct chan {
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t changed;
    void **items; /* a ring */
    size_t capacity;
    size_t first;
    size_t count;
    bool closed;
};

void chan_init(struct chan *chan, size_t capacity); /* capacity >= 1 */
/* Waits while the queue is full. False when it is closed: the item stays the caller's. */
bool chan_push(struct chan *chan, void *item) MUST_USE;
/* Waits while the queue is empty. NULL when it is closed and empty. */
void *chan_pop(struct chan *chan) MUST_USE;
void chan_close(struct chan *chan);   /* wakes everybody; may be called twice */
void chan_release(struct chan *chan); /* nobody may be inside; items are not freed */

#endif
