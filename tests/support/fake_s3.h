/*
 * fake_s3 - an S3 service inside the test program, with real state and a script of faults.
 *
 *     struct fake_s3_settings settings = fake_s3_defaults();
 *     struct fake_s3 *fake = fake_s3_new(&settings, &err);
 *     struct fake_fault fault = {.op = "UploadPart", .nth = 2, .action = FAKE_RESET};
 *     fake_s3_fault(fake, &fault);
 *     ... the client talks to fake_s3_endpoint(fake) ...
 *     ck_assert_uint_eq(fake_s3_count(fake, "UploadPart"), 4);
 *     fake_s3_free(fake);
 *
 * It listens on a free port of 127.0.0.1, one thread per connection, HTTP/1.1 with
 * keep-alive and Expect: 100-continue. One bucket (or more: fake_s3_add_bucket), path
 * style, and virtual-host style when the Host begins with "<bucket>.". SigV4 is verified
 * with code of its own (fake_s3_sign.c), so that a mistake of our signer is seen: a bad
 * signature is answered 403 SignatureDoesNotMatch and counted. The clock of signatures and
 * dates is the real one plus clock_offset_s.
 *
 * Operations, by the names used in faults and records:
 *
 *     objects   PutObject GetObject HeadObject DeleteObject DeleteObjects
 *     listings  ListObjects ListObjectsV2 ListObjectVersions
 *     bucket    HeadBucket GetBucketLocation GetBucketVersioning GetObjectLockConfiguration
 *     locks     GetObjectRetention GetObjectLegalHold PutObjectRetention PutObjectLegalHold
 *     uploads   CreateMultipartUpload UploadPart CompleteMultipartUpload AbortMultipartUpload
 *               ListParts ListMultipartUploads
 *     refused   CopyObject UploadPartCopy Unknown: 501 NotImplemented, as is a delimiter in a
 *               listing
 *
 * ListObjects has no NextMarker, as with AWS: the last key goes on; a page with
 * FAKE_NO_MORE_TOKEN is truncated and empty there.
 *
 * Any thread may call any function here, also while requests run.
 */
#ifndef PGKEEP_TESTS_FAKE_S3_H
#define PGKEEP_TESTS_FAKE_S3_H

#include "base/err.h"

struct fake_s3;

/* What the service does with If-None-Match: * (PutObject, CompleteMultipartUpload). */
enum fake_if_none_match {
    FAKE_IF_NONE_MATCH_HONOURED, /* 412 when the key exists */
    FAKE_IF_NONE_MATCH_501,      /* Backblaze B2 */
    FAKE_IF_NONE_MATCH_IGNORED   /* Supabase: overwrites */
};

