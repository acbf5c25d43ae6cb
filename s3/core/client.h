/*
 * client - what the files of s3/ know of a client beside s3.h. Any thread, unless said
 * otherwise.
 */
#ifndef PGKEEP_S3_CORE_CLIENT_H
#define PGKEEP_S3_CORE_CLIENT_H

#include "s3/auth/credentials.h"
#include "s3/auth/sign.h"
#include "s3/core/provider.h"
#include "s3/core/request.h"

/* ---- who it is, and how it carries out requests ---- */

/* The provider's row with the overrides of the configuration. */
const struct s3_provider *s3_client_provider(const struct s3_client *client);
const struct cancel *s3_client_cancel(const struct s3_client *client);
/* The budget of a request that has none of its own. */
int64_t s3_client_retry_time(const struct s3_client *client);
int64_t s3_client_now(struct s3_client *client); /* monotonic ms, or a test's */
/* Seconds UTC as the server sees them. */
int64_t s3_client_time(struct s3_client *client);
struct s3_credentials_source *s3_client_credentials(struct s3_client *client);
struct s3_signer *s3_client_signer(struct s3_client *client);

/* ---- keys ---- */

/* The key as the service knows it: with the client's prefix in front; heap. */
char *s3_client_full_key(const struct s3_client *client, const char *key) MUST_USE;
/* The other way, pointing into `full`; NULL when it is not below the prefix. The prefix itself,
 * which some tools make an object of, is not below it. */
const char *s3_client_relative_key(const struct s3_client *client, const char *full);
/* Address of a key (NULL: the bucket), and the region to sign for; *region is heap. */
void s3_client_address(struct s3_client *client, const char *key, struct s3_uri *uri,
                       char **region);

/* ---- what objects are written with (object_headers.c) ---- */

/* Adds to a request that creates an object (PutObject, CreateMultipartUpload): storage
 * class, encryption, tags, object lock (retain-until from now on). Not for UploadPart or
 * Complete. */
void s3_client_add_object_headers(struct s3_client *client, struct s3_request *request);
/* Its encryption alone: for scratch objects, which must be free to go. */
void s3_client_add_encryption(const struct s3_client *client, struct s3_request *request);
/* SSE-C needs its three headers again on every UploadPart, GET and HEAD; otherwise nothing. */
void s3_client_add_key_headers(const struct s3_client *client, struct s3_request *request);
bool s3_client_has_own_key(const struct s3_client *client); /* SSE-C */

/* ---- what its answers can prove ---- */

/* May an ETag of 32 hex digits be compared with our MD5? Not with SSE-C or KMS, nor where
 * the provider's are something else. */
bool s3_client_etag_is_md5(const struct s3_client *client);
/* Objects are to be under a lock, of time or without end. */
bool s3_client_locks(const struct s3_client *client);
/* A signed SHA-256 is proof enough of a body; false: a Content-MD5 goes along. */
bool s3_client_sha256_will_do(const struct s3_client *client);
/* `etag` (with or without quotes) is 32 hex digits that are not the MD5, and may be
 * compared. */
bool s3_client_etag_differs(const struct s3_client *client, const char *etag,
                            const unsigned char md5[MD5_SIZE]);

/* ---- for tests ---- */

/* How many requests may run at once at the moment. */
unsigned s3_client_window(struct s3_client *client);

/* Replaces chance, waiting and time. NULL members stay as they are. Before any request. */
struct s3_test_hooks {
    uint64_t (*random)(void *context);                 /* 64 random bits */
    int64_t (*delay)(void *context, int64_t delay_ms); /* the wait really taken */
    /* monotonic ms: what budgets and due times are counted by */
    int64_t (*now)(void *context);
    uint64_t retransmitted_allowed; /* bytes; s3_retransmitted_count */
    void *context;
};
void s3_client_set_test_hooks(struct s3_client *client, const struct s3_test_hooks *hooks);

#endif
