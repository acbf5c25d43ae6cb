#define _GNU_SOURCE
#include "tests/support/sigv4_vectors.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/json.h"
#include "s3/credentials.h"
#include "s3/sign.h"
#include "s3/uri.h"

#include <dirent.h>
#include <strings.h>
#include <unistd.h>

#define CEILING ((size_t)1 << 20)
#define HEADERS 64

struct vector {
    const char *folder;
    json_t *context;
    char *source; /* the request's text; the strings below lie in it or are heap */
    char *method;
    char *path;
    char *query;
    char *host;
    char *body;
    char *payload_given; /* x-amz-content-sha256 of the request, or NULL */
    struct s3_header headers[HEADERS];
    size_t header_count;
    bool is_s3;
    bool failed;
};

/* ---- files ---- */

/* The file without carriage returns and line ends behind it; NULL when absent. */
static char *load(const char *folder, const char *name)
{
    struct text raw;
    struct err err = {0};
    bool absent = false;
    char *path = file_join(folder, name);
    text_init(&raw, CEILING);
    if (file_read(path, &raw, &absent, &err) < 0 || absent) {
        text_release(&raw);
        free(path);
        return NULL;
    }
    char *out = memory_zalloc(raw.length + 1);
    size_t length = 0;
    for (size_t i = 0; i < raw.length; i++)
        if (raw.data[i] != '\r')
            out[length++] = raw.data[i];
    while (length > 0 && out[length - 1] == '\n')
        out[--length] = '\0';
    text_release(&raw);
    free(path);
    return out;
}

static const char *string_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static void mismatch(struct vector *vector, const char *what, const char *got,
                     const char *want)
{
    printf("%s: %s\n--- got\n%s\n--- want\n%s\n", vector->folder, what, got, want);
    vector->failed = true;
}

static void compare(struct vector *vector, const char *file, const char *got)
{
    char *want = load(vector->folder, file);
    if (want != NULL && strcmp(got, want) != 0)
        mismatch(vector, file, got, want);
    free(want);
}

/* ---- reading a request ---- */

static bool is_wanted_header(const struct vector *vector, const char *name)
{
    const char *list = string_of(vector->context, "signed_headers");
    size_t size = strlen(name);
    if (list == NULL)
        return true;
    for (const char *p = list; *p != '\0'; p += strspn(p, ";")) {
        size_t length = strcspn(p, ";");
        if (length == size && strncasecmp(p, name, size) == 0)
            return true;
        p += length;
    }
    return false;
}

static void take_header(struct vector *vector, char *line)
{
    char *colon = strchr(line, ':');
    if (colon == NULL || vector->header_count == HEADERS)
        return;
    *colon = '\0';
    char *value = colon + 1 + strspn(colon + 1, " ");
    if (strcasecmp(line, "host") == 0)
        vector->host = value;
    else if (strcasecmp(line, "x-amz-content-sha256") == 0)
        vector->payload_given = value;
    if (is_wanted_header(vector, line))
        vector->headers[vector->header_count++] =
            (struct s3_header){.name = line, .value = value};
}

/* Header lines (folded ones stay together) up to an empty one; returns what follows it. */
static char *take_headers(struct vector *vector, char *text)
{
    while (*text != '\0' && *text != '\n') {
        char *end = strchr(text, '\n');
        while (end != NULL && (end[1] == ' ' || end[1] == '\t'))
            end = strchr(end + 1, '\n');
        if (end != NULL)
            *end = '\0';
        take_header(vector, text);
        if (end == NULL)
            return NULL;
        text = end + 1;
    }
    return *text == '\n' ? text + 1 : NULL;
}

static void take_target(struct vector *vector, char *target)
{
    char *mark = strchr(target, '?');
    if (mark != NULL)
        *mark = '\0';
    vector->path = target;
    vector->query = mark == NULL ? NULL : mark + 1;
}

/* "METHOD TARGET HTTP/1.1", headers, body. */
static bool take_request(struct vector *vector, char *text)
{
    char *end = strchr(text, '\n');
    if (end == NULL)
        end = text + strlen(text);
    char *version = memmem(text, (size_t)(end - text), " HTTP/1.1", 9);
    char *space = strchr(text, ' ');
    if (version == NULL || space == version)
        return false;
    bool more = *end == '\n';
    *version = *space = '\0';
    vector->method = text;
    take_target(vector, space + 1);
    vector->body = more ? take_headers(vector, end + 1) : NULL;
    return true;
}

