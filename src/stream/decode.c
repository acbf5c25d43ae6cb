/*
 * The slots are a ring in the order of the chunks: the caller's thread fills the one behind the
 * newest and takes the oldest, the threads work on those between. Threads are started as chunks
 * come, so that a small artifact costs none that has nothing to do.
 */
#include "stream/decode.h"

#include "base/chan.h"
#include "base/memory.h"
#include "base/thread.h"

#include <stdatomic.h>
#include <unistd.h>

/* Room behind the raw bytes: a member that holds more than it should shows there. */
enum { THREADS_MAX = 4, CHUNK = 4 << 20, SLACK = 64 };
/* Of bzip2, the hungriest: 100 kB and 4 bytes for each of a block (bzip2 manual, 2.4). */
enum { DECODER = 4 << 20 };
/* What one slot keeps for the next chunk; buffers of larger ones are given back at once. */
enum { KEPT = 2 * CHUNK + SLACK };

struct slot {
    struct decode_chunk chunk;
    unsigned char *stored, *buffer; /* buffer: decoded, unless the codec is none */
    size_t stored_capacity, buffer_capacity;
    bool
        done; /* guarded by the lock; from then on all of it is the caller's thread's again */
    struct err err;
};

struct run {
    const struct decode_spec *spec;
    struct slot *slots;
    size_t count;            /* of slots */
    size_t oldest, used;     /* the ring; the caller's thread alone */
    uint64_t bytes;          /* in the slots that are used */
    struct decoder *decoder; /* of the caller's thread, when it decodes itself */
    struct chan work;        /* slots that were filled; holds them all */
    pthread_t *threads;
    unsigned running;
    atomic_bool stopped; /* nobody wants the rest */
    pthread_mutex_t lock;
    pthread_cond_t changed; /* a slot is done */
};

/* ---- one chunk ---- */

/* All of the member, and nothing but it, into the slot's buffer. */
static int decode_member(struct slot *slot, struct decoder *decoder, struct err *err)
{
    const struct decode_chunk *chunk = &slot->chunk;
    struct codec_io io = {slot->stored, chunk->stored_size, slot->buffer,
                          chunk->raw_size + SLACK};
    while (io.in_size > 0) {
        size_t in_before = io.in_size, out_before = io.out_size;
        if (decoder_step(decoder, &io, err) < 0)
            return -1;
        if (io.in_size == in_before && io.out_size == out_before)
            break;
    }
    /* The room that is left tells: too much came, or too little. */
    if (io.out_size < SLACK)
        return err_set(err, ERR_CORRUPT, "there is more than the chunk index knows");
    if (io.in_size > 0 || !decoder_at_end(decoder) || io.out_size > SLACK)
        return err_set(err, ERR_CORRUPT, "it is cut");
    return 0;
}

static const unsigned char *raw_of(const struct run *run, const struct slot *slot)
{
    return run->spec->codec == CODEC_NONE ? slot->stored : slot->buffer;
}

static int decode_slot(const struct run *run, struct slot *slot, struct decoder *decoder,
                       struct err *err)
{
    const struct decode_chunk *chunk = &slot->chunk;
    unsigned char is[SHA256_SIZE];
    /* Without compression the stored bytes are the raw ones, and are not copied. */
    if (run->spec->codec != CODEC_NONE && decode_member(slot, decoder, err) < 0)
        return err_context(err, "chunk %llu", (unsigned long long)chunk->number);
    digest_sha256(raw_of(run, slot), chunk->raw_size, is);
    if (memcmp(is, chunk->sha256, SHA256_SIZE) == 0)
        return 0;
    return err_set(err, ERR_CORRUPT, "chunk %llu is not what was stored (SHA-256)",
                   (unsigned long long)chunk->number);
}

static void *decode_thread(void *argument)
{
    struct run *run = argument;
    struct err failure = {0};
    struct decoder *decoder = decoder_new(run->spec->codec, &failure);
    struct slot *slot;
    while ((slot = chan_pop(&run->work)) != NULL) {
        /* A closed queue still hands out what it holds. */
        if (atomic_load(&run->stopped))
            continue;
        slot->err = failure;
        if (decoder != NULL && decode_slot(run, slot, decoder, &slot->err) < 0)
            /* A decoder in the middle of a member can do nothing else; nothing else is wanted. */
            failure = slot->err;
        pthread_mutex_lock(&run->lock);
        slot->done = true;
        pthread_cond_signal(&run->changed);
        pthread_mutex_unlock(&run->lock);
    }
    decoder_free(decoder);
    return NULL;
}

/* ---- the ring, on the caller's thread ---- */

static bool oldest_is_done(struct run *run)
{
    pthread_mutex_lock(&run->lock);
    bool done = run->slots[run->oldest].done;
    pthread_mutex_unlock(&run->lock);
    return done;
}

static void drop(unsigned char **buffer, size_t *capacity)
{
    free(*buffer);
    *buffer = NULL;
    *capacity = 0;
}

/* Waits for the oldest chunk and hands it on. */
static int take_oldest(struct run *run, struct err *err)
{
    struct slot *slot = &run->slots[run->oldest];
    pthread_mutex_lock(&run->lock);
    while (!slot->done)
        pthread_cond_wait(&run->changed, &run->lock);
    pthread_mutex_unlock(&run->lock);
    if (slot->err.kind != ERR_NONE)
        *err = slot->err;
    if (slot->err.kind != ERR_NONE ||
        run->spec->take(run->spec->context, &slot->chunk, raw_of(run, slot), err) != 0) {
        atomic_store(&run->stopped, true);
        return -1;
    }
    run->bytes -= slot->chunk.raw_size + slot->chunk.stored_size;
    run->oldest = (run->oldest + 1) % run->count;
    run->used--;
    if (slot->stored_capacity + slot->buffer_capacity > KEPT) {
        drop(&slot->stored, &slot->stored_capacity);
        drop(&slot->buffer, &slot->buffer_capacity);
    }
    return 0;
}

