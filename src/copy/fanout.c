/*
 * The part buffers are the only copy of the stored bytes. A slow store holds references to
 * them, the pool runs dry, and with it the dump waits: so the slowest store sets the pace,
 * and memory stays what was announced. A store that is too slow to be waited for is dropped
 * by its own retry budget, not here.
 */
#include "copy/fanout.h"

#include "base/digest.h"
#include "base/log.h"
#include "base/memory.h"

enum { PIECE = 1 << 20 /* of what is read back */ };

struct fanout {
    uint64_t estimate, budget;
    size_t least;
    struct fanout_target *targets;
    size_t count, capacity;
    struct store_part_rules rules; /* of all targets together */
    struct part_pool *pool;
    size_t part_size;  /* of the pool's parts now */
    struct part *part; /* being filled; NULL: none was taken yet */
    unsigned number;   /* of the next part */
    uint64_t bytes;    /* written to us */
    uint64_t *sizes;   /* of the parts handed over */
    size_t size_count, size_capacity;
    /* an object of which the target has the beginning already */
    bool is_object; /* estimate is its size */
    uint64_t skip;
    struct digest skipped;
    unsigned char skipped_sum[SHA256_SIZE]; /* after fanout_end */
};

struct fanout *fanout_new(uint64_t estimate, uint64_t budget, size_t least)
{
    /* Nothing is allocated yet that is large: part sizes are known only when all stores
     * are. */
    struct fanout *fanout = memory_zalloc(sizeof *fanout);
    fanout->estimate = estimate;
    fanout->budget = budget;
    fanout->least = least;
    fanout->number = 1;
    return fanout;
}

struct fanout *fanout_new_object(uint64_t size, uint64_t budget,
                                 const struct fanout_there *there)
{
    struct fanout *fanout = fanout_new(size, budget, 1);
    /* Its size is known, so parts can be cut to fit, and one byte more or less is damage */
    fanout->is_object = true;
    fanout->skip = there->bytes;
    fanout->number = there->next_part;
    digest_init(&fanout->skipped, DIGEST_SHA256);
    return fanout;
}

void fanout_add(struct fanout *fanout, const struct fanout_target *target)
{
    memory_grow(&fanout->targets, &fanout->capacity, fanout->count + 1,
                sizeof *fanout->targets);
    fanout->targets[fanout->count] = *target;
    /* One that is away from the start stands in the list too: the catalog has a row for it */
    fanout->targets[fanout->count++].began = target->upload != NULL;
    if (target->upload == NULL)
        return;
    /* Every store gets the same parts, so the strictest of their rules hold. */
    struct store_part_rules rules = store_part_rules(target->store);
    fanout->rules =
        fanout_alive(fanout) == 1 ? rules : store_parts_merge(fanout->rules, rules);
}

/* Parts in flight are what memory is spent on: as many as the budget holds, two at least so
 * that one fills while one is sent. */
static size_t parts_for(const struct fanout *fanout, size_t part_size)
{
    uint64_t count = fanout->budget / part_size;
    if (count < FANOUT_PARTS_MIN)
        return FANOUT_PARTS_MIN;
    return count > FANOUT_PARTS_MAX ? FANOUT_PARTS_MAX : (size_t)count;
}

/* What the schedule says for the next part; a stream is never cut to fit. */
static int next_part_size(const struct fanout *fanout, size_t *size, struct err *err)
{
    /* Small parts first, larger ones later, so that small backups take little memory and
     * large ones fit the limit of parts. */
    uint64_t wanted = store_parts_size(&fanout->rules, fanout->estimate, fanout->number);
    *size = (size_t)wanted;
    if (wanted > 0)
        return 0;
    if (fanout->is_object)
        return err_set(err, ERR_STORE, "%llu bytes do not fit into %u parts",
                       (unsigned long long)fanout->estimate, fanout->rules.max_parts);
    char held[32];
    text_size(held, fanout->bytes);
    err_set(err, ERR_STORE,
            "the backup is larger than %u parts can hold: %s were sent and it goes on",
            fanout->rules.max_parts, held);
    return err_hint(err, "a store's max_parts or provider limits it; the upload is undone");
}

