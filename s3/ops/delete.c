/*
 * "Removed" is the most expensive word in this file: the catalog forgets a copy because of
 * it. It is said for a 2xx and for S3's own "no such key", and for nothing else; whether a
 * refusal is a lock or a lack of rights is asked of the object itself.
 */
#include "s3/core/client.h"
#include "s3/ops/object.h"
#include "s3/http/xml.h"

#include "base/clock.h"
#include "base/memory.h"

enum {
    BATCH = 1000,         /* S3's limit */
    MAX_BATCH = 16 << 20, /* bytes of a batch's XML, either way */
};

static void set_reason(struct s3_delete *delete_, const struct s3_answer *answer)
{
    struct text reason;

    text_init(&reason, sizeof delete_->reason - 1);
    text_addf(&reason, "%d ", answer->status);
    text_add_printable(&reason, answer->code, strlen(answer->code));
    if (answer->message[0] != '\0') {
        text_add(&reason, ": ");
        text_add_printable(&reason, answer->message, strlen(answer->message));
    }
    snprintf(delete_->reason, sizeof delete_->reason, "%s", reason.data);
    text_release(&reason);
}

/* ---- one */

/* The service's own words: versitygw's HEAD does not always show the lock that it obeys. */
static bool names_lock(const struct s3_answer *answer)
{
    return strstr(answer->message, "WORM") != NULL ||
           strstr(answer->message, "object lock") != NULL ||
           strstr(answer->message, "Object Lock") != NULL;
}

/* MinIO answers 400 InvalidRequest "Object is WORM protected and cannot be overwritten". */
static bool is_worm(const struct s3_answer *answer)
{
    return answer->status == 400 && strcmp(answer->code, "InvalidRequest") == 0 &&
           names_lock(answer);
}

/* 403 for this object; the other codes with 403 are about our key or our clock. */
static bool is_denied(const struct s3_answer *answer)
{
    return answer->status == 403 && strcmp(answer->code, "AccessDenied") == 0;
}

/* A HEAD tells no lock that comes from the bucket's default (versitygw): the subresource
 * does. No answer is no lock. */
static int64_t ask_retention(struct s3_client *client, const struct s3_delete *delete_)
{
    struct s3_request request;
    struct text answer;
    struct err ignored = {0};
    char *until = NULL;
    int64_t seconds = 0;

    text_init(&answer, 64 << 10);
    s3_request_init(&request, "GET", delete_->key);
    s3_query_add(&request.query, "retention", NULL);
    if (delete_->version_id != NULL)
        s3_query_add(&request.query, "versionId", delete_->version_id);
    request.out = &answer;
    if (s3_request_run(client, &request, &ignored) == 0 &&
        s3_xml_find(answer.data, answer.length, "Retention", "RetainUntilDate", &until,
                    &ignored) == 0 &&
        until != NULL && clock_parse(until, &seconds, &ignored) < 0)
        seconds = 0;
    free(until);
    s3_request_release(&request);
    text_release(&answer);
    return seconds;
}

/* What the object says of its lock decides between locked and refused. */
static int look_for_lock(struct s3_client *client, struct s3_delete *delete_, bool named,
                         struct err *err)
{
    struct s3_object object;
    struct err why = {0};
    bool absent = false;
    int64_t now = s3_client_time(client);

    if (s3_head_version(client, delete_->key, delete_->version_id, &object, &absent, &why) <
        0) {
        if (why.kind != ERR_DENIED) {
            *err = why;
            return -1;
        }
        /* We may not look either. That the bucket answers to us at all must be certain. */
        delete_->result = named ? S3_LOCKED : S3_REFUSED;
        return s3_bucket_check(client, err);
    }
    if (absent) {
        delete_->result = S3_REMOVED;
        return 0;
    }
    int64_t until = object.retain_until;
    if (until == 0 && !object.legal_hold)
        until = ask_retention(client, delete_);
    bool locked = until > now || object.legal_hold || named;
    delete_->result = locked ? S3_LOCKED : S3_REFUSED;
    delete_->locked_until = until > now ? until : 0;
    s3_object_release(&object);
    return 0;
}

