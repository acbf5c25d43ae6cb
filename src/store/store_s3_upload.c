/* Uploads into a bucket: s3/ does them, part by part as they come; here are only the prefix
 * and the token. */
#include "store/store_s3.h"

#include "base/digest.h"
#include "base/memory.h"

struct s3_writing {
    struct store_upload upload;
    struct s3_upload *s3;
    char *key; /* relative */
};

/* The token is the same in every try for one artifact and key: a resumed upload knows what
 * it was begun with, and whoever finished it, the bytes are those of this artifact. */
static struct s3_upload_spec make_spec(const char *full,
                                       const struct store_upload_spec *spec)
{
    struct s3_upload_spec out = {.key = full,
                                 .content_type = spec->content_type,
                                 .on_upload_id = spec->on_pending,
                                 .context = spec->context};
    unsigned char sum[SHA256_SIZE];
    char *whose = memory_format("%s %s", spec->id, full);
    digest_sha256(whose, strlen(whose), sum);
    digest_hex(sum, (sizeof out.token - 1) / 2, out.token);
    free(whose);
    return out;
}

static struct store_upload *wrap(struct store *store, const char *key, struct s3_upload *s3)
{
    if (s3 == NULL)
        return NULL;
    struct s3_writing *writing = memory_zalloc(sizeof *writing);
    writing->upload.store = store;
    writing->s3 = s3;
    writing->key = memory_strdup(key);
    return &writing->upload;
}

struct store_upload *store_s3_upload_begin(struct store *store,
                                           const struct store_upload_spec *spec,
                                           struct err *err)
{
    struct store_s3 *s3 = (struct store_s3 *)store;
    char *full = store_s3_key(s3, spec->key);
    struct s3_upload_spec s3_spec = make_spec(full, spec);
    struct s3_upload *upload = s3_upload_begin(s3->client, &s3_spec, err);
    free(full);
    return wrap(store, spec->key, upload);
}

/* Parts 1, 2, 3 … up to the first gap: what lies behind it is sent again. */
static size_t without_gap(const struct s3_part_info *parts, size_t count, uint64_t *bytes)
{
    size_t whole = 0;
    *bytes = 0;
    while (whole < count && parts[whole].number == whole + 1)
        *bytes += parts[whole++].size;
    return whole;
}

struct store_upload *store_s3_upload_resume(struct store *store,
                                            const struct store_upload_spec *spec,
                                            const char *handle, uint64_t *offset,
                                            unsigned *next_number, struct err *err)
{
    struct store_s3 *s3 = (struct store_s3 *)store;
    char *full = store_s3_key(s3, spec->key);
    struct s3_upload_spec s3_spec = make_spec(full, spec);
    struct s3_part_info *parts = NULL;
    struct s3_upload *upload = NULL;
    size_t count = 0;
    bool absent = false;
    if (s3_list_parts(s3->client, full, handle, &parts, &count, &absent, err) == 0) {
        count = without_gap(parts, count, offset);
        *next_number = (unsigned)count + 1;
        if (absent)
            err_set(err, ERR_NOT_FOUND, "no upload of %s is open", spec->key);
        else
            upload = s3_upload_resume(s3->client, &s3_spec, handle, parts, count, err);
    }
    free(parts);
    free(full);
    return wrap(store, spec->key, upload);
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
    struct s3_writing *writing = (struct s3_writing *)upload;
    struct s3_object object = {0};
    if (s3_upload_finish(writing->s3, &object, err) < 0)
        return -1;
    store_s3_take_object(writing->key, &object, out);
    return 0;
}

bool store_s3_upload_discard(struct store_upload *upload)
{
    struct s3_writing *writing = (struct s3_writing *)upload;
    bool clean = s3_upload_discard(writing->s3);
    free(writing->key);
    free(writing);
    return clean;
}

uint64_t store_s3_upload_sent(struct store_upload *upload)
{
    return s3_upload_sent(((struct s3_writing *)upload)->s3);
}
