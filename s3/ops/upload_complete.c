/* How an upload ends: one PUT, or Complete, and the proof that the object is there. */
#include "s3/ops/upload.h"

#include "base/log.h"
#include "base/memory.h"
#include "s3/http/xml.h"
#include "s3/ops/object.h"
#include "s3/ops/object_lock.h"

#include <assert.h>

enum {
    RESOLVE_MS = 30000,    /* HEAD after an unknown outcome, also when cancelled */
    BYTES_PER_PART = 1024, /* of the list in Complete: ETag 255 bytes, escaped */
    DOCUMENT_MAX = 64 << 10,
};

/* ---- is it there? ---- */

/* Whether the object under the key is the one this upload was to make. */
static bool is_ours(const struct s3_upload *upload, const struct s3_object *object)
{
    return object->size == upload->ledger.given && object->token != NULL &&
           strcmp(object->token, upload->token) == 0;
}

/* The answer shows by its ETag that the object is what was sent, so it need not be asked for: a
 * round trip less. Locks are seen in HEAD alone, and so is what an ETag that is no MD5 hides. */
static void take_answer(struct s3_upload *upload, const char *etag, const char *version_id,
                        struct s3_object *out)
{
    upload->state = S3_UPLOAD_DONE;
    *out = (struct s3_object){.key = memory_strdup(upload->key),
                              .size = upload->ledger.given,
                              .etag = memory_strdup(etag),
                              .token = memory_strdup(upload->token),
                              .version_id = memory_strdup(version_id)};
}

static bool may_take_answer(const struct s3_upload *upload)
{
    return s3_client_etag_is_md5(upload->client) && !s3_client_locks(upload->client);
}

/* The service has said that the object is there; now it must also show it. */
static int verify(struct s3_upload *upload, const char *version_id, struct s3_object *out,
                  struct err *err)
{
    const struct s3_version which = {upload->key, version_id};
    struct s3_object object;
    bool absent;
    if (s3_head_written(upload->client, &which, &object, &absent, err) < 0) {
        if (err->kind != ERR_DENIED)
            return -1;
        /* Keys that may only write are good keys: the service's own word has to do. */
        log_warning("%s: cannot be read back: %s", upload->key, err->text);
        object = (struct s3_object){.key = memory_strdup(upload->key),
                                    .size = upload->ledger.given,
                                    .token = memory_strdup(upload->token),
                                    .version_id = memory_strdup(version_id)};
        err_clear(err);
        absent = false;
    }
    if (absent)
        return err_set(err, ERR_CORRUPT,
                       "the service took the upload but has no such object");
    /* Size and token: whose it is, and whether all of it is there. */
    if (!is_ours(upload, &object)) {
        bool same_size = object.size == upload->ledger.given;
        err_set(err, ERR_CORRUPT, "sent %llu bytes, but the service has %llu bytes%s",
                (unsigned long long)upload->ledger.given, (unsigned long long)object.size,
                same_size ? " that were written by somebody else" : "");
        s3_object_release(&object);
        return -1;
    }
    upload->state = S3_UPLOAD_DONE;
    *out = object;
    return 0;
}

/* After a Complete whose answer is not known. True: the object is there and ours. */
static bool resolve(struct s3_upload *upload, struct s3_object *out)
{
    const struct s3_call call = {.retry_time_ms = RESOLVE_MS, .cleaning = true};
    struct s3_client *client = s3_client_with(upload->client, &call);
    struct s3_request request;
    struct s3_object object;
    struct err ignored = {0}; /* the failure of Complete is the one to report */
    bool ours = false;
    /* Also after a cancel: a backup that is whole should not be called failed. */
    s3_request_init(&request, "HEAD", upload->key);
    s3_client_add_key_headers(client, &request);
    if (s3_request_run(client, &request, &ignored) == 0) {
        s3_object_from_answer(&object, upload->key, &request.answer);
        ours = is_ours(upload, &object);
        if (ours)
            *out = object;
        else
            s3_object_release(&object);
    }
    s3_request_release(&request);
    s3_client_free(client);
    return ours;
}

