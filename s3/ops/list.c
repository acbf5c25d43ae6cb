/*
 * Pages until the service says that there are no more, and guards for services that say so
 * wrongly: a list that goes on without saying where, one that repeats itself, one that
 * holds what was not asked for. Each would otherwise end early, and an early end reads as
 * "the rest is gone".
 *
 * Objects, versions and open uploads are listed in the same way and differ in names. Of an
 * upload the id stands where a version's id stands.
 */
#include "s3/core/client.h"

#include "base/clock.h"
#include "base/memory.h"
#include "s3/http/xml.h"

enum {
    /* 1,000 keys of 1,024 bytes, every byte as %XX, and their elements */
    MAX_PAGE = 16 << 20,
    PAGE_TRIES = 3,
};

/* What is listed, and what that is called in queries. */
struct kind {
    const char *name; /* for errors */
    const char *root;
    const char *subresource, *value; /* what asks for it; NULL: nothing */
    const char *max;
    const char *key_marker, *id_marker; /* where a page begins; id NULL: there is none */
    bool opaque_marker;                 /* it is not a key and never encoded */
    /* Ceph says it encodes the keys of its first version, and does not (rclone leaves it
     * out, too). */
    bool no_encoding;
    /* The service may list more than was asked for, which is dropped and no error: MinIO
     * knows a prefix of uploads as a whole key only. */
    bool lenient;
};
static const struct kind objects_v1 = {.name = "list of objects",
                                       .root = "ListBucketResult",
                                       .max = "max-keys",
                                       .key_marker = "marker",
                                       .no_encoding = true};
static const struct kind objects_v2 = {.name = "list of objects",
                                       .root = "ListBucketResult",
                                       .subresource = "list-type",
                                       .value = "2",
                                       .max = "max-keys",
                                       .key_marker = "continuation-token",
                                       .opaque_marker = true};
static const struct kind versions = {.name = "list of versions",
                                     .root = "ListVersionsResult",
                                     .subresource = "versions",
                                     .max = "max-keys",
                                     .key_marker = "key-marker",
                                     .id_marker = "version-id-marker"};
static const struct kind uploads = {.name = "list of uploads",
                                    .root = "ListMultipartUploadsResult",
                                    .subresource = "uploads",
                                    .max = "max-uploads",
                                    .key_marker = "key-marker",
                                    .id_marker = "upload-id-marker",
                                    .lenient = true};

/* One listing under way. */
struct listing {
    struct s3_client *client;
    const struct kind *kind;
    const char *prefix; /* relative to the client's */
    char *full_prefix;  /* as the service knows it */
    bool exact;         /* of the key that the prefix is, no other */
    s3_each each;
    void *context;
    /* Where the next page begins; NULL: at the front. */
    char *marker, *id_marker;
    char *last_key, *last_id; /* of the page before */
    bool ended;
};

/* What one answer holds. */
struct page {
    struct s3_object *objects; /* keys as the service knows them */
    size_t count, capacity;
    struct s3_object object; /* being read */
    bool truncated, encoded;
    char *marker, *id_marker; /* of the next one */
};

/* Also before a damaged page is asked for again. */
static void page_release(struct page *page)
{
    for (size_t i = 0; i < page->count; i++)
        s3_object_release(&page->objects[i]);
    s3_object_release(&page->object);
    free(page->objects);
    free(page->marker);
    free(page->id_marker);
    *page = (struct page){0};
}

/* ---- reading a page ---- */

