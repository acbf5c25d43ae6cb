/*
 * A bucket, or what lies in it under a prefix, as a store. Whatever is hard about S3
 * (retries, parts, answers that lie, the prefix) is in s3/; what is added here is the way of
 * saying "absent", what a conditional PUT means when it is repeated, the token of an upload,
 * and removing with all versions.
 */
#include "store/store_s3.h"

#include "base/clock.h"
#include "base/memory.h"
#include "s3/s3.h"

#include <pthread.h>

/* A version may come between the listing and the deletes, once or twice; not for ever. */
enum { REMOVE_ROUNDS = 3 };

/* The mark that a check has read serves one store_get of it that follows within this
 * time. */
enum { MARK_FRESH_MS = 5000, MARK_CEILING = 64 << 10 };

struct store_s3 {
    struct store store;
    struct s3_client *client;
    pthread_mutex_t lock; /* guards what follows */
    bool versioning_known;
    bool versions;         /* the bucket has, or has had, versions */
    char *mark;            /* NULL: there was none */
    int64_t mark_at_ms;    /* when it was read; 0: it is not to be used */
    struct strlist absent; /* keys that a look ahead has found free */
};

static struct s3_client *client_of(const struct store *store)
{
    return ((const struct store_s3 *)store)->client;
}

/* ---- the handle ---- */

static const struct store_ops s3_ops;

/* Takes the client, also that of a cleaner, which is one of its own. */
static struct store *new_handle(const char *name, struct s3_client *client)
{
    struct store_s3 *s3 = memory_zalloc(sizeof *s3);
    s3->store.ops = &s3_ops;
    s3->store.name = memory_strdup(name);
    s3->client = client;
    pthread_mutex_init(&s3->lock, NULL);
    return &s3->store;
}

static void close_s3(struct store *store)
{
    struct store_s3 *s3 = (struct store_s3 *)store;
    s3_client_free(s3->client);
    free(s3->mark);
    strlist_release(&s3->absent);
    pthread_mutex_destroy(&s3->lock);
    free(store->name);
    free(s3);
}

static void set_retry_time(struct store *store, int64_t retry_time_ms)
{
    s3_client_set_retry_time(client_of(store), retry_time_ms);
}

/* Shares connections and credentials with the first: only what is patient about it
 * differs. */
static struct store *cleaner(struct store *store)
{
    const struct s3_call call = {.cleaning = true};
    return new_handle(store->name, s3_client_with(client_of(store), &call));
}

/* A bucket is never made here: it would be the wrong region, rights and rules. What is
 * asked for is the mark: it answers all that the bucket's head would, in words of its
 * own, and whoever checks a store reads its mark next. */
static int check(struct store *store, bool create, int64_t timeout_ms, struct err *err)
{
    struct store_s3 *s3 = (struct store_s3 *)store;
    /* A handle of its own, because other threads may be in patient calls of this one. */
    const struct s3_call call = {.retry_time_ms = timeout_ms};
    struct s3_client *bounded = s3_client_with(s3->client, &call);
    struct text mark;
    bool absent = false;
    (void)create;
    text_init(&mark, MARK_CEILING);
    int result = s3_get(bounded, STORE_MARK_KEY, &mark, &absent, err);
    /* Keys that may not read: whether the bucket is there can still be told, and what is
     * lacking is for whoever reads next to say. */
    if (result < 0 && err->kind == ERR_DENIED) {
        result = s3_bucket_check(bounded, err);
        s3_client_free(bounded);
        text_release(&mark);
        return result;
    }
    s3_client_free(bounded);
    /* A damaged one is a matter of store_identify, not of whether the store is there. */
    if (result < 0 && (mark.overflowed || err->kind == ERR_CORRUPT)) {
        err_clear(err);
        text_release(&mark);
        return 0;
    }
    /* Kept for the store_get of whoever asks next whose it is: one request instead of
     * two. */
    if (result == 0) {
        pthread_mutex_lock(&s3->lock);
        memory_take(&s3->mark, absent ? NULL : text_take(&mark));
        s3->mark_at_ms = clock_monotonic_ms();
        pthread_mutex_unlock(&s3->lock);
    }
    text_release(&mark);
    return result;
}

