/*
 * s3 - a client for S3-compatible object stores, made for streams whose length is not known.
 *
 * The whole public face of the library; it needs base/, libcurl, OpenSSL and libxml2 only.
 *
 *     s3_global_init once, from main, before threads
 *     s3_config_init -> fill in -> s3_client_new -> requests from any thread -> s3_client_free
 *
 * One engine thread per client drives every connection through one curl_multi (HTTP/1.1); the
 * calls below hand it requests and wait. Every call is bounded: the last try begins when
 * retry_time_ms is used up (full jitter, base 200 ms, cap 20 s; throttling 1 s, 60 s), none after
 * `cancel` of its configuration is tripped.
 *
 *     ERR_NOT_FOUND  no such key or version
 *     ERR_DENIED     credentials, rights, 403
 *     ERR_TRANSIENT  no usable answer within the budget
 *     ERR_STORE      cannot work: no bucket, refused part, limit reached
 *     ERR_CORRUPT    what came back is not what was sent
 *     ERR_CONFIG     the configuration cannot be meant so
 *     ERR_CANCELLED
 *
 * The text holds the service's code, message and request id, the number of tries and their time.
 * Each module's header has its rules and their sources; what is not built: s3/README.md.
 */
#ifndef PGKEEP_S3_S3_H
#define PGKEEP_S3_S3_H

#include "base/cancel.h"
#include "base/memory.h"
#include "base/part.h"
#include "base/text.h"

#include <sys/types.h>

struct s3_client;

enum s3_style { S3_STYLE_AUTO, S3_STYLE_PATH, S3_STYLE_VIRTUAL };

/* All strings are borrowed for the call of s3_client_new, which copies what it keeps. NULL or
 * 0 means the default. */
struct s3_config {
    /* http(s)://host[:port][/base]; NULL: AWS_ENDPOINT_URL_S3 etc., then AWS of the region */
    const char *endpoint;
    /* NULL: environment, profile; then "us-east-1", corrected by redirects */
    const char *region;
    const char *bucket; /* required */
    /* what is ours in the bucket: "p" or "p/q/"; NULL or "": all of it. Keys and prefixes of
     * all calls are relative to it. */
    const char *prefix;
    enum s3_style style;
    bool allow_insecure;    /* plain http to a host that is not loopback */
    const char *ca_file;    /* PEM; NULL: AWS_CA_BUNDLE, then the system's */
    const char *proxy;      /* NULL: the environment's */
    const char *access_key; /* explicit credentials; NULL: the chain of s3/credentials.h */
    const char *secret_key;
    const char *session_token;
    const char *profile;         /* NULL: AWS_PROFILE */
    const char *provider;        /* row name of s3/provider.h; NULL: by endpoint */
    const char *payload_signing; /* "auto" "always" "never" */
    const char *storage_class;
    const char *sse; /* "AES256" "aws:kms" "aws:kms:dsse" */
    const char *sse_kms_key;
    const char *sse_c_key_file;   /* 32 bytes or base64 of 32 bytes */
    const char *object_lock_mode; /* "GOVERNANCE" "COMPLIANCE" */
    int64_t object_lock_seconds;  /* retain-until = now + this */
    bool legal_hold;
    const char *tagging;        /* "k=v&k2=v2", URL-encoded */
    int list_version;           /* 1 or 2; 0: provider's */
    unsigned max_parts;         /* 0: provider's */
    unsigned max_connections;   /* 0: 16 */
    int64_t retry_time_ms;      /* per request; 0: 30 min */
    int64_t connect_timeout_ms; /* 0: 10 s */
    uint64_t limit_rate;        /* bytes/s of all uploads of this client; 0: none */
    const struct cancel
        *cancel; /* ends its requests; outlives the client. NULL: the root */
};

int s3_global_init(struct err *err) MUST_USE;
void s3_global_release(void);
void s3_config_init(struct s3_config *config);
struct s3_client *s3_client_new(const struct s3_config *config, struct err *err) MUST_USE;
/* How a handle's requests are carried out. */
struct s3_call {
    int64_t retry_time_ms; /* per request; 0: as with the handle it is made of */
    /* carried out although it is cancelled: each within 60 s, and after a signal (the root is
     * tripped) all together within 3 s */
    bool cleaning;
};
/* One more handle on the same client: its connections, credentials and clock, but requests of
 * its own kind. For a question that must not take long, and for clean-up, beside what other
 * threads do. */
struct s3_client *s3_client_with(struct s3_client *client,
                                 const struct s3_call *call) MUST_USE;
/* Budget of this handle's requests that follow (0: 30 min). */
void s3_client_set_retry_time(struct s3_client *client, int64_t retry_time_ms);
/* NULL-safe; no call may be under way. That of s3_client_new is freed last: it ends the thread. */
void s3_client_free(struct s3_client *client);
/* Server's Date minus ours, from the last answer, in seconds; *known false before any. */
int64_t s3_client_clock_offset(struct s3_client *client, bool *known);
/* Bytes of request bodies so far, of all handles of this client: those that arrived, and those that
 * were sent in vain and had to be sent again. Any thread. */
