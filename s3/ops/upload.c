/*
 * The part of an upload that runs beside the dump: parts come in, are hashed and sent by a
 * few threads, and booked in the ledger. Nothing becomes visible here; the end is
 * upload_complete.c.
 */
#include "s3/ops/upload.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/thread.h"
#include "s3/http/xml.h"

#include <assert.h>

/* A part whose ETag or checksum is not that of the bytes is sent again so often. */
enum { BODY_TRIES = 4 };

/* How long a caller that stops the senders waits before it cancels their requests again: a
 * sender may have been about to submit one. */
enum { STOP_LOOK_MS = 20 };

/* ---- headers and checks of bodies ---- */

void s3_upload_add_headers(struct s3_upload *upload, struct s3_request *request)
{
    if (upload->content_type != NULL)
        s3_request_header(request, "Content-Type", "%s", upload->content_type);
    s3_request_header(request, "x-amz-meta-pgkeep-token", "%s", upload->token);
    s3_client_add_object_headers(upload->client, request);
}

bool s3_upload_add_crc(const struct s3_upload *upload, struct s3_request *request,
                       uint64_t *crc)
{
    char text[S3_CRC64_BASE64];

    if (!upload->crc64)
        return false;
    *crc = digest_crc64nvme(0, request->body, request->body_size);
    s3_request_header(request, "x-amz-checksum-crc64nvme", "%s",
                      s3_crc64_base64(*crc, text));
    return true;
}

bool s3_upload_body_arrived(const struct s3_upload *upload,
                            const struct s3_request *request, const uint64_t *crc)
{
    const struct s3_answer *answer = &request->answer;
    uint64_t theirs;

    if (answer->etag[0] == '\0' ||
        s3_client_etag_differs(upload->client, answer->etag, request->md5))
        return false;
    return crc == NULL || !s3_crc64_from_base64(answer->checksum_crc64nvme, &theirs) ||
           theirs == *crc;
}

/* ---- the queue, under the lock ---- */

static void push(struct s3_upload *upload, struct part *part)
{
    if (upload->queue_count == upload->queue_capacity) {
        size_t capacity = upload->queue_capacity * 2 + 8;
        struct part **queue = memory_array(capacity, sizeof(struct part *));
        for (size_t i = 0; i < upload->queue_count; i++)
            queue[i] = upload->queue[(upload->queue_first + i) % upload->queue_capacity];
        free(upload->queue);
        upload->queue = queue;
        upload->queue_first = 0;
        upload->queue_capacity = capacity;
    }
    size_t at = (upload->queue_first + upload->queue_count++) % upload->queue_capacity;
    upload->queue[at] = part;
}

static struct part *pop(struct s3_upload *upload)
{
    struct part *part = upload->queue[upload->queue_first];

    upload->queue_first = (upload->queue_first + 1) % upload->queue_capacity;
    upload->queue_count--;
    return part;
}

/* A failed upload holds no buffers: other stores of the same stream need them. */
static void drop_queue(struct s3_upload *upload)
{
    while (upload->queue_count > 0)
        part_release(pop(upload));
}

static void fail_locked(struct s3_upload *upload, const struct err *err)
{
    if (!upload->failed)
        upload->first = *err;
    upload->failed = true;
    drop_queue(upload);
    pthread_cond_broadcast(&upload->progress);
}

int s3_upload_fail(struct s3_upload *upload, struct err *err)
{
    pthread_mutex_lock(&upload->lock);
    fail_locked(upload, err);
    *err = upload->first;
    pthread_mutex_unlock(&upload->lock);
    return -1;
}

/* ---- senders ---- */

/* What a sender knows of its part. */
struct sending {
    const struct part *part;
    bool has_crc;
    uint64_t crc;
    unsigned char md5[MD5_SIZE]; /* of the first try */
    char etag[sizeof((struct s3_answer *)NULL)->etag];
    bool arrived;
};

static void fill_part_request(struct s3_upload *upload, struct sending *sending,
                              struct s3_request *request)
{
    s3_query_addf(&request->query, "partNumber", "%u", sending->part->number);
    s3_query_add(&request->query, "uploadId", upload->upload_id);
    request->body = sending->part->data;
    request->body_size = sending->part->size;
    request->group = upload;

    s3_client_add_key_headers(upload->client, request);
    sending->has_crc = s3_upload_add_crc(upload, request, &sending->crc);
}

