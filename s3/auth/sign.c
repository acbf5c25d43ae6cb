/*
 * The signing key depends on secret, day, region and service alone, so it is kept from one
 * signature to the next: four HMACs less per request. Whatever holds a secret on the way is
 * wiped.
 */
#include "s3/auth/sign.h"

#include "base/clock.h"
#include "base/digest.h"
#include "s3/auth/keys.h"
#include "s3/auth/sign_canonical.h"
#include "s3/http/uri.h"

#include <pthread.h>

#define ALGORITHM "AWS4-HMAC-SHA256"
#define TERMINATOR "aws4_request"
#define CANONICAL_CEILING ((size_t)4 << 20)

struct s3_signer {
    pthread_mutex_t lock;
    /* guarded by lock: the key of the last call and what it was made from */
    bool filled;
    char day[9];
    char *region;
    char *service;
    struct secret secret;
    unsigned char key[SHA256_SIZE];
};

/* What one signature is made of. */
struct signing {
    const struct s3_sign_request *request;
    const struct s3_credentials *credentials;
    char date[32];
    struct text scope; /* day/region/service/aws4_request */
    struct s3_canonical canonical;
    struct text names; /* "host;x-amz-date" */
    struct s3_sign_trace own;
    struct s3_sign_trace *trace; /* the caller's, or `own` */
};

/* ---- signature ---- */

static void wipe_text(struct text *text)
{
    if (text->data != NULL)
        memory_wipe(text->data, text->capacity);
    text_release(text);
}

static void signing_init(struct signing *signing, const struct s3_sign_request *request,
                         const struct s3_credentials *credentials,
                         struct s3_sign_trace *trace)
{
    *signing = (struct signing){.request = request, .credentials = credentials};
    clock_compact(signing->date, request->time);
    text_init(&signing->scope, 4096);
    text_init(&signing->names, CANONICAL_CEILING);
    text_addf(&signing->scope, "%.8s/%s/%s/" TERMINATOR, signing->date, request->region,
              request->service);
    s3_sign_trace_init(&signing->own);
    signing->trace = trace != NULL ? trace : &signing->own;
    text_clear(&signing->trace->canonical_request);
    text_clear(&signing->trace->string_to_sign);
}

static void signing_release(struct signing *signing)
{
    s3_canonical_release(&signing->canonical);
    text_release(&signing->scope);
    text_release(&signing->names);
    s3_sign_trace_release(&signing->own);
}

static void make_key(const struct signing *signing, unsigned char key[SHA256_SIZE])
{
    const struct s3_sign_request *request = signing->request;
    char *start = memory_format("AWS4%s", signing->credentials->secret_key.text);
    digest_hmac_sha256(start, strlen(start), signing->date, 8, key);
    memory_wipe(start, strlen(start));
    free(start);
    const char *const rest[] = {request->region, request->service, TERMINATOR};
    for (size_t i = 0; i < sizeof rest / sizeof *rest; i++) {
        unsigned char next[SHA256_SIZE];
        digest_hmac_sha256(key, SHA256_SIZE, rest[i], strlen(rest[i]), next);
        memcpy(key, next, SHA256_SIZE);
        memory_wipe(next, sizeof next);
    }
}

static bool key_fits(const struct s3_signer *signer, const struct signing *signing)
{
    return signer->filled && memcmp(signer->day, signing->date, 8) == 0 &&
           strcmp(signer->region, signing->request->region) == 0 &&
           strcmp(signer->service, signing->request->service) == 0 &&
           strcmp(signer->secret.text, signing->credentials->secret_key.text) == 0;
}

/* Under the lock. */
static void keep_key(struct s3_signer *signer, const struct signing *signing)
{
    snprintf(signer->day, sizeof signer->day, "%.8s", signing->date);
    free(signer->region);
    free(signer->service);
    signer->region = memory_strdup(signing->request->region);
    signer->service = memory_strdup(signing->request->service);
    secret_set(&signer->secret, signing->credentials->secret_key.text);
    make_key(signing, signer->key);
    signer->filled = true;
}

static void get_key(struct s3_signer *signer, const struct signing *signing,
                    unsigned char key[SHA256_SIZE])
{
    pthread_mutex_lock(&signer->lock);
    if (!key_fits(signer, signing))
        keep_key(signer, signing);
    memcpy(key, signer->key, SHA256_SIZE);
    pthread_mutex_unlock(&signer->lock);
}

/* Everything from the canonical query on; the lines are collected. */
static int finish(struct s3_signer *signer, struct signing *signing, struct s3_query *query,
                  struct err *err)
{
    struct text *canonical = &signing->trace->canonical_request;
    text_addf(canonical, "%s\n", signing->request->method);
    s3_canonical_path(signing->request, canonical);
    text_add_char(canonical, '\n');
    s3_query_text(query, canonical);
    text_add_char(canonical, '\n');
    s3_canonical_headers(&signing->canonical, canonical);
    text_add_char(canonical, '\n');
    text_add(canonical, signing->names.data);
    text_add_char(canonical, '\n');
    text_add(canonical, signing->request->payload);
    if (text_check(canonical, "request to sign", err) < 0)
        return -1;
    unsigned char hash[SHA256_SIZE];
    char hex[SHA256_HEX];
    digest_sha256(canonical->data, canonical->length, hash);
    struct text *to_sign = &signing->trace->string_to_sign;
    text_addf(to_sign, ALGORITHM "\n%s\n", signing->date);
    text_addf(to_sign, "%s\n%s", signing->scope.data, digest_hex(hash, sizeof hash, hex));
    unsigned char key[SHA256_SIZE];
    get_key(signer, signing, key);
    digest_hmac_sha256(key, sizeof key, to_sign->data, to_sign->length, hash);
    memory_wipe(key, sizeof key);
    digest_hex(hash, sizeof hash, signing->trace->signature);
    return 0;
}

