/*
 * Dispatch to the kinds of stores. What all kinds have in common is done once, here: keys
 * are looked at before a kind sees them, so that no kind needs to fear "..", and errors get
 * the name of the store, which no kind needs to know.
 */
#include "store/store.h"

#include "base/memory.h"
#include "store/store_ops.h"

enum { SEGMENT_MAX = 255 }; /* of a file name (NAME_MAX); S3 alone would take more */

static bool is_segment(const char *segment, size_t length)
{
    /* An empty one would be "a//b", which is "a/b" in a folder and another key in a
     * bucket. */
    if (length == 0 || length > SEGMENT_MAX)
        return false;
    /* "." and ".." leave the place that the key names, also where a proxy tidies paths
     * up. */
    if (segment[0] == '.' && (length == 1 || (length == 2 && segment[1] == '.')))
        return false;
    /* Control characters: listings are lines and XML, which both cannot hold them. */
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)segment[i] < 0x20 || segment[i] == 0x7F)
            return false;
    }
    return true;
}

int store_check_key(const char *key, bool prefix, struct err *err)
{
    const char *segment = key;
    /* A prefix may end behind a '/', or be nothing at all; a key ends with a segment. */
    while (!(prefix && *segment == '\0')) {
        size_t length = strcspn(segment, "/");
        if (!is_segment(segment, length))
            return err_set(err, ERR_STORE, "\"%s\" is not a key of a store", key);
        segment += length;
        if (*segment == '\0')
            break;
        segment++;
    }
    return 0;
}

bool store_prefix_matches(const char *prefix, const char *key)
{
    if (*prefix == '\0')
        return true;
    /* Of whole segments: "p" is one key and not the beginning of "p2/x". */
    return text_ends_with(prefix, "/") ? text_starts_with(key, prefix)
                                       : strcmp(key, prefix) == 0;
}

/* What every call ends with. A run has several stores: which one it was is said in front
 * of what went wrong. */
static int named(const struct store *store, int result, struct err *err)
{
    if (result < 0)
        err_context(err, "store \"%s\"", store->name);
    return result;
}

/* ---- the handle ---- */

void store_close(struct store *store)
{
    if (store != NULL)
        store->ops->close(store);
}

const char *store_name(const struct store *store)
{
    return store->name;
}

const char *store_type_name(const struct store *store)
{
    return store->ops->type;
}

/* Of the few who must know: what a folder cannot do (a presigned URL), or need not
 * (keys). */
bool store_is_dir(const struct store *store)
{
    return strcmp(store->ops->type, "dir") == 0;
}

bool store_is_remote(const struct store *store)
{
    return store->ops->s3_client != NULL;
}

int store_check(struct store *store, bool create, int64_t timeout_ms, struct err *err)
{
    return named(store, store->ops->check(store, create, timeout_ms, err), err);
}

void store_set_retry_time(struct store *store, int64_t retry_time_ms)
{
    if (store->ops->set_retry_time != NULL)
        store->ops->set_retry_time(store, retry_time_ms);
}

struct store *store_cleaner(struct store *store)
{
    return store->ops->cleaner(store);
}

struct store_traffic store_traffic(const struct store *store)
{
    /* What is written to a file is written once. */
    return store->ops->traffic != NULL ? store->ops->traffic(store)
                                       : (struct store_traffic){.uploaded = store->written};
}

int64_t store_clock_offset(struct store *store, bool *known)
{
    *known = false;
    return store->ops->clock_offset != NULL ? store->ops->clock_offset(store, known) : 0;
}

struct s3_client *store_s3_client(struct store *store)
{
    return store->ops->s3_client != NULL ? store->ops->s3_client(store) : NULL;
}

/* ---- small objects ---- */

/* The two ways to write have names of their own: a bare `true` at the end of a call
 * would not tell a reader which of them may destroy something. */
static int put_object(struct store *store, const struct store_put *put, struct err *err)
{
    bool may = store_check_key(put->key, false, err) == 0;
    int result = named(store, may ? store->ops->put(store, put, err) : -1, err);
    if (result == 0)
        store->written += put->size;
    return result;
}

int store_put(struct store *store, const char *key, const void *data, size_t size,
              struct err *err)
{
    struct store_put put = {.key = key, .data = data, .size = size, .overwrite = true};
    return put_object(store, &put, err);
}

int store_put_new(struct store *store, const char *key, const void *data, size_t size,
                  struct err *err)
{
    struct store_put put = {.key = key, .data = data, .size = size};
    return put_object(store, &put, err);
}

void store_look_ahead(struct store *store, const char *key, int64_t timeout_ms)
{
    if (store->ops->look_ahead != NULL)
        store->ops->look_ahead(store, key, timeout_ms);
}

int store_get(struct store *store, const char *key, struct text *out, bool *absent,
              struct err *err)
{
    *absent = false;
    int result = store_check_key(key, false, err);
    if (result == 0)
        result = store->ops->get(store, key, out, absent, err);
    /* Of this one object and not of the store: whoever reads many goes on. */
    if (result < 0 && out->overflowed) {
        err_clear(err);
        result =
            err_set(err, ERR_CORRUPT, "%s is larger than %zu bytes", key, out->ceiling);
    }
    return named(store, result, err);
}

void store_object_release(struct store_object *object)
{
    free(object->key);
    free(object->etag);
    free(object->version);
    *object = (struct store_object){0};
}

