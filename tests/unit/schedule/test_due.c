/*
 * A year of three jobs on a clock of our own, with runs that last and fail, a program that is
 * killed and started again, and a clock that is set: what due_decide, asked only when it wished
 * to be asked, lets run, is what a model says that looks every minute and knows the due times
 * from the C library.
 */
#include "schedule/due.h"

#include "base/clock.h"
#include "base/memory.h"
#include "tests/support/dice.h"
#include "tests/support/run_suite.h"

#include <check.h>
#include <stdlib.h>
#include <time.h>

static uint64_t seed;

static struct schedule *make(const char *line, int64_t every_s, const char *zone)
{
    struct err err = {0};
    struct schedule_spec spec = {.cron = line, .every_s = every_s, .timezone = zone};
    struct schedule *schedule = schedule_new(&spec, &err);
    ck_assert_msg(schedule != NULL, "%s", err.text);
    return schedule;
}

/* ---- one question at a time; a job at 10:00 each day ---- */

#define DAY 86400
#define TEN (10 * 3600)

static struct due decide(struct due_job job, int64_t now)
{
    struct due due;
    struct schedule *schedule = make("0 10 * * *", 0, NULL);
    job.schedule = schedule;
    job.enabled = true;
    due_decide(&job, now, &due);
    schedule_free(schedule);
    return due;
}

START_TEST(a_new_job_waits_for_its_next_time)
{
    struct due due = decide((struct due_job){0}, 100 * DAY);
    ck_assert_int_eq(due.what, DUE_NOTHING);
    ck_assert_int_eq(due.handled, 100 * DAY);
    ck_assert_int_eq(due.next, 100 * DAY + TEN);
}
END_TEST

START_TEST(what_is_due_runs_once)
{
    struct due due = decide((struct due_job){.handled = 100 * DAY}, 100 * DAY + TEN);
    ck_assert_int_eq(due.what, DUE_RUN);
    ck_assert_int_eq(due.time, 100 * DAY + TEN);
    due = decide((struct due_job){.handled = due.handled}, 100 * DAY + TEN);
    ck_assert_int_eq(due.what, DUE_NOTHING);
    ck_assert_int_eq(due.next, 101 * DAY + TEN);
}
END_TEST

START_TEST(three_missed_days_are_one_run)
{
    struct due due = decide((struct due_job){.handled = 100 * DAY}, 103 * DAY);
    ck_assert_int_eq(due.what, DUE_RUN);
    ck_assert_int_eq(due.handled, 102 * DAY + TEN);
}
END_TEST

START_TEST(what_was_missed_is_left_out_where_it_shall_be)
{
    struct due due =
        decide((struct due_job){.handled = 100 * DAY, .skip_missed = true}, 103 * DAY);
    ck_assert_int_eq(due.what, DUE_NOTHING);
    ck_assert_int_eq(due.skipped, 102 * DAY + TEN);
    ck_assert_int_eq(due.handled, 102 * DAY + TEN);
    ck_assert_int_eq(due.next, 103 * DAY + TEN);
    /* But not what is only a round late. */
    due = decide((struct due_job){.handled = 100 * DAY, .skip_missed = true},
                 100 * DAY + TEN + DUE_LATE_S);
    ck_assert_int_eq(due.what, DUE_RUN);
}
END_TEST

START_TEST(a_job_that_runs_waits_and_then_runs_once)
{
    struct due_job job = {.handled = 100 * DAY, .busy = true};
    struct due due = decide(job, 102 * DAY);
    ck_assert_int_eq(due.what, DUE_NOTHING);
    ck_assert_int_eq(due.handled, 100 * DAY);
    job.busy = false;
    ck_assert_int_eq(decide(job, 102 * DAY).what, DUE_RUN);
}
END_TEST

START_TEST(a_clock_that_was_set_back_doubles_nothing)
{
    struct due due =
        decide((struct due_job){.handled = 100 * DAY + TEN}, 100 * DAY + TEN - 7200);
    ck_assert_int_eq(due.what, DUE_NOTHING);
    ck_assert_int_eq(due.next, 101 * DAY + TEN);
}
END_TEST

START_TEST(a_clock_that_was_far_ahead_does_not_stop_a_job)
{
    struct due due = decide((struct due_job){.handled = 400 * DAY}, 100 * DAY);
    ck_assert_int_eq(due.handled, 100 * DAY);
    ck_assert_int_eq(due.next, 100 * DAY + TEN);
}
END_TEST

