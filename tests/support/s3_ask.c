#include "tests/support/s3_ask.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/memory.h"
#include "base/text.h"

#include <check.h>
#include <strings.h>

/* ---- a signer, after AWS's "Signature Calculations for the Authorization Header" ---- */

struct keys {
    const char *access_key;
    const char *secret_key;
    const char *region;
    char date[32];
};

static void hmac_step(unsigned char key[SHA256_SIZE], const char *text)
{
    unsigned char out[SHA256_SIZE];

    digest_hmac_sha256(key, SHA256_SIZE, text, strlen(text), out);
    memcpy(key, out, SHA256_SIZE);
}

static void sign(const struct keys *keys, const char *canonical, char hex[SHA256_HEX])
{
    unsigned char key[SHA256_SIZE];
    unsigned char hash[SHA256_SIZE];
    char *secret = memory_format("AWS4%s", keys->secret_key);

    digest_hmac_sha256(secret, strlen(secret), keys->date, 8, key);
    hmac_step(key, keys->region);
    hmac_step(key, "s3");
    hmac_step(key, "aws4_request");
    digest_sha256(canonical, strlen(canonical), hash);
    char *to_sign =
        memory_format("AWS4-HMAC-SHA256\n%s\n%.8s/%s/s3/aws4_request\n%s", keys->date,
                      keys->date, keys->region, digest_hex(hash, SHA256_SIZE, hex));
    hmac_step(key, to_sign);
    digest_hex(key, SHA256_SIZE, hex);
    free(secret);
    free(to_sign);
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "name:value" lines, sorted, and "a;b" of their names. */
static void canonical_headers(struct strlist *lines, struct text *out, struct text *names)
{
    qsort(lines->items, lines->count, sizeof *lines->items, compare_lines);
    for (size_t i = 0; i < lines->count; i++) {
        size_t name = strcspn(lines->items[i], ":");
        text_addf(out, "%.*s:%s\n", (int)name, lines->items[i], lines->items[i] + name + 2);
        text_addf(names, "%s%.*s", i > 0 ? ";" : "", (int)name, lines->items[i]);
    }
}

static void payload_line(const struct ask *ask, char out[SHA256_HEX])
{
    unsigned char hash[SHA256_SIZE];

    snprintf(out, SHA256_HEX, "UNSIGNED-PAYLOAD");
    if (!ask->is_hashed)
        return;
    digest_sha256(ask->wrong_hash ? "" : ask->body, ask->wrong_hash ? 0 : ask->size, hash);
    digest_hex(hash, SHA256_SIZE, out);
}

static void get_keys(const struct ask *ask, struct keys *keys)
{
    keys->access_key = ask->access_key != NULL ? ask->access_key : "AKIDEXAMPLE";
    keys->secret_key = ask->secret_key != NULL ? ask->secret_key : "secretexample";
    keys->region = ask->region != NULL ? ask->region : "us-east-1";
    clock_compact(keys->date, clock_now() + ask->time_offset_s);
}

/* What stands between "http://127.0.0.1:PORT" and the request's own path. */
static const char *base_path(struct fake_s3 *fake)
{
    const char *at = strchr(fake_s3_endpoint(fake) + strlen("http://"), '/');

    return at != NULL ? at : "";
}

static char *authorization(struct fake_s3 *fake, const struct ask *ask,
                           struct strlist *lines, const struct keys *keys,
                           const char *payload)
{
    struct text canonical, names, headers;
    char hex[SHA256_HEX];

    text_init(&canonical, 1 << 20);
    text_init(&names, 1 << 16);
    text_init(&headers, 1 << 16);
    canonical_headers(lines, &headers, &names);
    text_addf(&canonical, "%s\n%s%s\n%s\n%s\n%s\n%s", ask->method, base_path(fake),
              ask->path, ask->query != NULL ? ask->query : "", headers.data, names.data,
              payload);
    sign(keys, canonical.data, hex);
    char *line = memory_format("Authorization: AWS4-HMAC-SHA256 Credential=%s/%.8s/%s/s3/"
                               "aws4_request, SignedHeaders=%s, Signature=%s",
                               keys->access_key, keys->date, keys->region, names.data, hex);
    text_release(&canonical);
    text_release(&names);
    text_release(&headers);
    return line;
}

/* All header lines of the request, Authorization included. */
static struct curl_slist *signed_headers(struct fake_s3 *fake, const struct ask *ask)
{
    struct keys keys;
    struct strlist lines = {0};
    char payload[SHA256_HEX];
    struct curl_slist *list = NULL;

    get_keys(ask, &keys);
    payload_line(ask, payload);
    strlist_addf(&lines, "host: %s:%d", ask->host != NULL ? ask->host : "127.0.0.1",
                 fake_s3_port(fake));
    strlist_addf(&lines, "x-amz-content-sha256: %s", payload);
    strlist_addf(&lines, "x-amz-date: %s", keys.date);
    for (size_t i = 0; i < ASK_MAX_HEADERS && ask->headers[i] != NULL; i++)
        strlist_add(&lines, ask->headers[i]);
    char *line = authorization(fake, ask, &lines, &keys, payload);
    for (size_t i = 0; i < lines.count; i++)
        list = curl_slist_append(list, lines.items[i]);
    list = curl_slist_append(list, line);
    free(line);
    strlist_release(&lines);
    return list;
}

/* ---- asking ---- */

static size_t keep(char *data, size_t size, size_t count, void *context)
{
    text_add_bytes(context, data, size * count);
    return size * count;
}

struct body {
    const struct ask *ask;
    size_t at;
};

static size_t give(char *out, size_t size, size_t count, void *context)
{
    struct body *body = context;
    size_t left = body->ask->size - body->at;
    size_t now = left < size * count ? left : size * count;

    if (body->ask->body == NULL)
        memset(out, 0, now);
    else if (now > 0)
        memcpy(out, (const char *)body->ask->body + body->at, now);
    body->at += now;
    return now;
}

static void set_body(CURL *curl, const struct ask *ask, struct body *body)
{
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, ask->method);
    if (strcmp(ask->method, "HEAD") == 0)
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    if (strcmp(ask->method, "PUT") != 0 && strcmp(ask->method, "POST") != 0)
        return;
    curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, give);
    curl_easy_setopt(curl, CURLOPT_READDATA, body);
    curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE,
                     ask->chunked ? (curl_off_t)-1 : (curl_off_t)ask->size);
}

