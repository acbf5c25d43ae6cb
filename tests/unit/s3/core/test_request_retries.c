/* What a request sits out: throttling, outages, connections that die. */
#include "s3/core/client.h"

#include "tests/support/run_suite.h"
#include "tests/support/s3_pair.h"

#include <check.h>
#include <stdatomic.h>

START_TEST(a_busy_service_is_tried_on_a_new_connection)
{
    struct fake_request first, second;
    struct s3_pair pair;
    struct err err = {0};
    struct s3_put put = {.key = "a", .data = "body", .size = 4};

    s3_pair_init(&pair, NULL, NULL);
    fake_s3_fault(pair.fake, &(struct fake_fault){.op = "PutObject",
                                                  .action = FAKE_STATUS,
                                                  .status = 503,
                                                  .code = "SlowDown"});
    OK(s3_put(pair.client, &put, &err));
    ck_assert(fake_s3_request(pair.fake, "PutObject", 1, &first));
    ck_assert(fake_s3_request(pair.fake, "PutObject", 2, &second));
    ck_assert_uint_ne(first.connection, second.connection);
    fake_request_release(&first);
    fake_request_release(&second);
    s3_pair_release(&pair);
}
END_TEST

START_TEST(the_service_is_given_the_time_it_asks_for)
{
    static const struct {
        const char *headers;
        int64_t wait_ms;
    } asks[] = {{"Retry-After: 7\r\n", 7000},
                {"x-amz-retry-after: 700\r\n", 700},
                {"Retry-After: 3600\r\n", 120000}};
    struct s3_pair pair;
    struct err err = {0};

    struct s3_config config = s3_pair_config();
    config.retry_time_ms = 600000;
    s3_pair_init(&pair, NULL, &config);
    fake_s3_add_object(pair.fake, "a", "x", 1);
    fake_s3_fault(pair.fake, &(struct fake_fault){.op = "GetObject",
                                                  .action = FAKE_STATUS,
                                                  .status = 429,
                                                  .code = "TooManyRequests",
                                                  .headers = asks[_i].headers});
    OK(s3_pair_get(&pair, &err));
    ck_assert_int_eq(atomic_load(&pair.longest_ms), asks[_i].wait_ms);
    ck_assert_uint_eq(s3_client_window(pair.client), 8);
    s3_pair_release(&pair);
}
END_TEST

static atomic_llong clock_at;

static int64_t our_clock(void *unused)
{
    (void)unused;
    return atomic_load(&clock_at);
}

static int64_t no_wait(void *unused, int64_t delay_ms)
{
    (void)unused;
    (void)delay_ms;
    return 0;
}

START_TEST(what_throttling_closed_opens_again_while_all_is_well)
{
    static const struct s3_test_hooks hooks = {.now = our_clock, .delay = no_wait};
    struct s3_pair pair;
    struct err err = {0};

    clock_at = 1000;
    s3_pair_init(&pair, NULL, NULL);
    s3_client_set_test_hooks(pair.client, &hooks);
    fake_s3_add_object(pair.fake, "a", "x", 1);
    fake_s3_fault(pair.fake, &(struct fake_fault){.op = "GetObject",
                                                  .action = FAKE_STATUS,
                                                  .status = 503,
                                                  .code = "SlowDown"});
    OK(s3_pair_get(&pair, &err));
    ck_assert_uint_eq(s3_client_window(pair.client), 8);
    for (unsigned n = 1; n <= 10; n++) {
        clock_at += 30000;
        OK(s3_pair_get(&pair, &err));
        ck_assert_uint_eq(s3_client_window(pair.client), n < 8 ? 8 + n : 16);
        OK(s3_pair_get(&pair, &err));
        ck_assert_uint_eq(s3_client_window(pair.client), n < 8 ? 8 + n : 16);
    }
    s3_pair_release(&pair);
}
END_TEST

START_TEST(an_outage_ends_with_the_budget_and_one_sentence)
{
    struct s3_config config = s3_pair_config();
    struct s3_pair pair;
    struct err err = {0};

    config.retry_time_ms = 100;
    s3_pair_init(&pair, NULL, &config);
    fake_s3_down(pair.fake);
    FAILS(s3_pair_get(&pair, &err), ERR_TRANSIENT);
    ck_assert_ptr_nonnull(strstr(err.text, " tries in "));
    s3_pair_release(&pair);
}
END_TEST

START_TEST(a_service_that_comes_back_is_found)
{
    struct s3_pair pair;
    struct err err = {0};
    struct s3_request request;
    struct text out;

    s3_pair_init(&pair, NULL, NULL);
    fake_s3_add_object(pair.fake, "a", "x", 1);
    OK(s3_pair_get(&pair, &err));
    fake_s3_down(pair.fake);
    s3_request_init(&request, "GET", "a");
    text_init(&out, 100);
    request.out = &out;
    s3_request_submit(pair.client, &request);
    while (atomic_load(&pair.waits) < 3)
        (void)cancel_sleep_ms(NULL, 1);
    OK(fake_s3_up(pair.fake, &err));
    OK(s3_request_wait(pair.client, &request, &err));
    ck_assert_uint_ge(request.answer.tries, 4);
    s3_request_release(&request);
    text_release(&out);
    s3_pair_release(&pair);
}
END_TEST

