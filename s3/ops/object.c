/*
 * Small objects. "Absent" decides what gets restored and what gets removed, so it is said
 * only when S3 itself said it, and "written" only when the service has shown that it holds
 * these bytes.
 */
#include "s3/ops/object.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/ulid.h"
#include "s3/ops/ledger.h"

enum { PUT_TRIES = 4 };

void s3_object_release(struct s3_object *object)
{
    if (object == NULL)
        return;
    free(object->key);
    free(object->etag);
    free(object->version_id);
    free(object->token);
    free(object->storage_class);
    *object = (struct s3_object){0};
}

static char *heap_or_null(const char *text)
{
    return *text != '\0' ? memory_strdup(text) : NULL;
}

void s3_object_from_answer(struct s3_object *out, const char *key,
                           const struct s3_answer *answer)
{
    *out = (struct s3_object){.key = memory_strdup(key),
                              .size = answer->length,
                              .modified = answer->modified,
                              .etag = heap_or_null(answer->etag),
                              .version_id = heap_or_null(answer->version_id),
                              .is_latest = true,
                              .is_delete_marker = answer->delete_marker,
                              .token = heap_or_null(answer->token),
                              .storage_class = heap_or_null(answer->storage_class),
                              .retain_until = answer->retain_until,
                              .legal_hold = answer->legal_hold};
}

bool s3_is_absent(const struct s3_answer *answer)
{
    static const char *const codes[] = {"NoSuchKey", "NoSuchVersion", "NoSuchUpload"};

    for (size_t i = 0; answer->status == 404 && i < sizeof codes / sizeof codes[0]; i++)
        if (strcmp(answer->code, codes[i]) == 0)
            return true;
    return false;
}

/* A 404 that does not come from S3 (a web server, a wrong path) must not pass for "not
 * there". */
static int strange_404(const struct s3_request *request, struct err *err)
{
    return err_set(err, ERR_STORE,
                   "GET \"%.200s\": the service answered 404 %s, which is no "
                   "answer of S3 to a missing key",
                   request->key, request->answer.code);
}

/* ---- HEAD */

static int run_head(struct s3_client *client, struct s3_request *request,
                    const char *version_id, struct err *err)
{
    if (version_id != NULL)
        s3_query_add(&request->query, "versionId", version_id);
    s3_client_add_key_headers(client, request);
    request->accept[0] = 404;
    return s3_request_run(client, request, err);
}

int s3_head_version(struct s3_client *client, const char *key, const char *version_id,
                    struct s3_object *out, bool *absent, struct err *err)
{
    struct s3_request request;

    *out = (struct s3_object){0};
    *absent = false;
    s3_request_init(&request, "HEAD", key);
    int result = run_head(client, &request, version_id, err);
    if (result == 0 && request.answer.status == 404) {
        *absent = true;
        result = s3_bucket_check(client, err);
    } else if (result == 0 && !request.answer.has_length) {
        result = err_set(err, ERR_STORE, "HEAD \"%.200s\": the answer has no size", key);
    } else if (result == 0) {
        s3_object_from_answer(out, key, &request.answer);
    }
    s3_request_release(&request);
    return result;
}

int s3_head(struct s3_client *client, const char *key, struct s3_object *out, bool *absent,
            struct err *err)
{
    return s3_head_version(client, key, NULL, out, absent, err);
}

/* ---- GET */

static bool uses_crc64(struct s3_client *client)
{
    return s3_client_row(client)->checksums == S3_CHECKSUMS_CRC64NVME;
}

/* One of the whole object; AWS gives one to every object since 2024. */
static bool crc64_differs(const struct s3_answer *answer, const char *data, size_t size)
{
    uint64_t told = 0;

    if (strcmp(answer->checksum_type, "COMPOSITE") == 0 ||
        !s3_crc64_from_base64(answer->checksum_crc64nvme, &told))
        return false;
    return told != digest_crc64nvme(0, data, size);
}

/* An object from one PUT has its MD5 as ETag; that of a multipart one has a dash. */
static int check_digest(struct s3_client *client, const struct s3_request *request,
                        const char *data, size_t size, struct err *err)
{
    unsigned char md5[MD5_SIZE];

    if (crc64_differs(&request->answer, data, size))
        return err_set(err, ERR_CORRUPT, "GET \"%.200s\": what came has another CRC-64",
                       request->key);
    if (!digest_available(DIGEST_MD5))
        return 0;
    digest_md5(size > 0 ? data : "", size, md5);
    if (!s3_client_etag_differs(client, request->answer.etag, md5))
        return 0;
    return err_set(err, ERR_CORRUPT,
                   "GET \"%.200s\": what came does not have the ETag %.40s", request->key,
                   request->answer.etag);
}

int s3_get(struct s3_client *client, const char *key, struct text *out, bool *absent,
           struct err *err)
{
    struct s3_request request;
    size_t before = out->length;

    *absent = false;
    s3_request_init(&request, "GET", key);
    request.out = out;
    request.accept[0] = 404;
    if (uses_crc64(client))
        s3_request_header(&request, "x-amz-checksum-mode", "ENABLED");
    s3_client_add_key_headers(client, &request);
    int result = s3_request_run(client, &request, err);
    if (result == 0 && request.answer.status == 404) {
        *absent = s3_is_absent(&request.answer);
        if (!*absent)
            result = strange_404(&request, err);
    } else if (result == 0) {
        result =
            check_digest(client, &request, out->data + before, out->length - before, err);
    }
    s3_request_release(&request);
    return result;
}

/* ---- PUT */

struct put {
    struct s3_client *client;
    const struct s3_put *spec;
    char token[33];
    bool conditional; /* send If-None-Match */
    bool written;     /* one of our tries may have written it */
    bool existed;
    bool done;
};

