/*
 * Buffers are made when they are first needed and kept: a small dump never allocates the
 * sixteen that it was allowed.
 */
#include "base/part.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/thread.h"

#include <assert.h>
#include <pthread.h>

/* How often a waiting producer looks at the cancel flag. */
#define LOOK_MS 200

struct part_pool {
    pthread_mutex_t lock; /* guards everything below, and the private fields of the parts */
    pthread_cond_t idle_came;
    struct part *idle;
    size_t existing; /* idle and out */
    size_t count;
    size_t size;
    int64_t waited_ms;
    const struct cancel *cancel; /* constant */
};

struct part_pool *part_pool_new(size_t count, size_t size, const struct cancel *cancel,
                                struct err *err)
{
    if (count == 0 || size == 0) {
        err_set(err, ERR_SYSTEM, "a pool of %zu buffers of %zu bytes is no use", count,
                size);
        return NULL;
    }
    /* No buffer yet: how many are really needed shows. */
    struct part_pool *pool = memory_zalloc(sizeof *pool);
    pool->count = count;
    pool->size = size;
    pool->cancel = cancel;
    pthread_mutex_init(&pool->lock, NULL);
    thread_cond_init(&pool->idle_came);
    return pool;
}

/* Called with the lock held, of a part that nobody has. */
static void drop(struct part_pool *pool, struct part *part)
{
    pool->existing--;
    pthread_mutex_destroy(&part->digesting);
    free(part->data);
    free(part);
}

/* The one that came last: its pages are the ones that the caches still know. */
static struct part *pop_idle(struct part_pool *pool)
{
    struct part *part = pool->idle;
    if (part != NULL)
        pool->idle = part->next;
    return part;
}

/* An idle part, or a new one while fewer than `count` exist. NULL without an error: wait. */
static struct part *take_or_make(struct part_pool *pool, struct err *err)
{
    struct part *part = pop_idle(pool);
    if (part != NULL || pool->existing >= pool->count)
        return part;
    /* Under the lock: at most `count` may ever be made, and each is made once. */
    void *data = memory_try(pool->size, err);
    if (data == NULL)
        return NULL;
    part = memory_zalloc(sizeof *part);
    part->data = data;
    part->capacity = pool->size;
    part->pool = pool;
    pthread_mutex_init(&part->digesting, NULL);
    pool->existing++;
    return part;
}

struct part *part_pool_get(struct part_pool *pool, struct err *err)
{
    struct part *part = NULL;
    err_clear(err);
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        /* Before anything is taken: a run that ends gets no more buffers. */
        if (cancel_check(pool->cancel, err) < 0)
            break;
        part = take_or_make(pool, err);
        if (part != NULL || err->kind != ERR_NONE)
            break;
        /* Every buffer is in flight: the network is the bottleneck. A cancel does not signal
         * this condition, so it is looked for now and then. */
        int64_t start = clock_monotonic_ms();
        thread_cond_wait_until(&pool->idle_came, &pool->lock, start + LOOK_MS);
        pool->waited_ms += clock_monotonic_ms() - start;
    }
    pthread_mutex_unlock(&pool->lock);
    if (part == NULL)
        return NULL;
    /* Nobody else has it: filled in without the lock. */
    part->size = 0;
    part->offset = 0;
    part->number = 0;
    part->last = false;
    /* Nothing is known of what will be in it. */
    part->digests.known = 0;
    part->references = 1;
    part->next = NULL;
    return part;
}

void part_pool_resize(struct part_pool *pool, size_t count, size_t size)
{
    assert(count > 0 && size > 0);
    pthread_mutex_lock(&pool->lock);
    /* Idle ones of the old size go now, those in flight when they come back (go_idle). */
    pool->count = count;
    if (pool->size != size)
        for (struct part *part = pop_idle(pool); part != NULL; part = pop_idle(pool))
            drop(pool, part);
    pool->size = size;
    while (pool->existing > count && pool->idle != NULL)
        drop(pool, pop_idle(pool));
    pthread_cond_broadcast(&pool->idle_came);
    pthread_mutex_unlock(&pool->lock);
}

/* For whoever wants to say what holds up the dump. */
int64_t part_pool_waited_ms(struct part_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    int64_t waited = pool->waited_ms;
    pthread_mutex_unlock(&pool->lock);
    return waited;
}

void part_pool_free(struct part_pool *pool)
{
    if (pool == NULL)
        return;
    for (struct part *part = pop_idle(pool); part != NULL; part = pop_idle(pool))
        drop(pool, part);
    /* One that is still out would come back to a pool that is gone. */
    assert(pool->existing == 0);
    pthread_cond_destroy(&pool->idle_came);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

/* One lock for all references of a pool: they are taken once per part of megabytes. */
struct part *part_ref(struct part *part)
{
    pthread_mutex_lock(&part->pool->lock);
    assert(part->references > 0);
    part->references++;
    pthread_mutex_unlock(&part->pool->lock);
    return part;
}

/* Called with the lock held and no reference left. */
static void go_idle(struct part_pool *pool, struct part *part)
{
#ifdef PGKEEP_POISON
    /* Whoever still reads it after its last release sends rubbish that a test sees. */
    memset(part->data, 0xDB, part->capacity);
#endif
    /* Of another size, or one too many since part_pool_resize: this one was the last of its
     * kind. */
    if (part->capacity != pool->size || pool->existing > pool->count) {
        drop(pool, part);
    } else {
        part->next = pool->idle;
        pool->idle = part;
    }
    pthread_cond_signal(&pool->idle_came);
}

/* The lock is the pool's, so the pool must outlive every part that is out. */
void part_release(struct part *part)
{
    if (part == NULL)
        return;
    struct part_pool *pool = part->pool;
    pthread_mutex_lock(&pool->lock);
    assert(part->references > 0);
    if (--part->references == 0)
        go_idle(pool, part);
    pthread_mutex_unlock(&pool->lock);
}

/* Not under the pool's lock: a large part takes a second, and others are to be had meanwhile. */
struct digests part_digests(struct part *part, unsigned wanted)
{
    /* Of several stores that ask at once one computes, the others wait for what it found. */
    pthread_mutex_lock(&part->digesting);
    digests_add(&part->digests, wanted, part->data, part->size);
    struct digests digests = part->digests;
    pthread_mutex_unlock(&part->digesting);
    return digests;
}
