/*
 * The signing key depends on secret, day, region and service alone, so it is kept from one
 * signature to the next: four HMACs less per request. Whatever holds a secret on the way is
 * wiped.
 */
#include "s3/auth/sign.h"

#include "base/clock.h"
#include "base/digest.h"
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
    char date[32];
    struct text scope; /* day/region/service/aws4_request */
    struct s3_canonical canonical;
    struct text names; /* "host;x-amz-date" */
    struct s3_sign_trace own;
    struct s3_sign_trace *trace; /* the caller's, or `own` */
};

/* Release it only after a 0. */
static int signing_init(struct signing *signing, const struct s3_sign_request *request,
                        bool by_header, struct err *err)
{
    if (s3_canonical_check(request, err) < 0)
        return -1;
    *signing = (struct signing){.request = request};
    /* The scope says for which day, region and service the signature is good. */
    clock_compact(signing->date, request->time);
    text_init(&signing->scope, 4096);
    text_init(&signing->names, CANONICAL_CEILING);
    text_addf(&signing->scope, "%.8s/%s/%s/" TERMINATOR, signing->date, request->region,
              request->service);
    s3_sign_trace_init(&signing->own);
    signing->trace = request->trace != NULL ? request->trace : &signing->own;
    text_clear(&signing->trace->canonical_request);
    text_clear(&signing->trace->string_to_sign);
    /* Without headers of its own a presigned URL signs Host alone. */
    s3_canonical_init(&signing->canonical, request, by_header ? signing->date : NULL);
    s3_canonical_names(&signing->canonical, &signing->names);
    return 0;
}

static void signing_release(struct signing *signing)
{
    s3_canonical_release(&signing->canonical);
    text_release(&signing->scope);
    text_release(&signing->names);
    s3_sign_trace_release(&signing->own);
}

/* The key of that day, region and service, which the secret itself never leaves. */
static void get_key(struct s3_signer *signer, const struct signing *signing,
                    unsigned char key[SHA256_SIZE])
{
    const struct s3_sign_request *request = signing->request;
    const char *secret = request->credentials->secret_key.text;
    /* A new day, other keys, another region after a redirect: the chain of HMACs anew. */
    pthread_mutex_lock(&signer->lock);
    if (!signer->filled || memcmp(signer->day, signing->date, 8) != 0 ||
        strcmp(signer->region, request->region) != 0 ||
        strcmp(signer->service, request->service) != 0 ||
        strcmp(signer->secret.text, secret) != 0) {
        /* HMAC over HMAC: day, region, service, "aws4_request". */
        char *start = memory_format("AWS4%s", secret);
        digest_hmac_sha256(start, strlen(start), signing->date, 8, signer->key);
        memory_wipe(start, strlen(start));
        free(start);
        const char *const rest[] = {request->region, request->service, TERMINATOR};
        for (size_t i = 0; i < sizeof rest / sizeof *rest; i++) {
            unsigned char next[SHA256_SIZE];
            digest_hmac_sha256(signer->key, SHA256_SIZE, rest[i], strlen(rest[i]), next);
            memcpy(signer->key, next, SHA256_SIZE);
            memory_wipe(next, sizeof next);
        }
        /* What it was made from, for the next time. */
        snprintf(signer->day, sizeof signer->day, "%.8s", signing->date);
        memory_replace(&signer->region, request->region);
        memory_replace(&signer->service, request->service);
        secret_set(&signer->secret, secret);
        signer->filled = true;
    }
    memcpy(key, signer->key, SHA256_SIZE);
    pthread_mutex_unlock(&signer->lock);
}

/* The signature, into the trace: canonical request, string to sign, HMAC. */
static int make_signature(struct s3_signer *signer, struct signing *signing,
                          struct s3_query *query, struct err *err)
{
    struct text *canonical = &signing->trace->canonical_request;
    struct text *to_sign = &signing->trace->string_to_sign;
    unsigned char hash[SHA256_SIZE], key[SHA256_SIZE];
    char hex[SHA256_HEX];
    /* Method, path, query, headers, their names, payload: a line each; behind the headers,
     * which end their own lines, comes an empty one. */
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

    /* What is signed is short: the hash stands for all of the request. */
    digest_sha256(canonical->data, canonical->length, hash);
    text_addf(to_sign, ALGORITHM "\n%s\n", signing->date);
    text_addf(to_sign, "%s\n%s", signing->scope.data, digest_hex(hash, sizeof hash, hex));

