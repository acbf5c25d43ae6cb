#define _GNU_SOURCE /* POLLRDHUP */
#include "tests/support/fake_s3_internal.h"

#include "base/clock.h"

#include <poll.h>
#include <strings.h>

static struct fake_request *record(struct fake_call *call)
{
    return &call->fake->requests[call->number - 1];
}

/* ---- what runs at the same time; under the lock ---- */

/* A client that hung up is not waiting for its answer any more. */
static bool is_waited_for(const struct fake_link *link)
{
    struct pollfd wait = {.fd = link->fd, .events = POLLRDHUP};

    return link->fd >= 0 && poll(&wait, 1, 0) <= 0;
}

static bool runs(const struct fake_call *call, const struct fake_call *other)
{
    return other != NULL && other != call && is_waited_for(other->link);
}

static bool is_op(const struct fake_call *call, const char *name)
{
    return strcmp(call->op->name, name) == 0;
}

static bool is_ending(const struct fake_call *call)
{
    return is_op(call, "CompleteMultipartUpload") || is_op(call, "AbortMultipartUpload");
}

static bool same_upload(const struct fake_call *a, const struct fake_call *b)
{
    return a->upload_id != NULL && b->upload_id != NULL &&
           strcmp(a->upload_id, b->upload_id) == 0;
}

static void count_running(struct fake_call *call)
{
    struct fake_s3_stats *stats = &call->fake->stats;
    unsigned parts = is_op(call, "UploadPart");

    for (struct fake_link *link = call->fake->links; link != NULL; link = link->next) {
        const struct fake_call *other = link->call;
        if (!runs(call, other))
            continue;
        parts += is_op(other, "UploadPart");
        if (is_op(call, "UploadPart") && is_op(other, "UploadPart") &&
            same_upload(call, other) && call->part == other->part)
            stats->same_part_in_flight++;
        if (is_ending(call) && is_ending(other) && same_upload(call, other))
            stats->endings_in_flight++;
    }
    if (is_op(call, "UploadPart") && parts > stats->parts_in_flight)
        stats->parts_in_flight = parts;
}

static void count_afterwards(struct fake_call *call)
{
    const struct fake_upload *upload =
        call->upload_id != NULL ? fake_upload_find(call->fake, call->upload_id) : NULL;

    if (upload == NULL)
        return;
    if (upload->state == FAKE_UPLOAD_ABORTED &&
        (is_op(call, "UploadPart") || is_op(call, "CompleteMultipartUpload")))
        call->fake->stats.completes_after_abort++;
    if (upload->state == FAKE_UPLOAD_COMPLETED && is_op(call, "AbortMultipartUpload"))
        call->fake->stats.aborts_after_complete++;
}

static void count_date(struct fake_call *call)
{
    const char *date = fake_header(call, "X-Amz-Date");
    const char *signature = fake_header(call, "Authorization");
    struct text both;

    if (date == NULL || signature == NULL)
        return;
    text_init(&both, FAKE_BUFFER_SIZE);
    text_addf(&both, "%s %s", date, signature);
    if (strlist_has(&call->fake->signatures, both.data))
        call->fake->stats.repeated_dates++;
    else
        strlist_add(&call->fake->signatures, both.data);
    text_release(&both);
}

/* ---- a request's life ---- */

void fake_records_begin(struct fake_call *call)
{
    struct fake_s3 *fake = call->fake;

    pthread_mutex_lock(&fake->lock);
    memory_grow(&fake->requests, &fake->request_capacity, fake->request_count + 1,
                sizeof *fake->requests);
    call->number = (unsigned)++fake->request_count;
    *record(call) = (struct fake_request){.number = call->number,
                                          .op = memory_strdup(call->op->name),
                                          .method = memory_strdup(call->method),
                                          .target = memory_strdup(call->target),
                                          .key = memory_strdup(call->key),
                                          .upload_id = memory_strdup(call->upload_id),
                                          .part = call->part,
                                          .headers = memory_strdup(call->headers),
                                          .connection = call->link->number,
                                          .started_ms = clock_monotonic_ms()};
    fake_faults_match(call);
    count_running(call);
    count_afterwards(call);
    count_date(call);
    call->link->call = call;
    pthread_mutex_unlock(&fake->lock);
}

void fake_records_signed(struct fake_call *call, bool bad)
{
    pthread_mutex_lock(&call->fake->lock);
    record(call)->signed_well = call->signed_well;
    call->fake->stats.bad_signatures += bad;
    pthread_mutex_unlock(&call->fake->lock);
}

void fake_records_answering(struct fake_call *call)
{
    pthread_mutex_lock(&call->fake->lock);
    struct fake_request *request = record(call);
    call->link->call = NULL;
    request->body_size = call->body_size;
    request->status = call->limit == 0 && !call->limit_is_body ? 0 : call->status;
    request->ended_ms = clock_monotonic_ms();
    pthread_mutex_unlock(&call->fake->lock);
}

void fake_records_end(struct fake_call *call)
{
    pthread_mutex_lock(&call->fake->lock);
    call->link->call = NULL;
    record(call)->body_size = call->body_size;
    record(call)->ended_ms = clock_monotonic_ms();
    pthread_mutex_unlock(&call->fake->lock);
}

void fake_records_free(struct fake_s3 *fake)
{
    for (size_t i = 0; i < fake->request_count; i++)
        fake_request_release(&fake->requests[i]);
    free(fake->requests);
    strlist_release(&fake->signatures);
}

/* ---- for the tests ---- */

unsigned fake_s3_count(struct fake_s3 *fake, const char *op)
{
    unsigned count = 0;

    pthread_mutex_lock(&fake->lock);
    for (size_t i = 0; i < fake->request_count; i++)
        count += op == NULL || strcmp(fake->requests[i].op, op) == 0;
    pthread_mutex_unlock(&fake->lock);
    return count;
}

static void copy_request(const struct fake_request *from, struct fake_request *to)
{
    *to = *from;
    to->op = memory_strdup(from->op);
    to->method = memory_strdup(from->method);
    to->target = memory_strdup(from->target);
    to->key = memory_strdup(from->key);
    to->upload_id = memory_strdup(from->upload_id);
    to->headers = memory_strdup(from->headers);
}

bool fake_s3_request(struct fake_s3 *fake, const char *op, unsigned nth,
                     struct fake_request *out)
{
    bool found = false;

    pthread_mutex_lock(&fake->lock);
    for (size_t i = 0; i < fake->request_count && !found; i++) {
        const struct fake_request *request = &fake->requests[i];
        if ((op != NULL && strcmp(request->op, op) != 0) || --nth > 0)
            continue;
        copy_request(request, out);
        found = true;
    }
    pthread_mutex_unlock(&fake->lock);
    return found;
}

void fake_request_release(struct fake_request *request)
{
    free(request->op);
    free(request->method);
    free(request->target);
    free(request->key);
    free(request->upload_id);
    free(request->headers);
    *request = (struct fake_request){0};
}

char *fake_request_header(const struct fake_request *request, const char *name)
{
    return fake_header_of(request->headers, name);
}

struct fake_s3_stats fake_s3_stats(struct fake_s3 *fake)
{
    pthread_mutex_lock(&fake->lock);
    struct fake_s3_stats stats = fake->stats;
    pthread_mutex_unlock(&fake->lock);
    return stats;
}