/* NULL where the bucket has no versions. */
static char *version_of(const struct s3_answer *answer)
{
    return answer->version_id[0] != '\0' ? memory_strdup(answer->version_id) : NULL;
}

/* ---- one PUT ---- */

/* HELD -> DONE or UNKNOWN: the whole object is one part. */
static int put_whole(struct s3_upload *upload, struct s3_object *out, struct err *err)
{
    struct s3_request request;
    char *version_id = NULL, *etag = NULL;
    s3_request_init(&request, "PUT", upload->key);
    s3_upload_add_headers(upload, &request);
    request.body = upload->held->data;
    request.body_size = upload->held->size;
    request.part = upload->held;
    request.crc64 = upload->crc64;
    request.expect_etag = true;
    request.optional_headers = true;
    int result = s3_request_run(upload->client, &request, err);
    /* From here on something may stand under the key. */
    if (result == 0 || request.answer.uncertain)
        upload->state = S3_UPLOAD_UNKNOWN;
    /* The buffer is free for other streams as soon as the service has it. */
    if (result == 0) {
        s3_upload_book(upload, 1, &request);
        version_id = version_of(&request.answer);
        /* The engine has compared it (expect_etag). */
        if (may_take_answer(upload) && s3_request_etag_is_md5(&request))
            etag = memory_strdup(request.answer.etag);
        part_release(upload->held);
        upload->held = NULL;
    }
    s3_request_release(&request);
    if (etag != NULL)
        take_answer(upload, etag, version_id, out);
    else if (result == 0)
        result = verify(upload, version_id, out, err);
    free(etag);
    free(version_id);
    return result;
}

/* ---- Complete ---- */

/* Complete with every promise that this service can be held to: size, checksum, condition. */
static void fill_complete(struct s3_upload *upload, const struct text *list,
                          struct s3_request *request, struct text *document)
{
    uint64_t crc;
    char crc_text[S3_CRC64_BASE64];
    s3_multipart_complete(request, upload->key, upload->upload_id, list, document);
    if (upload->provider->mp_object_size)
        s3_request_header(request, "x-amz-mp-object-size", "%llu",
                          (unsigned long long)upload->ledger.given);
    if (upload->provider->crc64 && s3_ledger_crc64nvme(&upload->ledger, &crc)) {
        s3_request_header(request, "x-amz-checksum-crc64nvme", "%s",
                          s3_crc64_base64(crc, crc_text));
        s3_request_header(request, "x-amz-checksum-type", "FULL_OBJECT");
        /* Checking what was encrypted with a key of ours takes the key. */
        s3_client_add_key_headers(upload->client, request);
    }
    /* Keys are unique by construction; this is the belt to the braces. */
    if (upload->provider->complete_if_absent)
        s3_request_header(request, "If-None-Match", "*");
    request->optional_headers = true;
    /* Both may be the echo of a success whose answer was lost: HEAD decides. */
    request->accept[0] = 404;
    request->accept[1] = 412;
}

/* The service has made one object of the parts and tells its checksum: the last link from
 * what was read to what is stored. */
static int check_crc(struct s3_upload *upload, const struct text *document, struct err *err)
{
    uint64_t ours, theirs;
    char *told = NULL;
    if (!s3_ledger_crc64nvme(&upload->ledger, &ours))
        return 0;
    if (s3_xml_find(
            &(struct s3_xml){document->data, document->length, S3_MULTIPART_COMPLETED},
            "ChecksumCRC64NVME", &told, err) < 0)
        return -1;
    bool differs = told != NULL && s3_crc64_from_base64(told, &theirs) && theirs != ours;
    free(told);
    return !differs ? 0
                    : err_set(err, ERR_CORRUPT,
                              "what the service made of the parts has another CRC-64");
}

/* The ETag that the answer to Complete names; NULL when it names none. */
static int find_etag(const struct text *document, char **out, struct err *err)
{
    const struct s3_xml answer = {document->data, document->length, S3_MULTIPART_COMPLETED};
    return s3_xml_find(&answer, "ETag", out, err);
}

