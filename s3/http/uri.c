/*
 * Encoded once, here, for the signature and the wire alike: two encoders that differ in one
 * byte would be a signature that does not match.
 */
#include "s3/http/uri.h"

#include "base/memory.h"

#include <stdarg.h>

#define TEXT_CEILING ((size_t)4 << 20)

/* ---- percent-encoding ---- */

void s3_uri_encode_path(const char *path, struct text *out)
{
    size_t size = strlen(path);
    for (size_t i = 0; i < size; i++) {
        int byte = text_percent_byte(path + i, size - i);
        char c = byte < 0 ? path[i] : (char)byte;
        /* A slash that came as %2F is no separator and stays as it is. */
        text_add_percent(out, &c, 1, byte < 0);
        i += byte < 0 ? 0 : 2;
    }
}

/* ---- addresses ---- */

static bool has_default_port(const struct s3_endpoint *endpoint)
{
    return endpoint->port == (endpoint->tls ? 443U : 80U);
}

void s3_uri_init(struct s3_uri *uri, const struct s3_endpoint *endpoint, bool virtual_host,
                 const char *bucket, const char *key)
{
    bool in_host = virtual_host && bucket != NULL;
    struct text host, path;
    text_init(&host, TEXT_CEILING);
    text_init(&path, TEXT_CEILING);
    if (in_host)
        text_addf(&host, "%s.", bucket);
    text_addf(&host, endpoint->ipv6 ? "[%s]" : "%s", endpoint->host);
    if (!has_default_port(endpoint))
        text_addf(&host, ":%u", endpoint->port);
    text_add(&path, endpoint->base_path);
    if (bucket != NULL && !in_host) {
        text_add_char(&path, '/');
        text_add_percent(&path, bucket, strlen(bucket), false);
    }
    if (key != NULL) {
        text_add_char(&path, '/');
        text_add_percent(&path, key, strlen(key), true);
    }
    if (path.length == 0)
        text_add_char(&path, '/');
    uri->origin = memory_format("%s://%s", endpoint->tls ? "https" : "http", host.data);
    uri->host = text_take(&host);
    uri->path = text_take(&path);
    text_release(&host);
    text_release(&path);
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

/* Sizes, because a decoded %00 is a byte like any other. */
struct s3_query_pair {
    char *name;
    char *value;
    size_t name_size;
    size_t value_size;
};

void s3_query_init(struct s3_query *query)
{
    *query = (struct s3_query){0};
}

void s3_query_release(struct s3_query *query)
{
    for (size_t i = 0; i < query->count; i++) {
        struct s3_query_pair *pair = &query->pairs[i];
        memory_wipe(pair->value, pair->value_size); /* may be a session token */
        free(pair->name);
        free(pair->value);
    }
    free(query->pairs);
    *query = (struct s3_query){0};
}

static void add_owned(struct s3_query *query, struct s3_query_pair pair)
{
    memory_grow(&query->pairs, &query->capacity, query->count + 1, sizeof *query->pairs);
    query->pairs[query->count++] = pair;
}

void s3_query_add(struct s3_query *query, const char *name, const char *value)
{
    if (value == NULL)
        value = "";
    add_owned(query, (struct s3_query_pair){.name = memory_strdup(name),
                                            .value = memory_strdup(value),
                                            .name_size = strlen(name),
                                            .value_size = strlen(value)});
}

void s3_query_addf(struct s3_query *query, const char *name, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    size_t size = length < 0 ? 1 : (size_t)length + 1;
    char *value = memory_zalloc(size);
    va_start(arguments, format);
    vsnprintf(value, size, format, arguments);
    va_end(arguments);
    add_owned(query, (struct s3_query_pair){.name = memory_strdup(name),
                                            .value = value,
                                            .name_size = strlen(name),
                                            .value_size = size - 1});
}

static char *decoded(const char *text, size_t size, size_t *out_size)
{
    struct text out;
    text_init(&out, size);
    /* What is no %XX stays as it is: then the service decides, not we. */
    bool clean = text_add_decoded(&out, text, size);
    (void)clean;
    *out_size = out.length;
    char *taken = text_take(&out);
    text_release(&out);
    return taken;
}

void s3_query_add_text(struct s3_query *query, const char *text)
{
    while (*text != '\0') {
        size_t size = strcspn(text, "&");
        size_t name_size = strcspn(text, "=&");
        if (size > 0) {
            struct s3_query_pair pair = {0};
            size_t skip = name_size < size ? name_size + 1 : size;
            pair.name = decoded(text, name_size, &pair.name_size);
            pair.value = decoded(text + skip, size - skip, &pair.value_size);
            add_owned(query, pair);
        }
        text += size + (text[size] == '&' ? 1 : 0);
    }
}

struct encoded {
    char *name;
    char *value;
};

/* By the encoded forms, as SigV4 wants it: '%' sorts before '-' and the letters. */
static int compare_encoded(const void *a, const void *b)
{
    const struct encoded *x = a;
    const struct encoded *y = b;
    int names = strcmp(x->name, y->name);
    return names != 0 ? names : strcmp(x->value, y->value);
}

static char *encode(const char *data, size_t size)
{
    struct text out;
    text_init(&out, 3 * size);
    text_add_percent(&out, data, size, false);
    char *taken = text_take(&out);
    text_release(&out);
    return taken;
}

void s3_query_text(struct s3_query *query, struct text *out)
{
    if (query->count == 0)
        return;
    struct encoded *all = memory_array(query->count, sizeof *all);
    for (size_t i = 0; i < query->count; i++) {
        const struct s3_query_pair *pair = &query->pairs[i];
        all[i].name = encode(pair->name, pair->name_size);
        all[i].value = encode(pair->value, pair->value_size);
    }
    qsort(all, query->count, sizeof *all, compare_encoded);
    for (size_t i = 0; i < query->count; i++) {
        if (i > 0)
            text_add_char(out, '&');
        text_add(out, all[i].name);
        text_add_char(out, '=');
        text_add(out, all[i].value);
        memory_wipe(all[i].value, strlen(all[i].value));
        free(all[i].name);
        free(all[i].value);
    }
    free(all);
}
