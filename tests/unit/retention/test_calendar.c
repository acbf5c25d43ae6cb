#include "retention/calendar.h"

#include "base/clock.h"
#include "tests/support/planning.h"
#include "tests/support/run_suite.h"
#include "tests/support/utc.h"

#include <check.h>

static struct zone *load(const char *name)
{
    struct err err = {0};
    struct zone *zone = zone_load(name, &err);
    ck_assert_msg(zone != NULL, "%s", err.text);
    return zone;
}

/* Are two instants in one period? And how is that of the first one called? */
static const struct {
    const char *zone;
    enum retention_period period;
    const char *one, *other;
    bool is_same;
    const char *name;
} periods[] = {
    {"UTC", RETENTION_DAY, "2026-11-07T00:00:00Z", "2026-11-07T23:59:59Z", true,
     "day 2026-11-07"},
    {"UTC", RETENTION_DAY, "2026-11-07T23:59:59Z", "2026-11-08T00:00:00Z", false,
     "day 2026-11-07"},
    {"UTC", RETENTION_WEEK, "2026-11-02T00:00:00Z", "2026-11-08T23:59:59Z", true,
     "week 2026-W45"},
    {"UTC", RETENTION_WEEK, "2026-11-08T23:59:59Z", "2026-11-09T00:00:00Z", false,
     "week 2026-W45"},
    {"UTC", RETENTION_WEEK, "2020-12-31T12:00:00Z", "2021-01-03T23:00:00Z", true,
     "week 2020-W53"},
    {"UTC", RETENTION_WEEK, "2024-12-30T00:00:00Z", "2025-01-05T00:00:00Z", true,
     "week 2025-W01"},
    {"UTC", RETENTION_WEEK, "1969-12-29T00:00:00Z", "1970-01-04T00:00:00Z", true,
     "week 1970-W01"},
    {"UTC", RETENTION_WEEK, "1969-12-28T23:59:59Z", "1969-12-29T00:00:00Z", false,
     "week 1969-W52"},
    {"UTC", RETENTION_MONTH, "2024-02-29T23:59:59Z", "2024-02-01T00:00:00Z", true,
     "month 2024-02"},
    {"UTC", RETENTION_MONTH, "2023-02-28T23:59:59Z", "2023-03-01T00:00:00Z", false,
     "month 2023-02"},
    {"UTC", RETENTION_MONTH, "1900-02-28T23:59:59Z", "1900-03-01T00:00:00Z", false,
     "month 1900-02"},
    {"UTC", RETENTION_YEAR, "2026-01-01T00:00:00Z", "2026-12-31T23:59:59Z", true,
     "year 2026"},
    {"UTC", RETENTION_YEAR, "0001-01-01T00:00:00Z", "0001-12-31T23:59:59Z", true,
     "year 0001"},
    {"UTC", RETENTION_HOUR, "2026-11-07T13:00:00Z", "2026-11-07T13:59:59Z", true,
     "hour 2026-11-07 13:00"},
    /* The day begins in the zone. */
    {"Europe/Berlin", RETENTION_DAY, "2026-11-06T23:00:00Z", "2026-11-07T22:59:59Z", true,
     "day 2026-11-07"},
    {"Europe/Berlin", RETENTION_YEAR, "2025-12-31T23:00:00Z", "2026-06-01T00:00:00Z", true,
     "year 2026"},
    {"Europe/Berlin", RETENTION_WEEK, "2026-11-01T23:00:00Z", "2026-11-08T22:59:59Z", true,
     "week 2026-W45"},
    /* Days of 23 and 25 hours. */
    {"Europe/Berlin", RETENTION_DAY, "2026-03-28T23:00:00Z", "2026-03-29T21:59:59Z", true,
     "day 2026-03-29"},
    {"Europe/Berlin", RETENTION_DAY, "2026-03-29T21:59:59Z", "2026-03-29T22:00:00Z", false,
     "day 2026-03-29"},
    {"Europe/Berlin", RETENTION_DAY, "2026-10-24T22:00:00Z", "2026-10-25T22:59:59Z", true,
     "day 2026-10-25"},
    /* The repeated hour is two. */
    {"Europe/Berlin", RETENTION_HOUR, "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", false,
     "hour 2026-10-25 02:00"},
    {"Europe/Berlin", RETENTION_HOUR, "2026-10-25T01:00:00Z", "2026-10-25T01:59:59Z", true,
     "hour 2026-10-25 02:00"},
    {"Europe/Berlin", RETENTION_HOUR, "2026-03-29T00:59:59Z", "2026-03-29T01:00:00Z", false,
     "hour 2026-03-29 01:00"},
    /* Hours that begin at :15 and :30 UTC. */
    {"Asia/Kathmandu", RETENTION_HOUR, "2026-11-07T00:15:00Z", "2026-11-07T01:14:59Z", true,
     "hour 2026-11-07 06:00"},
    {"Asia/Kathmandu", RETENTION_HOUR, "2026-11-07T00:14:59Z", "2026-11-07T00:15:00Z",
     false, "hour 2026-11-07 05:00"},
    {"Asia/Kathmandu", RETENTION_DAY, "2026-11-06T18:15:00Z", "2026-11-07T18:14:59Z", true,
     "day 2026-11-07"},
    {"America/St_Johns", RETENTION_HOUR, "2006-07-01T00:30:00Z", "2006-07-01T01:29:59Z",
     true, "hour 2006-06-30 22:00"},
    /* Half an hour back: from 02:00 to 01:30. */
    {"Australia/Lord_Howe", RETENTION_HOUR, "2026-04-04T14:00:00Z", "2026-04-04T14:59:59Z",
     true, "hour 2026-04-05 01:00"},
    {"Australia/Lord_Howe", RETENTION_HOUR, "2026-04-04T14:59:59Z", "2026-04-04T15:00:00Z",
     false, "hour 2026-04-05 01:00"},
    /* One past midnight the 29th was the 28th again. */
    {"America/St_Johns", RETENTION_DAY, "2006-10-29T02:30:59Z", "2006-10-29T03:30:00Z",
     true, "day 2006-10-29"},
    {"America/St_Johns", RETENTION_DAY, "2006-10-29T02:31:00Z", "2006-10-29T02:29:59Z",
     true, "day 2006-10-28"},
    /* Samoa had no 30 December 2011. */
    {"Pacific/Apia", RETENTION_DAY, "2011-12-30T09:59:59Z", "2011-12-30T10:00:00Z", false,
     "day 2011-12-29"},
    {"Pacific/Apia", RETENTION_DAY, "2011-12-30T10:00:00Z", "2011-12-31T09:59:59Z", true,
     "day 2011-12-31"},
    /* Midnight did not exist, and existed twice. */
    {"America/Sao_Paulo", RETENTION_DAY, "2018-11-04T02:59:59Z", "2018-11-04T03:00:00Z",
     false, "day 2018-11-03"},
    {"America/Sao_Paulo", RETENTION_DAY, "2018-11-04T03:00:00Z", "2018-11-05T01:59:59Z",
     true, "day 2018-11-04"},
    {"America/Sao_Paulo", RETENTION_DAY, "2018-02-18T01:59:59Z", "2018-02-18T02:59:59Z",
     true, "day 2018-02-17"},
    {"America/Sao_Paulo", RETENTION_DAY, "2018-02-18T02:59:59Z", "2018-02-18T03:00:00Z",
     false, "day 2018-02-17"},
};