/* An element of Contents, Version, DeleteMarker or Upload. */
static int read_member(struct s3_object *object, const char *name, const char *text,
                       struct err *err)
{
    struct err ignored = {0};
    char *end = NULL;
    if (strcmp(name, "Key") == 0) {
        memory_replace(&object->key, text);
    } else if (strcmp(name, "ETag") == 0) {
        memory_replace(&object->etag, text);
    } else if (strcmp(name, "VersionId") == 0 || strcmp(name, "UploadId") == 0) {
        memory_replace(&object->version_id, text);
    } else if (strcmp(name, "StorageClass") == 0) {
        memory_replace(&object->storage_class, text);
    } else if (strcmp(name, "IsLatest") == 0) {
        object->is_latest = strcmp(text, "true") == 0;
        /* A date that cannot be read is not known; nothing is deleted because of it. */
    } else if (strcmp(name, "LastModified") == 0 || strcmp(name, "Initiated") == 0) {
        if (clock_parse(text, &object->modified, &ignored) < 0)
            object->modified = 0;
        /* A size that cannot be read would be told as another size: the page is damaged. */
    } else if (strcmp(name, "Size") == 0) {
        object->size = strtoull(text, &end, 10);
        if (*text < '0' || *text > '9' || *end != '\0')
            return err_set(err, ERR_TRANSIENT, "the service lists a size of \"%.40s\"",
                           text);
    }
    return 0;
}

/* One is whole. Without its key or id it would be nothing that can be fetched or removed. */
static int end_entry(struct page *page, const char *holder, struct err *err)
{
    bool upload = strcmp(holder, "Upload") == 0;
    if (page->object.key == NULL)
        return err_set(err, ERR_TRANSIENT, "the service lists an object without a key");
    if (upload && page->object.version_id == NULL)
        return err_set(err, ERR_TRANSIENT, "the service lists an upload without an id");
    page->object.is_delete_marker = strcmp(holder, "DeleteMarker") == 0;
    struct s3_object *entry =
        memory_append(&page->objects, &page->count, &page->capacity, sizeof *entry);
    *entry = page->object;
    page->object = (struct s3_object){0};
    return 0;
}

/* Entries by the name of what holds them, and what the page says of itself. The markers have a
 * name in each dialect; only one of them comes. */
static int read_element(void *context, const char *path, const char *text, struct err *err)
{
    static const char *const holders[] = {"Contents", "Version", "DeleteMarker", "Upload"};
    struct page *page = context;
    for (size_t i = 0; i < sizeof holders / sizeof holders[0]; i++) {
        size_t length = strlen(holders[i]);
        if (strncmp(path, holders[i], length) != 0)
            continue;
        if (path[length] == '\0')
            return end_entry(page, holders[i], err);
        if (path[length] == '/')
            return read_member(&page->object, path + length + 1, text, err);
    }
    if (strcmp(path, "IsTruncated") == 0)
        page->truncated = strcmp(text, "true") == 0;
    else if (strcmp(path, "EncodingType") == 0)
        page->encoded = strcmp(text, "url") == 0;
    else if (strcmp(path, "NextContinuationToken") == 0 ||
             strcmp(path, "NextMarker") == 0 || strcmp(path, "NextKeyMarker") == 0)
        memory_replace(&page->marker, text);
    else if (strcmp(path, "NextVersionIdMarker") == 0 ||
             strcmp(path, "NextUploadIdMarker") == 0)
        memory_replace(&page->id_marker, text);
    return 0;
}

/* What an answer with <EncodingType>url names, in place. */
static int decode(char **text, struct err *err)
{
    struct text decoded;
    /* Some encode a blank as '+', and all a plus sign as %2B. */
    for (char *c = *text; *c != '\0'; c++)
        if (*c == '+')
            *c = ' ';
    text_init(&decoded, strlen(*text) + 1);
    bool good = text_add_decoded(&decoded, *text, strlen(*text));
    if (good)
        memory_replace(text, decoded.data);
    text_release(&decoded);
    return good ? 0
                : err_set(err, ERR_STORE, "the service lists a key that cannot be decoded");
}

/* ---- asking for a page ---- */

/* *came: the engine has brought a document, good or bad. */
static int ask(const struct listing *listing, struct page *page, bool *came,
               struct err *err)
{
    const struct kind *kind = listing->kind;
    struct s3_request request;
    struct text document;
    text_init(&document, MAX_PAGE);
    s3_request_init(&request, "GET", NULL);
    s3_request_name(&request, "%s", kind->name);
    request.out = &document;
    request.root = kind->root;

