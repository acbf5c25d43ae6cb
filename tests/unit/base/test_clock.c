#include "base/clock.h"
#include "tests/support/run_suite.h"

#include <check.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

/* ---- the calendar ---- */

static bool is_leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

START_TEST(every_day_of_ten_thousand_years_has_its_number)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t expected = clock_from_civil(0, 1, 1, 0);
    ck_assert_int_eq(expected, -62167219200);
    for (int64_t year = 0; year < 10000; year++)
        for (int month = 1; month <= 12; month++) {
            int days = lengths[month - 1] + (month == 2 && is_leap(year) ? 1 : 0);
            char want[32], text[32];
            ck_assert_int_eq(clock_from_civil(year, month, 1, 0), expected);
            expected += (int64_t)86400 * days;
            snprintf(want, sizeof want, "%04d-%02d-%02dT23:59:59Z", (int)year, month, days);
            ck_assert_str_eq(clock_rfc3339(text, expected - 1), want);
        }
    ck_assert_int_eq(expected, 253402300800);
}
END_TEST

/* ---- texts ---- */

START_TEST(what_is_outside_of_four_digit_years_is_clamped_so_that_texts_sort)
{
    char text[32];
    ck_assert_str_eq(clock_rfc3339(text, INT64_MAX / 1000), "9999-12-31T23:59:59Z");
    ck_assert_str_eq(clock_rfc3339(text, INT64_MIN / 1000), "0000-01-01T00:00:00Z");
}
END_TEST

START_TEST(milliseconds_before_1970_round_down_as_those_after_it)
{
    char text[32];
    ck_assert_str_eq(clock_rfc3339_ms(text, -1), "1969-12-31T23:59:59.999Z");
    ck_assert_str_eq(clock_rfc3339_ms(text, 1763690400123), "2025-11-21T02:00:00.123Z");
    ck_assert_str_eq(clock_compact(text, 1763690400), "20251121T020000Z");
}
END_TEST

/* ---- reading ---- */

static const struct {
    const char *text, *utc; /* NULL: refused */
} times[] = {
    {"2026-11-21T02:00:00Z", "2026-11-21T02:00:00Z"},
    {"2026-11-21t02:00:00z", "2026-11-21T02:00:00Z"},
    {"2026-11-21T02:00:00.999999Z", "2026-11-21T02:00:00Z"},
    {"2026-11-21T02:00:00+02:30", "2026-11-20T23:30:00Z"},
    {"2026-11-21T02:00:00-05:00", "2026-11-21T07:00:00Z"},
    {"2026-11-21T02:00:60Z", "2026-11-21T02:01:00Z"}, /* a leap second */
    {"2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"},
    {"2000-02-29T00:00:00Z", "2000-02-29T00:00:00Z"},
    {"2026-02-29T00:00:00Z", NULL},
    {"1900-02-29T00:00:00Z", NULL},
    {"2026-13-01T00:00:00Z", NULL},
    {"2026-00-01T00:00:00Z", NULL},
    {"2026-04-31T00:00:00Z", NULL},
    {"2026-04-00T00:00:00Z", NULL},
    {"2026-11-21", NULL}, /* what people type is clock_read's */
    {"2026-11-21 02:00", NULL},
    {"2026-11-21T02:00Z", NULL}, /* RFC 3339 has seconds */
    {"2026-11-21T02:00:00", NULL},
    {"2026-11-21T24:00:00Z", NULL},
    {"2026-11-21T02:60:00Z", NULL},
    {"2026-11-21T02:00:61Z", NULL},
    {"2026-11-21T02:00:00.Z", NULL},
    {"2026-11-21T02:00:00+2:00", NULL},
    {"2026-11-21T02:00:00+24:00", NULL},
    {"2026-11-21T02:00:00+02:60", NULL},
    {"2026-11-21T02:00:00Zx", NULL},
    {"26-11-21", NULL},
    {"2026/11/21", NULL},
    {"2026-11/21", NULL},
    {"", NULL},
};

START_TEST(a_time_is_read_whole_or_refused)
{
    int64_t seconds = 0;
    struct err err = {0};
    char text[32];
    int result = clock_parse(times[_i].text, &seconds, &err);
    ck_assert_int_eq(result, times[_i].utc != NULL ? 0 : -1);
    if (result == 0)
        ck_assert_str_eq(clock_rfc3339(text, seconds), times[_i].utc);
    else
        ck_assert_int_eq(err.kind, ERR_USAGE);
}
END_TEST

/* Everything that PRODUCT section 2 lists, in a zone with a summer time, one that is half an hour
 * off, and one west of Greenwich. `now` is 2026-11-30T12:00:00Z. */