struct fake_s3_settings {
    const char *bucket; /* "bucket" */
    /* "us-east-1"; another one in the scope: AuthorizationHeaderMalformed */
    const char *region;
    bool any_region;           /* accept whatever the client signs with */
    const char *access_key;    /* "AKIDEXAMPLE" */
    const char *secret_key;    /* "secretexample" */
    const char *session_token; /* NULL: none is asked for */
    const char *base_path;     /* "/storage/v1/s3": in front of the bucket and signed; "" */
    const char *server;        /* the header of that name; "fake_s3" */
    /* of all parts but the last, checked at Complete: EntityTooSmall; 0 */
    uint64_t min_part_size;
    uint64_t max_part_size;   /* EntityTooLarge above; 0: none */
    uint64_t max_object_size; /* EntityTooLarge at Complete and PutObject; 0: none */
    unsigned max_parts;       /* part numbers above are 400 InvalidArgument; 10000 */
    bool equal_parts;         /* Cloudflare R2: at Complete, InvalidPart when they differ */
    enum fake_if_none_match if_none_match;
    bool versioning;  /* DELETE writes markers, overwriting keeps the old version */
    bool object_lock; /* x-amz-object-lock-* accepted; needs versioning */
    unsigned default_lock_days; /* default retention of the bucket, GOVERNANCE; 0: none */
    bool parts_want_md5; /* AWS with default retention: UploadPart without is refused */
    bool lock_is_400;    /* MinIO: a locked version answers 400 InvalidRequest, not 403 */
    /* Ceph 16: lock headers of CreateMultipartUpload are taken and protect nothing */
    bool upload_locks_forgotten;
    bool no_batch_delete; /* DeleteObjects is 501 */
    bool no_list_v2;      /* list-type=2 is 501 */
    unsigned page_size;   /* of every listing, at most; 1000 */
    /* MinIO: ListMultipartUploads knows the prefix as a whole key only */
    bool uploads_by_exact_key;
    bool abort_twice_is_204; /* MinIO; else 404 NoSuchUpload */
    /* Ceph, versitygw: while the finished upload is remembered */
    bool complete_twice_is_200;
    bool complete_without_etag; /* Ceph before 2026, on the repeated Complete */
    bool ignore_content_md5;    /* Supabase */
    bool ignore_sha256; /* Supabase, for bodies; the signature covers the line anyway */
    bool refuse_unsigned_payload; /* UNSIGNED-PAYLOAD is 400 */
    /* any x-amz-checksum-* or x-amz-sdk-checksum-algorithm is 501 (B2) */
    bool refuse_checksums;
    /* SSE-KMS: 32 hex digits, but of nothing; answers say aws:kms */
    bool etags_are_not_md5;
    bool no_100_continue; /* never sends it: the client's own time-out must go on */
    bool sparse; /* bodies are counted and hashed, not kept; GET gives zero bytes */
    bool ignore_checksums; /* taken and not looked at (Ceph before Tentacle) */
    bool close_each;       /* Connection: close after every answer */
    /* so many of 100 requests fail by chance with 500, 503, or a reset ... */
    unsigned failure_percent;
    uint64_t failure_seed; /* ... drawn from this seed by request number */
    /* of its clock to ours; off by more than 900 s: RequestTimeTooSkewed */
    int clock_offset_s;
};

struct fake_s3_settings fake_s3_defaults(void);

/* Copies the settings and their strings. */
struct fake_s3 *fake_s3_new(const struct fake_s3_settings *settings,
                            struct err *err) MUST_USE;
/* NULL-safe; releases what is held, joins all threads */
void fake_s3_free(struct fake_s3 *fake);
/* "http://127.0.0.1:PORT" and the base path. */
const char *fake_s3_endpoint(const struct fake_s3 *fake);
int fake_s3_port(const struct fake_s3 *fake);
void fake_s3_add_bucket(struct fake_s3 *fake, const char *bucket);
/* Outage: closes the listening socket and every connection (connect is refused); up again
 * on the same port. */
void fake_s3_down(struct fake_s3 *fake);
int fake_s3_up(struct fake_s3 *fake, struct err *err) MUST_USE;
/* Changes settings while it runs (numbers and switches; strings and base_path stay as they
 * were). */
void fake_s3_change(struct fake_s3 *fake, const struct fake_s3_settings *settings);

/* One more key that is accepted; token may be NULL; expires_ms (wall clock, ms; 0: never):
 * from then on it is answered 400 ExpiredToken. The same access key again replaces secret,
 * token, expiry. */
void fake_s3_add_credentials(struct fake_s3 *fake, const char *access_key,
                             const char *secret_key, const char *session_token,
                             int64_t expires_ms);

/* ---- faults ---- */

