/* A year of hourly and daily backups with failed runs, pruned after every run, and at every
 * step compared with what the contract says must be there: the newest of each of the newest
 * n periods that have a good one. The check counts on its own, over all that was ever
 * taken. */
#include "tests/support/planning.h"
#include "tests/support/run_suite.h"
#include "tests/support/utc.h"

#include "base/clock.h"

#include <check.h>

#define HOUR 3600
#define DAY 86400
#define RUNS (366 * 25)

static uint64_t seed;

/* Everything ever taken in one group, and what is still there. */
static struct history {
    int64_t times[RUNS];
    bool is_good[RUNS], is_there[RUNS];
    size_t count;
} histories[2]; /* hourly, daily */

static const struct {
    int slots;
    size_t length; /* of an RFC 3339 time that names the period; 0: ISO week */
} rules[] = {{7, 10}, {4, 0}, {12, 7}};

/* Which week a day lies in, counted by walking Mondays: no calendar code is shared. */
static long week_of(int64_t time)
{
    static const int64_t monday = 345600; /* 1970-01-05 */
    return (long)((time - monday + (int64_t)520 * 7 * DAY) / (7 * DAY));
}

static bool same_period(size_t length, int64_t one, int64_t other)
{
    char a[32], b[32];
    if (length == 0)
        return week_of(one) == week_of(other);
    return strncmp(clock_rfc3339(a, one), clock_rfc3339(b, other), length) == 0;
}

/* The runs that daily=7 weekly=4 monthly=12 wants of all that were good. */
static void mark_wanted(const struct history *history, bool *wanted)
{
    memset(wanted, 0, RUNS * sizeof(*wanted));
    for (size_t rule = 0; rule < sizeof(rules) / sizeof(rules[0]); rule++) {
        int left = rules[rule].slots;
        int64_t last = INT64_MAX;
        for (size_t i = history->count; i-- > 0 && left > 0;) {
            if (!history->is_good[i] ||
                (last != INT64_MAX &&
                 same_period(rules[rule].length, last, history->times[i])))
                continue;
            wanted[i] = true;
            last = history->times[i];
            left--;
        }
    }
}

static void take(struct history *history, int64_t time, bool is_good)
{
    size_t i = history->count++;
    history->times[i] = time;
    history->is_good[i] = is_good;
    history->is_there[i] = true;
}

/* What is there of both histories, planned together; indexes go to `runs`. */
static void plan_all(struct planning *planning, size_t runs[2 * RUNS])
{
    static const char *const groups[] = {"hourly/shop/full", "daily/shop/full"};
    for (size_t h = 0; h < 2; h++) {
        for (size_t i = 0; i < histories[h].count; i++) {
            if (!histories[h].is_there[i])
                continue;
            runs[planning->count] = i;
            struct retention_artifact *artifact =
                planning_add_at(planning, histories[h].times[i]);
            artifact->group = groups[h];
            artifact->seq = (int64_t)i;
            artifact->state =
                histories[h].is_good[i] ? RETENTION_COMPLETE : RETENTION_FAILED;
        }
    }
    planning_run(planning);
}

/* Removes what the plan wants gone and the failed ones that are due. */
static void prune(struct planning *planning, const size_t runs[2 * RUNS])
{
    for (size_t i = 0; i < planning->count; i++) {
        const struct retention_decision *decision = &planning->plan->decisions[i];
        size_t h = planning->artifacts[i].group[0] == 'd' ? 1 : 0;
        if (decision->verdict == RETENTION_PRUNE || decision->is_due)
            histories[h].is_there[runs[i]] = false;
    }
}

static void compare(const struct history *history, int64_t now)
{
    static bool wanted[RUNS];
    mark_wanted(history, wanted);
    char when[32];
    for (size_t i = 0; i < history->count; i++) {
        if (history->is_good[i])
            ck_assert_msg(history->is_there[i] == wanted[i],
                          "seed %llu, at %s: run %zu is %s and should %s",
                          (unsigned long long)seed, clock_rfc3339(when, now), i,
                          history->is_there[i] ? "there" : "gone",
                          wanted[i] ? "stay" : "go");
        else if (history->is_there[i]) /* failed_keep, or nothing newer is good */
            ck_assert(now - history->times[i] < 7 * DAY || i + 200 > history->count);
    }
}

/* Failed runs come alone and in rows of days. */
static bool is_failing(struct dice *random, int *row)
{
    if (*row > 0)
        --*row;
    else if (dice_chance(random, 1))
        *row = (int)dice_below(random, 72);
    return *row > 0 || dice_chance(random, 5);
}

START_TEST(a_year_keeps_exactly_the_newest_of_each_period)
{
    static size_t runs[2 * RUNS];
    struct dice random = {seed};
    memset(histories, 0, sizeof(histories));
    int row = 0;
    int64_t begin = utc("2025-11-03T00:00:00Z");
    for (int64_t hour = 0; hour < 366 * 24; hour++) {
        int64_t now = begin + hour * HOUR + (int64_t)dice_below(&random, 600);
        take(&histories[0], now, !is_failing(&random, &row));
        if (hour % 24 == 2)
            take(&histories[1], now, !dice_chance(&random, 10));
        struct planning planning;
        planning_init(&planning, "keep_daily=7 keep_weekly=4 keep_monthly=12",
                      "2026-11-21T02:00:00Z");
        planning.now = now + 60;
        plan_all(&planning, runs);
        prune(&planning, runs);
        planning_release(&planning);
        if (hour % 24 == 23) {
            compare(&histories[0], now);
            compare(&histories[1], now);
        }
    }
}
END_TEST

int main(void)
{
    seed = dice_seed();
    Suite *suite = suite_create("plan_year");
    TCase *tcase = tcase_create("plan_year");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, a_year_keeps_exactly_the_newest_of_each_period);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
