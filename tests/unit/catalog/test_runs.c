#include "catalog/runs.h"

#include "catalog/db/facts.h"
#include "catalog/db/sql.h"

#include "base/clock.h"
#include "tests/support/catalog_rig.h"
#include "tests/support/run_suite.h"

static int64_t begin(const char *kind, const char *job)
{
    int64_t id = 0;
    OK(catalog_run_begin(here.catalog, kind, job, &id, &here.err));
    return id;
}

START_TEST(a_run_ends_once)
{
    const struct catalog_run_filter all = {.limit = 0};
    struct catalog_runs runs = {0};
    int64_t id = begin("backup", "nightly");
    OK(catalog_runs_list(here.catalog, &all, &runs, &here.err));
    ck_assert_uint_eq(runs.count, 1);
    ck_assert_int_eq(runs.items[0].owner_state, OWNER_ALIVE);
    ck_assert_int_eq(runs.items[0].exit_status, -1);
    ck_assert_int_eq(runs.items[0].ended, 0);
    catalog_runs_release(&runs);
    OK(catalog_run_end(here.catalog, id, 8, "one store failed", &here.err));
    ck_assert_int_eq(catalog_run_end(here.catalog, id, 0, NULL, &here.err), -1);
    ck_assert_int_eq(here.err.kind, ERR_UNSAFE);
    OK(catalog_runs_list(here.catalog, &all, &runs, &here.err));
    ck_assert_int_eq(runs.items[0].exit_status, 8);
    ck_assert_str_eq(runs.items[0].message, "one store failed");
    ck_assert_str_eq(runs.items[0].job, "nightly");
    ck_assert_int_ge(runs.items[0].ended, runs.items[0].started);
    ck_assert_int_eq(runs.items[0].owner_state, OWNER_DEAD);
    catalog_runs_release(&runs);
}
END_TEST

START_TEST(runs_are_listed_newest_first_and_filtered)
{
    begin("backup", "a");
    begin("backup", "b");
    int64_t last = begin("prune", NULL);
    static const struct row {
        struct catalog_run_filter filter;
        size_t count;
    } rows[] = {{{.limit = 0}, 3},
                {{.kind = "backup"}, 2},
                {{.job = "a"}, 1},
                {{.kind = "prune", .job = "a"}, 0},
                {{.limit = 2}, 2}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct catalog_runs runs = {0};
        OK(catalog_runs_list(here.catalog, &rows[i].filter, &runs, &here.err));
        ck_assert_uint_eq(runs.count, rows[i].count);
        if (rows[i].filter.kind == NULL && rows[i].filter.job == NULL) {
            ck_assert_int_eq(runs.items[0].id, last);
            ck_assert_ptr_null(runs.items[0].job);
        }
        catalog_runs_release(&runs);
    }
}
END_TEST

START_TEST(the_last_run_of_each_job_is_found_behind_any_number_of_others)
{
    const struct catalog_run_filter last = {.kind = "backup", .last_of_jobs = true};
    struct catalog_runs runs = {0};
    int64_t weekly = begin("backup", "weekly"), good = begin("backup", "nightly");
    OK(catalog_run_end(here.catalog, weekly, 4, "no server", &here.err));
    OK(catalog_run_end(here.catalog, good, 0, NULL, &here.err));
    /* One that found the other at work, and one that never began, say nothing of the job. */
    int64_t busy = begin("backup", "nightly");
    OK(catalog_run_end(here.catalog, busy, 7, "a lock is held", &here.err));
    catalogs_sql(&here.files,
                 "INSERT INTO runs (kind, job, state, started, ended, owner, exit_status)"
                 " VALUES ('backup', 'nightly', 'cancelled', 0, 9, '', 143);"
                 "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
                 " WHERE i < 2000) INSERT INTO runs (kind, job, state, started, ended,"
                 " owner, exit_status) SELECT 'backup', 'often', 'complete', i, i, '', 0"
                 " FROM n");
    OK(catalog_runs_list(here.catalog, &last, &runs, &here.err));
    ck_assert_uint_eq(runs.count, 3);
    ck_assert_str_eq(runs.items[0].job, "often");
    ck_assert_int_eq(runs.items[1].id, good);
    ck_assert_int_eq(runs.items[2].id, weekly);
    catalog_runs_release(&runs);
}
END_TEST

