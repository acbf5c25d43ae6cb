/*
 * Signature Version 4 as a service checks it: what came over the wire is taken apart and
 * written in the canonical form again. Source: AWS, "Signature Calculations for the
 * Authorization Header" and "Authenticating Requests: Using Query Parameters". Nothing here
 * is shared with the signer that is tested.
 */
#include "tests/support/fake_s3_internal.h"

#include "base/clock.h"
#include "base/parse.h"

#include <ctype.h>
#include <strings.h>

#define ALGORITHM "AWS4-HMAC-SHA256"
#define MAX_SKEW_S 900

/* What the client claims. Heap strings. */
struct claim {
    bool presigned;
    char *access_key;
    char *day;
    char *region;
    char *service;
    char *signed_headers; /* "a;b" */
    char *signature;
    char *date;    /* 20261121T020000Z */
    char *payload; /* last line of the canonical request */
    char *token;   /* NULL: none */
    int64_t time;
    int64_t expires_s;
};

static void claim_release(struct claim *claim)
{
    free(claim->access_key);
    free(claim->day);
    free(claim->region);
    free(claim->service);
    free(claim->signed_headers);
    free(claim->signature);
    free(claim->date);
    free(claim->payload);
    free(claim->token);
}

static int malformed(struct fake_call *call, const char *message)
{
    fake_records_signed(call, true);
    fake_refuse(call, 400, "AuthorizationHeaderMalformed", message);
    return -1;
}

/* ---- reading the claim ---- */

/* "key/day/region/service/aws4_request"; the key itself may hold slashes. */
static int read_scope(const char *scope, struct claim *claim)
{
    char **fields[] = {&claim->service, &claim->region, &claim->day};
    size_t end = strlen(scope);

    if (!text_ends_with(scope, "/aws4_request"))
        return -1;
    end -= strlen("/aws4_request");
    for (size_t i = 0; i < 3; i++) {
        size_t begin = end;
        while (begin > 0 && scope[begin - 1] != '/')
            begin--;
        if (begin == 0)
            return -1;
        *fields[i] = memory_strndup(scope + begin, end - begin);
        end = begin - 1;
    }
    claim->access_key = memory_strndup(scope, end);
    return 0;
}

/* Value of "Name=" in the list of the Authorization header; heap or NULL. */
static char *field(const char *list, const char *name)
{
    size_t length = strlen(name);

    for (const char *at = list; *at != '\0';) {
        at += strspn(at, ", ");
        size_t size = strcspn(at, ",");
        if (strncmp(at, name, length) == 0)
            return memory_strndup(at + length, size - length);
        at += size;
    }
    return NULL;
}

static int read_date(struct claim *claim)
{
    int64_t number[6];
    static const struct {
        size_t at, length;
    } fields[] = {{0, 4}, {4, 2}, {6, 2}, {9, 2}, {11, 2}, {13, 2}};
    struct err err;

    if (claim->date == NULL || strlen(claim->date) != 16 || claim->date[8] != 'T' ||
        claim->date[15] != 'Z')
        return -1;
    for (size_t i = 0; i < 6; i++) {
        char digits[8];
        snprintf(digits, sizeof digits, "%.*s", (int)fields[i].length,
                 claim->date + fields[i].at);
        if (parse_int(digits, 0, 9999, &number[i], &err) < 0)
            return -1;
    }
    claim->time = clock_from_civil(number[0], (int)number[1], (int)number[2],
                                   number[3] * 3600 + number[4] * 60 + number[5]);
    return strncmp(claim->date, claim->day, 8) == 0 && strlen(claim->day) == 8 ? 0 : -1;
}

static int read_header_claim(struct fake_call *call, const char *authorization,
                             struct claim *claim)
{
    const char *list = authorization + strlen(ALGORITHM);
    char *scope = field(list, "Credential=");

