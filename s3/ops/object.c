/*
 * Small objects. "Absent" decides what gets restored and what gets removed, so it is said
 * only when S3 itself said it, and "written" only when the service has shown that it holds
 * these bytes.
 */
#include "s3/ops/object.h"

#include "base/log.h"
#include "base/memory.h"
#include "s3/ops/multipart.h"

enum {
    LOOKS = 6, /* for what was just written */
    FIRST_WAIT_MS = 30,
    LARGE_BODY = 1 << 20, /* from here on it is worth a look before it is sent in vain */
};

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

/* What was not sent is NULL in an object, and "" in an answer. */
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
    return answer->status == 404 &&
           text_is_any(answer->code, codes, sizeof codes / sizeof *codes);
}

/* ---- HEAD ---- */

/* *missing: of the key or of the bucket, a HEAD does not tell which. */
static int head(struct s3_client *client, const struct s3_version *which,
                struct s3_object *out, bool *missing, struct err *err)
{
    struct s3_request request;
    *out = (struct s3_object){0};
    s3_request_init(&request, "HEAD", which->key);
    if (which->version_id != NULL)
        s3_query_add(&request.query, "versionId", which->version_id);
    s3_client_add_key_headers(client, &request);
    request.accept[0] = 404;
    int result = s3_request_run(client, &request, err);
    *missing = result == 0 && request.answer.status == 404;
    /* What is there has a size: an answer without one is a proxy's, and would count as 0 bytes. */
    if (result == 0 && !*missing && !request.answer.has_length)
        result =
            err_set(err, ERR_STORE, "HEAD \"%.200s\": the answer has no size", which->key);
    else if (result == 0 && !*missing)
        s3_object_from_answer(out, which->key, &request.answer);
    s3_request_release(&request);
    return result;
}

int s3_head_version(struct s3_client *client, const struct s3_version *which,
                    struct s3_object *out, bool *absent, struct err *err)
{
    if (head(client, which, out, absent, err) < 0)
        return -1;
    /* Only a bucket that answers can lack a key. */
    return *absent ? s3_bucket_check(client, err) : 0;
}

int s3_head(struct s3_client *client, const char *key, struct s3_object *out, bool *absent,
            struct err *err)
{
    return s3_head_version(client, &(struct s3_version){key, NULL}, out, absent, err);
}

int s3_head_written(struct s3_client *client, const struct s3_version *which,
                    struct s3_object *out, bool *absent, struct err *err)
{
    int64_t wait_ms = FIRST_WAIT_MS;
    for (unsigned looks = 1;; looks++, wait_ms *= 2) {
        /* That the bucket does not answer to these keys makes an object that was not found no
         * better. */
        if (s3_head_version(client, which, out, absent, err) < 0 &&
            !(*absent && err->kind == ERR_DENIED))
            return -1;
        if (!*absent || looks == LOOKS)
            return 0;
        /* Woken early when cancelled: then the next HEAD says so. */
        (void)cancel_sleep_ms(s3_client_cancel(client), wait_ms);
    }
}

/* ---- GET ---- */

/* Is what came what the service says it has? */
static int check_digests(struct s3_client *client, const struct s3_request *request,
                         const char *data, size_t size, struct err *err)
{
    const struct s3_answer *answer = &request->answer;
    unsigned char md5[MD5_SIZE];
    uint64_t told = 0;
    /* One of the whole object; AWS gives one to every object since 2024. */
    if (strcmp(answer->checksum_type, "COMPOSITE") != 0 &&
        s3_crc64_from_base64(answer->checksum_crc64nvme, &told) &&
        told != digest_crc64nvme(0, data, size))
        return err_set(err, ERR_CORRUPT, "GET \"%.200s\": what came has another CRC-64",
                       request->key);
    /* An object from one PUT has its MD5 as ETag; that of a multipart one has a dash. */
    if (!digest_available(DIGEST_MD5))
        return 0;
    digest_md5(size > 0 ? data : "", size, md5);
    if (!s3_client_etag_differs(client, answer->etag, md5))
        return 0;
    return err_set(err, ERR_CORRUPT,
                   "GET \"%.200s\": what came does not have the ETag %.40s", request->key,
                   answer->etag);
}

