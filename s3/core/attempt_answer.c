/*
 * What came back. A range is classified as soon as its head is there, so that not one wrong
 * byte gets into the caller's buffer; all else is classified at the end, when the body is
 * there too.
 */
#include "s3/core/engine.h"

#include "s3/core/answer.h"
#include "s3/http/xml.h"

enum { SKEW_SECONDS = 300 }; /* from here on we sign with the server's time */

static bool is_success(const struct s3_answer *answer)
{
    return answer->status >= 200 && answer->status < 300;
}

/* ---- while it runs: on the engine's thread, called by curl ---- */

/* curl then ends the exchange with an error of its own; ours is the one that counts. */
static bool refuse(struct s3_task *task, const char *why)
{
    task->refused = why;
    return false;
}

/* Before a byte of it is taken: the range that was asked for, of the object that was begun. */
static bool check_range(struct s3_task *task)
{
    const struct s3_request *request = task->request;
    struct s3_answer *answer = &task->request->answer;
    /* The first bytes were of one object; the rest must not be of another. */
    bool same = task->received == 0 || strcmp(task->range_etag, answer->etag) == 0;
    /* A service that ignores Range sends all of it: fine where all was asked for. */
    if (answer->status == 200 && task->received == 0 && request->first == 0 &&
        answer->has_length && answer->length <= request->last + 1) {
        answer->range_total = answer->length;
    } else {
        if (answer->status != 206 || !answer->has_range)
            return refuse(task, "the service sent something else than the range asked for");
        /* Its end may be the object's: whoever asked did not have to know the size. */
        uint64_t end =
            request->last < answer->range_total ? request->last : answer->range_total - 1;
        if (answer->range_first != request->first + task->received ||
            answer->range_last != end)
            return refuse(task, "the service sent another range than the one asked for");
    }
    /* Then also what came before is worth nothing: from the first byte, of the new object. */
    if (!same) {
        task->received = 0;
        return refuse(task, "the object was replaced while it was read");
    }
    memcpy(task->range_etag, answer->etag, sizeof task->range_etag);
    return true;
}

bool s3_attempt_head(void *context, int status, CURL *easy)
{
    struct s3_task *task = context;
    struct s3_answer *answer = &task->request->answer;
    s3_answer_head(answer, status, easy);
    task->head_complete = true;
    /* Refusals have documents, no ranges. */
    return !task->request->ranged || task->discovering || !is_success(answer) ||
           check_range(task);
}

bool s3_attempt_body(void *context, const void *data, size_t size)
{
    struct s3_task *task = context;
    struct s3_request *request = task->request;
    if (request->ranged && !task->discovering && is_success(&request->answer)) {
        /* The buffer is the caller's and has exactly this room, whatever the service sends. */
        uint64_t room = request->last - request->first + 1 - task->received;
        if (size > room)
            return refuse(task, "the service sent more than the range asked for");
        memcpy((char *)request->buffer + task->received, data, size);
        task->received += size;
        return true;
    }
    /* A document for the caller. That it has no end is final: it would be as large again. */
    if (request->out != NULL && !task->discovering && is_success(&request->answer)) {
        text_add_bytes(request->out, data, size);
        if (!request->out->overflowed)
            return true;
        err_set(&task->local_err, ERR_STORE, "the answer is larger than %zu bytes",
                request->out->ceiling);
        return false;
    }
    /* An error page, or an <Error> that hides behind 200 where nothing is expected. Cut at
     * its ceiling: the rest is read and dropped. */
    text_add_bytes(&task->error_body, data, size);
    return true;
}

/* ---- when it has ended ---- */

/* It is no answer: what that means, and why, where the service's own words say too little. */
static bool reject(struct s3_task *task, struct s3_verdict verdict, const char *why)
{
    task->verdict = verdict;
    task->why = why;
    return false;
}

/* A 2xx document: 200 may be sent before the work is done, and an <Error> follow
 * (S3.md 1.7). */
