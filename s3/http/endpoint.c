/*
 * An endpoint comes from a configuration, a variable or a redirect, and credentials follow
 * it. So it is parsed strictly and compared as a host, never as a text.
 */
#include "s3/http/uri.h"

#include "base/memory.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <curl/curl.h>
#include <strings.h>

#define AMAZON ".amazonaws.com"
#define AMAZON_CHINA ".amazonaws.com.cn"

/* ---- host names ---- */

/* One label of a name in lower case (RFC 1123), with `extra` characters. */
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

/* libcurl has brought all forms of it to this one. */
static bool is_ipv4(const char *host)
{
    struct in_addr address;
    return inet_pton(AF_INET, host, &address) == 1;
}

/* ---- endpoints ---- */

/* "host", "host:port", "[v6]" or "[v6]:port" into host, ipv6 and port (0: none given). NULL,
 * or what is wrong with it. */
static const char *parse_authority(const char *text, size_t size, struct s3_endpoint *out)
{
    const char *wrong = "no valid host name or address (IPv6 as [::1])";
    char *url = memory_format("https://%.*s", (int)size, text);
    char *
        host = NULL,
       *port = NULL,
       *zone =
           NULL; /* libcurl takes it apart, as it will when a request is sent: what we check is where the
     * request goes, also for an address like 0177.1. "https://s3.amazonaws.com@evil.example"
     * leads to evil.example. */
    CURLU *parts = curl_url();
    CURLUcode code = curl_url_set(parts, CURLUPART_URL, url, CURLU_DISALLOW_USER);
    (void)curl_url_get(parts, CURLUPART_HOST, &host, 0);
    (void)curl_url_get(parts, CURLUPART_PORT, &port, 0);
    (void)curl_url_get(parts, CURLUPART_ZONEID, &zone, 0);
    /* Where libcurl is as lenient as a browser we are not: "https:///h", %XX in a name,
     * zones, and a port that is empty or 0. */
    bool whole = code == CURLUE_OK && host != NULL && size > 0 && zone == NULL &&
                 strcspn(url + strlen("https://"), "%/?#\\") == size;
    out->port = port == NULL ? 0 : (unsigned)strtoul(port, NULL, 10);
    if (code == CURLUE_USER_NOT_ALLOWED)
        wrong = "no user name or password may stand in it";
    else if (code == CURLUE_BAD_PORT_NUMBER ||
             (whole && (text[size - 1] == ':' || (port != NULL && out->port == 0))))
        wrong = "the port must be a number from 1 to 65535";
    else if (whole) {
        /* The shortest form of an address, which is also the one that is signed. A dot at the end
         * of a name is the root of all names; certificates and signatures do without. */
        size_t length = strlen(host);
        out->ipv6 = host[0] == '[' && host[length - 1] == ']';
        if (!out->ipv6 && length > 1 && host[length - 1] == '.')
            length--;
        out->host = out->ipv6 ? memory_strndup(host + 1, length - 2)
                              : text_lower(memory_strndup(host, length));
        if (out->ipv6 || is_host_name(out->host))
            wrong = NULL;
    }
    if (wrong != NULL)
        s3_endpoint_release(out);
    curl_free(host);
    curl_free(port);
    curl_free(zone);
    curl_url_cleanup(parts);
    free(url);
    return wrong;
}

/* Scheme, authority, path. What may not stand in it is refused and not repaired: whoever wrote a
 * blank or a '?' meant something else than we would make of it. */
