/*
 * Every byte that is signed must be sent so, and every byte sent must be what was meant: so
 * what could break a line in two is refused here, and what hops on the way rewrite is not
 * signed.
 */
#include "s3/auth/sign_canonical.h"

#include "base/memory.h"
#include "s3/http/uri.h"

#include <strings.h>

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

/* The signer makes these itself; the caller's would be sent twice, and one of them be signed. */
static const char *const made_here[] = {
    "host",
    "x-amz-date",
    "x-amz-content-sha256",
    "x-amz-security-token",
};

bool s3_sign_is_signable(const char *header_name)
{
    /* A name that ends with '-' stands for all that begin so. */
    for (size_t i = 0; i < sizeof never_signed / sizeof *never_signed; i++) {
        const char *name = never_signed[i];
        bool prefix = text_ends_with(name, "-");
        if (prefix ? strncasecmp(header_name, name, strlen(name)) == 0
                   : strcasecmp(header_name, name) == 0)
            return false;
    }
    return true;
}

/* ---- what cannot be signed ---- */

/* `spaces`: they may stand in it. */
static int check_plain(const char *string, const char *what, bool spaces, struct err *err)
{
    if (string == NULL || *string == '\0')
        return err_set(err, ERR_USAGE, "cannot sign: no %s", what);
    if (text_has_control(string) || (!spaces && strchr(string, ' ') != NULL))
        return err_set(err, ERR_USAGE, "cannot sign: %s holds a %s", what,
                       spaces ? "control character" : "control character or space");
    return 0;
}

/* A token of RFC 9110, 5.6.2, and a value on one line, or folded (5.5: a line break that
 * white space follows is part of the value). */