START_TEST(periods_begin_and_end_where_the_zone_says)
{
    struct zone *zone = load(periods[_i].zone);
    struct retention_calendar calendar;
    retention_calendar_init(&calendar, zone);
    int64_t one = utc(periods[_i].one), other = utc(periods[_i].other);
    int64_t key = retention_calendar_key(&calendar, periods[_i].period, one);
    ck_assert((key == retention_calendar_key(&calendar, periods[_i].period, other)) ==
              periods[_i].is_same);
    struct text name;
    text_init(&name, 100);
    retention_calendar_name(&calendar, periods[_i].period, one, &name);
    ck_assert_str_eq(name.data, periods[_i].name);
    text_release(&name);
    zone_free(zone);
}
END_TEST

/* anchor - months - seconds. */
static const struct {
    const char *zone, *anchor;
    int32_t months;
    int64_t seconds;
    const char *wanted; /* NULL: before year 1 */
} shifts[] = {
    {"UTC", "2026-11-20T02:00:00Z", 0, 86400, "2026-11-19T02:00:00Z"},
    {"UTC", "2026-11-20T02:00:00Z", 0, 0, "2026-11-20T02:00:00Z"},
    {"UTC", "2026-03-31T12:00:00Z", 1, 0, "2026-02-28T12:00:00Z"},
    {"UTC", "2024-03-31T12:00:00Z", 1, 0, "2024-02-29T12:00:00Z"},
    {"UTC", "2024-02-29T12:00:00Z", 12, 0, "2023-02-28T12:00:00Z"},
    {"UTC", "2024-02-29T12:00:00Z", 48, 0, "2020-02-29T12:00:00Z"},
    {"UTC", "2026-01-31T12:00:00Z", 2, 0, "2025-11-30T12:00:00Z"},
    {"UTC", "2026-12-31T12:00:00Z", 18, 3600, "2025-06-30T11:00:00Z"},
    {"UTC", "2026-06-01T12:00:00Z", 2025 * 12, 0, "0001-06-01T12:00:00Z"},
    {"UTC", "2026-06-01T12:00:00Z", 2026 * 12, 0, NULL},
    {"UTC", "2026-06-01T12:00:00Z", INT32_MAX, 0, NULL},
    {"UTC", "2026-06-01T12:00:00Z", 0, INT64_MAX, NULL},
    {"UTC", "0001-01-02T00:00:00Z", 0, 86400, "0001-01-01T00:00:00Z"},
    {"UTC", "0001-01-02T00:00:00Z", 0, 86401, NULL},
    /* The same local time, whatever the offset then was. */
    {"Europe/Berlin", "2026-03-31T10:00:00Z", 1, 0, "2026-02-28T11:00:00Z"},
    {"Europe/Berlin", "2026-07-01T22:30:00Z", 6, 0, "2026-01-01T23:30:00Z"},
    /* Days and hours are exact. */
    {"Europe/Berlin", "2026-10-26T01:00:00Z", 0, 86400, "2026-10-25T01:00:00Z"},
    /* 02:30 was skipped: read with the offset before the gap. */
    {"Europe/Berlin", "2026-04-29T00:30:00Z", 1, 0, "2026-03-29T01:30:00Z"},
    {"Europe/Berlin", "2026-04-29T00:00:00Z", 1, 0, "2026-03-29T01:00:00Z"},
    {"Europe/Berlin", "2026-04-28T23:59:59Z", 1, 0, "2026-03-29T00:59:59Z"},
    {"Europe/Berlin", "2026-04-29T01:00:00Z", 1, 0, "2026-03-29T01:00:00Z"},
    /* 02:30 came twice: the first, unless the anchor is itself a second one. */
    {"Europe/Berlin", "2026-11-25T01:30:00Z", 1, 0, "2026-10-25T00:30:00Z"},
    {"Europe/Berlin", "2026-10-25T00:30:00Z", 72, 0, "2020-10-25T00:30:00Z"},
    {"Europe/Berlin", "2026-10-25T01:30:00Z", 72, 0, "2020-10-25T01:30:00Z"},
    {"Europe/Berlin", "2026-10-25T01:30:00Z", 1, 0, "2026-09-25T00:30:00Z"},
    /* A whole day was skipped. */
    {"Pacific/Apia", "2012-01-29T20:00:00Z", 1, 0, "2011-12-30T20:00:00Z"},
    {"Pacific/Apia", "2012-01-28T20:00:00Z", 1, 0, "2011-12-29T20:00:00Z"},
    /* Midnight was skipped, and 23:30 came twice. */
    {"America/Sao_Paulo", "2018-12-04T02:15:00Z", 1, 0, "2018-11-04T03:15:00Z"},
    {"America/Sao_Paulo", "2018-03-18T02:30:00Z", 1, 0, "2018-02-18T01:30:00Z"},
    {"Australia/Lord_Howe", "2026-05-04T15:15:00Z", 1, 0, "2026-04-04T14:45:00Z"},
    {"Australia/Lord_Howe", "2026-11-03T15:15:00Z", 1, 0, "2026-10-03T15:45:00Z"},
    {"America/St_Johns", "2006-11-29T03:00:00Z", 1, 0, "2006-10-29T02:00:00Z"},
    /* Local year 0, though UTC is still in year 1. */
    {"Etc/GMT+5", "0002-01-01T02:00:00Z", 12, 0, NULL},
};