    claim->signed_headers = field(list, "SignedHeaders=");
    claim->signature = field(list, "Signature=");
    claim->date = memory_strdup(fake_header(call, "x-amz-date"));
    claim->payload = memory_strdup(fake_header(call, "x-amz-content-sha256"));
    claim->token = memory_strdup(fake_header(call, "x-amz-security-token"));
    int rc =
        scope != NULL && read_scope(scope, claim) == 0 && read_date(claim) == 0 ? 0 : -1;
    free(scope);
    return rc;
}

static int read_presigned_claim(struct fake_call *call, struct claim *claim)
{
    const char *scope = fake_param(call, "X-Amz-Credential");
    const char *expires = fake_param(call, "X-Amz-Expires");
    struct err err;

    claim->presigned = true;
    claim->signed_headers = memory_strdup(fake_param(call, "X-Amz-SignedHeaders"));
    claim->signature = memory_strdup(fake_param(call, "X-Amz-Signature"));
    claim->date = memory_strdup(fake_param(call, "X-Amz-Date"));
    claim->token = memory_strdup(fake_param(call, "X-Amz-Security-Token"));
    claim->payload = memory_strdup("UNSIGNED-PAYLOAD");
    if (expires == NULL || parse_int(expires, 1, 604800, &claim->expires_s, &err) < 0)
        return -1;
    return scope != NULL && read_scope(scope, claim) == 0 && read_date(claim) == 0 ? 0 : -1;
}

/* ---- the canonical request ---- */

struct piece {
    char *name;
    char *value;
};

static int compare_pieces(const void *a, const void *b)
{
    const struct piece *left = a;
    const struct piece *right = b;
    int order = strcmp(left->name, right->name);

    return order != 0 ? order : strcmp(left->value, right->value);
}

static char *encode(const char *text)
{
    struct text out;

    text_init(&out, FAKE_BUFFER_SIZE);
    text_add_percent(&out, text, strlen(text), false);
    char *encoded = text_take(&out);
    text_release(&out);
    return encoded;
}

static void add_query(struct fake_call *call, struct text *out)
{
    struct piece *pieces = memory_array(call->param_count + 1, sizeof *pieces);
    size_t count = 0;

    for (size_t i = 0; i < call->param_count; i++)
        if (strcmp(call->params[i].name, "X-Amz-Signature") != 0)
            pieces[count++] =
                (struct piece){encode(call->params[i].name), encode(call->params[i].value)};
    qsort(pieces, count, sizeof *pieces, compare_pieces);
    for (size_t i = 0; i < count; i++) {
        text_addf(out, "%s%s=%s", i > 0 ? "&" : "", pieces[i].name, pieces[i].value);
        free(pieces[i].name);
        free(pieces[i].value);
    }
    free(pieces);
}

/* A value with inner runs of spaces made one. */
static void add_value(struct text *out, const char *value)
{
    for (; *value != '\0'; value++)
        if (*value != ' ' || value[1] != ' ')
            text_add_char(out, *value);
}

static void add_headers(struct fake_call *call, const struct claim *claim, struct text *out)
{
    for (const char *at = claim->signed_headers; *at != '\0';) {
        size_t length = strcspn(at, ";");
        char *name = memory_strndup(at, length);
        const char *value = fake_header(call, name);
        text_addf(out, "%s:", name);
        add_value(out, value != NULL ? value : "");
        text_add_char(out, '\n');
        free(name);
        at += length;
        at += *at == ';';
    }
}

static void canonical_request(struct fake_call *call, const struct claim *claim,
                              struct text *out)
{
    char *path = fake_decode(call->path, strlen(call->path), false);

    text_addf(out, "%s\n", call->method);
    text_add_percent(out, path, strlen(path), true);
    text_add_char(out, '\n');
    add_query(call, out);
    text_add_char(out, '\n');
    add_headers(call, claim, out);
    text_addf(out, "\n%s\n%s", claim->signed_headers, claim->payload);
    free(path);
}