enum fake_action {
    /* answer `status` with <Error> `code`; nothing is done. Body is read first */
    FAKE_STATUS,
    FAKE_STATUS_EARLY, /* the same before the body is read, then the connection is closed */
    FAKE_DELAY,        /* wait delay_ms, then go on as usual */
    FAKE_HOLD, /* with head and body read, wait for fake_s3_release, then go on as usual */
    FAKE_CUT_REQUEST,  /* read `bytes` of the body, close; nothing is done */
    FAKE_RESET,        /* read `bytes` of the body, reset (RST); nothing is done */
    FAKE_LOSE_ANSWER,  /* do it, then close without an answer */
    FAKE_CUT_ANSWER,   /* do it, then close after `bytes` of head and body of the answer */
    FAKE_ERROR_IN_200, /* 200, white space, <Error> `code`; nothing is done */
    FAKE_ERROR_AFTER_200, /* the same, but it is done */
    FAKE_EMPTY_200,       /* 200 without a body; nothing is done */
    FAKE_WRONG_ETAG,      /* do it, but the ETag is of something else */
    FAKE_NO_ETAG,         /* do it, without the ETag */
    FAKE_WRONG_CHECKSUM,  /* do it, but the CRC-64 of the answer is of something else */
    /* store or send one flipped bit (UploadPart, PutObject, GetObject), without a word;
     * ETag and headers as if nothing had happened */
    FAKE_FLIP_BODY,
    FAKE_CUT_BODY,  /* Content-Length of the whole, closed after `bytes` of the body */
    FAKE_SHORT_206, /* 206 whose Content-Length and Content-Range end `bytes` too early */
    /* 206 with a Content-Range that begins `bytes` later than asked for */
    FAKE_WRONG_RANGE,
    FAKE_WHOLE_200,     /* 200 and the whole object although a range was asked for */
    FAKE_NO_MORE_TOKEN, /* IsTruncated true without any continuation */
    FAKE_SAME_TOKEN,    /* IsTruncated true and the continuation that was asked with */
    FAKE_SKEWED, /* 403 RequestTimeTooSkewed with a Date that is `seconds` off ours */
    FAKE_EXPIRED_TOKEN, /* 400 ExpiredToken */
    /* 301 PermanentRedirect, x-amz-bucket-region and <Region> of `region`; from then on the
     * bucket is in that region */
    FAKE_REDIRECT,
    FAKE_WRONG_REGION /* 400 AuthorizationHeaderMalformed with <Region>; the same */
};

/* Matches requests by all that is set; each fault counts its own matches. When several
 * faults fire, the one added last does. */
struct fake_fault {
    const char *op;     /* operation name; NULL: any */
    const char *method; /* NULL: any */
    const char *key;    /* exact key; NULL: any */
    unsigned part;      /* part number; 0: any */
    unsigned request;   /* number of the request among all, from 1; 0: any */
    unsigned nth;       /* fires at the n-th match; 0 counts as 1 */
    unsigned times;     /* and at so many in all; 0 counts as 1; FAKE_ALWAYS */
    enum fake_action action;
    int status;          /* FAKE_STATUS*: 0 counts as 500 */
    const char *code;    /* NULL: InternalError; "" (FAKE_STATUS): no body at all */
    const char *headers; /* more header lines for the answer, "Retry-After: 2\r\n" */
    uint64_t bytes;
    int delay_ms;
    int seconds;
    const char *region;
};

#define FAKE_ALWAYS 0xFFFFFFFFU

/* Copies the struct; its strings must outlive the server (literals). Returns the fault's
 * id. */
unsigned fake_s3_fault(struct fake_s3 *fake, const struct fake_fault *fault);
unsigned fake_s3_fired(struct fake_s3 *fake, unsigned fault_id); /* how often it fired */
void fake_s3_clear_faults(struct fake_s3 *fake);
/* Waits until `count` requests are held (FAKE_HOLD); false after timeout_ms. */
bool fake_s3_wait_held(struct fake_s3 *fake, unsigned count, int timeout_ms) MUST_USE;
/* Lets all that is held go on. Later matches are held again until the next release. */
void fake_s3_release(struct fake_s3 *fake);

/* ---- what happened ---- */

