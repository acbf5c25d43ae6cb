/*
 * Chunks are made once and circulate; a reset keeps the buffers, because giving 4 MiB back
 * to the system and getting them again costs more than filling them.
 */
#include "stream/chunk.h"

#include "base/memory.h"

#include <assert.h>

struct chunk *chunk_new(size_t raw_capacity, size_t encoded_capacity, struct err *err)
{
    struct chunk *chunk = memory_zalloc(sizeof *chunk);
    chunk->raw_capacity = raw_capacity;
    chunk->encoded_capacity = encoded_capacity;
    /* Both now, so that no chunk can fail later for want of memory. */
    chunk->raw = memory_try(raw_capacity, err);
    if (chunk->raw != NULL && encoded_capacity > 0)
        chunk->encoded = memory_try(encoded_capacity, err);
    if (chunk->raw == NULL || (encoded_capacity > 0 && chunk->encoded == NULL)) {
        chunk_free(chunk);
        return NULL;
    }
    return chunk;
}

void chunk_reset(struct chunk *chunk)
{
    /* The buffers stay, their contents too: nobody reads beyond the sizes. */
    dump_table_release(chunk->table);
    *chunk = (struct chunk){
        .raw = chunk->raw,
        .raw_capacity = chunk->raw_capacity,
        .encoded = chunk->encoded,
        .encoded_capacity = chunk->encoded_capacity,
    };
}

/* Copied once on the way in; from here to the sink a chunk is passed on by its address. */
void chunk_append(struct chunk *chunk, const void *data, size_t size)
{
    assert(size <= chunk->raw_capacity - chunk->raw_size);
    memcpy(chunk->raw + chunk->raw_size, data, size);
    chunk->raw_size += size;
}

void chunk_split(struct chunk *chunk, struct chunk *next)
{
    /* Without a border in it, a row or statement larger than a chunk, it is cut where it
     * is full. */
    size_t at = chunk->border > 0 ? chunk->border : chunk->raw_size;
    /* Rows that have ended lie in front of the border, so their count stays where it is. */
    assert(next->raw_size == 0);
    /* Which must not be taken alone then: it begins in the middle of something. */
    if (chunk->border == 0 && at > 0)
        next->flags |= CHUNK_CONTINUED;
    chunk_append(next, chunk->raw + at, chunk->raw_size - at);
    /* Its rows end where it now ends. */
    chunk->raw_size = at;
    if (chunk->data_from > at)
        chunk->data_from = at;
    if (chunk->data_to > at)
        chunk->data_to = at;
}

void chunk_free(struct chunk *chunk)
{
    if (chunk == NULL)
        return;
    dump_table_release(chunk->table);
    free(chunk->raw);
    free(chunk->encoded);
    free(chunk);
}
