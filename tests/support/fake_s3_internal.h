/*
 * fake_s3_internal - what the files of fake_s3 share.
 *
 *     fake_s3.c          the server as a whole: listen, outage, settings, credentials
 *     fake_s3_serve.c    a connection: request after request; what a request is
 *     fake_s3_wire.c     bytes of a connection: heads, bodies, answers
 *     fake_s3_request.c  looking things up in a request; tiny XML
 *     fake_s3_sign.c     SigV4
 *     fake_s3_faults.c   the script of faults
 *     fake_s3_records.c  what happened
 *     fake_s3_state.c    buckets, versions, uploads
 *     fake_s3_objects.c, fake_s3_locks.c, fake_s3_uploads.c, fake_s3_listing.c: operations
 *
 * One lock guards everything in struct fake_s3 and all it points to; operations run under
 * it. Reading bodies, hashing and writing answers happen without it. A struct fake_call
 * belongs to the thread of its connection; other threads read what records need (op,
 * upload_id, part) under the lock while the call stands in link->call.
 */
#ifndef PGKEEP_TESTS_FAKE_S3_INTERNAL_H
#define PGKEEP_TESTS_FAKE_S3_INTERNAL_H

#include "tests/support/fake_s3.h"

#include "base/digest.h"
#include "base/memory.h"
#include "base/text.h"

#include <pthread.h>

#define FAKE_NO_LIMIT UINT64_MAX
#define FAKE_XML_MAX ((size_t)64 << 20)
#define FAKE_BUFFER_SIZE 65536

struct fake_pair {
    char *name;
    char *value; /* "" when there is none */
};

struct fake_lock {
    char mode[16]; /* "", "GOVERNANCE", "COMPLIANCE" */
    int64_t until; /* seconds UTC */
    bool legal_hold;
};

struct fake_version {
    const char *id;      /* of fake->ids */
    unsigned char *data; /* NULL: zero bytes */
    uint64_t size;
    char *etag;
    char *content_type;
    char *meta; /* stored headers as lines */
    struct fake_lock lock;
    int64_t modified; /* seconds UTC */
    bool is_delete_marker;
    unsigned parts;
};

struct fake_entry {
    char *key;
    struct fake_version **versions; /* oldest first */
    size_t count;
    size_t capacity;
};

struct fake_bucket {
    char *name;
    struct fake_entry *entries; /* by key */
    size_t count;
    size_t capacity;
};

struct fake_part {
    unsigned number;
    unsigned char *data; /* NULL: zero bytes */
    uint64_t size;
    unsigned char md5[MD5_SIZE];
    char *etag;
    int64_t modified;
};

enum fake_upload_state {
    FAKE_UPLOAD_OPEN,
    FAKE_UPLOAD_COMPLETED,
    FAKE_UPLOAD_ABORTED,
    FAKE_UPLOAD_FORGOTTEN
};

struct fake_upload {
    const char *id; /* of fake->ids */
    struct fake_bucket *bucket;
    char *key;
    char *content_type;
    char *meta;
    struct fake_lock lock;
    int64_t initiated;
    enum fake_upload_state state;
    struct fake_part *parts; /* by number */
    size_t count;
    size_t capacity;
    char *final_etag;   /* of the finished object */
    char final_crc[16]; /* base64; "": none was asked for */
    const char *final_version;
};

struct fake_key {
    char *access_key;
    struct secret secret_key;
    char *session_token;
    int64_t expires_ms;
};

struct fake_script {
    struct fake_fault fault;
    unsigned id;
    unsigned matches;
    unsigned fired;
    bool cleared;
};

struct fake_call;

/* A connection. fd, done, call are guarded by the lock; the buffer is its thread's own. */
struct fake_link {
    struct fake_s3 *fake;
    struct fake_link *next;
    pthread_t thread;
    int fd; /* -1: closed */
    unsigned number;
    bool done;              /* its thread ends: join it */
    bool cut;               /* outage or end: stop waiting */
    struct fake_call *call; /* the request that runs */
    size_t begin;
    size_t end;
    unsigned char buffer[FAKE_BUFFER_SIZE];
};

struct fake_s3 {
    pthread_mutex_t lock;
    pthread_mutex_t control; /* of up and down: accepting, listen_fd */
    pthread_cond_t changed;  /* held, released, cut */
    struct fake_s3_settings settings;
    char *strings[7];   /* what settings points to */
    char *redirected;   /* the region after FAKE_REDIRECT; NULL: settings.region */
    struct strlist ids; /* versions and uploads, for ever */
    struct fake_bucket **buckets;
    size_t bucket_count;
    size_t bucket_capacity;
    struct fake_upload **uploads;
    size_t upload_count;
    size_t upload_capacity;
    struct fake_key *keys;
    size_t key_count;
    size_t key_capacity;
    struct fake_script *scripts;
    size_t script_count;
    size_t script_capacity;
    struct fake_request *requests;
    size_t request_count;
    size_t request_capacity;
    struct strlist signatures; /* date and signature of every request */
    struct fake_s3_stats stats;
    unsigned held;
    unsigned releases;
    struct fake_link *links;
    pthread_t accepter;
    bool accepting;
    int listen_fd;
    int wake_fds[2]; /* ends the accepting thread */
    int port;
    char endpoint[256];
};