/* False: it has to be asked for. */
static bool take_mark(struct store_s3 *s3, struct text *out, bool *absent)
{
    pthread_mutex_lock(&s3->lock);
    /* That there was none may be another machine's mark by now: it is asked for again. */
    bool fresh = s3->mark != NULL && s3->mark_at_ms != 0 &&
                 clock_monotonic_ms() - s3->mark_at_ms < MARK_FRESH_MS;
    if (fresh) {
        *absent = false;
        text_add(out, s3->mark);
    }
    /* Once: who asks a second time wants to know how it is now. */
    s3->mark_at_ms = 0;
    pthread_mutex_unlock(&s3->lock);
    return fresh;
}

/* By the client, which knows what a broken connection had taken. */
static struct store_traffic traffic(const struct store *store)
{
    struct s3_sent sent = s3_client_sent(client_of(store));
    return (struct store_traffic){.uploaded = sent.arrived, .repeated = sent.lost};
}

/* By the Date header of its answers: guard G4 of retention asks for it. */
static int64_t clock_offset(struct store *store, bool *known)
{
    return s3_client_clock_offset(client_of(store), known);
}

static struct store_part_rules part_rules(const struct store *store)
{
    struct s3_part_rules rules = s3_client_part_rules(client_of(store));
    return (struct store_part_rules){.min_size = rules.min_size,
                                     .max_size = rules.max_size,
                                     .max_parts = rules.max_parts,
                                     .uniform = rules.uniform};
}

static char *presign(struct store *store, const char *key, int64_t seconds,
                     int64_t *expires, struct err *err)
{
    return s3_presign(client_of(store), key, seconds, expires, err);
}

/* ---- small objects ---- */

/* By the ending alone. Never Content-Encoding: a client that unpacks by itself would
 * hand out other bytes than the manifest's hash is of (CONTRACT-NOTES 15). */
static const char *content_type_of(const char *key)
{
    static const struct {
        const char *suffix, *type;
    } types[] = {
        {".json", "application/json"},
        {".gz", "application/gzip"},
        {".md", "text/markdown; charset=utf-8"},
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (text_ends_with(key, types[i].suffix))
            return types[i].type;
    }
    return "application/octet-stream";
}

/* A key that is there although nobody but us makes such keys: mostly our own PUT, whose
 * answer was lost before it was repeated. Then it has our bytes. */
static int resolve_existing(struct s3_client *client, const struct s3_put *put,
                            struct err *err)
{
    struct text there;
    bool absent = false;
    /* No more than we wrote: what is larger is not ours. */
    text_init(&there, put->size);
    int result = s3_get(client, put->key, &there, &absent, err);
    /* A hash would not do: the ETag of a PUT is none with some providers and
     * encryptions. */
    bool same = !absent && !there.overflowed && there.length == put->size &&
                memcmp(there.data, put->data, put->size) == 0;
    if (same)
        result = 0;
    else if (result == 0 || there.overflowed)
        result = err_set(err, ERR_STORE, "%s exists already", put->key);
    text_release(&there);
    return result;
}

/* Nobody but us makes keys with our ids, so what was free stays free until we write it. */
static void look_ahead(struct store *store, const char *key, int64_t timeout_ms)
{
    struct store_s3 *s3 = (struct store_s3 *)store;
    const struct s3_call call = {.retry_time_ms = timeout_ms};
    struct s3_client *bounded = s3_client_with(s3->client, &call);
    bool is_free = s3_put_look(bounded, key);
    s3_client_free(bounded);
    if (!is_free)
        return;
    pthread_mutex_lock(&s3->lock);
    strlist_add(&s3->absent, key);
    pthread_mutex_unlock(&s3->lock);
}

