/* A service that is frozen, and somebody who wants the program to end. */
#include "s3/core/client.h"

#include "base/clock.h"
#include "tests/support/deaf_socket.h"
#include "tests/support/run_suite.h"
#include "tests/support/s3_pair.h"

#include <check.h>
#include <unistd.h>

enum { REQUESTS = 6, SOON_MS = 5000, HURRY_MS = 3000 };

static atomic_llong jump_ms;

static int64_t jumping_clock(void *unused)
{
    (void)unused;
    return clock_monotonic_ms() + atomic_load(&jump_ms);
}

/* Takes every request, and answers none. */
static void freeze(struct s3_pair *pair)
{
    fake_s3_fault(pair->fake,
                  &(struct fake_fault){.action = FAKE_HOLD, .times = FAKE_ALWAYS});
}

START_TEST(a_signal_ends_all_that_a_frozen_service_does_not_answer)
{
    static const char body[(1 << 20) + 1];
    struct s3_request requests[REQUESTS];
    struct s3_pair pair;
    struct err err = {0};
    s3_pair_init(&pair, NULL, NULL);
    freeze(&pair);
    for (unsigned i = 0; i < REQUESTS; i++) {
        s3_request_init(&requests[i], i % 2 == 0 ? "PUT" : "GET", "a");
        requests[i].body = i % 2 == 0 ? body : NULL;
        requests[i].body_size = i % 2 == 0 ? sizeof body : 0;
        s3_request_submit(pair.client, &requests[i]);
    }
    ck_assert(fake_s3_wait_held(pair.fake, REQUESTS, 20000));
    int64_t start = clock_monotonic_ms();
    cancel_trip(NULL, CANCEL_SIGTERM);
    for (unsigned i = 0; i < REQUESTS; i++)
        FAILS(s3_request_wait(pair.client, &requests[i], &err), ERR_CANCELLED);
    ck_assert_int_lt(clock_monotonic_ms() - start, SOON_MS);
    for (unsigned i = 0; i < REQUESTS; i++)
        s3_request_release(&requests[i]);
    fake_s3_release(pair.fake);
    s3_pair_release(&pair);
}
END_TEST

START_TEST(a_signal_ends_a_body_that_nobody_reads)
{
    static const char body[8 << 20];
    struct s3_config config = s3_pair_config();
    struct s3_request request;
    struct err err = {0};
    char endpoint[DEAF_SOCKET_URL];
    int fd = deaf_socket(endpoint);
    config.endpoint = endpoint;
    struct s3_client *client = s3_client_new(&config, &err);
    ck_assert_msg(client != NULL, "%s", err.text);
    s3_request_init(&request, "PUT", "a");
    request.body = body;
    request.body_size = sizeof body;
    s3_request_submit(client, &request);
    (void)cancel_sleep_ms(NULL, 200); /* into the kernel's buffers, until they are full */
    int64_t start = clock_monotonic_ms();
    cancel_trip(NULL, CANCEL_SIGINT);
    FAILS(s3_request_wait(client, &request, &err), ERR_CANCELLED);
    s3_request_release(&request);
    s3_client_free(client);
    ck_assert_int_lt(clock_monotonic_ms() - start, SOON_MS);
    close(fd);
}
END_TEST

START_TEST(after_a_signal_all_clean_up_together_takes_seconds)
{
    struct s3_pair pair;
    struct err err = {0};
    s3_pair_init(&pair, NULL, NULL);
    freeze(&pair);
    int64_t start = clock_monotonic_ms();
    cancel_trip(NULL, CANCEL_SIGTERM);
    struct s3_client *cleaner =
        s3_client_with(pair.client, &(struct s3_call){.cleaning = true});
    for (unsigned i = 0; i < REQUESTS; i++)
        FAILS(s3_abort_upload(cleaner, "a", "id", &err), ERR_CANCELLED);
    int64_t passed = clock_monotonic_ms() - start;
    ck_assert_int_ge(passed, HURRY_MS - 100);
    ck_assert_int_lt(passed, HURRY_MS + SOON_MS);
    s3_client_free(cleaner);
    fake_s3_release(pair.fake);
    s3_pair_release(&pair);
}
END_TEST

/* Nobody waits for a run whose time is over: its clean-up has its minute, until a signal comes
 * as well. */
START_TEST(a_time_limit_hurries_no_clean_up_but_a_signal_behind_it_does)
{
    struct s3_config config = s3_pair_config();
    struct s3_pair pair;
    struct s3_request request;
    struct err err = {0};
    struct cancel *run = cancel_new(NULL, 0, &err);
    ck_assert_ptr_nonnull(run);
    config.cancel = run;
    s3_pair_init(&pair, NULL, &config);
    s3_client_set_test_hooks(
        pair.client, &(struct s3_test_hooks){.now = jumping_clock, .context = &pair});
    freeze(&pair);
    struct s3_client *cleaner =
        s3_client_with(pair.client, &(struct s3_call){.cleaning = true});
    s3_request_init(&request, "DELETE", "a");
    cancel_trip(run, CANCEL_TIME_LIMIT);
    s3_request_submit(cleaner, &request);
    ck_assert(fake_s3_wait_held(pair.fake, 1, 5000));
    atomic_store(&jump_ms, 10 * HURRY_MS);
    fake_s3_clear_faults(pair.fake);
    FAILS(s3_pair_get(&pair, &err), ERR_CANCELLED); /* the engine has turned, and looked */
    fake_s3_release(pair.fake);
    OK(s3_request_wait(cleaner, &request, &err));

    freeze(&pair);
    s3_request_submit(cleaner, &request);
    ck_assert(fake_s3_wait_held(pair.fake, 1, 5000));
    int64_t start = clock_monotonic_ms();
    cancel_trip(NULL, CANCEL_SIGTERM);
    FAILS(s3_request_wait(cleaner, &request, &err), ERR_CANCELLED);
    ck_assert_int_lt(clock_monotonic_ms() - start, HURRY_MS + SOON_MS);
    s3_request_release(&request);
    s3_client_free(cleaner);
    fake_s3_release(pair.fake);
    s3_pair_release(&pair);
    cancel_free(run);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("request_cancel");
    TCase *tests = tcase_create("request_cancel");
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, a_signal_ends_all_that_a_frozen_service_does_not_answer);
    tcase_add_test(tests, a_signal_ends_a_body_that_nobody_reads);
    tcase_add_test(tests, after_a_signal_all_clean_up_together_takes_seconds);
    tcase_add_test(tests, a_time_limit_hurries_no_clean_up_but_a_signal_behind_it_does);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
