/*
 * A chunk is held back in memory until its hash was right: psql acts on what it reads, so
 * bytes that turn out wrong a moment later would be in the database already.
 *
 * The index may be forged or damaged like anything else in a store: the size of a chunk is
 * bounded before memory is asked for it.
 */
#include "copy/chunk_check.h"

#include "base/memory.h"
#include "copy/copy_index.h"
#include "stream/index.h"

/* One chunk at a time; the index is read line by line beside it. */
struct chunk_check {
    struct index_reader *reader;
    struct stream_sink sink;
    unsigned char *buffer; /* the chunk so far */
    size_t capacity, filled;
    size_t wanted; /* of the current chunk; 0: none is open */
    unsigned char sha256[SHA256_SIZE];
    struct digest all;    /* of the digests of the chunks */
    uint64_t number;      /* of the current chunk, from 1 */
    uint64_t stored_from; /* where it begins in the stored object */
};

int chunk_check_index(const struct text *index_gz, uint64_t raw_bytes, struct err *err)
{
    struct index_entry entry = {0};
    struct index_reader *reader = index_reader_new(index_gz->data, index_gz->length, err);
    uint64_t end = 0;
    int got = reader ? 1 : -1;
    while (got == 1 && (got = index_reader_next(reader, &entry, err)) == 1) {
        end = entry.raw.to;
        index_entry_release(&entry);
    }
    index_reader_free(reader);
    if (got == 0 && end != raw_bytes)
        got = err_set(err, ERR_CORRUPT, "that of %llu bytes, not %llu",
                      (unsigned long long)end, (unsigned long long)raw_bytes);
    return got;
}

struct chunk_check *chunk_check_new(const void *index_gz, size_t size,
                                    struct stream_sink sink, struct err *err)
{
    /* It was read to its end already: what is wrong from here on is the data. */
    struct index_reader *reader = index_reader_new(index_gz, size, err);
    if (reader == NULL)
        return NULL;
    struct chunk_check *check = memory_zalloc(sizeof *check);
    check->reader = reader;
    check->sink = sink;
    digest_init(&check->all, DIGEST_SHA256);
    return check;
}

/* 1: a chunk is open; 0: the index has no more. Chunks without bytes are passed over. */
static int open_chunk(struct chunk_check *check, struct err *err)
{
    struct index_entry entry = {0};
    int got = 1;
    while (got == 1 && check->wanted == 0) {
        got = index_reader_next(check->reader, &entry, err);
        if (got != 1)
            break;
        const struct index_range raw = entry.raw;
        uint64_t size = raw.to - raw.from;
        /* What the chunk should be stays here; the line of the index is gone before it is
         * whole. */
        memcpy(check->sha256, entry.sha256, SHA256_SIZE);
        digest_add(&check->all, entry.sha256, SHA256_SIZE);
        check->stored_from = entry.stored.from;
        index_entry_release(&entry);
        check->number++;
        if (copy_index_check_chunk(&raw, err) < 0)
            return -1;
        /* Chunks are of about one size: after the first few nothing is allocated any more. */
        if (size > check->capacity) {
            free(check->buffer);
            check->buffer = memory_try((size_t)size, err);
            check->capacity = check->buffer != NULL ? (size_t)size : 0;
        }
        if (check->buffer == NULL && size > 0)
            return -1;
        check->wanted = (size_t)size;
        check->filled = 0;
    }
    return got;
}

/* The one place where bytes leave: whole, and right. */
static int pass_on(struct chunk_check *check, struct err *err)
{
    unsigned char is[SHA256_SIZE];
    digest_sha256(check->buffer, check->wanted, is);
    if (memcmp(is, check->sha256, SHA256_SIZE) != 0)
        return err_set(err, ERR_CORRUPT, "chunk %llu is not what was stored (SHA-256)",
                       (unsigned long long)check->number);
    if (stream_sink_write(&check->sink, check->buffer, check->wanted, err) != 0)
        return -1;
    check->wanted = 0;
    return 0;
}

int chunk_check_write(void *context, const void *data, size_t size, struct err *err)
{
    struct chunk_check *check = context;
    const unsigned char *from = data;
    while (size > 0) {
        int open = check->wanted > 0 ? 1 : open_chunk(check, err);
        if (open < 0)
            return -1;
        if (open == 0)
            return err_set(err, ERR_CORRUPT, "there is more than the chunk index knows");
        /* The decoder's pieces end anywhere, chunks where the index says. */
        size_t room = check->wanted - check->filled;
        size_t now = size < room ? size : room;
        memcpy(check->buffer + check->filled, from, now);
        check->filled += now;
        from += now;
        size -= now;
        if (check->filled == check->wanted && pass_on(check, err) < 0)
            return -1;
    }
    return 0;
}

/* Asked once the decoder is at its end: anything open then is lacking. */
int chunk_check_finish(struct chunk_check *check, struct err *err)
{
    int open = check->wanted > 0 ? 1 : open_chunk(check, err);
    if (open < 0)
        return -1;
    if (open == 0)
        return 0;
    return err_set(err, ERR_CORRUPT, "it ends in chunk %llu, the chunk index goes on",
                   (unsigned long long)check->number);
}

void chunk_check_sum(struct chunk_check *check, unsigned char sum[SHA256_SIZE])
{
    digest_finish(&check->all, sum);
}

bool chunk_check_rewind(struct chunk_check *check, uint64_t *number, uint64_t *stored_from)
{
    struct err ignored = {0};
    if (check->wanted == 0 && open_chunk(check, &ignored) != 1)
        return false;
    check->filled = 0;
    *number = check->number;
    *stored_from = check->stored_from;
    return true;
}

void chunk_check_free(struct chunk_check *check)
{
    if (check == NULL)
        return;
    index_reader_free(check->reader);
    digest_release(&check->all);
    free(check->buffer);
    free(check);
}
