#include "tests/support/fake_s3_internal.h"

#include "base/clock.h"

#define XML "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
#define NAMESPACE " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\""

/* A page of a listing that is being written. */
struct page {
    struct fake_call *call;
    struct text *out;
    const char *prefix;
    unsigned size;  /* entries at most */
    unsigned count; /* entries so far */
    bool url;       /* keys are URL-encoded */
    bool truncated;
};

/* ---- what all listings share ---- */

static bool refuses_delimiter(struct fake_call *call)
{
    const char *delimiter = fake_param(call, "delimiter");

    if (delimiter == NULL || *delimiter == '\0')
        return false;
    fake_refuse(call, 501, "NotImplemented", "delimiter is not implemented.");
    return true;
}

static struct page begin(struct fake_call *call, const char *root, const char *size_param)
{
    const char *prefix = fake_param(call, "prefix");
    const char *encoding = fake_param(call, "encoding-type");
    struct page page = {.call = call,
                        .out = &call->body_text,
                        .prefix = prefix != NULL ? prefix : "",
                        .url = encoding != NULL && strcmp(encoding, "url") == 0};

    page.size = fake_param_number(call, size_param, call->settings.page_size,
                                  call->settings.page_size);
    text_add(&call->head, "Content-Type: application/xml\r\n");
    text_addf(page.out, XML "<%s" NAMESPACE ">", root);
    if (page.url)
        text_add(page.out, "<EncodingType>url</EncodingType>");
    return page;
}

static void add_plain(struct page *page, const char *name, const char *value)
{
    text_addf(page->out, "<%s>", name);
    fake_xml_escape(page->out, value);
    text_addf(page->out, "</%s>", name);
}

/* Keys, prefixes and markers of keys: encoded when the client asked for it, a blank as '+', as
 * with AWS. */
static void add_key(struct page *page, const char *name, const char *key)
{
    if (!page->url) {
        add_plain(page, name, key);
        return;
    }
    text_addf(page->out, "<%s>", name);
    for (const char *blank; (blank = strchr(key, ' ')) != NULL; key = blank + 1) {
        text_add_percent(page->out, key, (size_t)(blank - key), true);
        text_add_char(page->out, '+');
    }
    text_add_percent(page->out, key, strlen(key), true);
    text_addf(page->out, "</%s>", name);
}

static void add_date(struct page *page, const char *name, int64_t seconds)
{
    char date[32];

    add_plain(page, name, clock_rfc3339_ms(date, seconds * 1000));
}

/* IsTruncated, bent by the faults that lie about it. */
static bool add_truncated(struct page *page)
{
    bool lie = fake_faulted(page->call, FAKE_NO_MORE_TOKEN) ||
               fake_faulted(page->call, FAKE_SAME_TOKEN);

    add_plain(page, "IsTruncated", page->truncated || lie ? "true" : "false");
    return (page->truncated || lie) && !fake_faulted(page->call, FAKE_NO_MORE_TOKEN);
}

/* What continues the listing: the next one, or with the fault what was asked with. */
static const char *continuation(const struct page *page, const char *next,
                                const char *asked)
{
    if (fake_faulted(page->call, FAKE_SAME_TOKEN) || next == NULL)
        return asked != NULL ? asked : "";
    return next;
}

static void end(struct page *page, const char *root)
{
    text_addf(page->out, "</%s>", root);
}

static const char *storage_class(struct page *page, const struct fake_version *version)
{
    char *class = fake_header_of(version->meta, "x-amz-storage-class");
    const char *kept = "STANDARD";

    if (class != NULL) {
        strlist_add(&page->call->values, class);
        kept = page->call->values.items[page->call->values.count - 1];
    }
    free(class);
    return kept;
}

static void add_object_fields(struct page *page, const struct fake_version *version)
{
    const char *etag = fake_etag(page->call, version->etag);

    add_date(page, "LastModified", version->modified);
    if (etag != NULL)
        add_plain(page, "ETag", etag);
    text_addf(page->out, "<Size>%llu</Size>", (unsigned long long)version->size);
    add_plain(page, "StorageClass", storage_class(page, version));
}

/* ---- objects ---- */

