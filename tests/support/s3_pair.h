/*
 * s3_pair - a scripted service (fake_s3) and a client that talks to it, for unit tests of
 * s3/.
 *
 * Chance is fixed (every wait is the least one) and waits take no time; what they would
 * have been is counted. Failures to set up abort the test (Check).
 */
#ifndef PGKEEP_TESTS_S3_PAIR_H
#define PGKEEP_TESTS_S3_PAIR_H

#include "tests/support/fake_s3.h"
#include "s3/core/client.h"

#include <stdatomic.h>

struct s3_pair {
    struct fake_s3 *fake;
    struct s3_client *client;
    atomic_uint waits;       /* how often the client waited before a try */
    atomic_llong longest_ms; /* the longest wait asked for */
};

struct fake_s3_settings s3_pair_service(void); /* fake_s3_defaults */
/* Keys, bucket and region of the service; no endpoint yet. */
struct s3_config s3_pair_config(void);
/* NULL: the defaults above. config->endpoint is filled in here. */
void s3_pair_init(struct s3_pair *pair, const struct fake_s3_settings *service,
                  const struct s3_config *config);
void s3_pair_release(struct s3_pair *pair);
/* One fault for one operation, the first time; more by fake_s3_fault. */
void s3_pair_fault(struct s3_pair *pair, const char *op, enum fake_action action);

/* GET of "a", whose body is dropped. */
int s3_pair_get(struct s3_pair *pair, struct err *err);

/* A call that must succeed or fail in this way; its error is in `err`. */
#define OK(call) ck_assert_msg((call) == 0, "%s", err.text)
#define FAILS(call, wanted)                                                                \
    do {                                                                                   \
        ck_assert_int_lt((call), 0);                                                       \
        ck_assert_msg(err.kind == (wanted), "kind %d: %s", (int)err.kind, err.text);       \
    } while (0)

#endif
