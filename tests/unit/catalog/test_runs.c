#include "catalog/runs.h"

#include "catalog/db/facts.h"

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
    } rows[] = {{{NULL, NULL, 0}, 3},
                {{"backup", NULL, 0}, 2},
                {{NULL, "a", 0}, 1},
                {{"prune", "a", 0}, 0},
                {{NULL, NULL, 2}, 2}};
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
    tcase_add_test(tcase, old_runs_go_unless_something_refers_to_them);
    tcase_add_test(tcase, the_highest_time_only_grows_until_the_user_resets_it);
    tcase_add_test(tcase, small_facts_are_set_replaced_and_removed);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
