/*
 * part - fixed, reference-counted buffers that carry the stored bytes to several stores at once.
 *
 *     producer  part_pool_get (blocks until one is idle) -> fill data, size
 *               -> hand it to each store with part_ref -> part_release its own reference
 *     store     reads data[0 .. size) until its request is finished, then part_release
 *
 * A part goes idle when the last reference is released, never before: a buffer in flight is
 * never refilled. What stores send along with it (hashes) is computed once. All memory is allocated here and bounded by count x size. In builds with
 * PGKEEP_POISON an idle buffer is overwritten with 0xDB, so that a use after release shows.
 */
#ifndef PGKEEP_BASE_PART_H
#define PGKEEP_BASE_PART_H

#include "base/cancel.h"
#include "base/digest.h"

#include <pthread.h>

struct part_pool;

struct part {
    unsigned char *data;
    size_t capacity; /* bytes */
    size_t size;     /* bytes filled */
    uint64_t offset; /* of data[0] in the object */
    unsigned number; /* from 1 */
    bool last;
    /* private to part.c, guarded by the pool's lock */
    unsigned references;
    struct part *next;
    struct part_pool *pool;
    pthread_mutex_t digesting; /* guards what follows */
    struct digests digests;    /* of the data while it is out */
};

/* `count` buffers of `size` bytes, allocated when first used. cancel (NULL: the root) ends the
 * wait for one. */
struct part_pool *part_pool_new(size_t count, size_t size, const struct cancel *cancel,
                                struct err *err) MUST_USE;
/* A part with one reference, size 0. Blocks; NULL with ERR_CANCELLED when cancelled, with
 * ERR_SYSTEM when there is no memory for one more. */
struct part *part_pool_get(struct part_pool *pool, struct err *err) MUST_USE;
/* From now on parts have this size and there are this many; idle buffers are replaced at once,
 * those in flight when they return. Never shrinks a part that is out. */
void part_pool_resize(struct part_pool *pool, size_t count, size_t size);
/* How long (ms) producers have waited in part_pool_get so far: "network-bound" when it grows. */
int64_t part_pool_waited_ms(struct part_pool *pool);
/* All parts must be idle (asserted). NULL-safe. */
void part_pool_free(struct part_pool *pool);

struct part *part_ref(struct part *part); /* returns part */
void part_release(struct part *part);     /* NULL-safe */
/* Digests (DIGESTS_...) of data[0 .. size), which does not change any more. Each is computed on
 * the thread that first wants it; who comes meanwhile waits for it. */
struct digests part_digests(struct part *part, unsigned wanted);

#endif