START_TEST(old_runs_go_unless_something_refers_to_them)
{
    int64_t store = catalogs_store(here.catalog, "nas");
    catalogs_complete(here.catalog, 1, store, 1000);
    for (int i = 0; i < 3; i++)
        OK(catalog_run_end(here.catalog, begin("prune", NULL), 0, NULL, &here.err));
    begin("prune", NULL);
    catalogs_sql(&here.files, "UPDATE copies SET delete_run = 1;"
                              "INSERT INTO verifications (copy, run, time, level, result,"
                              " duration_ms, bytes) VALUES (1, 2, 1, 1, 'good', 0, 0)");
    OK(catalog_runs_purge(here.catalog, clock_now() - 10, &here.err));
    ck_assert_int_eq(catalog_rig_number("SELECT count(*) FROM runs"), 4);
    OK(catalog_runs_purge(here.catalog, clock_now() + 10, &here.err));
    ck_assert_int_eq(catalog_rig_number("SELECT count(*) FROM runs"), 3);
    ck_assert_int_eq(catalog_rig_number("SELECT count(*) FROM runs WHERE id = 3"), 0);
}
END_TEST

START_TEST(runs_that_were_purged_stay_counted)
{
    struct catalog_run_counts counts;
    for (int i = 0; i < 2; i++) {
        static const int ends[] = {0, 4, 143};
        for (size_t j = 0; j < 3; j++)
            OK(catalog_run_end(here.catalog, begin("backup", "nightly"), ends[j], NULL,
                               &here.err));
        OK(catalog_run_end(here.catalog, begin("verify", "nightly"), 0, NULL, &here.err));
        OK(catalog_runs_purge(here.catalog, clock_now() + 10, &here.err));
    }
    ck_assert_int_eq(catalog_rig_number("SELECT count(*) FROM runs"), 0);
    OK(catalog_run_end(here.catalog, begin("backup", "nightly"), 0, NULL, &here.err));
    OK(catalog_runs_count(here.catalog, "backup", "nightly", &counts, &here.err));
    ck_assert_int_eq(counts.total, 7);
    ck_assert_int_eq(counts.complete, 3);
    ck_assert_int_eq(counts.failed, 2);
    ck_assert_int_eq(counts.cancelled, 2);
}
END_TEST

START_TEST(the_highest_time_only_grows_until_the_user_resets_it)
{
    static const int64_t steps[][2] = {{100, 100}, {50, 100}, {200, 200}};
    int64_t highest = 9;
    OK(catalog_time_highest(here.catalog, &highest, &here.err));
    ck_assert_int_eq(highest, 0);
    for (size_t i = 0; i < 3; i++) {
        OK(catalog_time_seen(here.catalog, steps[i][0], &here.err));
        OK(catalog_time_highest(here.catalog, &highest, &here.err));
        ck_assert_int_eq(highest, steps[i][1]);
    }
    OK(catalog_time_reset(here.catalog, 70, &here.err));
    OK(catalog_time_highest(here.catalog, &highest, &here.err));
    ck_assert_int_eq(highest, 70);
}
END_TEST

/* ---- asked for, begun, cancelled ---- */

static int64_t request(const char *job)
{
    struct catalog_run wish = {
        .job = NULL, .cause = CATALOG_RUN_BY_RETRY, .due = 77, .retry = 2};
    char kind[] = "backup", name[16];
    int64_t id = 0;
    (void)snprintf(name, sizeof name, "%s", job);
    wish.kind = kind;
    wish.job = name;
    OK(catalog_run_request(here.catalog, &wish, &id, &here.err));
    return id;
}

static struct catalog_run *only(int64_t id, unsigned states)
{
    static struct catalog_runs runs;
    const struct catalog_run_filter filter = {.id = id, .states = states, .with_log = true};
    catalog_runs_release(&runs);
    OK(catalog_runs_list(here.catalog, &filter, &runs, &here.err));
    return runs.count == 1 ? &runs.items[0] : NULL;
}

START_TEST(a_run_that_was_asked_for_is_begun_by_one_process)
{
    int64_t id = request("nightly");
    ck_assert_ptr_null(only(id, 0)); /* lists of what was done do not have it yet */
    struct catalog_run *run = only(id, CATALOG_RUN_ANY);
    ck_assert_int_eq(run->state, CATALOG_RUN_PENDING);
    ck_assert_int_eq(run->cause, CATALOG_RUN_BY_RETRY);
    ck_assert_int_eq(run->due, 77);
    ck_assert_int_eq(run->retry, 2);
    ck_assert_int_eq(run->started, 0);
    OK(catalog_run_start(here.catalog, id, &here.err));
    run = only(id, 0);
    ck_assert_int_eq(run->state, CATALOG_RUN_RUNNING);
    ck_assert_int_eq(run->owner_state, OWNER_ALIVE);
    ck_assert_int_eq(catalog_run_start(here.catalog, id, &here.err), -1);
    ck_assert_int_eq(here.err.kind, ERR_UNSAFE);
    OK(catalog_run_end(here.catalog, id, 0, NULL, &here.err));
    ck_assert_int_eq(only(id, 0)->state, CATALOG_RUN_COMPLETE);
}
END_TEST

