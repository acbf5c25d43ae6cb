/*
 * request - one request of the S3 protocol from its first attempt to its last.
 *
 *     s3_request_init -> s3_query_add(&request.query, ...), s3_request_header, body, sink, rules
 *     -> s3_request_run, or s3_request_submit ... s3_request_wait (or on_done)
 *     -> read request.answer
 *     -> s3_request_release
 *
 * Every attempt is signed anew, by the engine thread of the client. The engine repeats
 * until the answer is final or the time budget is used up:
 *
 *     transport failures         on a fresh connection
 *     5xx, conflicts (409)
 *     throttling                 and halves what may be in flight
 *     clock skew                 signs with the server's time
 *     expired credentials        fetches new ones
 *     a wrong region             finds the right one
 *     a body that did not arrive as it was sent (BadDigest, or `expect_etag` is not met)
 *                                once the body was hashed again
 *     an <Error> inside a 200
 *
 * A body is memory, so each attempt begins it at byte 0; a ranged answer goes on where the last
 * attempt was cut.
 *
 * Repeating is safe for everything but the ones that create: for these answer.uncertain
 * tells that an earlier attempt may have been carried out, so that a 404 NoSuchUpload or a
 * 412 that came later may be the echo of a success (S3.md 1.7). Attempts of one request
 * never overlap, and the connection of a failed one is closed before the next begins.
 */
#ifndef PGKEEP_S3_CORE_REQUEST_H
#define PGKEEP_S3_CORE_REQUEST_H

#include "base/digest.h"
#include "s3/http/uri.h"
#include "s3/s3.h"

enum { S3_ACCEPT_MAX = 4 };

/* What the last attempt brought. Header values that were not sent (or are too long to be
 * true) are "" or 0. Of a request that failed it says why, too. */
struct s3_answer {
    int status;        /* HTTP; 0: no answer */
    char code[64];     /* S3's <Code>; "" without one */
    char message[256]; /* S3's <Message> */
    char request_id[128];
    char server[64]; /* Server */
    bool uncertain;  /* an attempt ended without a clear answer after it may have arrived */
    unsigned tries;
    int64_t elapsed_ms; /* from the start of the first attempt */

    uint64_t received; /* body bytes in `out` or `buffer` */
    int64_t date;      /* seconds UTC; Date */
    int64_t modified;  /* Last-Modified */
    bool has_length;
    uint64_t length; /* Content-Length: the object's size after HEAD */
    bool has_range;
    uint64_t range_first, range_last, range_total; /* Content-Range */
    char etag[256];                                /* with its quotes */
    char version_id[1025];
    bool delete_marker;
    char token[128]; /* x-amz-meta-pgkeep-token */
    char storage_class[64];
    char encryption[32];  /* x-amz-server-side-encryption */
    int64_t retain_until; /* x-amz-object-lock-retain-until-date */
    bool legal_hold;
    char checksum_crc64nvme[32]; /* base64 */
    char checksum_type[32];
    char bucket_region[64];   /* also from the <Error> */
    char location[1200];      /* of a redirect */
    char retry_after[48];     /* Retry-After */
    uint64_t amz_retry_after; /* x-amz-retry-after, ms */
};

struct s3_task; /* the engine's part of a request */

/* Strings of the caller (method, content_type, ...) and the body live until it is done. */
struct s3_request {
    const char *method; /* "GET" "HEAD" "PUT" "POST" "DELETE" */
    char *key;          /* owned copy, relative to the client's prefix; NULL: the bucket */
    struct s3_query query;  /* subresource and parameters */
    struct strlist headers; /* "Name: value", all signed; s3_request_header adds */
    char name[64]; /* noun for errors ("part 7"), by s3_request_name; "": method and key */

    /* Body of PUT and POST. Content-Length always; Content-MD5 (but see no_md5), and the
     * payload's SHA-256 where the client signs it. They are computed in s3_request_submit, on
     * the caller's thread, unless `digests` knows them already. */
    const void *body;
    size_t body_size;
    struct part
        *part; /* whose data the body is: digests are taken from it. NULL: nobody's */
    /* After submit. Without MD5 (FIPS) no Content-MD5 is sent: then the SHA-256 is always
     * signed. */
    struct digests digests;
    /* A large body whose SHA-256 is signed goes over plain http without an MD5: the service
     * holds it against what is signed (S3.md 1.2). Kept over TLS, for services that are not known
     * to check it (provider.h), with object lock, and once a service has asked for it. */
    bool no_md5;
    bool crc64; /* sends x-amz-checksum-crc64nvme */
    /* A 2xx must bring an ETag, the body's where that can be compared, and of a CRC-64 that
     * comes with it the same. What did not arrive whole is sent again a few times, then it is
     * ERR_CORRUPT; where answers come without an ETag one after the other, ERR_STORE. */
    bool expect_etag;

