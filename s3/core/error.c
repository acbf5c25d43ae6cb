/*
 * Two tables: what curl says, and what the service says. `uncertain` in them is the
 * question whether the request may have been carried out although no good answer came;
 * where it is wrongly false, an upload that succeeded would be taken for one that failed.
 */
#include "s3/core/error.h"

#include "base/text.h"

#include <curl/curl.h>

static const char check_endpoint[] = "check the endpoint, the network and the proxy";
static const char check_ca[] =
    "a certificate of an authority of your own needs ca_file; check the host name too";
static const char check_rights[] =
    "check the rights of the access key for this bucket and prefix";
static const char check_bucket[] = "create the bucket, or check its name and the endpoint";
static const char check_time[] = "set this machine's clock";
static const char check_region[] = "check the region";
static const char check_region_and_endpoint[] = "check the region and the endpoint";
static const char renew_token[] = "renew the session token";

struct curl_row {
    int code;
    enum s3_class class_;
    enum err_kind kind;
    bool uncertain;
    const char *hint;
};

/* S3.md 2.1. Not named: a failure of our own set-up or callbacks, never repeated. */
static const struct curl_row curl_rows[] = {
    {CURLE_COULDNT_RESOLVE_PROXY, S3_CLASS_NAME, ERR_TRANSIENT, false, check_endpoint},
    {CURLE_COULDNT_RESOLVE_HOST, S3_CLASS_NAME, ERR_TRANSIENT, false, check_endpoint},
    {CURLE_COULDNT_CONNECT, S3_CLASS_TRANSIENT, ERR_TRANSIENT, false, check_endpoint},
    {CURLE_WEIRD_SERVER_REPLY, S3_CLASS_TRANSIENT, ERR_TRANSIENT, true, check_endpoint},
    {CURLE_HTTP2, S3_CLASS_TRANSIENT, ERR_TRANSIENT, true, NULL},
    {CURLE_PARTIAL_FILE, S3_CLASS_TRANSIENT, ERR_TRANSIENT, true, NULL},
    {CURLE_UPLOAD_FAILED, S3_CLASS_TRANSIENT, ERR_TRANSIENT, true, NULL},
    {CURLE_OPERATION_TIMEDOUT, S3_CLASS_TRANSIENT, ERR_TRANSIENT, true, check_endpoint},
    {CURLE_SSL_CONNECT_ERROR, S3_CLASS_NAME, ERR_TRANSIENT, false, check_endpoint},
    {CURLE_GOT_NOTHING, S3_CLASS_TRANSIENT, ERR_TRANSIENT, true, NULL},
    {CURLE_SEND_ERROR, S3_CLASS_TRANSIENT, ERR_TRANSIENT, true, NULL},
    {CURLE_RECV_ERROR, S3_CLASS_TRANSIENT, ERR_TRANSIENT, true, NULL},
    {CURLE_SEND_FAIL_REWIND, S3_CLASS_TRANSIENT, ERR_TRANSIENT, true, NULL},
    {CURLE_BAD_CONTENT_ENCODING, S3_CLASS_DAMAGED, ERR_CORRUPT, true, NULL},
    {CURLE_NO_CONNECTION_AVAILABLE, S3_CLASS_TRANSIENT, ERR_TRANSIENT, false, NULL},
    {CURLE_HTTP2_STREAM, S3_CLASS_TRANSIENT, ERR_TRANSIENT, true, NULL},
    {CURLE_PROXY, S3_CLASS_TRANSIENT, ERR_TRANSIENT, false, check_endpoint},
    {CURLE_PEER_FAILED_VERIFICATION, S3_CLASS_PERMANENT, ERR_STORE, false, check_ca},
    {CURLE_SSL_CACERT_BADFILE, S3_CLASS_PERMANENT, ERR_CONFIG, false, "check ca_file"},
    {CURLE_URL_MALFORMAT, S3_CLASS_PERMANENT, ERR_CONFIG, false, check_endpoint},
    {CURLE_UNSUPPORTED_PROTOCOL, S3_CLASS_PERMANENT, ERR_CONFIG, false, check_endpoint},
};

