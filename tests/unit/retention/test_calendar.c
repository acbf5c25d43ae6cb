#include "retention/calendar.h"

#include "retention/calendar_zone.h"
#include "base/clock.h"
#include "base/file.h"
#include "tests/support/planning.h"
#include "tests/support/run_suite.h"

#include <check.h>

static uint64_t seed;

static struct retention_zone *load(const char *name)
{
    struct err err = {0};
    struct retention_zone *zone = retention_zone_load(name, &err);
    ck_assert_msg(zone != NULL, "%s", err.text);
    return zone;
}

/* The last second before a change of the clock, the first after it, and their offsets. */
static const struct {
    const char *zone, *change; /* UTC */
    int32_t before, after;
} changes[] = {
    {"America/St_Johns", "2006-04-02T03:31:00Z", -12600, -9000},
    {"America/St_Johns", "2006-10-29T02:31:00Z", -9000, -12600},
    {"Europe/Berlin", "2026-03-29T01:00:00Z", 3600, 7200},
    {"Europe/Berlin", "2026-10-25T01:00:00Z", 7200, 3600},
    {"Europe/Berlin", "2045-03-26T01:00:00Z", 3600, 7200}, /* by the rule at the end */
    {"Europe/Berlin", "2045-10-29T01:00:00Z", 7200, 3600},
    {"Pacific/Apia", "2011-12-30T10:00:00Z", -36000, 50400},
    {"Asia/Kathmandu", "1985-12-31T18:30:00Z", 19800, 20700},
    {"America/Sao_Paulo", "2018-02-18T02:00:00Z", -7200, -10800},
    {"America/Sao_Paulo", "2018-11-04T03:00:00Z", -10800, -7200},
    {"Australia/Lord_Howe", "2026-04-04T15:00:00Z", 39600, 37800},
    {"Australia/Lord_Howe", "2026-10-03T15:30:00Z", 37800, 39600},
    {"Australia/Lord_Howe", "2050-04-02T15:00:00Z", 39600, 37800},
    {"Europe/Dublin", "2040-03-25T01:00:00Z", 0, 3600}, /* winter time is the summer time */
    {"Asia/Tokyo", "2026-06-01T00:00:00Z", 32400, 32400},
    {"UTC", "2026-06-01T00:00:00Z", 0, 0},
    {"Etc/GMT+5", "2026-06-01T00:00:00Z", -18000, -18000},
};

START_TEST(clocks_change_when_they_did)
{
    struct retention_zone *zone = load(changes[_i].zone);
    int64_t time = planning_time(changes[_i].change);
    struct retention_span before = retention_zone_span(zone, time - 1);
    struct retention_span after = retention_zone_span(zone, time);
    ck_assert_int_eq(before.offset, changes[_i].before);
    ck_assert_int_eq(after.offset, changes[_i].after);
    ck_assert(before.from < time && after.from <= time && after.until > time);
    if (before.offset != after.offset) {
        ck_assert_int_eq(before.until, time);
        ck_assert_int_eq(after.from, time);
    }
    retention_zone_free(zone);
}
END_TEST

/* Zones with odd histories and odd rules. */
static const char *const zones[] = {
    "Europe/Berlin",       "Europe/London",        "Europe/Dublin",
    "America/New_York",    "America/St_Johns",     "America/Sao_Paulo",
    "America/Nuuk",        "America/Santiago",     "America/Havana",
    "America/Caracas",     "Pacific/Apia",         "Pacific/Kwajalein",
    "Pacific/Chatham",     "Pacific/Norfolk",      "Pacific/Auckland",
    "Australia/Lord_Howe", "Australia/Adelaide",   "Asia/Kathmandu",
    "Asia/Kolkata",        "Asia/Tehran",          "Asia/Gaza",
    "Asia/Jerusalem",      "Asia/Pyongyang",       "Asia/Kabul",
    "Africa/Casablanca",   "Africa/Cairo",         "Africa/Monrovia",
    "Antarctica/Troll",    "Antarctica/Macquarie", "Europe/Moscow",
    "Europe/Chisinau",     "Europe/Lisbon",        "Atlantic/Azores",
    "America/Asuncion",    "America/Anchorage",    "Asia/Manila",
};

