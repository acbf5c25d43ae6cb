/*
 * Pages until the service says that there are no more, and guards for services that say so
 * wrongly: a list that goes on without saying where, one that repeats itself, one that
 * holds what was not asked for. Each would otherwise end early, and an early end reads as
 * "the rest is gone".
 */
#include "s3/core/client.h"
#include "s3/ops/list.h"

#include "base/clock.h"
#include "base/memory.h"
#include "s3/http/xml.h"

enum {
    MAX_PAGE =
        16 << 20, /* 1,000 keys of 1,024 bytes, every byte as %XX, and their elements */
    PAGE_TRIES = 3,
};

/* One listing under way. */
struct listing {
    struct s3_client *client;
    const char *prefix; /* relative to the client's */
    char *full_prefix;  /* as the service knows it */
    bool versions;
    bool exact; /* versions: of the key that the prefix is, no other */
    s3_each each;
    void *context;
    /* Where the next page begins; NULL: at the front. */
    char *token;                   /* v2: continuation; v1: marker; versions: key marker */
    char *version;                 /* versions: version id marker */
    char *last_key, *last_version; /* of the page before */
    bool ended;
};

/* What one answer holds. */
struct page {
    struct s3_object *objects;
    size_t count, capacity;
    struct s3_object object; /* being read */
    bool truncated, encoded;
    char *token;   /* NextContinuationToken, NextMarker, NextKeyMarker */
    char *version; /* NextVersionIdMarker */
};

static void page_release(struct page *page)
{
    for (size_t i = 0; i < page->count; i++)
        s3_object_release(&page->objects[i]);
    s3_object_release(&page->object);
    free(page->objects);
    free(page->token);
    free(page->version);
    *page = (struct page){0};
}

/* ---- reading a page */

static int read_size(const char *text, uint64_t *out, struct err *err)
{
    char *end;

    if (*text < '0' || *text > '9')
        return err_set(err, ERR_TRANSIENT, "the service lists a size of \"%.40s\"", text);
    *out = strtoull(text, &end, 10);
    return *end == '\0'
               ? 0
               : err_set(err, ERR_TRANSIENT, "the service lists a size of \"%.40s\"", text);
}

/* An element of Contents, Version or DeleteMarker. */
static int read_member(struct s3_object *object, const char *name, const char *text,
                       struct err *err)
{
    struct err ignored = {0};

    if (strcmp(name, "Key") == 0)
        memory_replace(&object->key, text);
    else if (strcmp(name, "ETag") == 0)
        memory_replace(&object->etag, text);
    else if (strcmp(name, "VersionId") == 0)
        memory_replace(&object->version_id, text);
    else if (strcmp(name, "StorageClass") == 0)
        memory_replace(&object->storage_class, text);
    else if (strcmp(name, "IsLatest") == 0)
        object->is_latest = strcmp(text, "true") == 0;
    else if (strcmp(name, "Size") == 0)
        return read_size(text, &object->size, err);
    else if (strcmp(name, "LastModified") == 0 &&
             clock_parse(text, &object->modified, &ignored) < 0)
        object->modified = 0;
    return 0;
}

static int end_object(struct page *page, bool marker, struct err *err)
{
    if (page->object.key == NULL)
        return err_set(err, ERR_TRANSIENT, "the service lists an object without a key");
    page->object.is_delete_marker = marker;
    memory_grow(&page->objects, &page->capacity, page->count + 1, sizeof *page->objects);
    page->objects[page->count++] = page->object;
    page->object = (struct s3_object){0};
    return 0;
}