static void make_token(char token[33])
{
    unsigned char bits[16];

    ulid_random(bits, sizeof bits);
    digest_hex(bits, sizeof bits, token);
}

static void fill_put(struct put *put, struct s3_request *request)
{
    const struct s3_put *spec = put->spec;
    char crc64[S3_CRC64_BASE64];

    s3_request_init(request, "PUT", spec->key);
    request->body = spec->data;
    request->body_size = spec->size;
    request->lenient = true;
    request->accept[0] = put->conditional ? 412 : 0;
    request->accept[1] = put->conditional ? 409 : 0;
    request->accept[2] = put->conditional ? 501 : 0;
    if (spec->content_type != NULL)
        s3_request_header(request, "Content-Type", "%s", spec->content_type);
    if (spec->if_absent)
        s3_request_header(request, "x-amz-meta-pgkeep-token", "%s", put->token);
    if (put->conditional)
        s3_request_header(request, "If-None-Match", "*");
    if (uses_crc64(put->client)) {
        uint64_t crc = digest_crc64nvme(0, spec->data, spec->size);
        s3_request_header(request, "x-amz-checksum-crc64nvme", "%s",
                          s3_crc64_base64(crc, crc64));
    }
    s3_client_add_object_headers(put->client, request);
}

/* Is what stands there ours? Size and token say so, and the ETag where it can be compared. */
static int look(struct put *put, const unsigned char md5[MD5_SIZE], bool *ours,
                bool *absent, struct err *err)
{
    struct s3_object object;

    if (s3_head(put->client, put->spec->key, &object, absent, err) < 0)
        return -1;
    *ours = !*absent && object.size == put->spec->size &&
            (!put->spec->if_absent ||
             (object.token != NULL && strcmp(object.token, put->token) == 0)) &&
            (object.etag == NULL || !s3_client_etag_differs(put->client, object.etag, md5));
    s3_object_release(&object);
    return 0;
}

/* The key is there. Ours, when an earlier try was carried out although its answer was lost. */
static int settle_412(struct put *put, const unsigned char md5[MD5_SIZE], struct err *err)
{
    bool ours = false, absent = false;

    if (put->written && look(put, md5, &ours, &absent, err) < 0)
        return -1;
    put->existed = !ours;
    put->done = true;
    return 0;
}

/* "done" is said only when the service has shown that it holds these bytes. */
static int verify_put(struct put *put, const struct s3_request *request, struct err *err)
{
    struct err why = {0};
    bool ours = false, absent = false;
    const char *etag = request->answer.etag;

    put->done = true;
    /* Written by us: the next try must not trip over it. */
    if (s3_client_etag_differs(put->client, etag, request->md5)) {
        put->done = false;
        put->conditional = false;
        return 0;
    }
    bool told = s3_client_etag_is_md5(put->client) && request->has_md5 &&
                strlen(etag) == 2 * MD5_SIZE + 2 && strchr(etag, '-') == NULL;
    if (told)
        return 0;
    if (look(put, request->md5, &ours, &absent, &why) < 0) {
        /* We may not look: the service has compared Content-MD5, that has to do. */
        if (why.kind == ERR_DENIED && *etag != '\0')
            return 0;
        *err = why;
        return -1;
    }
    put->done = ours;
    if (ours || absent)
        return 0;
    return err_set(err, ERR_CORRUPT, "PUT \"%.200s\": the service holds something else",
                   put->spec->key);
}

/* Backblaze B2 */
static void drop_condition(struct put *put)
{
    log_warning("the service does not know If-None-Match; set its provider");
    put->conditional = false;
}

static int put_once(struct put *put, struct err *err)
{
    struct s3_request request;

    fill_put(put, &request);
    int result = s3_request_run(put->client, &request, err);
    const struct s3_answer *answer = &request.answer;
    if (answer->uncertain)
        put->written = true;
    if (result == 0 && answer->status == 412)
        result = settle_412(put, request.md5, err);
    else if (result == 0 && answer->status == 501)
        drop_condition(put);
    else if (result == 0 && answer->status != 409)
        result = verify_put(put, &request, err);
    s3_request_release(&request);
    return result;
}

/* Where the condition is not honoured, or not on this bucket (Ceph with versions), this is
 * all there is; where it is, it saves the body. */
static int look_before(struct put *put, struct err *err)
{
    struct s3_object object;
    struct err why = {0};
    bool absent = false;

    if (s3_head(put->client, put->spec->key, &object, &absent, &why) < 0) {
        /* Keys that may only write are a good choice for backups. */
        if (why.kind == ERR_DENIED)
            return 0;
        *err = why;
        return -1;
    }
    put->existed = put->done = !absent;
    s3_object_release(&object);
    return 0;
}

int s3_put(struct s3_client *client, const struct s3_put *spec, struct err *err)
{
    struct put put = {.client = client, .spec = spec};

    put.conditional = spec->if_absent && s3_client_row(client)->put_if_absent;
    make_token(put.token);
    if (spec->existed != NULL)
        *spec->existed = false;
    if (spec->if_absent && look_before(&put, err) < 0)
        return -1;
    for (int i = 0; i < PUT_TRIES && !put.done; i++)
        if (put_once(&put, err) < 0)
            return -1;
    if (!put.done)
        return err_set(
            err, ERR_CORRUPT,
            "PUT \"%.200s\": what the service has is not what was sent (%d tries)",
            spec->key, PUT_TRIES);
    if (put.existed && spec->existed == NULL)
        return err_set(err, ERR_STORE, "PUT \"%.200s\": it exists already", spec->key);
    if (spec->existed != NULL)
        *spec->existed = put.existed;
    return 0;
}
