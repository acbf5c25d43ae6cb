/*
 * The part buffers are the only copy of the stored bytes. A slow store holds references to
 * them, the pool runs dry, and with it the dump waits: so the slowest store sets the pace,
 * and memory stays what was announced. A store that is too slow to be waited for is dropped
 * by its own retry budget, not here.
 */
#include "copy/fanout.h"

#include "base/log.h"
#include "base/memory.h"

struct fanout {
    uint64_t estimate, budget;
    size_t least;
    struct fanout_target *targets;
    size_t count, capacity;
    struct store_part_rules rules; /* of all targets together */
    struct part_pool *pool;
    size_t part_size;  /* of the pool's parts now */
    struct part *part; /* being filled; NULL: none was taken yet */
    unsigned number;   /* of that part */
    uint64_t bytes;
    uint64_t *sizes; /* of the parts handed over */
    size_t sizes_capacity;
};

struct fanout *fanout_new(uint64_t estimate, uint64_t budget, size_t least)
{
    struct fanout *fanout = memory_zalloc(sizeof *fanout);
    fanout->estimate = estimate;
    fanout->budget = budget;
    fanout->least = least;
    return fanout;
}

void fanout_add(struct fanout *fanout, const struct fanout_target *target)
{
    memory_grow(&fanout->targets, &fanout->capacity, fanout->count + 1,
                sizeof *fanout->targets);
    fanout->targets[fanout->count] = *target;
    fanout->targets[fanout->count++].began = target->upload != NULL;
    if (target->upload == NULL)
        return;
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

static int part_size_of(const struct fanout *fanout, unsigned number, size_t *size,
                        struct err *err)
{
    uint64_t wanted = store_parts_size(&fanout->rules, fanout->estimate, number);
    if (wanted > 0) {
        *size = (size_t)wanted;
        return 0;
    }
    char held[32];
    text_size(held, fanout->bytes);
    err_set(err, ERR_STORE,
            "the backup is larger than %u parts can hold: %s were sent and it goes on",
            fanout->rules.max_parts, held);
    err_hint(err, "a store's max_parts or provider limits it; the upload is undone");
    return -1;
}

int fanout_start(struct fanout *fanout, const struct cancel *cancel, struct err *err)
{
    if (fanout_alive(fanout) < fanout->least)
        return fanout_too_few(fanout, err);
    if (part_size_of(fanout, 1, &fanout->part_size, err) < 0)
        return -1;
    fanout->pool =
        part_pool_new(parts_for(fanout, fanout->part_size), fanout->part_size, cancel, err);
    return fanout->pool ? 0 : -1;
}

uint64_t fanout_memory(const struct fanout *fanout)
{
    return (uint64_t)parts_for(fanout, fanout->part_size) * fanout->part_size;
}

/* The next buffer to fill, of the size that the schedule says for its number. */
static int open_part(struct fanout *fanout, struct err *err)
{
    size_t size = 0;
    unsigned number = fanout->number + 1;
    if (part_size_of(fanout, number, &size, err) < 0)
        return -1;
    if (size != fanout->part_size)
        part_pool_resize(fanout->pool, parts_for(fanout, size), size);
    fanout->part_size = size;
    fanout->part = part_pool_get(fanout->pool, err);
    if (fanout->part == NULL)
        return -1;
    fanout->number = number;
    fanout->part->number = number;
    fanout->part->offset = fanout->bytes;
    return 0;
}

void fanout_undo(struct fanout *fanout, size_t index, const struct err *why)
{
    struct fanout_target *target = &fanout->targets[index];
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

/* To every living upload; each takes a reference of its own. Too few left: -1. */
static int hand_over(struct fanout *fanout, bool last, struct err *err)
{
    struct part *part = fanout->part;
    fanout->part = NULL;
    part->last = last;
    memory_grow(&fanout->sizes, &fanout->sizes_capacity, fanout->number,
                sizeof *fanout->sizes);
    fanout->sizes[fanout->number - 1] = part->size;
    for (size_t i = 0; i < fanout->count; i++) {
        struct fanout_target *target = &fanout->targets[i];
        struct err why = {0};
        if (target->upload == NULL || store_upload_part(target->upload, part, &why) == 0)
            continue;
        if (why.kind == ERR_CANCELLED) {
            *err = why;
            break;
        }
        fanout_drop(fanout, i, &why);
    }
    part_release(part);
    if (err->kind == ERR_CANCELLED)
        return -1;
    return fanout_alive(fanout) < fanout->least ? fanout_too_few(fanout, err) : 0;
}

/* A full part is kept until more comes: only then is it surely not the last. */
static int make_room(struct fanout *fanout, struct err *err)
{
    if (fanout->part != NULL && fanout->part->size < fanout->part_size)
        return 0;
    if (fanout->part != NULL && hand_over(fanout, false, err) < 0)
        return -1;
    return open_part(fanout, err);
}

int fanout_write(void *context, const void *data, size_t size, struct err *err)
{
    struct fanout *fanout = context;
    const unsigned char *from = data;
    while (size > 0) {
        if (make_room(fanout, err) < 0)
            return -1;
        struct part *part = fanout->part;
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

int fanout_end(struct fanout *fanout, struct err *err)
{
    if (fanout->part == NULL && open_part(fanout, err) < 0)
        return -1;
    if (hand_over(fanout, true, err) < 0)
        return -1;
    for (size_t i = 0; i < fanout->count; i++) {
        struct fanout_target *target = &fanout->targets[i];
        struct err why = {0};
        if (target->upload == NULL || store_upload_wait(target->upload, &why) == 0)
            continue;
        if (why.kind == ERR_CANCELLED) {
            *err = why;
            return -1;
        }
        fanout_drop(fanout, i, &why);
    }
    return fanout_alive(fanout) < fanout->least ? fanout_too_few(fanout, err) : 0;
}

uint64_t fanout_bytes(const struct fanout *fanout)
{
    return fanout->bytes;
}

size_t fanout_part_count(const struct fanout *fanout)
{
    return fanout->number;
}

uint64_t fanout_part_bytes(const struct fanout *fanout, size_t index)
{
    return fanout->sizes[index];
}

int64_t fanout_waited_ms(const struct fanout *fanout)
{
    return fanout->pool ? part_pool_waited_ms(fanout->pool) : 0;
}

size_t fanout_alive(const struct fanout *fanout)
{
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

/* Who was interrupted wants to hear that, whatever was wrong with a store before. */
int fanout_too_few(const struct fanout *fanout, struct err *err)
{
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
    if (fanout_alive(fanout) == 0 || err->kind == ERR_CANCELLED)
        return -1;
    return err_context(err, "%zu of %zu stores are left, min_copies is %zu",
                       fanout_alive(fanout), fanout->count, fanout->least);
}

void fanout_free(struct fanout *fanout)
{
    if (fanout == NULL)
        return;
    part_release(fanout->part);
    for (size_t i = 0; i < fanout->count; i++)
        store_upload_free(fanout->targets[i].upload);
    part_pool_free(fanout->pool);
    free(fanout->targets);
    free(fanout->sizes);
    free(fanout);
}