START_TEST(offsets_are_those_of_the_c_library_from_1850_to_2500)
{
    struct planning_random random = {seed + (uint64_t)_i};
    struct retention_zone *zone = load(zones[_i]);
    setenv("TZ", zones[_i], 1);
    tzset();
    const int64_t first = planning_time("1850-01-01T00:00:00Z");
    const int64_t last = planning_time("2500-01-01T00:00:00Z");
    for (int i = 0; i < 2000; i++) {
        int64_t time = first + (int64_t)planning_below(&random, (uint64_t)(last - first));
        struct retention_span span = retention_zone_span(zone, time);
        ck_assert(span.from <= time && time < span.until);
        /* Also on both sides of the next change. */
        for (int step = 0; step < 3; step++) {
            if (step > 0)
                time = span.until == INT64_MAX ? time : span.until - 2 + step;
            time_t clock = (time_t)time;
            struct tm f;
            ck_assert_ptr_nonnull(localtime_r(&clock, &f));
            int64_t local =
                clock_from_civil((int64_t)f.tm_year + 1900, f.tm_mon + 1, f.tm_mday,
                                 f.tm_hour * 3600 + f.tm_min * 60 + f.tm_sec);
            ck_assert_msg(retention_zone_span(zone, time).offset == local - time,
                          "%s at %lld: %d, the C library has %lld", zones[_i],
                          (long long)time, retention_zone_span(zone, time).offset,
                          (long long)(local - time));
        }
    }
    retention_zone_free(zone);
}
END_TEST

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
    struct retention_zone *zone = load(periods[_i].zone);
    struct retention_calendar calendar;
    retention_calendar_init(&calendar, zone);
    int64_t one = planning_time(periods[_i].one), other = planning_time(periods[_i].other);
    int64_t key = retention_calendar_key(&calendar, periods[_i].period, one);
    ck_assert((key == retention_calendar_key(&calendar, periods[_i].period, other)) ==
              periods[_i].is_same);
    struct text name;
    text_init(&name, 100);
    retention_calendar_name(&calendar, periods[_i].period, one, &name);
    ck_assert_str_eq(name.data, periods[_i].name);
    text_release(&name);
    retention_zone_free(zone);
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
    struct retention_zone *zone = load(shifts[_i].zone);
    struct duration duration = {shifts[_i].months, shifts[_i].seconds};
    int64_t time =
        retention_calendar_before(zone, planning_time(shifts[_i].anchor), duration);
    char text[32];
    if (shifts[_i].wanted == NULL)
        ck_assert_int_eq(time, INT64_MIN);
    else
        ck_assert_str_eq(clock_rfc3339(text, time), shifts[_i].wanted);
    retention_zone_free(zone);
}
END_TEST

START_TEST(forward_ends_with_the_year_9999)
{
    struct retention_zone *zone = load("UTC");
    int64_t now = planning_time("2026-01-31T00:00:00Z");
    struct duration month = {1, 0}, quarter = {0, 900}, ages = {12 * 8000, 0};
    struct duration endless = {0, INT64_MAX};
    ck_assert_int_eq(retention_calendar_after(zone, now, month),
                     planning_time("2026-02-28T00:00:00Z"));
    ck_assert_int_eq(retention_calendar_after(zone, now, quarter), now + 900);
    ck_assert_int_eq(retention_calendar_after(zone, now, ages), INT64_MAX);
    ck_assert_int_eq(retention_calendar_after(zone, now, endless), INT64_MAX);
    retention_zone_free(zone);
}
END_TEST

START_TEST(times_beyond_all_years_do_no_harm)
{
    struct retention_zone *zone = load("Europe/Berlin");
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
    retention_zone_free(zone);
}
END_TEST

