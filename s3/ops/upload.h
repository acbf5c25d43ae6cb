/*
 * upload - what upload.c (parts), upload_complete.c (the end) and pending.c (undoing) know of
 * an upload. The contract is in s3.h.
 *
 *   state    what it means                     on the service           s3_upload_free
 *   EMPTY    nothing was given                 nothing                  -
 *   HELD     part 1 is kept back               nothing                  -
 *   OPEN     the id is known and told          an open upload, parts    aborts
 *   UNKNOWN  an end was sent and not proved    one of them, or wrong    leaves it alone
 *   DONE     the object is there               the object               -
 *
 *   EMPTY -> HELD         part 1
 *   HELD  -> OPEN         part 2: Create, on_upload_id, then parts 1 and 2 go out
 *   HELD  -> DONE         finish: one PUT, and HEAD shows it
 *   HELD  -> UNKNOWN      finish: the PUT may have been carried out
 *   OPEN  -> DONE         finish: the books close, Complete was sent, HEAD shows our token
 *   OPEN  -> UNKNOWN      finish: Complete may have been carried out, HEAD shows nothing
 *
 * A failure is kept and changes no state: `first` is what every later call reports.
 *
 * Threads: the caller's one thread moves the state; up to S3_UPLOAD_MAX_SENDERS threads hash
 * and send parts, each at most one at a time, so that hashing uses several cores and no part
 * is ever sent twice at once. They start when there is work for them. How many requests really
 * run is the engine's decision (its window).
 */
#ifndef PGKEEP_S3_OPS_UPLOAD_H
#define PGKEEP_S3_OPS_UPLOAD_H

#include "s3/core/client.h"
#include "s3/ops/ledger.h"

#include <pthread.h>

enum { S3_UPLOAD_MAX_SENDERS = 16 };

enum s3_upload_state {
    S3_UPLOAD_EMPTY,
    S3_UPLOAD_HELD,
    S3_UPLOAD_OPEN,
    S3_UPLOAD_UNKNOWN,
    S3_UPLOAD_DONE
};

struct s3_upload {
    struct s3_client *client;
    const struct s3_provider *row;
    char *key;
    char *content_type;
    char token[33];
    int (*on_upload_id)(void *context, const char *upload_id, struct err *err);
    void *context;

    /* The caller's thread only. */
    enum s3_upload_state state;
    char *upload_id;   /* from OPEN on; read by the senders */
    struct part *held; /* HELD */
    int64_t opened_ms; /* monotonic */
    bool crc64; /* parts carry one: not when Create went without. Read by the senders */
    bool warned_of_age;
    bool strays; /* Create may have opened uploads whose id never came */

    pthread_mutex_t lock; /* guards everything below */
    pthread_cond_t work_came;
    pthread_cond_t progress; /* a part is done, or failed */
    struct part **queue;     /* ring */
    size_t queue_first, queue_count, queue_capacity;
    unsigned busy; /* senders with a part */
    unsigned idle; /* senders without */
    unsigned sender_count;
    pthread_t senders[S3_UPLOAD_MAX_SENDERS];
    bool stopping;
    bool failed;
    struct err first; /* once failed */
    struct s3_ledger ledger;
};

/* Token, content type and all that an object is created with. */
void s3_upload_add_headers(struct s3_upload *upload, struct s3_request *request);
/* Sends x-amz-checksum-crc64nvme of the body; its value in *crc. False where the provider
 * takes none. */
bool s3_upload_add_crc(const struct s3_upload *upload, struct s3_request *request,
                       uint64_t *crc);
/* Nothing came back that contradicts the body: ETag, checksum. */
bool s3_upload_body_arrived(const struct s3_upload *upload,
                            const struct s3_request *request, const uint64_t *crc);
/* Keeps the first failure; returns -1 with it in err. */
int s3_upload_fail(struct s3_upload *upload, struct err *err);
/* How long undoing may take: 60 s, or the client's retry time if that is less. */
int64_t s3_upload_undo_ms(const struct s3_upload *upload);
/* Aborts what Create may have opened beside the upload that we know. True: surely nothing
 * of that is left. Says so in a warning otherwise. */
bool s3_upload_clear_strays(struct s3_upload *upload);

/* DELETE and ListParts until nothing is left, for at most budget_ms. A
 * service that refuses ListParts after a good answer to DELETE is believed. */
int s3_abort_within(struct s3_client *client, const char *key, const char *upload_id,
                    int64_t budget_ms, bool despite_cancel, struct err *err) MUST_USE;
#endif
