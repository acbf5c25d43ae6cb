/*
 * Downloads. HEAD gives size and ETag; then a ring of buffers, one range request each:
 *
 *     next (being read) -> ... `parallel` ranges in flight, in order ... -> asked
 *
 * The reader's thread submits a range as soon as its buffer is read empty and waits for the
 * oldest only, so memory is parallel x range_size and bytes come in order. A range that was
 * cut is asked for again from the cut on by the engine; every range carries If-Match, so
 * bytes of two objects are never mixed.
 */
#include "s3/ops/object.h"

#include "base/memory.h"

#include <assert.h>

enum { DEFAULT_PARALLEL = 4, MAX_PARALLEL = 64, DEFAULT_RANGE = 8 << 20 };

struct slot {
    struct s3_request request;
    unsigned char *buffer;
    bool running;  /* submitted, not waited for */
    uint64_t size; /* bytes of the range */
};

struct s3_download {
    struct s3_client *client;
    char *key;
    char *version_id;
    char *etag;
    uint64_t size;  /* of the object */
    uint64_t asked; /* first byte nobody has asked for */
    uint64_t end;   /* first byte that is not wanted */
    size_t range_size;
    unsigned parallel;
    struct slot *slots;
    unsigned next; /* slot being read */
    uint64_t at;   /* bytes read of it */
    bool failed;
    struct err first;
};

/* Whether the caller's ETag, which may be years old, is this one. */
static bool same_etag(const char *a, const char *b)
{
    size_t a_size = strlen(a), b_size = strlen(b);
    /* Some services leave the quotes out. */
    if (a_size >= 2 && a[0] == '"')
        a++, a_size -= 2;
    if (b_size >= 2 && b[0] == '"')
        b++, b_size -= 2;
    return a_size == b_size && memcmp(a, b, a_size) == 0;
}

/* Size and ETag of what is to be read, held against what the caller knows of it: better no byte
 * than bytes of another object. */
static int find_object(struct s3_download *download, const struct s3_download_spec *spec,
                       struct err *err)
{
    const struct s3_version which = {spec->key, spec->version_id};
    struct s3_object object;
    bool absent;
    int result = 0;
    if (s3_head_version(download->client, &which, &object, &absent, err) < 0)
        return -1;
    if (absent)
        return err_set(err, ERR_NOT_FOUND, "\"%s\" does not exist", spec->key);
    if (spec->etag != NULL && object.etag != NULL && !same_etag(spec->etag, object.etag))
        result = err_set(err, ERR_CORRUPT,
                         "\"%s\" is not the object that was expected: "
                         "its ETag is %s, not %s",
                         spec->key, object.etag, spec->etag);
    else if (spec->offset > object.size || spec->length > object.size - spec->offset)
        result = err_set(err, ERR_CORRUPT, "\"%s\" has %llu bytes, less than expected",
                         spec->key, (unsigned long long)object.size);
    /* From here on the object is known by its ETag. */
    download->size = object.size;
    download->etag = memory_strdup(object.etag);
    download->asked = spec->offset;
    download->end = spec->length != 0 ? spec->offset + spec->length : object.size;
    s3_object_release(&object);
    return result;
}

/* No more buffers than the stream has ranges, none larger than the stream. */
static int make_slots(struct s3_download *download, const struct s3_download_spec *spec,
                      struct err *err)
{
    uint64_t wanted = download->end - download->asked;
    unsigned parallel = spec->parallel != 0 ? spec->parallel : DEFAULT_PARALLEL;
    download->range_size = spec->range_size != 0 ? spec->range_size : DEFAULT_RANGE;
    if (download->range_size > wanted)
        download->range_size = (size_t)wanted;
    /* There is no range of nothing (416); reading ends at once. */
    if (wanted == 0)
        return 0;
    uint64_t ranges = (wanted - 1) / download->range_size + 1;
    if (parallel > MAX_PARALLEL)
        parallel = MAX_PARALLEL;
    if (parallel > ranges)
        parallel = (unsigned)ranges;
    download->slots = memory_array(parallel, sizeof *download->slots);
    for (; download->parallel < parallel; download->parallel++) {
        void *buffer = memory_try(download->range_size, err);
        if (buffer == NULL)
            return -1;
        download->slots[download->parallel].buffer = buffer;
    }
    return 0;
}