static const char *const no_zones[] = {
    "",
    "Mars/Olympus",
    "../../etc/passwd",
    "/etc/localtime",
    "Europe/../UTC",
    "Europe",
    "Europe/",
    "europe/berlin",
    "Europe//Berlin",
    "zone.tab",
    "tzdata.zi",
    "localtime",
    "posixrules",
    "right/UTC",
    "posix/Europe/Berlin",
    "UTC\n",
    "Europe/Berlin ",
    "CET-1CEST",
    ":Europe/Berlin",
    "leapseconds",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    "aa",
};

START_TEST(a_name_that_is_no_zone_is_an_error_and_never_utc)
{
    struct err err = {0};
    ck_assert_ptr_null(retention_zone_load(no_zones[_i], &err));
    ck_assert_int_eq(err.kind, ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.text, "does not exist"));
}
END_TEST

/* A TZif file of version 2 with one type and one transition in each block. */
static size_t make_file(unsigned char *out, const char *footer)
{
    static const unsigned char header[44] = {
        'T', 'Z', 'i', 'f', '2', [35] = 1, /* times */[39] = 2, /* types */[43] = 4};
    static const unsigned char body[] = {0, 0, 0,    0,    0, 0, 0,   0,   0,   0,
                                         0, 0, 0x1C, 0x20, 1, 0, 'A', 'B', 'C', 0};
    unsigned char *at = out;
    for (size_t time_size = 4; time_size <= 8; time_size += 4) {
        memcpy(at, header, sizeof(header));
        at += sizeof(header);
        memset(at, 0, time_size);
        at += time_size;
        *at++ = 1; /* the transition's type */
        memset(at, 0, 6);
        at += 6;
        memcpy(at, body + 10, 6);
        at += 6;
        memcpy(at, body + 16, 4);
        at += 4;
    }
    size_t length = strlen(footer);
    memcpy(at, footer, length);
    return (size_t)(at - out) + length;
}

/* The footer, and whether it may stand there. */
static const struct {
    const char *footer;
    bool is_good;
    int32_t january, july; /* of 2030 */
} footers[] = {
    {"\n\n", true, 7200, 7200},
    {"\nABC-2\n", true, 7200, 7200},
    {"\nCET-1CEST,M3.5.0,M10.5.0/3\n", true, 3600, 7200},
    {"\n<-03>3\n", true, -10800, -10800},
    {"\n<+1030>-10:30<+11>-11,M10.1.0,M4.1.0\n", true, 39600, 37800},
    {"\nIST-1GMT0,M10.5.0,M3.5.0/1\n", true, 0, 3600},
    {"\nEST5EDT,0/0,J365/25\n", true, -14400, -14400}, /* summer for ever */
    {"\nAAA1BBB2,J60,J300/167:59:59\n", true, -3600, -7200},
    {"\nAAA1BBB2,59/-167,300\n", true, -3600, -7200},
    {"", false, 0, 0},
    {"\n", false, 0, 0},
    {"\nCET-1CEST\n", false, 0, 0},
    {"\nCET\n", false, 0, 0},
    {"\nCE-1\n", false, 0, 0},
    {"\nCET-25\n", false, 0, 0},
    {"\nCET-1CEST,M13.5.0,M10.5.0\n", false, 0, 0},
    {"\nCET-1CEST,M3.6.0,M10.5.0\n", false, 0, 0},
    {"\nCET-1CEST,M3.5.7,M10.5.0\n", false, 0, 0},
    {"\nCET-1CEST,J0,J366\n", false, 0, 0},
    {"\nCET-1CEST,M3.5.0,M10.5.0/168\n", false, 0, 0},
    {"\nCET-1CEST,M3.5.0,M10.5.0x\n", false, 0, 0},
    {"\nCET-99999999999999999999\n", false, 0, 0},
    {"\n<CET-1\n", false, 0, 0},
};

