#include "tests/support/fake_s3_internal.h"

#include "base/clock.h"
#include "base/parse.h"

#include <strings.h>
#include <unistd.h>

/* The first row that fits is the operation. */
static const struct fake_operation operations[] = {
    {"PUT", true, "partNumber", "x-amz-copy-source", "UploadPartCopy", NULL, false},
    {"PUT", true, "partNumber", NULL, "UploadPart", fake_upload_part, false},
    {"PUT", true, "retention", NULL, "PutObjectRetention", fake_put_retention, true},
    {"PUT", true, "legal-hold", NULL, "PutObjectLegalHold", fake_put_legal_hold, true},
    {"PUT", true, NULL, "x-amz-copy-source", "CopyObject", NULL, false},
    {"PUT", true, NULL, NULL, "PutObject", fake_put_object, false},
    {"GET", true, "uploadId", NULL, "ListParts", fake_list_parts, false},
    {"GET", true, "retention", NULL, "GetObjectRetention", fake_get_retention, false},
    {"GET", true, "legal-hold", NULL, "GetObjectLegalHold", fake_get_legal_hold, false},
    {"GET", true, NULL, NULL, "GetObject", fake_get_object, false},
    {"HEAD", true, NULL, NULL, "HeadObject", fake_get_object, false},
    {"DELETE", true, "uploadId", NULL, "AbortMultipartUpload", fake_abort_upload, false},
    {"DELETE", true, NULL, NULL, "DeleteObject", fake_delete_object, false},
    {"POST", true, "uploads", NULL, "CreateMultipartUpload", fake_create_upload, false},
    {"POST", true, "uploadId", NULL, "CompleteMultipartUpload", fake_complete_upload, true},
    {"POST", false, "delete", NULL, "DeleteObjects", fake_delete_objects, true},
    {"GET", false, "uploads", NULL, "ListMultipartUploads", fake_list_uploads, false},
    {"GET", false, "versions", NULL, "ListObjectVersions", fake_list_versions, false},
    {"GET", false, "location", NULL, "GetBucketLocation", fake_get_location, false},
    {"GET", false, "versioning", NULL, "GetBucketVersioning", fake_get_versioning, false},
    {"GET", false, "object-lock", NULL, "GetObjectLockConfiguration",
     fake_get_lock_configuration, false},
    {"GET", false, "list-type", NULL, "ListObjectsV2", fake_list_objects_v2, false},
    {"GET", false, NULL, NULL, "ListObjects", fake_list_objects, false},
    {"HEAD", false, NULL, NULL, "HeadBucket", fake_head_bucket, false},
};

static const struct fake_operation unknown = {"", false, NULL, NULL, "Unknown", NULL, true};

/* Sub-resources that would otherwise look like a plain request. */
static const char *const foreign[] = {
    "acl",        "policy",  "lifecycle", "tagging", "cors",       "website",    "logging",
    "encryption", "torrent", "restore",   "select",  "attributes", "replication"};

bool fake_faulted(const struct fake_call *call, enum fake_action action)
{
    return call->faulted && call->fault.action == action;
}

int64_t fake_now(const struct fake_call *call)
{
    return clock_now() + call->settings.clock_offset_s;
}

void fake_refuse_with(struct fake_call *call, int status, const char *code,
                      const char *message, const char *elements)
{
    call->status = status;
    call->has_data = false;
    text_clear(&call->body_text);
    text_add(&call->head, "Content-Type: application/xml\r\n");
    text_addf(&call->body_text,
              "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>%s</Code>"
              "<Message>%s</Message>%s<Resource>",
              code, message, elements);
    fake_xml_escape(&call->body_text, call->path);
    text_addf(&call->body_text,
              "</Resource><RequestId>REQUEST%u</RequestId><HostId>fake</HostId></Error>",
              call->number);
}

void fake_refuse(struct fake_call *call, int status, const char *code, const char *message)
{
    fake_refuse_with(call, status, code, message, "");
}

const char *fake_etag(const struct fake_call *call, const char *etag)
{
    if (fake_faulted(call, FAKE_NO_ETAG))
        return NULL;
    if (fake_faulted(call, FAKE_WRONG_ETAG))
        return "\"0123456789abcdef0123456789abcdef\"";
    return etag;
}

void fake_answer_etag(struct fake_call *call, const char *etag)
{
    const char *given = fake_etag(call, etag);

    if (given != NULL)
        text_addf(&call->head, "ETag: %s\r\n", given);
}

/* ---- what a request is ---- */

static bool is_foreign(const struct fake_call *call)
{
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
        if (fake_param(call, foreign[i]) != NULL)
            return true;
    return false;
}

