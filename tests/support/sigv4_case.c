#define _GNU_SOURCE /* memmem */
#include "tests/support/sigv4_case.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/json.h"
#include "s3/http/uri.h"

#include <strings.h>

/* ---- files ---- */

char *sigv4_case_file(const char *folder, const char *name)
{
    struct text raw;
    struct err err = {0};
    bool absent = false;
    char *path = file_join(folder, name);
    text_init(&raw, SIGV4_CASE_CEILING);
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

/* ---- reading a request ---- */

static bool is_wanted_header(const struct sigv4_case *one, const char *name)
{
    const char *list = string_of(one->context, "signed_headers");
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

static void take_header(struct sigv4_case *one, char *line)
{
    char *colon = strchr(line, ':');
    if (colon == NULL || one->header_count == SIGV4_CASE_HEADERS)
        return;
    *colon = '\0';
    char *value = colon + 1 + strspn(colon + 1, " ");
    if (strcasecmp(line, "host") == 0)
        one->host = value;
    else if (strcasecmp(line, "x-amz-content-sha256") == 0)
        one->payload_given = value;
    if (is_wanted_header(one, line))
        one->headers[one->header_count++] =
            (struct s3_header){.name = line, .value = value};
}

/* Header lines (folded ones stay together) up to an empty one; returns what follows it. */
static char *take_headers(struct sigv4_case *one, char *text)
{
    while (*text != '\0' && *text != '\n') {
        char *end = strchr(text, '\n');
        while (end != NULL && (end[1] == ' ' || end[1] == '\t'))
            end = strchr(end + 1, '\n');
        if (end != NULL)
            *end = '\0';
        take_header(one, text);
        if (end == NULL)
            return NULL;
        text = end + 1;
    }
    return *text == '\n' ? text + 1 : NULL;
}

static void take_target(struct sigv4_case *one, char *target)
{
    char *mark = strchr(target, '?');
    if (mark != NULL)
        *mark = '\0';
    one->path = target;
    one->query = mark == NULL ? NULL : mark + 1;
}

/* "METHOD TARGET HTTP/1.1", headers, body. */
static bool take_request(struct sigv4_case *one, char *text)
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
    one->method = text;
    take_target(one, space + 1);
    one->body = more ? take_headers(one, end + 1) : NULL;
    return true;
}

/* The same from a canonical request: method, path, query, headers. */
static bool take_canonical(struct sigv4_case *one, char *text)
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
    one->method = lines[0];
    one->path = lines[1];
    one->query = lines[2];
    char *rest = take_headers(one, text);
    return rest != NULL;
}

static bool read_request(struct sigv4_case *one)
{
    one->source = sigv4_case_file(one->folder, "request.txt");
    if (one->source != NULL && take_request(one, one->source))
        return one->host != NULL;
    free(one->source);
    one->source = sigv4_case_file(one->folder, "header-canonical-request.txt");
    return one->source != NULL && take_canonical(one, one->source) && one->host != NULL;
}

/* ---- what the context adds ---- */

/* Where the request's path cannot be the wire form of the raw key (a raw '%' or '?'), the
 * key decides. Heap. */
static char *wire_path(const struct sigv4_case *one)
{
    struct text wire, key;
    text_init(&wire, SIGV4_CASE_CEILING);
    text_init(&key, SIGV4_CASE_CEILING);
    s3_uri_encode_path(one->path, &wire);
    const char *prefix = string_of(one->context, "path_prefix");
    const char *raw = string_of(one->context, "raw_key");
    if (raw != NULL) {
        text_add_percent(&key, raw, strlen(raw), true);
        if (!text_ends_with(wire.data, key.data)) {
            text_clear(&wire);
            text_addf(&wire, "%s%s", *key.data == '/' ? "" : "/", key.data);
        }
    }
    if (prefix != NULL && !text_starts_with(wire.data, prefix)) {
        text_clear(&key);
        text_addf(&key, "%s%s", prefix, wire.data);
        text_clear(&wire);
        text_add_bytes(&wire, key.data, key.length);
    }
    char *taken = text_take(&wire);
    text_release(&wire);
    text_release(&key);
    return taken;
}

/* A query as text, as an object or as an array of pairs. Heap; NULL: the request's own. */
static char *context_query(const struct sigv4_case *one)
{
    json_t *given = json_object_get(one->context, "query");
    struct s3_query query = {0};
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
    text_init(&text, SIGV4_CASE_CEILING);
    s3_query_text(&query, &text);
    s3_query_release(&query);
    char *taken = given == NULL ? NULL : text_take(&text);
    text_release(&text);
    return taken;
}

static const char *payload_of(const struct sigv4_case *one, bool presign, char *hex)
{
    const char *given = string_of(one->context, "payload");
    if (given != NULL)
        return given;
    if (one->is_s3 && presign)
        return S3_UNSIGNED_PAYLOAD;
    if (one->is_s3 && one->payload_given != NULL)
        return one->payload_given;
    unsigned char hash[SHA256_SIZE];
    const char *body = one->body == NULL ? "" : one->body;
    digest_sha256(body, strlen(body), hash);
    return digest_hex(hash, sizeof hash, hex);
}

bool sigv4_case_request(const struct sigv4_case *one, bool presign, char *hex,
                        struct s3_sign_request *out)
{
    const json_t *context = one->context;
    struct err err = {0};
    *out = (struct s3_sign_request){
        .credentials = &one->credentials,
        .method = one->method,
        .host = one->host,
        .path = one->wire_path != NULL ? one->wire_path : one->path,
        .query = one->wire_query != NULL ? one->wire_query : one->query,
        .headers = one->headers,
        .header_count = one->header_count,
        .payload = payload_of(one, presign, hex),
        .region = string_of(context, "region"),
        .service = string_of(context, "service"),
        .generic = !one->is_s3,
        .keep_path = json_is_false(json_object_get(context, "normalize")),
        .payload_header = json_is_true(json_object_get(context, "sign_body")),
        .token_unsigned = json_is_true(json_object_get(context, "omit_session_token")),
    };
    const char *time = string_of(context, "timestamp");
    return time != NULL && clock_parse(time, &out->time, &err) == 0;
}

/* ---- a case ---- */

bool sigv4_case_open(struct sigv4_case *one, const char *folder, const char *context)
{
    struct err err = {0};
    *one = (struct sigv4_case){.folder = folder};
    one->context = json_parse(context, strlen(context), &err);
    const char *service = string_of(one->context, "service");
    if (service == NULL || !read_request(one))
        return false;
    one->is_s3 = strcmp(service, "s3") == 0;
    one->wire_path = one->is_s3 ? wire_path(one) : NULL;
    one->wire_query = context_query(one);
    const json_t *keys = json_object_get(one->context, "credentials");
    one->credentials.access_key = memory_strdup(string_of(keys, "access_key_id"));
    secret_set(&one->credentials.secret_key, string_of(keys, "secret_access_key"));
    secret_set(&one->credentials.session_token, string_of(keys, "token"));
    return true;
}

void sigv4_case_release(struct sigv4_case *one)
{
    json_decref(one->context);
    free(one->source);
    free(one->wire_path);
    free(one->wire_query);
    s3_credentials_release(&one->credentials);
}
