/*
 * sign - AWS Signature Version 4, by header and as a presigned URL.
 *
 *     s3_signer_new once per client
 *     s3_sign -> send exactly these headers, nothing signed may change on the way
 *     s3_sign_query -> a query that carries the signature (s3_presign of s3.h builds on it)
 *     s3_signer_free
 *
 * Sign again for every attempt: the date is part of the signature, and a retry with an old
 * one is refused after 15 minutes. The caller gives the time (local clock plus the server's
 * offset).
 *
 * S3 differs from all other services (docs.aws.amazon.com, "Create a signed AWS API
 * request"): its path is encoded once and never normalised, and x-amz-content-sha256 must
 * be sent. Everything else, STS for one, is `generic`: dot segments and double slashes
 * removed, the wire path encoded again.
 *
 * Every function may be called from any thread. The signing key of the last call is kept
 * under a lock (it changes with day, region, service and secret) and wiped when it is
 * replaced or freed.
 */
#ifndef PGKEEP_S3_AUTH_SIGN_H
#define PGKEEP_S3_AUTH_SIGN_H

#include "base/err.h"
#include "base/text.h"
#include "s3/auth/keys.h"

#define S3_UNSIGNED_PAYLOAD "UNSIGNED-PAYLOAD"
#define S3_PRESIGN_MAX_SECONDS 604800
#define S3_DATE_SIZE 17      /* "20261121T020000Z" with NUL */
#define S3_SIGNATURE_SIZE 65 /* lower-case hex with NUL */

struct s3_header {
    const char *name;  /* any case */
    const char *value; /* may be folded over lines; no NUL, no bare CR or LF otherwise */
};

/* What was signed, for tests; holds the session token: release wipes. */
struct s3_sign_trace {
    struct text canonical_request;
    struct text string_to_sign;
    char signature[S3_SIGNATURE_SIZE];
};
void s3_sign_trace_init(struct s3_sign_trace *trace);
void s3_sign_trace_release(struct s3_sign_trace *trace);

/* A request as it goes over the wire. All strings are borrowed for the call. */
struct s3_sign_request {
    const struct s3_credentials *credentials;
    const char *method;
    const char *host; /* value of the Host header: no default port, IPv6 in brackets */
    /* begins with '/', with the endpoint's base path; S3: percent-encoded once */
    const char *path;
    const char *query; /* without '?'; any order, encoded or not; NULL or "": none */
    /* All headers worth signing. Left out even when given: those that proxies change or
     * that are not sent as given (user-agent, expect, accept-encoding, ...;
     * s3_sign_is_signable), and those the signer makes. */
    const struct s3_header *headers;
    size_t header_count;
    /* Last line of the canonical request: hex SHA-256 of the body, or UNSIGNED-PAYLOAD. */
    const char *payload;
    const char *region;
    const char *service; /* "s3", "sts" */
    int64_t time;        /* seconds UTC as the server sees it */
    bool generic;        /* not S3's rules but those of all other services */
    bool keep_path;      /* generic: path not normalised */
    /* generic: send x-amz-content-sha256 all the same; S3 always does */
    bool payload_header;
    /* session token added behind the signature (some services other than S3) */
    bool token_unsigned;
    struct s3_sign_trace *trace; /* NULL: not wanted; initialised, emptied first */
};

struct s3_signer;
struct s3_signer *s3_signer_new(void) MUST_USE;
void s3_signer_free(struct s3_signer *signer); /* NULL-safe, wipes */

/* Adds the lines "Host: ...", "X-Amz-Date: ...", "X-Amz-Content-Sha256: ...",
 * "X-Amz-Security-Token: ..." (with a token) and "Authorization: ..." to `lines`; the
 * caller sends its own headers beside them and ends the lines with strlist_wipe.
 * -1 and ERR_USAGE when the request cannot be signed (control characters, no '/' in front). */
int s3_sign(struct s3_signer *signer, const struct s3_sign_request *request,
            struct strlist *lines, struct err *err) MUST_USE;

/* Adds the whole query (the request's own, then X-Amz-..., X-Amz-Signature last) to
 * `query`. seconds is 1..S3_PRESIGN_MAX_SECONDS, else ERR_USAGE. Whoever uses the URL must
 * send the signed headers: with none given that is Host alone. It dies with the
 * credentials. */
int s3_sign_query(struct s3_signer *signer, const struct s3_sign_request *request,
                  int64_t seconds, struct text *query, struct err *err) MUST_USE;

/* False for the headers that are never signed. Any case. */
bool s3_sign_is_signable(const char *header_name);

#endif