static int judge(struct s3_client *client, struct s3_delete *delete_,
                 struct s3_request *request, struct err *err)
{
    const struct s3_answer *answer = &request->answer;

    if (answer->status < 300 || s3_is_absent(answer)) {
        delete_->result = S3_REMOVED;
        return 0;
    }
    if (!is_worm(answer) && !is_denied(answer)) {
        (void)s3_request_fail(client, request, err);
        /* A 404 that is not S3's says nothing about the object. */
        if (err->kind == ERR_NOT_FOUND)
            err->kind = ERR_STORE;
        return -1;
    }
    set_reason(delete_, answer);
    return look_for_lock(client, delete_, names_lock(answer), err);
}

int s3_delete(struct s3_client *client, struct s3_delete *delete_, struct err *err)
{
    struct s3_request request;

    delete_->result = S3_REFUSED;
    delete_->locked_until = 0;
    delete_->reason[0] = '\0';
    s3_request_init(&request, "DELETE", delete_->key);
    if (delete_->version_id != NULL)
        s3_query_add(&request.query, "versionId", delete_->version_id);
    request.accept[0] = 404;
    request.accept[1] = 403;
    request.accept[2] = 400;
    int result = s3_request_run(client, &request, err);
    if (result == 0)
        result = judge(client, delete_, &request, err);
    s3_request_release(&request);
    return result;
}

/* ---- many */

/* The deletions of one request; done[i] once the answer spoke of it. */
struct batch {
    struct s3_delete *deletes;
    size_t count;
    bool *sent, *done;
    size_t cursor;              /* services answer in the order of the request, mostly */
    char *key, *version, *code; /* of the element being read */
};

static bool add_object(struct text *body, const struct s3_delete *delete_)
{
    size_t before = body->length;

    text_add(body, "<Object><Key>");
    if (s3_xml_add(body, delete_->key)) {
        text_add(body, "</Key>");
        if (delete_->version_id == NULL) {
            text_add(body, "</Object>");
            return true;
        }
        text_add(body, "<VersionId>");
        if (s3_xml_add(body, delete_->version_id)) {
            text_add(body, "</VersionId></Object>");
            return true;
        }
    }
    /* A key with control characters cannot stand in XML 1.0: it is deleted by itself. */
    body->length = before;
    body->data[before] = '\0';
    return false;
}

static size_t write_batch(struct batch *batch, struct text *body)
{
    size_t sent = 0;

    text_add(body,
             "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Delete "
             "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Quiet>false</Quiet>");
    for (size_t i = 0; i < batch->count; i++) {
        batch->sent[i] = add_object(body, &batch->deletes[i]);
        sent += batch->sent[i] ? 1 : 0;
    }
    text_add(body, "</Delete>");
    return sent;
}

static bool is_named(const struct batch *batch, size_t i)
{
    const struct s3_delete *delete_ = &batch->deletes[i];

    if (!batch->sent[i] || batch->done[i] || strcmp(delete_->key, batch->key) != 0)
        return false;
    return delete_->version_id == NULL ||
           (batch->version != NULL && strcmp(delete_->version_id, batch->version) == 0);
}

/* What was not confirmed as gone is deleted by itself, and so gets its reason. */
static void end_entry(struct batch *batch, bool gone)
{
    for (size_t n = 0; batch->key != NULL && n < batch->count; n++) {
        size_t i = (batch->cursor + n) % batch->count;
        if (!is_named(batch, i))
            continue;
        batch->done[i] = gone;
        batch->deletes[i].result = S3_REMOVED;
        batch->deletes[i].locked_until = 0;
        batch->deletes[i].reason[0] = '\0';
        batch->cursor = i + 1;
        break;
    }
    free(batch->key);
    free(batch->version);
    free(batch->code);
    batch->key = batch->version = batch->code = NULL;
}