static void compute(struct fake_call *call, const struct claim *claim, const char *secret,
                    char hex[SHA256_HEX])
{
    const char *scope[] = {claim->day, claim->region, claim->service, "aws4_request"};
    unsigned char key[SHA256_SIZE];
    unsigned char hash[SHA256_SIZE];
    struct text text;

    text_init(&text, (size_t)1 << 20);
    canonical_request(call, claim, &text);
    digest_sha256(text.data, text.length, hash);
    digest_hex(hash, SHA256_SIZE, hex);
    text_clear(&text);
    text_addf(&text, "AWS4%s", secret);
    digest_hmac_sha256(text.data, text.length, scope[0], strlen(scope[0]), key);
    for (size_t i = 1; i < 4; i++) {
        digest_hmac_sha256(key, sizeof key, scope[i], strlen(scope[i]), hash);
        memcpy(key, hash, sizeof key);
    }
    text_clear(&text);
    text_addf(&text, ALGORITHM "\n%s\n%s/%s/%s/aws4_request\n%s", claim->date, claim->day,
              claim->region, claim->service, hex);
    digest_hmac_sha256(key, sizeof key, text.data, text.length, hash);
    digest_hex(hash, SHA256_SIZE, hex);
    text_release(&text);
}

/* ---- what must be signed ---- */

static bool is_listed(const char *list, const char *name, size_t length)
{
    for (const char *at = list; *at != '\0';) {
        size_t size = strcspn(at, ";");
        if (size == length && strncasecmp(at, name, length) == 0)
            return true;
        at += size;
        at += *at == ';';
    }
    return false;
}

/* Host and every x-amz-* header. */
static bool signs_enough(const struct fake_call *call, const struct claim *claim)
{
    if (!is_listed(claim->signed_headers, "host", 4))
        return false;
    for (const char *line = call->headers; *line != '\0';) {
        size_t name = strcspn(line, ":");
        if (strncasecmp(line, "x-amz-", 6) == 0 &&
            !is_listed(claim->signed_headers, line, name))
            return false;
        line = strstr(line, "\r\n") + 2;
    }
    return true;
}

/* Lower case and ascending. */
static bool is_list_canonical(const char *list)
{
    char *before = memory_strdup("");
    bool good = *list != '\0';

    for (const char *at = list; good && *at != '\0';) {
        char *name = memory_strndup(at, strcspn(at, ";"));
        good = strcmp(before, name) < 0;
        for (const char *c = name; *c != '\0'; c++)
            good = good && !isupper((unsigned char)*c);
        at += strlen(name);
        at += *at == ';';
        free(before);
        before = name;
    }
    free(before);
    return good;
}

/* ---- the verdict ---- */

/* Copies of the key the claim names; the secret is NULL when there is none. */
static void find_key(struct fake_call *call, const char *access_key, struct secret *secret,
                     char **token, int64_t *expires_ms)
{
    struct fake_s3 *fake = call->fake;

    *token = NULL;
    *expires_ms = 0;
    pthread_mutex_lock(&fake->lock);
    for (size_t i = 0; i < fake->key_count; i++) {
        if (strcmp(fake->keys[i].access_key, access_key) != 0)
            continue;
        secret_set(secret, fake->keys[i].secret_key.text);
        *token = memory_strdup(fake->keys[i].session_token);
        *expires_ms = fake->keys[i].expires_ms;
    }
    pthread_mutex_unlock(&fake->lock);
}

static int refuse(struct fake_call *call, int status, const char *code, const char *message)
{
    fake_refuse(call, status, code, message);
    return -1;
}

static int check_time(struct fake_call *call, const struct claim *claim)
{
    int64_t now = fake_now(call);

    if (claim->presigned && claim->time + claim->expires_s < now)
        return refuse(call, 403, "AccessDenied", "Request has expired");
    if (claim->time > now + MAX_SKEW_S ||
        (!claim->presigned && claim->time < now - MAX_SKEW_S))
        return refuse(call, 403, "RequestTimeTooSkewed",
                      "The difference between the request time and the current time is too "
                      "large.");
    return 0;
}

