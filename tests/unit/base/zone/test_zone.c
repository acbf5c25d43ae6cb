#include "base/zone/zone.h"

#include "base/clock.h"
#include "base/file.h"
#include "tests/support/dice.h"
#include "tests/support/run_suite.h"
#include "tests/support/utc.h"

#include <check.h>
#include <stdlib.h>
#include <time.h>

static uint64_t seed;

static struct zone *load(const char *name)
{
    struct err err = {0};
    struct zone *zone = zone_load(name, &err);
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
    struct zone *zone = load(changes[_i].zone);
    int64_t time = utc(changes[_i].change);
    struct zone_span before = zone_span(zone, time - 1);
    struct zone_span after = zone_span(zone, time);
    ck_assert_int_eq(before.offset, changes[_i].before);
    ck_assert_int_eq(after.offset, changes[_i].after);
    ck_assert(before.from < time && after.from <= time && after.until > time);
    if (before.offset != after.offset) {
        ck_assert_int_eq(before.until, time);
        ck_assert_int_eq(after.from, time);
    }
    zone_free(zone);
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
    struct dice random = {seed + (uint64_t)_i};
    struct zone *zone = load(zones[_i]);
    setenv("TZ", zones[_i], 1);
    tzset();
    const int64_t first = utc("1850-01-01T00:00:00Z");
    const int64_t last = utc("2500-01-01T00:00:00Z");
    for (int i = 0; i < 2000; i++) {
        int64_t time = first + (int64_t)dice_below(&random, (uint64_t)(last - first));
        struct zone_span span = zone_span(zone, time);
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
            ck_assert_msg(zone_span(zone, time).offset == local - time,
                          "%s at %lld: %d, the C library has %lld", zones[_i],
                          (long long)time, zone_span(zone, time).offset,
                          (long long)(local - time));
        }
    }
    zone_free(zone);
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
    ck_assert_ptr_null(zone_load(no_zones[_i], &err));
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
    struct zone *zone = zone_parse("X/Y", file, size, &err);
    ck_assert((zone != NULL) == footers[_i].is_good);
    if (zone == NULL) {
        ck_assert_int_eq(err.kind, ERR_CORRUPT);
        return;
    }
    ck_assert_int_eq(zone_span(zone, -1).offset, 0);
    ck_assert_int_eq(zone_span(zone, utc("2030-01-15")).offset, footers[_i].january);
    ck_assert_int_eq(zone_span(zone, utc("2030-07-15")).offset, footers[_i].july);
    ck_assert_str_eq(zone_name(zone), "X/Y");
    zone_free(zone);
}
END_TEST

START_TEST(a_cut_file_is_refused_at_every_length)
{
    struct text data;
    text_init(&data, 100000);
    struct err err = {0};
    ck_assert_int_eq(file_read("/usr/share/zoneinfo/Europe/Berlin", &data, NULL, &err), 0);
    struct zone *zone = zone_parse("Europe/Berlin", data.data, data.length, &err);
    ck_assert_ptr_nonnull(zone);
    zone_free(zone);
    for (size_t size = 0; size < data.length; size++)
        ck_assert_ptr_null(zone_parse("Europe/Berlin", data.data, size, &err));
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
    ck_assert_ptr_null(zone_parse("X/Y", file, size, &err));
}
END_TEST

int main(void)
{
    seed = dice_seed();
    Suite *suite = suite_create("zone");
    TCase *tcase = tcase_create("zone");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, clocks_change_when_they_did, 0,
                        (int)(sizeof(changes) / sizeof(changes[0])));
    tcase_add_loop_test(tcase, offsets_are_those_of_the_c_library_from_1850_to_2500, 0,
                        (int)(sizeof(zones) / sizeof(zones[0])));
    tcase_add_loop_test(tcase, a_name_that_is_no_zone_is_an_error_and_never_utc, 0,
                        (int)(sizeof(no_zones) / sizeof(no_zones[0])));
    tcase_add_loop_test(tcase, the_rule_at_the_end_of_a_file_continues_it, 0,
                        (int)(sizeof(footers) / sizeof(footers[0])));
    tcase_add_loop_test(tcase, a_file_with_leap_seconds_or_disorder_is_refused, 0,
                        (int)(sizeof(faults) / sizeof(faults[0])));
    tcase_add_test(tcase, a_cut_file_is_refused_at_every_length);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