/* Runs one request; 0 when it was answered well, whether or not the body arrived whole. */
static int send_once(struct s3_upload *upload, struct sending *sending, const char *what,
                     struct err *err)
{
    struct s3_request request;

    s3_request_init(&request, "PUT", upload->key);
    request.what = what;
    fill_part_request(upload, sending, &request);
    int result = s3_request_run(upload->client, &request, err);
    if (result == 0) {
        sending->arrived = s3_upload_body_arrived(upload, &request,
                                                  sending->has_crc ? &sending->crc : NULL);
        memcpy(sending->md5, request.md5, sizeof sending->md5);
        memcpy(sending->etag, request.answer.etag, sizeof sending->etag);
    }
    s3_request_release(&request);
    return result;
}

static int send_part(struct s3_upload *upload, struct sending *sending, struct err *err)
{
    unsigned char md5[MD5_SIZE];
    char what[32];

    snprintf(what, sizeof what, "part %u", sending->part->number);
    for (unsigned tries = 0; tries < BODY_TRIES; tries++) {
        if (send_once(upload, sending, what, err) < 0)
            return -1;
        if (tries > 0 && memcmp(md5, sending->md5, sizeof md5) != 0)
            return err_set(err, ERR_CORRUPT, "%s changed in memory while it was sent",
                           what);
        if (sending->arrived)
            return 0;
        memcpy(md5, sending->md5, sizeof md5);
    }
    return err_set(err, ERR_CORRUPT,
                   "%s: what the service has is not what was sent (ETag %s, %d tries)",
                   what, sending->etag[0] != '\0' ? sending->etag : "missing",
                   (int)BODY_TRIES);
}

static void *sender(void *argument)
{
    struct s3_upload *upload = argument;

    pthread_mutex_lock(&upload->lock);
    for (;;) {
        upload->idle++;
        while (upload->queue_count == 0 && !upload->stopping)
            pthread_cond_wait(&upload->work_came, &upload->lock);
        upload->idle--;
        if (upload->stopping)
            break;
        struct part *part = pop(upload);
        struct sending sending = {.part = part};
        struct err err = {0};
        upload->busy++;
        pthread_mutex_unlock(&upload->lock);

        int result = send_part(upload, &sending, &err);

        pthread_mutex_lock(&upload->lock);
        upload->busy--;
        if (result == 0)
            s3_ledger_done(&upload->ledger, part->number, sending.etag,
                           sending.has_crc ? &sending.crc : NULL);
        else
            fail_locked(upload, &err);
        part_release(part);
        pthread_cond_broadcast(&upload->progress);
    }
    pthread_mutex_unlock(&upload->lock);
    return NULL;
}

/* One more sender when all have something to do. Only the first one must start. */
static int staff(struct s3_upload *upload, struct err *err)
{
    if (upload->idle >= upload->queue_count ||
        upload->sender_count == S3_UPLOAD_MAX_SENDERS)
        return 0;
    int error =
        pthread_create(&upload->senders[upload->sender_count], NULL, sender, upload);
    if (error != 0 && upload->sender_count == 0)
        return err_set(err, ERR_SYSTEM, "cannot start a thread: %s", strerror(error));
    if (error == 0)
        upload->sender_count++;
    return 0;
}

/* Takes over the reference. */
static int enqueue(struct s3_upload *upload, struct part *part, struct err *err)
{
    pthread_mutex_lock(&upload->lock);
    push(upload, part);
    int result = staff(upload, err);
    if (result < 0)
        fail_locked(upload, err);
    pthread_cond_signal(&upload->work_came);
    pthread_mutex_unlock(&upload->lock);
    return result;
}

/* Bounded by what a request needs to notice that it was cancelled. */
static void stop_senders(struct s3_upload *upload)
{
    pthread_mutex_lock(&upload->lock);
    upload->stopping = true;
    drop_queue(upload);
    pthread_cond_broadcast(&upload->work_came);
    while (upload->busy > 0) {
        pthread_mutex_unlock(&upload->lock);
        s3_requests_cancel(upload->client, upload);
        pthread_mutex_lock(&upload->lock);
        if (upload->busy > 0)
            thread_cond_wait_until(&upload->progress, &upload->lock,
                                   clock_monotonic_ms() + STOP_LOOK_MS);
    }
    pthread_mutex_unlock(&upload->lock);
    for (unsigned i = 0; i < upload->sender_count; i++)
        pthread_join(upload->senders[i], NULL);
}

/* ---- begin and end ---- */

