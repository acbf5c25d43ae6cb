#include "s3/engine.h"

#include "base/clock.h"
#include "base/memory.h"
#include "s3/answer.h"
#include "s3/xml.h"

enum {
    STALL_SECONDS = 60,
    LEAST_STALL_SECONDS = 5,
    PATIENCE_SECONDS = 900, /* AWS: a Complete may take several minutes */
    SMALL_BODY = 1 << 20,
    SKEW_SECONDS = 300, /* from here on we sign with the server's time */
};

/* ---- setting up */

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

    if (request->ranged)
        strlist_addf(&task->lines, "Range: bytes=%llu-%llu",
                     (unsigned long long)(request->first + task->got),
                     (unsigned long long)request->last);
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

static int sign(struct s3_task *task, const struct s3_uri *uri, const char *region,
                const char *query, struct err *err)
{
    struct strlist copies = {0};
    struct s3_header *headers = split_headers(&task->lines, &copies);
    struct s3_sign_request request = {.method = task->exchange.method,
                                      .host = uri->host,
                                      .path = uri->path,
                                      .query = query,
                                      .headers = headers,
                                      .header_count = copies.count,
                                      .payload = task->payload,
                                      .region = region,
                                      .service = "s3",
                                      .time = s3_client_time(task->client)};
    int result = s3_sign(task->client->signer, &task->signed_with, &request, &task->lines,
                         NULL, err);

    free(headers);
    s3_sign_lines_release(&copies);
    return result;
}

static void find_address(struct s3_task *task, struct s3_uri *uri, char **region)
{
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
    if (!task->discovering)
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
    int64_t left = task->retry.started_ms + task->retry.budget_ms - clock_monotonic_ms();
    int64_t connect = task->client->connect_timeout_ms;
    int64_t stall = at_least(left / 1000, LEAST_STALL_SECONDS);

    left = at_least(left, 1000);
    exchange->connect_timeout_ms = left < connect ? left : connect;
    exchange->stall_seconds = stall < STALL_SECONDS ? stall : STALL_SECONDS;
    exchange->timeout_ms = left;
    if (request->patient)
        exchange->stall_seconds = PATIENCE_SECONDS;
    if (request->patient || request->body_size > SMALL_BODY || request->out != NULL ||
        request->buffer != NULL)
        exchange->timeout_ms = 0;
}

static bool head_came(void *context, const char *line, size_t size);
static bool body_came(void *context, const void *data, size_t size);

/* On a kept connection that ends without an answer curl sends again by itself, and nobody
 * learns that there were two. That must not happen where the second answer depends on the
 * first. */
static bool may_be_sent_twice(const struct s3_request *request)
{
    if (strcmp(request->method, "POST") == 0)
        return false;
    for (size_t i = 0; i < request->headers.count; i++)
        if (text_starts_with(request->headers.items[i], "If-None-Match:"))
            return false;
    return true;
}

static void set_exchange(struct s3_task *task)
{
    const struct s3_request *request = task->request;
    struct s3_exchange *exchange = &task->exchange;

    exchange->method = task->discovering ? "HEAD" : request->method;
    exchange->body = task->discovering ? NULL : request->body;
    exchange->body_size = task->discovering ? 0 : request->body_size;
    exchange->fresh = task->fresh || !may_be_sent_twice(request);
    exchange->on_header = head_came;
    exchange->on_body = body_came;
    exchange->context = task;
    set_limits(task);
}

int s3_attempt_prepare(struct s3_task *task, struct err *err)
{
    struct s3_request *request = task->request;

    if (task->got > request->last - request->first)
        task->got = 0;
    set_exchange(task);
    s3_answer_clear(&request->answer);
    text_init(&task->error_body, 64 << 10);
    task->refused = NULL;
    if (request->out != NULL && request->out->length > task->out_start) {
        request->out->length = task->out_start;
        request->out->data[task->out_start] = '\0';
    }
    strlist_add(&task->lines, "User-Agent: pgkeep/" PGKEEP_VERSION);
    /* Without Accept-Encoding nobody on the way should unpack anything; some do. */
    strlist_add(&task->lines, "Accept-Encoding: identity");
    strlist_add(&task->lines, "Accept: */*");
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
    s3_sign_lines_release(&task->lines);
    task->lines = (struct strlist){0};
    s3_credentials_release(&task->signed_with);
    free(task->url);
    task->url = NULL;
    text_release(&task->error_body);
}

/* ---- while it runs: on the engine's thread, called by curl */

static bool refuse(struct s3_task *task, const char *why)
{
    task->refused = why;
    return false;
}

/* A service that ignores Range sends all of it: fine where all was asked for. */
static bool is_whole(const struct s3_task *task)
{
    const struct s3_answer *answer = &task->request->answer;

    return task->got == 0 && task->request->first == 0 && answer->has_length &&
           answer->length <= task->request->last + 1;
}