int fanout_start(struct fanout *fanout, const struct cancel *cancel, struct err *err)
{
    /* Too few stores before the first byte: no dump need be begun for that. */
    if (fanout_alive(fanout) < fanout->least)
        return fanout_too_few(fanout, err);
    if (next_part_size(fanout, &fanout->part_size, err) < 0)
        return -1;
    fanout->pool =
        part_pool_new(parts_for(fanout, fanout->part_size), fanout->part_size, cancel, err);
    return fanout->pool ? 0 : -1;
}

/* Told before the start (PRODUCT: bounded memory known before). */
uint64_t fanout_memory(const struct fanout *fanout)
{
    return (uint64_t)parts_for(fanout, fanout->part_size) * fanout->part_size;
}

/* The next buffer to fill, of the size that the schedule says for its number. */
static int open_part(struct fanout *fanout, struct err *err)
{
    size_t size = 0;
    if (next_part_size(fanout, &size, err) < 0)
        return -1;
    /* The schedule grows: buffers that are idle are made anew, those on their way keep
     * their size. */
    if (size != fanout->part_size)
        part_pool_resize(fanout->pool, parts_for(fanout, size), size);
    fanout->part_size = size;
    fanout->part = part_pool_get(fanout->pool, err);
    if (fanout->part == NULL)
        return -1;
    /* The order of part numbers is the order of bytes, whatever order they arrive in. */
    fanout->part->number = fanout->number++;
    fanout->part->offset = fanout->bytes;
    return 0;
}

void fanout_undo(struct fanout *fanout, size_t index, const struct err *why)
{
    struct fanout_target *target = &fanout->targets[index];
    /* The reason outlives the upload: it is what the run ends with when too few are left */
    target->failed = *why;
    target->undone = store_upload_discard(target->upload);
    target->upload = NULL;
}

void fanout_drop(struct fanout *fanout, size_t index, const struct err *why)
{
    /* The store's name is in the text already. A lone one is told by what ends the run. */
    if (fanout->count > 1)
        log_warning("left out: %s", why->text);
    fanout_undo(fanout, index, why);
}

/* One step of every living upload: this part of it (NULL: the wait for all of them). A store
 * that fails is dropped; a cancel is no fault of the store's, and ends all. */
static int each_upload(struct fanout *fanout, struct part *part, struct err *err)
{
    for (size_t i = 0; i < fanout->count; i++) {
        struct store_upload *upload = fanout->targets[i].upload;
        struct err why = {0};
        if (upload == NULL || (part ? store_upload_part(upload, part, &why)
                                    : store_upload_wait(upload, &why)) == 0)
            continue;
        if (why.kind == ERR_CANCELLED) {
            *err = why;
            return -1;
        }
        fanout_drop(fanout, i, &why);
    }
    return fanout_alive(fanout) < fanout->least ? fanout_too_few(fanout, err) : 0;
}

/* Each upload takes a reference of its own, so ours ends here. */
static int hand_over(struct fanout *fanout, bool last, struct err *err)
{
    struct part *part = fanout->part;
    fanout->part = NULL;
    part->last = last;
    /* The manifest names the parts: from them MD5 and ETag of the object follow. */
    memory_grow(&fanout->sizes, &fanout->size_capacity, fanout->size_count + 1,
                sizeof *fanout->sizes);
    fanout->sizes[fanout->size_count++] = part->size;
    int result = each_upload(fanout, part, err);
    part_release(part);
    return result;
}

int fanout_write(void *context, const void *data, size_t size, struct err *err)
{
    struct fanout *fanout = context;
    const unsigned char *from = data;
    if (fanout->is_object && fanout->bytes + size > fanout->estimate)
        return err_set(err, ERR_CORRUPT, "more than %llu bytes come from the source",
                       (unsigned long long)fanout->estimate);
    /* What is there already is not sent again, only hashed, to be held against it later. */
    if (fanout->bytes < fanout->skip) {
        uint64_t left = fanout->skip - fanout->bytes;
        size_t now = size < left ? size : (size_t)left;
        digest_add(&fanout->skipped, from, now);
        fanout->bytes += now;
        from += now;
        size -= now;
    }
    while (size > 0) {
        /* A full part is kept until more comes: only then is it surely not the last. */
        bool full = fanout->part != NULL && fanout->part->size == fanout->part_size;
        if (full && hand_over(fanout, false, err) < 0)
            return -1;
        if (fanout->part == NULL && open_part(fanout, err) < 0)
            return -1;
        struct part *part = fanout->part;
        /* The only copy of the bytes that is made, however many stores take them. */
        size_t room = fanout->part_size - part->size;
        size_t now = size < room ? size : room;
        memcpy(part->data + part->size, from, now);
        part->size += now;
        fanout->bytes += now;
        from += now;
        size -= now;
    }
    return 0;
}