/* The same from a canonical request: method, path, query, headers. */
static bool take_canonical(struct vector *vector, char *text)
{
    char *lines[3];
    for (size_t i = 0; i < 3; i++) {
        char *end = strchr(text, '\n');
        if (end == NULL)
            return false;
        *end = '\0';
        lines[i] = text;
        text = end + 1;
    }
    vector->method = lines[0];
    vector->path = lines[1];
    vector->query = lines[2];
    char *rest = take_headers(vector, text);
    return rest != NULL;
}

static bool read_request(struct vector *vector)
{
    vector->source = load(vector->folder, "request.txt");
    if (vector->source != NULL && take_request(vector, vector->source))
        return vector->host != NULL;
    free(vector->source);
    vector->source = load(vector->folder, "header-canonical-request.txt");
    return vector->source != NULL && take_canonical(vector, vector->source) &&
           vector->host != NULL;
}

/* ---- what the context adds ---- */

/* Where the request's path cannot be the wire form of the raw key (a raw '%' or '?'), the
 * key decides. Heap. */
static char *wire_path(const struct vector *vector)
{
    struct text wire, key;
    text_init(&wire, CEILING);
    text_init(&key, CEILING);
    s3_uri_encode_path(vector->path, &wire);
    const char *raw = string_of(vector->context, "raw_key");
    if (raw != NULL) {
        text_add_percent(&key, raw, strlen(raw), true);
        const char *prefix = string_of(vector->context, "path_prefix");
        if (!text_ends_with(wire.data, key.data)) {
            text_clear(&wire);
            text_addf(&wire, "%s%s%s", prefix == NULL ? "" : prefix,
                      *key.data == '/' ? "" : "/", key.data);
        }
    }
    char *taken = text_take(&wire);
    text_release(&wire);
    text_release(&key);
    return taken;
}

/* A query as text, as an object or as an array of pairs. Heap; NULL: the request's own. */
static char *context_query(const struct vector *vector)
{
    json_t *given = json_object_get(vector->context, "query");
    struct s3_query query;
    s3_query_init(&query);
    const char *name;
    json_t *item;
    size_t i;
    if (json_is_string(given))
        s3_query_add_text(&query, json_string_value(given));
    json_object_foreach(given, name, item)
    {
        s3_query_add(&query, name, json_string_value(item));
    }
    json_array_foreach(given, i, item)
    {
        s3_query_add(&query, json_string_value(json_array_get(item, 0)),
                     json_string_value(json_array_get(item, 1)));
    }
    struct text text;
    text_init(&text, CEILING);
    s3_query_text(&query, &text);
    s3_query_release(&query);
    char *taken = given == NULL ? NULL : text_take(&text);
    text_release(&text);
    return taken;
}

static const char *payload_of(const struct vector *vector, bool presign, char *hex)
{
    const char *given = string_of(vector->context, "payload");
    if (given != NULL)
        return given;
    if (vector->is_s3 && presign)
        return S3_UNSIGNED_PAYLOAD;
    if (vector->is_s3 && vector->payload_given != NULL)
        return vector->payload_given;
    unsigned char hash[SHA256_SIZE];
    const char *body = vector->body == NULL ? "" : vector->body;
    digest_sha256(body, strlen(body), hash);
    return digest_hex(hash, sizeof hash, hex);
}

static bool make_request(const struct vector *vector, bool presign, char *hex,
                         struct s3_sign_request *out)
{
    const json_t *context = vector->context;
    struct err err = {0};
    *out = (struct s3_sign_request){
        .method = vector->method,
        .host = vector->host,
        .path = vector->path,
        .query = vector->query,
        .headers = vector->headers,
        .header_count = vector->header_count,
        .payload = payload_of(vector, presign, hex),
        .region = string_of(context, "region"),
        .service = string_of(context, "service"),
        .generic = !vector->is_s3,
        .keep_path = json_is_false(json_object_get(context, "normalize")),
        .payload_header = json_is_true(json_object_get(context, "sign_body")),
        .token_unsigned = json_is_true(json_object_get(context, "omit_session_token")),
    };
    const char *time = string_of(context, "timestamp");
    return time != NULL && clock_parse(time, &out->time, &err) == 0;
}

