#include "tests/support/s3_raw.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/memory.h"
#include "s3/auth/credentials.h"
#include "s3/auth/sign.h"
#include "s3/http/uri.h"

#include <curl/curl.h>
#include <strings.h>

#define MAX_REPLY ((size_t)64 << 20)

/* A request ready to go: its address and all its header lines. */
struct signed_request {
    struct s3_endpoint endpoint;
    struct s3_uri uri;
    struct strlist lines;
};

static size_t split_headers(const struct s3_raw *raw, struct strlist *texts,
                            struct s3_header *out)
{
    size_t count = 0;

    for (; count < S3_RAW_HEADERS && raw->headers[count] != NULL; count++) {
        const char *line = raw->headers[count];
        strlist_addf(texts, "%.*s", (int)strcspn(line, ":"), line);
        out[count].name = texts->items[count];
        out[count].value = strchr(line, ':') + 2;
    }
    return count;
}

static void payload_line(const struct s3_raw *raw, char out[SHA256_HEX])
{
    unsigned char hash[SHA256_SIZE];

    digest_sha256(raw->size > 0 ? raw->body : "", raw->size, hash);
    digest_hex(hash, sizeof hash, out);
}

static int sign_lines(const struct s3_raw_service *service, const struct s3_raw *raw,
                      struct signed_request *out, struct err *err)
{
    char hash[SHA256_HEX];
    struct s3_header headers[S3_RAW_HEADERS];
    struct s3_credentials credentials = {0};
    struct strlist names = {0};
    size_t count = split_headers(raw, &names, headers);
    struct s3_signer *signer = s3_signer_new();

    if (raw->payload == NULL)
        payload_line(raw, hash);
    credentials.access_key =
        memory_strdup(raw->access_key != NULL ? raw->access_key : service->access_key);
    secret_set(&credentials.secret_key,
               raw->secret_key != NULL ? raw->secret_key : service->secret_key);
    struct s3_sign_request request = {
        .credentials = &credentials,
        .method = raw->method,
        .host = out->uri.host,
        .path = out->uri.path,
        .query = raw->query,
        .headers = headers,
        .header_count = count,
        .payload = raw->payload != NULL ? raw->payload : hash,
        .region = raw->region != NULL ? raw->region : service->region,
        .service = "s3",
        .time = clock_now() + raw->clock_offset_s,
    };
    int result = s3_sign(signer, &request, &out->lines, err);
    for (size_t i = 0; i < count; i++)
        strlist_addf(&out->lines, "%s: %s", headers[i].name, headers[i].value);
    strlist_release(&names);
    s3_credentials_release(&credentials);
    s3_signer_free(signer);
    return result;
}

static int prepare(const struct s3_raw_service *service, const struct s3_raw *raw,
                   struct signed_request *out, struct err *err)
{
    *out = (struct signed_request){0};
    if (s3_endpoint_parse(service->endpoint, &out->endpoint, err) < 0)
        return -1;
    s3_uri_init(&out->uri, &out->endpoint, service->virtual_host, raw->bucket, raw->key);
    return sign_lines(service, raw, out, err);
}

static void release_request(struct signed_request *request)
{
    strlist_wipe(&request->lines);
    s3_uri_release(&request->uri);
    s3_endpoint_release(&request->endpoint);
}

/* ---- sending ---- */

struct body {
    const unsigned char *data;
    size_t size, at;
};

static size_t give(char *out, size_t size, size_t count, void *context)
{
    struct body *body = context;
    size_t left = body->size - body->at;
    size_t now = left < size * count ? left : size * count;

    if (now > 0)
        memcpy(out, body->data + body->at, now);
    body->at += now;
    return now;
}

static size_t keep(char *data, size_t size, size_t count, void *context)
{
    text_add_bytes(context, data, size * count);
    return size * count;
}

static void set_body(CURL *curl, const char *method, struct body *body)
{
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    if (strcmp(method, "HEAD") == 0)
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    if (strcmp(method, "PUT") != 0 && strcmp(method, "POST") != 0)
        return;
    curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, give);
    curl_easy_setopt(curl, CURLOPT_READDATA, body);
    curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)body->size);
}

static void read_code(struct s3_raw_reply *reply)
{
    char *code = s3_raw_element(reply, "Code");

    if (code != NULL && strstr(reply->body.data, "<Error>") != NULL)
        snprintf(reply->code, sizeof reply->code, "%.63s", code);
    free(code);
}

