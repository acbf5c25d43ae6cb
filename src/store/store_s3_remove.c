/* Removing from a bucket. Where there are versions, a plain DELETE only puts a marker on
 * top: the bytes stay and cost. So every version of exactly this key is deleted by its id,
 * markers too. */
#include "store/store_s3.h"

#include "base/memory.h"

/* A version may come between the listing and the deletes, once or twice; not for ever. */
enum { ROUNDS = 3 };

struct versions {
    struct s3_delete *items;
    size_t count, capacity;
};

static int collect(void *context, const struct s3_object *object, struct err *err)
{
    struct versions *versions = context;
    (void)err;
    memory_grow(&versions->items, &versions->capacity, versions->count + 1,
                sizeof *versions->items);
    versions->items[versions->count++] = (struct s3_delete){
        .key = memory_strdup(object->key), .version_id = memory_strdup(object->version_id)};
    return 0;
}

static void release(struct versions *versions)
{
    for (size_t i = 0; i < versions->count; i++) {
        /* Ours, only const in the struct. */
        free((void *)(uintptr_t)versions->items[i].key);
        free((void *)(uintptr_t)versions->items[i].version_id);
    }
    free(versions->items);
    *versions = (struct versions){0};
}

/* Asked once per handle. A failure is not remembered. */
static int has_versions(struct store_s3 *s3, bool *versions, struct err *err)
{
    enum s3_versioning state = S3_VERSIONING_OFF;
    pthread_mutex_lock(&s3->lock);
    bool known = s3->versioning_known;
    *versions = s3->versions;
    pthread_mutex_unlock(&s3->lock);
    if (known)
        return 0;
    if (s3_bucket_versioning(s3->client, &state, err) < 0) {
        if (err->kind != ERR_DENIED)
            return -1;
        /* We may not ask. Without knowing, only the listing of versions is honest. */
        err_clear(err);
        *versions = true;
        return 0;
    }
    pthread_mutex_lock(&s3->lock);
    s3->versioning_known = true;
    s3->versions = *versions = state != S3_VERSIONING_OFF;
    pthread_mutex_unlock(&s3->lock);
    return 0;
}

/* Until when a removal is refused: a legal hold (0) has no end, so it outlasts every date. */
static void note_lock(struct store_removed *out, int64_t until)
{
    bool first = out->result != STORE_LOCKED;
    bool hold = until == 0 || (!first && out->locked_until == 0);
    if (hold)
        out->locked_until = 0;
    else if (first || until > out->locked_until)
        out->locked_until = until;
    out->result = STORE_LOCKED;
}

/* One that nobody explains is worse than one with a date: somebody has to look at it. */
static void note(struct store_removed *out, const struct s3_delete *delete_)
{
    if (delete_->result == S3_REMOVED || out->result == STORE_REFUSED)
        return;
    if (delete_->result == S3_REFUSED)
        out->result = STORE_REFUSED;
    else
        note_lock(out, delete_->locked_until);
    snprintf(out->reason, sizeof out->reason, "%s", delete_->reason);
}

static int list_versions(struct store_s3 *s3, const char *full, struct versions *versions,
                         struct err *err)
{
    if (s3_list_versions(s3->client, full, true, collect, versions, err) == 0)
        return 0;
    if (err->kind == ERR_DENIED)
        err_context(err,
                    "removing (it needs s3:GetBucketVersioning and s3:ListBucketVersions)");
    return -1;
}

static int remove_versions(struct store_s3 *s3, const char *full, struct store_removed *out,
                           struct err *err)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct versions versions = {0};
        int result = list_versions(s3, full, &versions, err);
        size_t count = versions.count;
        out->result = STORE_GONE;
        for (size_t i = 0; result == 0 && i < count; i++) {
            result = s3_delete(s3->client, &versions.items[i], err);
            if (result == 0)
                note(out, &versions.items[i]);
        }
        release(&versions);
        if (result < 0 || count == 0 || out->result != STORE_GONE)
            return result;
    }
    return err_set(err, ERR_TRANSIENT, "%s: new versions come while it is being removed",
                   full);
}

int store_s3_remove(struct store *store, const char *key, struct store_removed *out,
                    struct err *err)
{
    struct store_s3 *s3 = (struct store_s3 *)store;
    bool versions = false;
    if (has_versions(s3, &versions, err) < 0)
        return -1;
    char *full = store_s3_key(s3, key);
    struct s3_delete delete_ = {.key = full};
    int result = versions ? remove_versions(s3, full, out, err)
                          : s3_delete(s3->client, &delete_, err);
    if (result == 0 && !versions) {
        out->result = STORE_GONE;
        note(out, &delete_);
    }
    free(full);
    return result;
}
