/*
 * What is done between two attempts so that the second can succeed where the first could
 * not. A repair that changed nothing says so (false), and the request ends: the same would
 * fail again.
 */
#include "s3/core/engine.h"

#include "base/log.h"
#include "base/memory.h"

/* The body is hashed once more: if it is still what it was, the line or the service damaged
 * it. */
static bool repair_body(struct s3_task *task)
{
    struct s3_request *request = task->request;
    static const char *const condition[] = {"If-None-Match:"};
    struct digests now = {0};
    /* Of a range whose bytes cannot be trusted nothing is kept. */
    if (task->refused != NULL)
        task->received = 0;
    digests_add(&now, request->digests.known & (DIGESTS_MD5 | DIGESTS_SHA256),
                request->body, request->body_size);
    bool other_md5 = (now.known & DIGESTS_MD5) != 0 &&
                     memcmp(now.md5, request->digests.md5, MD5_SIZE) != 0;
    bool other_sha256 = (now.known & DIGESTS_SHA256) != 0 &&
                        memcmp(now.sha256, request->digests.sha256, SHA256_SIZE) != 0;
    if (other_md5 || other_sha256) {
        err_set(&task->local_err, ERR_CORRUPT,
                "the data changed in this machine's memory before it was sent");
        return false;
    }
    /* What stands under the key now is ours: the next attempt must not trip over it. */
    if (task->written_damaged)
        s3_request_drop(request, condition, 1);
    return true;
}

/* For the whole client: every other request would be sent to the wrong region as well. */
static bool set_region(struct s3_engine *engine, const char *region)
{
    bool changed = false;
    /* It becomes part of a signature, and of Amazon's host name. */
    if (!s3_region_is_valid(region))
        return false;
    pthread_mutex_lock(&engine->lock);
    if (strcmp(engine->region, region) != 0) {
        memory_replace(&engine->region, region);
        changed = true;
    }
    if (s3_endpoint_set_region(&engine->endpoint, region))
        changed = true;
    pthread_mutex_unlock(&engine->lock);
    /* Requests under way that are refused for the old one see that it is no longer the same. */
    engine->region_version += changed;
    return changed;
}

/* For this request only. Credentials go no further than s3_endpoint_may_follow allows. */
static bool follow_location(struct s3_task *task)
{
    struct s3_engine *engine = task->client->engine;
    struct s3_endpoint target;
    struct err ignored = {0};
    char *location = memory_strdup(task->request->answer.location);
    /* Its query would be signed for us; ours is put behind it again. Only a whole URL says which
     * host is meant. */
    location[strcspn(location, "?#")] = '\0';
    bool absolute =
        text_starts_with(location, "http://") || text_starts_with(location, "https://");
    bool parsed = absolute && !text_ends_with(location, "/") &&
                  s3_endpoint_parse(location, &target, &ignored) == 0;
    free(location);
    if (!parsed)
        return false;
    pthread_mutex_lock(&engine->lock);
    /* Below the endpoint, and never from TLS to plain http. */
    bool may = s3_endpoint_may_follow(&engine->endpoint, target.host) &&
               (target.tls || !engine->tls);
    pthread_mutex_unlock(&engine->lock);
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

/* Another request may have learned the region while this one was under way: then it is
 * only signed again. Else the region from the header or the <Error>, a Location that is
 * safe, or asked for: by GET, because the answer to a HEAD has no <Error>, and some
 * services name the region nowhere else. */
static bool repair_region(struct s3_task *task)
{
    struct s3_engine *engine = task->client->engine;
    const struct s3_answer *answer = &task->request->answer;
    if (set_region(engine, answer->bucket_region) ||
        task->region_version != engine->region_version || follow_location(task))
        return true;
    /* Asked once for a request; a second refusal is the service's word. */
    if (task->discovered)
        return false;
    task->before = *answer;
    task->discovered = true;
    task->discovering = true;
    return true;
}

/* What they guard is guarded by other means, too: a dump of hours is not given up for them. */
static const char *const optional_headers[] = {"If-None-Match:", "x-amz-checksum-",
                                               "x-amz-mp-object-size:"};
enum { OPTIONAL_HEADERS = sizeof optional_headers / sizeof optional_headers[0] };

bool s3_attempt_has_optional_headers(const struct s3_request *request)
{
    for (size_t i = 0; i < OPTIONAL_HEADERS; i++)
        if (s3_request_has(request, optional_headers[i]))
            return true;
    return false;
}

void s3_attempt_drop_optional_headers(struct s3_request *request)
{
    s3_request_drop(request, optional_headers, OPTIONAL_HEADERS);
    request->crc64 = false;
}

bool s3_attempt_repair(struct s3_task *task, enum s3_class class_)
{
    struct s3_engine *engine = task->client->engine;
    int status = task->request->answer.status;
    switch (class_) {
    /* For all requests that follow. Without a Date nothing is known that would help. */
    case S3_CLASS_CLOCK: {
        pthread_mutex_lock(&engine->lock);
        bool known = engine->clock_known;
        engine->clock_applied = engine->clock_offset;
        pthread_mutex_unlock(&engine->lock);
        return known;
    }
    /* Only if they still are those that were refused: another request may have been faster. */
    case S3_CLASS_CREDENTIALS:
        s3_credentials_invalidate(engine->credentials, &task->signed_with);
        return true;
    case S3_CLASS_DAMAGED:
        return repair_body(task);
    case S3_CLASS_REDIRECT:
        return repair_region(task);
    case S3_CLASS_FEATURE:
        /* Now and in all that follows; the signed SHA-256 stays. */
        if (status == 400) {
            atomic_store(&engine->wants_md5, true);
            digests_add(&task->request->digests, DIGESTS_MD5, task->request->body,
                        task->request->body_size);
            return true;
        }
        /* 417: a proxy that knows no Expect. From now on bodies go out unasked. */
        if (status != 501) {
            engine->no_expect = true;
            return true;
        }
        if (!engine->no_extensions)
            log_warning("the service does not know conditions or checksums, and gets none "
                        "any more; set its provider");
        engine->no_extensions = true;
        return true;
    /* A connection that failed once is not tried twice; the next takes another address. */
    case S3_CLASS_TRANSIENT:
    case S3_CLASS_NAME:
        task->fresh = true;
        return true;
    case S3_CLASS_THROTTLE:
        /* Another node of the service may have more time (Backblaze asks for just that). */
        task->fresh = status == 503;
        return true;
    case S3_CLASS_PERMANENT:
    case S3_CLASS_COUNT:
        break;
    }
    return false;
}
