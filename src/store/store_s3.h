/*
 * store_s3 - a bucket, or what lies in it under a prefix, as a store; private to this
 * folder.
 *
 *     store_s3.c           handle, small objects, listing, pending uploads, download
 *     store_s3_remove.c    removing, with all versions
 *     store_s3_upload.c    uploads
 *
 * Keys go out with "PREFIX/" in front and come back without; what a listing returns beside
 * that is dropped, so that the prefix "p" never sees "p2/".
 */
#ifndef PGKEEP_STORE_STORE_S3_H
#define PGKEEP_STORE_STORE_S3_H

#include "store/store_ops.h"

#include <pthread.h>

struct store_s3 {
    struct store store;
    struct s3_client *client;
    char *prefix;         /* "" or "p/" */
    pthread_mutex_t lock; /* guards what follows */
    int64_t retry_time_ms;
    bool versioning_known;
    bool versions; /* the bucket has, or has had, versions */
};

/* The key with the prefix in front; heap. */
char *store_s3_key(const struct store_s3 *s3, const char *key) MUST_USE;
/* Without it; NULL when it is outside. Points into key. */
const char *store_s3_relative(const struct store_s3 *s3, const char *key);
/* By the key's suffix. */
const char *store_s3_content_type(const char *key);
/* From S3's words to ours; takes the strings out of `from`, and releases it. */
void store_s3_take_object(const char *key, struct s3_object *from,
                          struct store_object *out);

int store_s3_remove(struct store *store, const char *key, struct store_removed *out,
                    struct err *err) MUST_USE;

struct store_upload *store_s3_upload_begin(struct store *store,
                                           const struct store_upload_spec *spec,
                                           struct err *err) MUST_USE;
struct store_upload *store_s3_upload_resume(struct store *store,
                                            const struct store_upload_spec *spec,
                                            const char *handle, uint64_t *offset,
                                            unsigned *next_number,
                                            struct err *err) MUST_USE;
int store_s3_upload_part(struct store_upload *upload, struct part *part,
                         struct err *err) MUST_USE;
int store_s3_upload_wait(struct store_upload *upload, struct err *err) MUST_USE;
int store_s3_upload_finish(struct store_upload *upload, struct store_object *out,
                           struct err *err) MUST_USE;
bool store_s3_upload_discard(struct store_upload *upload);
uint64_t store_s3_upload_sent(struct store_upload *upload);

#endif
