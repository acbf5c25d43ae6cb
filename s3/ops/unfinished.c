/* Uploads that were begun and not ended: to be listed, continued, removed. */
#include "s3/ops/upload.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "s3/ops/object.h"
#include "s3/http/xml.h"

enum {
    PAGE = 1000,
    ANSWER_MAX = 8 << 20, /* a page of keys with 1,024 bytes each, encoded */
    ABORT_MS = 60000,
    LOOK_AGAIN_MS = 200,
};

/* ---- uploads ---- */

/* One page of ListMultipartUploads. */
struct uploads_page {
    struct s3_pending *items;
    size_t count, capacity;
    struct s3_pending next; /* the one being read */
    bool truncated, encoded;
    char *key_marker, *id_marker;
};

static void release_pending(struct s3_pending *pending)
{
    free(pending->key);
    free(pending->upload_id);
    *pending = (struct s3_pending){0};
}

static void release_page(struct uploads_page *page)
{
    for (size_t i = 0; i < page->count; i++)
        release_pending(&page->items[i]);
    free(page->items);
    release_pending(&page->next);
    free(page->key_marker);
    free(page->id_marker);
    *page = (struct uploads_page){0};
}

static int end_of_upload(struct uploads_page *page, struct err *err)
{
    if (page->next.key == NULL || page->next.upload_id == NULL)
        return err_set(err, ERR_TRANSIENT, "a listed upload has no key or no id");
    memory_grow(&page->items, &page->capacity, page->count + 1, sizeof *page->items);
    page->items[page->count++] = page->next;
    page->next = (struct s3_pending){0};
    return 0;
}

static int uploads_element(void *context, const char *path, const char *text,
                           struct err *err)
{
    struct uploads_page *page = context;
    struct err ignored = {0};

    if (strcmp(path, "Upload/Key") == 0)
        memory_replace(&page->next.key, text);
    else if (strcmp(path, "Upload/UploadId") == 0)
        memory_replace(&page->next.upload_id, text);
    else if (strcmp(path, "Upload/Initiated") == 0 &&
             clock_parse(text, &page->next.initiated, &ignored) < 0)
        page->next.initiated = 0;
    else if (strcmp(path, "Upload") == 0)
        return end_of_upload(page, err);
    else if (strcmp(path, "IsTruncated") == 0)
        page->truncated = strcmp(text, "true") == 0;
    else if (strcmp(path, "EncodingType") == 0)
        page->encoded = strcmp(text, "url") == 0;
    else if (strcmp(path, "NextKeyMarker") == 0)
        memory_replace(&page->key_marker, text);
    else if (strcmp(path, "NextUploadIdMarker") == 0)
        memory_replace(&page->id_marker, text);
    return 0;
}

static int decode(char **key, struct err *err)
{
    struct text raw;
    int result = 0;

    if (*key == NULL)
        return 0;
    text_init(&raw, strlen(*key));
    if (!text_add_decoded(&raw, *key, strlen(*key)))
        result = err_set(err, ERR_TRANSIENT, "a listed key is badly encoded");
    memory_take(key, text_take(&raw));
    text_release(&raw);
    return result;
}

static int decode_page(struct uploads_page *page, struct err *err)
{
    for (size_t i = 0; page->encoded && i < page->count; i++)
        if (decode(&page->items[i].key, err) < 0)
            return -1;
    return page->encoded ? decode(&page->key_marker, err) : 0;
}

static int get_xml(struct s3_client *client, struct s3_request *request, const char *root,
                   s3_xml_each each, void *context, struct err *err)
{
    struct text answer;

    text_init(&answer, ANSWER_MAX);
    request->root = root;
    request->out = &answer;
    int result = s3_request_run(client, request, err);
    if (result == 0 && request->answer.status < 300)
        result = s3_xml_walk(answer.data, answer.length, root, each, context, err);
    text_release(&answer);
    return result;
}

struct uploads_query {
    const char *prefix;
    int64_t retry_time_ms;
    bool despite_cancel;
};

