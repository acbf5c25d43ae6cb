/*
 * The caller's side of a request: built, hashed and handed over here, on the caller's
 * thread, so that bodies are hashed on as many cores as there are callers and not on the
 * one engine thread.
 */
#include "s3/core/request.h"

#include "base/memory.h"
#include "s3/core/engine.h"

#include <assert.h>
#include <stdarg.h>

enum { MAX_HEADER = 8 << 10 };

/* ---- building one ---- */

void s3_request_init(struct s3_request *request, const char *method, const char *key)
{
    *request = (struct s3_request){.method = method, .key = memory_strdup(key)};
}

void s3_request_name(struct s3_request *request, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(request->name, sizeof request->name, format, arguments);
    va_end(arguments);
}

void s3_request_header(struct s3_request *request, const char *name, const char *format,
                       ...)
{
    va_list arguments;
    char value[MAX_HEADER];
    va_start(arguments, format);
    vsnprintf(value, sizeof value, format, arguments);
    va_end(arguments);
    strlist_addf(&request->headers, "%s: %s", name, value);
    memory_wipe(value, sizeof value); /* it may have been a key */
}

bool s3_request_has(const struct s3_request *request, const char *start)
{
    for (size_t i = 0; i < request->headers.count; i++)
        if (text_starts_with(request->headers.items[i], start))
            return true;
    return false;
}

void s3_request_drop(struct s3_request *request, const char *const starts[], size_t count)
{
    struct strlist *headers = &request->headers;
    size_t kept = 0;
    for (size_t i = 0; i < headers->count; i++) {
        bool dropped = false;
        for (size_t n = 0; !dropped && n < count; n++)
            dropped = text_starts_with(headers->items[i], starts[n]);
        if (dropped)
            free(headers->items[i]);
        else
            headers->items[kept++] = headers->items[i];
    }
    headers->count = kept;
}

void s3_request_release(struct s3_request *request)
{
    assert(request->task == NULL);
    free(request->key);
    s3_query_release(&request->query);
    /* An SSE-C key may be among them. */
    strlist_wipe(&request->headers);
    *request = (struct s3_request){0};
}

/* ---- checksums as text ---- */

char *s3_crc64_base64(uint64_t crc, char out[S3_CRC64_BASE64])
{
    unsigned char bytes[8];
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(crc >> (56 - 8 * i));
    return digest_base64(bytes, sizeof bytes, out);
}

/* A text that is no checksum is none, as of every header. */
bool s3_crc64_from_base64(const char *text, uint64_t *out)
{
    unsigned char bytes[8];
    if (digest_from_base64(text, bytes, sizeof bytes) < 0)
        return false;
    *out = 0;
    for (size_t i = 0; i < sizeof bytes; i++)
        *out = *out << 8 | bytes[i];
    return true;
}

/* Compared by hand: whether a difference means anything is another question. */
bool s3_request_etag_is_md5(const struct s3_request *request)
{
    char hex[2 * MD5_SIZE + 1];
    const char *etag = request->answer.etag;
    size_t quote = *etag == '"' ? 1 : 0;
    return (request->digests.known & DIGESTS_MD5) != 0 &&
           strlen(etag) == 2 * MD5_SIZE + 2 * quote &&
           memcmp(etag + quote, digest_hex(request->digests.md5, MD5_SIZE, hex),
                  2 * MD5_SIZE) == 0;
}

/* ---- handing it over ---- */

