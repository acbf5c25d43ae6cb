/* Settings by hand, a catalog of its own, and a clock that is a number. */
#include "serve/round.h"

#include "base/memory.h"
#include "catalog/db/schedules.h"
#include "tests/support/catalogs.h"
#include "tests/support/run_suite.h"

#include <check.h>

static struct catalogs catalogs;
static struct settings settings;
static struct job_settings jobs[2];
static struct round round_;
static struct err err;
static char daily[] = "daily", often[] = "often", ten[] = "0 10 * * *", utc_zone[] = "UTC";

#define DAY INT64_C(86400)
#define OK(call) ck_assert_msg((call) == 0, "%s", err.text)

static void set_up(void)
{
    catalogs_begin(&catalogs);
    jobs[0] = (struct job_settings){.name = daily,
                                    .schedule = ten,
                                    .timezone = utc_zone,
                                    .enabled = true,
                                    .retries = 2,
                                    .retry_delay_s = 60};
    jobs[1] = (struct job_settings){
        .name = often, .every_s = 3600, .timezone = utc_zone, .enabled = true};
    settings = (struct settings){.catalog = catalogs.path, .jobs = jobs, .job_count = 1};
    err_clear(&err);
}

static void tear_down(void)
{
    round_release(&round_);
    catalogs_end(&catalogs);
}

static size_t look(int64_t now)
{
    OK(round_look(&settings, catalogs.catalog, now, &round_, &err));
    return round_.requested_count;
}

static int64_t number(const char *sql)
{
    return catalogs_number(&catalogs, sql);
}

/* Whatever was asked for ends like this. */
static void end_all(int exit_status)
{
    const struct catalog_run_filter pending = {.states =
                                                   CATALOG_RUN_BIT(CATALOG_RUN_PENDING)};
    struct catalog_runs runs = {0};
    OK(catalog_runs_list(catalogs.catalog, &pending, &runs, &err));
    for (size_t i = 0; i < runs.count; i++)
        OK(catalog_run_settle(catalogs.catalog, runs.items[i].id, exit_status, NULL, &err));
    catalog_runs_release(&runs);
}

START_TEST(what_is_due_is_asked_for_once)
{
    ck_assert_uint_eq(look(100 * DAY), 0);
    ck_assert_int_eq(round_.next, 100 * DAY + 36000);
    ck_assert_uint_eq(look(100 * DAY + 36000), 1);
    ck_assert_int_eq(number("SELECT count(*) FROM runs WHERE state = 'pending' AND cause ="
                            " 'schedule' AND job = 'daily'"),
                     1);
    ck_assert_int_eq(number("SELECT due FROM runs"), 100 * DAY + 36000);
    /* It is pending, then over: neither is a reason to run it again. */
    ck_assert_uint_eq(look(100 * DAY + 36000), 0);
    end_all(0);
    ck_assert_uint_eq(look(100 * DAY + 36001), 0);
    ck_assert_int_eq(round_.next, 101 * DAY + 36000);
}
END_TEST

START_TEST(days_that_nobody_was_there_for_are_one_run)
{
    (void)look(100 * DAY);
    ck_assert_uint_eq(look(107 * DAY), 1);
    end_all(0);
    ck_assert_uint_eq(look(107 * DAY), 0);
}
END_TEST

START_TEST(a_job_that_was_off_catches_up_with_nothing)
{
    (void)look(100 * DAY);
    jobs[0].enabled = false;
    ck_assert_uint_eq(look(103 * DAY), 0);
    jobs[0].enabled = true;
    ck_assert_uint_eq(look(103 * DAY), 0);
    ck_assert_int_eq(round_.next, 103 * DAY + 36000);
}
END_TEST

START_TEST(another_schedule_begins_anew)
{
    char noon[] = "0 12 * * *";
    (void)look(100 * DAY);
    jobs[0].schedule = noon;
    ck_assert_uint_eq(look(103 * DAY), 0);
    ck_assert_int_eq(round_.next, 103 * DAY + 43200);
}
END_TEST

START_TEST(a_failed_run_is_tried_again_as_often_as_it_shall_be)
{
    (void)look(100 * DAY);
    ck_assert_uint_eq(look(101 * DAY), 1);
    for (int retry = 1; retry <= 2; retry++) {
        end_all(4);
        /* Runs end by the machine's clock, which is far ahead of ours: the retry is due. */
        ck_assert_uint_eq(look(101 * DAY + retry), 1);
        ck_assert_int_eq(number("SELECT retry FROM runs ORDER BY id DESC LIMIT 1"), retry);
    }
    end_all(4);
    ck_assert_uint_eq(look(101 * DAY + 10), 0);
}
END_TEST

