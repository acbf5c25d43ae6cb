/*
 * One attempt: address, headers, signature, limits. Everything is made anew for each,
 * because the date is part of the signature, and because region, host, credentials and the
 * headers that a service refuses may have changed since the last one.
 */
#include "s3/core/engine.h"

#include "base/clock.h"
#include "base/memory.h"
#include "s3/core/answer.h"

enum {
    STALL_SECONDS = 60,
    LEAST_STALL_SECONDS = 5,
    PATIENCE_SECONDS = 900, /* AWS: a Complete may take several minutes */
    LEAST_SPEED = 1024,     /* bytes/s: a line that is slower is given up for a new one */
    SMALL_BODY = 1 << 20,
};

static void add_header(struct strlist *lines, const char *name, const char *value)
{
    strlist_addf(lines, "%s: %s", name, value);
}

static void add_md5(struct s3_task *task)
{
    const struct s3_request *request = task->request;
    char md5[4 * ((MD5_SIZE + 2) / 3) + 1];

    if (request->has_md5)
        add_header(&task->lines, "Content-MD5", digest_base64(request->md5, MD5_SIZE, md5));
}

static void add_range(struct s3_task *task)
{
    const struct s3_request *request = task->request;
    unsigned long long first = request->first + task->got;
    unsigned long long last = request->last;

    if (request->ranged)
        strlist_addf(&task->lines, "Range: bytes=%llu-%llu", first, last);
}

static void add_all(struct strlist *out, const struct strlist *from)
{
    for (size_t i = 0; i < from->count; i++)
        strlist_add(out, from->items[i]);
}

/* "Name: value" as the signer wants it: the name ends where the colon was in a copy. */
static struct s3_header *split_headers(const struct strlist *lines, struct strlist *copies)
{
    struct s3_header *headers = memory_array(lines->count + 1, sizeof *headers);

    add_all(copies, lines);
    for (size_t i = 0; i < copies->count; i++) {
        char *colon = strchr(copies->items[i], ':');
        *colon = '\0';
        headers[i].name = copies->items[i];
        headers[i].value = colon + 1 + strspn(colon + 1, " ");
    }
    return headers;
}

/* The question for the region has no body. */
static const char *payload_of(const struct s3_task *task, char hex[SHA256_HEX])
{
    unsigned char sha256[SHA256_SIZE];

    if (!task->discovering)
        return task->payload;
    digest_sha256("", 0, sha256);
    return digest_hex(sha256, sizeof sha256, hex);
}

static int sign(struct s3_task *task, const struct s3_uri *uri, const char *region,
                const char *query, struct err *err)
{
    char payload[SHA256_HEX];
    struct strlist copies = {0};
    struct s3_header *headers = split_headers(&task->lines, &copies);
    struct s3_sign_request request = {.credentials = &task->signed_with,
                                      .method = task->exchange.method,
                                      .host = uri->host,
                                      .path = uri->path,
                                      .query = query,
                                      .headers = headers,
                                      .header_count = copies.count,
                                      .payload = payload_of(task, payload),
                                      .region = region,
                                      .service = "s3",
                                      .time = s3_client_time(task->client)};
    int result = s3_sign(task->client->signer, &request, &task->lines, err);

    free(headers);
    strlist_wipe(&copies);
    return result;
}

static void find_address(struct s3_task *task, struct s3_uri *uri, char **region)
{
    task->moves_seen = task->client->moves;
    s3_client_address(task->client, task->discovering ? NULL : task->request->key, uri,
                      region);
    if (!task->redirected || task->discovering)
        return;
    s3_uri_release(uri);
    s3_uri_init(uri, &task->redirect, false, NULL, NULL);
}

static int address_and_sign(struct s3_task *task, struct err *err)
{
    struct s3_uri uri;
    char *region = NULL;
    struct text query;

    find_address(task, &uri, &region);
    text_init(&query, 16 << 10);
    if (task->discovering)
        text_add(&query, "location=");
    else
        s3_query_text(&task->request->query, &query);
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
    int64_t connect = task->client->connect_timeout_ms;
    int64_t stall = at_least(left / 1000, LEAST_STALL_SECONDS);

    left = at_least(left, 1000);
    exchange->connect_timeout_ms = left < connect ? left : connect;
    exchange->stall_seconds = stall < STALL_SECONDS ? stall : STALL_SECONDS;
    exchange->least_speed = LEAST_SPEED;
    exchange->timeout_ms = left;
    if (request->patient) {
        exchange->stall_seconds = PATIENCE_SECONDS;
        exchange->least_speed = 1;
    }
    if (request->patient || request->body_size > SMALL_BODY || request->out != NULL ||
        request->buffer != NULL)
        exchange->timeout_ms = 0;
}

/* On a kept connection that ends without an answer curl sends again by itself, and nobody
 * learns that there were two. That must not happen where the second answer depends on the
 * first. */
static bool may_be_sent_twice(const struct s3_request *request)
{
    if (strcmp(request->method, "POST") == 0)
        return false;
    return !s3_request_has(request, "If-None-Match:");
}

static void set_exchange(struct s3_task *task)
{
    const struct s3_request *request = task->request;
    struct s3_exchange *exchange = &task->exchange;

    exchange->method = task->discovering ? "GET" : request->method;
    exchange->body = task->discovering ? NULL : request->body;
    exchange->body_size = task->discovering ? 0 : request->body_size;
    exchange->fresh = task->fresh || !may_be_sent_twice(request);
    exchange->no_expect = task->client->no_expect;
    exchange->on_head = s3_attempt_head;
    exchange->on_body = s3_attempt_body;
    exchange->context = task;
    set_limits(task);
}

int s3_attempt_prepare(struct s3_task *task, struct err *err)
{
    struct s3_request *request = task->request;

    /* The whole range is there and still it was no answer (a wrong size, another ETag):
     * from its beginning. */
    if (task->got > request->last - request->first)
        task->got = 0;
    set_exchange(task);
    s3_answer_clear(&request->answer);
    text_init(&task->error_body, 64 << 10);
    task->headed = false;
    task->refused = NULL;
    /* What an attempt that was cut left behind must not stand in front of the next one's. */
    if (request->out != NULL && request->out->length > task->out_start) {
        request->out->length = task->out_start;
        request->out->data[task->out_start] = '\0';
    }
    strlist_add(&task->lines, "User-Agent: pgkeep/" PGKEEP_VERSION);
    /* Without Accept-Encoding nobody on the way should unpack anything; some do. */
    strlist_add(&task->lines, "Accept-Encoding: identity");
    if (task->client->plain && request->lenient)
        s3_attempt_drop_extras(request);
    if (!task->discovering) {
        add_all(&task->lines, &request->headers);
        add_md5(task);
        add_range(task);
    }
    if (s3_credentials_get(task->client->credentials, &task->signed_with, err) < 0 ||
        address_and_sign(task, err) < 0)
        return -1;
    task->exchange.url = task->url;
    task->exchange.headers = &task->lines;
    return 0;
}

void s3_attempt_release(struct s3_task *task)
{
    strlist_wipe(&task->lines);
    task->lines = (struct strlist){0};
    s3_credentials_release(&task->signed_with);
    free(task->url);
    task->url = NULL;
    text_release(&task->error_body);
}