struct s3_sent {
    uint64_t arrived, lost;
};
struct s3_sent s3_client_sent(const struct s3_client *client);
/* The configured prefix as it is put in front of keys: "" or "p/q/". */
const char *s3_client_prefix(const struct s3_client *client);
/* After how many hours the service removes an upload that is not finished; 0: never. */
unsigned s3_client_upload_hours(const struct s3_client *client);

/* ---- objects ---- */

struct s3_object {
    char *key;
    uint64_t size;
    int64_t modified;      /* seconds UTC, 0 unknown */
    char *etag;            /* as returned, with quotes; may be NULL */
    char *version_id;      /* NULL when the bucket has no versions */
    bool is_latest;        /* versions listing */
    bool is_delete_marker; /* versions listing */
    char *token;           /* our x-amz-meta-pgkeep-token; NULL from listings */
    char *storage_class;
    int64_t retain_until; /* 0 none; from HEAD */
    bool legal_hold;      /* from HEAD */
};
void s3_object_release(struct s3_object *object);

/* One PUT of the whole body, Content-MD5 always, verified by ETag or HEAD. `if_absent` adds
 * If-None-Match where the provider honours it: *existed (may be NULL) tells that the key was
 * there (nothing is written). */
struct s3_put {
    const char *key;
    const void *data;
    size_t size;
    const char *content_type;
    bool if_absent;
    bool looked; /* with if_absent: s3_put_look has found it free */
    bool *existed;
};
/* Where s3_put with if_absent would look before it writes: looks now, for whoever knows the key in
 * time, beside other work. True: it is free (`looked` may be set). */
bool s3_put_look(struct s3_client *client, const char *key);
int s3_put(struct s3_client *client, const struct s3_put *put, struct err *err) MUST_USE;
/* Whole small object into `out` (its ceiling is the limit). A missing key: *absent = true, 0. */
int s3_get(struct s3_client *client, const char *key, struct text *out, bool *absent,
           struct err *err) MUST_USE;
int s3_head(struct s3_client *client, const char *key, struct s3_object *out, bool *absent,
            struct err *err) MUST_USE;

enum s3_removal {
    S3_REMOVED, /* 2xx, or it was not there (NoSuchKey, NoSuchVersion) */
    S3_LOCKED, /* object lock or legal hold: locked_until says until when (0: legal hold) */
    S3_REFUSED /* 403 without a lock that explains it */
};
/* Deletes one version (NULL: plain DELETE). Never bypasses governance. Bucket-level trouble
 * (NoSuchBucket, 301, 401, 403 on the bucket) is an error, never a removal. */
struct s3_delete {
    const char *key;
    const char *version_id;
    enum s3_removal result;
    int64_t locked_until;
    char reason[160]; /* S3_LOCKED, S3_REFUSED: the service's words */
};
int s3_delete(struct s3_client *client, struct s3_delete *delete_,
              struct err *err) MUST_USE;

/* Calls `each` for every object under prefix, in the service's order, until it returns non-zero
 * (that value is returned). A listing that cannot be completed is an error after some calls: decide
 * nothing before 0 came back. */
typedef int (*s3_each)(void *context, const struct s3_object *object, struct err *err);
int s3_list(struct s3_client *client, const char *prefix, s3_each each, void *context,
            struct err *err) MUST_USE;
/* The same of every version and delete marker. */
int s3_list_versions(struct s3_client *client, const char *prefix, s3_each each,
                     void *context, struct err *err) MUST_USE;
/* Those of exactly this key. */
int s3_list_key_versions(struct s3_client *client, const char *key, s3_each each,
                         void *context, struct err *err) MUST_USE;

enum s3_versioning { S3_VERSIONING_OFF, S3_VERSIONING_ON, S3_VERSIONING_SUSPENDED };
int s3_bucket_versioning(struct s3_client *client, enum s3_versioning *out,
                         struct err *err) MUST_USE;
/* What the bucket does with every object that asks for nothing. */
struct s3_bucket_lock {
    bool enabled;    /* objects can be locked */
    char mode[16];   /* default retention: "GOVERNANCE" "COMPLIANCE"; "": none */
    int64_t seconds; /* how long that is; years count as 365 days */
};
int s3_bucket_lock(struct s3_client *client, struct s3_bucket_lock *out,
                   struct err *err) MUST_USE;
/* 0 when the bucket answers to our credentials. For doctor and the check before a dump. */
int s3_bucket_check(struct s3_client *client, struct err *err) MUST_USE;

/* ---- uploads ---- */

/* What the service's row and the configuration say of the sizes of parts. */
struct s3_part_rules {
    uint64_t min_size;  /* of a part that is not the last; bytes */
    uint64_t max_size;  /* 0: none */
    unsigned max_parts; /* 0: none */
    bool uniform;       /* all parts but the last of equal size (R2) */
};
struct s3_part_rules s3_client_part_rules(const struct s3_client *client);

