/*
 * Whose is an open upload? Its key says which artifact, the row of that copy who is at it.
 * What no row speaks for may be another machine's, and age is all that tells.
 */
#include "repair/sweep_steps.h"

#include "repository/keys.h"
#include "base/log.h"
#include "base/memory.h"

enum { STATE_TEMP_S = 60 };

struct found {
    char *key, *handle;
    int64_t initiated;
};
struct found_list {
    struct found *items;
    size_t count, capacity;
};

static void release(struct found_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].key);
        free(list->items[i].handle);
    }
    free(list->items);
}

static bool is_listed(const struct found_list *list, const char *handle)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i].handle, handle) == 0)
            return true;
    }
    return false;
}

static int collect(void *context, const struct store_pending *pending, struct err *err)
{
    struct found_list *list = context;
    (void)err;
    if (is_listed(list, pending->handle))
        return 0;
    memory_grow(&list->items, &list->capacity, list->count + 1, sizeof *list->items);
    list->items[list->count++] = (struct found){.key = memory_strdup(pending->key),
                                                .handle = memory_strdup(pending->handle),
                                                .initiated = pending->initiated};
    return 0;
}

/* Some services (MinIO) list the uploads of a key only when asked for exactly that key. */
static int list_by_key(const struct sweep *sweep, struct found_list *list, struct err *err)
{
    struct catalog_copies copies = {0};
    struct catalog_copy_filter filter = {.store_id = sweep->repository->id,
                                         .states = (1u << CATALOG_COPY_STATES) - 1};
    int result =
        catalog_copies_list(session_catalog(sweep->spec->session), &filter, &copies, err);
    for (size_t i = 0; result == 0 && i < copies.count; i++) {
        if (copies.items[i].created >= sweep->spec->now - SWEEP_AGE_S)
            result = store_list_pending(sweep->repository->store, copies.items[i].key,
                                        collect, list, err);
    }
    catalog_copies_release(&copies);
    return result;
}

static int list_all(const struct sweep *sweep, struct found_list *list, struct err *err)
{
    struct store *store = sweep->repository->store;
    if (store_list_pending(store, "", collect, list, err) < 0)
        return -1;
    if (list->count > 0 || store_is_dir(store))
        return 0;
    return list_by_key(sweep, list, err);
}

enum judgement { JUDGE_LEAVE, JUDGE_ABORT, JUDGE_FOREIGN };

/* Its owner writes all of a copy; but a state file is written by whoever pins or verifies,
 * without owning the copy, and renamed within moments (a dir's temp file). */
static enum judgement judge_known(const struct sweep *sweep, const struct found *found,
                                  const struct catalog_copy *copy)
{
    if (copy->state == CATALOG_COPY_UPLOADING)
        return JUDGE_LEAVE;
    if (text_starts_with(found->key, KEYS_STATE) &&
        found->initiated > sweep_store_time(sweep) - STATE_TEMP_S)
        return JUDGE_LEAVE;
    return JUDGE_ABORT;
}

static int judge(const struct sweep *sweep, const struct found *found,
                 enum judgement *judgement, struct err *err)
{
    char id[ULID_SIZE];
    struct catalog_copy copy = {0};
    enum keys_kind kind = keys_parse(found->key, id);
    *judgement = JUDGE_LEAVE;
    if (kind != KEYS_KIND_DATA && kind != KEYS_KIND_TEMP)
        return 0;
    if (catalog_copy_find(session_catalog(sweep->spec->session), id, sweep->repository->id,
                          &copy, err) < 0)
        return -1;
    bool ours =
        copy.id != 0 && (kind == KEYS_KIND_TEMP || strcmp(copy.key, found->key) == 0);
    /* A service that does not say when it began (0) gives no reason to abort it. */
    bool old =
        found->initiated != 0 && found->initiated < sweep_store_time(sweep) - SWEEP_AGE_S;
    if (ours)
        *judgement = judge_known(sweep, found, &copy);
    else
        *judgement = old ? JUDGE_ABORT : JUDGE_FOREIGN;
    catalog_copy_release(&copy);
    return 0;
}

int sweep_uploads(const struct sweep *sweep, size_t *open, struct err *err)
{
    struct found_list list = {0};
    int result = list_all(sweep, &list, err);
    *open = 0;
    for (size_t i = 0; result == 0 && i < list.count; i++) {
        const struct found *found = &list.items[i];
        enum judgement judgement = JUDGE_LEAVE;
        result = judge(sweep, found, &judgement, err);
        if (result == 0 && judgement != JUDGE_ABORT) {
            ++*open;
            sweep->report->left_uploads += judgement == JUDGE_FOREIGN;
            continue;
        }
        if (result == 0)
            result = store_abort_pending(sweep->repository->store, found->key,
                                         found->handle, err);
        if (result == 0) {
            log_info("store \"%s\": aborted an upload that nobody owns: %s",
                     sweep->repository->name, found->key);
            sweep->report->aborted++;
        }
    }
    release(&list);
    return result;
}