static int read_element(void *context, const char *path, const char *text, struct err *err)
{
    static const char *const holders[] = {"Contents", "Version", "DeleteMarker"};
    struct page *page = context;

    for (size_t i = 0; i < sizeof holders / sizeof holders[0]; i++) {
        size_t length = strlen(holders[i]);
        if (strncmp(path, holders[i], length) != 0)
            continue;
        if (path[length] == '\0')
            return end_object(page, i == 2, err);
        if (path[length] == '/')
            return read_member(&page->object, path + length + 1, text, err);
    }
    if (strcmp(path, "IsTruncated") == 0)
        page->truncated = strcmp(text, "true") == 0;
    else if (strcmp(path, "EncodingType") == 0)
        page->encoded = strcmp(text, "url") == 0;
    else if (strcmp(path, "NextContinuationToken") == 0 ||
             strcmp(path, "NextMarker") == 0 || strcmp(path, "NextKeyMarker") == 0)
        memory_replace(&page->token, text);
    else if (strcmp(path, "NextVersionIdMarker") == 0)
        memory_replace(&page->version, text);
    return 0;
}

int s3_list_decode(char **text, struct err *err)
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

/* Only what the answer itself calls encoded is. Continuation tokens never are. */
static int decode_page(const struct listing *listing, struct page *page, struct err *err)
{
    bool token_is_key =
        listing->versions || s3_client_row(listing->client)->list_version == 1;

    for (size_t i = 0; page->encoded && i < page->count; i++)
        if (s3_list_decode(&page->objects[i].key, err) < 0)
            return -1;
    if (page->encoded && token_is_key && page->token != NULL)
        return s3_list_decode(&page->token, err);
    return 0;
}

/* ---- asking for a page */

static void add_position(const struct listing *listing, struct s3_query *query)
{
    bool v1 = s3_client_row(listing->client)->list_version == 1;

    if (listing->versions) {
        s3_query_add(query, "versions", NULL);
        if (listing->token != NULL)
            s3_query_add(query, "key-marker", listing->token);
        if (listing->version != NULL)
            s3_query_add(query, "version-id-marker", listing->version);
        return;
    }
    if (!v1)
        s3_query_add(query, "list-type", "2");
    if (listing->token != NULL)
        s3_query_add(query, v1 ? "marker" : "continuation-token", listing->token);
}

/* Ceph says it encodes the keys of its first version, and does not (rclone leaves it out,
 * too). */
static bool wants_encoding(const struct listing *listing)
{
    const struct s3_provider *row = s3_client_row(listing->client);
    return row->list_encoding && (listing->versions || row->list_version != 1);
}

static int ask(const struct listing *listing, struct page *page, bool *came,
               struct err *err)
{
    const char *root = listing->versions ? "ListVersionsResult" : "ListBucketResult";
    struct s3_request request;
    struct text answer;

    text_init(&answer, MAX_PAGE);
    s3_request_init(&request, "GET", NULL);
    request.out = &answer;
    request.root = root;
    request.what = listing->versions ? "list of versions" : "list of objects";
    s3_query_add(&request.query, "prefix", listing->full_prefix);
    s3_query_add(&request.query, "max-keys", "1000");
    if (wants_encoding(listing))
        s3_query_add(&request.query, "encoding-type", "url");
    add_position(listing, &request.query);
    int result = s3_request_run(listing->client, &request, err);
    *came = result == 0;
    if (result == 0)
        result = s3_xml_walk(answer.data, answer.length, root, read_element, page, err);
    if (result == 0)
        result = decode_page(listing, page, err);
    s3_request_release(&request);
    text_release(&answer);
    return result;
}

/* The engine has spent the time of a page that does not come; here is repeated what came
 * damaged. */
static int ask_well(const struct listing *listing, struct page *page, struct err *err)
{
    for (int i = 1;; i++) {
        bool came;
        if (ask(listing, page, &came, err) == 0)
            return 0;
        page_release(page);
        if (!came || err->kind != ERR_TRANSIENT || i == PAGE_TRIES)
            return -1;
    }
}

/* ---- guards */

static bool has_text(const char *text)
{
    return text != NULL && *text != '\0';
}

