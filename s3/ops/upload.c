/*
 * The part of an upload that runs beside the dump: parts come in, are hashed, sent, and
 * booked in the ledger. Nothing becomes visible here; the end is upload_complete.c.
 */
#include "s3/ops/upload.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/thread.h"

#include <assert.h>

/* The caller's pool of buffers bounds what waits here; a full queue holds it up no longer
 * than a part is hashed. */
enum { QUEUED_PARTS = 16 };

void s3_upload_add_headers(struct s3_upload *upload, struct s3_request *request)
{
    if (upload->content_type != NULL)
        s3_request_header(request, "Content-Type", "%s", upload->content_type);
    s3_request_header(request, "x-amz-meta-pgkeep-token", "%s", upload->token);
    s3_client_add_object_headers(upload->client, request);
}

/* Later failures are echoes of the first; whoever comes next is told that one. */
int s3_upload_fail(struct s3_upload *upload, struct err *err)
{
    pthread_mutex_lock(&upload->lock);
    if (!upload->failed)
        upload->first = *err;
    upload->failed = true;
    *err = upload->first;
    pthread_cond_broadcast(&upload->progress);
    pthread_mutex_unlock(&upload->lock);
    return -1;
}

/* The ETag as the service wrote it, to the quotes: Complete wants it back so (S3.md 1.7). */
void s3_upload_book(struct s3_upload *upload, unsigned number,
                    const struct s3_request *request)
{
    pthread_mutex_lock(&upload->lock);
    s3_ledger_done(&upload->ledger, number, request->answer.etag,
                   request->crc64 ? &request->digests.crc64nvme : NULL);
    pthread_mutex_unlock(&upload->lock);
}

/* ---- a part on its way ---- */

struct sending {
    struct s3_request request;
    struct s3_upload *upload;
    struct part *part;
};

/* The part is sent, or let go of; its buffer is free before anybody can learn of it. */
static void part_ended(struct s3_upload *upload, const struct err *failure)
{
    pthread_mutex_lock(&upload->lock);
    if (failure != NULL && !upload->failed)
        upload->first = *failure;
    upload->failed = upload->failed || failure != NULL;
    upload->under_way--;
    pthread_cond_broadcast(&upload->progress);
    pthread_mutex_unlock(&upload->lock);
}

/* On the engine's thread. */
static void part_answered(void *context, struct s3_request *request, const struct err *err)
{
    struct sending *sending = context;
    bool failed = err->kind != ERR_NONE;
    /* Into the books first: when nothing is under way any more they are complete. */
    if (!failed)
        s3_upload_book(sending->upload, sending->part->number, request);
    s3_request_release(request);
    part_release(sending->part);
    part_ended(sending->upload, failed ? err : NULL);
    free(sending);
}

/* Hands one part to the engine, which repeats what did not arrive whole (expect_etag), so here is
 * no loop. */
static void send_part(struct s3_upload *upload, struct part *part)
{
    struct s3_multipart_part where = {upload->key, upload->upload_id, part->number};
    struct sending *sending = memory_zalloc(sizeof *sending);
    struct s3_request *request = &sending->request;
    sending->upload = upload;
    sending->part = part;

    /* Where it goes. */
    s3_multipart_part(upload->client, &where, request);

    /* What must have arrived: CRC-64 where the service has it, and the ETag as MD5 unless the
     * SHA-256 does. */
    request->body = part->data;
    request->body_size = part->size;
    request->part = part;
    request->crc64 = upload->crc64;
    request->expect_etag = true;
    request->no_md5 = true;

    /* Hashed here, on this thread; answered on the engine's. */
    request->group = upload;
    request->on_done = part_answered;
    request->context = sending;
    s3_request_submit(upload->client, request);
}

/* A hasher, until the queue is closed and empty. */
static void *hash_parts(void *argument)
{
    struct s3_upload *upload = argument;
    for (struct part *part; (part = chan_pop(&upload->parts)) != NULL;) {
        pthread_mutex_lock(&upload->lock);
        bool failed = upload->failed;
        pthread_mutex_unlock(&upload->lock);
        /* A failed upload holds no buffers: other stores of the same stream need them, and the
         * dump would wait for this one. */
        if (!failed) {
            send_part(upload, part);
            continue;
        }
        part_release(part);
        part_ended(upload, NULL);
    }
    return NULL;
}

/* Takes over the reference. */
static int enqueue(struct s3_upload *upload, struct part *part, struct err *err)
{
    /* One more hasher with each of the first parts; only the first one must start. */
    if (upload->hasher_count < S3_UPLOAD_HASHERS) {
        struct err trouble = {0};
        if (thread_start(&upload->hashers[upload->hasher_count], hash_parts, upload,
                         &trouble) == 0) {
            upload->hasher_count++;
        } else if (upload->hasher_count == 0) {
            part_release(part);
            *err = trouble;
            return s3_upload_fail(upload, err);
        }
    }
    /* Counted before it can end. */
    pthread_mutex_lock(&upload->lock);
    upload->under_way++;
    pthread_mutex_unlock(&upload->lock);
    bool pushed = chan_push(&upload->parts, part);
    assert(pushed); /* it is closed by s3_upload_discard alone, on this thread */
    (void)pushed;
    return 0;
}