struct fake_request {
    unsigned number; /* from 1, in the order in which heads came */
    char *op;
    char *method;
    char *target;       /* as sent: path and query */
    char *key;          /* decoded; NULL for bucket requests */
    char *upload_id;    /* NULL when there is none */
    unsigned part;      /* 0 when there is none */
    char *headers;      /* raw lines, each ended by \r\n */
    uint64_t body_size; /* bytes read */
    int status;         /* of the answer; 0: none was given (yet) */
    bool signed_well;
    unsigned connection; /* number of the connection, from 1 */
    int64_t started_ms;  /* monotonic: head read */
    int64_t ended_ms;    /* answer written, or given up; 0: still running */
};

unsigned fake_s3_count(struct fake_s3 *fake, const char *op); /* NULL: all */
/* Copy of the n-th request (from 1) of an operation (NULL: any); false when there was none. */
bool fake_s3_request(struct fake_s3 *fake, const char *op, unsigned nth,
                     struct fake_request *out);
void fake_request_release(struct fake_request *request);
/* Value of a header (name in any case), heap; NULL when it was not sent. */
char *fake_request_header(const struct fake_request *request, const char *name) MUST_USE;

struct fake_s3_stats {
    unsigned connections;
    unsigned bad_signatures;      /* SignatureDoesNotMatch and malformed ones */
    unsigned parts_in_flight;     /* most UploadParts at one time, of all uploads */
    unsigned same_part_in_flight; /* how often a part came while the same one was running */
    /* how often Complete or Abort came while one was running on the same upload */
    unsigned endings_in_flight;
    unsigned completes_after_abort; /* Complete or UploadPart on an aborted upload */
    unsigned aborts_after_complete;
    unsigned aws_chunked; /* requests with aws-chunked, STREAMING-* or a trailer */
    unsigned chunked;     /* Transfer-Encoding: chunked (answered 411) */
    /* a request whose X-Amz-Date and signature both came before: a retry that was not
     * signed again (1 s resolution) */
    unsigned repeated_dates;
};
struct fake_s3_stats fake_s3_stats(struct fake_s3 *fake);

/* ---- state ---- */

struct fake_object {
    char *key;
    char *version_id;    /* "null" without versioning */
    unsigned char *data; /* NULL in sparse mode */
    uint64_t size;
    char *etag; /* with quotes */
    char *content_type;
    /* "x-amz-meta-a: b\r\n..." in lower case, and the other stored headers: storage class,
     * tagging, encryption, checksums */
    char *meta;
    bool is_delete_marker;
    unsigned parts; /* 0: one PUT */
};

/* Copy of the latest version of a key in the first bucket; false when there is none or it
 * is a delete marker. Release it. */
bool fake_s3_object(struct fake_s3 *fake, const char *key, struct fake_object *out);
void fake_object_release(struct fake_object *object);
unsigned fake_s3_object_count(struct fake_s3 *fake); /* keys that a listing shows */
/* NULL: all; with markers */
unsigned fake_s3_version_count(struct fake_s3 *fake, const char *key);
unsigned fake_s3_upload_count(struct fake_s3 *fake); /* open multipart uploads */

/* Puts an object there without a request; data NULL: zero bytes. Returns its version id
 * (valid until the server is freed). */
const char *fake_s3_add_object(struct fake_s3 *fake, const char *key, const void *data,
                               size_t size);
/* The same as an object written by somebody else with this x-amz-meta-NAME. */
void fake_s3_set_meta(struct fake_s3 *fake, const char *key, const char *name,
                      const char *value);
/* Opens an upload without a request, begun age_s ago. Returns its id (valid until freed). */
const char *fake_s3_add_upload(struct fake_s3 *fake, const char *key, int age_s);
/* Forgets a key with all versions, or all open uploads (a server that swept them). */
void fake_s3_forget_object(struct fake_s3 *fake, const char *key);
void fake_s3_forget_uploads(struct fake_s3 *fake);
/* Locks the latest version: mode "GOVERNANCE" or "COMPLIANCE" until then (seconds UTC), or,
 * with NULL, a legal hold. */
void fake_s3_lock_object(struct fake_s3 *fake, const char *key, const char *mode,
                         int64_t until);

#endif