START_TEST(the_rule_at_the_end_of_a_file_continues_it)
{
    unsigned char file[512];
    struct err err = {0};
    size_t size = make_file(file, footers[_i].footer);
    struct retention_zone *zone = retention_zone_parse("X/Y", file, size, &err);
    ck_assert((zone != NULL) == footers[_i].is_good);
    if (zone == NULL) {
        ck_assert_int_eq(err.kind, ERR_CORRUPT);
        return;
    }
    ck_assert_int_eq(retention_zone_span(zone, -1).offset, 0);
    ck_assert_int_eq(retention_zone_span(zone, planning_time("2030-01-15")).offset,
                     footers[_i].january);
    ck_assert_int_eq(retention_zone_span(zone, planning_time("2030-07-15")).offset,
                     footers[_i].july);
    ck_assert_str_eq(retention_zone_name(zone), "X/Y");
    retention_zone_free(zone);
}
END_TEST

START_TEST(a_cut_file_is_refused_at_every_length)
{
    struct text data;
    text_init(&data, 100000);
    struct err err = {0};
    ck_assert_int_eq(file_read("/usr/share/zoneinfo/Europe/Berlin", &data, NULL, &err), 0);
    struct retention_zone *zone =
        retention_zone_parse("Europe/Berlin", data.data, data.length, &err);
    ck_assert_ptr_nonnull(zone);
    retention_zone_free(zone);
    for (size_t size = 0; size < data.length; size++)
        ck_assert_ptr_null(retention_zone_parse("Europe/Berlin", data.data, size, &err));
    text_release(&data);
}
END_TEST

/* One byte of the second block changed. */
static const struct {
    size_t place;
    unsigned char value;
} faults[] = {
    {0, 'X'},            /* no magic number */
    {31, 1},             /* leap seconds */
    {39, 0},             /* no types */
    {32, 0xFF},          /* four thousand million transitions */
    {44 + 8, 2},         /* a transition to a type that is not there */
    {44 + 8 + 1 + 1, 2}, /* an offset of 131,072 s */
};

START_TEST(a_file_with_leap_seconds_or_disorder_is_refused)
{
    unsigned char file[512];
    struct err err = {0};
    size_t size = make_file(file, "\n\n");
    const size_t second_block = 44 + 4 + 1 + 2 * 6 + 4;
    ck_assert_int_eq(file[second_block], 'T');
    file[second_block + faults[_i].place] = faults[_i].value;
    ck_assert_ptr_null(retention_zone_parse("X/Y", file, size, &err));
}
END_TEST

int main(void)
{
    seed = planning_seed();
    Suite *suite = suite_create("calendar");
    TCase *tcase = tcase_create("calendar");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, clocks_change_when_they_did, 0,
                        (int)(sizeof(changes) / sizeof(changes[0])));
    tcase_add_loop_test(tcase, offsets_are_those_of_the_c_library_from_1850_to_2500, 0,
                        (int)(sizeof(zones) / sizeof(zones[0])));
    tcase_add_loop_test(tcase, periods_begin_and_end_where_the_zone_says, 0,
                        (int)(sizeof(periods) / sizeof(periods[0])));
    tcase_add_loop_test(tcase, months_go_back_on_the_local_calendar, 0,
                        (int)(sizeof(shifts) / sizeof(shifts[0])));
    tcase_add_test(tcase, forward_ends_with_the_year_9999);
    tcase_add_test(tcase, times_beyond_all_years_do_no_harm);
    tcase_add_loop_test(tcase, a_name_that_is_no_zone_is_an_error_and_never_utc, 0,
                        (int)(sizeof(no_zones) / sizeof(no_zones[0])));
    tcase_add_loop_test(tcase, the_rule_at_the_end_of_a_file_continues_it, 0,
                        (int)(sizeof(footers) / sizeof(footers[0])));
    tcase_add_test(tcase, a_cut_file_is_refused_at_every_length);
    tcase_add_loop_test(tcase, a_file_with_leap_seconds_or_disorder_is_refused, 0,
                        (int)(sizeof(faults) / sizeof(faults[0])));
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
