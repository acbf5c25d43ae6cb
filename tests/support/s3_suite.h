/*
 * s3_suite - what is claimed of real S3 services and of our client with them, one row per
 * claim and one column per service.
 *
 * A claim asks and writes what happened into `answer`, in a few words that are the same
 * each time. The columns of s3_suite_table.c hold what each service really answers: a
 * difference, in either direction, is a failure, so that a service or a client that changed
 * is seen.
 */
#ifndef PGKEEP_TESTS_S3_SUITE_H
#define PGKEEP_TESTS_S3_SUITE_H

#include "s3/s3.h"
#include "tests/support/s3_raw.h"

enum s3_suite_service {
    S3_SUITE_RGW,
    S3_SUITE_MINIO,
    S3_SUITE_VERSITYGW,
    S3_SUITE_SWIFT,
    S3_SUITE_SERVICES
};

struct s3_suite {
    enum s3_suite_service which;
    struct s3_raw_service service;
    const char *provider;     /* row of s3/provider.h */
    struct s3_client *client; /* on the plain bucket */
    /* Names of fresh buckets; versioned and locked are NULL where they cannot be. */
    char plain[64], versioned[64], locked[64];
    char note[480];   /* the last error, told when a claim fails */
    const char *self; /* path of this program */
};

typedef void (*s3_suite_run)(struct s3_suite *suite, struct text *answer);

struct s3_claim {
    const char *group; /* "objects", "uploads", ...: the argument that chooses it */
    const char *name;
    s3_suite_run run;
    /* By service; NULL: not asked there. */
    const char *expected[S3_SUITE_SERVICES];
};
extern const struct s3_claim s3_suite_table[]; /* ends with a row without a name */

/* ---- what claims share (s3_suite.c) */

/* The usual configuration, to be altered before s3_client_new. */
struct s3_config s3_suite_config(const struct s3_suite *suite, const char *bucket);
/* NULL: the answer says why. */
struct s3_client *s3_suite_connect(struct s3_suite *suite, const char *bucket,
                                   struct text *answer) MUST_USE;
/* Adds the kind of the error ("denied"), keeps its text for the note. */
void s3_suite_failed(struct s3_suite *suite, const struct err *err, struct text *answer);
/* Adds `good`, or the kind of the error. True when result is 0. */
bool s3_suite_result(struct s3_suite *suite, int result, const char *good,
                     const struct err *err, struct text *answer);
/* Asks, adds "404 NoSuchUpload"; the body is kept for the note. */
void s3_suite_ask(struct s3_suite *suite, const struct s3_raw *raw, struct text *answer);
/* PUT of a short text by the client; false: the answer says why. */
bool s3_suite_put(struct s3_suite *suite, struct s3_client *client, const char *key,
                  const char *data, struct text *answer);
/* Removes, adds "removed", "locked", "refused" or the error. */
void s3_suite_delete(struct s3_suite *suite, struct s3_client *client, const char *key,
                     const char *version_id, struct text *answer);

enum { S3_SUITE_PART = 5 << 20 }; /* the least that all services take */
/* Parts `from` to `to` of a stream of S3_SUITE_PART bytes each (s3_rig_byte), `last` bytes
 * in the last one if last > 0. */
int s3_suite_give(struct s3_upload *upload, unsigned from, unsigned to, size_t last,
                  struct err *err) MUST_USE;
struct s3_upload *s3_suite_begin(struct s3_client *client, const char *key,
                                 struct err *err) MUST_USE;
/* "same bytes", or how the object differs from the first `size` bytes of the stream. */
void s3_suite_compare(struct s3_suite *suite, const char *key, uint64_t size,
                      struct text *answer);
/* A second process uploads two parts to `key` and is killed before it can end (kill -9).
 * Entry of that process: */
int s3_suite_die(struct s3_suite *suite, const char *key);

/* ---- the claims */

/* s3_suite_objects.c */
void s3_claim_odd_keys(struct s3_suite *suite, struct text *answer);
void s3_claim_control_key(struct s3_suite *suite, struct text *answer);
void s3_claim_empty_object(struct s3_suite *suite, struct text *answer);
void s3_claim_absent(struct s3_suite *suite, struct text *answer);
void s3_claim_no_bucket(struct s3_suite *suite, struct text *answer);
void s3_claim_pages(struct s3_suite *suite, struct text *answer);
void s3_claim_remove_many(struct s3_suite *suite, struct text *answer);
void s3_claim_ranges(struct s3_suite *suite, struct text *answer);
void s3_claim_changed(struct s3_suite *suite, struct text *answer);
void s3_claim_put_if_absent(struct s3_suite *suite, struct text *answer);
void s3_claim_put_if_absent_versioned(struct s3_suite *suite, struct text *answer);
void s3_claim_presign(struct s3_suite *suite, struct text *answer);
void s3_claim_put_get(struct s3_suite *suite, struct text *answer);