struct s3_verdict s3_error_of_curl(int curl_code)
{
    for (size_t i = 0; i < sizeof curl_rows / sizeof curl_rows[0]; i++) {
        const struct curl_row *row = &curl_rows[i];
        if (row->code == curl_code)
            return (struct s3_verdict){row->class_, row->kind, row->uncertain, row->hint};
    }
    /* What curl may say in years to come: uncertain, as that errs on the safe side. */
    return (struct s3_verdict){S3_CLASS_PERMANENT, ERR_SYSTEM, true, NULL};
}

struct code_row {
    const char *code;
    enum s3_class class_;
    enum err_kind kind;
    const char *hint;
};

/* Codes that mean more than their status. S3.md 2.1; MinIO's and versitygw's own from
 * MINIO.md. */
static const struct code_row code_rows[] = {
    {"RequestTimeout", S3_CLASS_TRANSIENT, ERR_TRANSIENT, NULL},
    {"RequestTimeoutException", S3_CLASS_TRANSIENT, ERR_TRANSIENT, NULL},
    {"InternalError", S3_CLASS_TRANSIENT, ERR_TRANSIENT, NULL},
    {"ServiceUnavailable", S3_CLASS_TRANSIENT, ERR_TRANSIENT, NULL},
    {"OperationAborted", S3_CLASS_TRANSIENT, ERR_TRANSIENT, NULL},
    {"ConditionalRequestConflict", S3_CLASS_TRANSIENT, ERR_TRANSIENT, NULL},
    {"PriorRequestNotComplete", S3_CLASS_TRANSIENT, ERR_TRANSIENT, NULL},
    {"IncompleteBody", S3_CLASS_TRANSIENT, ERR_TRANSIENT, NULL},
    {"ClientDisconnected", S3_CLASS_TRANSIENT, ERR_TRANSIENT, NULL},
    {"SlowDown", S3_CLASS_THROTTLE, ERR_TRANSIENT, NULL},
    {"SlowDownRead", S3_CLASS_THROTTLE, ERR_TRANSIENT, NULL},
    {"SlowDownWrite", S3_CLASS_THROTTLE, ERR_TRANSIENT, NULL},
    {"Throttling", S3_CLASS_THROTTLE, ERR_TRANSIENT, NULL},
    {"ThrottlingException", S3_CLASS_THROTTLE, ERR_TRANSIENT, NULL},
    {"ThrottledException", S3_CLASS_THROTTLE, ERR_TRANSIENT, NULL},
    {"RequestThrottled", S3_CLASS_THROTTLE, ERR_TRANSIENT, NULL},
    {"RequestThrottledException", S3_CLASS_THROTTLE, ERR_TRANSIENT, NULL},
    {"RequestLimitExceeded", S3_CLASS_THROTTLE, ERR_TRANSIENT, NULL},
    {"TooManyRequests", S3_CLASS_THROTTLE, ERR_TRANSIENT, NULL},
    {"TooManyRequestsException", S3_CLASS_THROTTLE, ERR_TRANSIENT, NULL},
    {"BandwidthLimitExceeded", S3_CLASS_THROTTLE, ERR_TRANSIENT, NULL},
    {"RequestTimeTooSkewed", S3_CLASS_CLOCK, ERR_DENIED, check_time},
    {"RequestExpired", S3_CLASS_CLOCK, ERR_DENIED, check_time},
    {"ExpiredToken", S3_CLASS_CREDENTIALS, ERR_DENIED, renew_token},
    {"ExpiredTokenException", S3_CLASS_CREDENTIALS, ERR_DENIED, renew_token},
    {"TokenRefreshRequired", S3_CLASS_CREDENTIALS, ERR_DENIED, renew_token},
    {"InvalidToken", S3_CLASS_CREDENTIALS, ERR_DENIED, "check the session token"},
    {"BadDigest", S3_CLASS_DAMAGED, ERR_CORRUPT, NULL},
    {"InvalidDigest", S3_CLASS_DAMAGED, ERR_CORRUPT, NULL},
    {"XAmzContentSHA256Mismatch", S3_CLASS_DAMAGED, ERR_CORRUPT, NULL},
    {"XAmzContentChecksumMismatch", S3_CLASS_DAMAGED, ERR_CORRUPT, NULL},
    {"PermanentRedirect", S3_CLASS_REDIRECT, ERR_STORE, check_region_and_endpoint},
    {"TemporaryRedirect", S3_CLASS_REDIRECT, ERR_STORE, check_region_and_endpoint},
    {"Redirect", S3_CLASS_REDIRECT, ERR_STORE, check_region_and_endpoint},
    {"AuthorizationHeaderMalformed", S3_CLASS_REDIRECT, ERR_CONFIG, check_region},
    {"AuthorizationQueryParametersError", S3_CLASS_REDIRECT, ERR_CONFIG, check_region},
    {"IllegalLocationConstraintException", S3_CLASS_REDIRECT, ERR_CONFIG, check_region},
    {"AccessDenied", S3_CLASS_PERMANENT, ERR_DENIED, check_rights},
    {"AllAccessDisabled", S3_CLASS_PERMANENT, ERR_DENIED, check_rights},
    {"AccountProblem", S3_CLASS_PERMANENT, ERR_DENIED, NULL},
    {"AuthenticationLockout", S3_CLASS_PERMANENT, ERR_DENIED,
     "too many wrong logins; wait before the next try"},
    {"InvalidAccessKeyId", S3_CLASS_PERMANENT, ERR_DENIED, "check the access key"},
    {"XAdminUserNotFound", S3_CLASS_PERMANENT, ERR_DENIED, "check the access key"},
    {"SignatureDoesNotMatch", S3_CLASS_PERMANENT, ERR_DENIED, "check the secret key"},
    {"NoSuchBucket", S3_CLASS_PERMANENT, ERR_STORE, check_bucket},
    {"InvalidBucketName", S3_CLASS_PERMANENT, ERR_CONFIG, check_bucket},
    {"NoSuchKey", S3_CLASS_PERMANENT, ERR_NOT_FOUND, NULL},
    {"NoSuchVersion", S3_CLASS_PERMANENT, ERR_NOT_FOUND, NULL},
    {"NoSuchUpload", S3_CLASS_PERMANENT, ERR_STORE,
     "the service has removed the unfinished upload; some do after a day"},
    {"EntityTooLarge", S3_CLASS_PERMANENT, ERR_STORE,
     "the service or the bucket limits the size of objects"},
    {"InvalidStorageClass", S3_CLASS_PERMANENT, ERR_CONFIG, "check the storage class"},
    {"QuotaExceeded", S3_CLASS_PERMANENT, ERR_STORE, "the bucket's quota is used up"},
    {"XMinioStorageFull", S3_CLASS_PERMANENT, ERR_STORE, "the service's disk is full"},
};