/* v1 names no marker unless there are common prefixes: then the last key is it. */
static void complete_marker(const struct listing *listing, struct page *page)
{
    bool v1 = !listing->versions && s3_client_row(listing->client)->list_version == 1;

    if (v1 && page->truncated && !has_text(page->token) && page->count > 0)
        memory_replace(&page->token, page->objects[page->count - 1].key);
}

static int check_page(const struct listing *listing, const struct page *page,
                      struct err *err)
{
    for (size_t i = 0; i < page->count; i++)
        if (!text_starts_with(page->objects[i].key, listing->full_prefix))
            return err_set(err, ERR_STORE,
                           "the service lists \"%.100s\", which is not under \"%.100s\"",
                           page->objects[i].key, listing->full_prefix);
    if (!page->truncated)
        return 0;
    if (!has_text(page->token))
        return err_set(err, ERR_STORE,
                       "the service says that its list goes on, but not where");
    if (text_equal(page->token, listing->token) &&
        (!listing->versions || text_equal(page->version, listing->version)))
        return err_set(err, ERR_STORE, "the service's list does not advance");
    return 0;
}

/* Some begin a page with the entry that the marker names (versitygw#2178). */
static bool is_repeated(const struct listing *listing, const struct s3_object *object)
{
    return listing->last_key != NULL && strcmp(object->key, listing->last_key) == 0 &&
           (!listing->versions || text_equal(object->version_id, listing->last_version));
}

static int emit(struct listing *listing, const struct page *page, struct err *err)
{
    for (size_t i = 0; i < page->count; i++) {
        struct s3_object object = page->objects[i];
        if (i == 0 && is_repeated(listing, &object))
            continue;
        const char *relative = s3_client_relative_key(listing->client, object.key);
        if (relative == NULL)
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

/* A page of one entry that was there before already would never end. */
static int move_on(struct listing *listing, struct page *page, struct err *err)
{
    const struct s3_object *last = page->count > 0 ? &page->objects[page->count - 1] : NULL;

    if (!page->truncated) {
        listing->ended = true;
        return 0;
    }
    if (last != NULL && is_repeated(listing, last))
        return err_set(err, ERR_STORE, "the service's list does not advance");
    if (last != NULL) {
        memory_replace(&listing->last_key, last->key);
        memory_replace(&listing->last_version, last->version_id);
    }
    free(listing->token);
    free(listing->version);
    listing->token = page->token;
    listing->version = page->version;
    page->token = page->version = NULL;
    return 0;
}

static int next_page(struct listing *listing, struct err *err)
{
    struct page page = {0};

    int result = ask_well(listing, &page, err);
    if (result == 0) {
        complete_marker(listing, &page);
        result = check_page(listing, &page, err);
    }
    if (result == 0)
        result = emit(listing, &page, err);
    if (result == 0 && !listing->ended)
        result = move_on(listing, &page, err);
    page_release(&page);
    return result;
}

static int run(struct listing *listing, struct err *err)
{
    int result = 0;

    listing->full_prefix = s3_client_full_key(listing->client, listing->prefix);
    while (result == 0 && !listing->ended)
        result = next_page(listing, err);
    free(listing->full_prefix);
    free(listing->token);
    free(listing->version);
    free(listing->last_key);
    free(listing->last_version);
    return result;
}

int s3_list(struct s3_client *client, const char *prefix, s3_each each, void *context,
            struct err *err)
{
    struct listing listing = {
        .client = client, .prefix = prefix, .each = each, .context = context};
    return run(&listing, err);
}

int s3_list_versions(struct s3_client *client, const char *prefix, bool exact, s3_each each,
                     void *context, struct err *err)
{
    struct listing listing = {.client = client,
                              .prefix = prefix,
                              .exact = exact,
                              /* Without versions the objects are all there is. */
                              .versions = s3_client_row(client)->versions,
                              .each = each,
                              .context = context};
    return run(&listing, err);
}
