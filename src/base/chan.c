/*
 * One mutex, one condition, a ring. Nothing faster is needed: what goes through is a
 * pointer per 4 MiB of dump.
 */
#include "base/chan.h"

#include "base/memory.h"

/* Bounded from the beginning: a queue that grew would hide that its consumer is too slow. */
void chan_init(struct chan *chan, size_t capacity)
{
    pthread_mutex_init(&chan->lock, NULL);
    pthread_cond_init(&chan->changed, NULL);
    chan->items = memory_array(capacity, sizeof *chan->items);
    chan->capacity = capacity;
    chan->first = 0;
    chan->count = 0;
    chan->closed = false;
}

bool chan_push(struct chan *chan, void *item)
{
    pthread_mutex_lock(&chan->lock);
    while (chan->count == chan->capacity && !chan->closed)
        pthread_cond_wait(&chan->changed, &chan->lock);
    /* Also who waited for room learns that nobody will take it. */
    bool open = !chan->closed;
    if (open) {
        chan->items[(chan->first + chan->count) % chan->capacity] = item;
        chan->count++;
        /* Producers and consumers wait on one condition: wake all, not the wrong one. */
        pthread_cond_broadcast(&chan->changed);
    }
    pthread_mutex_unlock(&chan->lock);
    return open;
}

void *chan_pop(struct chan *chan)
{
    void *item = NULL;
    pthread_mutex_lock(&chan->lock);
    /* Closed is looked at last: what was pushed before is still handed out. */
    while (chan->count == 0 && !chan->closed)
        pthread_cond_wait(&chan->changed, &chan->lock);
    if (chan->count > 0) {
        item = chan->items[chan->first];
        chan->first = (chan->first + 1) % chan->capacity;
        chan->count--;
        pthread_cond_broadcast(&chan->changed);
    }
    pthread_mutex_unlock(&chan->lock);
    return item;
}

/* From either side, also twice: whoever waits, waits no longer. */
void chan_close(struct chan *chan)
{
    pthread_mutex_lock(&chan->lock);
    chan->closed = true;
    pthread_cond_broadcast(&chan->changed);
    pthread_mutex_unlock(&chan->lock);
}

/* One that was never initialised has no items. */
void chan_release(struct chan *chan)
{
    if (chan->items == NULL)
        return;
    pthread_cond_destroy(&chan->changed);
    pthread_mutex_destroy(&chan->lock);
    free(chan->items);
    chan->items = NULL;
}
