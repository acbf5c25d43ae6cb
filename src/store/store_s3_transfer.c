/*
 * Uploads into a bucket and downloads from it: what s3/ does, in the words of store.h, and the
 * token by which a resumed upload knows its own.
 */
#include "store/store_s3.h"

#include "base/digest.h"
#include "base/memory.h"

static struct s3_client *client_of(struct store *store)
{
    return store->ops->s3_client(store);
}

/* From S3's words to ours; the strings move. */
void store_s3_take_object(struct s3_object *from, struct store_object *out)
{
    *out = (struct store_object){.key = from->key,
                                 .size = from->size,
                                 .modified = from->modified,
                                 .etag = from->etag,
                                 .version = from->version_id};
    /* So that the release frees only what nobody took. */
    from->key = from->etag = from->version_id = NULL;
    s3_object_release(from);
}

/* ---- uploads ---- */

/* The head that store.c knows, and what it stands for. */
struct s3_writing {
    struct store_upload upload;
    struct s3_upload *s3;
};

/* The token is the same in every try for one artifact and place: a resumed upload knows
 * what it was begun with, and whoever finished it, the bytes are those of this artifact. */
static struct s3_upload_spec make_spec(const struct s3_client *client,
                                       const struct store_upload_spec *spec)
{
    struct s3_upload_spec out = {.key = spec->key,
                                 .content_type = spec->content_type,
                                 .on_upload_id = spec->on_pending,
                                 .context = spec->context};
    unsigned char sum[SHA256_SIZE];
    /* A hash of both, because it goes out as metadata, where keys of any bytes may not
     * stand. */
    char *whose = memory_format("%s %s%s", spec->id, s3_client_prefix(client), spec->key);
    digest_sha256(whose, strlen(whose), sum);
    digest_hex(sum, (sizeof out.token - 1) / 2, out.token);
    free(whose);
    return out;
}

/* Takes the upload; NULL stays NULL, with the error that came with it. */
static struct store_upload *wrap(struct store *store, struct s3_upload *s3)
{
    if (s3 == NULL)
        return NULL;
    struct s3_writing *writing = memory_zalloc(sizeof *writing);
    writing->upload.store = store;
    writing->s3 = s3;
    return &writing->upload;
}

struct store_upload *store_s3_upload_begin(struct store *store,
                                           const struct store_upload_spec *spec,
                                           struct err *err)
{
    struct s3_upload_spec s3_spec = make_spec(client_of(store), spec);
    return wrap(store, s3_upload_begin(client_of(store), &s3_spec, err));
}

struct store_upload *store_s3_upload_resume(struct store *store,
                                            const struct store_upload_spec *spec,
                                            const char *handle, struct store_resumed *at,
                                            struct err *err)
{
    struct s3_client *client = client_of(store);
    struct s3_upload_spec s3_spec = make_spec(client, spec);
    struct s3_parts parts;
    size_t whole = 0;
    /* The service says which parts it has; nothing of our own is believed. */
    if (s3_list_parts(client, spec->key, handle, &parts, err) < 0)
        return NULL;
    /* Aborted by a lifecycle rule, by a sweep, or finished after all. */
    if (parts.absent) {
        err_set(err, ERR_NOT_FOUND, "no upload of %s is open", spec->key);
        return NULL;
    }
    /* Parts 1, 2, 3 ... up to the first gap: what lies behind it is sent again. */
    while (whole < parts.count && parts.items[whole].number == whole + 1)
        at->offset += parts.items[whole++].size;
    at->next_number = (unsigned)whole + 1;
    parts.count = whole;
    struct s3_upload *upload = s3_upload_resume(client, &s3_spec, handle, &parts, err);
    free(parts.items);
    return wrap(store, upload);
}

int store_s3_upload_part(struct store_upload *upload, struct part *part, struct err *err)
{
    return s3_upload_part(((struct s3_writing *)upload)->s3, part, err);
}

int store_s3_upload_wait(struct store_upload *upload, struct err *err)
{
    return s3_upload_wait(((struct s3_writing *)upload)->s3, err);
}

int store_s3_upload_finish(struct store_upload *upload, struct store_object *out,
                           struct err *err)
{
    /* Which also asks for the object and compares its size (s3/ops/upload_complete.c). */
    struct s3_object object = {0};
    if (s3_upload_finish(((struct s3_writing *)upload)->s3, &object, err) < 0)
        return -1;
    store_s3_take_object(&object, out);
    return 0;
}

bool store_s3_upload_discard(struct store_upload *upload)
{
    /* Aborts what was not finished; parts of an open upload cost until somebody does. */
    bool clean = s3_upload_discard(((struct s3_writing *)upload)->s3);
    free(upload);
    return clean;
}

/* ---- downloads: a broken connection goes on where it was, in s3/ops/download.c ---- */

struct s3_reading {
    struct store_download download;
    struct s3_download *s3;
};

struct store_download *store_s3_download_begin(struct store *store, const char *key,
                                               uint64_t offset, uint64_t length,
                                               struct err *err)
{
    /* Asks how large it is, and for the first ranges at once, several beside each other. */
    struct s3_download_spec spec = {.key = key, .offset = offset, .length = length};
    struct s3_download *download = s3_download_begin(client_of(store), &spec, err);
    if (download == NULL)
        return NULL;
    struct s3_reading *reading = memory_zalloc(sizeof *reading);
    reading->download.store = store;
    reading->s3 = download;
    return &reading->download;
}

uint64_t store_s3_download_size(const struct store_download *download)
{
    return s3_download_size(((const struct s3_reading *)download)->s3);
}

ssize_t store_s3_download_read(struct store_download *download, void *buffer, size_t size,
                               struct err *err)
{
    return s3_download_read(((struct s3_reading *)download)->s3, buffer, size, err);
}

void store_s3_download_free(struct store_download *download)
{
    s3_download_free(((struct s3_reading *)download)->s3);
    free(download);
}