START_TEST(a_failed_run_is_tried_again_later_and_later)
{
    struct due_job job = {.handled = 100 * DAY + TEN,
                          .failed = true,
                          .ended = 100 * DAY + TEN + 60,
                          .retries = 2,
                          .retry_delay_s = 600};
    ck_assert_int_eq(decide(job, job.ended).next, job.ended + 600);
    ck_assert_int_eq(decide(job, job.ended + 600).what, DUE_RETRY);
    job.retry = 1;
    ck_assert_int_eq(decide(job, job.ended + 600).next, job.ended + 1200);
    ck_assert_int_eq(decide(job, job.ended + 1200).what, DUE_RETRY);
    job.retry = 2;
    ck_assert_int_eq(decide(job, job.ended + 1200).next, 101 * DAY + TEN);
    /* A regular run takes the place of a retry. */
    job.retry = 1;
    ck_assert_int_eq(decide(job, 101 * DAY + TEN).what, DUE_RUN);
}
END_TEST

START_TEST(nothing_is_due_of_a_job_that_is_off)
{
    struct due due;
    struct schedule *schedule = make("* * * * *", 0, NULL);
    struct due_job job = {.schedule = schedule, .handled = 1};
    due_decide(&job, 100 * DAY, &due);
    ck_assert_int_eq(due.what, DUE_NOTHING);
    ck_assert(due.next == SCHEDULE_NEVER);
    schedule_free(schedule);
}
END_TEST

START_TEST(a_span_runs_at_once_and_then_after_each_begin)
{
    struct due due;
    struct schedule *schedule = make(NULL, 3600, NULL);
    struct due_job job = {.schedule = schedule, .enabled = true};
    due_decide(&job, 100 * DAY, &due);
    ck_assert_int_eq(due.what, DUE_RUN);
    ck_assert_int_eq(due.handled, 100 * DAY);
    /* Somebody ran it by hand meanwhile. */
    job.handled = due.handled;
    job.began = 100 * DAY + 1800;
    due_decide(&job, 100 * DAY + 3600, &due);
    ck_assert_int_eq(due.what, DUE_NOTHING);
    ck_assert_int_eq(due.next, 100 * DAY + 5400);
    /* A clock that was set back makes it wait a span at most. */
    job.handled = job.began = 100 * DAY + 7200;
    due_decide(&job, 100 * DAY, &due);
    ck_assert_int_eq(due.next, 100 * DAY + 3600);
    schedule_free(schedule);
}
END_TEST

/* ---- the year ---- */

enum {
    JOBS = 3,
    RETRIES = 2,
    MINUTES = 366 * 1440,
    MORE = MINUTES + 1440,
    RUNS_MAX = 20000
};
#define RETRY_DELAY 1200
#define EVERY (6 * 3600)
#define BEGIN INT64_C(1767225600) /* 2026-01-01 */

/* What happens to the machine, by minute. */
struct world {
    uint64_t seed;
    bool up[MINUTES];
    int32_t clock[MINUTES]; /* what the clock is off by, seconds */
    bool by_hand[MINUTES];  /* somebody runs the manual job and the span */
};

/* How a run that begins then will go: the same for both tellers. */
static uint64_t fate(const struct world *world, int job, int minute)
{
    struct dice dice = {world->seed ^ ((uint64_t)job << 40) ^ (uint64_t)minute};
    return dice_below(&dice, UINT64_C(1) << 40);
}

static int length_of(const struct world *world, int job, int minute)
{
    uint64_t f = fate(world, job, minute);
    return f % 50 == 0 ? 60 * 30
                       : 1 + (int)(f / 64 % 90); /* minutes; some take over a day */
}

static bool fails(const struct world *world, int job, int minute)
{
    return fate(world, job, minute) / 8192 % 4 == 0;
}

struct began {
    int minute, job;
    char how; /* r: regular, t: a retry, h: by hand */
};
struct told {
    struct began items[RUNS_MAX];
    size_t count;
};

static void tell(struct told *told, int minute, int job, char how)
{
    ck_assert(told->count < RUNS_MAX);
    told->items[told->count++] = (struct began){minute, job, how};
}