    /* Where the body of a 2xx answer goes: one of these, or nowhere. */
    struct text *out; /* appended, anew by each attempt; beyond its ceiling: ERR_STORE */
    void *buffer;     /* with `ranged`: last - first + 1 bytes */
    /* Sends Range: bytes=first-last and demands 206 with that Content-Range (its end may be
     * the object's) and exactly so many bytes. What is cut is asked for from there on. */
    bool ranged;
    uint64_t first, last;

    /* Statuses beside 2xx that are normal answers here (404, 412, 416). One is an answer
     * only when another attempt would not help; NoSuchBucket never is. */
    int accept[S3_ACCEPT_MAX];
    /* Root element that a 2xx body must have; needs `out`. Otherwise an <Error> is
     * classified by its Code; anything else is no clear answer (uncertain) and repeated a
     * few times. */
    const char *root;
    /* 0: the client's. A running attempt is not cut off while a large body flows. */
    int64_t retry_time_ms;
    bool no_retry;         /* one attempt */
    bool optional_headers; /* after a 501, goes without conditions and checksums */
    bool long_running;     /* the service may think for 15 minutes (Complete) */

    /* hex SHA-256 to claim instead of the body's (a probe sends a wrong one); NULL: the
     * right one */
    const char *payload;

    const void *group; /* for s3_requests_cancel; NULL: none */
    /* When set: called once on the engine thread when the request is done, and the last
     * thing done with it (it may release and free the request, and submit others). It must
     * not block, and must not wait for other requests. err holds the failure, kind ERR_NONE
     * after success. */
    void (*on_done)(void *context, struct s3_request *request, const struct err *err);
    void *context;

    struct s3_answer answer; /* stable once done */
    struct s3_task *task;    /* private */
};

/* Zeroes and copies the key; then fill in the rest. Literals for method. */
void s3_request_init(struct s3_request *request, const char *method, const char *key);
void s3_request_name(struct s3_request *request, const char *format, ...) PRINTF(2, 3);
void s3_request_header(struct s3_request *request, const char *name, const char *format,
                       ...) PRINTF(3, 4);
/* Whether a header line begins so, "name:". After a 501 some may be gone (optional_headers). */
bool s3_request_has(const struct s3_request *request, const char *start);
/* Takes those away that begin with one of `count` starts. Not while it is submitted. */
void s3_request_drop(struct s3_request *request, const char *const starts[], size_t count);
/* Not while it is submitted. */
void s3_request_release(struct s3_request *request);

/* Runs it to the end. 0 when the answer is 2xx or accepted. */
int s3_request_run(struct s3_client *client, struct s3_request *request,
                   struct err *err) MUST_USE;

/* Hands it to the engine and returns (after hashing the body). Requests start in the order
 * of submission, as many at a time as the client's window allows. Any thread, also on_done. */
void s3_request_submit(struct s3_client *client, struct s3_request *request);
/* Waits until it is done (without on_done only; once). 0 or -1 as s3_request_run. */
int s3_request_wait(struct s3_client *client, struct s3_request *request,
                    struct err *err) MUST_USE;
/* Ends all requests of a group, queued and running, with ERR_CANCELLED, and returns when
 * the last on_done of the group has returned. Not from on_done. */
void s3_requests_cancel(struct s3_client *client, const void *group);
/* The error that an accepted answer would have been, had it not been accepted. Returns -1. */
int s3_request_fail(const struct s3_client *client, const struct s3_request *request,
                    struct err *err);

/* After a success with expect_etag: the answer has the MD5 of the body as its ETag. */
bool s3_request_etag_is_md5(const struct s3_request *request);

/* As in x-amz-checksum-crc64nvme: base64 of eight bytes, highest first. Returns out. */
#define S3_CRC64_BASE64 13
char *s3_crc64_base64(uint64_t crc, char out[S3_CRC64_BASE64]);
/* False when it is not that. */
bool s3_crc64_from_base64(const char *text, uint64_t *out);

#endif
