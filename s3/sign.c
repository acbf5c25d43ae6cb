#include "s3/sign.h"

#include "base/clock.h"
#include "base/digest.h"
#include "s3/credentials.h"
#include "s3/uri.h"

#include <pthread.h>
#include <strings.h>

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

/* One header as it is signed: name in lower case, value trimmed and on one line. */
struct line {
    char *name;
    char *value;
    size_t order; /* of appearance: values of one name keep it */
};

/* What one signature is made of. */
struct signing {
    const struct s3_sign_request *request;
    const struct s3_credentials *credentials;
    char date[32];
    struct text scope; /* day/region/service/aws4_request */
    struct line *lines;
    size_t line_count;
    size_t line_capacity;
    struct text names; /* "host;x-amz-date" */
    struct s3_sign_trace own;
    struct s3_sign_trace *trace; /* the caller's, or `own` */
};

/* ---- which headers ---- */

/* What hops change, what curl decides itself, and what some services rewrite
 * (accept-encoding: Google, Cloudflare). */
static const char *const never_signed[] = {
    "authorization",
    "user-agent",
    "connection",
    "expect",
    "transfer-encoding",
    "keep-alive",
    "te",
    "trailer",
    "upgrade",
    "proxy-",
    "x-amzn-trace-id",
    "accept-encoding",
};

/* The signer makes these itself; the caller's would be sent twice. */
static const char *const made_here[] = {
    "host",
    "x-amz-date",
    "x-amz-content-sha256",
    "x-amz-security-token",
};

bool s3_sign_is_signable(const char *header_name)
{
    for (size_t i = 0; i < sizeof never_signed / sizeof *never_signed; i++) {
        const char *name = never_signed[i];
        bool prefix = text_ends_with(name, "-");
        if (prefix ? strncasecmp(header_name, name, strlen(name)) == 0
                   : strcasecmp(header_name, name) == 0)
            return false;
    }
    return true;
}

static bool is_made_here(const char *name)
{
    for (size_t i = 0; i < sizeof made_here / sizeof *made_here; i++)
        if (strcasecmp(name, made_here[i]) == 0)
            return true;
    return false;
}

/* ---- what cannot be signed ---- */

static bool has_control(const char *string)
{
    for (; *string != '\0'; string++)
        if ((unsigned char)*string < 0x20 || *string == 0x7F)
            return true;
    return false;
}

static int check_plain(const char *string, const char *what, bool spaces, struct err *err)
{
    if (string == NULL || *string == '\0')
        return err_set(err, ERR_USAGE, "cannot sign: no %s", what);
    if (has_control(string) || (!spaces && strchr(string, ' ') != NULL))
        return err_set(err, ERR_USAGE, "cannot sign: %s holds a %s", what,
                       spaces ? "control character" : "control character or space");
    return 0;
}