static void set_options(CURL *curl, const struct ask *ask, struct curl_slist *list)
{
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 60L);
    curl_easy_setopt(curl, CURLOPT_EXPECT_100_TIMEOUT_MS,
                     ask->expect_ms > 0 ? (long)ask->expect_ms : 5000L);
}

static struct reply perform(CURL *curl, const struct ask *ask, struct curl_slist *list,
                            const char *url)
{
    struct reply reply = {0};
    struct text headers, data;
    struct body body = {.ask = ask};
    long status = 0;

    text_init(&headers, 1 << 20);
    text_init(&data, 64 << 20);
    list = curl_slist_append(list, ask->expects ? "Expect: 100-continue" : "Expect:");
    if (ask->unsigned_header != NULL)
        list = curl_slist_append(list, ask->unsigned_header);
    curl_easy_reset(curl);
    set_options(curl, ask, list);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &data);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, keep);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &headers);
    set_body(curl, ask, &body);
    reply.code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(curl, CURLINFO_TOTAL_TIME, &reply.seconds);
    reply.status = (int)status;
    reply.size = data.length;
    reply.headers = text_take(&headers);
    reply.body = text_take(&data);
    text_release(&headers);
    text_release(&data);
    curl_slist_free_all(list);
    return reply;
}

struct reply ask(struct fake_s3 *fake, const struct ask *ask)
{
    CURL *curl = ask->curl != NULL ? ask->curl : curl_easy_init();
    char *url =
        memory_format("%s%s%s%s", fake_s3_endpoint(fake), ask->path,
                      ask->query != NULL ? "?" : "", ask->query != NULL ? ask->query : "");
    struct reply reply = perform(curl, ask, signed_headers(fake, ask), url);

    free(url);
    if (ask->curl == NULL)
        curl_easy_cleanup(curl);
    return reply;
}

struct reply ask_presigned(struct fake_s3 *fake, const char *path, int seconds,
                           int64_t offset_s, const char *secret_key)
{
    struct ask get = {.method = "GET", .time_offset_s = offset_s, .secret_key = secret_key};
    struct keys keys;
    char hex[SHA256_HEX];

    get_keys(&get, &keys);
    char *query =
        memory_format("X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=%s%%2F%."
                      "8s%%2F%s%%2Fs3%%2Faws4_request&X-Amz-Date=%s&X-Amz-Expires="
                      "%d&X-Amz-SignedHeaders=host",
                      keys.access_key, keys.date, keys.region, keys.date, seconds);
    char *canonical = memory_format("GET\n%s%s\n%s\nhost:127.0.0.1:%d\n\nhost\n"
                                    "UNSIGNED-PAYLOAD",
                                    base_path(fake), path, query, fake_s3_port(fake));
    sign(&keys, canonical, hex);
    char *url = memory_format("%s%s?%s&X-Amz-Signature=%s", fake_s3_endpoint(fake), path,
                              query, hex);
    CURL *curl = curl_easy_init();
    struct reply reply = perform(curl, &get, NULL, url);

    curl_easy_cleanup(curl);
    free(query);
    free(canonical);
    free(url);
    return reply;
}