/* In one piece: what is read so is small (marks, manifests, states), and counts only whole. */
int s3_get(struct s3_client *client, const char *key, struct text *out, bool *absent,
           struct err *err)
{
    struct s3_request request;
    size_t before = out->length;
    *absent = false;
    s3_request_init(&request, "GET", key);
    request.out = out;
    request.accept[0] = 404;
    /* Else AWS keeps what it knows to itself (API_GetObject). */
    if (s3_client_provider(client)->crc64)
        s3_request_header(&request, "x-amz-checksum-mode", "ENABLED");
    s3_client_add_key_headers(client, &request);
    int result = s3_request_run(client, &request, err);
    if (result == 0 && request.answer.status == 404) {
        /* One that does not come from S3 (a web server, a wrong path) must not pass for "not
         * there". */
        *absent = s3_is_absent(&request.answer);
        if (!*absent)
            result = err_set(err, ERR_STORE,
                             "GET \"%.200s\": the service answered 404 %s, which is no "
                             "answer of S3 to a missing key",
                             key, request.answer.code);
    } else if (result == 0) {
        result =
            check_digests(client, &request, out->data + before, out->length - before, err);
    }
    s3_request_release(&request);
    return result;
}

/* ---- PUT ---- */

struct put {
    struct s3_client *client;
    const struct s3_put *spec;
    char token[S3_TOKEN_SIZE];
    bool conditional; /* If-None-Match is sent */
    bool existed;
    bool done;
};

/* Is what stands there ours? Size and token say so, and the ETag where it can be compared. */
static bool is_ours(const struct put *put, const struct s3_object *object,
                    const struct digests *digests)
{
    bool same_token = !put->spec->if_absent ||
                      (object->token != NULL && strcmp(object->token, put->token) == 0);
    bool other_md5 = (digests->known & DIGESTS_MD5) != 0 && object->etag != NULL &&
                     s3_client_etag_differs(put->client, object->etag, digests->md5);
    return object->size == put->spec->size && same_token && !other_md5;
}

/* Where the condition is not honoured, or not on this bucket (Ceph with versions), this is
 * all there is; where it is, it saves a large body. The bucket is not asked for: the PUT will
 * name it when it is missing. */
static int look_before(struct put *put, struct err *err)
{
    struct s3_object object;
    struct err why = {0};
    bool missing = false;
    if (head(put->client, &(struct s3_version){put->spec->key, NULL}, &object, &missing,
             &why) < 0) {
        /* Keys that may only write are a good choice for backups. */
        if (why.kind == ERR_DENIED)
            return 0;
        *err = why;
        return -1;
    }
    put->existed = put->done = !missing;
    s3_object_release(&object);
    return 0;
}

/* "Done" is said only when the service has shown that it holds these bytes. That nothing
 * contradicts them was seen to by the engine (expect_etag). */
static int verify(struct put *put, const struct s3_request *request, struct err *err)
{
    struct s3_object object;
    struct err why = {0};
    bool absent = false;
    put->done = true;
    /* An MD5 that was compared already: that is the proof. */
    if (s3_client_etag_is_md5(put->client) && s3_request_etag_is_md5(request))
        return 0;
    /* Otherwise a look at the object. */
    const struct s3_version which = {put->spec->key, NULL};
    if (s3_head_written(put->client, &which, &object, &absent, &why) < 0) {
        /* We may not look: the service has compared Content-MD5, that has to do. */
        if (why.kind == ERR_DENIED)
            return 0;
        *err = why;
        return -1;
    }
    bool ours = !absent && is_ours(put, &object, &request->digests);
    s3_object_release(&object);
    if (ours)
        return 0;
    return err_set(err, ERR_CORRUPT, "PUT \"%.200s\": the service holds %s", put->spec->key,
                   absent ? "no such object" : "something else");
}

