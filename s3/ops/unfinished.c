/* Uploads that were begun and not ended: their parts, and how they are removed. */
#include "s3/ops/upload.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "s3/http/xml.h"
#include "s3/ops/object.h"

enum {
    DOCUMENT_MAX = 8 << 20, /* a page of 1,000 parts */
    ABORT_MS = 60000,
    LOOK_AGAIN_MS = 200,
};

/* A 404 that does not come from S3 must not pass for "no such upload". */
static int check_404(const struct s3_request *request, bool *absent, struct err *err)
{
    *absent = s3_is_absent(&request->answer);
    /* A wrong base path, a web server in between. */
    if (request->answer.status != 404 || *absent)
        return 0;
    return err_set(err, ERR_STORE,
                   "%s: the service answered 404 %s, which is no answer of S3",
                   request->name, request->answer.code);
}

/* ---- parts ---- */

/* A listing under way. */
struct parts {
    struct s3_parts *out; /* of all pages */
    size_t capacity;
    int64_t retry_time_ms;    /* of each; 0: the client's */
    struct s3_part_info next; /* being read */
    bool etag_too_long;
    bool truncated;
    unsigned marker; /* the last part of the pages so far; 0: none */
    unsigned next_marker;
};

/* 0 when it is not a number. */
static uint64_t number_of(const char *text)
{
    char *end;
    unsigned long long value = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && *end == '\0' ? value : 0;
}

/* A list that is not in order cannot be trusted to be whole; an ETag that was cut would be
 * refused at Complete, hours later. */
static int end_part(struct parts *parts, struct err *err)
{
    struct s3_parts *out = parts->out;
    unsigned before = out->count > 0 ? out->items[out->count - 1].number : 0;
    if (parts->next.number <= before)
        return err_set(err, ERR_STORE, "listing parts: part %u is out of order",
                       parts->next.number);
    if (parts->etag_too_long)
        return err_set(err, ERR_STORE, "listing parts: the ETag of part %u is too long",
                       parts->next.number);
    /* What it did not say of this one is 0 or "" again for the next. */
    struct s3_part_info *part =
        memory_append(&out->items, &out->count, &parts->capacity, sizeof *part);
    *part = parts->next;
    parts->next = (struct s3_part_info){0};
    return 0;
}

/* A checksum that is longer than one of ours is of another algorithm, and nothing to us. */
static int read_element(void *context, const char *path, const char *text, struct err *err)
{
    struct parts *parts = context;
    size_t length = strlen(text);
    if (strcmp(path, "Part/PartNumber") == 0)
        parts->next.number = (unsigned)number_of(text);
    else if (strcmp(path, "Part/Size") == 0)
        parts->next.size = number_of(text);
    else if (strcmp(path, "Part/ETag") == 0 && length >= sizeof parts->next.etag)
        parts->etag_too_long = true;
    else if (strcmp(path, "Part/ETag") == 0)
        memcpy(parts->next.etag, text, length + 1);
    else if (strcmp(path, "Part/ChecksumCRC64NVME") == 0 &&
             length < sizeof parts->next.crc64nvme)
        memcpy(parts->next.crc64nvme, text, length + 1);
    else if (strcmp(path, "Part") == 0)
        return end_part(parts, err);
    else if (strcmp(path, "IsTruncated") == 0)
        parts->truncated = strcmp(text, "true") == 0;
    else if (strcmp(path, "NextPartNumberMarker") == 0)
        parts->next_marker = (unsigned)number_of(text);
    return 0;
}

struct upload_name {
    const char *key, *id;
};

/* The page behind the marker. */
static int fetch_page(struct s3_client *client, const struct upload_name *upload,
                      struct parts *parts, struct err *err)
{
    struct s3_request request;
    struct text document;
    text_init(&document, DOCUMENT_MAX);
    s3_request_init(&request, "GET", upload->key);
    s3_request_name(&request, "listing parts");
    s3_query_add(&request.query, "uploadId", upload->id);
    s3_query_add(&request.query, "max-parts", "1000");
    if (parts->marker != 0)
        s3_query_addf(&request.query, "part-number-marker", "%u", parts->marker);
    request.accept[0] = 404;
    request.root = "ListPartsResult";
    request.out = &document;
    request.retry_time_ms = parts->retry_time_ms;
    s3_client_add_key_headers(client, &request);
    /* Of this page, should it say nothing. */
    parts->truncated = false;
    parts->next_marker = 0;
    int result = s3_request_run(client, &request, err);
    if (result == 0 && request.answer.status < 300)
        result = s3_xml_walk(&(struct s3_xml){document.data, document.length, request.root},
                             read_element, parts, err);
    if (result == 0)
        result = check_404(&request, &parts->out->absent, err);
    s3_request_release(&request);
    text_release(&document);
    return result;
}