static int read_result(void *context, const char *path, const char *text, struct err *err)
{
    struct batch *batch = context;
    const char *slash = strchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : "";

    (void)err;
    if (strcmp(path, "Deleted") == 0)
        end_entry(batch, true);
    else if (strcmp(path, "Error") == 0)
        end_entry(batch,
                  batch->code != NULL && (strcmp(batch->code, "NoSuchKey") == 0 ||
                                          strcmp(batch->code, "NoSuchVersion") == 0));
    else if (strcmp(name, "Key") == 0)
        memory_replace(&batch->key, text);
    else if (strcmp(name, "VersionId") == 0)
        memory_replace(&batch->version, text);
    else if (strcmp(name, "Code") == 0)
        memory_replace(&batch->code, text);
    return 0;
}

/* S3 demands a digest here. Without MD5 (FIPS) it is this one; a service that does not know
 * it gets single deletions. */
static void add_sha256(struct s3_request *request)
{
    unsigned char sha256[SHA256_SIZE];
    char text[4 * ((SHA256_SIZE + 2) / 3) + 1];

    digest_sha256(request->body, request->body_size, sha256);
    s3_request_header(request, "x-amz-checksum-sha256", "%s",
                      digest_base64(sha256, sizeof sha256, text));
}

/* *works false: the service has no such call, or not for us. */
static int send_batch(struct s3_client *client, struct batch *batch,
                      const struct text *body, bool *works, struct err *err)
{
    static const int no_such_call[] = {400, 403, 405, 501};
    struct s3_request request;
    struct text answer;

    text_init(&answer, MAX_BATCH);
    s3_request_init(&request, "POST", NULL);
    s3_query_add(&request.query, "delete", NULL);
    s3_request_header(&request, "Content-Type", "application/xml");
    request.body = body->data;
    request.body_size = body->length;
    if (!digest_available(DIGEST_MD5))
        add_sha256(&request);
    request.out = &answer;
    request.root = "DeleteResult";
    request.what = "deletion of several objects";
    memcpy(request.accept, no_such_call, sizeof no_such_call);
    int result = s3_request_run(client, &request, err);
    *works = result == 0 && request.answer.status < 300;
    if (*works)
        result = s3_xml_walk(answer.data, answer.length, "DeleteResult", read_result, batch,
                             err);
    end_entry(batch, false);
    s3_request_release(&request);
    text_release(&answer);
    return result;
}

static int delete_rest(struct s3_client *client, const struct batch *batch, struct err *err)
{
    for (size_t i = 0; i < batch->count; i++)
        if (!batch->done[i] && s3_delete(client, &batch->deletes[i], err) < 0)
            return -1;
    return 0;
}

static int delete_batch(struct s3_client *client, struct s3_delete *deletes, size_t count,
                        bool *works, struct err *err)
{
    struct batch batch = {.deletes = deletes, .count = count};
    struct text body;
    int result = 0;

    batch.sent = memory_array(count, sizeof *batch.sent);
    batch.done = memory_array(count, sizeof *batch.done);
    text_init(&body, MAX_BATCH);
    if (*works && count > 1 && write_batch(&batch, &body) > 0)
        result = text_check(&body, "the list of what to delete", err);
    if (result == 0 && body.length > 0)
        result = send_batch(client, &batch, &body, works, err);
    if (result == 0)
        result = delete_rest(client, &batch, err);
    text_release(&body);
    free(batch.sent);
    free(batch.done);
    return result;
}

int s3_delete_many(struct s3_client *client, struct s3_delete *deletes, size_t count,
                   struct err *err)
{
    bool works = s3_client_row(client)->batch_delete;

    for (size_t at = 0; at < count; at += BATCH) {
        size_t size = count - at < BATCH ? count - at : BATCH;
        if (delete_batch(client, deletes + at, size, &works, err) < 0)
            return -1;
    }
    return 0;
}