/* All that is sent along with the body, or signed for it. */
static void hash_body(struct s3_task *task)
{
    struct s3_request *request = task->request;
    bool has_body = request->body_size > 0 || strcmp(request->method, "PUT") == 0;
    /* Over TLS, and with an MD5 beside it, a body need not be signed. Where OpenSSL has no
     * MD5 (FIPS) it is; an empty one always is, there is nothing to save. */
    bool is_signed = request->payload == NULL &&
                     (request->body_size == 0 || task->client->engine->signs_payload ||
                      !digest_available(DIGEST_MD5));
    bool has_md5 = has_body && !(request->no_md5 && is_signed &&
                                 s3_client_sha256_will_do(task->client));
    unsigned wanted = (is_signed ? DIGESTS_SHA256 : 0U) | (has_md5 ? DIGESTS_MD5 : 0U) |
                      (request->crc64 ? DIGESTS_CRC64NVME : 0U);
    /* A part may go to several stores: the first that comes hashes it. */
    if (request->part != NULL)
        request->digests = part_digests(request->part, wanted);
    else
        digests_add(&request->digests, wanted, request->body, request->body_size);

    /* Once, also when the same request is submitted again. */
    if (request->crc64 && !s3_request_has(request, "x-amz-checksum-crc64nvme:")) {
        char crc[S3_CRC64_BASE64];
        s3_request_header(request, "x-amz-checksum-crc64nvme", "%s",
                          s3_crc64_base64(request->digests.crc64nvme, crc));
    }
    if (is_signed)
        digest_hex(request->digests.sha256, SHA256_SIZE, task->payload);
    else
        snprintf(task->payload, sizeof task->payload, "%s",
                 request->payload != NULL ? request->payload : S3_UNSIGNED_PAYLOAD);
}

void s3_request_submit(struct s3_client *client, struct s3_request *request)
{
    struct s3_engine *engine = client->engine;
    struct s3_task *task = memory_zalloc(sizeof *task);
    struct s3_task **place = &engine->tasks;
    /* Not twice at once; and whoever expects a document needs a place for it. */
    assert(request->task == NULL);
    assert(request->root == NULL || request->out != NULL);
    task->client = client;
    task->request = request;
    task->group = request->group;
    task->state = S3_QUEUED;
    task->out_start = request->out != NULL ? request->out->length : 0;
    /* Outside the lock: it takes as long as the body is large. */
    hash_body(task);
    request->answer = (struct s3_answer){0};
    request->task = task;
    pthread_mutex_lock(&engine->lock);
    /* At the end: requests start in the order of submission. */
    while (*place != NULL)
        place = &(*place)->next;
    *place = task;
    pthread_mutex_unlock(&engine->lock);
    s3_http_wake(engine->http);
}

void s3_task_free(struct s3_task *task)
{
    if (task->redirected)
        s3_endpoint_release(&task->redirect);
    free(task);
}

int s3_request_wait(struct s3_client *client, struct s3_request *request, struct err *err)
{
    struct s3_engine *engine = client->engine;
    struct s3_task *task = request->task;
    assert(task != NULL && request->on_done == NULL);
    pthread_mutex_lock(&engine->lock);
    while (!task->done)
        pthread_cond_wait(&engine->changed, &engine->lock);
    pthread_mutex_unlock(&engine->lock);
    /* Out of the engine's list: it is the caller's alone. */
    request->task = NULL;
    bool failed = task->err.kind != ERR_NONE;
    if (failed)
        *err = task->err;
    s3_task_free(task);
    return failed ? -1 : 0;
}

int s3_request_run(struct s3_client *client, struct s3_request *request, struct err *err)
{
    s3_request_submit(client, request);
    return s3_request_wait(client, request, err);
}

void s3_requests_cancel(struct s3_client *client, const void *group)
{
    struct s3_engine *engine = client->engine;
    pthread_mutex_lock(&engine->lock);
    for (;;) {
        /* Anew each time: an on_done may have submitted another one meanwhile. */
        bool any = false;
        for (struct s3_task *task = engine->tasks; task != NULL; task = task->next) {
            if (task->group != group)
                continue;
            task->given_up = true;
            any = true;
        }
        if (!any)
            break;
        s3_http_wake(engine->http);
        pthread_cond_wait(&engine->changed, &engine->lock);
    }
    pthread_mutex_unlock(&engine->lock);
}