    /* What, how much, from where. */
    if (kind->subresource != NULL)
        s3_query_add(&request.query, kind->subresource, kind->value);
    s3_query_add(&request.query, "prefix", listing->full_prefix);
    s3_query_add(&request.query, kind->max, "1000");
    if (!kind->no_encoding)
        s3_query_add(&request.query, "encoding-type", "url");
    if (listing->marker != NULL)
        s3_query_add(&request.query, kind->key_marker, listing->marker);
    if (listing->id_marker != NULL && kind->id_marker != NULL)
        s3_query_add(&request.query, kind->id_marker, listing->id_marker);

    /* The engine has seen that the root is there, so that it is a list; whether it is whole shows
     * when it is read. */
    int result = s3_request_run(listing->client, &request, err);
    *came = result == 0;
    if (result == 0)
        result = s3_xml_walk(&(struct s3_xml){document.data, document.length, kind->root},
                             read_element, page, err);

    /* Only what the answer itself calls encoded is. */
    for (size_t i = 0; result == 0 && page->encoded && i < page->count; i++)
        result = decode(&page->objects[i].key, err);
    if (result == 0 && page->encoded && !kind->opaque_marker && page->marker != NULL)
        result = decode(&page->marker, err);
    s3_request_release(&request);
    text_release(&document);
    return result;
}

/* ---- guards ---- */

/* Services write an empty element where they mean none. */
static bool has_text(const char *text)
{
    return text != NULL && *text != '\0';
}

/* Before anything of it is believed. */
static int check_page(const struct listing *listing, struct page *page, struct err *err)
{
    /* What was not asked for: a service that ignores the prefix, or somebody else's list. */
    for (size_t i = 0; !listing->kind->lenient && i < page->count; i++)
        if (!text_starts_with(page->objects[i].key, listing->full_prefix))
            return err_set(err, ERR_STORE,
                           "the service lists \"%.100s\", which is not under \"%.100s\"",
                           page->objects[i].key, listing->full_prefix);
    /* The end is only believed, when nothing says otherwise. */
    if (!page->truncated)
        return 0;
    /* The first version names no marker unless there are common prefixes: then the last key
     * is it. */
    if (listing->kind == &objects_v1 && !has_text(page->marker) && page->count > 0)
        memory_replace(&page->marker, page->objects[page->count - 1].key);
    /* To go on from the front would be endless, to stop would lose the rest. */
    if (!has_text(page->marker))
        return err_set(err, ERR_STORE,
                       "the service says that its list goes on, but not where");
    if (text_equal(page->marker, listing->marker) &&
        (listing->kind->id_marker == NULL ||
         text_equal(page->id_marker, listing->id_marker)))
        return err_set(err, ERR_STORE, "the service's list does not advance");
    return 0;
}

/* Some begin a page with the entry that the marker names (versitygw#2178): told twice it would be
 * counted twice. */
static bool is_repeated(const struct listing *listing, const struct s3_object *object)
{
    return listing->last_key != NULL && strcmp(object->key, listing->last_key) == 0 &&
           (listing->kind->id_marker == NULL ||
            text_equal(object->version_id, listing->last_id));
}

/* To the caller, with keys relative to the client's prefix. */
static int emit(struct listing *listing, const struct page *page, struct err *err)
{
    for (size_t i = 0; i < page->count; i++) {
        struct s3_object object = page->objects[i];
        /* A lenient list may hold anything; the prefix itself is nobody's object. */
        if (i == 0 && is_repeated(listing, &object))
            continue;
        const char *relative = s3_client_relative_key(listing->client, object.key);
        if (relative == NULL || !text_starts_with(relative, listing->prefix))
            continue;
        /* The shortest of all keys with this prefix comes first. */
        if (listing->exact && strcmp(relative, listing->prefix) != 0) {
            listing->ended = true;
            return 0;
        }
        object.key = memory_strdup(relative);
        int result = listing->each(listing->context, &object, err);
        free(object.key);
        if (result != 0)
            return result;
    }
    return 0;
}