static void add_header_lines(const struct signing *signing, struct strlist *lines)
{
    const struct s3_sign_request *request = signing->request;
    const struct s3_credentials *credentials = signing->credentials;
    strlist_addf(lines, "Host: %s", request->host);
    strlist_addf(lines, "X-Amz-Date: %s", signing->date);
    if (s3_canonical_sends_payload(request))
        strlist_addf(lines, "X-Amz-Content-Sha256: %s", request->payload);
    if (credentials->session_token.text != NULL)
        strlist_addf(lines, "X-Amz-Security-Token: %s", credentials->session_token.text);
    strlist_addf(lines,
                 "Authorization: " ALGORITHM
                 " Credential=%s/%s, SignedHeaders=%s, Signature=%s",
                 credentials->access_key, signing->scope.data, signing->names.data,
                 signing->trace->signature);
}

int s3_sign(struct s3_signer *signer, const struct s3_credentials *credentials,
            const struct s3_sign_request *request, struct strlist *lines,
            struct s3_sign_trace *trace, struct err *err)
{
    if (s3_canonical_check(request, credentials, err) < 0)
        return -1;
    struct signing signing;
    signing_init(&signing, request, credentials, trace);
    s3_canonical_init(&signing.canonical, request, credentials, signing.date);
    s3_canonical_names(&signing.canonical, &signing.names);
    struct s3_query query;
    s3_query_init(&query);
    if (request->query != NULL)
        s3_query_add_text(&query, request->query);
    int result = finish(signer, &signing, &query, err);
    if (result == 0)
        add_header_lines(&signing, lines);
    s3_query_release(&query);
    signing_release(&signing);
    return result;
}

/* The parameters of a presigned URL, in the order in which they are sent. */
static void add_parameters(const struct signing *signing, int64_t seconds, bool with_token,
                           struct s3_query *query)
{
    const struct s3_credentials *credentials = signing->credentials;
    s3_query_add(query, "X-Amz-Algorithm", ALGORITHM);
    s3_query_addf(query, "X-Amz-Credential", "%s/%s", credentials->access_key,
                  signing->scope.data);
    s3_query_add(query, "X-Amz-Date", signing->date);
    s3_query_addf(query, "X-Amz-Expires", "%lld", (long long)seconds);
    if (with_token && credentials->session_token.text != NULL)
        s3_query_add(query, "X-Amz-Security-Token", credentials->session_token.text);
    s3_query_add(query, "X-Amz-SignedHeaders", signing->names.data);
}

static void add_signed_query(const struct signing *signing, int64_t seconds,
                             struct text *out)
{
    struct s3_query query;
    s3_query_init(&query);
    if (signing->request->query != NULL)
        s3_query_add_text(&query, signing->request->query);
    s3_query_text(&query, out);
    if (query.count > 0)
        text_add_char(out, '&');
    s3_query_release(&query);
    add_parameters(signing, seconds, true, &query);
    s3_query_text(&query, out); /* sorted is the order above */
    s3_query_release(&query);
    text_addf(out, "&X-Amz-Signature=%s", signing->trace->signature);
}

int s3_sign_query(struct s3_signer *signer, const struct s3_credentials *credentials,
                  const struct s3_sign_request *request, int64_t seconds,
                  struct text *query, struct s3_sign_trace *trace, struct err *err)
{
    if (seconds < 1 || seconds > S3_PRESIGN_MAX_SECONDS)
        return err_set(err, ERR_USAGE,
                       "a presigned URL lives from 1 second to 7 days, not %lld seconds",
                       (long long)seconds);
    if (s3_canonical_check(request, credentials, err) < 0)
        return -1;
    struct signing signing;
    signing_init(&signing, request, credentials, trace);
    s3_canonical_init(&signing.canonical, request, credentials, NULL);
    s3_canonical_names(&signing.canonical, &signing.names);
    struct s3_query pairs;
    s3_query_init(&pairs);
    if (request->query != NULL)
        s3_query_add_text(&pairs, request->query);
    add_parameters(&signing, seconds, !request->token_unsigned, &pairs);
    int result = finish(signer, &signing, &pairs, err);
    if (result == 0) {
        add_signed_query(&signing, seconds, query);
        result = text_check(query, "presigned query", err);
    }
    s3_query_release(&pairs);
    signing_release(&signing);
    return result;
}

/* ---- life ---- */

struct s3_signer *s3_signer_new(void)
{
    struct s3_signer *signer = memory_zalloc(sizeof *signer);
    pthread_mutex_init(&signer->lock, NULL);
    return signer;
}

void s3_signer_free(struct s3_signer *signer)
{
    if (signer == NULL)
        return;
    pthread_mutex_destroy(&signer->lock);
    secret_release(&signer->secret);
    memory_wipe(signer->key, sizeof signer->key);
    free(signer->region);
    free(signer->service);
    free(signer);
}

void s3_sign_lines_release(struct strlist *lines)
{
    for (size_t i = 0; i < lines->count; i++)
        memory_wipe(lines->items[i], strlen(lines->items[i]));
    strlist_release(lines);
}

void s3_sign_trace_init(struct s3_sign_trace *trace)
{
    text_init(&trace->canonical_request, CANONICAL_CEILING);
    text_init(&trace->string_to_sign, 8192);
    trace->signature[0] = '\0';
}

void s3_sign_trace_release(struct s3_sign_trace *trace)
{
    wipe_text(&trace->canonical_request);
    wipe_text(&trace->string_to_sign);
    trace->signature[0] = '\0';
}