/* The key is there. Ours, when an earlier try was carried out although its answer was lost. */
static int resolve_412(struct put *put, const struct s3_request *request, struct err *err)
{
    struct s3_object object;
    bool absent = false;
    put->done = true;
    put->existed = true;
    /* No answer was lost before: it is somebody else's. */
    if (!request->answer.uncertain)
        return 0;
    if (s3_head(put->client, put->spec->key, &object, &absent, err) < 0)
        return -1;
    put->existed = absent || !is_ours(put, &object, &request->digests);
    s3_object_release(&object);
    return 0;
}

/* One request, conditional while the service is believed to know conditions. */
static int put_once(struct put *put, struct err *err)
{
    const struct s3_put *spec = put->spec;
    struct s3_request request;
    s3_request_init(&request, "PUT", spec->key);
    request.body = spec->data;
    request.body_size = spec->size;
    request.crc64 = s3_client_provider(put->client)->crc64;
    request.expect_etag = true;
    if (spec->content_type != NULL)
        s3_request_header(&request, "Content-Type", "%s", spec->content_type);
    /* What we know our own by, should the answer get lost. */
    if (spec->if_absent)
        s3_request_header(&request, "x-amz-meta-pgkeep-token", "%s", put->token);
    s3_client_add_object_headers(put->client, &request);
    /* A service that does not know the condition must not write without it. */
    if (put->conditional) {
        s3_request_header(&request, "If-None-Match", "*");
        request.accept[0] = 412;
        request.accept[1] = 501;
    } else {
        request.optional_headers = true;
    }

    int result = s3_request_run(put->client, &request, err);
    /* There already; no conditions here after all, so once more without; or written. */
    if (result == 0 && request.answer.status == 412)
        result = resolve_412(put, &request, err);
    else if (result == 0 && request.answer.status == 501)
        put->conditional = false;
    else if (result == 0)
        result = verify(put, &request, err);
    s3_request_release(&request);
    return result;
}

/* Without the question for the bucket: the PUT will name it when it is missing. */
bool s3_put_look(struct s3_client *client, const char *key)
{
    const struct s3_provider *provider = s3_client_provider(client);
    struct s3_object object;
    struct err ignored = {0};
    bool missing = false;
    if (provider->put_if_absent && !provider->conditions_plain_only)
        return false;
    if (head(client, &(struct s3_version){key, NULL}, &object, &missing, &ignored) < 0)
        return false;
    s3_object_release(&object);
    return missing;
}

/* Looks where a look saves something or is all there is, then writes, then proves it. */
int s3_put(struct s3_client *client, const struct s3_put *spec, struct err *err)
{
    const struct s3_provider *provider = s3_client_provider(client);
    struct put put = {.client = client, .spec = spec};
    /* A look costs a request; it pays where a large body would be sent in vain, and where the
     * condition is not worth much. */
    bool looks =
        !spec->looked && (spec->size >= LARGE_BODY || provider->conditions_plain_only);
    put.conditional = spec->if_absent && provider->put_if_absent;
    s3_multipart_token(put.token);
    if (spec->existed != NULL)
        *spec->existed = false;

    /* Twice where the provider's row promises the condition and the service has none. */
    for (unsigned tries = 0; tries < 2 && !put.done; tries++) {
        bool blind = !put.conditional && !spec->looked;
        if (spec->if_absent && (looks || blind) && look_before(&put, err) < 0)
            return -1;
        if (!put.done && put_once(&put, err) < 0)
            return -1;
    }
    /* Whoever does not ask whether it existed counts on it not to. */
    if (put.existed && spec->existed == NULL)
        return err_set(err, ERR_STORE, "PUT \"%.200s\": it exists already", spec->key);
    if (spec->existed != NULL)
        *spec->existed = put.existed;
    return 0;
}
