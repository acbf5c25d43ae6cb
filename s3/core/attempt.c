/*
 * One attempt: address, headers, signature, limits. Everything is made anew for each,
 * because the date is part of the signature, and because region, host, credentials and the
 * headers that a service refuses may have changed since the last one.
 */
#include "s3/core/engine.h"

#include "base/memory.h"
#include "s3/core/answer.h"

#include <inttypes.h>

enum {
    STALL_SECONDS = 60,
    LEAST_STALL_SECONDS = 5,
    LONG_STALL_SECONDS = 900, /* AWS: a Complete may take several minutes */
    LEAST_SPEED = 1024,       /* bytes/s: a line that is slower is given up for a new one */
    SMALL_BODY = 1 << 20,
};

/* All that goes out but the signature's own. The question for the region takes none of the
 * request's: they are of an object. */
static void add_headers(struct s3_task *task)
{
    const struct s3_request *request = task->request;
    char md5[4 * ((MD5_SIZE + 2) / 3) + 1];
    strlist_add(&task->lines, "User-Agent: pgkeep/" PGKEEP_VERSION);
    /* Without Accept-Encoding nobody on the way should unpack anything; some do. */
    strlist_add(&task->lines, "Accept-Encoding: identity");
    if (task->discovering)
        return;
    for (size_t i = 0; i < request->headers.count; i++)
        strlist_add(&task->lines, request->headers.items[i]);
    /* For every body: a service that compares it refuses what the line has damaged. */
    if ((request->digests.known & DIGESTS_MD5) != 0)
        strlist_addf(&task->lines, "Content-MD5: %s",
                     digest_base64(request->digests.md5, MD5_SIZE, md5));
    /* What came before the last attempt was cut need not come again. */
    if (request->ranged)
        strlist_addf(&task->lines, "Range: bytes=%" PRIu64 "-%" PRIu64,
                     request->first + task->received, request->last);
}

/* Adds the signature and what belongs to it to the lines. */
static int sign(struct s3_task *task, const struct s3_uri *uri, const char *region,
                const char *query, struct err *err)
{
    /* SHA-256 of nothing: the question for the region has no body. */
    static const char empty[] =
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    struct strlist copies = {0};
    struct s3_header *headers = memory_array(task->lines.count, sizeof *headers);
    /* "Name: value" as the signer wants it: the name ends where the colon was in a copy. */
    for (size_t i = 0; i < task->lines.count; i++) {
        strlist_add(&copies, task->lines.items[i]);
        char *colon = strchr(copies.items[i], ':');
        *colon = '\0';
        headers[i].name = copies.items[i];
        headers[i].value = colon + 1 + strspn(colon + 1, " ");
    }
    /* With the time as the service sees it: its clock decides whether a signature is too old. */
    struct s3_sign_request request = {.credentials = &task->signed_with,
                                      .method = task->exchange.method,
                                      .host = uri->host,
                                      .path = uri->path,
                                      .query = query,
                                      .headers = headers,
                                      .header_count = copies.count,
                                      .payload = task->discovering ? empty : task->payload,
                                      .region = region,
                                      .service = "s3",
                                      .time = s3_client_time(task->client)};
    int result = s3_sign(s3_client_signer(task->client), &request, &task->lines, err);

    free(headers);
    /* A key of SSE-C may be among them. */
    strlist_wipe(&copies);
    return result;
}

/* Where this attempt goes, and the proof that it is ours. */
static int address_and_sign(struct s3_task *task, struct err *err)
{
    struct s3_request *request = task->request;
    struct s3_uri uri;
    char *region = NULL;
    struct text query;
    /* The region is asked of the bucket. A redirect holds for this request alone, and its
     * path is whole. */
    task->region_version = task->client->engine->region_version;
    s3_client_address(task->client, task->discovering ? NULL : request->key, &uri, &region);
    if (task->redirected && !task->discovering) {
        s3_uri_release(&uri);
        s3_uri_init(&uri, &task->redirect, false, NULL, NULL);
    }

    /* The same text is signed and sent. */
    text_init(&query, 16 << 10);
    if (task->discovering)
        text_add(&query, "location=");
    else
        s3_query_text(&request->query, &query);
    int result = text_check(&query, "the query", err);
    if (result == 0)
        result = sign(task, &uri, region, query.data, err);
    if (result == 0)
        task->url = s3_uri_text(&uri, query.data);
    text_release(&query);
    s3_uri_release(&uri);
    free(region);
    return result;
}

