/*
 * A bucket as a store. Whatever is hard about S3 (retries, parts, answers that lie) is in
 * s3/; what is left is the prefix, the way of saying "absent", and what a conditional PUT
 * means when it is repeated.
 */
#include "store/store_s3.h"

#include "base/memory.h"

/* s3.h: a retry_time_ms of 0 means this. */
#define DEFAULT_RETRY_MS (INT64_C(30) * 60 * 1000)

char *store_s3_key(const struct store_s3 *s3, const char *key)
{
    return memory_format("%s%s", s3->prefix, key);
}

const char *store_s3_relative(const struct store_s3 *s3, const char *key)
{
    return text_starts_with(key, s3->prefix) ? key + strlen(s3->prefix) : NULL;
}

const char *store_s3_content_type(const char *key)
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

void store_s3_take_object(const char *key, struct s3_object *from, struct store_object *out)
{
    *out = (struct store_object){.key = memory_strdup(key),
                                 .size = from->size,
                                 .modified = from->modified,
                                 .etag = from->etag,
                                 .version = from->version_id};
    from->etag = NULL;
    from->version_id = NULL;
    s3_object_release(from);
}

static void close_s3(struct store *store)
{
    struct store_s3 *s3 = (struct store_s3 *)store;
    s3_client_free(s3->client);
    pthread_mutex_destroy(&s3->lock);
    free(s3->prefix);
    free(store->name);
    free(s3);
}

static void set_retry_time(struct store *store, int64_t retry_time_ms)
{
    struct store_s3 *s3 = (struct store_s3 *)store;
    pthread_mutex_lock(&s3->lock);
    s3->retry_time_ms = retry_time_ms;
    s3_client_set_retry_time(s3->client, retry_time_ms);
    pthread_mutex_unlock(&s3->lock);
}

static void set_cleaning(struct store *store, bool cleaning)
{
    s3_client_set_cleaning(((struct store_s3 *)store)->client, cleaning);
}

/* A bucket is never made here: it would be the wrong region, rights and rules. */
static int check(struct store *store, bool create, int64_t timeout_ms, struct err *err)
{
    struct store_s3 *s3 = (struct store_s3 *)store;
    (void)create;
    pthread_mutex_lock(&s3->lock);
    int64_t before = s3->retry_time_ms;
    pthread_mutex_unlock(&s3->lock);
    s3_client_set_retry_time(s3->client, timeout_ms);
    int result = s3_bucket_check(s3->client, err);
    set_retry_time(store, before);
    return result;
}

static int64_t clock_offset(struct store *store, bool *known)
{
    return s3_client_clock_offset(((struct store_s3 *)store)->client, known);
}

/* A key that is there although nobody but us makes such keys: mostly our own PUT, whose
 * answer was lost before it was repeated. Then it has our bytes. */
static int settle_existing(struct store_s3 *s3, const struct s3_put *put, struct err *err)
{
    struct text there;
    bool absent = false;
    text_init(&there, put->size);
    int result = s3_get(s3->client, put->key, &there, &absent, err);
    bool same = !absent && !there.overflowed && there.length == put->size &&
                memcmp(there.data, put->data, put->size) == 0;
    if (same)
        result = 0;
    else if (result == 0 || there.overflowed)
        result = err_set(err, ERR_STORE, "%s exists already", put->key);
    text_release(&there);
    return result;
}

static int put(struct store *store, const char *key, const void *data, size_t size,
               bool overwrite, struct err *err)
{
    struct store_s3 *s3 = (struct store_s3 *)store;
    char *full = store_s3_key(s3, key);
    bool existed = false;
    struct s3_put request = {.key = full,
                             .data = data,
                             .size = size,
                             .content_type = store_s3_content_type(key),
                             .if_absent = !overwrite,
                             .existed = &existed};
    int result = s3_put(s3->client, &request, err);
    if (result == 0 && existed)
        result = settle_existing(s3, &request, err);
    free(full);
    return result;
}

static int get(struct store *store, const char *key, struct text *out, bool *absent,
               struct err *err)
{
    struct store_s3 *s3 = (struct store_s3 *)store;
    char *full = store_s3_key(s3, key);
    int result = s3_get(s3->client, full, out, absent, err);
    free(full);
    return result;
}

static int stat_key(struct store *store, const char *key, struct store_object *out,
                    bool *absent, struct err *err)
{
    struct store_s3 *s3 = (struct store_s3 *)store;
    char *full = store_s3_key(s3, key);
    struct s3_object object = {0};
    int result = s3_head(s3->client, full, &object, absent, err);
    if (result == 0 && !*absent)
        store_s3_take_object(key, &object, out);
    free(full);
    return result;
}

/* ---- listing ---- */

struct listing {
    const struct store_s3 *s3;
    const char *prefix; /* relative */
    store_each each;
    store_each_pending each_pending;
    void *context;
};

/* The relative key when it belongs to what was asked for, or NULL. */
static const char *wanted(const struct listing *listing, const char *key)
{
    const char *relative = store_s3_relative(listing->s3, key);
    bool ours = relative != NULL && *relative != '\0' &&
                store_prefix_matches(listing->prefix, relative);
    return ours ? relative : NULL;
}

static int give_object(void *context, const struct s3_object *object, struct err *err)
{
    const struct listing *listing = context;
    const char *relative = wanted(listing, object->key);
    if (relative == NULL)
        return 0;
    char *key = memory_strdup(relative);
    struct store_object out = {.key = key,
                               .size = object->size,
                               .modified = object->modified,
                               .etag = object->etag,
                               .version = object->version_id};
    int result = listing->each(listing->context, &out, err);
    free(key);
    return result;
}