static bool check_root(struct s3_task *task)
{
    struct s3_request *request = task->request;
    char root[64];
    const char *data = request->out->data + task->out_start;
    size_t size = request->out->length - task->out_start;
    /* Its code is classified as that of any refusal, whatever the status says. */
    if (s3_answer_error(&request->answer, data, size))
        return reject(
            task, s3_error_of_answer(request->answer.status, request->answer.code), NULL);
    if (s3_xml_root(data, size, root, sizeof root) && strcmp(root, request->root) == 0)
        return true;
    /* Repeated a few times only: it may be that the service cannot write it any better. */
    return reject(task, (struct s3_verdict){S3_CLASS_DAMAGED, ERR_TRANSIENT, true, NULL},
                  "the document that should have come is missing or damaged");
}

/* Does the answer to a body show that it arrived as it was sent? The ETag of an object or
 * part is its MD5 with most services; it is all there is where Content-MD5 is ignored. */
static bool check_body(struct s3_task *task)
{
    const struct s3_request *request = task->request;
    const struct s3_answer *answer = &request->answer;
    struct s3_engine *engine = task->client->engine;
    uint64_t crc64;
    /* Once, that is a gateway's empty answer, and the body is sent again. Twice in a row, of
     * whatever requests, somebody takes them away, and no try will bring one. */
    bool before = engine->no_etags;
    engine->no_etags = answer->etag[0] == '\0';
    if (engine->no_etags)
        return reject(
            task,
            (struct s3_verdict){
                before ? S3_CLASS_PERMANENT : S3_CLASS_DAMAGED, ERR_STORE, true,
                "S3 gives one for every PUT: does a proxy on the way drop headers?"},
            "it gave no ETag, so nothing shows what has arrived");
    bool other_md5 =
        (request->digests.known & DIGESTS_MD5) != 0 &&
        s3_client_etag_differs(task->client, answer->etag, request->digests.md5);
    bool other_crc = request->crc64 &&
                     s3_crc64_from_base64(answer->checksum_crc64nvme, &crc64) &&
                     crc64 != request->digests.crc64nvme;
    if (!other_md5 && !other_crc)
        return true;
    snprintf(task->message, sizeof task->message,
             "what it has is not what was sent (ETag %.80s%s)", answer->etag,
             other_crc ? ", another CRC-64" : "");
    /* It stands there all the same: a condition on the key would now meet our own. */
    task->written_damaged = true;
    return reject(task, (struct s3_verdict){S3_CLASS_DAMAGED, ERR_CORRUPT, true, NULL},
                  task->message);
}

/* A 2xx is an answer only when nothing contradicts it: all of the body went out, and what came
 * back is whole and what was asked for. */
static bool check_success(struct s3_task *task)
{
    struct s3_request *request = task->request;
    struct s3_answer *answer = &request->answer;
    /* Nobody can have stored what was not sent (curl takes an early 200 for an end). */
    if (task->exchange.sent != request->body_size)
        return reject(task, s3_error_of_answer(200, ""), "it had not read the whole body");
    if (request->root != NULL && !check_root(task))
        return false;
    /* An <Error> where nothing was to come. */
    if (request->out == NULL && !request->ranged && answer->code[0] != '\0')
        return reject(task, s3_error_of_answer(answer->status, answer->code), NULL);
    /* Content-Length bounds one exchange; a range may have come in several. */
    if (request->ranged && answer->has_range &&
        task->received != answer->range_last + 1 - request->first)
        return reject(task, s3_error_of_curl(CURLE_PARTIAL_FILE),
                      "fewer bytes came than in the range it named");
    if (request->expect_etag && !check_body(task))
        return false;
    /* To the caller the range is one, however often it was cut. */
    answer->received =
        request->out != NULL ? request->out->length - task->out_start : task->received;
    if (request->ranged && answer->has_range)
        answer->range_first = request->first;
    return true;
}

/* Conflicts that no waiting ends: a bucket that cannot take it, and an object in the place of a
 * folder of the key, or the other way (versitygw and MinIO keep keys as files). */