static int check_header(const struct s3_header *header, struct err *err)
{
    static const char token[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    if (*header->name == '\0' || header->name[strspn(header->name, token)] != '\0')
        return err_set(err, ERR_USAGE, "cannot sign: bad name of a header");
    for (const char *p = header->value; *p != '\0'; p++) {
        size_t end = p[0] == '\r' && p[1] == '\n' ? 2 : p[0] == '\n' ? 1 : 0;
        if (end > 0 && (p[end] == ' ' || p[end] == '\t'))
            p += end;
        else if (((unsigned char)*p < 0x20 && *p != '\t') || *p == 0x7F)
            return err_set(err, ERR_USAGE,
                           "cannot sign: header %s holds a control character",
                           header->name);
    }
    return 0;
}

/* All that becomes a line of the request, or a part of one. The path may hold blanks: they are
 * encoded. A secret is checked for what would show that it was cut or pasted wrong. */
int s3_canonical_check(const struct s3_sign_request *request, struct err *err)
{
    const struct s3_credentials *credentials = request->credentials;
    const char *token = credentials->session_token.text;
    if (check_plain(credentials->access_key, "access key", false, err) < 0 ||
        check_plain(credentials->secret_key.text, "secret key", true, err) < 0 ||
        (token != NULL && check_plain(token, "session token", false, err) < 0) ||
        check_plain(request->method, "method", false, err) < 0 ||
        check_plain(request->host, "host", false, err) < 0 ||
        check_plain(request->path, "path", true, err) < 0 ||
        check_plain(request->payload, "payload hash", false, err) < 0 ||
        check_plain(request->region, "region", false, err) < 0 ||
        check_plain(request->service, "service", false, err) < 0)
        return -1;
    /* What is signed would not be what is sent. */
    if (request->path[0] != '/')
        return err_set(err, ERR_USAGE, "cannot sign: the path does not begin with '/'");
    if (request->query != NULL && text_has_control(request->query))
        return err_set(err, ERR_USAGE, "cannot sign: query holds a control character");
    for (size_t i = 0; i < request->header_count; i++)
        if (check_header(&request->headers[i], err) < 0)
            return -1;
    return 0;
}

/* ---- canonical headers ---- */

/* One header as it is signed. */
static void add_line(struct s3_canonical *canonical, const char *name, const char *value)
{
    struct s3_canonical_line *line = memory_append(&canonical->lines, &canonical->count,
                                                   &canonical->capacity, sizeof *line);
    line->name = text_lower(memory_strdup(name));
    line->order = canonical->count;
    /* Trimmed, and every run of white space (folds too) one space. */
    char *out = line->value = memory_alloc(strlen(value) + 1);
    bool gap = false;
    for (; *value != '\0'; value++) {
        if (strchr(" \t\r\n", *value) != NULL) {
            gap = out > line->value;
            continue;
        }
        if (gap)
            *out++ = ' ';
        gap = false;
        *out++ = *value;
    }
    *out = '\0';
}

/* By name; several of one name stay in order. */
static int compare_lines(const void *a, const void *b)
{
    const struct s3_canonical_line *x = a;
    const struct s3_canonical_line *y = b;
    int names = strcmp(x->name, y->name);
    return names != 0 ? names : (x->order > y->order) - (x->order < y->order);
}

bool s3_canonical_sends_payload(const struct s3_sign_request *request)
{
    return !request->generic || request->payload_header;
}

void s3_canonical_init(struct s3_canonical *canonical,
                       const struct s3_sign_request *request, const char *date)
{
    const char *token = request->credentials->session_token.text;
    /* Ours first: they have to be there whatever the caller gave. */
    *canonical = (struct s3_canonical){0};
    add_line(canonical, "host", request->host);
    if (date != NULL) {
        add_line(canonical, "x-amz-date", date);
        if (s3_canonical_sends_payload(request))
            add_line(canonical, "x-amz-content-sha256", request->payload);
        if (token != NULL && !request->token_unsigned)
            add_line(canonical, "x-amz-security-token", token);
    }
    /* The caller's, without those that we make and those that change on the way. */
    for (size_t i = 0; i < request->header_count; i++) {
        const struct s3_header *header = &request->headers[i];
        bool ours = false;
        for (size_t k = 0; k < sizeof made_here / sizeof *made_here; k++)
            ours = ours || strcasecmp(header->name, made_here[k]) == 0;
        if (!ours && s3_sign_is_signable(header->name))
            add_line(canonical, header->name, header->value);
    }
    /* In lower case and by name, whatever the order on the wire. */
    qsort(canonical->lines, canonical->count, sizeof *canonical->lines, compare_lines);
}

void s3_canonical_release(struct s3_canonical *canonical)
{
    for (size_t i = 0; i < canonical->count; i++) {
        memory_wipe(canonical->lines[i].value, strlen(canonical->lines[i].value));
        free(canonical->lines[i].name);
        free(canonical->lines[i].value);
    }
    free(canonical->lines);
    *canonical = (struct s3_canonical){0};
}

/* A header sent twice is one line, its values joined by commas. */
static bool repeats(const struct s3_canonical *canonical, size_t index)
{
    return index > 0 &&
           strcmp(canonical->lines[index].name, canonical->lines[index - 1].name) == 0;
}

/* Which headers the signature covers; the service looks for exactly these. */
void s3_canonical_names(const struct s3_canonical *canonical, struct text *out)
{
    for (size_t i = 0; i < canonical->count; i++) {
        if (!repeats(canonical, i))
            text_addf(out, "%s%s", i > 0 ? ";" : "", canonical->lines[i].name);
    }
}

/* The last line ends with a line feed of its own, as the empty one behind it belongs to the
 * canonical request. */
void s3_canonical_headers(const struct s3_canonical *canonical, struct text *out)
{
    for (size_t i = 0; i < canonical->count; i++) {
        const struct s3_canonical_line *line = &canonical->lines[i];
        if (repeats(canonical, i)) {
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
            /* The segment before goes too; above the root there is nothing. */
            const char *slash = strrchr(out->data, '/');
            out->length = slash == NULL ? 0 : (size_t)(slash - out->data);
            out->data[out->length] = '\0';
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

/* S3's is the wire form itself; all others normalise (if not told otherwise) and encode anew. */
void s3_canonical_path(const struct s3_sign_request *request, struct text *out)
{
    if (!request->generic) {
        s3_uri_encode_path(request->path, out);
        return;
    }
    /* Encoded twice: the wire form once more. */
    if (request->keep_path) {
        text_add_percent(out, request->path, strlen(request->path), true);
        return;
    }
    struct text normal;
    text_init(&normal, strlen(request->path) + 1);
    normalise_path(request->path, &normal);
    text_add_percent(out, normal.data, normal.length, true);
    text_release(&normal);
}