static int64_t at_least(int64_t value, int64_t least)
{
    return value > least ? value : least;
}

/* A try that hangs must not outlive the budget by much; a large body that flows may. */
static void set_limits(struct s3_task *task)
{
    const struct s3_request *request = task->request;
    struct s3_exchange *exchange = &task->exchange;
    int64_t left =
        task->retry.started_ms + task->retry.budget_ms - s3_client_now(task->client);
    int64_t connect = task->client->engine->connect_timeout_ms;
    int64_t stall = at_least(left / 1000, LEAST_STALL_SECONDS);
    /* The last try, which begins at the very end, has a second. */
    left = at_least(left, 1000);
    exchange->connect_timeout_ms = left < connect ? left : connect;
    exchange->stall_seconds = stall < STALL_SECONDS ? stall : STALL_SECONDS;
    exchange->least_speed = LEAST_SPEED;
    exchange->timeout_ms = left;
    /* A service that puts an object together is silent for minutes, and not dead. */
    if (request->long_running) {
        exchange->stall_seconds = LONG_STALL_SECONDS;
        exchange->least_speed = 1;
    }
    /* What may take its time by right is bounded by its speed alone. */
    if (request->long_running || request->body_size > SMALL_BODY || request->out != NULL ||
        request->buffer != NULL)
        exchange->timeout_ms = 0;
}

/* On a kept connection that ends without an answer curl sends again by itself, and nobody
 * learns that there were two. That must not happen where the second answer depends on the
 * first. */
static bool may_be_sent_twice(const struct s3_request *request)
{
    return strcmp(request->method, "POST") != 0 &&
           !s3_request_has(request, "If-None-Match:");
}

int s3_attempt_prepare(struct s3_task *task, struct err *err)
{
    const struct s3_engine *engine = task->client->engine;
    struct s3_request *request = task->request;
    struct s3_exchange *exchange = &task->exchange;
    /* Nothing of the last attempt is left, in the answer or with the caller; but of a range
     * the bytes that came. */
    s3_answer_clear(&request->answer);
    text_init(&task->error_body, 64 << 10);
    task->head_complete = task->written_damaged = false;
    task->refused = NULL;
    if (request->out != NULL && request->out->length > task->out_start) {
        request->out->length = task->out_start;
        request->out->data[task->out_start] = '\0';
    }
    /* The whole range is there and still it was no answer (a wrong size, another ETag):
     * from its beginning. */
    if (task->received > request->last - request->first)
        task->received = 0;

    /* The region is asked for by GET whatever the request is: the answer needs a body. */
    exchange->method = task->discovering ? "GET" : request->method;
    exchange->body = task->discovering ? NULL : request->body;
    exchange->body_size = task->discovering ? 0 : request->body_size;
    exchange->fresh = task->fresh || !may_be_sent_twice(request);
    exchange->no_expect = engine->no_expect;
    exchange->on_head = s3_attempt_head;
    exchange->on_body = s3_attempt_body;
    exchange->context = task;
    set_limits(task);

    /* Headers last, when all that may take some away is known; then keys, address, signature. */
    if (engine->no_extensions && request->optional_headers)
        s3_attempt_drop_optional_headers(request);
    add_headers(task);
    if (s3_credentials_get(engine->credentials, &task->signed_with, err) < 0 ||
        address_and_sign(task, err) < 0)
        return -1;
    exchange->url = task->url;
    exchange->headers = &task->lines;
    return 0;
}

/* Wiped: signatures and tokens stand in the lines. */
void s3_attempt_release(struct s3_task *task)
{
    strlist_wipe(&task->lines);
    task->lines = (struct strlist){0};
    s3_credentials_release(&task->signed_with);
    free(task->url);
    task->url = NULL;
    text_release(&task->error_body);
}