struct status_row {
    int first, last;
    enum s3_class class_;
    enum err_kind kind;
    bool uncertain;
    const char *hint;
};

/* For codes that are not in the table, and for answers without one. The first that fits. */
static const struct status_row status_rows[] = {
    {200, 299, S3_CLASS_TRANSIENT, ERR_TRANSIENT, true, NULL},
    {301, 302, S3_CLASS_REDIRECT, ERR_STORE, false, check_region_and_endpoint},
    {307, 308, S3_CLASS_REDIRECT, ERR_STORE, false, check_region_and_endpoint},
    {401, 401, S3_CLASS_PERMANENT, ERR_DENIED, false, "check the credentials"},
    {403, 403, S3_CLASS_PERMANENT, ERR_DENIED, false, check_rights},
    {404, 404, S3_CLASS_PERMANENT, ERR_NOT_FOUND, false, NULL},
    {407, 407, S3_CLASS_PERMANENT, ERR_CONFIG, false, "the proxy wants a login"},
    {408, 408, S3_CLASS_TRANSIENT, ERR_TRANSIENT, true, NULL},
    {429, 429, S3_CLASS_THROTTLE, ERR_TRANSIENT, false, NULL},
    {499, 500, S3_CLASS_TRANSIENT, ERR_TRANSIENT, true, NULL},
    {502, 502, S3_CLASS_TRANSIENT, ERR_TRANSIENT, true, NULL},
    {503, 503, S3_CLASS_THROTTLE, ERR_TRANSIENT, true, NULL},
    {504, 504, S3_CLASS_TRANSIENT, ERR_TRANSIENT, true, NULL},
    {507, 507, S3_CLASS_PERMANENT, ERR_STORE, false, "the service's disk is full"},
    {509, 509, S3_CLASS_TRANSIENT, ERR_TRANSIENT, true, NULL},
    {520, 524, S3_CLASS_TRANSIENT, ERR_TRANSIENT, true, NULL},
};

