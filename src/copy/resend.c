/*
 * What fanout.c does for many stores and a stream of unknown length, for one store and an
 * object whose size is known. The schedule of parts is the same (store_parts_size), and that
 * size is its estimate.
 */
#include "copy/resend.h"

#include "base/memory.h"

enum { PIECE = 1 << 20 };

static int size_of_part(const struct resend *resend, size_t *size, struct err *err)
{
    uint64_t wanted = store_parts_size(&resend->rules, resend->size, resend->number);
    *size = (size_t)wanted;
    if (wanted > 0)
        return 0;
    return err_set(err, ERR_STORE, "%llu bytes do not fit into %u parts",
                   (unsigned long long)resend->size, resend->rules.max_parts);
}

static size_t count_of(const struct resend *resend, size_t part_size)
{
    uint64_t count = resend->budget / part_size;
    if (count < RESEND_PARTS_MIN)
        return RESEND_PARTS_MIN;
    return count > RESEND_PARTS_MAX ? RESEND_PARTS_MAX : (size_t)count;
}

int resend_init(struct resend *resend, const struct resend_spec *spec, struct err *err)
{
    *resend = (struct resend){.upload = spec->upload,
                              .rules = store_part_rules(spec->store),
                              .size = spec->size,
                              .skip = spec->skip,
                              .number = spec->number,
                              .budget = spec->budget};
    digest_init(&resend->skipped, DIGEST_SHA256);
    if (size_of_part(resend, &resend->part_size, err) < 0)
        return -1;
    resend->pool = part_pool_new(count_of(resend, resend->part_size), resend->part_size,
                                 spec->cancel, err);
    return resend->pool != NULL ? 0 : -1;
}

static int open_part(struct resend *resend, struct err *err)
{
    size_t size = 0;
    if (size_of_part(resend, &size, err) < 0)
        return -1;
    if (size != resend->part_size)
        part_pool_resize(resend->pool, count_of(resend, size), size);
    resend->part_size = size;
    resend->part = part_pool_get(resend->pool, err);
    if (resend->part == NULL)
        return -1;
    resend->part->number = resend->number++;
    resend->part->offset = resend->seen;
    return 0;
}

static int send_part(struct resend *resend, struct err *err)
{
    struct part *part = resend->part;
    resend->part = NULL;
    /* The size is known here, so the last part need not be kept back until more comes. */
    part->last = part->offset + part->size == resend->size;
    int result = store_upload_part(resend->upload, part, err);
    part_release(part);
    return result;
}

static int fill(struct resend *resend, const unsigned char *from, size_t size,
                struct err *err)
{
    while (size > 0) {
        if (resend->part == NULL && open_part(resend, err) < 0)
            return -1;
        struct part *part = resend->part;
        size_t room = resend->part_size - part->size;
        size_t now = size < room ? size : room;
        memcpy(part->data + part->size, from, now);
        part->size += now;
        resend->seen += now;
        from += now;
        size -= now;
        if (part->size == resend->part_size && send_part(resend, err) < 0)
            return -1;
    }
    return 0;
}

int resend_write(void *context, const void *data, size_t size, struct err *err)
{
    struct resend *resend = context;
    const unsigned char *from = data;
    if (resend->seen + size > resend->size)
        return err_set(err, ERR_CORRUPT, "more than %llu bytes come from the source",
                       (unsigned long long)resend->size);
    if (resend->seen < resend->skip) {
        uint64_t left = resend->skip - resend->seen;
        size_t now = size < left ? size : (size_t)left;
        digest_add(&resend->skipped, from, now);
        resend->seen += now;
        from += now;
        size -= now;
    }
    return fill(resend, from, size, err);
}

/* An object without a byte is one empty part. */
int resend_end(struct resend *resend, struct err *err)
{
    digest_finish(&resend->skipped, resend->skipped_sum);
    if (resend->seen != resend->size)
        return err_set(err, ERR_CORRUPT, "%llu of %llu bytes came from the source",
                       (unsigned long long)resend->seen, (unsigned long long)resend->size);
    if (resend->size == 0 && resend->part == NULL && open_part(resend, err) < 0)
        return -1;
    if (resend->part != NULL && send_part(resend, err) < 0)
        return -1;
    return store_upload_wait(resend->upload, err);
}

static int hash_there(const struct resend *resend, struct store *store, const char *key,
                      unsigned char sum[SHA256_SIZE], struct err *err)
{
    struct digest digest;
    ssize_t got = -1;
    unsigned char *piece = memory_try(PIECE, err);
    struct store_download *download =
        piece ? store_download_begin(store, key, 0, resend->skip, err) : NULL;
    digest_init(&digest, DIGEST_SHA256);
    while (download && (got = store_download_read(download, piece, PIECE, err)) > 0)
        digest_add(&digest, piece, (size_t)got);
    digest_finish(&digest, sum);
    store_download_free(download);
    free(piece);
    return got < 0 ? -1 : 0;
}

int resend_check(const struct resend *resend, struct store *store, const char *key,
                 struct err *err)
{
    unsigned char sum[SHA256_SIZE];
    if (resend->skip == 0)
        return 0;
    if (hash_there(resend, store, key, sum, err) < 0)
        return -1;
    if (memcmp(sum, resend->skipped_sum, sizeof sum) == 0)
        return 0;
    return err_set(
        err, ERR_CORRUPT,
        "store \"%s\": the %llu bytes that an earlier try had left are not those "
        "of the backup",
        store_name(store), (unsigned long long)resend->skip);
}

void resend_release(struct resend *resend)
{
    part_release(resend->part);
    part_pool_free(resend->pool);
    digest_release(&resend->skipped);
    *resend = (struct resend){0};
}