static int check_header_name(const char *name, struct err *err)
{
    static const char token[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ"; /* RFC 9110, 5.6.2 */
    if (*name == '\0' || name[strspn(name, token)] != '\0')
        return err_set(err, ERR_USAGE, "cannot sign: bad name of a header");
    return 0;
}

/* Length of a line break that a space follows (RFC 9110, 5.5: obs-fold), or 0. */
static size_t fold_length(const char *p)
{
    size_t length = p[0] == '\r' && p[1] == '\n' ? 2 : p[0] == '\n' ? 1 : 0;
    return length > 0 && (p[length] == ' ' || p[length] == '\t') ? length : 0;
}

static int check_header_value(const char *name, const char *value, struct err *err)
{
    for (const char *p = value; *p != '\0'; p++) {
        size_t fold = fold_length(p);
        if (fold > 0)
            p += fold;
        else if (((unsigned char)*p < 0x20 && *p != '\t') || *p == 0x7F)
            return err_set(err, ERR_USAGE,
                           "cannot sign: header %s holds a control character", name);
    }
    return 0;
}

static int check_credentials(const struct s3_credentials *credentials, struct err *err)
{
    if (check_plain(credentials->access_key, "access key", false, err) < 0 ||
        check_plain(credentials->secret_key.text, "secret key", true, err) < 0)
        return -1;
    const char *token = credentials->session_token.text;
    return token == NULL ? 0 : check_plain(token, "session token", false, err);
}

static int check_request(const struct s3_sign_request *request, struct err *err)
{
    if (check_plain(request->method, "method", false, err) < 0 ||
        check_plain(request->host, "host", false, err) < 0 ||
        check_plain(request->path, "path", true, err) < 0 ||
        check_plain(request->payload, "payload hash", false, err) < 0 ||
        check_plain(request->region, "region", false, err) < 0 ||
        check_plain(request->service, "service", false, err) < 0)
        return -1;
    if (request->path[0] != '/')
        return err_set(err, ERR_USAGE, "cannot sign: the path does not begin with '/'");
    if (request->query != NULL && has_control(request->query))
        return err_set(err, ERR_USAGE, "cannot sign: query holds a control character");
    for (size_t i = 0; i < request->header_count; i++) {
        const struct s3_header *header = &request->headers[i];
        if (check_header_name(header->name, err) < 0 ||
            check_header_value(header->name, header->value, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- canonical headers ---- */

static char *lower_case(const char *name)
{
    char *lower = memory_strdup(name);
    for (char *p = lower; *p != '\0'; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p - 'A' + 'a');
    return lower;
}

/* Trimmed, and every run of white space (folds too) one space. */
static char *one_line(const char *value)
{
    char *out = memory_alloc(strlen(value) + 1);
    size_t length = 0;
    bool gap = false;
    for (; *value != '\0'; value++) {
        if (strchr(" \t\r\n", *value) != NULL) {
            gap = length > 0;
            continue;
        }
        if (gap)
            out[length++] = ' ';
        gap = false;
        out[length++] = *value;
    }
    out[length] = '\0';
    return out;
}

static void add_line(struct signing *signing, const char *name, const char *value)
{
    memory_grow(&signing->lines, &signing->line_capacity, signing->line_count + 1,
                sizeof *signing->lines);
    struct line *line = &signing->lines[signing->line_count];
    line->name = lower_case(name);
    line->value = one_line(value);
    line->order = signing->line_count++;
}

static int compare_lines(const void *a, const void *b)
{
    const struct line *x = a;
    const struct line *y = b;
    int names = strcmp(x->name, y->name);
    return names != 0 ? names : (x->order > y->order) - (x->order < y->order);
}

static bool sends_payload_header(const struct s3_sign_request *request)
{
    return !request->generic || request->payload_header;
}

static void collect_lines(struct signing *signing, bool by_header)
{
    const struct s3_sign_request *request = signing->request;
    const char *token = signing->credentials->session_token.text;
    add_line(signing, "host", request->host);
    if (by_header) {
        add_line(signing, "x-amz-date", signing->date);
        if (sends_payload_header(request))
            add_line(signing, "x-amz-content-sha256", request->payload);
        if (token != NULL && !request->token_unsigned)
            add_line(signing, "x-amz-security-token", token);
    }
    for (size_t i = 0; i < request->header_count; i++) {
        const struct s3_header *header = &request->headers[i];
        if (s3_sign_is_signable(header->name) && !is_made_here(header->name))
            add_line(signing, header->name, header->value);
    }
    qsort(signing->lines, signing->line_count, sizeof *signing->lines, compare_lines);
}

static bool repeats(const struct signing *signing, size_t index)
{
    return index > 0 &&
           strcmp(signing->lines[index].name, signing->lines[index - 1].name) == 0;
}

static void name_lines(struct signing *signing)
{
    for (size_t i = 0; i < signing->line_count; i++) {
        if (!repeats(signing, i))
            text_addf(&signing->names, "%s%s", i > 0 ? ";" : "", signing->lines[i].name);
    }
}

static void add_lines(const struct signing *signing, struct text *out)
{
    for (size_t i = 0; i < signing->line_count; i++) {
        const struct line *line = &signing->lines[i];
        if (repeats(signing, i)) {
            text_add_char(out, ',');
        } else {
            if (i > 0)
                text_add_char(out, '\n');
            text_add(out, line->name);
            text_add_char(out, ':');
        }
        text_add(out, line->value);
    }
    text_add_char(out, '\n');
}

/* ---- canonical path ---- */

static void drop_last_segment(struct text *path)
{
    while (path->length > 0 && path->data[path->length - 1] != '/')
        path->length--;
    if (path->length > 0)
        path->length--;
    path->data[path->length] = '\0';
}

/* Without ".", ".." and empty segments (RFC 3986, 5.2.4, and no double slashes). */
static void normalise_path(const char *path, struct text *out)
{
    bool folder = true; /* ends with a slash */
    while (*path != '\0') {
        path += strspn(path, "/");
        size_t length = strcspn(path, "/");
        folder = path[length] == '/' || length == 0;
        if (length == 1 && path[0] == '.') {
            folder = true;
        } else if (length == 2 && path[0] == '.' && path[1] == '.') {
            drop_last_segment(out);
            folder = true;
        } else if (length > 0) {
            text_add_char(out, '/');
            text_add_bytes(out, path, length);
        }
        path += length;
    }
    if (folder)
        text_add_char(out, '/');
}

static void add_path(const struct s3_sign_request *request, struct text *out)
{
    if (!request->generic) {
        s3_uri_encode_path(request->path, out);
        return;
    }
    if (request->keep_path) {
        text_add_percent(out, request->path, strlen(request->path), true);
        return;
    }
    struct text normal;
    text_init(&normal, CANONICAL_CEILING);
    normalise_path(request->path, &normal);
    text_add_percent(out, normal.data, normal.length, true);
    text_release(&normal);
}

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
    for (size_t i = 0; i < signing->line_count; i++) {
        memory_wipe(signing->lines[i].value, strlen(signing->lines[i].value));
        free(signing->lines[i].name);
        free(signing->lines[i].value);
    }
    free(signing->lines);
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
    add_path(signing->request, canonical);
    text_add_char(canonical, '\n');
    s3_query_text(query, canonical);
    text_add_char(canonical, '\n');
    add_lines(signing, canonical);
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
    if (sends_payload_header(request))
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
    if (check_credentials(credentials, err) < 0 || check_request(request, err) < 0)
        return -1;
    struct signing signing;
    signing_init(&signing, request, credentials, trace);
    collect_lines(&signing, true);
    name_lines(&signing);
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
    if (check_credentials(credentials, err) < 0 || check_request(request, err) < 0)
        return -1;
    struct signing signing;
    signing_init(&signing, request, credentials, trace);
    collect_lines(&signing, false);
    name_lines(&signing);
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