START_TEST(what_failed_before_a_job_was_switched_off_is_not_tried_again)
{
    (void)look(100 * DAY);
    ck_assert_uint_eq(look(101 * DAY), 1);
    end_all(4);
    catalogs_sql(&catalogs, "UPDATE runs SET started = 8726400, ended = 8726430");
    jobs[0].enabled = false;
    ck_assert_uint_eq(look(101 * DAY + 31), 0);
    jobs[0].enabled = true;
    ck_assert_uint_eq(look(101 * DAY + 7200), 0);
    ck_assert_uint_eq(look(101 * DAY + 7300), 0);
}
END_TEST

START_TEST(one_by_hand_that_found_the_job_busy_drops_no_retry)
{
    char kind[] = "backup";
    const struct catalog_run wish = {
        .kind = kind, .job = daily, .cause = CATALOG_RUN_BY_CLI};
    int64_t id = 0;
    (void)look(100 * DAY);
    ck_assert_uint_eq(look(101 * DAY), 1);
    end_all(4);
    OK(catalog_run_request(catalogs.catalog, &wish, &id, &err));
    OK(catalog_run_settle(catalogs.catalog, id, 7, "busy", &err));
    ck_assert_uint_eq(look(101 * DAY + 1), 1);
    ck_assert_int_eq(number("SELECT retry FROM runs ORDER BY id DESC LIMIT 1"), 1);
}
END_TEST

START_TEST(the_delay_of_this_host_is_not_kept)
{
    jobs[0].jitter_s = 3600;
    (void)look(100 * DAY);
    ck_assert_uint_eq(look(101 * DAY), 1);
    ck_assert_int_eq(number("SELECT handled FROM schedules"), 100 * DAY + 36000);
    end_all(0);
    ck_assert_uint_eq(look(101 * DAY), 0);
}
END_TEST

START_TEST(each_job_is_looked_at_and_the_earliest_time_is_the_next_look)
{
    settings.job_count = 2;
    ck_assert_uint_eq(look(100 * DAY), 1); /* a span without a run */
    end_all(0);
    (void)look(100 * DAY + 1);
    ck_assert_int_le(round_.next, 100 * DAY + 3600);
}
END_TEST

/* ---- verifications ---- */

static void backup_of(const char *job)
{
    catalogs_complete(catalogs.catalog, 1, catalogs_store(catalogs.catalog, "nas"),
                      100 * DAY);
    catalogs_sqlf(&catalogs, "UPDATE artifacts SET job = '%s'", job);
}

START_TEST(a_verification_waits_for_a_backup_and_then_has_its_turn)
{
    jobs[0].verify_every_s = 86400;
    ck_assert_uint_eq(look(100 * DAY), 0);
    backup_of("daily");
    ck_assert_uint_eq(look(100 * DAY), 1);
    ck_assert_int_eq(number("SELECT count(*) FROM runs WHERE kind = 'verify' AND job ="
                            " 'daily' AND cause = 'schedule'"),
                     1);
    end_all(6);
    /* One that failed is not tried again: its next turn is another backup's. */
    ck_assert_uint_eq(look(100 * DAY + 600), 0);
    ck_assert_uint_eq(look(101 * DAY), 1);
}
END_TEST

START_TEST(of_one_job_only_one_thing_is_asked_for_at_a_time)
{
    jobs[0].verify_every_s = 3600;
    jobs[1].verify_every_s = 3600;
    settings.job_count = 2;
    backup_of("daily");
    (void)look(100 * DAY);
    end_all(0);
    /* Both are due; what has been due for longer comes first, and the other when it has ended. */
    catalogs_sql(&catalogs, "UPDATE runs SET started = 8640000, ended = 8640001");
    ck_assert_int_eq(number("SELECT count(*) FROM runs WHERE job = 'daily'"), 1);
    (void)look(100 * DAY + 36000);
    ck_assert_int_eq(number("SELECT count(*) FROM runs WHERE job = 'daily' AND state ="
                            " 'pending'"),
                     1);
    end_all(0);
    (void)look(100 * DAY + 36000);
    ck_assert_int_eq(number("SELECT count(DISTINCT kind) FROM runs WHERE job = 'daily'"),
                     2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("round");
    TCase *tcase = tcase_create("round");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, what_is_due_is_asked_for_once);
    tcase_add_test(tcase, days_that_nobody_was_there_for_are_one_run);
    tcase_add_test(tcase, a_job_that_was_off_catches_up_with_nothing);
    tcase_add_test(tcase, another_schedule_begins_anew);
    tcase_add_test(tcase, a_failed_run_is_tried_again_as_often_as_it_shall_be);
    tcase_add_test(tcase, what_failed_before_a_job_was_switched_off_is_not_tried_again);
    tcase_add_test(tcase, one_by_hand_that_found_the_job_busy_drops_no_retry);
    tcase_add_test(tcase, the_delay_of_this_host_is_not_kept);
    tcase_add_test(tcase, each_job_is_looked_at_and_the_earliest_time_is_the_next_look);
    tcase_add_test(tcase, a_verification_waits_for_a_backup_and_then_has_its_turn);
    tcase_add_test(tcase, of_one_job_only_one_thing_is_asked_for_at_a_time);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