/* Bounded by what a request needs to notice that it was cancelled. */
static void stop_parts(struct s3_upload *upload)
{
    struct err given_up = {.kind = ERR_CANCELLED};
    /* What is queued is let go of, what is being hashed is submitted, then nothing comes any
     * more and all that runs can be ended. */
    (void)s3_upload_fail(upload, &given_up);
    chan_close(&upload->parts);
    for (unsigned i = 0; i < upload->hasher_count; i++)
        pthread_join(upload->hashers[i], NULL);
    s3_requests_cancel(upload->client, upload);
}

/* ---- begin ---- */

/* EMPTY. What the provider's row says now holds for the whole upload, whatever is learned of the
 * service meanwhile. */
struct s3_upload *s3_upload_begin(struct s3_client *client,
                                  const struct s3_upload_spec *spec, struct err *err)
{
    struct s3_upload *upload = memory_zalloc(sizeof *upload);
    (void)err; /* as long as nothing is sent, nothing fails */
    upload->client = client;
    upload->provider = s3_client_provider(client);
    upload->crc64 = upload->provider->crc64;
    upload->key = memory_strdup(spec->key);
    upload->content_type = memory_strdup(spec->content_type);
    memcpy(upload->token, spec->token, sizeof upload->token);
    upload->on_upload_id = spec->on_upload_id;
    upload->context = spec->context;
    chan_init(&upload->parts, QUEUED_PARTS);
    pthread_mutex_init(&upload->lock, NULL);
    pthread_cond_init(&upload->progress, NULL);
    return upload;
}

/* From here on something lies on the service. */
static void open_with(struct s3_upload *upload, const char *upload_id)
{
    upload->upload_id = memory_strdup(upload_id);
    upload->opened_ms = s3_client_now(upload->client);
    upload->state = S3_UPLOAD_OPEN;
}

struct s3_upload *s3_upload_resume(struct s3_client *client,
                                   const struct s3_upload_spec *spec, const char *upload_id,
                                   const struct s3_parts *parts, struct err *err)
{
    struct s3_upload *upload = s3_upload_begin(client, spec, err);
    uint64_t offset = 0;
    /* What is there is booked as if it had been sent now. */
    for (size_t i = 0; i < parts->count; i++) {
        const struct s3_part_info *part = &parts->items[i];
        uint64_t crc;
        bool has_crc = s3_crc64_from_base64(part->crc64nvme, &crc);
        if (s3_ledger_give(&upload->ledger, part->number, offset, part->size, err) < 0) {
            /* Still EMPTY: what is on the service stays there. */
            s3_upload_free(upload);
            return NULL;
        }
        s3_ledger_done(&upload->ledger, part->number, part->etag, has_crc ? &crc : NULL);
        offset += part->size;
    }
    open_with(upload, upload_id);
    return upload;
}

/* HELD -> OPEN. */
static int open_upload(struct s3_upload *upload, struct err *err)
{
    struct s3_request request;
    struct text document;
    char *upload_id = NULL;
    text_init(&document, 64 << 10);
    /* With all that the object is to have: Complete takes no headers of it. */
    s3_multipart_create(&request, upload->key, upload->crc64, &document);
    s3_upload_add_headers(upload, &request);
    request.optional_headers = true;
    int result = s3_request_run(upload->client, &request, err);
    if (result == 0)
        result = s3_multipart_id(&document, &upload_id, err);
    /* After a 501 it went without a checksum: then the parts do, too. */
    upload->crc64 = s3_request_has(&request, "x-amz-checksum-algorithm:");
    /* An attempt whose answer was lost may have opened an upload. What else is open under this
     * key is looked for at the end, when no late request can open one any more. */
    upload->orphans = request.answer.uncertain;
    s3_request_release(&request);
    text_release(&document);
    if (result < 0)
        return -1;

    /* The id is remembered by the caller before a byte goes out: whatever happens later, the
     * upload can be found and aborted. */
    open_with(upload, upload_id);
    free(upload_id);
    if (upload->on_upload_id != NULL &&
        upload->on_upload_id(upload->context, upload->upload_id, err) < 0)
        return -1;
    /* Now the part that was kept back goes first. */
    struct part *first = upload->held;
    upload->held = NULL;
    return enqueue(upload, first, err);
}

/* ---- parts ---- */