int s3_list_parts(struct s3_client *client, const char *key, const char *upload_id,
                  struct s3_parts *out, struct err *err)
{
    const struct upload_name upload = {key, upload_id};
    struct parts parts = {.out = out};
    int result;
    *out = (struct s3_parts){0};
    for (;;) {
        result = fetch_page(client, &upload, &parts, err);
        if (result < 0 || out->absent || !parts.truncated)
            break;
        /* A listing that does not come to its end must not look like one that did. */
        if (parts.next_marker <= parts.marker) {
            result = err_set(err, ERR_STORE, "listing parts: the service repeats itself");
            break;
        }
        parts.marker = parts.next_marker;
    }
    /* Whole or not at all: an upload that ended while it was listed has no parts. */
    if (result < 0 || out->absent) {
        free(out->items);
        *out = (struct s3_parts){.absent = out->absent};
    }
    return result;
}

/* ---- abort ---- */

/* 404 is as good as 204: it is gone, by whomever. */
static int send_abort(struct s3_client *client, const struct upload_name *upload,
                      int64_t retry_time_ms, struct err *err)
{
    struct s3_request request;
    bool absent;
    s3_request_init(&request, "DELETE", upload->key);
    s3_request_name(&request, "aborting the upload");
    s3_query_add(&request.query, "uploadId", upload->id);
    request.accept[0] = 404;
    request.retry_time_ms = retry_time_ms;
    int result = s3_request_run(client, &request, err);
    if (result == 0)
        result = check_404(&request, &absent, err);
    s3_request_release(&request);
    return result;
}

int s3_abort_for_good(struct s3_client *client, const char *key, const char *upload_id,
                      struct err *err)
{
    /* Not cancel_sleep_ms: that one does not sleep any more once the process is cancelled. */
    const struct timespec nap = {.tv_nsec = LOOK_AGAIN_MS * 1000000L};
    const struct upload_name upload = {key, upload_id};
    int64_t end = clock_monotonic_ms() + s3_client_retry_time(client);
    /* Abort, look, and again as long as something is there (API_AbortMultipartUpload says so). */
    for (;;) {
        struct s3_parts found = {0};
        int64_t left_ms = end - clock_monotonic_ms();
        struct parts parts = {.out = &found, .retry_time_ms = left_ms};
        if (left_ms <= 0)
            return err_set(err, ERR_TRANSIENT,
                           "aborting the upload: parts are still there");
        if (send_abort(client, &upload, left_ms, err) < 0)
            return -1;

        /* Parts that were under way may land after the abort and lie there unseen, and paid
         * for. */
        int result = fetch_page(client, &upload, &parts, err);
        free(found.items);
        if (result < 0 && err->kind != ERR_DENIED && err->kind != ERR_STORE)
            return -1;
        /* Whoever may not list has the service's word for it. */
        if (result < 0)
            err_clear(err);
        if (result < 0 || found.absent || found.count == 0)
            return 0;
        (void)nanosleep(&nap, NULL);
    }
}

/* For those who have no upload at hand but its id: sweeps, probes, and what a crash left. */
int s3_abort_upload(struct s3_client *client, const char *key, const char *upload_id,
                    struct err *err)
{
    const struct s3_call call = {.retry_time_ms = ABORT_MS};
    struct s3_client *bounded = s3_client_with(client, &call);
    int result = s3_abort_for_good(bounded, key, upload_id, err);
    s3_client_free(bounded);
    return result;
}

/* ---- uploads whose begin was not answered ---- */

/* A minute is enough for a service that is there; the sweep has all the time. */
struct s3_client *s3_upload_cleaner(const struct s3_upload *upload)
{
    int64_t retry_time_ms = s3_client_retry_time(upload->client);
    struct s3_call call = {.retry_time_ms =
                               retry_time_ms < ABORT_MS ? retry_time_ms : ABORT_MS,
                           .cleaning = true};
    return s3_client_with(upload->client, &call);
}

struct orphans {
    const struct s3_upload *upload;
    struct strlist ids;
};

/* Keys are unique, so whatever else is open under this one was opened by us. */
static int add_orphan(void *context, const struct s3_unfinished *found, struct err *err)
{
    struct orphans *orphans = context;
    (void)err;
    if (strcmp(found->key, orphans->upload->key) == 0 &&
        !text_equal(found->upload_id, orphans->upload->upload_id))
        strlist_add(&orphans->ids, found->upload_id);
    return 0;
}

bool s3_upload_clear_orphans(struct s3_upload *upload)
{
    struct orphans orphans = {.upload = upload};
    struct err err = {0};
    if (!upload->orphans)
        return true;
    /* First all of them, then the removal: a list must not change under its own pages. */
    struct s3_client *cleaner = s3_upload_cleaner(upload);
    int result = s3_list_uploads(cleaner, upload->key, add_orphan, &orphans, &err);
    for (size_t i = 0; result == 0 && i < orphans.ids.count; i++)
        result = s3_abort_for_good(cleaner, upload->key, orphans.ids.items[i], &err);
    strlist_release(&orphans.ids);
    s3_client_free(cleaner);
    if (result < 0) {
        log_warning("%s: an upload whose begin was not answered may still be open: %s",
                    upload->key, err.text);
        return false;
    }
    upload->orphans = false;
    return true;
}