/* What a catalog would know of a job. */
struct known {
    int64_t handled, began, ended;
    bool busy, failed, by_hand;
    int until; /* the minute at which the run under way ends */
    int64_t retry;
    int begun; /* its minute */
};

static int64_t wall(const struct world *world, int minute)
{
    return BEGIN + (int64_t)minute * 60 + world->clock[minute];
}

static void begin_run(const struct world *world, struct told *told, struct known *k,
                      int job, int minute, char how)
{
    tell(told, minute, job, how);
    k->retry = how == 't' ? k->retry + 1 : 0;
    k->busy = true;
    k->by_hand = how == 'h';
    k->failed = false;
    k->began = wall(world, minute);
    k->begun = minute;
    k->until = minute + length_of(world, job, minute);
}

/* A run ends by itself, or is found dead when the machine is up again. */
static bool end_run(const struct world *world, struct known *k, int job, int minute,
                    bool died)
{
    if (!k->busy || (minute < k->until && !died))
        return false;
    k->busy = false;
    k->ended = wall(world, minute);
    k->failed = !k->by_hand && (died || fails(world, job, k->begun));
    return true;
}

/* Asked at the start, when a run ended, when the clock was set, and when it wished. */
static void by_the_function(const struct world *world, struct schedule *const *schedules,
                            struct told *told)
{
    struct known known[JOBS] = {0};
    int64_t next[JOBS] = {0}; /* wall */
    for (int m = 0; m < MINUTES; m++) {
        if (!world->up[m])
            continue;
        bool started = m == 0 || !world->up[m - 1];
        bool all = started || world->clock[m] != world->clock[m - 1];
        for (int j = 0; j < JOBS; j++) {
            struct known *k = &known[j];
            bool ask = end_run(world, k, j, m, started) || all || wall(world, m) >= next[j];
            if (world->by_hand[m] && j > 0 && !k->busy) {
                begin_run(world, told, k, j, m, 'h');
                ask = true;
            }
            if (!ask)
                continue;
            struct due_job job = {.schedule = schedules[j],
                                  .enabled = true,
                                  .retries = j == 0 ? RETRIES : 0,
                                  .retry_delay_s = RETRY_DELAY,
                                  .handled = k->handled,
                                  .busy = k->busy,
                                  .began = k->began,
                                  .failed = k->failed,
                                  .ended = k->ended,
                                  .retry = k->retry};
            struct due due;
            due_decide(&job, wall(world, m), &due);
            k->handled = due.handled;
            next[j] = due.next;
            if (due.what != DUE_NOTHING)
                begin_run(world, told, k, j, m, due.what == DUE_RUN ? 'r' : 't');
        }
    }
}

/* Is 02:30 in Berlin first shown, or jumped over, within the minute up to `time`? By the C
 * library, which knows TZ. */
static void due_times(bool *due)
{
    setenv("TZ", "Europe/Berlin", 1);
    tzset();
    int64_t highest = 0;
    /* A day more, for a clock that is ahead at the end. */
    for (int m = 0; m < MORE; m++) {
        time_t time = (time_t)(BEGIN + (int64_t)m * 60);
        struct tm f;
        localtime_r(&time, &f);
        int64_t local = clock_from_civil((int64_t)f.tm_year + 1900, f.tm_mon + 1, f.tm_mday,
                                         f.tm_hour * 3600 + f.tm_min * 60);
        for (int64_t l = m == 0 ? local : highest + 60; l <= local; l += 60)
            due[m] = due[m] || l % DAY == 2 * 3600 + 30 * 60;
        highest = local > highest ? local : highest;
    }
}

