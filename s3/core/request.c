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

void s3_request_init(struct s3_request *request, const char *method, const char *key)
{
    *request = (struct s3_request){.method = method, .key = memory_strdup(key)};
    s3_query_init(&request->query);
}

void s3_request_header(struct s3_request *request, const char *name, const char *format,
                       ...)
{
    struct text line;
    va_list arguments;
    char value[MAX_HEADER];

    va_start(arguments, format);
    vsnprintf(value, sizeof value, format, arguments);
    va_end(arguments);
    text_init(&line, MAX_HEADER + 256);
    text_addf(&line, "%s: %s", name, value);
    strlist_add(&request->headers, line.data);
    text_release(&line);
}

bool s3_request_has(const struct s3_request *request, const char *start)
{
    for (size_t i = 0; i < request->headers.count; i++)
        if (text_starts_with(request->headers.items[i], start))
            return true;
    return false;
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

void s3_task_free(struct s3_task *task)
{
    if (task->redirected)
        s3_endpoint_release(&task->redirect);
    free(task);
}

/* The payload line of the signature. Without a body there is nothing to save. */
static void hash_payload(struct s3_task *task)
{
    const struct s3_request *request = task->request;
    unsigned char sha256[SHA256_SIZE];

    if (request->payload != NULL) {
        snprintf(task->payload, sizeof task->payload, "%s", request->payload);
        return;
    }
    if (request->body_size > 0 && !task->client->signs_payload &&
        digest_available(DIGEST_MD5)) {
        snprintf(task->payload, sizeof task->payload, "%s", S3_UNSIGNED_PAYLOAD);
        return;
    }
    digest_sha256(request->body_size > 0 ? request->body : "", request->body_size, sha256);
    digest_hex(sha256, sizeof sha256, task->payload);
}

/* Where OpenSSL has no MD5 (FIPS) there is the payload's SHA-256 in the signature. */
static void hash_body(struct s3_request *request)
{
    bool has_body = request->body_size > 0 || strcmp(request->method, "PUT") == 0;

    if (!has_body || request->has_md5 || !digest_available(DIGEST_MD5))
        return;
    digest_md5(request->body_size > 0 ? request->body : "", request->body_size,
               request->md5);
    request->has_md5 = true;
}

void s3_request_submit(struct s3_client *client, struct s3_request *request)
{
    struct s3_task *task = memory_zalloc(sizeof *task);
    struct s3_task **place = &client->tasks;

    assert(request->task == NULL);
    assert(request->root == NULL || request->out != NULL);
    hash_body(request);
    task->client = client;
    task->request = request;
    task->group = request->group;
    task->state = S3_QUEUED;
    task->out_start = request->out != NULL ? request->out->length : 0;
    hash_payload(task);
    request->answer = (struct s3_answer){0};
    request->task = task;
    pthread_mutex_lock(&client->lock);
    /* At the end: requests start in the order of submission. */
    while (*place != NULL)
        place = &(*place)->next;
    *place = task;
    pthread_mutex_unlock(&client->lock);
    s3_http_wake(client->http);
}

int s3_request_wait(struct s3_client *client, struct s3_request *request, struct err *err)
{
    struct s3_task *task = request->task;

    assert(task != NULL && request->on_done == NULL);
    pthread_mutex_lock(&client->lock);
    while (!task->done)
        pthread_cond_wait(&client->changed, &client->lock);
    pthread_mutex_unlock(&client->lock);
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

/* Under the lock. */
static bool mark_group(struct s3_client *client, const void *group)
{
    bool any = false;

    for (struct s3_task *task = client->tasks; task != NULL; task = task->next) {
        if (task->group != group)
            continue;
        task->given_up = true;
        any = true;
    }
    return any;
}

void s3_requests_cancel(struct s3_client *client, const void *group)
{
    pthread_mutex_lock(&client->lock);
    /* An on_done may have submitted another one meanwhile. */
    while (mark_group(client, group)) {
        s3_http_wake(client->http);
        pthread_cond_wait(&client->changed, &client->lock);
    }
    pthread_mutex_unlock(&client->lock);
}