struct s3_upload;
struct s3_upload_spec {
    const char *key;
    const char *content_type;
    /* random hex, written as x-amz-meta-pgkeep-token: settles a lost answer */
    char token[33];
    /* Called on the caller's thread with the upload id before the first part is sent; a
     * failure ends the upload. Not called when the object went out as one PUT. */
    int (*on_upload_id)(void *context, const char *upload_id, struct err *err);
    void *context;
};
/* Nothing is sent yet. */
struct s3_upload *s3_upload_begin(struct s3_client *client,
                                  const struct s3_upload_spec *spec,
                                  struct err *err) MUST_USE;
/* Takes its own reference on the part and returns at once (or reports the failure of an
 * earlier part, permanently); only with part 2 it waits for the answer to
 * CreateMultipartUpload. Parts come in order, numbers from 1, none empty but a sole last one.
 * part->last marks the end; a first part that is also the last goes out as one PUT in
 * s3_upload_finish. */
int s3_upload_part(struct s3_upload *upload, struct part *part, struct err *err) MUST_USE;
/* Waits for all parts sent so far; nothing becomes visible. */
int s3_upload_wait(struct s3_upload *upload, struct err *err) MUST_USE;
/* Waits for the parts, checks the ledger (count, numbers, bytes), completes, settles an
 * unknown outcome with HEAD and the token, verifies the size. After 0 the object is there with
 * exactly these bytes (keys that may write but not read: by the service's word, with a
 * warning), locked as the client locks objects (set once more where HEAD does not show it).
 * out may be NULL. */
int s3_upload_finish(struct s3_upload *upload, struct s3_object *out,
                     struct err *err) MUST_USE;
/* Not finished: aborts (bounded to 60 s; never after a Complete of unknown outcome). NULL-safe. */
void s3_upload_free(struct s3_upload *upload);
/* The same, and says whether surely nothing of an unfinished one is left on the service. */
bool s3_upload_discard(struct s3_upload *upload);

struct s3_unfinished {
    char *key;
    char *upload_id;
    int64_t initiated; /* seconds UTC */
};
typedef int (*s3_each_unfinished)(void *context, const struct s3_unfinished *pending,
                                  struct err *err);
/* Open multipart uploads under a prefix, or of an exact key (MinIO lists no other way). */
int s3_list_uploads(struct s3_client *client, const char *prefix, s3_each_unfinished each,
                    void *context, struct err *err) MUST_USE;
/* 404 NoSuchUpload is success; repeated until ListParts is empty, for 60 s at most. */
int s3_abort_upload(struct s3_client *client, const char *key, const char *upload_id,
                    struct err *err) MUST_USE;
/* Parts the service has of an upload, ascending: to continue a copy. */
struct s3_part_info {
    unsigned number;
    uint64_t size;
    char etag[80];
    char crc64nvme[16]; /* base64; "" when the service has none */
};
struct s3_parts {
    struct s3_part_info *items; /* heap; the caller frees it */
    size_t count;
    bool absent; /* there is no such upload */
};
int s3_list_parts(struct s3_client *client, const char *key, const char *upload_id,
                  struct s3_parts *out, struct err *err) MUST_USE;
/* Continues an upload whose first parts, these, are on the service. */
struct s3_upload *s3_upload_resume(struct s3_client *client,
                                   const struct s3_upload_spec *spec, const char *upload_id,
                                   const struct s3_parts *parts, struct err *err) MUST_USE;

/* ---- downloads ---- */

struct s3_download;
struct s3_download_spec {
    const char *key;
    const char *version_id; /* NULL: the latest */
    /* NULL: taken from the first answer; all ranges are read with If-Match */
    const char *etag;
    uint64_t offset;
    uint64_t length;   /* 0: to the end */
    unsigned parallel; /* ranges in flight; 0: 4 */
    size_t range_size; /* bytes; 0: 8 MiB */
};
struct s3_download *s3_download_begin(struct s3_client *client,
                                      const struct s3_download_spec *spec,
                                      struct err *err) MUST_USE;
uint64_t s3_download_size(const struct s3_download *download); /* of the whole object */
/* In order, exactly the bytes asked for. Bytes read (> 0), 0 at the end, -1. One thread. */
ssize_t s3_download_read(struct s3_download *download, void *buffer, size_t size,
                         struct err *err) MUST_USE;
void s3_download_free(struct s3_download *download);

/* ---- presign ---- */

/* URL for GET of the key, heap; *expires is the earlier of now + seconds and the credentials' end.
 * seconds 1..604800. ERR_CONFIG with a key of our own (SSE-C): no link can carry it. */
char *s3_presign(struct s3_client *client, const char *key, int64_t seconds,
                 int64_t *expires, struct err *err) MUST_USE;

#endif