/* Every minute that it is up: is there a due time that the clock has reached and nobody ran? */
static void by_the_model(const struct world *world, const bool *due, struct told *told)
{
    struct known known[JOBS] = {0};
    int ran_up_to = -1; /* the cron job's due times, as minutes of the clock */
    for (int m = 0; m < MINUTES; m++) {
        if (!world->up[m])
            continue;
        bool started = m == 0 || !world->up[m - 1];
        for (int j = 0; j < JOBS; j++) {
            struct known *k = &known[j];
            end_run(world, k, j, m, started);
            if (world->by_hand[m] && j > 0 && !k->busy)
                begin_run(world, told, k, j, m, 'h');
            int64_t now = wall(world, m);
            /* A span counts from its last run; what is in the future by now does not count. */
            if (j == 1 && k->began <= now && k->began > k->handled)
                k->handled = k->began;
            if (j == 1 && k->handled > now)
                k->handled = now;
            if (k->busy || j == 2)
                continue;
            if (j == 1) {
                if (k->began == 0 || now >= k->handled + EVERY) {
                    begin_run(world, told, k, j, m, 'r');
                    k->handled = now;
                }
                continue;
            }
            int reached = (int)((now - BEGIN) / 60), last = -1;
            for (int d = reached < MORE ? reached : MORE - 1; d > ran_up_to && last < 0;
                 d--) {
                if (due[d])
                    last = d;
            }
            if (ran_up_to < 0 && last < 0) {
                ran_up_to = reached; /* counting begins */
            } else if (last >= 0) {
                ran_up_to = last;
                begin_run(world, told, k, j, m, 'r');
            } else if (k->failed && k->retry < RETRIES &&
                       (k->ended > now ||
                        now >= k->ended + RETRY_DELAY * (1 << k->retry))) {
                begin_run(world, told, k, j, m, 't');
            }
        }
    }
}

static void make_world(struct world *world, struct dice *dice)
{
    world->seed = dice->state;
    bool up = true;
    int32_t off = 0;
    for (int m = 0; m < MINUTES; m++) {
        /* Down about once a week, for minutes or days; up for the very first ones. */
        if (up ? m > 100 && dice_below(dice, 10000) == 0 : dice_below(dice, 400) == 0)
            up = !up;
        /* Set twice a month, by minutes or up to ten hours, and right again after a while. */
        if (off == 0 ? m > 1000 && dice_below(dice, 20000) == 0
                     : dice_below(dice, 2000) == 0)
            off = off == 0 ? 60 * ((int32_t)dice_below(dice, 1200) - 600) : 0;
        world->up[m] = up;
        world->clock[m] = off;
        world->by_hand[m] = dice_below(dice, 3000) == 0;
    }
}

START_TEST(a_year_runs_what_the_calendar_says)
{
    struct dice dice = {seed + (uint64_t)_i};
    struct world *world = memory_zalloc(sizeof *world);
    struct told *told = memory_zalloc(sizeof *told),
                *wanted = memory_zalloc(sizeof *wanted);
    bool *due = memory_zalloc(MORE);
    struct schedule *schedules[JOBS] = {make("30 2 * * *", 0, "Europe/Berlin"),
                                        make(NULL, EVERY, NULL), make(NULL, 0, NULL)};
    make_world(world, &dice);
    due_times(due);
    by_the_function(world, schedules, told);
    by_the_model(world, due, wanted);
    for (size_t i = 0; i < told->count && i < wanted->count; i++) {
        const struct began *a = &told->items[i], *b = &wanted->items[i];
        ck_assert_msg(a->minute == b->minute && a->job == b->job && a->how == b->how,
                      "run %zu: job %d at minute %d (%c) instead of job %d at %d (%c)", i,
                      a->job, a->minute, a->how, b->job, b->minute, b->how);
    }
    ck_assert_uint_eq(told->count, wanted->count);
    ck_assert_uint_gt(told->count, 1500); /* 4 x 365 spans alone */
    for (int j = 0; j < JOBS; j++)
        schedule_free(schedules[j]);
    free(world);
    free(told);
    free(wanted);
    free(due);
}
END_TEST

int main(void)
{
    seed = dice_seed();
    Suite *suite = suite_create("due");
    TCase *tcase = tcase_create("due");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, a_new_job_waits_for_its_next_time);
    tcase_add_test(tcase, what_is_due_runs_once);
    tcase_add_test(tcase, three_missed_days_are_one_run);
    tcase_add_test(tcase, what_was_missed_is_left_out_where_it_shall_be);
    tcase_add_test(tcase, a_job_that_runs_waits_and_then_runs_once);
    tcase_add_test(tcase, a_clock_that_was_set_back_doubles_nothing);
    tcase_add_test(tcase, a_clock_that_was_far_ahead_does_not_stop_a_job);
    tcase_add_test(tcase, a_failed_run_is_tried_again_later_and_later);
    tcase_add_test(tcase, nothing_is_due_of_a_job_that_is_off);
    tcase_add_test(tcase, a_span_runs_at_once_and_then_after_each_begin);
    tcase_add_loop_test(tcase, a_year_runs_what_the_calendar_says, 0, 5);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