/* The page behind the markers of `last`. */
static int fetch_uploads(struct s3_client *client, const struct uploads_query *query,
                         const struct uploads_page *last, struct uploads_page *page,
                         struct err *err)
{
    struct s3_request request;
    char *full_prefix = s3_client_full_key(client, query->prefix);

    s3_request_init(&request, "GET", NULL);
    request.what = "listing uploads";
    s3_query_add(&request.query, "uploads", NULL);
    s3_query_add(&request.query, "prefix", full_prefix);
    free(full_prefix);
    request.retry_time_ms = query->retry_time_ms;
    request.despite_cancel = query->despite_cancel;
    s3_query_addf(&request.query, "max-uploads", "%d", (int)PAGE);
    if (s3_client_row(client)->list_encoding)
        s3_query_add(&request.query, "encoding-type", "url");
    if (last->key_marker != NULL)
        s3_query_add(&request.query, "key-marker", last->key_marker);
    if (last->id_marker != NULL)
        s3_query_add(&request.query, "upload-id-marker", last->id_marker);
    int result =
        get_xml(client, &request, "ListMultipartUploadsResult", uploads_element, page, err);
    s3_request_release(&request);
    return result < 0 ? -1 : decode_page(page, err);
}

/* A listing that does not come to its end must not look like one that did. */
static int check_markers(const struct uploads_page *last, const struct uploads_page *page,
                         struct err *err)
{
    if (!page->truncated)
        return 0;
    if (page->key_marker == NULL || *page->key_marker == '\0')
        return err_set(err, ERR_STORE,
                       "listing uploads: cut, without saying where it goes on");
    if (text_equal(last->key_marker, page->key_marker) &&
        text_equal(last->id_marker, page->id_marker))
        return err_set(err, ERR_STORE, "listing uploads: the service repeats itself");
    return 0;
}

struct uploads_sink {
    s3_each_pending each;
    void *context;
};

static int emit_uploads(struct s3_client *client, const struct uploads_page *page,
                        const char *prefix, const struct uploads_sink *sink,
                        struct err *err)
{
    int result = 0;

    for (size_t i = 0; result == 0 && i < page->count; i++) {
        struct s3_pending pending = page->items[i];
        const char *relative = s3_client_relative_key(client, pending.key);
        if (relative == NULL || !text_starts_with(relative, prefix))
            continue;
        pending.key = memory_strdup(relative);
        result = sink->each(sink->context, &pending, err);
        free(pending.key);
    }
    return result;
}

static int list_uploads(struct s3_client *client, const struct uploads_query *query,
                        const struct uploads_sink *sink, struct err *err)
{
    struct uploads_page last = {0};
    int result;

    do {
        struct uploads_page page = {0};
        result = fetch_uploads(client, query, &last, &page, err);
        if (result == 0)
            result = check_markers(&last, &page, err);
        if (result == 0)
            result = emit_uploads(client, &page, query->prefix, sink, err);
        release_page(&last);
        last = page;
    } while (result == 0 && last.truncated);
    release_page(&last);
    return result;
}

int s3_list_uploads(struct s3_client *client, const char *prefix, s3_each_pending each,
                    void *context, struct err *err)
{
    struct uploads_query query = {.prefix = prefix};
    struct uploads_sink sink = {each, context};

    return list_uploads(client, &query, &sink, err);
}

/* ---- parts ---- */

struct parts_page {
    struct s3_part_info *items; /* of all pages */
    size_t count, capacity;
    struct s3_part_info next;
    bool truncated;
    unsigned marker;
    bool etag_too_long;
};

/* 0 when it is no number. */
static uint64_t number_of(const char *text)
{
    char *end;
    unsigned long long value = strtoull(text, &end, 10);

    return *text >= '0' && *text <= '9' && *end == '\0' ? value : 0;
}

static void keep_text(char *out, size_t size, const char *text, bool *too_long)
{
    size_t length = strlen(text);

    if (length >= size)
        *too_long = true;
    else
        memcpy(out, text, length + 1);
}