/* The outcome of a throttled request is known, that of an internal error is not. */
static bool is_uncertain(enum s3_class class_, int status)
{
    return class_ == S3_CLASS_TRANSIENT && (status < 400 || status >= 499 || status == 408);
}

struct s3_verdict s3_error_of_answer(int status, const char *code)
{
    /* The code first: services differ in the status they put it under. */
    for (size_t i = 0; *code != '\0' && i < sizeof code_rows / sizeof code_rows[0]; i++) {
        const struct code_row *row = &code_rows[i];
        if (strcmp(row->code, code) == 0)
            return (struct s3_verdict){row->class_, row->kind,
                                       is_uncertain(row->class_, status), row->hint};
    }
    /* An <Error> in a 200 whose code says nothing about repeating. */
    if (status < 300 && *code != '\0')
        return (struct s3_verdict){S3_CLASS_PERMANENT, ERR_STORE, false, NULL};
    for (size_t i = 0; i < sizeof status_rows / sizeof status_rows[0]; i++) {
        const struct status_row *row = &status_rows[i];
        if (status >= row->first && status <= row->last)
            return (struct s3_verdict){row->class_, row->kind, row->uncertain, row->hint};
    }
    return (struct s3_verdict){S3_CLASS_PERMANENT, ERR_STORE, status >= 500, NULL};
}

/* From a service that may be anybody's, to a terminal. */
static void add_text(struct text *out, const char *text)
{
    text_add_printable(out, text, strlen(text));
}

/* Status, code and words of the service, or what curl says where there was none. */
static void add_answer(struct text *out, const struct s3_failure *failure)
{
    if (failure->status == 0) {
        add_text(out, failure->transport != NULL ? failure->transport : "no answer");
        return;
    }
    text_addf(out, "the service answered %d", failure->status);
    if (failure->code != NULL && *failure->code != '\0') {
        text_add_char(out, ' ');
        add_text(out, failure->code);
    }
    /* Ceph sends empty messages. */
    if (failure->message != NULL && *failure->message != '\0') {
        text_add(out, ": ");
        add_text(out, failure->message);
    } else if (failure->transport != NULL) {
        text_add(out, ": ");
        add_text(out, failure->transport);
    }
}

/* What its support will ask for, and how hard we have tried. */
static void add_tries(struct text *out, const struct s3_failure *failure)
{
    bool id = failure->request_id != NULL && *failure->request_id != '\0';
    char elapsed[32];
    if (!id && failure->tries < 2)
        return;
    text_add(out, " (");
    if (id) {
        text_add(out, "request id ");
        add_text(out, failure->request_id);
    }
    if (failure->tries > 1)
        text_addf(out, "%s%u tries in %s", id ? "; " : "", failure->tries,
                  text_duration(elapsed, failure->elapsed_ms));
    text_add_char(out, ')');
}

int s3_error_set(struct err *err, const struct s3_verdict *verdict,
                 const struct s3_failure *failure)
{
    struct text sentence;
    text_init(&sentence, 400);
    if (failure->what != NULL)
        text_addf(&sentence, "%s: ", failure->what);
    add_answer(&sentence, failure);
    add_tries(&sentence, failure);
    err_set(err, verdict->kind, "%s", sentence.data);
    text_release(&sentence);
    if (verdict->hint != NULL)
        err_hint(err, "%s", verdict->hint);
    return -1;
}
