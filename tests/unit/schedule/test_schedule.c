/*
 * The second opinion of the properties walks the minutes of the world with the C library's
 * clock, and shares nothing with schedule/ but the line.
 */
#include "schedule/schedule.h"

#include "base/clock.h"
#include "base/text.h"
#include "tests/support/dice.h"
#include "tests/support/run_suite.h"
#include "tests/support/utc.h"

#include <check.h>
#include <stdlib.h>
#include <time.h>

static uint64_t seed;

static struct schedule *make(const struct schedule_spec *spec)
{
    struct err err = {0};
    struct schedule *schedule = schedule_new(spec, &err);
    ck_assert_msg(schedule != NULL, "%s", err.text);
    return schedule;
}

/* ---- clock changes, told one by one ---- */

static const struct {
    const char *zone, *line, *after;
    const char *next[4]; /* UTC */
} changes[] = {
    /* 02:00 to 03:00 is not there: 02:30 runs at 03:00, once */
    {"Europe/Berlin",
     "30 2 * * *",
     "2026-03-28T12:00:00Z",
     {"2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"}},
    {"Europe/Berlin",
     "*/15 2-3 29 3 *",
     "2026-03-29T00:00:00Z",
     {"2026-03-29T01:00:00Z", "2026-03-29T01:15:00Z", "2026-03-29T01:30:00Z"}},
    {"Europe/Berlin",
     "0 2,3 * * *",
     "2026-03-28T12:00:00Z",
     {"2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z", "2026-03-30T01:00:00Z"}},
    /* 02:00 to 03:00 is there twice: the first one */
    {"Europe/Berlin",
     "30 2 * * *",
     "2026-10-24T12:00:00Z",
     {"2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"}},
    {"Europe/Berlin", "30 2 * * *", "2026-10-25T01:00:00Z", {"2026-10-26T01:30:00Z"}},
    {"Europe/Berlin",
     "0 * * * *",
     "2026-10-24T23:30:00Z",
     {"2026-10-25T00:00:00Z", "2026-10-25T02:00:00Z", "2026-10-25T03:00:00Z"}},
    /* one minute past midnight, as it was until 2011 */
    {"America/St_Johns",
     "5 0 * * *",
     "2006-04-01T12:00:00Z",
     {"2006-04-02T03:31:00Z" /* 01:01, when they change */, "2006-04-03T02:35:00Z"}},
    {"America/St_Johns",
     "30 23 * * *",
     "2006-10-28T12:00:00Z",
     {"2006-10-29T02:00:00Z", "2006-10-30T03:00:00Z"}},
    /* half an hour */
    {"Australia/Lord_Howe",
     "15 2 * * *",
     "2026-10-02T20:00:00Z",
     {"2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"}},
    {"Australia/Lord_Howe",
     "45 1 * * *",
     "2026-04-03T20:00:00Z",
     {"2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z"}},
    /* a whole day is not there: all of its times are one */
    {"Pacific/Apia",
     "0 */6 * * *",
     "2011-12-30T04:00:00Z",
     {"2011-12-30T10:00:00Z", "2011-12-30T16:00:00Z"}},
    {"Pacific/Apia",
     "0 12 30 12 *",
     "2011-12-01T00:00:00Z",
     {"2011-12-30T10:00:00Z", "2012-12-29T22:00:00Z"}},
    {"UTC", "0 0 * * *", "2026-11-21T00:00:00Z", {"2026-11-22T00:00:00Z"}},
    {NULL, "0 0 * * *", "2026-11-20T23:59:59Z", {"2026-11-21T00:00:00Z"}},
};

START_TEST(a_time_in_a_gap_runs_once_behind_it_and_one_in_an_overlap_once)
{
    struct schedule_spec spec = {.cron = changes[_i].line, .timezone = changes[_i].zone};
    struct schedule *schedule = make(&spec);
    int64_t time = utc(changes[_i].after);
    for (size_t i = 0; i < 4 && changes[_i].next[i] != NULL; i++) {
        char next[32];
        time = schedule_next(schedule, time);
        ck_assert_str_eq(clock_rfc3339(next, time), changes[_i].next[i]);
    }
    schedule_free(schedule);
}
END_TEST

/* ---- any line, any zone ---- */

static const char *const zones[] = {
    "Europe/Berlin",
    "America/St_Johns",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "America/Nuuk",
    "Africa/Casablanca",
    "UTC",
    "America/New_York",
    "Asia/Tehran",
    "Antarctica/Troll",
    "Asia/Gaza",
    "Pacific/Chatham",
};

/* A line as text, and as what it means. */
struct line {
    char text[512];
    bool fits[5][64];
    bool star[5];
};

