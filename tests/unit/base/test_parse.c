#include "base/parse.h"
#include "tests/support/run_suite.h"

#include <check.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

static struct err err;

/* ---- whole numbers ---- */

static const struct {
    const char *text;
    int64_t min, max, value;
    bool good;
} numbers[] = {
    {"0", 0, 9, 0, true},
    {"007", 0, 9, 7, true},
    {"-5", -9, 9, -5, true},
    {"9223372036854775807", 0, INT64_MAX, INT64_MAX, true},
    {"9223372036854775808", 0, INT64_MAX, 0, false},
    {"99999999999999999999", INT64_MIN, INT64_MAX, 0, false},
    {"10", 0, 9, 0, false},
    {"-1", 0, 9, 0, false},
    {"", 0, 9, 0, false},
    {"-", -9, 9, 0, false},
    {"+1", 0, 9, 0, false},
    {" 1", 0, 9, 0, false},
    {"1 ", 0, 9, 0, false},
    {"0x1", 0, 9, 0, false},
};

START_TEST(a_number_is_digits_to_its_end_and_in_range)
{
    int64_t value = 42;
    int result =
        parse_int(numbers[_i].text, numbers[_i].min, numbers[_i].max, &value, &err);
    ck_assert_int_eq(result, numbers[_i].good ? 0 : -1);
    ck_assert_int_eq(value, numbers[_i].good ? numbers[_i].value : 42);
}
END_TEST

/* ---- sizes ---- */

static const struct {
    const char *text;
    uint64_t bytes;
    bool good;
} sizes[] = {
    {"0", 0, true},
    {"512", 512, true},
    {"512B", 512, true},
    {"1KiB", 1024, true},
    {"2mib", 2 << 20, true},
    {"3GiB", (uint64_t)3 << 30, true},
    {"8388607TiB", (uint64_t)8388607 << 40, true},
    {"8388608TiB", 0, false}, /* 2^63 */
    {"10GB", 10000000000, true},
    {"10MB", 10000000, true},
    {"10KB", 10000, true},
    {"1TB", 1000000000000, true},
    {"1.5GiB", 0, false},
    {"10 GB", 0, false},
    {"10G", 0, false}, /* 10 or 1024 based? */
    {"-1", 0, false},
    {"GB", 0, false},
    {"", 0, false},
};

START_TEST(a_size_says_its_unit_whole)
{
    uint64_t bytes = 42;
    ck_assert_int_eq(parse_size(sizes[_i].text, &bytes, &err), sizes[_i].good ? 0 : -1);
    ck_assert_uint_eq(bytes, sizes[_i].good ? sizes[_i].bytes : 42);
}
END_TEST

/* ---- booleans ---- */

START_TEST(four_words_are_true_and_four_are_false)
{
    static const char *const words[] = {"true",  "YES", "on",  "1",
                                        "false", "No",  "off", "0"};
    bool value = false;
    for (int i = 0; i < 8; i++) {
        ck_assert_int_eq(parse_bool(words[i], &value, &err), 0);
        ck_assert_int_eq(value, i < 4);
    }
    ck_assert_int_lt(parse_bool("2", &value, &err), 0);
    ck_assert_int_lt(parse_bool("", &value, &err), 0);
    ck_assert_str_eq(err.text, "\"\" is neither true nor false");
}
END_TEST

/* ---- durations ---- */

static const struct {
    const char *text;
    bool small;
    int32_t months;
    int64_t seconds;
    bool good;
} durations[] = {
    {"36h", false, 0, 129600, true},
    {"1y6mo", false, 18, 0, true},
    {"1y2mo3w4d5h", false, 14, (25 * 24 + 5) * 3600, true},
    {"30min", true, 0, 1800, true},
    {"1h1min1s", true, 0, 3661, true},
    {"0d", false, 0, 0, true},
    {"1000000000000y", false, INT32_MAX, 0, true}, /* before every date anyway */
    {"30min", false, 0, 0, false},
    {"5s", false, 0, 0, false},
    {"1m", true, 0, 0, false}, /* months or minutes? */
    {"1d1w", false, 0, 0, false},
    {"1d1d", false, 0, 0, false},
    {"7", false, 0, 0, false},
    {"d", false, 0, 0, false},
    {"1d ", false, 0, 0, false},
    {"1D", false, 0, 0, false},
    {"-1d", false, 0, 0, false},
    {"1000000000001d", false, 0, 0, false},
    {"", false, 0, 0, false},
};

START_TEST(a_duration_has_each_unit_once_and_in_order)
{
    struct duration out = {0};
    int result = parse_duration(durations[_i].text, durations[_i].small, &out, &err);
    ck_assert_int_eq(result, durations[_i].good ? 0 : -1);
    if (result < 0)
        return;
    ck_assert_int_eq(out.months, durations[_i].months);
    ck_assert_int_eq(out.seconds, durations[_i].seconds);
}
END_TEST

START_TEST(a_length_of_time_has_no_months)
{
    int64_t seconds = 0;
    ck_assert_int_eq(parse_seconds("1d30min", &seconds, &err), 0);
    ck_assert_int_eq(seconds, 88200);
    ck_assert_int_lt(parse_seconds("1mo", &seconds, &err), 0);
    ck_assert_int_lt(parse_seconds("90", &seconds, &err), 0);
    ck_assert_int_eq(seconds, 88200);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("parse");
    TCase *tcase = tcase_create("parse");
    tcase_add_loop_test(tcase, a_number_is_digits_to_its_end_and_in_range, 0,
                        COUNT(numbers));
    tcase_add_loop_test(tcase, a_size_says_its_unit_whole, 0, COUNT(sizes));
    tcase_add_test(tcase, four_words_are_true_and_four_are_false);
    tcase_add_loop_test(tcase, a_duration_has_each_unit_once_and_in_order, 0,
                        COUNT(durations));
    tcase_add_test(tcase, a_length_of_time_has_no_months);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
