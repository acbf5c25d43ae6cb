/*
 * "Removed" is the most expensive word in this file: the catalog forgets a copy because of
 * it. It is said for a 2xx and for S3's own "no such key", and for nothing else; whether a
 * refusal is a lock or a lack of rights is asked of the object itself.
 */
#include "s3/core/client.h"

#include "base/clock.h"
#include "base/memory.h"
#include "s3/http/xml.h"
#include "s3/ops/object.h"

/* "403 AccessDenied: ..." in the service's words, for the user who has to find out. */
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

/* The service's own words: versitygw's HEAD does not always show the lock that it obeys. */
static bool names_lock(const struct s3_answer *answer)
{
    return strstr(answer->message, "WORM") != NULL ||
           strstr(answer->message, "object lock") != NULL ||
           strstr(answer->message, "Object Lock") != NULL;
}

/* A HEAD tells no lock that comes from the bucket's default (versitygw): the subresource
 * does. No answer is no lock. */
static int64_t ask_retention(struct s3_client *client, const struct s3_delete *delete_)
{
    struct s3_request request;
    struct text document;
    struct err ignored = {0};
    char *until = NULL;
    int64_t seconds = 0;
    text_init(&document, 64 << 10);
    s3_request_init(&request, "GET", delete_->key);
    s3_query_add(&request.query, "retention", NULL);
    if (delete_->version_id != NULL)
        s3_query_add(&request.query, "versionId", delete_->version_id);
    request.out = &document;
    if (s3_request_run(client, &request, &ignored) == 0 &&
        s3_xml_find(&(struct s3_xml){document.data, document.length, "Retention"},
                    "RetainUntilDate", &until, &ignored) == 0 &&
        until != NULL && clock_parse(until, &seconds, &ignored) < 0)
        seconds = 0;
    free(until);
    s3_request_release(&request);
    text_release(&document);
    return seconds;
}

/* What the object says of its lock decides between locked and refused. `named`: the service
 * spoke of a lock. */
static int find_lock(struct s3_client *client, struct s3_delete *delete_, bool named,
                     struct err *err)
{
    struct s3_object object;
    struct err why = {0};
    bool absent = false;
    int64_t now = s3_client_time(client);
    const struct s3_version which = {delete_->key, delete_->version_id};
    if (s3_head_version(client, &which, &object, &absent, &why) < 0) {
        if (why.kind != ERR_DENIED) {
            *err = why;
            return -1;
        }
        /* We may not look either. That the bucket answers to us at all must be certain. */
        delete_->result = named ? S3_LOCKED : S3_REFUSED;
        return s3_bucket_check(client, err);
    }
    /* Somebody else was faster, or the answer was the echo of a success. */
    if (absent) {
        delete_->result = S3_REMOVED;
        return 0;
    }
    /* Its lock by HEAD, by the subresource, or by the word of the service. */
    int64_t until = object.retain_until;
    if (until == 0 && !object.legal_hold)
        until = ask_retention(client, delete_);
    bool locked = until > now || object.legal_hold || named;
    delete_->result = locked ? S3_LOCKED : S3_REFUSED;
    delete_->locked_until = until > now ? until : 0;
    s3_object_release(&object);
    return 0;
}

/* Removed, locked, refused, or none of these: then it is a failure of the store. */
static int classify(struct s3_client *client, struct s3_delete *delete_,
                    struct s3_request *request, struct err *err)
{
    const struct s3_answer *answer = &request->answer;
    /* MinIO: "Object is WORM protected and cannot be overwritten". */
    bool worm = answer->status == 400 && strcmp(answer->code, "InvalidRequest") == 0 &&
                names_lock(answer);
    /* 403 for this object; the other codes with 403 are about our key or our clock. */
    bool denied = answer->status == 403 && strcmp(answer->code, "AccessDenied") == 0;
    if (answer->status < 300 || s3_is_absent(answer)) {
        delete_->result = S3_REMOVED;
        return 0;
    }
    if (!worm && !denied) {
        (void)s3_request_fail(client, request, err);
        /* A 404 that is not S3's says nothing about the object. */
        if (err->kind == ERR_NOT_FOUND)
            err->kind = ERR_STORE;
        return -1;
    }
    set_reason(delete_, answer);
    return find_lock(client, delete_, names_lock(answer), err);
}

/* Refused until something else is sure: who looks at the result after an error is not misled. */
int s3_delete(struct s3_client *client, struct s3_delete *delete_, struct err *err)
{
    struct s3_request request;
    delete_->result = S3_REFUSED;
    delete_->locked_until = 0;
    delete_->reason[0] = '\0';
    s3_request_init(&request, "DELETE", delete_->key);
    if (delete_->version_id != NULL)
        s3_query_add(&request.query, "versionId", delete_->version_id);
    /* All three may be answers about this object. Never x-amz-bypass-governance-retention: a lock
     * that we could lift would protect nothing from us. */
    request.accept[0] = 404;
    request.accept[1] = 403;
    request.accept[2] = 400;
    int result = s3_request_run(client, &request, err);
    if (result == 0)
        result = classify(client, delete_, &request, err);
    s3_request_release(&request);
    return result;
}