void reply_release(struct reply *reply)
{
    free(reply->headers);
    free(reply->body);
    *reply = (struct reply){0};
}

char *reply_header(const struct reply *reply, const char *name)
{
    struct fake_request lines = {.headers = reply->headers};

    return fake_request_header(&lines, name);
}

char *reply_element(const struct reply *reply, const char *name)
{
    char *open = memory_format("<%s>", name);
    char *close = memory_format("</%s>", name);
    const char *from = strstr(reply->body, open);
    const char *to = from != NULL ? strstr(from, close) : NULL;
    size_t skip = strlen(open);
    char *out = to != NULL ? memory_strndup(from + skip, (size_t)(to - from) - skip) : NULL;

    free(open);
    free(close);
    return out;
}

/* ---- usual questions ---- */

void ask_expect(struct fake_s3 *fake, const struct ask *question, int status,
                const char *text)
{
    struct reply reply = ask(fake, question);

    ck_assert_msg(reply.status == status && reply.code == CURLE_OK,
                  "%s %s?%s: status %d, curl %d: %s", question->method, question->path,
                  question->query, reply.status, (int)reply.code, reply.body);
    if (text != NULL)
        ck_assert_msg(strstr(reply.body, text) != NULL, "no %s in %s", text, reply.body);
    reply_release(&reply);
}

void ask_put(struct fake_s3 *fake, const char *path, const char *body)
{
    struct ask put = {.method = "PUT", .path = path, .body = body, .size = strlen(body)};

    ask_expect(fake, &put, 200, NULL);
}

void ask_get(struct fake_s3 *fake, const char *path, const char *query, int status,
             const char *word)
{
    ask_expect(fake, &(struct ask){.method = "GET", .path = path, .query = query}, status,
               word);
}

char *ask_create(struct fake_s3 *fake, const char *path)
{
    struct ask create = {.method = "POST", .path = path, .query = "uploads="};
    struct reply reply = ask(fake, &create);
    char *id = reply_element(&reply, "UploadId");

    ck_assert_int_eq(reply.status, 200);
    ck_assert_ptr_nonnull(id);
    reply_release(&reply);
    return id;
}

int ask_part(struct fake_s3 *fake, const char *path, const char *id, unsigned number,
             const char *body)
{
    char *query = memory_format("partNumber=%u&uploadId=%s", number, id);
    struct ask part = {
        .method = "PUT", .path = path, .query = query, .body = body, .size = strlen(body)};
    struct reply reply = ask(fake, &part);
    int status = reply.status;

    reply_release(&reply);
    free(query);
    return status;
}

struct reply ask_complete(struct fake_s3 *fake, const char *path, const char *id,
                          const char *const *bodies, const char *header)
{
    char *query = memory_format("uploadId=%s", id);
    struct text xml;

    text_init(&xml, 1 << 20);
    text_add(&xml, "<CompleteMultipartUpload>");
    for (unsigned i = 0; bodies[i] != NULL; i++) {
        unsigned char md5[MD5_SIZE];
        char hex[33];
        digest_md5(bodies[i], strlen(bodies[i]), md5);
        text_addf(&xml,
                  "<Part><PartNumber>%u</PartNumber><ETag>&quot;%s&quot;</ETag></Part>",
                  i + 1, digest_hex(md5, MD5_SIZE, hex));
    }
    text_add(&xml, "</CompleteMultipartUpload>");
    struct ask complete = {.method = "POST",
                           .path = path,
                           .query = query,
                           .headers = {header},
                           .body = xml.data,
                           .size = xml.length};
    struct reply reply = ask(fake, &complete);
    text_release(&xml);
    free(query);
    return reply;
}

int ask_abort(struct fake_s3 *fake, const char *path, const char *id)
{
    char *query = memory_format("uploadId=%s", id);
    struct ask abort = {.method = "DELETE", .path = path, .query = query};
    struct reply reply = ask(fake, &abort);
    int status = reply.status;

    reply_release(&reply);
    free(query);
    return status;
}

void ask_expect_object(struct fake_s3 *fake, const char *key, const char *data)
{
    struct fake_object object;

    ck_assert(fake_s3_object(fake, key, &object));
    ck_assert_uint_eq(object.size, strlen(data));
    ck_assert(object.data != NULL && memcmp(object.data, data, strlen(data)) == 0);
    fake_object_release(&object);
}
