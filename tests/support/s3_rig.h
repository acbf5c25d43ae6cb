/*
 * s3_rig - an s3_pair, buffers, and streams whose every byte is known, for the tests of
 * transfers.
 *
 * Failures of the rig itself end the test (Check).
 */
#ifndef PGKEEP_TESTS_S3_RIG_H
#define PGKEEP_TESTS_S3_RIG_H

#include "base/part.h"
#include "s3/s3.h"
#include "tests/support/s3_pair.h"

struct s3_rig {
    struct s3_pair pair;
    struct fake_s3 *fake;     /* pair.fake */
    struct s3_client *client; /* pair.client */
    struct part_pool *pool;
    struct err err; /* of the call under test */
};

/* settings NULL: the defaults. `change` (may be NULL) alters the client's configuration. */
void s3_rig_start(struct s3_rig *rig, const struct fake_s3_settings *settings,
                  void (*change)(struct s3_config *config));
void s3_rig_stop(struct s3_rig *rig);

/* Byte `at` of the stream. */
unsigned char s3_rig_byte(uint64_t at);
void s3_rig_fill(unsigned char *out, uint64_t offset, size_t size);
bool s3_rig_matches(const unsigned char *data, uint64_t offset, size_t size);
/* The first `size` bytes of the stream, put there without a request. */
void s3_rig_add_object(struct s3_rig *rig, const char *key, size_t size);

/* The upload that most tests make: parts of S3_RIG_PART bytes, the last of S3_RIG_LAST. */
#define S3_RIG_KEY "data/shop/dump.sql.gz"
enum { S3_RIG_PART = 64 << 10, S3_RIG_LAST = 5000 };
uint64_t s3_rig_size(unsigned parts);
/* What finish said; the upload is freed. */
int s3_rig_upload(struct s3_rig *rig, unsigned parts);
/* Done, whole, and no upload is left open. */
void s3_rig_assert_uploaded(struct s3_rig *rig, unsigned parts);
/* Failed with this kind, and nothing is left behind. */
void s3_rig_assert_refused(struct s3_rig *rig, unsigned parts, enum err_kind kind);
/* No bad signature, no part or ending twice at once, nothing after an abort, no chunks. */
void s3_rig_assert_manners(struct s3_rig *rig);

/* An upload of the key with token "0123456789abcdef0123456789abcdef". */
struct s3_upload *s3_rig_begin(struct s3_rig *rig, const char *key);
/* Gives parts `from` to `to` of part_size bytes each, the last with last_size. What
 * s3_upload_part said of the last one given. */
int s3_rig_give(struct s3_rig *rig, struct s3_upload *upload, unsigned from, unsigned to,
                size_t part_size, size_t last_size);
/* Whether the object is there with exactly the first `size` bytes of the stream. */
bool s3_rig_object_is(struct s3_rig *rig, const char *key, uint64_t size);

#endif