START_TEST(the_exit_status_decides_the_state)
{
    static const struct {
        int status;
        enum catalog_run_state state;
    } rows[] = {{0, CATALOG_RUN_COMPLETE},    {1, CATALOG_RUN_FAILED},
                {8, CATALOG_RUN_FAILED},      {130, CATALOG_RUN_CANCELLED},
                {143, CATALOG_RUN_CANCELLED}, {137, CATALOG_RUN_FAILED}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t id = begin("backup", "nightly");
        OK(catalog_run_end(here.catalog, id, rows[i].status, NULL, &here.err));
        ck_assert_int_eq(only(id, 0)->state, rows[i].state);
    }
    struct catalog_run_counts counts;
    OK(catalog_runs_count(here.catalog, "backup", "nightly", &counts, &here.err));
    ck_assert_int_eq(counts.total, 6);
    ck_assert_int_eq(counts.complete, 1);
    ck_assert_int_eq(counts.failed, 3);
    ck_assert_int_eq(counts.cancelled, 2);
    OK(catalog_runs_count(here.catalog, "backup", "other", &counts, &here.err));
    ck_assert_int_eq(counts.total, 0);
}
END_TEST

START_TEST(a_pending_run_that_is_cancelled_never_begins)
{
    enum catalog_run_state state = CATALOG_RUN_PENDING;
    int64_t id = request("nightly");
    OK(catalog_run_cancel(here.catalog, id, &state, &here.err));
    ck_assert_int_eq(state, CATALOG_RUN_CANCELLED);
    ck_assert_int_eq(catalog_run_start(here.catalog, id, &here.err), -1);
    ck_assert_int_eq(here.err.kind, ERR_CANCELLED);
}
END_TEST

START_TEST(a_running_one_is_asked_and_ends_itself)
{
    enum catalog_run_state state = CATALOG_RUN_PENDING;
    bool asked = true;
    int64_t id = begin("backup", "nightly");
    OK(catalog_run_cancel_asked(here.catalog, id, &asked, &here.err));
    ck_assert(!asked);
    OK(catalog_run_cancel(here.catalog, id, &state, &here.err));
    ck_assert_int_eq(state, CATALOG_RUN_RUNNING);
    OK(catalog_run_cancel_asked(here.catalog, id, &asked, &here.err));
    ck_assert(asked);
    OK(catalog_run_end(here.catalog, id, 143, "cancelled", &here.err));
    OK(catalog_run_cancel(here.catalog, id, &state, &here.err));
    ck_assert_int_eq(state, CATALOG_RUN_CANCELLED);
    ck_assert_int_eq(catalog_run_cancel(here.catalog, 4711, &state, &here.err), -1);
    ck_assert_int_eq(here.err.kind, ERR_NOT_FOUND);
}
END_TEST

START_TEST(what_its_process_left_open_is_settled_once)
{
    int64_t id = begin("backup", "nightly");
    OK(catalog_run_settle(here.catalog, id, 137, "its process is gone", &here.err));
    ck_assert_int_eq(only(id, 0)->state, CATALOG_RUN_FAILED);
    OK(catalog_run_settle(here.catalog, id, 0, "no", &here.err));
    ck_assert_str_eq(only(id, 0)->message, "its process is gone");
}
END_TEST

START_TEST(a_run_that_was_asked_to_end_is_cancelled_however_its_process_ended)
{
    enum catalog_run_state state = CATALOG_RUN_PENDING;
    int64_t id = begin("backup", "nightly");
    OK(catalog_run_cancel(here.catalog, id, &state, &here.err));
    OK(catalog_run_settle(here.catalog, id, 137, "killed", &here.err));
    ck_assert_int_eq(only(id, 0)->state, CATALOG_RUN_CANCELLED);
    ck_assert_int_eq(only(id, 0)->exit_status, 143);
}
END_TEST