#define NOW 1796040000
#define BERLIN "CET-1CEST,M3.5.0,M10.5.0/3"
static const struct {
    const char *zone, *text, *utc; /* NULL: refused */
} typed[] = {
    {"UTC", "2026-11-30", "2026-11-30T00:00:00Z"},
    {BERLIN, "2026-11-30", "2026-11-29T23:00:00Z"},
    {BERLIN, "2026-07-01", "2026-06-30T22:00:00Z"},
    {"IST-5:30", "2026-11-30", "2026-11-29T18:30:00Z"},
    {"EST5", "2026-11-30", "2026-11-30T05:00:00Z"},
    {BERLIN, "2026-11-30 15:00", "2026-11-30T14:00:00Z"},
    {BERLIN, "2026-11-30 15:00:07", "2026-11-30T14:00:07Z"},
    {BERLIN, "2026-11-30T15:00", "2026-11-30T14:00:00Z"},
    {BERLIN, "2026-11-30T15:00:07", "2026-11-30T14:00:07Z"},
    {BERLIN, "2026-11-30T15:00Z", "2026-11-30T15:00:00Z"},
    {BERLIN, "2026-11-30T15:00:07Z", "2026-11-30T15:00:07Z"},
    {BERLIN, "2026-11-30T15:00+05:30", "2026-11-30T09:30:00Z"},
    {BERLIN, "2026-11-30T15:00:07-01:00", "2026-11-30T16:00:07Z"},
    {BERLIN, "2026-11-30 15:00:07+01", "2026-11-30T14:00:07Z"}, /* as we print it */
    {BERLIN, "2026-11-30 15:00:07+0530", "2026-11-30T09:30:07Z"},
    {BERLIN, "2026-10-25 02:30+02", "2026-10-25T00:30:00Z"}, /* comes twice */
    {BERLIN, "2026-10-25 02:30+01", "2026-10-25T01:30:00Z"},
    {BERLIN, "3d", "2026-11-27T12:00:00Z"},
    {BERLIN, "36h", "2026-11-29T00:00:00Z"},
    {BERLIN, "90min", "2026-11-30T10:30:00Z"},
    {BERLIN, "2026-02-29", NULL},
    {BERLIN, "2026-11-30 24:00", NULL},
    {BERLIN, "2026-11-30 15", NULL},
    {BERLIN, "2026-11-30 15:00 ", NULL},
    {BERLIN, "2026-11-30 15:00+1", NULL},
    {BERLIN, "2026-11-30 15:00+01:60", NULL},
    {BERLIN, "2026-11-30+01", NULL},
    {BERLIN, "-3d", NULL},
    {BERLIN, "1mo", NULL},
    {BERLIN, "yesterday", NULL},
    {BERLIN, "", NULL},
};

START_TEST(what_people_type_is_local_unless_it_says_where_it_is)
{
    int64_t seconds = 0;
    struct err err = {0};
    char text[32];
    setenv("TZ", typed[_i].zone, 1);
    int result = clock_read(typed[_i].text, CLOCK_AGO, NOW, &seconds, &err);
    ck_assert_int_eq(result, typed[_i].utc != NULL ? 0 : -1);
    if (result == 0)
        ck_assert_str_eq(clock_rfc3339(text, seconds), typed[_i].utc);
    else
        ck_assert_int_eq(err.kind, ERR_USAGE);
}
END_TEST

START_TEST(a_span_of_something_to_come_is_from_now_on)
{
    int64_t seconds = 0;
    struct err err = {0};
    ck_assert_int_eq(clock_read("30d", CLOCK_AHEAD, NOW, &seconds, &err), 0);
    ck_assert_int_eq(seconds, NOW + 30 * 86400);
}
END_TEST

static const struct {
    const char *zone;
    int64_t time;
    const char *local;
} shown[] = {
    {"UTC", NOW, "2026-11-30 12:00:00+00"},
    {BERLIN, NOW, "2026-11-30 13:00:00+01"},
    {BERLIN, NOW - 150 * 86400, "2026-07-03 14:00:00+02"},
    {"IST-5:30", NOW, "2026-11-30 17:30:00+05:30"},
    {"NST3:30", NOW, "2026-11-30 08:30:00-03:30"},
    {"EST5", NOW, "2026-11-30 07:00:00-05"},
    {BERLIN, -1, "1970-01-01 00:59:59+01"},
};

START_TEST(a_time_that_is_shown_is_local_names_its_offset_and_can_be_typed)
{
    int64_t seconds = 0;
    struct err err = {0};
    char text[32];
    setenv("TZ", shown[_i].zone, 1);
    ck_assert_str_eq(clock_local(text, shown[_i].time), shown[_i].local);
    setenv("TZ", "UTC", 1);
    ck_assert_int_eq(clock_read(text, CLOCK_AGO, 0, &seconds, &err), 0);
    ck_assert_int_eq(seconds, shown[_i].time);
}
END_TEST

START_TEST(the_clocks_agree_with_each_other)
{
    int64_t before = clock_now_ms();
    ck_assert_int_ge(clock_now(), before / 1000);
    ck_assert_int_le(clock_now() - before / 1000, 60);
    int64_t monotonic = clock_monotonic_ms();
    ck_assert_int_le(monotonic, clock_monotonic_ms());
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("clock");
    TCase *tcase = tcase_create("clock");
    tcase_add_test(tcase, every_day_of_ten_thousand_years_has_its_number);
    tcase_add_test(tcase,
                   what_is_outside_of_four_digit_years_is_clamped_so_that_texts_sort);
    tcase_add_test(tcase, milliseconds_before_1970_round_down_as_those_after_it);
    tcase_add_loop_test(tcase, a_time_is_read_whole_or_refused, 0, COUNT(times));
    tcase_add_loop_test(tcase, what_people_type_is_local_unless_it_says_where_it_is, 0,
                        COUNT(typed));
    tcase_add_test(tcase, a_span_of_something_to_come_is_from_now_on);
    tcase_add_loop_test(tcase,
                        a_time_that_is_shown_is_local_names_its_offset_and_can_be_typed, 0,
                        COUNT(shown));
    tcase_add_test(tcase, the_clocks_agree_with_each_other);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