static int make_room(unsigned char **buffer, size_t *capacity, size_t size, struct err *err)
{
    if (size <= *capacity)
        return 0;
    drop(buffer, capacity);
    *buffer = memory_try(size, err);
    *capacity = *buffer != NULL ? size : 0;
    return *buffer != NULL ? 0 : -1;
}

/* The slot's buffers, and the stored bytes from the caller. */
static int fill_slot(const struct run *run, struct slot *slot, struct err *err)
{
    const struct decode_chunk *chunk = &slot->chunk;
    bool none = run->spec->codec == CODEC_NONE;
    if (none && chunk->stored_size != chunk->raw_size)
        return err_set(err, ERR_CORRUPT, "chunk %llu has two sizes in the chunk index",
                       (unsigned long long)chunk->number);
    if (make_room(&slot->stored, &slot->stored_capacity, chunk->stored_size + 1, err) < 0 ||
        (!none && make_room(&slot->buffer, &slot->buffer_capacity, chunk->raw_size + SLACK,
                            err) < 0))
        return -1;
    return run->spec->fill(run->spec->context, chunk, slot->stored, err);
}

/* To the threads, of which one more is started while there are fewer than chunks; or at once. */
static void pass_on(struct run *run, struct slot *slot)
{
    run->used++;
    run->bytes += slot->chunk.raw_size + slot->chunk.stored_size;
    slot->err = (struct err){0};
    slot->done = false;
    if (run->threads != NULL && run->running < run->spec->threads &&
        run->running < run->used) {
        if (thread_start(&run->threads[run->running], decode_thread, run, &slot->err) == 0)
            run->running++;
        else if (run->running > 0)
            err_clear(&slot->err); /* slower, but no failure */
    }
    if (run->running > 0 && chan_push(&run->work, slot))
        return;
    /* An error is told when its turn comes, like that of a thread. */
    if (slot->err.kind == ERR_NONE)
        (void)!decode_slot(run, slot, run->decoder, &slot->err);
    slot->done = true;
}

/* Reads as far ahead as there is room, takes what is done. 1: a chunk was read, 0: no more. */
static int step(struct run *run, struct err *err)
{
    struct decode_chunk chunk;
    uint64_t limit = run->count * (uint64_t)KEPT;
    int got = run->spec->next(run->spec->context, &chunk, err);
    if (got != 1)
        return got;
    while (run->used > 0 &&
           (run->used == run->count ||
            run->bytes + chunk.raw_size + chunk.stored_size > limit || oldest_is_done(run)))
        if (take_oldest(run, err) < 0)
            return -1;
    struct slot *slot = &run->slots[(run->oldest + run->used) % run->count];
    slot->chunk = chunk;
    if (fill_slot(run, slot, err) < 0)
        return -1;
    pass_on(run, slot);
    return 1;
}

/* ---- a run ---- */

unsigned decode_threads(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores < 1 ? 1 : cores > THREADS_MAX ? THREADS_MAX : (unsigned)cores;
}

/* With threads: each has one chunk under way and one waiting, and one is being read or taken. */
static size_t slots_for(unsigned threads)
{
    return threads > 1 ? 2 * (size_t)threads + 1 : 1;
}

uint64_t decode_memory(enum codec_kind codec, unsigned threads)
{
    uint64_t slot = codec == CODEC_NONE ? CHUNK : KEPT;
    return slots_for(threads) * slot + (threads > 1 ? threads : 1) * (uint64_t)DECODER;
}

int decode_run(const struct decode_spec *spec, struct err *err)
{
    struct run run = {.spec = spec, .count = slots_for(spec->threads)};
    struct err late = {0};
    int got = 1;
    run.slots = memory_array(run.count, sizeof *run.slots);
    atomic_init(&run.stopped, false);
    pthread_mutex_init(&run.lock, NULL);
    pthread_cond_init(&run.changed, NULL);
    chan_init(&run.work, run.count);
    if (spec->threads > 1)
        run.threads = memory_array(spec->threads, sizeof *run.threads);
    else if ((run.decoder = decoder_new(spec->codec, &late)) == NULL)
        got = -1;
    while (got == 1)
        got = step(&run, &late);
    /* What was read before reading failed is handed on first, and may have failed itself: then that
     * counts. */
    int result = 0;
    while (result == 0 && run.used > 0 && !atomic_load(&run.stopped))
        result = take_oldest(&run, err);
    if (result == 0 && got < 0) {
        *err = late;
        result = -1;
    }
    /* The threads leave when the queue is empty, and do nothing with what is left in it. */
    atomic_store(&run.stopped, true);
    chan_close(&run.work);
    for (unsigned i = 0; i < run.running; i++)
        pthread_join(run.threads[i], NULL);
    for (size_t i = 0; i < run.count; i++) {
        free(run.slots[i].stored);
        free(run.slots[i].buffer);
    }
    decoder_free(run.decoder);
    chan_release(&run.work);
    pthread_cond_destroy(&run.changed);
    pthread_mutex_destroy(&run.lock);
    free(run.threads);
    free(run.slots);
    return result;
}
