/*
 * An endpoint comes from a configuration, a variable or a redirect, and credentials follow
 * it. So it is parsed strictly and compared as a host, never as a text.
 */
#include "s3/http/uri.h"

#include "base/memory.h"
#include "base/parse.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <strings.h>

#define AMAZON ".amazonaws.com"
#define AMAZON_CHINA ".amazonaws.com.cn"

/* ---- host names ---- */

static bool is_label(const char *label, size_t size, const char *extra)
{
    if (size == 0 || size > 63)
        return false;
    for (size_t i = 0; i < size; i++) {
        char c = label[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || strchr(extra, c) != NULL))
            return false;
    }
    return label[0] != '-' && label[size - 1] != '-';
}

/* Labels joined by dots, lower case. An underscore is no host name, but names of containers
 * have them and resolvers take them. */
static bool is_host_name(const char *host)
{
    if (strlen(host) > 253)
        return false;
    for (;;) {
        size_t size = strcspn(host, ".");
        if (!is_label(host, size, "-_"))
            return false;
        if (host[size] == '\0')
            return true;
        host += size + 1;
    }
}

static bool is_ipv4(const char *host)
{
    struct in_addr address;
    return inet_pton(AF_INET, host, &address) == 1;
}

/* "host", "host:port", "[v6]", "[v6]:port" of `size` bytes. */
struct authority {
    char *host; /* heap, lower case, without brackets and trailing dot */
    bool ipv6;
    unsigned port; /* 0: none given */
};

static int bad_host(struct authority *out, struct err *err, const char *why)
{
    free(out->host);
    *out = (struct authority){0};
    err_set(err, ERR_CONFIG, "endpoint: %s", why);
    return -1;
}

/* The host part; returns what follows it. NULL: no valid host. */
static const char *parse_host(const char *text, const char *end, struct authority *out)
{
    if (*text == '[') {
        const char *close = memchr(text, ']', (size_t)(end - text));
        if (close == NULL)
            return NULL;
        char *literal = memory_strndup(text + 1, (size_t)(close - text - 1));
        struct in6_addr address;
        char shortest[INET6_ADDRSTRLEN];
        out->ipv6 = inet_pton(AF_INET6, literal, &address) == 1 &&
                    inet_ntop(AF_INET6, &address, shortest, sizeof shortest) != NULL;
        free(literal);
        if (!out->ipv6)
            return NULL;
        out->host = memory_strndup(shortest, sizeof shortest);
        return close + 1;
    }
    const char *colon = memchr(text, ':', (size_t)(end - text));
    const char *stop = colon == NULL ? end : colon;
    size_t size = (size_t)(stop - text);
    if (size > 1 && text[size - 1] == '.')
        size--;
    out->host = text_lower(memory_strndup(text, size));
    return is_host_name(out->host) ? stop : NULL;
}

static int parse_port(const char *text, size_t size, unsigned *port)
{
    char digits[6] = "";
    if (size == 0 || size >= sizeof digits)
        return -1;
    memcpy(digits, text, size);
    if (digits[strspn(digits, "0123456789")] != '\0')
        return -1;
    unsigned long value = strtoul(digits, NULL, 10);
    *port = (unsigned)value;
    return value >= 1 && value <= 65535 ? 0 : -1;
}

static int parse_authority(const char *text, size_t size, struct authority *out,
                           struct err *err)
{
    *out = (struct authority){0};
    const char *end = text + size;
    /* "https://s3.amazonaws.com@evil.example" leads to evil.example. */
    if (memchr(text, '@', size) != NULL)
        return bad_host(out, err, "no user name or password may stand in it");
    const char *rest = parse_host(text, end, out);
    if (rest == NULL)
        return bad_host(out, err, "no valid host name or address (IPv6 as [::1])");
    if (rest == end)
        return 0;
    if (*rest != ':' || parse_port(rest + 1, (size_t)(end - rest - 1), &out->port) < 0)
        return bad_host(out, err, "the port must be a number from 1 to 65535");
    return 0;
}

/* ---- endpoints ---- */

static const struct {
    const char *text;
    bool tls;
} schemes[] = {{"https://", true}, {"http://", false}};

/* Returns what follows the scheme, NULL for one we do not speak. */
static const char *parse_scheme(const char *text, bool *given, bool *tls)
{
    *given = true;
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        size_t size = strlen(schemes[i].text);
        if (strncasecmp(text, schemes[i].text, size) == 0) {
            *tls = schemes[i].tls;
            return text + size;
        }
    }
    *given = false;
    *tls = true;
    return strstr(text, "://") == NULL ? text : NULL;
}

