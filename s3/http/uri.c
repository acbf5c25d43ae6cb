/*
 * Encoded once, here, for the signature and the wire alike: two encoders that differ in one
 * byte would be a signature that does not match.
 */
#include "s3/http/uri.h"

#include "base/memory.h"

#include <stdarg.h>

/* Beyond every request line that a service takes; what reaches it is cut and noticed later. */
#define TEXT_CEILING ((size_t)4 << 20)

/* ---- percent-encoding ---- */

/* Text that may be encoded already, in part or otherwise: %XX stays what it stands for. */
static void add_encoded_anew(struct text *out, const char *text, size_t size,
                             bool keep_slash)
{
    for (size_t i = 0; i < size; i++) {
        int byte = text_percent_byte(text + i, size - i);
        char c = byte < 0 ? text[i] : (char)byte;
        /* A slash that came as %2F is no separator and stays as it is. */
        text_add_percent(out, &c, 1, keep_slash && byte < 0);
        i += byte < 0 ? 0 : 2;
    }
}

void s3_uri_encode_path(const char *path, struct text *out)
{
    add_encoded_anew(out, path, strlen(path), true);
}

/* ---- addresses ---- */

/* The parts are kept apart: the signature wants host and path, curl the whole. */
void s3_uri_init(struct s3_uri *uri, const struct s3_endpoint *endpoint, bool virtual_host,
                 const char *bucket, const char *key)
{
    bool in_host = virtual_host && bucket != NULL;
    struct text host, path;
    text_init(&host, TEXT_CEILING);
    text_init(&path, TEXT_CEILING);

    /* curl leaves the default port out of the Host header, so the signature does too. */
    if (in_host)
        text_addf(&host, "%s.", bucket);
    text_addf(&host, endpoint->ipv6 ? "[%s]" : "%s", endpoint->host);
    if (endpoint->port != (endpoint->tls ? 443U : 80U))
        text_addf(&host, ":%u", endpoint->port);

    /* Base path, bucket, key: a slash in a key stays one, in a bucket's name there is none. */
    text_add(&path, endpoint->base_path);
    if (bucket != NULL && !in_host) {
        text_add_char(&path, '/');
        text_add_percent(&path, bucket, strlen(bucket), false);
    }
    if (key != NULL) {
        text_add_char(&path, '/');
        text_add_percent(&path, key, strlen(key), true);
    }
    /* No request line without a path (RFC 9112, 3.2.1). */
    if (path.length == 0)
        text_add_char(&path, '/');

    uri->origin = memory_format("%s://%s", endpoint->tls ? "https" : "http", host.data);
    uri->host = text_finish(&host);
    uri->path = text_finish(&path);
}

void s3_uri_release(struct s3_uri *uri)
{
    free(uri->origin);
    free(uri->host);
    free(uri->path);
    *uri = (struct s3_uri){0};
}

char *s3_uri_text(const struct s3_uri *uri, const char *query)
{
    bool has_query = query != NULL && *query != '\0';
    return memory_format("%s%s%s%s", uri->origin, uri->path, has_query ? "?" : "",
                         has_query ? query : "");
}

/* ---- queries ---- */

/* Encoded when it is added, so that a %00 is a text like any other and sorting compares what is
 * sent. */
struct s3_query_pair {
    char *name;
    char *value;
};

void s3_query_release(struct s3_query *query)
{
    for (size_t i = 0; i < query->count; i++) {
        struct s3_query_pair *pair = &query->pairs[i];
        memory_wipe(pair->value, strlen(pair->value)); /* may be a session token */
        free(pair->name);
        free(pair->value);
    }
    free(query->pairs);
    *query = (struct s3_query){0};
}

/* Heap. `raw`: a '%' is a percent sign and begins nothing. */
static char *encode(const char *data, size_t size, bool raw)
{
    struct text out;
    text_init(&out, 3 * size);
    if (raw)
        text_add_percent(&out, data, size, false);
    else
        add_encoded_anew(&out, data, size, false);
    return text_finish(&out);
}

/* Takes both over. */
static void add_pair(struct s3_query *query, char *name, char *value)
{
    struct s3_query_pair *pair =
        memory_append(&query->pairs, &query->count, &query->capacity, sizeof *pair);
    *pair = (struct s3_query_pair){name, value};
}

void s3_query_add(struct s3_query *query, const char *name, const char *value)
{
    if (value == NULL)
        value = "";
    add_pair(query, encode(name, strlen(name), true), encode(value, strlen(value), true));
}

void s3_query_addf(struct s3_query *query, const char *name, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *value = memory_vformat(format, arguments);
    va_end(arguments);
    s3_query_add(query, name, value);
    free(value);
}

/* Whoever sent it may have encoded more or less than we do. */
void s3_query_add_text(struct s3_query *query, const char *text)
{
    while (*text != '\0') {
        size_t size = strcspn(text, "&");
        size_t name_size = strcspn(text, "=&");
        /* "a" is a name without a value, "a=b=c" the value "b=c", and "&&" nothing. */
        size_t skip = name_size < size ? name_size + 1 : size;
        if (size > 0)
            add_pair(query, encode(text, name_size, false),
                     encode(text + skip, size - skip, false));
        text += size + (text[size] == '&' ? 1 : 0);
    }
}

/* By the encoded forms, as SigV4 wants it: '%' sorts before '-' and the letters. */
static int compare_pairs(const void *a, const void *b)
{
    const struct s3_query_pair *x = a;
    const struct s3_query_pair *y = b;
    int names = strcmp(x->name, y->name);
    return names != 0 ? names : strcmp(x->value, y->value);
}

/* What is sent has the order of what is signed, so there is one text of it. */
void s3_query_text(struct s3_query *query, struct text *out)
{
    if (query->count > 1)
        qsort(query->pairs, query->count, sizeof *query->pairs, compare_pairs);
    for (size_t i = 0; i < query->count; i++) {
        if (i > 0)
            text_add_char(out, '&');
        text_add(out, query->pairs[i].name);
        text_add_char(out, '=');
        text_add(out, query->pairs[i].value);
    }
}
