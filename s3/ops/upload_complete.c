/* How an upload ends: one PUT, or Complete, and the proof that the object is there. */
#include "s3/ops/upload.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "s3/ops/object_lock.h"
#include "s3/ops/object.h"
#include "s3/http/xml.h"

#include <assert.h>

enum {
    BODY_TRIES = 4,    /* of the one PUT, when what arrived is not what was sent */
    SETTLE_MS = 30000, /* HEAD after an unknown outcome, also when cancelled */
    LOOKS = 6,         /* some services show a new object a moment late */
    FIRST_WAIT_MS = 30,
    BYTES_PER_PART = 1024, /* of the list in Complete: ETag 255 bytes, escaped */
    ANSWER_MAX = 64 << 10,
};

/* ---- is it there? ---- */

/* Whether the object under the key is the one this upload was to make. */
static bool is_ours(const struct s3_upload *upload, const struct s3_object *object)
{
    return object->size == upload->ledger.given && object->token != NULL &&
           strcmp(object->token, upload->token) == 0;
}

static void hand_out(struct s3_object *object, struct s3_object *out)
{
    if (out != NULL)
        *out = *object;
    else
        s3_object_release(object);
    *object = (struct s3_object){0};
}

/* HEAD until it is there, LOOKS times at most, with waits that double. That the bucket does
 * not answer to these keys makes an object that was not found no better. */
static int look(struct s3_upload *upload, const char *version_id, struct s3_object *object,
                bool *absent, struct err *err)
{
    int64_t wait_ms = FIRST_WAIT_MS;

    for (unsigned looks = 1;; looks++, wait_ms *= 2) {
        if (s3_head_version(upload->client, upload->key, version_id, object, absent, err) <
                0 &&
            !(*absent && err->kind == ERR_DENIED))
            return -1;
        if (!*absent || looks == LOOKS)
            return 0;
        /* Woken early when cancelled: then the next HEAD says so. */
        (void)cancel_sleep_ms(s3_client_cancel(upload->client), wait_ms);
    }
}

/* The service has said that the object is there; now it must also show it. */
static int verify(struct s3_upload *upload, const char *version_id, struct s3_object *out,
                  struct err *err)
{
    struct s3_object object;
    bool absent;
    int result = look(upload, version_id, &object, &absent, err);

    if (result < 0 && err->kind == ERR_DENIED) {
        /* Keys that may only write are good keys: the service's own word has to do. */
        log_warning("%s: cannot be read back: %s", upload->key, err->text);
        object = (struct s3_object){.key = memory_strdup(upload->key),
                                    .size = upload->ledger.given,
                                    .token = memory_strdup(upload->token),
                                    .version_id = memory_strdup(version_id)};
        err_clear(err);
        absent = false;
        result = 0;
    }
    if (result < 0)
        return -1;
    if (absent)
        return err_set(err, ERR_CORRUPT,
                       "the service took the upload but has no such object");
    if (is_ours(upload, &object)) {
        upload->state = S3_UPLOAD_DONE;
        hand_out(&object, out);
        return 0;
    }
    err_set(err, ERR_CORRUPT, "sent %llu bytes, but the service has %llu bytes%s",
            (unsigned long long)upload->ledger.given, (unsigned long long)object.size,
            object.size == upload->ledger.given ? " that were written by somebody else"
                                                : "");
    s3_object_release(&object);
    return -1;
}

/* After a Complete whose answer is not known. True: the object is there and ours. */
static bool settle(struct s3_upload *upload, struct s3_object *out)
{
    struct s3_request request;
    struct s3_object object;
    struct err ignored = {0}; /* the failure of Complete is the one to tell */
    bool ours = false;

    s3_request_init(&request, "HEAD", upload->key);
    request.retry_time_ms = SETTLE_MS;
    request.despite_cancel = true;
    s3_client_add_key_headers(upload->client, &request);
    if (s3_request_run(upload->client, &request, &ignored) == 0) {
        s3_object_from_answer(&object, upload->key, &request.answer);
        ours = is_ours(upload, &object);
        if (ours)
            hand_out(&object, out);
        s3_object_release(&object);
    }
    s3_request_release(&request);
    return ours;
}