/* Writes the objects behind `after`; the last key, or NULL when there was none. */
static const char *add_objects(struct page *page, const char *after)
{
    const struct fake_bucket *bucket = page->call->bucket;
    const char *last = NULL;
    size_t i =
        fake_entry_index(bucket, strcmp(after, page->prefix) > 0 ? after : page->prefix);

    for (; i < bucket->count; i++) {
        const struct fake_entry *entry = &bucket->entries[i];
        const struct fake_version *version = fake_version_latest(entry);
        if (!text_starts_with(entry->key, page->prefix))
            break;
        if (strcmp(entry->key, after) <= 0 || version->is_delete_marker)
            continue;
        if (page->count == page->size) {
            page->truncated = true;
            break;
        }
        text_add(page->out, "<Contents>");
        add_key(page, "Key", entry->key);
        add_object_fields(page, version);
        text_add(page->out, "</Contents>");
        last = entry->key;
        page->count++;
    }
    return last;
}

/* A token is no key: nobody may take one for the other. */
static char *make_token(const char *key)
{
    struct text out;

    text_init(&out, FAKE_BUFFER_SIZE);
    text_add(&out, "1/");
    text_add_hex(&out, key, strlen(key));
    char *token = text_take(&out);
    text_release(&out);
    return token;
}

/* The key in a token; heap; NULL when it is none of ours. */
static char *read_token(const char *token)
{
    size_t size = strlen(token);
    char *key;

    if (!text_starts_with(token, "1/") || size % 2 != 0)
        return NULL;
    size = (size - 2) / 2;
    key = memory_zalloc(size + 1);
    if (digest_from_hex(token + 2, (unsigned char *)key, size) < 0) {
        free(key);
        return NULL;
    }
    return key;
}

static void list_v2(struct fake_call *call, const char *token, const char *after)
{
    struct page page = begin(call, "ListBucketResult", "max-keys");

    add_plain(&page, "Name", call->bucket->name);
    add_key(&page, "Prefix", page.prefix);
    text_addf(page.out, "<MaxKeys>%u</MaxKeys>", page.size);
    const char *last = add_objects(&page, after);
    text_addf(page.out, "<KeyCount>%u</KeyCount>", page.count);
    if (token != NULL)
        add_plain(&page, "ContinuationToken", token);
    char *next = make_token(last != NULL ? last : after);
    if (add_truncated(&page))
        add_plain(&page, "NextContinuationToken",
                  continuation(&page, next, token != NULL ? token : "1/"));
    free(next);
    end(&page, "ListBucketResult");
}

void fake_list_objects_v2(struct fake_call *call)
{
    const char *token = fake_param(call, "continuation-token");
    const char *start = fake_param(call, "start-after");

    if (call->settings.no_list_v2) {
        fake_refuse(call, 501, "NotImplemented", "list-type=2 is not implemented.");
        return;
    }
    if (refuses_delimiter(call))
        return;
    char *after =
        token != NULL ? read_token(token) : memory_strdup(start != NULL ? start : "");
    if (after != NULL)
        list_v2(call, token, after);
    else
        fake_refuse(call, 400, "InvalidArgument",
                    "The continuation token provided is incorrect");
    free(after);
}

/* Without a delimiter there is no NextMarker: the last key goes on. A page that is
 * truncated and empty (FAKE_NO_MORE_TOKEN) goes nowhere. */
void fake_list_objects(struct fake_call *call)
{
    const char *marker = fake_param(call, "marker");

    if (refuses_delimiter(call))
        return;
    struct page page = begin(call, "ListBucketResult", "max-keys");
    add_plain(&page, "Name", call->bucket->name);
    add_key(&page, "Prefix", page.prefix);
    add_key(&page, "Marker", marker != NULL ? marker : "");
    text_addf(page.out, "<MaxKeys>%u</MaxKeys>", page.size);
    if (!fake_faulted(call, FAKE_NO_MORE_TOKEN))
        (void)add_objects(&page, marker != NULL ? marker : "");
    if (add_truncated(&page) && fake_faulted(call, FAKE_SAME_TOKEN))
        add_key(&page, "NextMarker", marker != NULL ? marker : "");
    end(&page, "ListBucketResult");
}

/* ---- versions ---- */

static void add_version(struct page *page, const struct fake_entry *entry, size_t i)
{
    const struct fake_version *version = entry->versions[i];
    const char *element = version->is_delete_marker ? "DeleteMarker" : "Version";

    text_addf(page->out, "<%s>", element);
    add_key(page, "Key", entry->key);
    add_plain(page, "VersionId", version->id);
    add_plain(page, "IsLatest", i + 1 == entry->count ? "true" : "false");
    if (version->is_delete_marker)
        add_date(page, "LastModified", version->modified);
    else
        add_object_fields(page, version);
    text_addf(page->out, "</%s>", element);
}