/* ---- page by page ---- */

/* Asks, checks, tells, and remembers where the next one begins. */
static int next_page(struct listing *listing, struct err *err)
{
    struct page page = {0};
    int result;
    /* The engine has spent the time of a page that does not come; here is repeated what came
     * damaged. */
    for (int tries = 1;; tries++) {
        bool came;
        result = ask(listing, &page, &came, err);
        if (result == 0 || !came || err->kind != ERR_TRANSIENT || tries == PAGE_TRIES)
            break;
        page_release(&page);
    }
    if (result == 0)
        result = check_page(listing, &page, err);
    if (result == 0)
        result = emit(listing, &page, err);
    if (result != 0 || listing->ended || !page.truncated) {
        listing->ended = true;
        page_release(&page);
        return result;
    }

    /* A page of one entry that was there before already would never end. */
    if (page.count > 0) {
        const struct s3_object *last = &page.objects[page.count - 1];
        if (is_repeated(listing, last))
            result = err_set(err, ERR_STORE, "the service's list does not advance");
        memory_replace(&listing->last_key, last->key);
        memory_replace(&listing->last_id, last->version_id);
    }
    /* Also an id that did not come: the next page then begins at the key. */
    memory_take(&listing->marker, page.marker);
    memory_take(&listing->id_marker, page.id_marker);
    page.marker = page.id_marker = NULL;
    page_release(&page);
    return result;
}

/* From the first page to the last. */
static int run(struct listing *listing, struct err *err)
{
    int result = 0;
    listing->full_prefix = s3_client_full_key(listing->client, listing->prefix);
    while (result == 0 && !listing->ended)
        result = next_page(listing, err);
    free(listing->full_prefix);
    free(listing->marker);
    free(listing->id_marker);
    free(listing->last_key);
    free(listing->last_id);
    return result;
}

static const struct kind *objects_of(const struct s3_client *client)
{
    return s3_client_provider(client)->list_version == 1 ? &objects_v1 : &objects_v2;
}

/* Version 2, unless the row or the configuration knows better. */
int s3_list(struct s3_client *client, const char *prefix, s3_each each, void *context,
            struct err *err)
{
    struct listing listing = {.client = client,
                              .kind = objects_of(client),
                              .prefix = prefix,
                              .each = each,
                              .context = context};
    return run(&listing, err);
}

/* Without versions the objects are all there is. */
static const struct kind *versions_of(const struct s3_client *client)
{
    return s3_client_provider(client)->versions ? &versions : objects_of(client);
}

int s3_list_versions(struct s3_client *client, const char *prefix, s3_each each,
                     void *context, struct err *err)
{
    struct listing listing = {.client = client,
                              .kind = versions_of(client),
                              .prefix = prefix,
                              .each = each,
                              .context = context};
    return run(&listing, err);
}

int s3_list_key_versions(struct s3_client *client, const char *key, s3_each each,
                         void *context, struct err *err)
{
    struct listing listing = {.client = client,
                              .kind = versions_of(client),
                              .prefix = key,
                              .exact = true,
                              .each = each,
                              .context = context};
    return run(&listing, err);
}

struct upload_sink {
    s3_each_unfinished each;
    void *context;
};

/* Uploads are told as what they are, not as objects. */
static int emit_upload(void *context, const struct s3_object *object, struct err *err)
{
    const struct upload_sink *sink = context;
    struct s3_unfinished upload = {
        .key = object->key, .upload_id = object->version_id, .initiated = object->modified};
    return sink->each(sink->context, &upload, err);
}

int s3_list_uploads(struct s3_client *client, const char *prefix, s3_each_unfinished each,
                    void *context, struct err *err)
{
    struct upload_sink sink = {each, context};
    struct listing listing = {.client = client,
                              .kind = &uploads,
                              .prefix = prefix,
                              .each = emit_upload,
                              .context = &sink};
    return run(&listing, err);
}
