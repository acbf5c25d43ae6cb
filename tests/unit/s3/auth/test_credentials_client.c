/* Renewal of credentials, seen from a client whose service lets them expire. */
#include "s3/auth/credentials.h"

#include "base/cancel.h"
#include "base/clock.h"
#include "tests/support/aws_world.h"
#include "tests/support/run_suite.h"
#include "tests/support/s3_pair.h"

#include <check.h>

/* Hands out key after key, and makes the service take the newest one. */
struct rotation {
    struct s3_pair *pair;
    atomic_int number;
};

static void set_expiry(struct rotation *rotation, int number, int64_t expires_ms)
{
    char key[16];
    char token[16];
    snprintf(key, sizeof key, "K%d", number);
    snprintf(token, sizeof token, "T%d", number);
    fake_s3_add_credentials(rotation->pair->fake, key, "S", token, expires_ms);
}

static char *next_keys(void *context, const struct fake_http_request *request)
{
    (void)request;
    struct rotation *rotation = context;
    char when[32];
    int number = atomic_fetch_add(&rotation->number, 1) + 1;
    set_expiry(rotation, number, 0);
    return memory_format(
        "{\"AccessKeyId\":\"K%d\",\"SecretAccessKey\":\"S\",\"Token\":\"T%d\","
        "\"Expiration\":\"%s\"}",
        number, number, clock_rfc3339(when, clock_now() + 60));
}

START_TEST(a_client_outlives_tokens_that_the_service_lets_expire)
{
    struct s3_pair pair;
    struct rotation rotation = {.pair = &pair};
    const struct fake_http_row rows[] = {
        {.status = 200, .make_body = next_keys, .context = &rotation}};
    struct fake_http *http = aws_world_serve(rows, sizeof rows / sizeof *rows);
    struct s3_config config = s3_pair_config();
    struct err err = {0};
    config.access_key = config.secret_key = NULL;
    aws_world_env_url("AWS_CONTAINER_CREDENTIALS_FULL_URI", http, "/");
    s3_pair_init(&pair, NULL, &config);
    for (int i = 1; i <= 5; i++) {
        struct s3_put put = {.key = "k", .data = "data", .size = 4};
        ck_assert_msg(s3_put(pair.client, &put, &err) == 0, "%s", err.text);
        ck_assert_uint_eq(fake_http_count(http), (unsigned)i);
        set_expiry(&rotation, i, clock_now_ms() - 1);
    }
    ck_assert_uint_eq(fake_s3_count(pair.fake, "PutObject"), 9); /* 4 refused */
    ck_assert_uint_eq(fake_s3_stats(pair.fake).bad_signatures, 0);

    s3_pair_release(&pair);
    fake_http_free(http);
}
END_TEST

/* Gives keys at once the first time, and then not before it may. */
struct slow_keys {
    struct rotation rotation;
    atomic_bool may;
};

static char *slow_keys(void *context, const struct fake_http_request *request)
{
    struct slow_keys *slow = context;
    while (atomic_load(&slow->rotation.number) > 0 && !atomic_load(&slow->may))
        cancel_sleep_ms(NULL, 1);
    return next_keys(&slow->rotation, request);
}

START_TEST(a_slow_renewal_does_not_hold_up_what_is_under_way)
{
    struct s3_pair pair;
    struct slow_keys slow = {.rotation.pair = &pair};
    const struct fake_http_row rows[] = {
        {.status = 200, .make_body = slow_keys, .context = &slow}};
    struct fake_http *http = aws_world_serve(rows, sizeof rows / sizeof *rows);
    struct s3_config config = s3_pair_config();
    struct s3_request running, waiting;
    struct err err = {0};
    config.access_key = config.secret_key = NULL;
    aws_world_env_url("AWS_CONTAINER_CREDENTIALS_FULL_URI", http, "/");
    s3_pair_init(&pair, NULL, &config);
    fake_s3_fault(pair.fake, &(struct fake_fault){.key = "running", .action = FAKE_HOLD});
    s3_request_init(&running, "HEAD", "running");
    s3_request_init(&waiting, "HEAD", "waiting");
    running.accept[0] = waiting.accept[0] = 404;
    s3_request_submit(pair.client, &running);
    ck_assert(fake_s3_wait_held(pair.fake, 1, AWS_WORLD_WAIT_MS));
    set_expiry(&slow.rotation, 1, clock_now_ms() - 1);
    s3_request_submit(pair.client, &waiting);
    aws_world_wait(http, 2);
    fake_s3_release(pair.fake);
    ck_assert_int_eq(s3_request_wait(pair.client, &running, &err), 0);
    ck_assert_uint_eq(fake_http_count(http), 2); /* and this one still has no answer */
    ck_assert_uint_eq(fake_s3_count(pair.fake, "HeadObject"), 2);
    atomic_store(&slow.may, true);
    ck_assert_msg(s3_request_wait(pair.client, &waiting, &err) == 0, "%s", err.text);
    s3_request_release(&running);
    s3_request_release(&waiting);
    s3_pair_release(&pair);
    fake_http_free(http);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("credentials_client");
    TCase *tcase = tcase_create("credentials_client");
    tcase_add_checked_fixture(tcase, aws_world_set_up, aws_world_tear_down);
    tcase_add_test(tcase, a_client_outlives_tokens_that_the_service_lets_expire);
    tcase_add_test(tcase, a_slow_renewal_does_not_hold_up_what_is_under_way);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