struct version_mark {
    const char *key; /* NULL: none */
    const char *id;
};

/* Versions of the entry, newest first, those behind the mark; false when the page is full. */
static bool add_versions(struct page *page, const struct fake_entry *entry,
                         const struct version_mark *mark, struct version_mark *last)
{
    bool skipping =
        mark->key != NULL && mark->id != NULL && strcmp(entry->key, mark->key) == 0;

    for (size_t i = entry->count; i-- > 0;) {
        if (skipping) {
            skipping = strcmp(entry->versions[i]->id, mark->id) != 0;
            continue;
        }
        if (page->count == page->size) {
            page->truncated = true;
            return false;
        }
        add_version(page, entry, i);
        *last = (struct version_mark){entry->key, entry->versions[i]->id};
        page->count++;
    }
    return true;
}

static struct version_mark add_all_versions(struct page *page,
                                            const struct version_mark *mark)
{
    const struct fake_bucket *bucket = page->call->bucket;
    struct version_mark last = {0};

    for (size_t i = 0; i < bucket->count; i++) {
        const struct fake_entry *entry = &bucket->entries[i];
        int order = mark->key != NULL ? strcmp(entry->key, mark->key) : 1;
        if (!text_starts_with(entry->key, page->prefix) || order < 0 ||
            (order == 0 && mark->id == NULL))
            continue;
        if (!add_versions(page, entry, mark, &last))
            break;
    }
    return last;
}

void fake_list_versions(struct fake_call *call)
{
    const char *id = fake_param(call, "version-id-marker");
    struct version_mark mark = {fake_param(call, "key-marker"),
                                id != NULL && *id != '\0' ? id : NULL};

    if (refuses_delimiter(call))
        return;
    struct page page = begin(call, "ListVersionsResult", "max-keys");
    add_plain(&page, "Name", call->bucket->name);
    add_key(&page, "Prefix", page.prefix);
    add_key(&page, "KeyMarker", mark.key != NULL ? mark.key : "");
    add_plain(&page, "VersionIdMarker", mark.id != NULL ? mark.id : "");
    text_addf(page.out, "<MaxKeys>%u</MaxKeys>", page.size);
    struct version_mark last = add_all_versions(&page, &mark);
    if (add_truncated(&page)) {
        add_key(&page, "NextKeyMarker", continuation(&page, last.key, mark.key));
        add_plain(&page, "NextVersionIdMarker", continuation(&page, last.id, mark.id));
    }
    end(&page, "ListVersionsResult");
}

/* ---- uploads and their parts ---- */

static int compare_uploads(const void *a, const void *b)
{
    const struct fake_upload *const *left = a;
    const struct fake_upload *const *right = b;
    int order = strcmp((*left)->key, (*right)->key);

    return order != 0 ? order : strcmp((*left)->id, (*right)->id);
}

static bool is_wanted(const struct page *page, const struct fake_upload *upload)
{
    if (upload->state != FAKE_UPLOAD_OPEN || upload->bucket != page->call->bucket)
        return false;
    if (page->call->settings.uploads_by_exact_key && *page->prefix != '\0')
        return strcmp(upload->key, page->prefix) == 0;
    return text_starts_with(upload->key, page->prefix);
}

/* Behind the markers: a greater key, or the same key and a greater id. */
static bool is_behind(const struct fake_upload *upload, const char *key, const char *id)
{
    int order = key != NULL ? strcmp(upload->key, key) : 1;

    return order > 0 || (order == 0 && id != NULL && strcmp(upload->id, id) > 0);
}

static void add_upload(struct page *page, const struct fake_upload *upload)
{
    text_add(page->out, "<Upload>");
    add_key(page, "Key", upload->key);
    add_plain(page, "UploadId", upload->id);
    add_plain(page, "StorageClass", "STANDARD");
    add_date(page, "Initiated", upload->initiated);
    text_add(page->out, "</Upload>");
}

static const struct fake_upload *add_uploads(struct page *page, const char *key,
                                             const char *id)
{
    struct fake_s3 *fake = page->call->fake;
    struct fake_upload **sorted =
        memory_array(fake->upload_count + 1, sizeof(struct fake_upload *));
    const struct fake_upload *last = NULL;

    if (fake->upload_count > 0)
        memcpy(sorted, fake->uploads, fake->upload_count * sizeof(struct fake_upload *));
    qsort(sorted, fake->upload_count, sizeof(struct fake_upload *), compare_uploads);
    for (size_t i = 0; i < fake->upload_count; i++) {
        if (!is_wanted(page, sorted[i]) || !is_behind(sorted[i], key, id))
            continue;
        if (page->count == page->size) {
            page->truncated = true;
            break;
        }
        add_upload(page, sorted[i]);
        last = sorted[i];
        page->count++;
    }
    free(sorted);
    return last;
}