struct fake_operation {
    const char *method;
    bool has_key;
    const char *param;  /* query parameter that must be there; NULL: none */
    const char *header; /* the same for a header */
    const char *name;
    void (*run)(struct fake_call *call); /* under the lock; NULL: 501 */
    bool keeps_body;                     /* its body is XML: kept also in sparse mode */
};

/* A request and its answer. */
struct fake_call {
    struct fake_s3 *fake;
    struct fake_link *link;
    struct fake_s3_settings settings; /* as they were when the head came */
    char *region;
    const struct fake_operation *op;
    unsigned number;
    char *method;
    char *target;
    char *headers;
    char *path;  /* raw */
    char *query; /* raw, "" */
    struct fake_pair *params;
    size_t param_count;
    size_t param_capacity;
    struct strlist values; /* header values that were looked up */
    char *bucket_name;
    char *key; /* NULL: none */
    struct fake_bucket *bucket;
    const char *upload_id; /* of params; NULL: none */
    unsigned part;
    bool http_1_0;
    bool expects_continue;
    bool is_chunked;
    uint64_t content_length;
    unsigned char *body; /* NULL when not kept; NUL-terminated */
    uint64_t body_size;  /* read */
    unsigned char md5[MD5_SIZE];
    unsigned char sha256[SHA256_SIZE];
    uint64_t crc64;
    bool signed_well;
    bool faulted;
    struct fake_fault fault;
    /* the answer */
    int status;       /* 0: none yet */
    struct text head; /* header lines */
    struct text body_text;
    unsigned char *data; /* instead of body_text; owned */
    uint64_t data_size;  /* of data, or of zero bytes */
    bool has_data;
    uint64_t flip_at; /* a zero byte that is sent as 1 */
    bool flips;
    int64_t date_offset_s; /* of the Date header */
    uint64_t limit;        /* bytes of the answer that are sent; then the end */
    bool limit_is_body;    /* limit counts from the body on */
    bool close;
};

/* ---- fake_s3_request.c: all without the lock ---- */

/* Value of a header, trimmed, repeats joined with ","; NULL when there is none. Lives as
 * long as the call. */
const char *fake_header(struct fake_call *call, const char *name);
/* The same from raw lines; heap. */
char *fake_header_of(const char *headers, const char *name) MUST_USE;
/* Decoded value of a query parameter; NULL when there is none. */
const char *fake_param(const struct fake_call *call, const char *name);
/* Number in a parameter, at most `most`; `otherwise` when absent or nonsense. */
unsigned fake_param_number(const struct fake_call *call, const char *name,
                           unsigned otherwise, unsigned most);
/* Percent-decoding; heap. */
char *fake_decode(const char *text, size_t length, bool plus_is_space) MUST_USE;
/* Splits call->target into path, query and params. */
void fake_split_target(struct fake_call *call);
/* Steps to the next <name>...</name> from *at on; its content as heap text, NULL at the
 * end. */
char *fake_xml_next(const char **at, const char *name) MUST_USE;
/* First <name> inside, unescaped, heap; NULL when there is none. */
char *fake_xml_text(const char *xml, const char *name) MUST_USE;
void fake_xml_escape(struct text *out, const char *text);

/* ---- fake_s3_wire.c ---- */

/* Reads the head into the call. false: the connection is over. */
bool fake_wire_head(struct fake_call *call) MUST_USE;
/* Reads at most `limit` bytes of the body (100 Continue first), hashing. false: cut. */
bool fake_wire_body(struct fake_call *call, uint64_t limit);
/* Writes the answer. false: the connection is over. */
bool fake_wire_answer(struct fake_call *call);
/* Closes now; with a reset instead of a good end. */
void fake_wire_close(struct fake_link *link, bool reset);
/* After an answer that came before the body: ends sending, swallows what still comes. */
void fake_wire_linger(struct fake_link *link);

/* ---- fake_s3_serve.c ---- */

void *fake_serve(void *link);
/* Settings as they are now, into the call. In fake_s3.c. */
void fake_settings_copy(struct fake_call *call);
/* Answers with an <Error>; replaces any answer so far. */
void fake_refuse(struct fake_call *call, int status, const char *code, const char *message);
/* ... with more elements inside <Error>. */
void fake_refuse_with(struct fake_call *call, int status, const char *code,
                      const char *message, const char *elements);
/* Adds the ETag header, as the fault wants it. */
void fake_answer_etag(struct fake_call *call, const char *etag);
/* The ETag as the fault wants it; NULL: none. */
const char *fake_etag(const struct fake_call *call, const char *etag);
bool fake_faulted(const struct fake_call *call, enum fake_action action);
int64_t fake_now(const struct fake_call *call); /* seconds, of the server's clock */