static void perform(CURL *curl, const struct s3_raw_service *service, const char *url,
                    struct curl_slist *list, struct s3_raw_reply *reply)
{
    long status = 0;

    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 60L);
    if (service->ca_file != NULL)
        curl_easy_setopt(curl, CURLOPT_CAINFO, service->ca_file);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &reply->body);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, keep);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &reply->headers);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (code != CURLE_OK && status < 300) {
        text_clear(&reply->body);
        text_addf(&reply->body, "curl: %s", curl_easy_strerror(code));
        status = 0;
    }
    reply->status = (int)status;
    read_code(reply);
}

static void reply_init(struct s3_raw_reply *reply)
{
    *reply = (struct s3_raw_reply){0};
    text_init(&reply->headers, MAX_REPLY);
    text_init(&reply->body, MAX_REPLY);
}

void s3_raw_ask(const struct s3_raw_service *service, const struct s3_raw *raw,
                struct s3_raw_reply *reply)
{
    struct signed_request request;
    struct err err = {0};
    struct body body = {.data = raw->body, .size = raw->size};

    reply_init(reply);
    if (prepare(service, raw, &request, &err) < 0) {
        text_add(&reply->body, err.text);
    } else {
        CURL *curl = curl_easy_init();
        struct curl_slist *list = NULL;
        char *url = s3_uri_text(&request.uri, raw->query);
        for (size_t i = 0; i < request.lines.count; i++)
            list = curl_slist_append(list, request.lines.items[i]);
        list = curl_slist_append(list, "Content-Type:");
        set_body(curl, raw->method, &body);
        perform(curl, service, url, list, reply);
        curl_slist_free_all(list);
        curl_easy_cleanup(curl);
        free(url);
    }
    release_request(&request);
}

void s3_raw_get(const struct s3_raw_service *service, const char *url,
                struct s3_raw_reply *reply)
{
    CURL *curl = curl_easy_init();

    reply_init(reply);
    perform(curl, service, url, NULL, reply);
    curl_easy_cleanup(curl);
}

void s3_raw_release(struct s3_raw_reply *reply)
{
    text_release(&reply->headers);
    text_release(&reply->body);
}

char *s3_raw_head(const struct s3_raw_service *service, const struct s3_raw *raw)
{
    struct signed_request request;
    struct err err = {0};
    struct text out;

    text_init(&out, 1 << 16);
    if (prepare(service, raw, &request, &err) == 0) {
        text_addf(&out, "%s %s%s%s HTTP/1.1\r\n", raw->method, request.uri.path,
                  raw->query != NULL ? "?" : "", raw->query != NULL ? raw->query : "");
        for (size_t i = 0; i < request.lines.count; i++)
            text_addf(&out, "%s\r\n", request.lines.items[i]);
        text_addf(&out, "Content-Length: %zu\r\n\r\n", raw->size);
    }
    release_request(&request);
    char *head = text_take(&out);
    text_release(&out);
    return head;
}

/* ---- reading ---- */

char *s3_raw_element(const struct s3_raw_reply *reply, const char *name)
{
    char *open = memory_format("<%s>", name);
    char *close = memory_format("</%s>", name);
    const char *from = strstr(reply->body.data, open);
    const char *to = from != NULL ? strstr(from, close) : NULL;
    size_t skip = strlen(open);
    char *out = to != NULL ? memory_strndup(from + skip, (size_t)(to - from) - skip) : NULL;

    free(open);
    free(close);
    return out;
}

char *s3_raw_header(const struct s3_raw_reply *reply, const char *name)
{
    size_t length = strlen(name);

    for (const char *line = reply->headers.data; line != NULL && *line != '\0';) {
        const char *end = strstr(line, "\r\n");
        if (end == NULL)
            return NULL;
        if (strncasecmp(line, name, length) == 0 && line[length] == ':') {
            const char *value = line + length + 1 + strspn(line + length + 1, " ");
            return memory_strndup(value, (size_t)(end - value));
        }
        line = end + 2;
    }
    return NULL;
}

void s3_raw_words(const struct s3_raw_reply *reply, struct text *out)
{
    if (reply->status == 0)
        text_add(out, reply->body.data);
    else
        text_addf(out, "%d%s%s", reply->status, reply->code[0] != '\0' ? " " : "",
                  reply->code);
}