/* The first bytes were of one object; the rest must not be of another. */
static bool same_object(struct s3_task *task)
{
    const struct s3_answer *answer = &task->request->answer;

    if (task->got > 0 && strcmp(task->range_etag, answer->etag) != 0)
        return false;
    memcpy(task->range_etag, answer->etag, sizeof task->range_etag);
    return true;
}

static bool check_range(struct s3_task *task)
{
    const struct s3_request *request = task->request;
    struct s3_answer *answer = &task->request->answer;

    if (answer->status == 200 && is_whole(task)) {
        answer->range_total = answer->length;
        return same_object(task);
    }
    if (answer->status != 206 || !answer->has_range)
        return refuse(task, "the service sent something else than the range asked for");
    uint64_t end =
        request->last < answer->range_total ? request->last : answer->range_total - 1;
    if (answer->range_first != request->first + task->got || answer->range_last != end)
        return refuse(task, "the service sent another range than the one asked for");
    if (!same_object(task)) {
        task->got = 0;
        return refuse(task, "the object was replaced while it was read");
    }
    return true;
}

static bool is_success(const struct s3_answer *answer)
{
    return answer->status >= 200 && answer->status < 300;
}

static bool head_came(void *context, const char *line, size_t size)
{
    struct s3_task *task = context;
    struct s3_answer *answer = &task->request->answer;

    if (!s3_answer_header(answer, line, size))
        return true;
    if (task->request->ranged && !task->discovering && is_success(answer))
        return check_range(task);
    return true;
}

static bool store_range(struct s3_task *task, const void *data, size_t size)
{
    const struct s3_request *request = task->request;
    uint64_t room = request->last - request->first + 1 - task->got;

    if (size > room)
        return refuse(task, "the service sent more than the range asked for");
    memcpy((char *)request->buffer + task->got, data, size);
    task->got += size;
    return true;
}

static bool store_text(struct s3_task *task, const void *data, size_t size)
{
    struct text *out = task->request->out;

    text_add_bytes(out, data, size);
    if (!out->overflowed)
        return true;
    err_set(&task->own, ERR_STORE, "the answer is larger than %zu bytes", out->ceiling);
    return false;
}

static bool body_came(void *context, const void *data, size_t size)
{
    struct s3_task *task = context;
    const struct s3_request *request = task->request;

    if (task->discovering)
        return true;
    if (!is_success(&request->answer)) {
        /* Cut at its ceiling: the rest of an error page is read and dropped. */
        text_add_bytes(&task->error_body, data, size);
        return true;
    }
    if (request->ranged)
        return store_range(task, data, size);
    if (request->out != NULL)
        return store_text(task, data, size);
    return true;
}

/* ---- when it has ended */

static bool is_accepted(const struct s3_request *request)
{
    const struct s3_answer *answer = &request->answer;

    for (int i = 0; i < S3_ACCEPT_MAX; i++)
        if (request->accept[i] != 0 && request->accept[i] == answer->status)
            return strcmp(answer->code, "NoSuchBucket") != 0;
    return false;
}

/* A 2xx document: 200 may be sent before the work is done, and an <Error> follow
 * (S3.md 1.7). */
static bool check_root(struct s3_task *task, struct s3_verdict *verdict, const char **words)
{
    struct s3_request *request = task->request;
    char root[64];
    const char *data = request->out->data + task->out_start;
    size_t size = request->out->length - task->out_start;

    if (s3_answer_error(&request->answer, data, size)) {
        *verdict = s3_error_of_answer(request->answer.status, request->answer.code);
        return false;
    }
    if (s3_xml_root(data, size, root, sizeof root) && strcmp(root, request->root) == 0)
        return true;
    *words = "the document that should have come is missing or damaged";
    /* Repeated a few times only: it may be that the service cannot write it any better. */
    *verdict = (struct s3_verdict){S3_CLASS_DAMAGED, ERR_TRANSIENT, true, NULL};
    return false;
}

static bool check_success(struct s3_task *task, struct s3_verdict *verdict,
                          const char **words)
{
    struct s3_request *request = task->request;
    struct s3_answer *answer = &request->answer;

    if (task->exchange.sent != request->body_size) {
        *words = "it had not read the whole body";
        *verdict = s3_error_of_answer(200, "");
        return false;
    }
    if (request->root != NULL && !check_root(task, verdict, words))
        return false;
    answer->received = task->got;
    if (request->ranged && answer->has_range)
        answer->range_first = request->first;
    if (request->out != NULL)
        answer->received = request->out->length - task->out_start;
    return true;
}

/* HEAD has no <Error>: that the region is wrong shows in a header alone. */
static bool is_head_of_other_region(const struct s3_task *task)
{
    const struct s3_answer *answer = &task->request->answer;

    return strcmp(task->request->method, "HEAD") == 0 && answer->code[0] == '\0' &&
           answer->status == 400 && !task->discovered;
}

static int64_t skew(const struct s3_task *task)
{
    int64_t date = task->request->answer.date;
    int64_t off = date == 0 ? 0 : date - s3_client_time(task->client);
    return off < 0 ? -off : off;
}

