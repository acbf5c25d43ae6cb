/*
 * What came back. A range is judged as soon as its head is there, so that not one wrong
 * byte gets into the caller's buffer; all else is judged at the end, when the body is there
 * too.
 */
#include "s3/core/engine.h"

#include "s3/core/answer.h"
#include "s3/http/xml.h"

enum { SKEW_SECONDS = 300 }; /* from here on we sign with the server's time */

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

bool s3_attempt_head(void *context, int status, CURL *easy)
{
    struct s3_task *task = context;
    struct s3_answer *answer = &task->request->answer;

    s3_answer_head(answer, status, easy);
    task->headed = true;
    if (task->request->ranged && !task->discovering && is_success(answer))
        return check_range(task);
    return true;
}

static bool store_range(struct s3_task *task, const void *data, size_t size)
{
    const struct s3_request *request = task->request;
    /* The buffer is the caller's and has exactly this room, whatever the service sends. */
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

bool s3_attempt_body(void *context, const void *data, size_t size)
{
    struct s3_task *task = context;
    const struct s3_request *request = task->request;

    if (task->discovering || !is_success(&request->answer)) {
        /* Cut at its ceiling: the rest of an error page is read and dropped. */
        text_add_bytes(&task->error_body, data, size);
        return true;
    }
    if (request->ranged)
        return store_range(task, data, size);
    if (request->out != NULL)
        return store_text(task, data, size);
    /* Nothing is expected here, but an <Error> may hide behind 200. */
    text_add_bytes(&task->error_body, data, size);
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
    if (request->out == NULL && !request->ranged && answer->code[0] != '\0') {
        *verdict = s3_error_of_answer(answer->status, answer->code);
        return false;
    }
    if (request->ranged && answer->has_range &&
        task->got != answer->range_last + 1 - request->first) {
        *words = "fewer bytes came than in the range it named";
        *verdict = s3_error_of_curl(CURLE_PARTIAL_FILE);
        return false;
    }
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
    /* curl takes a head that is cut between two lines for a whole one. */
    if (code == CURLE_OK && !task->headed) {
        *words = "the connection was closed in the middle of the answer";
        *verdict = s3_error_of_curl(CURLE_GOT_NOTHING);
        answer->status = 0;
        return false;
    }
    /* A service that refuses a body early may close before curl has read all of its answer. */
    if (code != CURLE_OK && (is_success(answer) || answer->code[0] == '\0')) {
        *words = task->exchange.message;
        *verdict = s3_error_of_curl(code);
        answer->status = 0;
        return false;
    }
    if (is_success(answer))
        return check_success(task, verdict, words);
    *verdict = judge_failure(task);
    if (verdict->class_ == S3_CLASS_PERMANENT && is_accepted(request))
        return true;
    /* curl repeats by itself after a 417, but not when the connection was closed with it. */
    if (answer->status == 417 ||
        (answer->status == 501 && request->lenient && s3_attempt_has_extras(request)))
        verdict->class_ = S3_CLASS_FEATURE;
    return false;
}
