/*
 * s3_rig - an s3_pair, buffers, and streams whose every byte is known, for the tests of
 * transfers; and the words that those tests are written in.
 *
 *     s3_rig_set_up and s3_rig_stop are the fixture
 *     s3_rig_restart changes service or client
 *     s3_rig_fault, then what is tested: its error in rig.err, what was sent in rig.fake
 *
 * There is one, of the test that runs: Check gives each a process of its own. Failures of
 * the rig itself end the test.
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

extern struct s3_rig rig;

/* settings NULL: the defaults. `change` (may be NULL) alters the client's configuration. */
void s3_rig_start(const struct fake_s3_settings *settings,
                  void (*change)(struct s3_config *config));
void s3_rig_set_up(void); /* with the defaults */
void s3_rig_stop(void);
void s3_rig_restart(const struct fake_s3_settings *settings,
                    void (*change)(struct s3_config *config));
/* With a client that takes the service for this provider. */
void s3_rig_restart_as(const char *provider, const struct fake_s3_settings *settings);

/* As fake_s3_fault and fake_s3_count. */
unsigned s3_rig_fault(struct fake_fault fault);
unsigned s3_rig_count(const char *op);

/* Byte `at` of the stream. */
unsigned char s3_rig_byte(uint64_t at);
void s3_rig_fill(unsigned char *out, uint64_t offset, size_t size);
bool s3_rig_matches(const unsigned char *data, uint64_t offset, size_t size);
/* The first `size` bytes of the stream, put there without a request. */
void s3_rig_add_object(const char *key, size_t size);

/* The upload that most tests make: parts of S3_RIG_PART bytes, the last of S3_RIG_LAST. */
#define S3_RIG_KEY "data/shop/dump.sql.gz"
enum { S3_RIG_PART = 64 << 10, S3_RIG_LAST = 5000 };
uint64_t s3_rig_size(unsigned parts);
/* What finish said; the upload is freed. */
int s3_rig_upload(unsigned parts);
/* Done, whole, and no upload is left open. */
void s3_rig_assert_uploaded(unsigned parts);
/* Failed with this kind, and nothing is left behind. */
void s3_rig_assert_refused(unsigned parts, enum err_kind kind);
/* No object is to be seen, and no upload takes space. */
void s3_rig_assert_nothing(void);
/* No bad signature, no part or ending twice at once, nothing after an abort or a
 * Complete, no chunks. */
void s3_rig_assert_manners(void);

/* An upload of the key with token "0123456789abcdef0123456789abcdef". */
struct s3_upload *s3_rig_begin(const char *key);
/* Gives parts `from` to `to` of part_size bytes each, the last with last_size. What
 * s3_upload_part said of the last one given. */
int s3_rig_give(struct s3_upload *upload, unsigned from, unsigned to, size_t part_size,
                size_t last_size);
/* Whether the object is there with exactly the first `size` bytes of the stream. */
bool s3_rig_object_is(const char *key, uint64_t size);

#endif