/* s3_suite_access.c */
void s3_claim_wrong_secret(struct s3_suite *suite, struct text *answer);
void s3_claim_wrong_key(struct s3_suite *suite, struct text *answer);
void s3_claim_region(struct s3_suite *suite, struct text *answer);
void s3_claim_clock(struct s3_suite *suite, struct text *answer);
void s3_claim_foreign_ca(struct s3_suite *suite, struct text *answer);
void s3_claim_busy_answer(struct s3_suite *suite, struct text *answer);
void s3_claim_busy_client(struct s3_suite *suite, struct text *answer);
void s3_answer_wrong_secret(struct s3_suite *suite, struct text *answer);
void s3_answer_wrong_key(struct s3_suite *suite, struct text *answer);
void s3_answer_clock(struct s3_suite *suite, struct text *answer);
void s3_answer_region(struct s3_suite *suite, struct text *answer);
void s3_answer_hash(struct s3_suite *suite, struct text *answer);
void s3_answer_md5(struct s3_suite *suite, struct text *answer);
void s3_answer_crc64(struct s3_suite *suite, struct text *answer);
void s3_answer_sha256(struct s3_suite *suite, struct text *answer);
void s3_answer_if_none_match(struct s3_suite *suite, struct text *answer);
void s3_answer_if_none_match_versioned(struct s3_suite *suite, struct text *answer);
void s3_answer_key_double_slash(struct s3_suite *suite, struct text *answer);
void s3_answer_key_dots(struct s3_suite *suite, struct text *answer);
void s3_answer_key_below_object(struct s3_suite *suite, struct text *answer);
void s3_answer_key_long_segment(struct s3_suite *suite, struct text *answer);
void s3_answer_key_longest(struct s3_suite *suite, struct text *answer);
void s3_answer_key_too_long(struct s3_suite *suite, struct text *answer);

/* s3_suite_uploads.c */
void s3_claim_three_parts(struct s3_suite *suite, struct text *answer);
void s3_claim_resume(struct s3_suite *suite, struct text *answer);
void s3_claim_abort_twice(struct s3_suite *suite, struct text *answer);
void s3_claim_aborted_meanwhile(struct s3_suite *suite, struct text *answer);
void s3_claim_discard(struct s3_suite *suite, struct text *answer);
void s3_claim_uploads_exact(struct s3_suite *suite, struct text *answer);
void s3_claim_uploads_prefix(struct s3_suite *suite, struct text *answer);
void s3_answer_second_complete(struct s3_suite *suite, struct text *answer);
void s3_answer_abort_twice(struct s3_suite *suite, struct text *answer);
void s3_answer_part_after_abort(struct s3_suite *suite, struct text *answer);
void s3_answer_complete_if_none_match(struct s3_suite *suite, struct text *answer);
void s3_answer_part_numbers(struct s3_suite *suite, struct text *answer);
void s3_answer_complete_order(struct s3_suite *suite, struct text *answer);
void s3_answer_complete_small(struct s3_suite *suite, struct text *answer);
void s3_answer_complete_etag(struct s3_suite *suite, struct text *answer);
void s3_answer_complete_nothing(struct s3_suite *suite, struct text *answer);
void s3_answer_part_hash(struct s3_suite *suite, struct text *answer);

/* s3_suite_versions.c */
void s3_claim_versioning_known(struct s3_suite *suite, struct text *answer);
void s3_claim_versions(struct s3_suite *suite, struct text *answer);
void s3_claim_delete_marker(struct s3_suite *suite, struct text *answer);
void s3_claim_governance(struct s3_suite *suite, struct text *answer);
void s3_claim_compliance(struct s3_suite *suite, struct text *answer);
void s3_claim_legal_hold(struct s3_suite *suite, struct text *answer);
void s3_claim_locked_upload(struct s3_suite *suite, struct text *answer);
void s3_claim_each_removal(struct s3_suite *suite, struct text *answer);
void s3_claim_lock_plain_bucket(struct s3_suite *suite, struct text *answer);
void s3_answer_delete_locked(struct s3_suite *suite, struct text *answer);
void s3_answer_delete_held(struct s3_suite *suite, struct text *answer);

#endif