/* ---- one PUT ---- */

static char *version_of(const struct s3_answer *answer)
{
    return answer->version_id[0] != '\0' ? memory_strdup(answer->version_id) : NULL;
}

/* *arrived false: it was answered well, but the body is not what was sent. */
static int put_once(struct s3_upload *upload, char **version_id, bool *arrived,
                    struct err *err)
{
    struct s3_request request;
    uint64_t crc;

    s3_request_init(&request, "PUT", upload->key);
    request.body = upload->held->data;
    request.body_size = upload->held->size;
    request.lenient = true;
    s3_upload_add_headers(upload, &request);
    bool has_crc = s3_upload_add_crc(upload, &request, &crc);
    int result = s3_request_run(upload->client, &request, err);
    if (result == 0 || request.answer.uncertain)
        upload->state = S3_UPLOAD_UNKNOWN;
    if (result == 0) {
        *arrived = s3_upload_body_arrived(upload, &request, has_crc ? &crc : NULL);
        memory_take(version_id, version_of(&request.answer));
    }
    if (result == 0 && *arrived) {
        pthread_mutex_lock(&upload->lock);
        s3_ledger_done(&upload->ledger, 1, request.answer.etag, has_crc ? &crc : NULL);
        pthread_mutex_unlock(&upload->lock);
    }
    s3_request_release(&request);
    return result;
}

static int put_whole(struct s3_upload *upload, struct s3_object *out, struct err *err)
{
    char *version_id = NULL;
    bool arrived = false;
    int result = 0;

    for (unsigned tries = 0; result == 0 && !arrived && tries < BODY_TRIES; tries++)
        result = put_once(upload, &version_id, &arrived, err);
    if (result == 0 && !arrived)
        result = err_set(err, ERR_CORRUPT,
                         "what the service has is not what was sent (%d tries)",
                         (int)BODY_TRIES);
    if (result == 0) {
        part_release(upload->held);
        upload->held = NULL;
        result = verify(upload, version_id, out, err);
    }
    free(version_id);
    return result;
}

/* ---- Complete ---- */

#define COMPLETED "CompleteMultipartUploadResult"

static void fill_complete(struct s3_upload *upload, struct s3_request *request,
                          const struct text *body)
{
    uint64_t crc;
    char crc_text[S3_CRC64_BASE64];

    request->what = "completing the upload";
    s3_query_add(&request->query, "uploadId", upload->upload_id);
    s3_request_header(request, "Content-Type", "application/xml");
    if (upload->row->mp_object_size)
        s3_request_header(request, "x-amz-mp-object-size", "%llu",
                          (unsigned long long)upload->ledger.given);
    if (upload->row->checksums == S3_CHECKSUMS_CRC64NVME &&
        s3_ledger_crc64nvme(&upload->ledger, &crc)) {
        s3_request_header(request, "x-amz-checksum-crc64nvme", "%s",
                          s3_crc64_base64(crc, crc_text));
        s3_request_header(request, "x-amz-checksum-type", "FULL_OBJECT");
        /* Checking what was encrypted with a key of ours takes the key. */
        s3_client_add_key_headers(upload->client, request);
    }
    /* Keys are unique by construction; this is the belt to the braces. */
    if (upload->row->complete_if_absent)
        s3_request_header(request, "If-None-Match", "*");
    request->body = body->data;
    request->body_size = body->length;
    request->root = COMPLETED;
    request->patient = true;
    request->lenient = true;
    /* Both may be the echo of a success whose answer was lost: HEAD decides. */
    request->accept[0] = 404;
    request->accept[1] = 412;
}

/* 404 or 412 and the object is not ours. A 412 without a lost answer before it leaves the
 * upload open, to be aborted. */