int s3_endpoint_parse(const char *text, struct s3_endpoint *out, struct err *err)
{
    *out = (struct s3_endpoint){0};
    /* No message shows the text: a secret may stand in it. */
    if (text_has_control(text) || strchr(text, ' ') != NULL)
        return err_set(err, ERR_CONFIG,
                       "endpoint: no space or control character may stand in it");
    if (strpbrk(text, "?#") != NULL)
        return err_set(err, ERR_CONFIG, "endpoint: no '?' or '#' may stand in it");
    bool https = strncasecmp(text, "https://", 8) == 0;
    bool http = strncasecmp(text, "http://", 7) == 0;
    bool bare = !https && !http && strstr(text, "://") == NULL;
    if (!https && !http && !bare)
        return err_set(err, ERR_CONFIG, "endpoint: it must begin with https:// or http://");

    const char *authority = text + (https ? 8 : http ? 7 : 0);
    size_t size = strcspn(authority, "/");
    const char *wrong = parse_authority(authority, size, out);
    if (wrong != NULL)
        return err_set(err, ERR_CONFIG, "endpoint: %s", wrong);
    /* Not guessed: keys would go in the open, or nobody would answer. Here it is surely a host,
     * and may be shown. */
    if (bare) {
        s3_endpoint_release(out);
        err_set(err, ERR_CONFIG, "endpoint: it must begin with https:// or http://");
        return err_hint(err, "write \"https://%s\", or \"http://%s\" where it has no TLS",
                        text, text);
    }
    out->tls = https;
    if (out->port == 0)
        out->port = out->tls ? 443 : 80;

    /* In wire form, and without the slashes at its end. */
    struct text path;
    const char *base = authority + size;
    size_t length = strlen(base);
    while (length > 0 && base[length - 1] == '/')
        length--;
    char *cut = memory_strndup(base, length);
    text_init(&path, 3 * length);
    s3_uri_encode_path(cut, &path);
    out->base_path = text_finish(&path);
    free(cut);
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
        return err_set(err, ERR_CONFIG, "\"%.80s\" is not a region", region);
    out->tls = true;
    out->port = 443;
    out->base_path = memory_strdup("");
    out->host =
        memory_format("s3%s%s.%s%s", fips ? "-fips" : "", dualstack ? ".dualstack" : "",
                      region, text_starts_with(region, "cn-") ? AMAZON_CHINA : AMAZON);
    return 0;
}

void s3_endpoint_release(struct s3_endpoint *endpoint)
{
    free(endpoint->host);
    free(endpoint->base_path);
    *endpoint = (struct s3_endpoint){0};
}

bool s3_endpoint_is_aws(const struct s3_endpoint *endpoint)
{
    return text_ends_with(endpoint->host, AMAZON) ||
           text_ends_with(endpoint->host, AMAZON_CHINA);
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

/* What stands in front of it differs (bucket, "s3.", "dualstack."); the region is the last label
 * before the domain. */
char *s3_endpoint_region(const struct s3_endpoint *endpoint)
{
    const char *host = endpoint->host;
    const char *suffix = strstr(host, AMAZON);
    if (!s3_endpoint_is_aws(endpoint) || suffix == NULL)
        return NULL;
    /* The label in front of the domain; a private link has one more:
     * bucket.vpce-1a2b.s3.eu-west-1.vpce.amazonaws.com */
    size_t size = (size_t)(suffix - host);
    if (size > 5 && memcmp(host + size - 5, ".vpce", 5) == 0)
        size -= 5;
    size_t start = size;
    while (start > 0 && host[start - 1] != '.')
        start--;
    const char *label = host + start;
    size_t length = size - start;
    /* s3-eu-west-1: the old form. */
    if (length > 3 && memcmp(label, "s3-", 3) == 0) {
        label += 3;
        length -= 3;
    }
    bool external = length == 10 && memcmp(label, "external-1", 10) == 0;
    return !external && looks_like_region(label, length) ? memory_strndup(label, length)
                                                         : NULL;
}

/* Ways through the usual host of a region only; fips and dualstack stay what they are. */
bool s3_endpoint_set_region(struct s3_endpoint *endpoint, const char *region)
{
    struct s3_endpoint moved;
    struct err ignored = {0};
    /* Accelerated and private addresses are another thing than a host of the region. */
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

/* A redirect is an answer that anybody in between can give over plain http, and what follows it
 * is a signed request. */
bool s3_endpoint_may_follow(const struct s3_endpoint *endpoint, const char *host)
{
    struct s3_endpoint to = {0};
    bool follow = false;
    if (parse_authority(host, strlen(host), &to) != NULL)
        return false;
    size_t size = strlen(to.host), suffix = strlen(endpoint->host);
    if (strcmp(to.host, endpoint->host) == 0)
        follow = true;
    /* A bucket of it. Nothing is below an address. */
    else if (!endpoint->ipv6 && !is_ipv4(endpoint->host) && size > suffix + 1)
        follow =
            to.host[size - suffix - 1] == '.' && text_ends_with(to.host, endpoint->host);
    if (s3_endpoint_is_aws(endpoint) && s3_endpoint_is_aws(&to))
        follow = true;
    s3_endpoint_release(&to);
    return follow;
}

/* ---- style ---- */

/* Where the user asked for it. A wildcard certificate covers one label, so a bucket with a dot
 * goes by plain http only. */
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

/* A bucket in the host name needs a name that the certificate and the resolver know. */
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