/* ---- checks ---- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The pairs of a query, sorted: services order them differently. Heap. */
static char *sorted_query(const char *query)
{
    struct strlist list = {0};
    for (const char *p = query; *p != '\0'; p += *p == '&' ? 1 : 0) {
        size_t size = strcspn(p, "&");
        char *pair = memory_strndup(p, size);
        strlist_add(&list, pair);
        free(pair);
        p += size;
    }
    qsort(list.items, list.count, sizeof *list.items, by_text);
    struct text text;
    text_init(&text, CEILING);
    for (size_t i = 0; i < list.count; i++)
        text_addf(&text, "%s\n", list.items[i]);
    strlist_release(&list);
    char *taken = text_take(&text);
    text_release(&text);
    return taken;
}

static void compare_url(struct vector *vector, const char *file, const char *query)
{
    char *want = load(vector->folder, file);
    char *mark = want == NULL ? NULL : strchr(want, '?');
    if (mark != NULL) {
        mark[1 + strcspn(mark + 1, " \n")] = '\0';
        /* A raw query of the request is sent encoded by us. */
        struct s3_query pairs;
        struct text encoded;
        s3_query_init(&pairs);
        text_init(&encoded, CEILING);
        s3_query_add_text(&pairs, mark + 1);
        s3_query_text(&pairs, &encoded);
        s3_query_release(&pairs);
        char *sorted_want = sorted_query(encoded.data);
        char *sorted_got = sorted_query(query);
        if (strcmp(sorted_got, sorted_want) != 0)
            mismatch(vector, file, sorted_got, sorted_want);
        free(sorted_want);
        free(sorted_got);
        text_release(&encoded);
    }
    free(want);
}

static void compare_trace(struct vector *vector, const char *kind,
                          const struct s3_sign_trace *trace)
{
    char file[64];
    snprintf(file, sizeof file, "%s-canonical-request.txt", kind);
    compare(vector, file, trace->canonical_request.data);
    snprintf(file, sizeof file, "%s-string-to-sign.txt", kind);
    compare(vector, file, trace->string_to_sign.data);
    snprintf(file, sizeof file, "%s-signature.txt", kind);
    compare(vector, file, trace->signature);
}

static char *without_spaces(const char *text)
{
    char *out = memory_zalloc(strlen(text) + 1);
    for (size_t length = 0; *text != '\0'; text++)
        if (*text != ' ')
            out[length++] = *text;
    return out;
}

/* AWS's pages write the same header with and without spaces behind the commas. */
static void compare_authorization(struct vector *vector, const struct strlist *lines)
{
    char *file = load(vector->folder, "header-authorization.txt");
    if (file == NULL)
        return;
    const char *line = lines->items[lines->count - 1];
    char *got = without_spaces(line + strlen("Authorization: "));
    char *want = without_spaces(file);
    if (strcmp(got, want) != 0)
        mismatch(vector, "header-authorization.txt", got, want);
    free(got);
    free(want);
    free(file);
}

static bool has_file(const struct vector *vector, const char *name)
{
    char *path = file_join(vector->folder, name);
    bool there = file_exists(path);
    free(path);
    return there;
}

static void check_header(struct vector *vector, struct s3_signer *signer,
                         const struct s3_credentials *credentials)
{
    char hex[SHA256_HEX];
    struct s3_sign_request request;
    struct s3_sign_trace trace;
    struct strlist lines = {0};
    struct err err = {0};
    s3_sign_trace_init(&trace);
    if (!make_request(vector, false, hex, &request) ||
        s3_sign(signer, credentials, &request, &lines, &trace, &err) < 0) {
        mismatch(vector, "by header", err.text, "a signature");
    } else {
        compare_trace(vector, "header", &trace);
        compare_authorization(vector, &lines);
    }
    s3_sign_lines_release(&lines);
    s3_sign_trace_release(&trace);
}

static void check_query(struct vector *vector, struct s3_signer *signer,
                        const struct s3_credentials *credentials)
{
    char hex[SHA256_HEX];
    struct s3_sign_request request;
    struct s3_sign_trace trace;
    struct text query;
    struct err err = {0};
    json_int_t seconds =
        json_integer_value(json_object_get(vector->context, "expiration_in_seconds"));
    s3_sign_trace_init(&trace);
    text_init(&query, CEILING);
    if (!make_request(vector, true, hex, &request) ||
        s3_sign_query(signer, credentials, &request, seconds, &query, &trace, &err) < 0) {
        mismatch(vector, "presigned", err.text, "a signature");
    } else {
        compare_trace(vector, "query", &trace);
        compare_url(vector, "query-signed-url.txt", query.data);
        compare_url(vector, "query-signed-request.txt", query.data);
    }
    text_release(&query);
    s3_sign_trace_release(&trace);
}