START_TEST(a_run_is_not_ended_for_one_who_looked_before_another_began_it)
{
    static char dead[OWNER_SIZE];
    int64_t id = request("nightly");
    struct catalog_run seen = {.id = id, .owner = dead};
    bool taken = true;
    (void)snprintf(dead, sizeof dead, "%s", catalogs_dead_owner());
    /* It is ours since we asked for it; the dead one's it never was. */
    ck_assert_int_eq(only(id, CATALOG_RUN_ANY)->owner_state, OWNER_ALIVE);
    OK(catalog_run_take(here.catalog, &seen, &taken, &here.err));
    ck_assert(!taken);
    catalogs_sqlf(&here.files, "UPDATE runs SET owner = '%s'", dead);
    OK(catalog_run_take(here.catalog, &seen, &taken, &here.err));
    ck_assert(taken);
    OK(catalog_run_start(here.catalog, id, &here.err));
    OK(catalog_run_settle_seen(here.catalog, &seen, 7, "too late", &here.err));
    ck_assert_int_eq(only(id, CATALOG_RUN_ANY)->state, CATALOG_RUN_RUNNING);
}
END_TEST

START_TEST(a_run_that_an_older_pgkeep_ends_gets_its_state)
{
    int64_t good = begin("backup", "nightly"), bad = begin("backup", "nightly");
    OK(sql_exec(here.catalog,
                "UPDATE runs SET ended = started, exit_status = iif(id = 1, 0, 4)",
                &here.err));
    ck_assert_int_eq(only(good, 0)->state, CATALOG_RUN_COMPLETE);
    ck_assert_int_eq(only(bad, 0)->state, CATALOG_RUN_FAILED);
}
END_TEST

START_TEST(the_last_64_kib_of_a_log_are_kept)
{
    static char log[CATALOG_LOG_MAX + 101];
    int64_t id = begin("backup", "nightly");
    memset(log, 'a', sizeof log - 1);
    memset(log + sizeof log - 4, 'z', 3);
    OK(catalog_run_set_log(here.catalog, id, log, &here.err));
    const char *kept = only(id, 0)->log;
    ck_assert_uint_eq(strlen(kept), CATALOG_LOG_MAX);
    ck_assert_str_eq(kept + CATALOG_LOG_MAX - 4, "azzz");
}
END_TEST

START_TEST(small_facts_are_set_replaced_and_removed)
{
    char *value = NULL;
    OK(catalog_setting_get(here.catalog, "sync/u", &value, &here.err));
    ck_assert_ptr_null(value);
    OK(catalog_setting_set(here.catalog, "sync/u", "a", &here.err));
    OK(catalog_setting_set(here.catalog, "sync/u", "b", &here.err));
    OK(catalog_setting_get(here.catalog, "sync/u", &value, &here.err));
    ck_assert_str_eq(value, "b");
    free(value);
    OK(catalog_setting_set(here.catalog, "sync/u", NULL, &here.err));
    OK(catalog_setting_get(here.catalog, "sync/u", &value, &here.err));
    ck_assert_ptr_null(value);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runs");
    TCase *tcase = tcase_create("runs");
    tcase_add_checked_fixture(tcase, catalog_rig_begin_empty, catalog_rig_end);
    tcase_add_test(tcase, a_run_ends_once);
    tcase_add_test(tcase, runs_are_listed_newest_first_and_filtered);
    tcase_add_test(tcase, the_last_run_of_each_job_is_found_behind_any_number_of_others);
    tcase_add_test(tcase, a_run_that_was_asked_for_is_begun_by_one_process);
    tcase_add_test(tcase, the_exit_status_decides_the_state);
    tcase_add_test(tcase, a_pending_run_that_is_cancelled_never_begins);
    tcase_add_test(tcase, a_running_one_is_asked_and_ends_itself);
    tcase_add_test(tcase, what_its_process_left_open_is_settled_once);
    tcase_add_test(tcase,
                   a_run_that_was_asked_to_end_is_cancelled_however_its_process_ended);
    tcase_add_test(tcase, a_run_that_an_older_pgkeep_ends_gets_its_state);
    tcase_add_test(tcase, a_run_is_not_ended_for_one_who_looked_before_another_began_it);
    tcase_add_test(tcase, the_last_64_kib_of_a_log_are_kept);
    tcase_add_test(tcase, old_runs_go_unless_something_refers_to_them);
    tcase_add_test(tcase, runs_that_were_purged_stay_counted);
    tcase_add_test(tcase, the_highest_time_only_grows_until_the_user_resets_it);
    tcase_add_test(tcase, small_facts_are_set_replaced_and_removed);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
