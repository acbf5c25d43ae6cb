/*
 * Whose is an open upload? Its key says which artifact, the row of that copy who is at it.
 * What no row speaks for may be another machine's, and age is all that tells.
 */
#include "repair/sweep_steps.h"

#include "repository/keys.h"
#include "base/log.h"
#include "base/memory.h"

/* A state file's temp file is renamed within moments of its beginning. */
enum { STATE_TEMP_S = 60 };

/* Copied: what a listing hands out is gone when it ends, and nothing is aborted within one */
struct found {
    char *key, *handle;
    int64_t initiated;
};
struct found_list {
    struct found *items;
    size_t count, capacity;
};

/* A service that is asked more than once (below) may list an upload more than once. */
static int collect(void *context, const struct store_pending *pending, struct err *err)
{
    struct found_list *list = context;
    (void)err;
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i].handle, pending->handle) == 0)
            return 0;
    }
    memory_grow(&list->items, &list->capacity, list->count + 1, sizeof *list->items);
    list->items[list->count++] = (struct found){.key = memory_strdup(pending->key),
                                                .handle = memory_strdup(pending->handle),
                                                .initiated = pending->initiated};
    return 0;
}

static int list_all(const struct sweep *sweep, struct found_list *list, struct err *err)
{
    struct store *store = sweep->repository->store;
    /* One listing for the whole store, where it answers that. */
    if (store_list_pending(store, "", collect, list, err) < 0)
        return -1;
    if (list->count > 0 || store_is_dir(store))
        return 0;

    /* Some services (MinIO) list the uploads of a key only when asked for exactly that key:
     * where there seem to be none, ask for those of every copy that is young enough to have
     * one. */
    struct catalog_copies copies = {0};
    struct catalog_copy_filter filter = {.store_id = sweep->repository->id,
                                         .states = (1u << CATALOG_COPY_STATES) - 1};
    int result =
        catalog_copies_list(session_catalog(sweep->spec->session), &filter, &copies, err);
    for (size_t i = 0; result == 0 && i < copies.count; i++) {
        if (copies.items[i].created >= sweep->spec->now - SWEEP_AGE_S)
            result = store_list_pending(store, copies.items[i].key, collect, list, err);
    }
    catalog_copies_release(&copies);
    return result;
}

enum found_class { FOUND_LEAVE, FOUND_ABORT, FOUND_FOREIGN };

static int classify(const struct sweep *sweep, const struct found *found,
                    enum found_class *class, struct err *err)
{
    char id[ULID_SIZE];
    struct catalog_copy copy = {0};
    enum keys_kind kind = keys_parse(found->key, id);
    *class = FOUND_LEAVE;
    /* Whatever else is being uploaded there is another program's. */
    if (kind != KEYS_KIND_DATA && kind != KEYS_KIND_TEMP)
        return 0;
    if (catalog_copy_find(session_catalog(sweep->spec->session), id, sweep->repository->id,
                          &copy, err) < 0)
        return -1;
    if (copy.id == 0 || (kind != KEYS_KIND_TEMP && strcmp(copy.key, found->key) != 0)) {
        /* No row speaks for it: age decides. A service that does not say when it began (0)
         * gives no reason to abort it. */
        bool old =
            found->initiated != 0 && found->initiated < sweep->store_now - SWEEP_AGE_S;
        *class = old ? FOUND_ABORT : FOUND_FOREIGN;
    } else {
        /* Its owner writes all of a copy; but a state file is written by whoever pins or
         * verifies, without owning the copy, and renamed within moments (a dir's temp
         * file). */
        bool fresh_state = text_starts_with(found->key, KEYS_STATE) &&
                           found->initiated > sweep->store_now - STATE_TEMP_S;
        if (copy.state != CATALOG_COPY_UPLOADING && !fresh_state)
            *class = FOUND_ABORT;
    }
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
        enum found_class class = FOUND_LEAVE;
        result = classify(sweep, found, &class, err);
        if (result < 0)
            break;
        /* What stays open keeps the orphans of this store from being looked for. */
        if (class != FOUND_ABORT) {
            ++*open;
            sweep->report->left_uploads += class == FOUND_FOREIGN;
            continue;
        }
        result =
            store_abort_pending(sweep->repository->store, found->key, found->handle, err);
        if (result < 0)
            break;
        log_info("store \"%s\": aborted an upload that nobody owns: %s",
                 sweep->repository->name, found->key);
        sweep->report->aborted++;
    }
    for (size_t i = 0; i < list.count; i++) {
        free(list.items[i].key);
        free(list.items[i].handle);
    }
    free(list.items);
    return result;
}