/* ---- fake_s3_sign.c ---- */

/* 0, or -1 with the answer set. Takes the lock for the keys. */
int fake_sign_check(struct fake_call *call) MUST_USE;

/* ---- fake_s3_faults.c ---- */

/* Counts the request for every fault and picks one. Under the lock. */
void fake_faults_match(struct fake_call *call);
/* What happens before the body: true when the request is over with that. */
bool fake_faults_before_body(struct fake_call *call);
/* Holds or delays; false when the connection was cut meanwhile. */
bool fake_faults_wait(struct fake_call *call) MUST_USE;
/* Sets the answer that comes instead of doing anything. */
void fake_faults_instead(struct fake_call *call);
/* Changes the answer of what was done. */
void fake_faults_after(struct fake_call *call);

/* ---- fake_s3_records.c ---- */

void fake_records_begin(struct fake_call *call); /* takes the lock; number, faults, stats */
void fake_records_signed(struct fake_call *call, bool bad); /* takes the lock */
/* Before the first byte of the answer or the end of the connection: from now on the client
 * may ask again. */
void fake_records_answering(struct fake_call *call);
void fake_records_end(struct fake_call *call);
void fake_records_free(struct fake_s3 *fake);

/* ---- fake_s3_state.c: all under the lock ---- */

struct fake_bucket *fake_bucket_find(struct fake_s3 *fake, const char *name);
struct fake_entry *fake_entry_find(struct fake_bucket *bucket, const char *key);
/* Index of the first entry whose key is >= key. */
size_t fake_entry_index(const struct fake_bucket *bucket, const char *key);
/* Latest version, marker or not; NULL when there is none. */
struct fake_version *fake_version_latest(const struct fake_entry *entry);
struct fake_version *fake_version_find(const struct fake_entry *entry, const char *id);
/* Gives the version its id and puts it on top; the key's null version goes when there is no
 * versioning. */
void fake_version_put(struct fake_s3 *fake, struct fake_bucket *bucket, const char *key,
                      struct fake_version *version);
void fake_version_remove(struct fake_bucket *bucket, const char *key, const char *id);
void fake_version_free(struct fake_version *version);
struct fake_upload *fake_upload_find(struct fake_s3 *fake, const char *id);
/* A new open one; takes nothing. */
struct fake_upload *fake_upload_new(struct fake_s3 *fake, struct fake_bucket *bucket,
                                    const char *key);
struct fake_part *fake_part_find(const struct fake_upload *upload, unsigned number);
/* Takes data; replaces the part of that number. */
struct fake_part *fake_part_put(struct fake_upload *upload, const struct fake_part *part);
void fake_upload_drop_parts(struct fake_upload *upload);
bool fake_lock_is_closed(const struct fake_lock *lock, int64_t now);
void fake_state_free(struct fake_s3 *fake);

/* ---- operations ---- */

/* Lines of the headers that are stored with an object; heap. */
char *fake_stored_headers(struct fake_call *call) MUST_USE;
/* Lock headers into *lock; -1 with the answer set when they are not allowed. */
int fake_lock_headers(struct fake_call *call, struct fake_lock *lock) MUST_USE;
/* If-None-Match: -1 with the answer set. */
int fake_check_absent(struct fake_call *call) MUST_USE;
/* SSE-C key of the request against stored headers: -1 with the answer set. */
int fake_check_customer_key(struct fake_call *call, const char *stored) MUST_USE;
/* "\"hex\"" of an MD5, or of something else when ETags are no MD5s; heap. */
char *fake_make_etag(const struct fake_call *call,
                     const unsigned char md5[MD5_SIZE]) MUST_USE;
/* A locked version answers with this. */
void fake_locked_answer(struct fake_call *call, int *status, const char **code);
/* The version the request names (versionId or latest); NULL with the answer set. */
struct fake_version *fake_named_version(struct fake_call *call);

void fake_put_object(struct fake_call *call);
void fake_get_object(struct fake_call *call);
void fake_delete_object(struct fake_call *call);
void fake_delete_objects(struct fake_call *call);
void fake_head_bucket(struct fake_call *call);
void fake_get_location(struct fake_call *call);
void fake_get_versioning(struct fake_call *call);
void fake_get_lock_configuration(struct fake_call *call);
void fake_get_retention(struct fake_call *call);
void fake_put_retention(struct fake_call *call);
void fake_get_legal_hold(struct fake_call *call);
void fake_put_legal_hold(struct fake_call *call);
void fake_create_upload(struct fake_call *call);
void fake_upload_part(struct fake_call *call);
void fake_complete_upload(struct fake_call *call);
void fake_abort_upload(struct fake_call *call);
void fake_list_parts(struct fake_call *call);
void fake_list_uploads(struct fake_call *call);
void fake_list_objects(struct fake_call *call);
void fake_list_objects_v2(struct fake_call *call);
void fake_list_versions(struct fake_call *call);

#endif