    /* The last HMAC, whose key never leaves this function unwiped. */
    get_key(signer, signing, key);
    digest_hmac_sha256(key, sizeof key, to_sign->data, to_sign->length, hash);
    memory_wipe(key, sizeof key);
    digest_hex(hash, sizeof hash, signing->trace->signature);
    return 0;
}

/* By header. The query is taken as it will be sent and brought into the order that is
 * signed; the service does the same with what arrives. */
int s3_sign(struct s3_signer *signer, const struct s3_sign_request *request,
            struct strlist *lines, struct err *err)
{
    const struct s3_credentials *credentials = request->credentials;
    struct signing signing;
    struct s3_query query = {0};
    if (signing_init(&signing, request, true, err) < 0)
        return -1;
    if (request->query != NULL)
        s3_query_add_text(&query, request->query);
    int result = make_signature(signer, &signing, &query, err);
    /* The lines that the signer makes itself, as they were signed. */
    if (result == 0) {
        strlist_addf(lines, "Host: %s", request->host);
        strlist_addf(lines, "X-Amz-Date: %s", signing.date);
        if (s3_canonical_sends_payload(request))
            strlist_addf(lines, "X-Amz-Content-Sha256: %s", request->payload);
        if (credentials->session_token.text != NULL)
            strlist_addf(lines, "X-Amz-Security-Token: %s",
                         credentials->session_token.text);
        strlist_addf(lines,
                     "Authorization: " ALGORITHM
                     " Credential=%s/%s, SignedHeaders=%s, Signature=%s",
                     credentials->access_key, signing.scope.data, signing.names.data,
                     signing.trace->signature);
    }
    s3_query_release(&query);
    signing_release(&signing);
    return result;
}

/* The parameters of a presigned URL, in the order in which they are sent. */
static void add_parameters(const struct signing *signing, int64_t seconds, bool with_token,
                           struct s3_query *query)
{
    const struct s3_credentials *credentials = signing->request->credentials;
    s3_query_add(query, "X-Amz-Algorithm", ALGORITHM);
    s3_query_addf(query, "X-Amz-Credential", "%s/%s", credentials->access_key,
                  signing->scope.data);
    s3_query_add(query, "X-Amz-Date", signing->date);
    s3_query_addf(query, "X-Amz-Expires", "%lld", (long long)seconds);
    if (with_token && credentials->session_token.text != NULL)
        s3_query_add(query, "X-Amz-Security-Token", credentials->session_token.text);
    s3_query_add(query, "X-Amz-SignedHeaders", signing->names.data);
}

/* As a query: whoever has the URL needs no keys. */
int s3_sign_query(struct s3_signer *signer, const struct s3_sign_request *request,
                  int64_t seconds, struct text *query, struct err *err)
{
    struct signing signing;
    struct s3_query pairs = {0};
    if (seconds < 1 || seconds > S3_PRESIGN_MAX_SECONDS)
        return err_set(err, ERR_USAGE,
                       "a presigned URL lives from 1 second to 7 days, not %lld seconds",
                       (long long)seconds);
    if (signing_init(&signing, request, false, err) < 0)
        return -1;

    /* Signed is everything in one order, all names together. */
    if (request->query != NULL)
        s3_query_add_text(&pairs, request->query);
    /* Without the token where a service adds it behind the signature (`token_unsigned`). */
    add_parameters(&signing, seconds, !request->token_unsigned, &pairs);
    int result = make_signature(signer, &signing, &pairs, err);
    s3_query_release(&pairs);

    /* Sent are the request's own first, then ours, whose order is that of their names, and
     * the signature at the end. */
    if (result == 0) {
        if (request->query != NULL)
            s3_query_add_text(&pairs, request->query);
        s3_query_text(&pairs, query);
        if (pairs.count > 0)
            text_add_char(query, '&');
        s3_query_release(&pairs);
        add_parameters(&signing, seconds, true, &pairs);
        s3_query_text(&pairs, query);
        s3_query_release(&pairs);
        text_addf(query, "&X-Amz-Signature=%s", signing.trace->signature);
        result = text_check(query, "presigned query", err);
    }
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

/* The signing key is good for a day, so it is a secret, too. */
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

void s3_sign_trace_init(struct s3_sign_trace *trace)
{
    text_init(&trace->canonical_request, CANONICAL_CEILING);
    text_init(&trace->string_to_sign, 8192);
    trace->signature[0] = '\0';
}

void s3_sign_trace_release(struct s3_sign_trace *trace)
{
    text_wipe(&trace->canonical_request);
    text_wipe(&trace->string_to_sign);
    trace->signature[0] = '\0';
}