static void random_line(struct dice *dice, struct line *line)
{
    static const int mins[] = {0, 0, 1, 1, 0}, maxs[] = {59, 23, 31, 12, 6};
    struct text text;
    memset(line, 0, sizeof *line);
    text_init(&text, sizeof line->text - 1);
    for (int f = 0; f < 5; f++) {
        /* Times of day are where clocks change: those fields are seldom narrow elsewhere. */
        bool star = dice_chance(dice, f < 2 ? 30 : 70);
        line->star[f] = star;
        if (star) {
            int step = dice_chance(dice, 30) ? 2 + (int)dice_below(dice, 4) : 1;
            for (int v = mins[f]; v <= maxs[f]; v += step)
                line->fits[f][v] = true;
            text_addf(&text, step > 1 ? "%s*/%d" : "%s*", f > 0 ? " " : "", step);
            continue;
        }
        size_t items = 1 + dice_below(dice, 3);
        for (size_t i = 0; i < items; i++) {
            int from = mins[f] + (int)dice_below(dice, (uint64_t)(maxs[f] - mins[f] + 1));
            int to = dice_chance(dice, 50)
                         ? from
                         : from + (int)dice_below(dice, (uint64_t)(maxs[f] - from + 1));
            for (int v = from; v <= to; v++)
                line->fits[f][v] = true;
            text_addf(&text, "%s%d", i > 0 ? "," : f > 0 ? " " : "", from);
            if (to > from)
                text_addf(&text, "-%d", to);
        }
    }
    memcpy(line->text, text.data, text.length + 1);
    text_release(&text);
}

/* Of a local time, in seconds. */
static bool fits(const struct line *line, int64_t local)
{
    time_t clock = (time_t)local;
    struct tm f;
    gmtime_r(&clock, &f);
    bool day = line->fits[2][f.tm_mday], week = line->fits[4][f.tm_wday];
    return line->fits[0][f.tm_min] && line->fits[1][f.tm_hour] &&
           line->fits[3][f.tm_mon + 1] &&
           (line->star[2] || line->star[4] ? day && week : day || week);
}

static int64_t local_of(int64_t time)
{
    time_t clock = (time_t)time;
    struct tm f;
    localtime_r(&clock, &f);
    return clock_from_civil((int64_t)f.tm_year + 1900, f.tm_mon + 1, f.tm_mday,
                            f.tm_hour * 3600 + f.tm_min * 60 + f.tm_sec);
}

/* Around a change of the clock of that zone, or anywhere. */
static int64_t random_time(struct dice *dice, int z)
{
    static const char *const places[][3] = {
        {"2026-03-28T12:00:00Z", "2026-10-24T12:00:00Z", "2045-03-25T12:00:00Z"},
        {"2006-04-01T12:00:00Z", "2006-10-28T12:00:00Z", "2026-03-08T00:00:00Z"},
        {"2026-04-04T06:00:00Z", "2026-10-03T06:00:00Z", "2050-04-02T06:00:00Z"},
        {"2011-12-29T12:00:00Z", "2011-09-24T00:00:00Z", "2012-03-31T06:00:00Z"},
    };
    const char *place = places[z < 4 ? z : 0][dice_below(dice, 3)];
    if (z >= 4 && dice_chance(dice, 50))
        return utc("2000-01-01") + (int64_t)dice_below(dice, UINT64_C(86400) * 365 * 60);
    return utc(place) + (int64_t)dice_below(dice, 86400);
}

START_TEST(each_local_minute_runs_once_and_all_of_a_gap_behind_it)
{
    struct dice dice = {seed + (uint64_t)_i};
    size_t cases = dice_cases(60);
    setenv("TZ", zones[_i], 1);
    tzset();
    for (size_t n = 0; n < cases; n++) {
        struct line line;
        struct err err = {0};
        random_line(&dice, &line);
        struct schedule_spec spec = {.cron = line.text, .timezone = zones[_i]};
        struct schedule *schedule = schedule_new(&spec, &err);
        if (schedule == NULL) { /* 30 February */
            ck_assert_msg(strstr(err.text, "no such day") != NULL, "%s", err.text);
            continue;
        }
        const int64_t begin = random_time(&dice, _i);
        int64_t time = begin - begin % 60;
        int64_t highest = local_of(time);
        int64_t expected = schedule_next(schedule, begin);
        /* Two days of minutes: what local time is new, and what was jumped over before it. */
        for (int minute = 0; minute < 2880; minute++) {
            time += 60;
            int64_t local = local_of(time);
            bool due = false;
            for (int64_t l = highest + 60; l <= local; l += 60)
                due = due || fits(&line, l);
            /* The first minutes may repeat what was shown before `begin`. */
            bool known = minute >= 200;
            if (local > highest)
                highest = local;
            if (!known) {
                if (expected <= time)
                    expected = schedule_next(schedule, time);
                continue;
            }
            ck_assert_msg(due == (expected == time), "\"%s\" in %s from %lld: at %lld %s",
                          line.text, zones[_i], (long long)begin, (long long)time,
                          due ? "it is due" : "it is not due");
            if (due)
                expected = schedule_next(schedule, expected);
        }
        schedule_free(schedule);
    }
}
END_TEST

