/*
 * The place where order comes back. Chunk n may only be written after n - 1; until then it
 * waits in its slot. That the slots suffice follows from the number of chunks in
 * circulation.
 */
#include "stream/assemble.h"

#include "base/memory.h"

#include <assert.h>

void assemble_init(struct assemble *assemble, size_t count, struct chan *idle,
                   struct index_writer *index)
{
    *assemble = (struct assemble){
        .count = count,
        .expected = UINT64_MAX,
        .idle = idle,
        .index = index,
    };
    pthread_mutex_init(&assemble->lock, NULL);
    pthread_cond_init(&assemble->changed, NULL);
    /* One slot for each chunk there is: `number % count` is then never taken twice. */
    assemble->slots = memory_array(count, sizeof(struct chunk *));
    digest_init(&assemble->raw, DIGEST_SHA256);
    digest_init(&assemble->stored, DIGEST_SHA256);
}

/* From the codec threads, in any order. */
void assemble_put(struct assemble *assemble, struct chunk *chunk)
{
    pthread_mutex_lock(&assemble->lock);
    /* Numbers in flight differ by less than the chunks in circulation, so a slot is never
     * taken twice. */
    assert(assemble->slots[chunk->number % assemble->count] == NULL);
    assemble->slots[chunk->number % assemble->count] = chunk;
    pthread_cond_signal(&assemble->changed);
    pthread_mutex_unlock(&assemble->lock);
}

/* How many there will be is known only when the source has ended, when most are written. */
void assemble_expect(struct assemble *assemble, uint64_t chunks)
{
    pthread_mutex_lock(&assemble->lock);
    assemble->expected = chunks;
    pthread_cond_signal(&assemble->changed);
    pthread_mutex_unlock(&assemble->lock);
}

/* Nobody brings the missing chunk any more: who waits for it leaves. */
void assemble_stop(struct assemble *assemble)
{
    pthread_mutex_lock(&assemble->lock);
    assemble->stopped = true;
    pthread_cond_signal(&assemble->changed);
    pthread_mutex_unlock(&assemble->lock);
}

/* The next chunk of the order. NULL when all are through, or when stopped. */
static struct chunk *take_next(struct assemble *assemble, bool *stopped)
{
    /* `next` is this thread's alone; the slot it leads to is shared. */
    struct chunk **slot = &assemble->slots[assemble->next % assemble->count];
    pthread_mutex_lock(&assemble->lock);
    while (!assemble->stopped && *slot == NULL && assemble->next < assemble->expected)
        pthread_cond_wait(&assemble->changed, &assemble->lock);
    *stopped = assemble->stopped;
    struct chunk *chunk = *stopped ? NULL : *slot;
    if (chunk != NULL)
        *slot = NULL;
    pthread_mutex_unlock(&assemble->lock);
    return chunk;
}

/* One chunk at the place in the object where it belongs. */
static int write_chunk(struct assemble *assemble, const struct chunk *chunk,
                       struct err *err)
{
    /* The same for all chunks of a stream, and known only from the first. */
    assemble->is_plain = chunk->encoded == NULL;
    const unsigned char *data = assemble->is_plain ? chunk->raw : chunk->encoded;
    size_t size = assemble->is_plain ? chunk->raw_size : chunk->encoded_size;

    /* A sink that never blocks would not notice. */
    if (cancel_check(assemble->cancel, err) < 0)
        return -1;
    /* Here and not where the bytes are read: this is the first place that knows their
     * order. Bytes that are stored as they are need one hash only. */
    if (assemble->of_chunks)
        digest_add(&assemble->raw, chunk->raw_sha256, SHA256_SIZE);
    else if (!assemble->is_plain)
        digest_add(&assemble->raw, chunk->raw, chunk->raw_size);
    digest_add(&assemble->stored, data, size);
    if (stream_sink_write(&assemble->sink, data, size, err) != 0)
        return -1;
    if (assemble->meter != NULL)
        atomic_fetch_add(&assemble->meter->stored_bytes, size);
    /* Only what the sink has taken is indexed. */
    if (index_writer_add(assemble->index, chunk, size, err) < 0)
        return -1;
    assemble->raw_bytes += chunk->raw_size;
    assemble->stored_bytes += size;
    return 0;
}

int assemble_run(struct assemble *assemble, struct err *err)
{
    bool stopped = false;
    struct chunk *chunk;
    /* The sink's pace is the stream's: while it takes a chunk no other becomes idle. */
    while ((chunk = take_next(assemble, &stopped)) != NULL) {
        int result = write_chunk(assemble, chunk, err);
        /* Also of a failed one: its number is gone, and its buffers go back to the
         * others. */
        assemble->next++;
        /* Drops the table as well, whose names might otherwise outlive their use by a whole
         * round. */
        chunk_reset(chunk);
        if (!chan_push(assemble->idle, chunk))
            stopped = true;
        if (result < 0)
            return -1;
    }
    return stopped ? 1 : 0;
}

/* Both digests end here: they cannot be asked twice. */
void assemble_sums(struct assemble *assemble, struct stream_result *out)
{
    out->raw_bytes = assemble->raw_bytes;
    out->stored_bytes = assemble->stored_bytes;
    out->raw_of_chunks = assemble->of_chunks;
    digest_finish(&assemble->stored, out->stored_sha256);
    if (assemble->is_plain && !assemble->of_chunks)
        memcpy(out->raw_sha256, out->stored_sha256, SHA256_SIZE);
    else
        digest_finish(&assemble->raw, out->raw_sha256);
}

void assemble_release(struct assemble *assemble)
{
    /* Never initialised: whoever makes a stream may fail before it comes to this. */
    if (assemble->slots == NULL)
        return;
    pthread_cond_destroy(&assemble->changed);
    pthread_mutex_destroy(&assemble->lock);
    free(assemble->slots);
    assemble->slots = NULL;
    digest_release(&assemble->raw);
    digest_release(&assemble->stored);
}