static int end_of_part(struct parts_page *page, struct err *err)
{
    const struct s3_part_info *last =
        page->count > 0 ? &page->items[page->count - 1] : NULL;

    if (page->next.number <= (last != NULL ? last->number : 0))
        return err_set(err, ERR_STORE, "listing parts: part %u is out of order",
                       page->next.number);
    if (page->etag_too_long)
        return err_set(err, ERR_STORE, "listing parts: the ETag of part %u is too long",
                       page->next.number);
    memory_grow(&page->items, &page->capacity, page->count + 1, sizeof *page->items);
    page->items[page->count++] = page->next;
    page->next = (struct s3_part_info){0};
    return 0;
}

static int parts_element(void *context, const char *path, const char *text, struct err *err)
{
    struct parts_page *page = context;
    bool unwanted = false;

    if (strcmp(path, "Part/PartNumber") == 0)
        page->next.number = (unsigned)number_of(text);
    else if (strcmp(path, "Part/Size") == 0)
        page->next.size = number_of(text);
    else if (strcmp(path, "Part/ETag") == 0)
        keep_text(page->next.etag, sizeof page->next.etag, text, &page->etag_too_long);
    else if (strcmp(path, "Part/ChecksumCRC64NVME") == 0)
        keep_text(page->next.crc64nvme, sizeof page->next.crc64nvme, text, &unwanted);
    else if (strcmp(path, "Part") == 0)
        return end_of_part(page, err);
    else if (strcmp(path, "IsTruncated") == 0)
        page->truncated = strcmp(text, "true") == 0;
    else if (strcmp(path, "NextPartNumberMarker") == 0)
        page->marker = (unsigned)number_of(text);
    return 0;
}

struct parts_query {
    const char *key, *upload_id;
    unsigned marker; /* 0: from the first */
    int64_t retry_time_ms;
    bool despite_cancel;
};

/* A 404 that does not come from S3 must not pass for "no such upload". */
static int check_404(const struct s3_request *request, bool *absent, struct err *err)
{
    *absent = s3_is_absent(&request->answer);
    if (request->answer.status != 404 || *absent)
        return 0;
    return err_set(err, ERR_STORE,
                   "%s: the service answered 404 %s, which is no answer of S3",
                   request->what, request->answer.code);
}

static int fetch_parts(struct s3_client *client, const struct parts_query *query,
                       struct parts_page *page, bool *absent, struct err *err)
{
    struct s3_request request;

    s3_request_init(&request, "GET", query->key);
    request.what = "listing parts";
    s3_query_add(&request.query, "uploadId", query->upload_id);
    s3_query_addf(&request.query, "max-parts", "%d", (int)PAGE);
    if (query->marker != 0)
        s3_query_addf(&request.query, "part-number-marker", "%u", query->marker);
    request.accept[0] = 404;
    request.retry_time_ms = query->retry_time_ms;
    request.despite_cancel = query->despite_cancel;
    s3_client_add_key_headers(client, &request);
    page->truncated = false;
    page->marker = 0;
    int result = get_xml(client, &request, "ListPartsResult", parts_element, page, err);
    if (result == 0)
        result = check_404(&request, absent, err);
    s3_request_release(&request);
    return result;
}

int s3_list_parts(struct s3_client *client, const char *key, const char *upload_id,
                  struct s3_part_info **parts, size_t *count, bool *absent, struct err *err)
{
    struct parts_query query = {.key = key, .upload_id = upload_id};
    struct parts_page page = {0};
    int result;

    *parts = NULL;
    *count = 0;
    for (;;) {
        result = fetch_parts(client, &query, &page, absent, err);
        if (result < 0 || *absent || !page.truncated)
            break;
        if (page.marker <= query.marker) {
            result = err_set(err, ERR_STORE, "listing parts: the service repeats itself");
            break;
        }
        query.marker = page.marker;
    }
    if (result < 0 || *absent) {
        free(page.items);
        return result;
    }
    *parts = page.items;
    *count = page.count;
    return 0;
}

/* ---- abort ---- */