static int refused(struct s3_upload *upload, const struct s3_answer *answer,
                   struct err *err)
{
    if (answer->uncertain || answer->status == 404)
        upload->state = S3_UPLOAD_UNKNOWN;
    if (answer->status == 412)
        return err_set(err, ERR_STORE, "the key exists already, written by somebody else");
    return err_set(err, ERR_STORE,
                   "the service does not know the upload any more (%s), and there is no "
                   "object",
                   answer->code[0] != '\0' ? answer->code : "404");
}

/* The service has made one object of the parts and tells its checksum: the last link from
 * what was read to what is stored. */
static int check_crc(struct s3_upload *upload, const struct text *document, struct err *err)
{
    uint64_t ours, theirs;
    char *told = NULL;

    if (!s3_ledger_crc64nvme(&upload->ledger, &ours))
        return 0;
    if (s3_xml_find(document->data, document->length, COMPLETED, "ChecksumCRC64NVME", &told,
                    err) < 0)
        return -1;
    bool differs = told != NULL && s3_crc64_from_base64(told, &theirs) && theirs != ours;
    free(told);
    return !differs ? 0
                    : err_set(err, ERR_CORRUPT,
                              "what the service made of the parts has another CRC-64");
}

static int judge(struct s3_upload *upload, int result, const struct s3_request *request,
                 struct s3_object *out, struct err *err)
{
    const struct s3_answer *answer = &request->answer;

    if (result == 0 && answer->status != 404 && answer->status != 412) {
        char *version_id = version_of(answer);
        upload->state = S3_UPLOAD_UNKNOWN;
        result = check_crc(upload, request->out, err);
        if (result == 0)
            result = verify(upload, version_id, out, err);
        free(version_id);
        return result;
    }
    if (result < 0 && !answer->uncertain)
        return -1;
    if (settle(upload, out)) {
        upload->state = S3_UPLOAD_DONE;
        err_clear(err);
        return 0;
    }
    if (result == 0)
        return refused(upload, answer, err);
    upload->state = S3_UPLOAD_UNKNOWN;
    return err_hint(err, "whether the object exists is not known; sweep finds out later");
}

static int complete(struct s3_upload *upload, struct s3_object *out, struct err *err)
{
    struct s3_request request;
    struct text body, document;

    /* The senders are idle and no part can come: the ledger needs no lock any more. */
    if (s3_ledger_check(&upload->ledger, err) < 0)
        return -1;
    text_init(&body, (size_t)upload->ledger.count * BYTES_PER_PART + BYTES_PER_PART);
    text_init(&document, ANSWER_MAX);
    s3_request_init(&request, "POST", upload->key);
    request.out = &document;
    int result = s3_ledger_body(&upload->ledger, &body, err);
    if (result == 0) {
        fill_complete(upload, &request, &body);
        result = s3_request_run(upload->client, &request, err);
        result = judge(upload, result, &request, out, err);
    }
    s3_request_release(&request);
    text_release(&body);
    text_release(&document);
    return result;
}

/* Whole, and protected as it should be. */
static int end(struct s3_upload *upload, struct s3_object *object, struct err *err)
{
    if (upload->state == S3_UPLOAD_EMPTY)
        return err_set(err, ERR_SYSTEM, "the upload was finished without a part");
    if ((upload->state == S3_UPLOAD_HELD ? put_whole : complete)(upload, object, err) < 0)
        return -1;
    if (s3_object_lock_ensure(upload->client, object, err) == 0)
        return 0;
    upload->state = S3_UPLOAD_UNKNOWN;
    s3_object_release(object);
    return -1;
}

int s3_upload_finish(struct s3_upload *upload, struct s3_object *out, struct err *err)
{
    struct s3_object object = {0};

    assert(upload->state <= S3_UPLOAD_OPEN);
    if (s3_upload_wait(upload, err) < 0)
        return -1;
    if (end(upload, &object, err) < 0)
        return s3_upload_fail(upload, err);
    hand_out(&object, out);
    /* The object is good whatever becomes of these. */
    (void)s3_upload_clear_strays(upload);
    return 0;
}