/* Books it. The first failure, of whatever part, comes before everything else. */
static int give(struct s3_upload *upload, const struct part *part, struct err *err)
{
    const struct s3_provider *provider = upload->provider;
    int result = -1;
    /* Limits of the service are told here, before anything is sent in vain. */
    pthread_mutex_lock(&upload->lock);
    if (upload->failed)
        *err = upload->first;
    else if (part->number > provider->max_parts)
        err_set(err, ERR_STORE, "part %u: the service takes %u parts, no more",
                part->number, provider->max_parts);
    else if (part->size > provider->max_object - upload->ledger.given)
        err_set(err, ERR_STORE, "part %u: the object gets larger than the service takes",
                part->number);
    else
        result =
            s3_ledger_give(&upload->ledger, part->number, part->offset, part->size, err);
    pthread_mutex_unlock(&upload->lock);
    return result < 0 ? s3_upload_fail(upload, err) : 0;
}

/* Said while something can still be done about it. */
static void warn(struct s3_upload *upload, unsigned number)
{
    const struct s3_provider *provider = upload->provider;
    int64_t hours = provider->upload_hours;
    int64_t age_ms = s3_client_now(upload->client) - upload->opened_ms;
    /* At five sixths of its life: four hours before the end of a day's. */
    if (hours != 0 && !upload->warned_of_age && age_ms >= hours * 3600000 * 5 / 6) {
        upload->warned_of_age = true;
        log_warning("%s: the upload runs for %lld hours; %s removes it after %lld",
                    upload->key, (long long)(age_ms / 3600000), provider->title,
                    (long long)hours);
    }
    /* Equal parts cannot grow: how long the stream may be was decided with the first. */
    if (provider->uniform_parts && number == provider->max_parts / 5 * 4)
        log_warning(
            "%s: part %u of %u; %s takes no more, and the upload fails if the stream "
            "needs them. Give a larger estimate next time",
            upload->key, number, provider->max_parts, provider->title);
}

/* EMPTY -> HELD with the first, HELD -> OPEN with the second; then parts only go out. */
int s3_upload_part(struct s3_upload *upload, struct part *part, struct err *err)
{
    assert(upload->state <= S3_UPLOAD_OPEN);
    if (give(upload, part, err) < 0)
        return -1;
    /* It may be the only one: then a PUT does, which needs no open upload that could be left
     * behind. */
    if (upload->state == S3_UPLOAD_EMPTY) {
        upload->held = part_ref(part);
        upload->state = S3_UPLOAD_HELD;
        return 0;
    }
    if (upload->state == S3_UPLOAD_HELD && open_upload(upload, err) < 0) {
        part_release(upload->held);
        upload->held = NULL;
        return s3_upload_fail(upload, err);
    }
    warn(upload, part->number);
    return enqueue(upload, part_ref(part), err);
}

/* A failure ends it at once: what is still under way cannot mend that. */
int s3_upload_wait(struct s3_upload *upload, struct err *err)
{
    pthread_mutex_lock(&upload->lock);
    while (!upload->failed && upload->under_way > 0)
        pthread_cond_wait(&upload->progress, &upload->lock);
    int result = upload->failed ? -1 : 0;
    if (upload->failed)
        *err = upload->first;
    pthread_mutex_unlock(&upload->lock);
    return result;
}

/* ---- end ---- */

/* The caller's error stays what it is: what cannot be undone here is a matter of the sweep. */
static bool undo(struct s3_upload *upload)
{
    struct err err = {0};
    /* An unknown end is never undone: it may have succeeded. */
    if (upload->state == S3_UPLOAD_DONE || upload->state == S3_UPLOAD_UNKNOWN)
        return upload->state == S3_UPLOAD_DONE;
    if (upload->state == S3_UPLOAD_OPEN) {
        struct s3_client *cleaner = s3_upload_cleaner(upload);
        int result = s3_abort_for_good(cleaner, upload->key, upload->upload_id, &err);
        s3_client_free(cleaner);
        if (result < 0) {
            log_warning("%s: the unfinished upload is still on the service: %s",
                        upload->key, err.text);
            return false;
        }
    }
    return s3_upload_clear_orphans(upload);
}

void s3_upload_free(struct s3_upload *upload)
{
    (void)s3_upload_discard(upload);
}

bool s3_upload_discard(struct s3_upload *upload)
{
    if (upload == NULL)
        return true;
    /* Nothing of ours is under way any more when the abort goes out: a part that came behind it
     * would lie there for ever. */
    stop_parts(upload);
    part_release(upload->held);
    bool undone = undo(upload);
    s3_ledger_release(&upload->ledger);
    chan_release(&upload->parts);
    free(upload->upload_id);
    free(upload->key);
    free(upload->content_type);
    pthread_cond_destroy(&upload->progress);
    pthread_mutex_destroy(&upload->lock);
    free(upload);
    return undone;
}