static int list(struct store *store, const char *prefix, store_each each, void *context,
                struct err *err)
{
    struct store_s3 *s3 = (struct store_s3 *)store;
    struct listing listing = {.s3 = s3, .prefix = prefix, .each = each, .context = context};
    char *full = store_s3_key(s3, prefix);
    int result = s3_list(s3->client, full, give_object, &listing, err);
    free(full);
    return result;
}

static int give_pending(void *context, const struct s3_pending *pending, struct err *err)
{
    const struct listing *listing = context;
    const char *relative = wanted(listing, pending->key);
    if (relative == NULL)
        return 0;
    char *key = memory_strdup(relative);
    struct store_pending out = {
        .key = key, .handle = pending->upload_id, .initiated = pending->initiated};
    int result = listing->each_pending(listing->context, &out, err);
    free(key);
    return result;
}

static int list_pending(struct store *store, const char *prefix, store_each_pending each,
                        void *context, struct err *err)
{
    struct store_s3 *s3 = (struct store_s3 *)store;
    struct listing listing = {
        .s3 = s3, .prefix = prefix, .each_pending = each, .context = context};
    char *full = store_s3_key(s3, prefix);
    int result = s3_list_uploads(s3->client, full, give_pending, &listing, err);
    free(full);
    return result;
}

static int abort_pending(struct store *store, const char *key, const char *handle,
                         struct err *err)
{
    struct store_s3 *s3 = (struct store_s3 *)store;
    char *full = store_s3_key(s3, key);
    int result = s3_abort_upload(s3->client, full, handle, err);
    free(full);
    return result;
}

/* ---- download ---- */

struct s3_reading {
    struct store_download download;
    struct s3_download *s3;
};

static struct store_download *download_begin(struct store *store, const char *key,
                                             uint64_t offset, uint64_t length,
                                             struct err *err)
{
    struct store_s3 *s3 = (struct store_s3 *)store;
    char *full = store_s3_key(s3, key);
    struct s3_download_spec spec = {.key = full, .offset = offset, .length = length};
    struct s3_download *download = s3_download_begin(s3->client, &spec, err);
    free(full);
    if (download == NULL)
        return NULL;
    struct s3_reading *reading = memory_zalloc(sizeof *reading);
    reading->download.store = store;
    reading->s3 = download;
    return &reading->download;
}

static uint64_t download_size(const struct store_download *download)
{
    return s3_download_size(((const struct s3_reading *)download)->s3);
}

static ssize_t download_read(struct store_download *download, void *buffer, size_t size,
                             struct err *err)
{
    return s3_download_read(((struct s3_reading *)download)->s3, buffer, size, err);
}

static void download_free(struct store_download *download)
{
    s3_download_free(((struct s3_reading *)download)->s3);
    free(download);
}

static struct s3_part_rules part_rules(const struct store *store)
{
    return s3_client_part_rules(((const struct store_s3 *)store)->client);
}

static char *presign(struct store *store, const char *key, int64_t seconds,
                     int64_t *expires, struct err *err)
{
    struct store_s3 *s3 = (struct store_s3 *)store;
    char *full = store_s3_key(s3, key);
    char *url = s3_presign(s3->client, full, seconds, expires, err);
    free(full);
    return url;
}

static struct s3_client *client(struct store *store)
{
    return ((struct store_s3 *)store)->client;
}

static const struct store_ops ops = {
    .type = "s3",
    .close = close_s3,
    .check = check,
    .set_retry_time = set_retry_time,
    .set_cleaning = set_cleaning,
    .clock_offset = clock_offset,
    .put = put,
    .get = get,
    .stat = stat_key,
    .list = list,
    .remove = store_s3_remove,
    .upload_begin = store_s3_upload_begin,
    .upload_resume = store_s3_upload_resume,
    .upload_part = store_s3_upload_part,
    .upload_wait = store_s3_upload_wait,
    .upload_finish = store_s3_upload_finish,
    .upload_discard = store_s3_upload_discard,
    .upload_sent = store_s3_upload_sent,
    .list_pending = list_pending,
    .abort_pending = abort_pending,
    .download_begin = download_begin,
    .download_size = download_size,
    .download_read = download_read,
    .download_free = download_free,
    .part_rules = part_rules,
    .presign = presign,
    .s3_client = client,
};

/* "p/q/" of "/p/q", "p/q/" …; "" of "", "/" and NULL. */
static char *clean_prefix(const char *prefix)
{
    if (prefix == NULL)
        return memory_strdup("");
    while (*prefix == '/')
        prefix++;
    size_t length = strlen(prefix);
    while (length > 0 && prefix[length - 1] == '/')
        length--;
    return memory_format("%.*s%s", (int)length, prefix, length > 0 ? "/" : "");
}

struct store *store_open_s3(const char *name, const struct s3_config *config,
                            const char *prefix, struct err *err)
{
    char *clean = clean_prefix(prefix);
    struct s3_client *made = NULL;
    if (store_check_key(clean, true, err) == 0)
        made = s3_client_new(config, err);
    if (made == NULL) {
        err_context(err, "store \"%s\"", name);
        free(clean);
        return NULL;
    }
    struct store_s3 *s3 = memory_zalloc(sizeof *s3);
    s3->store.ops = &ops;
    s3->store.name = memory_strdup(name);
    s3->client = made;
    s3->prefix = clean;
    s3->retry_time_ms =
        config->retry_time_ms != 0 ? config->retry_time_ms : DEFAULT_RETRY_MS;
    pthread_mutex_init(&s3->lock, NULL);
    return &s3->store;
}