static struct s3_verdict judge_failure(struct s3_task *task)
{
    const struct s3_answer *answer = &task->request->answer;
    struct s3_verdict verdict = s3_error_of_answer(answer->status, answer->code);

    if (is_head_of_other_region(task))
        verdict.class_ = S3_CLASS_REDIRECT;
    else if (answer->status == 403 && skew(task) > SKEW_SECONDS)
        verdict.class_ = S3_CLASS_CLOCK;
    return verdict;
}

bool s3_attempt_judge(struct s3_task *task, struct s3_verdict *verdict, const char **words)
{
    struct s3_request *request = task->request;
    struct s3_answer *answer = &request->answer;
    CURLcode code = task->exchange.code;

    (void)s3_answer_error(answer, task->error_body.data, task->error_body.length);
    if (task->refused != NULL) {
        *words = task->refused;
        *verdict = (struct s3_verdict){S3_CLASS_DAMAGED, ERR_CORRUPT, false, NULL};
        return false;
    }
    /* A service that refuses a body early may close before curl has read all of its answer.
     */
    if (code != CURLE_OK && (is_success(answer) || answer->code[0] == '\0')) {
        *words = task->exchange.words;
        *verdict = s3_error_of_curl(code);
        answer->status = 0;
        return false;
    }
    if (is_success(answer))
        return check_success(task, verdict, words);
    *verdict = judge_failure(task);
    return verdict->class_ == S3_CLASS_PERMANENT && is_accepted(request);
}

/* ---- repairs */

static bool repair_clock(struct s3_task *task)
{
    struct s3_client *client = task->client;
    bool known;

    pthread_mutex_lock(&client->lock);
    known = client->clock_known;
    client->clock_applied = client->clock_offset;
    pthread_mutex_unlock(&client->lock);
    return known;
}

static bool repair_body(struct s3_task *task)
{
    const struct s3_request *request = task->request;
    unsigned char md5[MD5_SIZE];

    if (task->refused != NULL)
        task->got = 0;
    if (!request->has_md5)
        return true;
    digest_md5(request->body, request->body_size, md5);
    if (memcmp(md5, request->md5, MD5_SIZE) == 0)
        return true;
    err_set(&task->own, ERR_CORRUPT,
            "the data changed in this machine's memory before it was sent");
    return false;
}

static bool set_region(struct s3_client *client, const char *region)
{
    bool changed = false;

    if (!s3_region_is_valid(region))
        return false;
    pthread_mutex_lock(&client->lock);
    if (strcmp(client->region, region) != 0) {
        free(client->region);
        client->region = memory_strdup(region);
        changed = true;
    }
    if (s3_endpoint_set_region(&client->endpoint, region))
        changed = true;
    pthread_mutex_unlock(&client->lock);
    return changed;
}

/* For this request only. Credentials go no further than s3_endpoint_may_follow allows. */
static bool follow_location(struct s3_task *task)
{
    struct s3_endpoint target;
    struct err ignored = {0};
    bool may;
    char *location = memory_strdup(task->request->answer.location);

    location[strcspn(location, "?#")] = '\0';
    bool absolute =
        text_starts_with(location, "http://") || text_starts_with(location, "https://");
    bool parsed = absolute && !text_ends_with(location, "/") &&
                  s3_endpoint_parse(location, &target, &ignored) == 0;
    free(location);
    if (!parsed)
        return false;
    pthread_mutex_lock(&task->client->lock);
    may = s3_endpoint_may_follow(&task->client->endpoint, target.host) &&
          (target.tls || !task->client->tls);
    pthread_mutex_unlock(&task->client->lock);
    if (!may) {
        s3_endpoint_release(&target);
        return false;
    }
    if (task->redirected)
        s3_endpoint_release(&task->redirect);
    task->redirect = target;
    task->redirected = true;
    return true;
}

/* Region from the header or the <Error>, a Location that is safe, a HEAD of the bucket. */
static bool repair_region(struct s3_task *task)
{
    const struct s3_answer *answer = &task->request->answer;

    if (set_region(task->client, answer->bucket_region) || follow_location(task))
        return true;
    if (task->discovered)
        return false;
    task->before = *answer;
    task->discovered = true;
    task->discovering = true;
    return true;
}

bool s3_attempt_repair(struct s3_task *task, enum s3_class class_)
{
    switch (class_) {
    case S3_CLASS_CLOCK:
        return repair_clock(task);
    case S3_CLASS_CREDENTIALS:
        s3_credentials_invalidate(task->client->credentials, &task->signed_with);
        return true;
    case S3_CLASS_DAMAGED:
        return repair_body(task);
    case S3_CLASS_REDIRECT:
        return repair_region(task);
    case S3_CLASS_TRANSIENT:
    case S3_CLASS_NAME:
        task->fresh = true;
        return true;
    case S3_CLASS_THROTTLE:
        return true;
    case S3_CLASS_PERMANENT:
    case S3_CLASS_COUNT:
        break;
    }
    return false;
}