/* Nothing is visible yet: that is commit's, once the source has ended well. */
int fanout_end(struct fanout *fanout, struct err *err)
{
    if (fanout->is_object) {
        digest_finish(&fanout->skipped, fanout->skipped_sum);
        if (fanout->bytes != fanout->estimate)
            return err_set(err, ERR_CORRUPT, "%llu of %llu bytes came from the source",
                           (unsigned long long)fanout->bytes,
                           (unsigned long long)fanout->estimate);
    }
    /* Without a byte it is one empty part; where all of it was there, none. */
    if (fanout->bytes == 0 && open_part(fanout, err) < 0)
        return -1;
    if (fanout->part != NULL && hand_over(fanout, true, err) < 0)
        return -1;
    return each_upload(fanout, NULL, err);
}

int fanout_check_skipped(const struct fanout *fanout, const char *key, struct err *err)
{
    /* An object has one target; what an earlier try sent there was never compared with
     * anything. */
    struct store *store = fanout->targets[0].store;
    unsigned char sum[SHA256_SIZE];
    struct digest digest;
    ssize_t received = -1;
    if (fanout->skip == 0)
        return 0;
    unsigned char *piece = memory_try(PIECE, err);
    struct store_download *download =
        piece ? store_download_begin(store, key, 0, fanout->skip, err) : NULL;
    digest_init(&digest, DIGEST_SHA256);
    /* Read in full: a size that fits says nothing about the bytes. */
    while (download && (received = store_download_read(download, piece, PIECE, err)) > 0)
        digest_add(&digest, piece, (size_t)received);
    digest_finish(&digest, sum);
    store_download_free(download);
    free(piece);
    if (received < 0)
        return -1;
    if (memcmp(sum, fanout->skipped_sum, sizeof sum) == 0)
        return 0;
    return err_set(
        err, ERR_CORRUPT,
        "store \"%s\": the %llu bytes that an earlier try had left are not those "
        "of the backup",
        store_name(store), (unsigned long long)fanout->skip);
}

uint64_t fanout_bytes(const struct fanout *fanout)
{
    return fanout->bytes;
}

size_t fanout_part_count(const struct fanout *fanout)
{
    return fanout->size_count;
}

uint64_t fanout_part_bytes(const struct fanout *fanout, size_t index)
{
    return fanout->sizes[index];
}

size_t fanout_alive(const struct fanout *fanout)
{
    /* Counted anew each time: there are a handful, and no figure can go stale. */
    size_t alive = 0;
    for (size_t i = 0; i < fanout->count; i++)
        alive += fanout->targets[i].upload != NULL;
    return alive;
}

size_t fanout_count(const struct fanout *fanout)
{
    return fanout->count;
}

struct fanout_target *fanout_target(struct fanout *fanout, size_t index)
{
    return &fanout->targets[index];
}

int fanout_too_few(const struct fanout *fanout, struct err *err)
{
    /* Who was interrupted wants to hear that, whatever was wrong with a store before. */
    const struct err *first = NULL;
    for (size_t i = 0; i < fanout->count; i++) {
        const struct err *failed = &fanout->targets[i].failed;
        if (failed->kind != ERR_NONE && (first == NULL || (failed->kind == ERR_CANCELLED &&
                                                           first->kind != ERR_CANCELLED)))
            first = failed;
    }
    if (first == NULL)
        return err_set(err, ERR_STORE, "there are fewer stores than min_copies asks for");
    *err = *first;
    /* With some left it takes a word on why they are not enough. */
    if (fanout_alive(fanout) == 0 || err->kind == ERR_CANCELLED)
        return -1;
    return err_context(err, "%zu of %zu stores are left, min_copies is %zu",
                       fanout_alive(fanout), fanout->count, fanout->least);
}

void fanout_free(struct fanout *fanout)
{
    if (fanout == NULL)
        return;
    /* The uploads first: parts on their way come back to the pool. */
    part_release(fanout->part);
    for (size_t i = 0; i < fanout->count; i++)
        store_upload_free(fanout->targets[i].upload);
    part_pool_free(fanout->pool);
    digest_release(&fanout->skipped);
    free(fanout->targets);
    free(fanout->sizes);
    free(fanout);
}