static int put(struct store *store, const struct store_put *object, struct err *err)
{
    struct store_s3 *s3 = (struct store_s3 *)store;
    pthread_mutex_lock(&s3->lock);
    bool looked = !object->overwrite && strlist_has(&s3->absent, object->key);
    pthread_mutex_unlock(&s3->lock);
    bool existed = false;
    struct s3_put request = {.key = object->key,
                             .data = object->data,
                             .size = object->size,
                             .content_type = content_type_of(object->key),
                             .if_absent = !object->overwrite,
                             .looked = looked,
                             .existed = &existed};
    /* A provider that knows no conditions writes over it; where that matters, at the mark,
     * store_mark.c reads behind its write. */
    int result = s3_put(client_of(store), &request, err);
    return result == 0 && existed ? resolve_existing(client_of(store), &request, err)
                                  : result;
}

static int get(struct store *store, const char *key, struct text *out, bool *absent,
               struct err *err)
{
    /* The one object that a check has read already. */
    if (strcmp(key, STORE_MARK_KEY) == 0 &&
        take_mark((struct store_s3 *)store, out, absent))
        return 0;
    return s3_get(client_of(store), key, out, absent, err);
}

static int stat_key(struct store *store, const char *key, struct store_object *out,
                    bool *absent, struct err *err)
{
    struct s3_object object = {0};
    int result = s3_head(client_of(store), key, &object, absent, err);
    if (result == 0 && !*absent)
        store_s3_take_object(&object, out);
    return result;
}

/* ---- listing ---- */

/* S3's prefixes are of text: "p" lists "p2/x" as well, which no store's listing may
 * give. */
struct listing {
    const char *prefix;
    store_each each;
    store_each_pending each_pending;
    void *context;
};

/* Borrowed from the page of the listing: only for the call. */
static int emit_object(void *context, const struct s3_object *object, struct err *err)
{
    const struct listing *listing = context;
    struct store_object out = {.key = object->key,
                               .size = object->size,
                               .modified = object->modified,
                               .etag = object->etag,
                               .version = object->version_id};
    return store_prefix_matches(listing->prefix, object->key)
               ? listing->each(listing->context, &out, err)
               : 0;
}

static int list(struct store *store, const char *prefix, store_each each, void *context,
                struct err *err)
{
    struct listing listing = {.prefix = prefix, .each = each, .context = context};
    return s3_list(client_of(store), prefix, emit_object, &listing, err);
}

/* The handle is the upload id: with the key it is all that an abort needs. */
static int emit_pending(void *context, const struct s3_unfinished *pending, struct err *err)
{
    const struct listing *listing = context;
    struct store_pending out = {
        .key = pending->key, .handle = pending->upload_id, .initiated = pending->initiated};
    return store_prefix_matches(listing->prefix, pending->key)
               ? listing->each_pending(listing->context, &out, err)
               : 0;
}

static int list_pending(struct store *store, const char *prefix, store_each_pending each,
                        void *context, struct err *err)
{
    struct listing listing = {.prefix = prefix, .each_pending = each, .context = context};
    return s3_list_uploads(client_of(store), prefix, emit_pending, &listing, err);
}

/* Also of one whose owner is dead; that it is gone already is success (S3: NoSuchUpload). */
static int abort_pending(struct store *store, const char *key, const char *handle,
                         struct err *err)
{
    return s3_abort_upload(client_of(store), key, handle, err);
}

/* ---- removing ---- */

/* Where there are versions, a plain DELETE only puts a marker on top: the bytes stay and
 * cost. So every version of exactly this key is deleted by its id, markers too. */