static bool is_lasting_conflict(const char *code)
{
    static const char *const codes[] = {"InvalidBucketState", "ObjectParentIsFile",
                                        "ExistingObjectIsDirectory", "XMinioParentIsObject",
                                        "XMinioObjectExistsAsDirectory"};
    return text_is_any(code, codes, sizeof codes / sizeof *codes);
}

/* AWS, of parts into a bucket with default retention: "Content-MD5 OR x-amz-checksum- HTTP header
 * is required" (S3.md 1.8). */
static bool asks_for_md5(const struct s3_request *request)
{
    return request->answer.status == 400 && request->no_md5 &&
           (request->digests.known & DIGESTS_MD5) == 0 &&
           strstr(request->answer.message, "Content-MD5") != NULL &&
           digest_available(DIGEST_MD5);
}

/* What an answer other than 2xx means, where it is not the code or status alone. */
static struct s3_verdict classify_failure(struct s3_task *task)
{
    const struct s3_request *request = task->request;
    const struct s3_answer *answer = &request->answer;
    struct s3_verdict verdict = s3_error_of_answer(answer->status, answer->code);
    int64_t off = answer->date != 0 ? answer->date - s3_client_time(task->client) : 0;
    /* HEAD has no <Error>: that the region is wrong shows in a header alone, or not at all, and
     * then the question for it does. */
    if (answer->status == 400 && answer->code[0] == '\0' && !task->discovered &&
        strcmp(request->method, "HEAD") == 0)
        verdict.class_ = S3_CLASS_REDIRECT;
    /* A service may say AccessDenied where it is the clock; Date tells. */
    else if (answer->status == 403 && (off > SKEW_SECONDS || off < -SKEW_SECONDS))
        verdict.class_ = S3_CLASS_CLOCK;
    /* Another writer of the key is at it, whatever a service calls it: a matter of time, and no
     * judgement of what was sent. */
    else if (answer->status == 409 && !is_lasting_conflict(answer->code) &&
             s3_request_has(request, "If-None-Match:"))
        verdict = s3_error_of_answer(409, "ConditionalRequestConflict");
    return verdict;
}

bool s3_attempt_classify(struct s3_task *task)
{
    struct s3_request *request = task->request;
    struct s3_answer *answer = &request->answer;
    CURLcode code = task->exchange.code;
    /* Whatever ended it: an <Error> that came says more than curl does. */
    (void)s3_answer_error(answer, task->error_body.data, task->error_body.length);

    /* Our own callbacks ended it: what came was wrong. */
    if (task->refused != NULL)
        return reject(task, (struct s3_verdict){S3_CLASS_DAMAGED, ERR_CORRUPT, false, NULL},
                      task->refused);

    /* No answer. curl takes a head that is cut between two lines for a whole one. And a
     * service that refuses a body early may close before curl has read all of its answer:
     * its <Error> counts. */
    bool cut = code == CURLE_OK && !task->head_complete;
    if (cut || (code != CURLE_OK && (is_success(answer) || answer->code[0] == '\0'))) {
        answer->status = 0;
        return reject(task, s3_error_of_curl((int)(cut ? CURLE_GOT_NOTHING : code)),
                      cut ? "the connection was closed in the middle of the answer"
                          : task->exchange.message);
    }
    if (is_success(answer))
        return check_success(task);

    /* A refusal that the caller counts with is its answer, unless another try may do better, or
     * it speaks of the bucket and not of the key. */
    struct s3_verdict verdict = classify_failure(task);
    bool accepted = false;
    for (int i = 0; i < S3_ACCEPT_MAX; i++)
        accepted =
            accepted || (request->accept[i] != 0 && request->accept[i] == answer->status);
    if (accepted && verdict.class_ == S3_CLASS_PERMANENT &&
        strcmp(answer->code, "NoSuchBucket") != 0)
        return true;
    /* curl repeats by itself after a 417, but not when the connection was closed with it. */
    if (answer->status == 417 || asks_for_md5(request) ||
        (answer->status == 501 && request->optional_headers &&
         s3_attempt_has_optional_headers(request)))
        verdict.class_ = S3_CLASS_FEATURE;
    return reject(task, verdict, NULL);
}