static const struct fake_operation *find_operation(struct fake_call *call)
{
    if (call->bucket_name == NULL || is_foreign(call))
        return &unknown;
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
        const struct fake_operation *op = &operations[i];
        if (strcmp(op->method, call->method) == 0 && op->has_key == (call->key != NULL) &&
            (op->param == NULL || fake_param(call, op->param) != NULL) &&
            (op->header == NULL || fake_header(call, op->header) != NULL))
            return op;
    }
    return &unknown;
}

/* The bucket of "<bucket>." in front of the host; NULL: path style. Under the lock. */
static struct fake_bucket *bucket_of_host(struct fake_call *call, const char *host)
{
    for (size_t i = 0; host != NULL && i < call->fake->bucket_count; i++) {
        struct fake_bucket *bucket = call->fake->buckets[i];
        size_t length = strlen(bucket->name);
        if (strncasecmp(host, bucket->name, length) == 0 && host[length] == '.')
            return bucket;
    }
    return NULL;
}

/* Bucket and key out of host and path. */
static void find_names(struct fake_call *call)
{
    const char *path = call->path;
    const char *base = call->settings.base_path;
    const char *host = fake_header(call, "Host");

    if (!text_starts_with(path, base) || path[strlen(base)] != '/')
        return;
    path += strlen(base) + 1;
    pthread_mutex_lock(&call->fake->lock);
    call->bucket = bucket_of_host(call, host);
    if (call->bucket != NULL) {
        call->bucket_name = memory_strdup(call->bucket->name);
    } else {
        size_t length = strcspn(path, "/");
        call->bucket_name = length > 0 ? fake_decode(path, length, false) : NULL;
        path += length;
        path += *path == '/';
        if (call->bucket_name != NULL)
            call->bucket = fake_bucket_find(call->fake, call->bucket_name);
    }
    pthread_mutex_unlock(&call->fake->lock);
    if (*path != '\0')
        call->key = fake_decode(path, strlen(path), false);
}

static void identify(struct fake_call *call)
{
    const char *part;
    int64_t number;
    struct err err;

    fake_split_target(call);
    find_names(call);
    call->op = find_operation(call);
    call->upload_id = fake_param(call, "uploadId");
    part = fake_param(call, "partNumber");
    if (part != NULL && parse_int(part, 0, UINT32_MAX, &number, &err) == 0)
        call->part = (unsigned)number;
}

/* ---- one request ---- */