static int send_abort(struct s3_client *client, const struct parts_query *query,
                      struct err *err)
{
    struct s3_request request;
    bool absent;

    s3_request_init(&request, "DELETE", query->key);
    request.what = "aborting the upload";
    s3_query_add(&request.query, "uploadId", query->upload_id);
    request.accept[0] = 404;
    request.retry_time_ms = query->retry_time_ms;
    request.despite_cancel = query->despite_cancel;
    int result = s3_request_run(client, &request, err);
    if (result == 0)
        result = check_404(&request, &absent, err);
    s3_request_release(&request);
    return result;
}

/* Parts that were under way may land after the abort and lie there unseen, and paid for. */
static int look_for_parts(struct s3_client *client, const struct parts_query *query,
                          bool *left, struct err *err)
{
    struct parts_page page = {0};
    bool absent = false;
    int result = fetch_parts(client, query, &page, &absent, err);

    *left = result == 0 && !absent && page.count > 0;
    free(page.items);
    if (result < 0 && (err->kind == ERR_DENIED || err->kind == ERR_STORE)) {
        err_clear(err);
        return 0;
    }
    return result;
}

/* Not cancel_sleep_ms: that one does not sleep any more once the process is cancelled. */
static void nap(void)
{
    const struct timespec time = {.tv_nsec = LOOK_AGAIN_MS * 1000000L};
    (void)nanosleep(&time, NULL);
}

int s3_abort_within(struct s3_client *client, const char *key, const char *upload_id,
                    int64_t budget_ms, bool despite_cancel, struct err *err)
{
    int64_t end = clock_monotonic_ms() + budget_ms;
    struct parts_query query = {
        .key = key, .upload_id = upload_id, .despite_cancel = despite_cancel};
    bool left = true;

    for (;;) {
        query.retry_time_ms = end - clock_monotonic_ms();
        if (query.retry_time_ms <= 0)
            return err_set(err, ERR_TRANSIENT,
                           "aborting the upload: parts are still there");
        if (send_abort(client, &query, err) < 0 ||
            look_for_parts(client, &query, &left, err) < 0)
            return -1;
        if (!left)
            return 0;
        nap();
    }
}

int s3_abort_upload(struct s3_client *client, const char *key, const char *upload_id,
                    struct err *err)
{
    return s3_abort_within(client, key, upload_id, ABORT_MS, false, err);
}

int64_t s3_upload_undo_ms(const struct s3_upload *upload)
{
    int64_t budget_ms = s3_client_retry_time(upload->client);

    return budget_ms < ABORT_MS ? budget_ms : ABORT_MS;
}

struct strays {
    const char *key, *not_id;
    struct strlist ids;
};

static int note_stray(void *context, const struct s3_pending *pending, struct err *err)
{
    struct strays *strays = context;

    (void)err;
    if (strcmp(pending->key, strays->key) == 0 &&
        !text_equal(pending->upload_id, strays->not_id))
        strlist_add(&strays->ids, pending->upload_id);
    return 0;
}

static int abort_strays(struct s3_upload *upload, struct err *err)
{
    struct strays strays = {.key = upload->key, .not_id = upload->upload_id};
    struct uploads_query query = {.prefix = upload->key,
                                  .retry_time_ms = s3_upload_undo_ms(upload),
                                  .despite_cancel = true};
    struct uploads_sink sink = {note_stray, &strays};
    int result = list_uploads(upload->client, &query, &sink, err);

    for (size_t i = 0; result == 0 && i < strays.ids.count; i++)
        result = s3_abort_within(upload->client, upload->key, strays.ids.items[i],
                                 s3_upload_undo_ms(upload), true, err);
    strlist_release(&strays.ids);
    return result;
}

bool s3_upload_clear_strays(struct s3_upload *upload)
{
    struct err err = {0};

    if (upload->strays && abort_strays(upload, &err) < 0) {
        log_warning("%s: an upload whose begin was not answered may still be open: %s",
                    upload->key, err.text);
        return false;
    }
    upload->strays = false;
    return true;
}