/* "" stands for an object from before the bucket had versions, which has no id. */
static int add_version(void *context, const struct s3_object *object, struct err *err)
{
    (void)err;
    strlist_add(context, object->version_id != NULL ? object->version_id : "");
    return 0;
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
    /* Without the lock: two threads may both ask, and get the same answer. */
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

/* Joins what became of one version to what became of the key. */
static void add_result(struct store_removed *out, const struct s3_delete *deleted)
{
    /* A refusal that nobody explains is worse than one with a date: somebody has to
     * look. */
    if (deleted->result == S3_REMOVED || out->result == STORE_REFUSED)
        return;
    snprintf(out->reason, sizeof out->reason, "%s", deleted->reason);
    if (deleted->result == S3_REFUSED) {
        out->result = STORE_REFUSED;
        return;
    }
    /* A legal hold (0) has no end, so it outlasts every date. */
    int64_t until = deleted->locked_until;
    bool first = out->result != STORE_LOCKED;
    if (first || (until == 0) || (out->locked_until != 0 && until > out->locked_until))
        out->locked_until = until;
    out->result = STORE_LOCKED;
}

static int remove_versions(struct s3_client *client, const char *key,
                           struct store_removed *out, struct err *err)
{
    for (unsigned round = 0; round < REMOVE_ROUNDS; round++) {
        struct strlist versions = {0};
        int result = s3_list_key_versions(client, key, add_version, &versions, err);
        if (result < 0 && err->kind == ERR_DENIED)
            err_context(
                err,
                "removing (it needs s3:GetBucketVersioning and s3:ListBucketVersions)");
        /* Each by its id, and the worst of what became of them is what became of the
         * key. */
        out->result = STORE_GONE;
        for (size_t i = 0; result == 0 && i < versions.count; i++) {
            const char *id = versions.items[i];
            struct s3_delete deletion = {.key = key, .version_id = *id != '\0' ? id : NULL};
            result = s3_delete(client, &deletion, err);
            if (result == 0)
                add_result(out, &deletion);
        }
        /* Somebody may have written while we deleted: look again. */
        size_t count = versions.count;
        strlist_release(&versions);
        /* Only an empty listing shows that nothing is left. */
        if (result < 0 || count == 0 || out->result != STORE_GONE)
            return result;
    }
    return err_set(err, ERR_TRANSIENT, "%s: new versions come while it is being removed",
                   key);
}

static int remove_key(struct store *store, const char *key, struct store_removed *out,
                      struct err *err)
{
    struct store_s3 *s3 = (struct store_s3 *)store;
    struct s3_delete deletion = {.key = key};
    bool versions = false;
    if (has_versions(s3, &versions, err) < 0)
        return -1;
    /* Where there never were any, one request does what takes three. */
    if (versions)
        return remove_versions(s3->client, key, out, err);
    /* A lock refuses here too: object lock demands versions, but not every provider
     * does. */
    if (s3_delete(s3->client, &deletion, err) < 0)
        return -1;
    out->result = STORE_GONE;
    add_result(out, &deletion);
    return 0;
}

static struct s3_client *client(struct store *store)
{
    return client_of(store);
}

static const struct store_ops s3_ops = {
    .type = "s3",
    .close = close_s3,
    .check = check,
    .set_retry_time = set_retry_time,
    .cleaner = cleaner,
    .clock_offset = clock_offset,
    .traffic = traffic,
    .put = put,
    .look_ahead = look_ahead,
    .get = get,
    .stat = stat_key,
    .list = list,
    .remove = remove_key,
    .upload_begin = store_s3_upload_begin,
    .upload_resume = store_s3_upload_resume,
    .upload_part = store_s3_upload_part,
    .upload_wait = store_s3_upload_wait,
    .upload_finish = store_s3_upload_finish,
    .upload_discard = store_s3_upload_discard,
    .list_pending = list_pending,
    .abort_pending = abort_pending,
    .download_begin = store_s3_download_begin,
    .download_size = store_s3_download_size,
    .download_read = store_s3_download_read,
    .download_free = store_s3_download_free,
    .part_rules = part_rules,
    .presign = presign,
    .s3_client = client,
};

struct store *store_open_s3(const char *name, const struct s3_config *config,
                            struct err *err)
{
    struct s3_client *made = s3_client_new(config, err);
    /* The prefix stands before every key, so that the same is asked of it. */
    if (made != NULL && store_check_key(s3_client_prefix(made), true, err) < 0) {
        s3_client_free(made);
        made = NULL;
    }
    if (made == NULL) {
        err_context(err, "store \"%s\"", name);
        return NULL;
    }
    return new_handle(name, made);
}