static int check_characters(const char *text, struct err *err)
{
    for (const char *p = text; *p != '\0'; p++) {
        if ((unsigned char)*p <= 0x20 || *p == 0x7F)
            return err_set(err, ERR_CONFIG,
                           "endpoint: no space or control character may stand in it");
        if (*p == '?' || *p == '#')
            return err_set(err, ERR_CONFIG, "endpoint: no '?' or '#' may stand in it");
    }
    return 0;
}

static char *wire_path(const char *path)
{
    size_t size = strlen(path);
    while (size > 0 && path[size - 1] == '/')
        size--;
    char *cut = memory_strndup(path, size);
    struct text wire;
    text_init(&wire, 3 * size);
    s3_uri_encode_path(cut, &wire);
    free(cut);
    char *taken = text_take(&wire);
    text_release(&wire);
    return taken;
}

int s3_endpoint_parse(const char *text, struct s3_endpoint *out, struct err *err)
{
    bool given, tls;
    struct authority authority;
    *out = (struct s3_endpoint){0};
    if (check_characters(text, err) < 0)
        return -1;
    const char *start = parse_scheme(text, &given, &tls);
    if (start == NULL)
        return err_set(err, ERR_CONFIG, "endpoint: it must begin with https:// or http://");
    size_t size = strcspn(start, "/");
    if (parse_authority(start, size, &authority, err) < 0)
        return -1;
    *out = (struct s3_endpoint){.tls = tls,
                                .host = authority.host,
                                .ipv6 = authority.ipv6,
                                .port = authority.port,
                                .base_path = wire_path(start + size)};
    if (!given)
        out->tls = !s3_endpoint_is_loopback(out);
    if (out->port == 0)
        out->port = out->tls ? 443 : 80;
    return 0;
}

bool s3_region_is_valid(const char *region)
{
    size_t size = strlen(region);
    return size >= 1 && size <= 63 &&
           strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789-") == size;
}

int s3_endpoint_aws(const char *region, bool fips, bool dualstack, struct s3_endpoint *out,
                    struct err *err)
{
    *out = (struct s3_endpoint){0};
    if (!s3_region_is_valid(region) || !is_label(region, strlen(region), "-"))
        return err_set(err, ERR_CONFIG, "\"%.80s\" is no region", region);
    out->tls = true;
    out->port = 443;
    out->base_path = memory_strdup("");
    out->host =
        memory_format("s3%s%s.%s%s", fips ? "-fips" : "", dualstack ? ".dualstack" : "",
                      region, text_starts_with(region, "cn-") ? AMAZON_CHINA : AMAZON);
    return 0;
}

void s3_endpoint_copy(const struct s3_endpoint *from, struct s3_endpoint *out)
{
    *out = *from;
    out->host = memory_strdup(from->host);
    out->base_path = memory_strdup(from->base_path);
}

void s3_endpoint_release(struct s3_endpoint *endpoint)
{
    free(endpoint->host);
    free(endpoint->base_path);
    *endpoint = (struct s3_endpoint){0};
}

static bool is_amazon(const char *host)
{
    return text_ends_with(host, AMAZON) || text_ends_with(host, AMAZON_CHINA);
}

bool s3_endpoint_is_aws(const struct s3_endpoint *endpoint)
{
    return is_amazon(endpoint->host);
}

bool s3_endpoint_is_loopback(const struct s3_endpoint *endpoint)
{
    if (endpoint->ipv6)
        return strcmp(endpoint->host, "::1") == 0;
    if (is_ipv4(endpoint->host))
        return text_starts_with(endpoint->host, "127.");
    return strcmp(endpoint->host, "localhost") == 0 ||
           text_ends_with(endpoint->host, ".localhost");
}

int s3_endpoint_check_secure(const struct s3_endpoint *endpoint, bool allow_insecure,
                             struct err *err)
{
    if (endpoint->tls || allow_insecure || s3_endpoint_is_loopback(endpoint))
        return 0;
    err_set(err, ERR_CONFIG, "endpoint \"http://%s\" is not encrypted", endpoint->host);
    return err_hint(err,
                    "use https://, or set allow_insecure = true in a network you trust");
}