START_TEST(months_go_back_on_the_local_calendar)
{
    struct zone *zone = load(shifts[_i].zone);
    struct duration duration = {shifts[_i].months, shifts[_i].seconds};
    int64_t time = retention_calendar_before(zone, utc(shifts[_i].anchor), duration);
    char text[32];
    if (shifts[_i].wanted == NULL)
        ck_assert_int_eq(time, INT64_MIN);
    else
        ck_assert_str_eq(clock_rfc3339(text, time), shifts[_i].wanted);
    zone_free(zone);
}
END_TEST

START_TEST(forward_ends_with_the_year_9999)
{
    struct zone *zone = load("UTC");
    int64_t now = utc("2026-01-31T00:00:00Z");
    struct duration month = {1, 0}, quarter = {0, 900}, ages = {12 * 8000, 0};
    struct duration endless = {0, INT64_MAX};
    ck_assert_int_eq(retention_calendar_after(zone, now, month),
                     utc("2026-02-28T00:00:00Z"));
    ck_assert_int_eq(retention_calendar_after(zone, now, quarter), now + 900);
    ck_assert_int_eq(retention_calendar_after(zone, now, ages), INT64_MAX);
    ck_assert_int_eq(retention_calendar_after(zone, now, endless), INT64_MAX);
    zone_free(zone);
}
END_TEST

