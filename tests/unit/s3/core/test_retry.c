#include "s3/core/retry.h"
#include "tests/support/run_suite.h"

#include <check.h>

START_TEST(the_longest_wait_doubles_up_to_its_cap)
{
    static const struct {
        enum s3_class class_;
        unsigned failures;
        int64_t ceiling_ms;
    } rows[] = {
        {S3_CLASS_TRANSIENT, 1, 200},
        {S3_CLASS_TRANSIENT, 2, 400},
        {S3_CLASS_TRANSIENT, 7, 12800},
        {S3_CLASS_TRANSIENT, 8, 20000},
        {S3_CLASS_TRANSIENT, 4000, 20000},
        {S3_CLASS_THROTTLE, 1, 1000},
        {S3_CLASS_THROTTLE, 6, 32000},
        {S3_CLASS_THROTTLE, 7, 60000},
        {S3_CLASS_CLOCK, 1, 0},
        {S3_CLASS_REDIRECT, 2, 0},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        ck_assert_int_eq(s3_retry_ceiling_ms(rows[i].class_, rows[i].failures),
                         rows[i].ceiling_ms);
}
END_TEST

static struct s3_retry begun(int64_t budget_ms)
{
    return (struct s3_retry){.started_ms = 1000, .budget_ms = budget_ms};
}

START_TEST(waits_are_drawn_from_nothing_to_the_ceiling)
{
    for (uint64_t random = 0; random < 2000; random++) {
        struct s3_retry retry = begun(60000);
        int64_t delay = -1;
        ck_assert(s3_retry_next(&retry, S3_CLASS_TRANSIENT, 1000, random, &delay));
        ck_assert_int_eq(delay, (int64_t)(random % 201));
    }
}
END_TEST

START_TEST(the_budget_ends_the_tries_and_no_wait_goes_beyond_it)
{
    struct s3_retry retry = begun(5000);
    int64_t delay = 0;

    retry.attempt_ms = 5800;
    ck_assert(s3_retry_next(&retry, S3_CLASS_THROTTLE, 5900, 900, &delay));
    ck_assert_int_eq(delay, 100);
    retry.attempt_ms = 6000;
    ck_assert(!s3_retry_next(&retry, S3_CLASS_THROTTLE, 6000, 0, &delay));
}
END_TEST

START_TEST(a_try_that_hung_beyond_the_budget_is_not_the_last_one)
{
    struct s3_retry retry = begun(5000);
    int64_t delay = -1;

    retry.attempt_ms = 5999;
    ck_assert(s3_retry_next(&retry, S3_CLASS_TRANSIENT, 16000, 77, &delay));
    ck_assert_int_eq(delay, 0);
    retry.attempt_ms = 16000;
    ck_assert(!s3_retry_next(&retry, S3_CLASS_TRANSIENT, 16000, 0, &delay));
}
END_TEST

START_TEST(tries_are_counted_only_where_repeating_seldom_helps)
{
    static const struct {
        enum s3_class class_;
        unsigned most; /* 0: without limit */
    } rows[] = {
        {S3_CLASS_TRANSIENT, 0}, {S3_CLASS_THROTTLE, 0},    {S3_CLASS_NAME, 3},
        {S3_CLASS_CLOCK, 2},     {S3_CLASS_CREDENTIALS, 2}, {S3_CLASS_DAMAGED, 3},
        {S3_CLASS_REDIRECT, 2},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct s3_retry retry = begun(1 << 30);
        int64_t delay;
        unsigned tries = 0;
        while (tries < 1000 && s3_retry_next(&retry, rows[i].class_, 1000, 0, &delay))
            tries++;
        ck_assert_uint_eq(tries, rows[i].most == 0 ? 1000 : rows[i].most);
    }
}
END_TEST

START_TEST(what_is_permanent_is_never_repeated)
{
    struct s3_retry retry = begun(1 << 30);
    int64_t delay;
    ck_assert(!s3_retry_next(&retry, S3_CLASS_PERMANENT, 1000, 0, &delay));
}
END_TEST

START_TEST(a_name_that_was_found_before_is_waited_for_as_long_as_the_budget_lasts)
{
    struct s3_retry retry = begun(1 << 30);
    int64_t delay;
    retry.reached = true;
    for (int i = 0; i < 500; i++)
        ck_assert(s3_retry_next(&retry, S3_CLASS_NAME, 1000, 0, &delay));
}
END_TEST

START_TEST(the_service_is_given_the_time_it_asks_for_up_to_two_minutes)
{
    struct s3_retry retry = begun(1 << 30);
    int64_t delay;

    retry.after_ms = 7000;
    ck_assert(s3_retry_next(&retry, S3_CLASS_THROTTLE, 1000, 10, &delay));
    ck_assert_int_eq(delay, 7010);
    retry.after_ms = 3600000;
    ck_assert(s3_retry_next(&retry, S3_CLASS_THROTTLE, 1000, 0, &delay));
    ck_assert_int_eq(delay, S3_RETRY_AFTER_CAP_MS);
}
END_TEST

START_TEST(retry_after_is_seconds_or_a_date)
{
    static const struct {
        const char *value;
        int64_t date, ms;
    } rows[] = {
        {"", 0, 0},
        {"0", 0, 0},
        {"2", 0, 2000},
        {"60", 0, 60000},
        {"-1", 0, 0},
        {"1.5", 0, 0},
        {"soon", 0, 0},
        {"99999999999999999999", 0, 0},
        {"Sat, 21 Nov 2026 02:00:30 GMT", 1795226400, 30000},
        {"Sat, 21 Nov 2026 01:59:30 GMT", 1795226400, 0},
        {"Sat, 21 Nov 2026 02:00:30 GMT", 0, 0},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        ck_assert_msg(s3_retry_after_ms(rows[i].value, rows[i].date) == rows[i].ms,
                      "\"%s\": %lld", rows[i].value,
                      (long long)s3_retry_after_ms(rows[i].value, rows[i].date));
}
END_TEST

START_TEST(one_burst_of_throttling_halves_the_window_once)
{
    struct s3_window window;

    s3_window_init(&window, 16);
    s3_window_throttled(&window, 100, 1000);
    s3_window_throttled(&window, 200, 1001);
    s3_window_throttled(&window, 1000, 1002);
    ck_assert_uint_eq(window.limit, 8);
    s3_window_throttled(&window, 1001, 1100);
    ck_assert_uint_eq(window.limit, 4);
}
END_TEST

START_TEST(the_window_never_closes)
{
    struct s3_window window;

    s3_window_init(&window, 3);
    for (int64_t i = 1; i < 40; i += 2)
        s3_window_throttled(&window, i, i + 1);
    ck_assert_uint_eq(window.limit, 1);
}
END_TEST

START_TEST(the_window_opens_by_one_after_each_clean_half_minute_up_to_its_maximum)
{
    struct s3_window window;

    s3_window_init(&window, 3);
    s3_window_throttled(&window, 0, 1000);
    s3_window_succeeded(&window, 30999);
    ck_assert_uint_eq(window.limit, 1);
    s3_window_succeeded(&window, 31000);
    s3_window_succeeded(&window, 31001);
    ck_assert_uint_eq(window.limit, 2);
    s3_window_succeeded(&window, 61000);
    s3_window_succeeded(&window, 91000);
    s3_window_succeeded(&window, 121000);
    ck_assert_uint_eq(window.limit, 3);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("retry");
    TCase *tests = tcase_create("retry");
    tcase_add_test(tests, the_longest_wait_doubles_up_to_its_cap);
    tcase_add_test(tests, waits_are_drawn_from_nothing_to_the_ceiling);
    tcase_add_test(tests, the_budget_ends_the_tries_and_no_wait_goes_beyond_it);
    tcase_add_test(tests, a_try_that_hung_beyond_the_budget_is_not_the_last_one);
    tcase_add_test(tests, tries_are_counted_only_where_repeating_seldom_helps);
    tcase_add_test(tests, what_is_permanent_is_never_repeated);
    tcase_add_test(tests,
                   a_name_that_was_found_before_is_waited_for_as_long_as_the_budget_lasts);
    tcase_add_test(tests, the_service_is_given_the_time_it_asks_for_up_to_two_minutes);
    tcase_add_test(tests, retry_after_is_seconds_or_a_date);
    tcase_add_test(tests, one_burst_of_throttling_halves_the_window_once);
    tcase_add_test(tests, the_window_never_closes);
    tcase_add_test(tests,
                   the_window_opens_by_one_after_each_clean_half_minute_up_to_its_maximum);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