/* us-east-1, ap-southeast-2, us-gov-west-1, us-isob-east-1: words, then a number. */
static bool looks_like_region(const char *label, size_t size)
{
    return is_label(label, size, "-") && memchr(label, '-', size) != NULL &&
           isdigit((unsigned char)label[size - 1]) && islower((unsigned char)label[0]);
}

char *s3_endpoint_region(const struct s3_endpoint *endpoint)
{
    const char *suffix = strstr(endpoint->host, AMAZON);
    if (!s3_endpoint_is_aws(endpoint) || suffix == NULL)
        return NULL;
    size_t size = (size_t)(suffix - endpoint->host);
    const char *host = endpoint->host;
    if (size > 5 && memcmp(host + size - 5, ".vpce", 5) == 0)
        size -= 5; /* bucket.vpce-1a2b.s3.eu-west-1.vpce.amazonaws.com */
    size_t start = size;
    while (start > 0 && host[start - 1] != '.')
        start--;
    const char *label = host + start;
    size_t length = size - start;
    if (length > 3 && memcmp(label, "s3-", 3) == 0) { /* s3-eu-west-1: the old form */
        label += 3;
        length -= 3;
    }
    bool external = length == 10 && memcmp(label, "external-1", 10) == 0;
    return !external && looks_like_region(label, length) ? memory_strndup(label, length)
                                                         : NULL;
}

bool s3_endpoint_set_region(struct s3_endpoint *endpoint, const char *region)
{
    struct s3_endpoint moved;
    struct err ignored = {0};
    bool fips = text_starts_with(endpoint->host, "s3-fips.");
    bool plain = text_starts_with(endpoint->host, "s3.") ||
                 (text_starts_with(endpoint->host, "s3-") &&
                  !text_starts_with(endpoint->host, "s3-accelerate."));
    /* An address of a private link (vpce) leads to one region only. */
    if (!s3_endpoint_is_aws(endpoint) || !plain ||
        s3_endpoint_aws(region, fips, strstr(endpoint->host, ".dualstack.") != NULL, &moved,
                        &ignored) < 0)
        return false;
    free(endpoint->host);
    endpoint->host = moved.host;
    free(moved.base_path);
    return true;
}

bool s3_endpoint_may_follow(const struct s3_endpoint *endpoint, const char *host)
{
    struct authority to;
    struct err ignored = {0};
    if (parse_authority(host, strlen(host), &to, &ignored) < 0)
        return false;
    bool same = strcmp(to.host, endpoint->host) == 0;
    size_t size = strlen(to.host);
    size_t own = strlen(endpoint->host);
    bool below = !endpoint->ipv6 && !is_ipv4(endpoint->host) && size > own + 1 &&
                 to.host[size - own - 1] == '.' &&
                 strcmp(to.host + size - own, endpoint->host) == 0;
    bool amazon = s3_endpoint_is_aws(endpoint) && !to.ipv6 && is_amazon(to.host);
    free(to.host);
    return same || below || amazon;
}

/* ---- style ---- */

static int check_virtual(const struct s3_endpoint *endpoint, const char *bucket,
                         struct err *err)
{
    if (endpoint->ipv6 || is_ipv4(endpoint->host)) {
        err_set(
            err, ERR_CONFIG,
            "style \"virtual\" needs a host name, and the endpoint \"%s\" is an address",
            endpoint->host);
        return err_hint(err, "set style = \"path\"");
    }
    bool label = is_label(bucket, strlen(bucket), "-");
    if (label || (!endpoint->tls && is_host_name(bucket) && strchr(bucket, '_') == NULL))
        return 0;
    err_set(err, ERR_CONFIG,
            "bucket \"%s\" cannot stand in a host name, as style \"virtual\" wants",
            bucket);
    return err_hint(err, "set style = \"path\"");
}

int s3_style_resolve(const struct s3_endpoint *endpoint, enum s3_style style,
                     const char *bucket, bool *virtual_host, struct err *err)
{
    *virtual_host = false;
    switch (style) {
    case S3_STYLE_PATH:
        return 0;
    case S3_STYLE_AUTO:
        *virtual_host =
            s3_endpoint_is_aws(endpoint) && is_label(bucket, strlen(bucket), "-");
        return 0;
    case S3_STYLE_VIRTUAL:
        *virtual_host = true;
        return check_virtual(endpoint, bucket, err);
    }
    return err_set(err, ERR_CONFIG, "unknown style");
}