void fake_list_uploads(struct fake_call *call)
{
    const char *key = fake_param(call, "key-marker");
    const char *id = fake_param(call, "upload-id-marker");

    if (refuses_delimiter(call))
        return;
    struct page page = begin(call, "ListMultipartUploadsResult", "max-uploads");
    add_plain(&page, "Bucket", call->bucket->name);
    add_key(&page, "KeyMarker", key != NULL ? key : "");
    add_plain(&page, "UploadIdMarker", id != NULL ? id : "");
    const struct fake_upload *last =
        add_uploads(&page, key != NULL && *key != '\0' ? key : NULL, id);
    if (add_truncated(&page)) {
        add_key(&page, "NextKeyMarker",
                continuation(&page, last != NULL ? last->key : NULL, key));
        add_plain(&page, "NextUploadIdMarker",
                  continuation(&page, last != NULL ? last->id : NULL, id));
    }
    text_addf(page.out, "<MaxUploads>%u</MaxUploads>", page.size);
    add_key(&page, "Prefix", page.prefix);
    end(&page, "ListMultipartUploadsResult");
}

static void add_part(struct page *page, const struct fake_part *part)
{
    const char *etag = fake_etag(page->call, part->etag);

    text_addf(page->out, "<Part><PartNumber>%u</PartNumber>", part->number);
    add_date(page, "LastModified", part->modified);
    if (etag != NULL)
        add_plain(page, "ETag", etag);
    text_addf(page->out, "<Size>%llu</Size></Part>", (unsigned long long)part->size);
}

static unsigned add_parts(struct page *page, const struct fake_upload *upload,
                          unsigned marker)
{
    unsigned last = marker;

    for (size_t i = 0; i < upload->count; i++) {
        if (upload->parts[i].number <= marker)
            continue;
        if (page->count == page->size) {
            page->truncated = true;
            break;
        }
        add_part(page, &upload->parts[i]);
        last = upload->parts[i].number;
        page->count++;
    }
    return last;
}

void fake_list_parts(struct fake_call *call)
{
    const struct fake_upload *upload = fake_upload_find(call->fake, call->upload_id);
    unsigned marker = fake_param_number(call, "part-number-marker", 0, UINT32_MAX);

    if (upload == NULL || upload->state != FAKE_UPLOAD_OPEN ||
        upload->bucket != call->bucket || strcmp(upload->key, call->key) != 0) {
        fake_refuse(call, 404, "NoSuchUpload", "The specified upload does not exist.");
        return;
    }
    struct page page = begin(call, "ListPartsResult", "max-parts");
    add_plain(&page, "Bucket", call->bucket->name);
    add_key(&page, "Key", call->key);
    add_plain(&page, "UploadId", upload->id);
    text_addf(page.out, "<PartNumberMarker>%u</PartNumberMarker><MaxParts>%u</MaxParts>",
              marker, page.size);
    unsigned last = add_parts(&page, upload, marker);
    if (add_truncated(&page))
        text_addf(page.out, "<NextPartNumberMarker>%u</NextPartNumberMarker>",
                  fake_faulted(call, FAKE_SAME_TOKEN) ? marker : last);
    end(&page, "ListPartsResult");
}

/* ---- the bucket ---- */

void fake_head_bucket(struct fake_call *call)
{
    text_addf(&call->head, "x-amz-bucket-region: %s\r\n", call->region);
}

void fake_get_location(struct fake_call *call)
{
    bool first = strcmp(call->region, "us-east-1") == 0;

    text_add(&call->head, "Content-Type: application/xml\r\n");
    text_addf(&call->body_text,
              XML "<LocationConstraint" NAMESPACE ">%s</LocationConstraint>",
              first ? "" : call->region);
}

void fake_get_versioning(struct fake_call *call)
{
    text_add(&call->head, "Content-Type: application/xml\r\n");
    text_addf(&call->body_text,
              XML "<VersioningConfiguration" NAMESPACE ">%s</VersioningConfiguration>",
              call->settings.versioning ? "<Status>Enabled</Status>" : "");
}