int store_stat(struct store *store, const char *key, struct store_object *out, bool *absent,
               struct err *err)
{
    /* Set here, so that a kind need not care after an error, and callers may release it. */
    *absent = false;
    *out = (struct store_object){0};
    bool may = store_check_key(key, false, err) == 0;
    return named(store, may ? store->ops->stat(store, key, out, absent, err) : -1, err);
}

int store_list(struct store *store, const char *prefix, store_each each, void *context,
               struct err *err)
{
    bool may = store_check_key(prefix, true, err) == 0;
    return named(store, may ? store->ops->list(store, prefix, each, context, err) : -1,
                 err);
}

int store_remove(struct store *store, const char *key, struct store_removed *out,
                 struct err *err)
{
    int result = store_check_key(key, false, err);
    *out = (struct store_removed){.result = STORE_REFUSED};
    if (result == 0)
        result = store->ops->remove(store, key, out, err);
    /* After an error nothing may read as removed. */
    if (result < 0)
        out->result = STORE_REFUSED;
    return named(store, result, err);
}

char *store_presign(struct store *store, const char *key, int64_t seconds, int64_t *expires,
                    struct err *err)
{
    char *url = NULL;
    if (store->ops->presign == NULL)
        err_set(err, ERR_USAGE, "a folder has no URLs to hand out");
    else if (store_check_key(key, false, err) == 0)
        url = store->ops->presign(store, key, seconds, expires, err);
    named(store, url == NULL ? -1 : 0, err);
    return url;
}

/* ---- uploads ---- */

struct store_upload *store_upload_begin(struct store *store,
                                        const struct store_upload_spec *spec,
                                        struct err *err)
{
    struct store_upload *upload = NULL;
    if (store_check_key(spec->key, false, err) == 0)
        upload = store->ops->upload_begin(store, spec, err);
    named(store, upload == NULL ? -1 : 0, err);
    return upload;
}

/* The handle is not looked at here: it is the kind's own word, and each knows its own. */
struct store_upload *store_upload_resume(struct store *store,
                                         const struct store_upload_spec *spec,
                                         const char *handle, struct store_resumed *at,
                                         struct err *err)
{
    struct store_upload *upload = NULL;
    *at = (struct store_resumed){.next_number = 1};
    if (store_check_key(spec->key, false, err) == 0)
        upload = store->ops->upload_resume(store, spec, handle, at, err);
    named(store, upload == NULL ? -1 : 0, err);
    return upload;
}

int store_upload_part(struct store_upload *upload, struct part *part, struct err *err)
{
    struct store *store = upload->store;
    size_t size = part->size;
    int result = named(store, store->ops->upload_part(upload, part, err), err);
    if (result == 0)
        store->written += size;
    return result;
}

int store_upload_wait(struct store_upload *upload, struct err *err)
{
    struct store *store = upload->store;
    return named(store, store->ops->upload_wait(upload, err), err);
}

int store_upload_finish(struct store_upload *upload, struct store_object *out,
                        struct err *err)
{
    struct store *store = upload->store;
    struct store_object object = {0};
    /* Kinds always fill one in; most callers only want to know that it is there. */
    int result = store->ops->upload_finish(upload, &object, err);
    if (out != NULL)
        *out = object;
    else
        store_object_release(&object);
    return named(store, result, err);
}

bool store_upload_discard(struct store_upload *upload)
{
    return upload == NULL || upload->store->ops->upload_discard(upload);
}

/* What is left over is a matter of `sweep`, which finds it by the handle in the catalog. */
void store_upload_free(struct store_upload *upload)
{
    (void)store_upload_discard(upload);
}

struct store_part_rules store_part_rules(const struct store *store)
{
    /* Zeros are no limits: a folder takes parts of any size and number. */
    struct store_part_rules none = {0};
    return store->ops->part_rules != NULL ? store->ops->part_rules(store) : none;
}

int store_list_pending(struct store *store, const char *prefix, store_each_pending each,
                       void *context, struct err *err)
{
    bool may = store_check_key(prefix, true, err) == 0;
    return named(
        store, may ? store->ops->list_pending(store, prefix, each, context, err) : -1, err);
}

int store_abort_pending(struct store *store, const char *key, const char *handle,
                        struct err *err)
{
    bool may = store_check_key(key, false, err) == 0;
    return named(store, may ? store->ops->abort_pending(store, key, handle, err) : -1, err);
}

/* ---- downloads ---- */

struct store_download *store_download_begin(struct store *store, const char *key,
                                            uint64_t offset, uint64_t length,
                                            struct err *err)
{
    struct store_download *download = NULL;
    if (store_check_key(key, false, err) == 0)
        download = store->ops->download_begin(store, key, offset, length, err);
    named(store, download == NULL ? -1 : 0, err);
    return download;
}

uint64_t store_download_size(const struct store_download *download)
{
    return download->store->ops->download_size(download);
}

ssize_t store_download_read(struct store_download *download, void *buffer, size_t size,
                            struct err *err)
{
    ssize_t got = download->store->ops->download_read(download, buffer, size, err);
    named(download->store, got < 0 ? -1 : 0, err);
    return got;
}

void store_download_free(struct store_download *download)
{
    if (download != NULL)
        download->store->ops->download_free(download);
}
