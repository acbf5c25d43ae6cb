#include "repository/repository_object.h"

#include "repository/keys.h"
#include "base/memory.h"

/* Absent is an answer, damaged an error: recovery and sync need the first, everybody the
 * second. */
int repository_read_manifest(struct store *store, const char *id,
                             struct repository_manifest *out, struct err *err)
{
    char *key = keys_manifest(id);
    *out = (struct repository_manifest){0};
    /* The bytes are kept beside what was read: copy writes the very same ones elsewhere. */
    text_init(&out->text, MANIFEST_CEILING);
    int result = store_get(store, key, &out->text, &out->absent, err);
    if (result == 0 && !out->absent &&
        manifest_parse(out->text.data, out->text.length, id, &out->manifest, err) < 0) {
        result = err_context(err, "%s", key);
        out->absent = true; /* so that nothing is read or released of what was not parsed */
    }
    free(key);
    if (result < 0)
        out->absent = true;
    return result;
}

/* For whoever would do nothing without it. */
int repository_require_manifest(struct store *store, const char *id,
                                struct repository_manifest *out, struct err *err)
{
    if (repository_read_manifest(store, id, out, err) < 0)
        return -1;
    if (!out->absent)
        return 0;
    char *key = keys_manifest(id);
    err_set(err, ERR_NOT_FOUND, "store \"%s\": the manifest is missing: %s",
            store_name(store), key);
    free(key);
    return -1;
}

void repository_manifest_release(struct repository_manifest *manifest)
{
    if (!manifest->absent)
        manifest_release(&manifest->manifest);
    text_release(&manifest->text);
    manifest->absent = true;
}

/* A failure says nothing about the object; only a clear answer does. */
int repository_object_exists(struct store *store, const char *key, bool *exists,
                             uint64_t *size, struct err *err)
{
    struct store_object object = {0};
    bool absent = true;
    int result = store_stat(store, key, &object, &absent, err);
    /* After an error nothing may read as there, or as gone: the caller looks at the result */
    *exists = result == 0 && !absent;
    if (size != NULL)
        *size = *exists ? object.size : 0;
    store_object_release(&object);
    return result;
}

int repository_manifest_exists(struct store *store, const char *id, bool *exists,
                               struct err *err)
{
    char *key = keys_manifest(id);
    int result = repository_object_exists(store, key, exists, NULL, err);
    free(key);
    return result;
}

/* For removals that have nobody to come back later: what stays is an error here. */
int repository_remove_object(struct store *store, const char *key, struct err *err)
{
    struct store_removed removed = {0};
    if (key == NULL)
        return 0;
    if (store_remove(store, key, &removed, err) < 0)
        return -1;
    /* Also what was not there: repeating a removal is harmless. */
    if (removed.result == STORE_GONE)
        return 0;
    /* Locked or refused: the caller has nothing to wait with, so it is an error. */
    return err_set(err, ERR_STORE, "store \"%s\": %s cannot be removed: %s",
                   store_name(store), key, removed.reason);
}

/* ---- unfinished uploads ---- */

/* What a listing of open uploads is held against. */
struct aborting {
    struct store *store;
    const char *id, *key, *keep;
};

/* An upload under this very key, or a folder's temp file of this very artifact. */
static int abort_one(void *context, const struct store_pending *pending, struct err *err)
{
    const struct aborting *aborting = context;
    char id[ULID_SIZE];
    bool temp =
        keys_parse(pending->key, id) == KEYS_KIND_TEMP && strcmp(id, aborting->id) == 0;
    if (!temp && strcmp(pending->key, aborting->key) != 0)
        return 0;
    /* The one that is going to be resumed. */
    if (aborting->keep != NULL && strcmp(pending->handle, aborting->keep) == 0)
        return 0;
    return store_abort_pending(aborting->store, pending->key, pending->handle, err);
}

/* Also of a crash in the moment between its begin and our writing down its handle. */
int repository_abort_unfinished(struct store *store, const char *id, const char *key,
                                const char *keep, struct err *err)
{
    struct aborting aborting = {store, id, key, keep};
    /* A bucket lists uploads by their key. */
    if (!store_is_dir(store))
        return store_list_pending(store, key, abort_one, &aborting, err);
    /* A folder's temp files lie beside what they become, under names of their own: those of the
     * data and of the manifest. */
    char *manifest = keys_manifest(id);
    /* The index lies beside the data, so its folder is looked through already. */
    const char *const keys[] = {key, manifest};
    int result = 0;
    for (size_t i = 0; result == 0 && i < sizeof keys / sizeof *keys; i++) {
        const char *slash = strrchr(keys[i], '/');
        char *folder =
            memory_strndup(keys[i], slash != NULL ? (size_t)(slash + 1 - keys[i]) : 0);
        result = store_list_pending(store, folder, abort_one, &aborting, err);
        free(folder);
    }
    free(manifest);
    return result;
}