static int check_scope(struct fake_call *call, const struct claim *claim)
{
    char element[128];

    if (strcmp(claim->service, "s3") != 0)
        return malformed(call, "The service of the scope is not s3.");
    if (call->settings.any_region || strcmp(claim->region, call->region) == 0)
        return 0;
    snprintf(element, sizeof element, "<Region>%s</Region>", call->region);
    fake_refuse_with(call, 400, "AuthorizationHeaderMalformed",
                     "The authorization header is malformed; the region is wrong.",
                     element);
    if (strcmp(call->method, "HEAD") == 0)
        text_addf(&call->head, "x-amz-bucket-region: %s\r\n", call->region);
    return -1;
}

static int check_payload(struct fake_call *call, const struct claim *claim)
{
    if (claim->payload == NULL)
        return refuse(call, 400, "InvalidRequest",
                      "Missing required header for this request: x-amz-content-sha256");
    bool unsigned_payload = strcmp(claim->payload, "UNSIGNED-PAYLOAD") == 0;
    if (unsigned_payload && call->settings.refuse_unsigned_payload && !claim->presigned)
        return refuse(call, 400, "InvalidRequest", "UNSIGNED-PAYLOAD is not accepted.");
    if (!unsigned_payload && !text_starts_with(claim->payload, "STREAMING-") &&
        (strlen(claim->payload) != 64 || strspn(claim->payload, "0123456789abcdef") != 64))
        return refuse(
            call, 400, "InvalidArgument",
            "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-... or hex.");
    return 0;
}

static int check_token(struct fake_call *call, const struct claim *claim, const char *token,
                       int64_t expires_ms)
{
    if (expires_ms > 0 && clock_now_ms() >= expires_ms)
        return refuse(call, 400, "ExpiredToken", "The provided token has expired.");
    if ((token == NULL) != (claim->token == NULL) ||
        (token != NULL && strcmp(token, claim->token) != 0))
        return refuse(call, 400, "InvalidToken", "The provided token is invalid.");
    return 0;
}

static int check_signature(struct fake_call *call, const struct claim *claim,
                           const char *secret)
{
    char hex[SHA256_HEX];

    if (!signs_enough(call, claim))
        return refuse(call, 403, "AccessDenied",
                      "There were headers present in the request which were not signed");
    compute(call, claim, secret, hex);
    if (strcmp(hex, claim->signature) == 0)
        return 0;
    fake_records_signed(call, true);
    return refuse(call, 403, "SignatureDoesNotMatch",
                  "The request signature we calculated does not match the signature you "
                  "provided.");
}

static int check_claim(struct fake_call *call, const struct claim *claim)
{
    struct secret secret = {0};
    char *token;
    int64_t expires_ms;
    int rc = -1;

    find_key(call, claim->access_key, &secret, &token, &expires_ms);
    if (secret.text == NULL)
        rc = refuse(call, 403, "InvalidAccessKeyId",
                    "The access key Id you provided does not exist in our records.");
    else if (check_scope(call, claim) == 0 && check_payload(call, claim) == 0 &&
             check_time(call, claim) == 0 &&
             check_token(call, claim, token, expires_ms) == 0)
        rc = check_signature(call, claim, secret.text);
    secret_release(&secret);
    free(token);
    return rc;
}

int fake_sign_check(struct fake_call *call)
{
    const char *authorization = fake_header(call, "Authorization");
    bool by_header =
        authorization != NULL && text_starts_with(authorization, ALGORITHM " ");
    bool by_query = authorization == NULL && fake_param(call, "X-Amz-Algorithm") != NULL;
    struct claim claim = {0};
    int rc;

    if (!by_header && !by_query)
        return refuse(call, 403, "AccessDenied", "Access Denied");
    rc = by_header ? read_header_claim(call, authorization, &claim)
                   : read_presigned_claim(call, &claim);
    if (rc < 0 || claim.signature == NULL || claim.signed_headers == NULL ||
        !is_list_canonical(claim.signed_headers))
        rc = malformed(call, "The authorization header is malformed.");
    else
        rc = check_claim(call, &claim);
    claim_release(&claim);
    if (rc == 0) {
        call->signed_well = true;
        fake_records_signed(call, false);
    }
    return rc;
}