struct s3_upload *s3_upload_begin(struct s3_client *client,
                                  const struct s3_upload_spec *spec, struct err *err)
{
    struct s3_upload *upload = memory_zalloc(sizeof *upload);
    (void)err; /* as long as nothing is sent, nothing fails */
    upload->client = client;
    upload->row = s3_client_row(client);
    upload->crc64 = upload->row->checksums == S3_CHECKSUMS_CRC64NVME;
    upload->key = memory_strdup(spec->key);
    upload->content_type = memory_strdup(spec->content_type);
    memcpy(upload->token, spec->token, sizeof upload->token);
    upload->on_upload_id = spec->on_upload_id;
    upload->context = spec->context;
    pthread_mutex_init(&upload->lock, NULL);
    thread_cond_init(&upload->work_came);
    thread_cond_init(&upload->progress);
    s3_ledger_init(&upload->ledger);
    return upload;
}

static void open_with(struct s3_upload *upload, const char *upload_id)
{
    upload->upload_id = memory_strdup(upload_id);
    upload->opened_ms = s3_client_now(upload->client);
    upload->state = S3_UPLOAD_OPEN;
}

struct s3_upload *s3_upload_resume(struct s3_client *client,
                                   const struct s3_upload_spec *spec, const char *upload_id,
                                   const struct s3_part_info *parts, size_t count,
                                   struct err *err)
{
    struct s3_upload *upload = s3_upload_begin(client, spec, err);
    uint64_t offset = 0;

    for (size_t i = 0; i < count; i++) {
        uint64_t crc;
        bool has_crc = s3_crc64_from_base64(parts[i].crc64nvme, &crc);
        if (s3_ledger_give(&upload->ledger, parts[i].number, offset, parts[i].size, err) <
            0) {
            /* Still EMPTY: what is on the service stays there. */
            s3_upload_free(upload);
            return NULL;
        }
        s3_ledger_done(&upload->ledger, parts[i].number, parts[i].etag,
                       has_crc ? &crc : NULL);
        offset += parts[i].size;
    }
    open_with(upload, upload_id);
    return upload;
}

/* The service may have opened an upload whose answer was lost: what else is open under this
 * key is looked for at the end, when no late request can open one any more. */
static int create(struct s3_upload *upload, char **upload_id, struct err *err)
{
    static const char root[] = "InitiateMultipartUploadResult";
    struct s3_request request;
    struct text answer;

    text_init(&answer, 64 << 10);
    s3_request_init(&request, "POST", upload->key);
    s3_query_add(&request.query, "uploads", NULL);
    s3_upload_add_headers(upload, &request);
    if (upload->crc64) {
        s3_request_header(&request, "x-amz-checksum-algorithm", "CRC64NVME");
        s3_request_header(&request, "x-amz-checksum-type", "FULL_OBJECT");
    }
    request.what = "beginning the upload";
    request.lenient = true;
    request.root = root;
    request.out = &answer;
    *upload_id = NULL;
    int result = s3_request_run(upload->client, &request, err);
    if (result == 0)
        result = s3_xml_find(answer.data, answer.length, root, "UploadId", upload_id, err);
    /* After a 501 it went without: then the parts do, too. */
    upload->crc64 = s3_request_has(&request, "x-amz-checksum-algorithm:");
    upload->strays = request.answer.uncertain;
    if (result == 0 && (*upload_id == NULL || **upload_id == '\0')) {
        memory_replace(upload_id, NULL);
        result =
            err_set(err, ERR_STORE, "beginning the upload: the answer has no upload id");
    }
    s3_request_release(&request);
    text_release(&answer);
    return result;
}

/* HELD -> OPEN. The id is remembered by the caller before a byte goes out: whatever happens
 * later, the upload can be found and aborted. */
static int open_upload(struct s3_upload *upload, struct err *err)
{
    char *upload_id = NULL;

    if (create(upload, &upload_id, err) < 0)
        return -1;
    open_with(upload, upload_id);
    free(upload_id);
    if (upload->on_upload_id != NULL &&
        upload->on_upload_id(upload->context, upload->upload_id, err) < 0)
        return -1;
    struct part *first = upload->held;
    upload->held = NULL;
    return enqueue(upload, first, err);
}

static void warn_of_age(struct s3_upload *upload)
{
    int64_t hours = upload->row->upload_hours;
    int64_t age_ms = s3_client_now(upload->client) - upload->opened_ms;

    if (hours == 0 || upload->warned_of_age || age_ms < hours * 3600000 * 5 / 6)
        return;
    upload->warned_of_age = true;
    log_warning("%s: the upload runs for %lld hours; %s removes it after %lld", upload->key,
                (long long)(age_ms / 3600000), upload->row->title, (long long)hours);
}

