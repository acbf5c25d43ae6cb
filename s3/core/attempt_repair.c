/*
 * What is done between two attempts so that the second can succeed where the first could
 * not. A repair that changed nothing says so (false), and the request ends: the same would
 * fail again.
 */
#include "s3/core/engine.h"

#include "base/log.h"
#include "base/memory.h"

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
    /* The body is hashed once more: if it is still what it was, the line or the service
     * damaged it. */
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
        memory_replace(&client->region, region);
        changed = true;
    }
    /* For the whole client: every other request would be sent to the wrong region as well. */
    if (s3_endpoint_set_region(&client->endpoint, region))
        changed = true;
    pthread_mutex_unlock(&client->lock);
    client->moves += changed;
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

/* Another request may have learned the region while this one was under way: then it is
 * only signed again. Else the region from the header or the <Error>, a Location that is
 * safe, or asked for: by GET, because the answer to a HEAD has no <Error>, and some
 * services name the region nowhere else. */
static bool repair_region(struct s3_task *task)
{
    const struct s3_answer *answer = &task->request->answer;

    if (set_region(task->client, answer->bucket_region) ||
        task->moves_seen != task->client->moves || follow_location(task))
        return true;
    if (task->discovered)
        return false;
    task->before = *answer;
    task->discovered = true;
    task->discovering = true;
    return true;
}

static bool is_extra(const char *line)
{
    static const char *const extras[] = {"If-None-Match:", "x-amz-checksum-",
                                         "x-amz-mp-object-size:"};

    for (size_t i = 0; i < sizeof extras / sizeof extras[0]; i++)
        if (text_starts_with(line, extras[i]))
            return true;
    return false;
}

bool s3_attempt_has_extras(const struct s3_request *request)
{
    for (size_t i = 0; i < request->headers.count; i++)
        if (is_extra(request->headers.items[i]))
            return true;
    return false;
}

void s3_attempt_drop_extras(struct s3_request *request)
{
    struct strlist *headers = &request->headers;
    size_t kept = 0;

    for (size_t i = 0; i < headers->count; i++) {
        if (is_extra(headers->items[i]))
            free(headers->items[i]);
        else
            headers->items[kept++] = headers->items[i];
    }
    headers->count = kept;
}

/* What they guard is guarded by other means, too: a dump of hours is not given up for them.
 */
static bool go_on_without_extras(struct s3_client *client)
{
    if (!client->plain)
        log_warning("the service does not know conditions or checksums, and gets none any "
                    "more; set its provider");
    client->plain = true;
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
    case S3_CLASS_FEATURE:
        if (task->request->answer.status == 501)
            return go_on_without_extras(task->client);
        task->client->no_expect = true;
        return true;
    case S3_CLASS_TRANSIENT:
    case S3_CLASS_NAME:
        task->fresh = true;
        return true;
    case S3_CLASS_THROTTLE:
        /* Another node of the service may have more time (Backblaze asks for just that). */
        task->fresh = task->request->answer.status == 503;
        return true;
    case S3_CLASS_PERMANENT:
    case S3_CLASS_COUNT:
        break;
    }
    return false;
}