START_TEST(the_next_time_is_later_than_any_and_grows_with_it)
{
    struct dice dice = {seed + 1000 + (uint64_t)_i};
    for (size_t n = 0; n < dice_cases(300); n++) {
        struct line line;
        struct err err = {0};
        random_line(&dice, &line);
        struct schedule_spec spec = {.cron = line.text,
                                     .timezone = zones[_i],
                                     .jitter_s = dice_chance(&dice, 50) ? 5000 : 0,
                                     .host = "a",
                                     .job = "b"};
        struct schedule *schedule = schedule_new(&spec, &err);
        if (schedule == NULL)
            continue;
        int64_t one = random_time(&dice, _i);
        int64_t two = one + (int64_t)dice_below(&dice, 200000);
        int64_t next = schedule_next(schedule, one);
        ck_assert(next > one);
        ck_assert(schedule_next(schedule, two) >= next);
        /* Nothing lies between. */
        ck_assert_int_eq(schedule_next(schedule, next - 1), next);
        /* The last one up to a time is that after which comes what is beyond it. */
        int64_t last = schedule_last(schedule, one, two);
        ck_assert(last <= two && last >= one);
        ck_assert(schedule_next(schedule, last) > two);
        ck_assert(next > two ? last == one : schedule_next(schedule, last - 1) == last);
        schedule_free(schedule);
    }
}
END_TEST

/* ---- spans and jitter ---- */

START_TEST(a_span_counts_from_when_the_last_run_began)
{
    struct schedule_spec spec = {.every_s = 5400};
    struct schedule *schedule = make(&spec);
    ck_assert(schedule_is_span(schedule));
    ck_assert_int_eq(schedule_next(schedule, 1000), 6400);
    ck_assert_int_eq(schedule_last(schedule, 1000, 6399), 1000);
    ck_assert_int_eq(schedule_last(schedule, 1000, 6400), 6400);
    ck_assert_int_eq(schedule_last(schedule, 1000, 20000), 1000 + 3 * 5400);
    schedule_free(schedule);
}
END_TEST

START_TEST(without_a_line_and_a_span_there_is_no_next_time)
{
    struct schedule_spec spec = {0};
    struct schedule *schedule = make(&spec);
    ck_assert(!schedule_is_span(schedule));
    ck_assert(schedule_next(schedule, 0) == SCHEDULE_NEVER);
    ck_assert_int_eq(schedule_last(schedule, 5, 1000), 5);
    schedule_free(schedule);
}
END_TEST

START_TEST(jitter_is_the_same_each_day_and_differs_between_hosts_and_jobs)
{
    int64_t delays[200];
    for (int i = 0; i < 200; i++) {
        char job[16];
        (void)snprintf(job, sizeof job, "job%d", i / 2);
        struct schedule_spec spec = {.cron = "0 3 * * *",
                                     .jitter_s = 600,
                                     .host = i % 2 ? "one" : "two",
                                     .job = job};
        struct schedule *schedule = make(&spec);
        delays[i] = schedule_delay(schedule);
        ck_assert(delays[i] >= 0 && delays[i] < 600);
        int64_t next = schedule_next(schedule, utc("2026-11-21"));
        ck_assert_int_eq(next, utc("2026-11-21 03:00") + delays[i]);
        ck_assert_int_eq(schedule_next(schedule, next), next + 86400);
        schedule_free(schedule);
    }
    /* Spread over the whole of it: each sixth has its share of 200. */
    int share[6] = {0};
    for (int i = 0; i < 200; i++)
        share[delays[i] / 100]++;
    for (int i = 0; i < 6; i++)
        ck_assert_int_ge(share[i], 15);
}
END_TEST

START_TEST(a_zone_that_does_not_exist_is_an_error)
{
    struct err err = {0};
    struct schedule_spec spec = {.cron = "@daily", .timezone = "Mars/Olympus"};
    ck_assert_ptr_null(schedule_new(&spec, &err));
    ck_assert_int_eq(err.kind, ERR_CONFIG);
}
END_TEST

int main(void)
{
    seed = dice_seed();
    const int zone_count = (int)(sizeof zones / sizeof *zones);
    Suite *suite = suite_create("schedule");
    TCase *tcase = tcase_create("schedule");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase,
                        a_time_in_a_gap_runs_once_behind_it_and_one_in_an_overlap_once, 0,
                        (int)(sizeof changes / sizeof *changes));
    tcase_add_loop_test(tcase, each_local_minute_runs_once_and_all_of_a_gap_behind_it, 0,
                        zone_count);
    tcase_add_loop_test(tcase, the_next_time_is_later_than_any_and_grows_with_it, 0,
                        zone_count);
    tcase_add_test(tcase, a_span_counts_from_when_the_last_run_began);
    tcase_add_test(tcase, without_a_line_and_a_span_there_is_no_next_time);
    tcase_add_test(tcase, jitter_is_the_same_each_day_and_differs_between_hosts_and_jobs);
    tcase_add_test(tcase, a_zone_that_does_not_exist_is_an_error);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