/* Equal parts cannot grow: how long the stream may be was settled with the first. */
static void warn_of_length(const struct s3_upload *upload, unsigned number)
{
    unsigned most = upload->row->max_parts;

    if (upload->row->uniform_parts && number == most / 5 * 4)
        log_warning(
            "%s: part %u of %u; %s takes no more, and the upload fails if the stream "
            "needs them. Give a larger estimate next time",
            upload->key, number, most, upload->row->title);
}

/* Books it. The first failure, of whatever part, comes before everything else. */
static int give(struct s3_upload *upload, const struct part *part, struct err *err)
{
    struct s3_part_rules rules = s3_client_part_rules(upload->client);
    int result = -1;

    pthread_mutex_lock(&upload->lock);
    if (upload->failed)
        *err = upload->first;
    else if (rules.max_parts != 0 && part->number > rules.max_parts)
        err_set(err, ERR_STORE, "part %u: the service takes %u parts, no more",
                part->number, rules.max_parts);
    else if (upload->row->max_object != 0 &&
             part->size > upload->row->max_object - upload->ledger.given)
        err_set(err, ERR_STORE, "part %u: the object gets larger than the service takes",
                part->number);
    else
        result =
            s3_ledger_give(&upload->ledger, part->number, part->offset, part->size, err);
    if (result < 0)
        fail_locked(upload, err);
    pthread_mutex_unlock(&upload->lock);
    return result;
}

int s3_upload_part(struct s3_upload *upload, struct part *part, struct err *err)
{
    assert(upload->state <= S3_UPLOAD_OPEN);
    if (give(upload, part, err) < 0)
        return -1;
    if (upload->state == S3_UPLOAD_EMPTY) {
        /* It may be the only one: then a PUT does, which needs no open upload that could be
         * left behind. */
        upload->held = part_ref(part);
        upload->state = S3_UPLOAD_HELD;
        return 0;
    }
    if (upload->state == S3_UPLOAD_HELD && open_upload(upload, err) < 0) {
        part_release(upload->held);
        upload->held = NULL;
        return s3_upload_fail(upload, err);
    }
    warn_of_age(upload);
    warn_of_length(upload, part->number);
    return enqueue(upload, part_ref(part), err);
}

int s3_upload_wait(struct s3_upload *upload, struct err *err)
{
    pthread_mutex_lock(&upload->lock);
    while (!upload->failed && (upload->queue_count > 0 || upload->busy > 0))
        pthread_cond_wait(&upload->progress, &upload->lock);
    int result = upload->failed ? -1 : 0;
    if (upload->failed)
        *err = upload->first;
    pthread_mutex_unlock(&upload->lock);
    return result;
}

uint64_t s3_upload_sent(struct s3_upload *upload)
{
    pthread_mutex_lock(&upload->lock);
    uint64_t sent = upload->ledger.sent;
    pthread_mutex_unlock(&upload->lock);
    return sent;
}

/* The caller's error stays what it is: what cannot be undone here is a matter of the sweep. */
static bool undo(struct s3_upload *upload)
{
    struct err err = {0};

    if (upload->state == S3_UPLOAD_DONE || upload->state == S3_UPLOAD_UNKNOWN)
        return upload->state == S3_UPLOAD_DONE;
    if (upload->state != S3_UPLOAD_OPEN ||
        s3_abort_within(upload->client, upload->key, upload->upload_id,
                        s3_upload_undo_ms(upload), true, &err) == 0)
        return s3_upload_clear_strays(upload);
    log_warning("%s: the unfinished upload is still on the service: %s", upload->key,
                err.text);
    return false;
}

void s3_upload_free(struct s3_upload *upload)
{
    (void)s3_upload_discard(upload);
}

bool s3_upload_discard(struct s3_upload *upload)
{
    if (upload == NULL)
        return true;
    stop_senders(upload);
    part_release(upload->held);
    bool undone = undo(upload);

    s3_ledger_release(&upload->ledger);
    free(upload->queue);
    free(upload->upload_id);
    free(upload->key);
    free(upload->content_type);
    pthread_cond_destroy(&upload->work_came);
    pthread_cond_destroy(&upload->progress);
    pthread_mutex_destroy(&upload->lock);
    free(upload);
    return undone;
}
