/*
 * uri - endpoints, addresses of buckets and objects, queries: everything in its wire form,
 * which is also the form that is signed.
 *
 *     once         s3_endpoint_parse (or s3_endpoint_aws) -> s3_endpoint_check_secure
 *                  -> s3_style_resolve
 *     per request  s3_uri_init -> host and path for s3_sign, s3_uri_text for curl
 *                  -> s3_uri_release
 *
 * Percent-encoding is that of SigV4: A-Z a-z 0-9 - . _ ~ stay, all other bytes become %XX
 * in upper case. Paths are never normalised: curl needs CURLOPT_PATH_AS_IS. No state; any
 * thread.
 */
#ifndef PGKEEP_S3_HTTP_URI_H
#define PGKEEP_S3_HTTP_URI_H

#include "base/err.h"
#include "base/text.h"
#include "s3/s3.h"

#include <sys/types.h>

/* ---- endpoints ---- */

struct s3_endpoint {
    bool tls;
    bool ipv6;       /* host is an IPv6 literal, kept without brackets */
    char *host;      /* lower case, no trailing dot */
    unsigned port;   /* always set: 443 or 80 by default */
    char *base_path; /* "" or "/storage/v1/s3": wire form, no '/' at the end */
};

/* http(s)://host[:port][/base]. ERR_CONFIG for user names, queries, fragments, bad ports and
 * hosts, and for one without a scheme (the hint shows it with one). On failure nothing needs
 * releasing. */
int s3_endpoint_parse(const char *text, struct s3_endpoint *out, struct err *err) MUST_USE;
/* Amazon's own endpoint of a region: s3[-fips][.dualstack].<region>.amazonaws.com[.cn]. */
int s3_endpoint_aws(const char *region, bool fips, bool dualstack, struct s3_endpoint *out,
                    struct err *err) MUST_USE;
void s3_endpoint_release(struct s3_endpoint *endpoint);
/* Below amazonaws.com or amazonaws.com.cn. */
bool s3_endpoint_is_aws(const struct s3_endpoint *endpoint);
/* localhost, *.localhost, 127.0.0.0/8, ::1. By name only, nothing is looked up. */
bool s3_endpoint_is_loopback(const struct s3_endpoint *endpoint);
/* Plain http leaves keys and data in the open: ERR_CONFIG unless loopback or allowed. */
int s3_endpoint_check_secure(const struct s3_endpoint *endpoint, bool allow_insecure,
                             struct err *err) MUST_USE;
/* After a redirect: an Amazon endpoint moves to that region's host (true); any other stays
 * as it is. */
bool s3_endpoint_set_region(struct s3_endpoint *endpoint, const char *region);
/* Region in an Amazon host name, heap; NULL when there is none (s3.amazonaws.com) or it is
 * not Amazon's. */
char *s3_endpoint_region(const struct s3_endpoint *endpoint) MUST_USE;
/* May a redirect lead to `host` (a Host value or bare name)? Only below the endpoint's own
 * host, or from Amazon to Amazon: credentials go no further. */
bool s3_endpoint_may_follow(const struct s3_endpoint *endpoint, const char *host);
bool s3_region_is_valid(const char *region); /* [a-z0-9-]{1,63} */

/* ---- addresses ---- */

/* Decides path or virtual-host style. AUTO: virtual for Amazon, unless the bucket's name is
 * no single DNS label (a dot breaks the wildcard certificate); path elsewhere. VIRTUAL with
 * an IP address or such a bucket over TLS is ERR_CONFIG. */
int s3_style_resolve(const struct s3_endpoint *endpoint, enum s3_style style,
                     const char *bucket, bool *virtual_host, struct err *err) MUST_USE;

struct s3_uri {
    char *origin; /* "https://host[:port]", for the URL */
    /* value of the Host header: lower case, default port left out, IPv6 in brackets */
    char *host;
    char *path; /* base path + [/bucket] + /key, encoded once; never empty */
};
/* bucket NULL: the service itself (list of buckets). key NULL: the bucket itself. */
void s3_uri_init(struct s3_uri *uri, const struct s3_endpoint *endpoint, bool virtual_host,
                 const char *bucket, const char *key);
void s3_uri_release(struct s3_uri *uri);
/* Whole URL; query without '?', NULL or "" for none. Heap. */
char *s3_uri_text(const struct s3_uri *uri, const char *query) MUST_USE;

/* ---- queries ---- */

/* Name and value pairs; zeroed it is empty. */
struct s3_query {
    struct s3_query_pair *pairs;
    size_t count;
    size_t capacity;
};

void s3_query_release(struct s3_query *query);
/* Copies both; a NULL value is "". */
void s3_query_add(struct s3_query *query, const char *name, const char *value);
void s3_query_addf(struct s3_query *query, const char *name, const char *format, ...)
    PRINTF(3, 4);
/* Adds the pairs of a query as sent: split at '&' and the first '=', %XX decoded, '+' is a
 * plus sign. */
void s3_query_add_text(struct s3_query *query, const char *text);
/* Adds "a=1&b=" to out: encoded, then sorted by name and value as bytes; a pair without
 * value keeps its '='. This is the canonical query of SigV4. Puts the pairs in that order. */
void s3_query_text(struct s3_query *query, struct text *out);

/* ---- percent-encoding ---- */

/* A path in wire form from one that may hold raw bytes: %XX sequences stay, upper-cased and
 * only where needed, all else is encoded; '/' stays. */
void s3_uri_encode_path(const char *path, struct text *out);

#endif
