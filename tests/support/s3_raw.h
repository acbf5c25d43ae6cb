/*
 * s3_raw - one S3 request exactly as the caller wrote it: signed by s3/sign.h, sent once by
 * plain libcurl, nothing repeated, corrected or judged.
 *
 * For what a real service answers; s3_ask does the same for the scripted one, with a signer
 * of its own. s3_global_init comes first. Any thread.
 */
#ifndef PGKEEP_TESTS_S3_RAW_H
#define PGKEEP_TESTS_S3_RAW_H

#include "base/err.h"
#include "base/text.h"

/* Where requests go and with whose keys. Borrowed strings. */
struct s3_raw_service {
    const char *endpoint;
    const char *region;
    const char *access_key;
    const char *secret_key;
    const char *ca_file; /* PEM; NULL: the system's */
    bool virtual_host;
};

#define S3_RAW_HEADERS 6

/* What is NULL or 0 has the usual value. */
struct s3_raw {
    const char *method;
    const char *bucket;
    const char *key;                     /* as it is, not encoded */
    const char *query;                   /* encoded: "partNumber=1&uploadId=x" */
    const char *headers[S3_RAW_HEADERS]; /* "name: value", signed */
    const void *body;
    size_t size;
    const char *payload; /* x-amz-content-sha256; NULL: the body's SHA-256 */
    const char *access_key, *secret_key, *region; /* other than the service's */
    int64_t clock_offset_s;
};

struct s3_raw_reply {
    int status;    /* 0: no answer; then body says why */
    char code[64]; /* of an <Error>, "" without */
    struct text headers;
    struct text body;
};

void s3_raw_ask(const struct s3_raw_service *service, const struct s3_raw *raw,
                struct s3_raw_reply *reply);
void s3_raw_release(struct s3_raw_reply *reply);
/* GET of a whole URL without any signature of ours. */
void s3_raw_get(const struct s3_raw_service *service, const char *url,
                struct s3_raw_reply *reply);
/* Text between <name> and </name>, heap; NULL when it is not there. */
char *s3_raw_element(const struct s3_raw_reply *reply, const char *name) MUST_USE;
/* Value of a header, heap; NULL when it is not there. Lower-case name. */
char *s3_raw_header(const struct s3_raw_reply *reply, const char *name) MUST_USE;
/* "200" or "404 NoSuchUpload". */
void s3_raw_words(const struct s3_raw_reply *reply, struct text *out);
/* The head of the request as it goes over the wire, with the blank line, for those who hold
 * a connection open themselves. Heap. */
char *s3_raw_head(const struct s3_raw_service *service, const struct s3_raw *raw) MUST_USE;

#endif