START_TEST(a_dead_kept_connection_costs_nothing_but_a_try)
{
    struct fake_s3_settings service = s3_pair_service();
    struct s3_pair pair;
    struct err err = {0};

    service.close_each = true;
    s3_pair_init(&pair, &service, NULL);
    fake_s3_add_object(pair.fake, "a", "x", 1);
    for (int i = 0; i < 5; i++)
        OK(s3_pair_get(&pair, &err));
    s3_pair_release(&pair);
}
END_TEST

static int count_object(void *context, const struct s3_object *object, struct err *err)
{
    unsigned *count = context;
    (void)object;
    (void)err;
    (*count)++;
    return 0;
}

/* Puts, looks, reads, lists and deletes; whatever happens on the way it must come out
 * right. */
static void go_round(struct s3_pair *pair)
{
    static const char *const keys[] = {"r/a", "r/b", "r/c"};
    struct s3_delete deletes[3] = {{.key = "r/a"}, {.key = "r/b"}, {.key = "r/c"}};
    struct text out;
    struct err err = {0};
    unsigned listed = 0;
    bool absent = true, existed = true;

    for (size_t i = 0; i < 3; i++) {
        struct s3_put spec = {.key = keys[i],
                              .data = "hello",
                              .size = 5,
                              .if_absent = i < 2,
                              .existed = i < 2 ? &existed : NULL};
        existed = false;
        OK(s3_put(pair->client, &spec, &err));
        ck_assert(!existed);
    }
    text_init(&out, 100);
    OK(s3_get(pair->client, "r/a", &out, &absent, &err));
    ck_assert(!absent);
    ck_assert_str_eq(out.data, "hello");
    text_release(&out);
    OK(s3_list(pair->client, "r/", count_object, &listed, &err));
    ck_assert_uint_ge(listed, 3);
    for (size_t i = 0; i < 3; i++)
        OK(s3_delete(pair->client, &deletes[i], &err));
    ck_assert_uint_eq(fake_s3_object_count(pair->fake), 0);
}

static const struct fake_fault nth_faults[] = {
    {.action = FAKE_STATUS, .status = 500},
    {.action = FAKE_STATUS, .status = 503, .code = "SlowDown"},
    {.action = FAKE_STATUS, .status = 502, .code = ""},
    {.action = FAKE_STATUS_EARLY, .status = 503, .code = "ServiceUnavailable"},
    {.action = FAKE_RESET},
    {.action = FAKE_LOSE_ANSWER},
    {.action = FAKE_CUT_ANSWER, .bytes = 10},
    {.action = FAKE_SKEWED, .seconds = 0},
    {.action = FAKE_EXPIRED_TOKEN},
    {.action = FAKE_WRONG_REGION, .region = "eu-test-3"},
};

START_TEST(any_one_request_may_fail_in_any_way)
{
    for (unsigned n = 1;; n++) {
        struct s3_config config = s3_pair_config();
        struct fake_fault fault = nth_faults[_i];
        struct s3_pair pair;
        config.provider = "minio";
        s3_pair_init(&pair, NULL, &config);
        fault.request = n;
        unsigned id = fake_s3_fault(pair.fake, &fault);
        go_round(&pair);
        bool fired = fake_s3_fired(pair.fake, id) > 0;
        ck_assert_uint_eq(fake_s3_stats(pair.fake).bad_signatures, 0);
        s3_pair_release(&pair);
        if (!fired) {
            ck_assert_uint_gt(n, 6);
            return;
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("request_retries");
    TCase *tests = tcase_create("request_retries");
    struct err err = {0};

    if (s3_global_init(&err) < 0)
        return 1;
    tcase_add_test(tests, a_busy_service_is_tried_on_a_new_connection);
    tcase_add_loop_test(tests, the_service_is_given_the_time_it_asks_for, 0, 3);
    tcase_add_test(tests, what_throttling_closed_opens_again_while_all_is_well);
    tcase_add_test(tests, an_outage_ends_with_the_budget_and_one_sentence);
    tcase_add_test(tests, a_service_that_comes_back_is_found);
    tcase_add_test(tests, a_dead_kept_connection_costs_nothing_but_a_try);
    tcase_add_loop_test(tests, any_one_request_may_fail_in_any_way, 0,
                        sizeof nth_faults / sizeof nth_faults[0]);
    suite_add_tcase(suite, tests);
    int status = run_suite(suite);
    s3_global_release();
    return status;
}