START_TEST(times_beyond_all_years_do_no_harm)
{
    struct zone *zone = load("Europe/Berlin");
    struct retention_calendar calendar;
    retention_calendar_init(&calendar, zone);
    struct duration month = {1, 1};
    for (int period = RETENTION_HOUR; period <= RETENTION_YEAR; period++) {
        int64_t low =
            retention_calendar_key(&calendar, (enum retention_period)period, INT64_MIN);
        int64_t high =
            retention_calendar_key(&calendar, (enum retention_period)period, INT64_MAX);
        ck_assert_int_lt(low, high);
    }
    ck_assert_int_eq(retention_calendar_before(zone, INT64_MIN, month), INT64_MIN);
    ck_assert_int_eq(retention_calendar_after(zone, INT64_MAX, month), INT64_MAX);
    zone_free(zone);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("calendar");
    TCase *tcase = tcase_create("calendar");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, periods_begin_and_end_where_the_zone_says, 0,
                        (int)(sizeof(periods) / sizeof(periods[0])));
    tcase_add_loop_test(tcase, months_go_back_on_the_local_calendar, 0,
                        (int)(sizeof(shifts) / sizeof(shifts[0])));
    tcase_add_test(tcase, forward_ends_with_the_year_9999);
    tcase_add_test(tcase, times_beyond_all_years_do_no_harm);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
