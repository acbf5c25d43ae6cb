/*
 * Questions about the bucket as a whole. A service that does not know one of them (501) has
 * what the question is about in the off position.
 */
#include "s3/s3.h"

#include "base/memory.h"
#include "base/parse.h"
#include "s3/core/client.h"
#include "s3/http/xml.h"

enum { MAX_DOCUMENT = 64 << 10, MAX_LIST = 1 << 20 };

/* HEAD has no <Error>: asked again by GET, the service says why. */
static int ask_by_get(struct s3_client *client, struct err *err)
{
    struct s3_request request;
    struct text document;
    struct err why = {0};
    text_init(&document, MAX_LIST);
    s3_request_init(&request, "GET", NULL);
    /* The least that a key with any rights may do, and not for long: an answer is there already. */
    s3_query_add(&request.query, "max-keys", "1");
    request.out = &document;
    request.retry_time_ms = 5000;
    int result = s3_request_run(client, &request, &why);
    /* A silence now is worth less than the refusal before. */
    if (result < 0 && why.kind != ERR_TRANSIENT && why.kind != ERR_CANCELLED)
        *err = why;
    s3_request_release(&request);
    text_release(&document);
    return result;
}

int s3_bucket_check(struct s3_client *client, struct err *err)
{
    struct s3_request request;
    s3_request_init(&request, "HEAD", NULL);
    int result = s3_request_run(client, &request, err);
    int status = request.answer.status;
    s3_request_release(&request);
    /* It is there, or nobody can say. */
    if (result == 0 || status < 400 || status >= 500)
        return result;
    /* A key may be allowed to list and not to ask for the bucket's head. */
    if (ask_by_get(client, err) == 0) {
        err_clear(err);
        return 0;
    }
    /* A bucket that is missing is no missing object. */
    if (err->kind == ERR_NOT_FOUND)
        err->kind = ERR_STORE;
    return -1;
}

/* Suspended counts as on for whoever deletes: old versions are still there. */
int s3_bucket_versioning(struct s3_client *client, enum s3_versioning *out, struct err *err)
{
    struct s3_request request;
    struct text document;
    char *status = NULL;
    text_init(&document, MAX_DOCUMENT);
    s3_request_init(&request, "GET", NULL);
    s3_request_name(&request, "the bucket's versioning");
    s3_query_add(&request.query, "versioning", NULL);
    request.out = &document;
    request.accept[0] = 501;
    *out = S3_VERSIONING_OFF;
    int result = s3_request_run(client, &request, err);
    /* A service without versions (Supabase, Garage) says so, one way or another. */
    if (result == 0 && request.answer.status != 501)
        result = s3_xml_find(
            &(struct s3_xml){document.data, document.length, "VersioningConfiguration"},
            "Status", &status, err);
    if (status != NULL && strcmp(status, "Enabled") == 0)
        *out = S3_VERSIONING_ON;
    else if (status != NULL && strcmp(status, "Suspended") == 0)
        *out = S3_VERSIONING_SUSPENDED;
    free(status);
    s3_request_release(&request);
    text_release(&document);
    return result;
}

/* ---- object lock ---- */

/* Whether locks are possible, and what an object gets that asks for none. A period that is no
 * number is as if not said. */
static int read_lock(void *context, const char *path, const char *text, struct err *err)
{
    static const char rule[] = "Rule/DefaultRetention/";
    struct s3_bucket_lock *lock = context;
    const int64_t day = 86400;
    int64_t number = 0;
    struct err ignored = {0};
    (void)err;
    if (strcmp(path, "ObjectLockEnabled") == 0)
        lock->enabled = strcmp(text, "Enabled") == 0;
    if (!text_starts_with(path, rule))
        return 0;
    path += strlen(rule);
    if (strcmp(path, "Mode") == 0)
        snprintf(lock->mode, sizeof lock->mode, "%s", text);
    else if (parse_int(text, 0, 36500, &number, &ignored) < 0)
        return 0;
    else if (strcmp(path, "Days") == 0)
        lock->seconds = number * day;
    else if (strcmp(path, "Years") == 0)
        lock->seconds = number * 365 * day;
    return 0;
}

/* How services say that a bucket has no lock, or that they have none at all. */
static bool has_no_lock(const struct s3_answer *answer)
{
    static const char *const codes[] = {"ObjectLockConfigurationNotFoundError",
                                        "NoSuchObjectLockConfiguration", "InvalidRequest",
                                        "InvalidBucketState", "NotImplemented"};
    return answer->status == 501 ||
           text_is_any(answer->code, codes, sizeof codes / sizeof *codes);
}

/* Services differ most in how they say that there is none: by code, by status, or both. */
int s3_bucket_lock(struct s3_client *client, struct s3_bucket_lock *out, struct err *err)
{
    static const int none[] = {400, 404, 409, 501};
    struct s3_request request;
    struct text document;
    *out = (struct s3_bucket_lock){0};
    text_init(&document, MAX_DOCUMENT);
    s3_request_init(&request, "GET", NULL);
    s3_request_name(&request, "the bucket's object lock");
    s3_query_add(&request.query, "object-lock", NULL);
    request.out = &document;
    memcpy(request.accept, none, sizeof none);
    int result = s3_request_run(client, &request, err);
    /* A refusal that is not one of "there is none" is an error: nobody knows then. */
    if (result == 0 && request.answer.status < 300)
        result = s3_xml_walk(
            &(struct s3_xml){document.data, document.length, "ObjectLockConfiguration"},
            read_lock, out, err);
    else if (result == 0 && !has_no_lock(&request.answer))
        result = s3_request_fail(client, &request, err);
    s3_request_release(&request);
    text_release(&document);
    return result;
}
