/*
 * upload - what upload.c (parts), upload_complete.c (the end) and unfinished.c (undoing) know
 * of an upload. The contract is in s3.h.
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
 *   HELD  -> DONE         finish: one PUT; its ETag, or HEAD, shows it
 *   HELD  -> UNKNOWN      finish: the PUT may have been carried out
 *   OPEN  -> DONE         finish: the books close, Complete was sent, its ETag or HEAD shows it
 *   OPEN  -> UNKNOWN      finish: Complete may have been carried out, HEAD shows nothing
 *
 * A failure is kept and changes no state: `first` is what every later call reports.
 *
 * Threads: the caller's one thread moves the state. A part goes through `parts` to one of
 * S3_UPLOAD_HASHERS threads, which hashes it and hands it to the engine; the engine's thread
 * books what came of it. Hashing costs more than all else here, so the caller's thread is
 * spared (tests/bench/README.md has the figures); no part is ever sent twice at once. How many
 * requests really run is the engine's decision (its window).
 */
#ifndef PGKEEP_S3_OPS_UPLOAD_H
#define PGKEEP_S3_OPS_UPLOAD_H

#include "base/chan.h"
#include "s3/core/client.h"
#include "s3/ops/ledger.h"
#include "s3/ops/multipart.h"

enum { S3_UPLOAD_HASHERS = 4 };

enum s3_upload_state {
    S3_UPLOAD_EMPTY,
    S3_UPLOAD_HELD,
    S3_UPLOAD_OPEN,
    S3_UPLOAD_UNKNOWN,
    S3_UPLOAD_DONE
};

struct s3_upload {
    struct s3_client *client;
    const struct s3_provider *provider;
    char *key;
    char *content_type;
    char token[S3_TOKEN_SIZE];
    int (*on_upload_id)(void *context, const char *upload_id, struct err *err);
    void *context;

    /* The caller's thread only. */
    enum s3_upload_state state;
    char *upload_id;   /* from OPEN on; read by the hashers */
    struct part *held; /* HELD */
    int64_t opened_ms; /* monotonic */
    bool crc64; /* parts carry one: not when Create went without. Read by the hashers */
    bool warned_of_age;
    bool orphans; /* Create may have opened uploads whose id never came */
    unsigned hasher_count;
    pthread_t hashers[S3_UPLOAD_HASHERS];

    struct chan parts; /* from the caller to the hashers */

    pthread_mutex_t lock;    /* guards everything below */
    pthread_cond_t progress; /* a part is done, or failed */
    unsigned under_way;      /* parts given to `parts` and not ended */
    bool failed;             /* what is still queued is let go of */
    struct err first;        /* once failed */
    struct s3_ledger ledger;
};

/* Token, content type and all that an object is created with. */
void s3_upload_add_headers(struct s3_upload *upload, struct s3_request *request);
/* Keeps the first failure; returns -1 with it in err. */
int s3_upload_fail(struct s3_upload *upload, struct err *err);
/* Books the part that this request has brought to the service. */
void s3_upload_book(struct s3_upload *upload, unsigned number,
                    const struct s3_request *request);
/* A handle for undoing: despite a cancel, for 60 s or the client's retry time if that is
 * less. */
struct s3_client *s3_upload_cleaner(const struct s3_upload *upload) MUST_USE;
/* Aborts what Create may have opened beside the upload that we know. True: surely nothing
 * of that is left. Says so in a warning otherwise. */
bool s3_upload_clear_orphans(struct s3_upload *upload);

/* DELETE and ListParts until nothing is left, for the client's retry time. A service that
 * refuses ListParts after a good answer to DELETE is believed. */
int s3_abort_for_good(struct s3_client *client, const char *key, const char *upload_id,
                      struct err *err) MUST_USE;

#endif