/* What the answer to Complete means for the upload. `result` and err are the request's. */
static int classify(struct s3_upload *upload, int result, const struct s3_request *request,
                    struct s3_object *out, struct err *err)
{
    const struct s3_answer *answer = &request->answer;
    /* It says that it has made the object. */
    if (result == 0 && answer->status < 300) {
        char *version_id = version_of(answer);
        upload->state = S3_UPLOAD_UNKNOWN;
        char *etag = NULL;
        result = check_crc(upload, request->out, err);
        if (result == 0)
            result = find_etag(request->out, &etag, err);
        if (result == 0 && etag != NULL && may_take_answer(upload) &&
            s3_ledger_has_etag(&upload->ledger, etag))
            take_answer(upload, etag, version_id, out);
        else if (result == 0)
            result = verify(upload, version_id, out, err);
        free(etag);
        free(version_id);
        return result;
    }

    /* It says no, or nothing. Only a clear no is one. */
    if (result < 0 && !answer->uncertain)
        return -1;
    if (resolve(upload, out)) {
        upload->state = S3_UPLOAD_DONE;
        err_clear(err);
        return 0;
    }
    if (result < 0) {
        upload->state = S3_UPLOAD_UNKNOWN;
        return err_hint(err,
                        "whether the object exists is not known; sweep finds out later");
    }

    /* 404 or 412, and the object is not ours. A 412 without a lost answer before it leaves the
     * upload open, to be aborted. */
    if (answer->uncertain || answer->status == 404)
        upload->state = S3_UPLOAD_UNKNOWN;
    if (answer->status == 412)
        return err_set(err, ERR_STORE, "the key exists already, written by somebody else");
    return err_set(err, ERR_STORE,
                   "the service does not know the upload any more (%s), and there is no "
                   "object",
                   answer->code[0] != '\0' ? answer->code : "404");
}

/* OPEN -> DONE or UNKNOWN. */
static int complete(struct s3_upload *upload, struct s3_object *out, struct err *err)
{
    struct s3_request request;
    struct text list, document;
    /* Nothing is under way and no part can come: the ledger needs no lock any more. */
    if (s3_ledger_check(&upload->ledger, err) < 0)
        return -1;
    /* The list has room for the longest ETags; beyond it nothing is sent. */
    text_init(&list, (size_t)upload->ledger.count * BYTES_PER_PART + BYTES_PER_PART);
    text_init(&document, DOCUMENT_MAX);
    int result = s3_ledger_body(&upload->ledger, &list, err);
    /* Sent once in our sense: what the engine repeats may be answered by the echo. */
    if (result == 0) {
        fill_complete(upload, &list, &request, &document);
        result = s3_request_run(upload->client, &request, err);
        result = classify(upload, result, &request, out, err);
        s3_request_release(&request);
    }
    text_release(&list);
    text_release(&document);
    return result;
}

int s3_upload_finish(struct s3_upload *upload, struct s3_object *out, struct err *err)
{
    struct s3_object object = {0};
    int result = -1;
    assert(upload->state <= S3_UPLOAD_OPEN);
    if (s3_upload_wait(upload, err) < 0)
        return -1;

    /* Whole ... */
    if (upload->state == S3_UPLOAD_EMPTY)
        err_set(err, ERR_SYSTEM, "the upload was finished without a part");
    else if (upload->state == S3_UPLOAD_HELD)
        result = put_whole(upload, &object, err);
    else
        result = complete(upload, &object, err);
    if (result < 0)
        return s3_upload_fail(upload, err);

    /* ... and protected as it should be. */
    /* It stands there, unprotected: for the caller that is a failure, but nothing to undo. */
    if (s3_object_lock_ensure(upload->client, &object, err) < 0) {
        upload->state = S3_UPLOAD_UNKNOWN;
        s3_object_release(&object);
        return s3_upload_fail(upload, err);
    }

    if (out != NULL)
        *out = object;
    else
        s3_object_release(&object);
    /* The object is good whatever becomes of these. */
    (void)s3_upload_clear_orphans(upload);
    return 0;
}