/* Asks for the next range, if there is one left. */
static void ask(struct s3_download *download, struct slot *slot)
{
    uint64_t left = download->end - download->asked;
    slot->size = left < download->range_size ? left : download->range_size;
    if (slot->size == 0)
        return;
    /* Of this object and no other, whoever overwrites it meanwhile. */
    struct s3_request *request = &slot->request;
    s3_request_init(request, "GET", download->key);
    if (download->version_id != NULL)
        s3_query_add(&request->query, "versionId", download->version_id);
    if (download->etag != NULL)
        s3_request_header(request, "If-Match", "%s", download->etag);
    s3_client_add_key_headers(download->client, request);
    request->ranged = true;
    request->first = download->asked;
    request->last = download->asked + slot->size - 1;
    request->buffer = slot->buffer;
    /* One group, so that all can be given up together. */
    request->accept[0] = 412;
    request->group = download;
    download->asked += slot->size;
    slot->running = true;
    s3_request_submit(download->client, request);
}

struct s3_download *s3_download_begin(struct s3_client *client,
                                      const struct s3_download_spec *spec, struct err *err)
{
    struct s3_download *download = memory_zalloc(sizeof *download);
    download->client = client;
    download->key = memory_strdup(spec->key);
    download->version_id = memory_strdup(spec->version_id);
    if (find_object(download, spec, err) < 0 || make_slots(download, spec, err) < 0) {
        s3_download_free(download);
        return NULL;
    }
    /* All slots at once: the first byte comes while the others are under way. */
    for (unsigned i = 0; i < download->parallel; i++)
        ask(download, &download->slots[i]);
    return download;
}

uint64_t s3_download_size(const struct s3_download *download)
{
    return download->size;
}

/* The engine has seen to it that these are the bytes asked for; are they of this object? */
static int check_range(const struct s3_download *download, const struct slot *slot,
                       struct err *err)
{
    const struct s3_answer *answer = &slot->request.answer;
    if (answer->status == 412)
        return err_set(err, ERR_CORRUPT,
                       "\"%s\" was replaced by another object while it was read",
                       download->key);
    if (answer->received != slot->size ||
        (answer->has_range && answer->range_total != download->size))
        return err_set(
            err, ERR_CORRUPT,
            "\"%s\": %llu bytes came instead of %llu, of an object of %llu instead of %llu",
            download->key, (unsigned long long)answer->received,
            (unsigned long long)slot->size, (unsigned long long)answer->range_total,
            (unsigned long long)download->size);
    return 0;
}

/* Waits until the slot holds its bytes. */
static int wait_for(struct s3_download *download, struct slot *slot, struct err *err)
{
    if (!slot->running)
        return 0;
    /* Waited for once, also when it fails: the request is released here. */
    slot->running = false;
    int result = s3_request_wait(download->client, &slot->request, err);
    if (result == 0)
        result = check_range(download, slot, err);
    s3_request_release(&slot->request);
    return result;
}

ssize_t s3_download_read(struct s3_download *download, void *buffer, size_t size,
                         struct err *err)
{
    /* A failure stays one: bytes behind a gap must not be read. */
    if (download->failed) {
        *err = download->first;
        return -1;
    }
    if (download->parallel == 0 || size == 0)
        return 0;
    struct slot *slot = &download->slots[download->next];
    if (wait_for(download, slot, err) < 0) {
        download->failed = true;
        download->first = *err;
        return -1;
    }
    /* Never beyond this range; the caller comes again. */
    uint64_t left = slot->size - download->at;
    size_t now = left < size ? (size_t)left : size;
    memcpy(buffer, slot->buffer + download->at, now);
    download->at += now;
    /* Read empty: its buffer takes the next range that nobody has asked for. */
    if (download->at == slot->size && slot->size > 0) {
        download->at = 0;
        download->next = (download->next + 1) % download->parallel;
        ask(download, slot);
    }
    return (ssize_t)now;
}

void s3_download_free(struct s3_download *download)
{
    if (download == NULL)
        return;
    struct err ignored = {0}; /* nobody wants the bytes any more */
    s3_requests_cancel(download->client, download);
    /* None writes into its buffer any more, but each has to be released. */
    for (unsigned i = 0; i < download->parallel; i++) {
        (void)!wait_for(download, &download->slots[i], &ignored);
        free(download->slots[i].buffer);
    }
    free(download->slots);
    free(download->key);
    free(download->version_id);
    free(download->etag);
    free(download);
}