static void check_request(struct vector *vector, struct s3_signer *signer)
{
    const json_t *keys = json_object_get(vector->context, "credentials");
    const char *access_key = string_of(keys, "access_key_id");
    struct s3_credentials credentials = {.access_key = memory_strdup(access_key)};
    secret_set(&credentials.secret_key, string_of(keys, "secret_access_key"));
    secret_set(&credentials.session_token, string_of(keys, "token"));
    char *query = context_query(vector);
    char *path = vector->is_s3 ? wire_path(vector) : NULL;
    if (query != NULL)
        vector->query = query;
    if (path != NULL)
        vector->path = path;
    if (has_file(vector, "header-signature.txt"))
        check_header(vector, signer, &credentials);
    if (has_file(vector, "query-signature.txt"))
        check_query(vector, signer, &credentials);
    free(query);
    free(path);
    free(credentials.access_key);
    secret_release(&credentials.secret_key);
    secret_release(&credentials.session_token);
}

static bool run_case(const char *folder, const char *context, struct s3_signer *signer)
{
    struct vector vector = {.folder = folder};
    struct err err = {0};
    vector.context = json_parse(context, strlen(context), &err);
    const char *service =
        vector.context == NULL ? NULL : string_of(vector.context, "service");
    if (service == NULL) {
        mismatch(&vector, "context.json", err.text, "an object with a service");
    } else {
        vector.is_s3 = strcmp(service, "s3") == 0;
        if (read_request(&vector))
            check_request(&vector, signer);
        else
            mismatch(&vector, "request.txt", "", "a request");
    }
    json_decref(vector.context);
    free(vector.source);
    return !vector.failed;
}

/* ---- folders ---- */

/* Visits the cases below `folder`: at most two levels, SET/CASE. */
static void walk(const char *folder, int levels, struct s3_signer *signer, unsigned *cases,
                 unsigned *failed)
{
    char *context = load(folder, "context.json");
    if (context != NULL) {
        (*cases)++;
        *failed += run_case(folder, context, signer) ? 0 : 1;
        free(context);
        return;
    }
    struct dirent **entries = NULL;
    int count = levels == 0 ? 0 : scandir(folder, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        if (entries[i]->d_name[0] != '.') {
            char *inner = file_join(folder, entries[i]->d_name);
            walk(inner, levels - 1, signer, cases, failed);
            free(inner);
        }
        free(entries[i]);
    }
    free(entries);
}

bool sigv4_vectors_run(const char *folder, unsigned *cases, unsigned *failed)
{
    *cases = *failed = 0;
    if (!file_exists(folder))
        return false;
    struct s3_signer *signer = s3_signer_new();
    walk(folder, 2, signer, cases, failed);
    s3_signer_free(signer);
    return true;
}

static bool is_root(const char *folder)
{
    char *makefile = file_join(folder, "Makefile");
    char *header = file_join(folder, "s3/sign.h");
    bool root = file_exists(makefile) && file_exists(header);
    free(makefile);
    free(header);
    return root;
}

/* The folder itself or the nearest one above it that is a checkout. Cuts `folder`. */
static bool find_root(char *folder)
{
    while (!is_root(folder)) {
        char *slash = strrchr(folder, '/');
        if (slash == NULL || slash == folder)
            return false;
        *slash = '\0';
    }
    return true;
}

char *sigv4_vectors_folder(void)
{
    const char *given = getenv("PGKEEP_SIGV4_VECTORS");
    if (given != NULL && *given != '\0')
        return memory_strdup(given);
    char folder[4096];
    ssize_t length = readlink("/proc/self/exe", folder, sizeof folder - 1);
    if (length > 0)
        folder[length] = '\0';
    if ((length <= 0 || !find_root(folder)) &&
        (getcwd(folder, sizeof folder) == NULL || !find_root(folder)))
        return NULL;
    return file_join(folder, "../shared/sigv4");
}