static bool has_checksum(struct fake_call *call)
{
    static const char *const names[] = {
        "x-amz-checksum-crc32", "x-amz-checksum-crc32c",       "x-amz-checksum-crc64nvme",
        "x-amz-checksum-sha1",  "x-amz-checksum-sha256",       "x-amz-checksum-algorithm",
        "x-amz-checksum-type",  "x-amz-sdk-checksum-algorithm"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (fake_header(call, names[i]) != NULL)
            return true;
    return false;
}

static bool is_aws_chunked(struct fake_call *call)
{
    const char *encoding = fake_header(call, "Content-Encoding");
    const char *payload = fake_header(call, "x-amz-content-sha256");

    return (encoding != NULL && strstr(encoding, "aws-chunked") != NULL) ||
           (payload != NULL && text_starts_with(payload, "STREAMING-")) ||
           fake_header(call, "x-amz-trailer") != NULL ||
           fake_header(call, "Trailer") != NULL;
}

static void count_framing(struct fake_call *call, bool aws_chunked)
{
    pthread_mutex_lock(&call->fake->lock);
    call->fake->stats.chunked += call->is_chunked;
    call->fake->stats.aws_chunked += aws_chunked;
    pthread_mutex_unlock(&call->fake->lock);
}

/* What the head alone forbids; the answer is set then. */
static void check_head(struct fake_call *call)
{
    bool aws_chunked = is_aws_chunked(call);

    count_framing(call, aws_chunked);
    if (call->is_chunked) {
        call->close = true;
        fake_refuse(call, 411, "MissingContentLength",
                    "You must provide the Content-Length HTTP header.");
    } else if (fake_sign_check(call) < 0) {
        return;
    } else if (aws_chunked) {
        fake_refuse(call, 501, "NotImplemented", "aws-chunked is not implemented.");
    } else if (call->settings.refuse_checksums && has_checksum(call)) {
        fake_refuse(call, 501, "NotImplemented", "Unsupported header: checksum.");
    } else if (call->op->run == NULL) {
        fake_refuse(call, 501, "NotImplemented",
                    "A header you provided implies functionality that is not implemented.");
    } else if (call->bucket == NULL) {
        fake_refuse(call, 404, "NoSuchBucket", "The specified bucket does not exist.");
    }
}

static bool differs(struct fake_call *call, const char *header, const void *data,
                    size_t size)
{
    const char *sent = fake_header(call, header);
    char base64[64];

    return sent != NULL && strcmp(sent, digest_base64(data, size, base64)) != 0;
}

static void check_body(struct fake_call *call)
{
    const char *payload = fake_header(call, "x-amz-content-sha256");
    const char *md5 = fake_header(call, "Content-MD5");
    char hex[SHA256_HEX];
    unsigned char crc[8];

    for (int i = 0; i < 8; i++)
        crc[i] = (unsigned char)(call->crc64 >> (56 - 8 * i));
    if (payload != NULL && strlen(payload) == 64 && !call->settings.ignore_sha256 &&
        strcmp(payload, digest_hex(call->sha256, SHA256_SIZE, hex)) != 0)
        fake_refuse(call, 400, "XAmzContentSHA256Mismatch",
                    "The provided 'x-amz-content-sha256' header does not match what was "
                    "computed.");
    else if (md5 == NULL && call->settings.parts_want_md5 && call->op != NULL &&
             strcmp(call->op->name, "UploadPart") == 0)
        fake_refuse(call, 400, "InvalidRequest",
                    "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Part "
                    "requests with Object Lock parameters");
    else if (md5 != NULL && !call->settings.ignore_content_md5 && strlen(md5) != 24)
        fake_refuse(call, 400, "InvalidDigest",
                    "The Content-MD5 you specified is not valid.");
    else if (!call->settings.ignore_content_md5 &&
             differs(call, "Content-MD5", call->md5, MD5_SIZE))
        fake_refuse(call, 400, "BadDigest",
                    "The Content-MD5 you specified did not match what we received.");
    else if (fake_header(call, "x-amz-checksum-crc64nvme") != NULL &&
             fake_header(call, "x-amz-checksum-sha256") != NULL)
        fake_refuse(call, 400, "InvalidRequest",
                    "Expecting a single x-amz-checksum- header.");
    else if (!call->settings.ignore_checksums && call->op->run != fake_complete_upload &&
             (differs(call, "x-amz-checksum-crc64nvme", crc, sizeof crc) ||
              differs(call, "x-amz-checksum-sha256", call->sha256, SHA256_SIZE)))
        fake_refuse(call, 400, "BadDigest",
                    "The checksum you specified did not match what we received.");
}

static void run_operation(struct fake_call *call)
{
    pthread_mutex_lock(&call->fake->lock);
    call->op->run(call);
    pthread_mutex_unlock(&call->fake->lock);
    if (call->status == 0)
        call->status = 200;
    if (call->settings.etags_are_not_md5 && call->key != NULL && call->status < 300)
        text_add(&call->head, "x-amz-server-side-encryption: aws:kms\r\n");
}

/* Writes the answer and closes the books of the request. */
static bool answer(struct fake_call *call)
{
    fake_records_answering(call);
    return fake_wire_answer(call);
}

/* An answer that was clear from the head and is given before the body comes. */
static bool answer_early(struct fake_call *call)
{
    call->close = true;
    bool open = answer(call);
    fake_wire_linger(call->link);
    return open;
}

static bool handle(struct fake_call *call)
{
    check_head(call);
    if (fake_faults_before_body(call))
        return false;
    bool spare_body = call->status != 0 && !call->faulted && call->content_length > 0;
    if (call->is_chunked || (spare_body && call->expects_continue))
        return answer_early(call);
    if (!fake_wire_body(call, FAKE_NO_LIMIT) || !fake_faults_wait(call))
        return false;
    if (call->status == 0)
        check_body(call);
    fake_faults_instead(call);
    if (call->status == 0)
        run_operation(call);
    fake_faults_after(call);
    return answer(call);
}

static void call_release(struct fake_call *call)
{
    for (size_t i = 0; i < call->param_count; i++) {
        free(call->params[i].name);
        free(call->params[i].value);
    }
    free(call->params);
    free(call->region);
    free(call->method);
    free(call->target);
    free(call->headers);
    free(call->path);
    free(call->query);
    free(call->bucket_name);
    free(call->key);
    free(call->body);
    free(call->data);
    text_release(&call->head);
    text_release(&call->body_text);
    strlist_release(&call->values);
}

/* false: the connection is over. */
static bool serve_one(struct fake_link *link)
{
    struct fake_call call = {.fake = link->fake, .link = link, .limit = FAKE_NO_LIMIT};

    text_init(&call.head, FAKE_BUFFER_SIZE);
    text_init(&call.body_text, FAKE_XML_MAX);
    bool open = fake_wire_head(&call);
    if (open) {
        fake_settings_copy(&call);
        identify(&call);
        fake_records_begin(&call);
        open = handle(&call);
        fake_records_end(&call);
    }
    call_release(&call);
    return open;
}

void *fake_serve(void *argument)
{
    struct fake_link *link = argument;

    while (serve_one(link))
        continue;
    fake_wire_close(link, false);
    pthread_mutex_lock(&link->fake->lock);
    link->done = true;
    pthread_mutex_unlock(&link->fake->lock);
    return NULL;
}
