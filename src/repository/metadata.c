/*
 * Thousands of small files one after the other would be minutes of waiting for answers.
 * Threads take the next index from a counter; results are handed on in order, on the
 * caller's thread, because the catalog belongs to one thread.
 */
#include "repository/metadata.h"

#include "repository/keys.h"
#include "repository/repository_object.h"
#include "base/cancel.h"
#include "base/memory.h"

#include <pthread.h>
#include <stdatomic.h>

/* Shared by the threads of one batch; all but `next`, `failed` and `err` is read only, and
 * each item is one thread's. */
struct batch {
    struct store *store;
    const struct cancel *cancel;
    struct metadata_item *items;
    size_t count;
    atomic_size_t next;
    atomic_bool failed;
    pthread_mutex_t lock; /* guards err */
    struct err err;       /* the first that ends all */
};

void metadata_wants_add(struct metadata_wants *wants, const struct metadata_want *want)
{
    memory_grow(&wants->items, &wants->capacity, wants->count + 1, sizeof *wants->items);
    wants->items[wants->count++] = *want;
}

void metadata_wants_release(struct metadata_wants *wants)
{
    free(wants->items);
    *wants = (struct metadata_wants){0};
}

/* What is wrong with one file and not with the store is told with its artifact. */
static int note_problem(struct metadata_item *item, struct err *err)
{
    if (!err_is_of_object(err->kind))
        return -1;
    item->problem = *err;
    err_clear(err);
    return 0;
}

/* Moves into the item: a batch may hold a gigabyte of them. */
static int read_manifest(struct store *store, struct metadata_item *item, struct err *err)
{
    struct repository_manifest found;
    int result = repository_read_manifest(store, item->want->id, &found, err);
    item->has_manifest = result == 0 && !found.absent;
    if (item->has_manifest) {
        /* Some are large: they are not copied. */
        item->manifest = found.manifest; /* moves */
        found.absent = true;
    }
    repository_manifest_release(&found);
    return result == 0 ? 0 : note_problem(item, err);
}

/* Absent is the normal answer: most backups were never pinned or checked. */
static int read_state(struct store *store, struct metadata_item *item, struct err *err)
{
    struct text text;
    bool absent = false;
    char *key = keys_state(item->want->id);
    text_init(&text, STATE_FILE_CEILING);
    int result = store_get(store, key, &text, &absent, err);
    if (result == 0 && !absent) {
        result =
            state_file_parse(text.data, text.length, item->want->id, &item->state, err);
        item->has_state = result == 0;
        if (result < 0)
            err_context(err, "%s", key);
    }
    text_release(&text);
    free(key);
    return result == 0 ? 0 : note_problem(item, err);
}

/* The first is told; what the others fail with follows from it, or from the same cause. */
static void fail(struct batch *batch, const struct err *err)
{
    pthread_mutex_lock(&batch->lock);
    if (batch->err.kind == ERR_NONE)
        batch->err = *err;
    pthread_mutex_unlock(&batch->lock);
    atomic_store(&batch->failed, true);
}

/* Takes the next one until none is left, or one of the threads met what ends all. */
static void *work(void *context)
{
    struct batch *batch = context;
    while (!atomic_load(&batch->failed)) {
        struct err err = {0};
        /* A counter instead of shares: one slow answer keeps nobody else from going on. */
        size_t i = atomic_fetch_add(&batch->next, 1);
        if (i >= batch->count)
            break;
        struct metadata_item *item = &batch->items[i];
        /* Between two files: a store in a folder is not ended by a cancel itself. */
        int result = cancel_check(batch->cancel, &err);
        if (result == 0 && item->want->manifest)
            result = read_manifest(batch->store, item, &err);
        if (result == 0 && item->want->state)
            result = read_state(batch->store, item, &err);
        if (result < 0)
            fail(batch, &err);
    }
    return NULL;
}

/* The calling thread works too: without any other one it only takes longer. */
static int fetch(struct batch *batch, struct err *err)
{
    /* As many requests at once as a store takes easily; small files are all waiting. */
    pthread_t threads[METADATA_THREADS];
    size_t count = 0;
    atomic_store(&batch->next, 0);
    while (count < METADATA_THREADS - 1 && count + 1 < batch->count &&
           pthread_create(&threads[count], NULL, work, batch) == 0)
        count++;
    (void)work(batch);
    for (size_t i = 0; i < count; i++)
        (void)pthread_join(threads[i], NULL);
    /* Joined, so that nobody writes err any more. */
    if (!atomic_load(&batch->failed))
        return 0;
    *err = batch->err;
    return -1;
}

/* Also of a batch that failed half way. */
static void release(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        struct metadata_item *item = &batch->items[i];
        if (item->has_manifest)
            manifest_release(&item->manifest);
        if (item->has_state)
            state_file_release(&item->state);
    }
}

/* In the order of the wants, whatever order the answers came in: the caller's transactions
 * are reproducible. */
int metadata_run(struct repository *repository, const struct metadata_wants *wants,
                 metadata_take take, void *context, struct err *err)
{
    struct batch batch = {.store = repository->store, .cancel = repository->cancel};
    int result = 0;
    pthread_mutex_init(&batch.lock, NULL);
    batch.items = memory_array(METADATA_BATCH, sizeof *batch.items);
    /* Batch after batch, so that a million manifests never lie in memory at once; what is taken
     * stands in one transaction of the taker's. */
    for (size_t from = 0; result == 0 && from < wants->count; from += METADATA_BATCH) {
        size_t left = wants->count - from;
        batch.count = left < METADATA_BATCH ? left : METADATA_BATCH;
        for (size_t i = 0; i < batch.count; i++)
            batch.items[i] = (struct metadata_item){.want = &wants->items[from + i]};
        result = fetch(&batch, err);
        if (result == 0)
            result = take(context, batch.items, batch.count, err);
        release(&batch);
    }
    free(batch.items);
    pthread_mutex_destroy(&batch.lock);
    return result;
}
