#include "catalog/runs.h"

#include "catalog/db/facts.h"

#include "base/clock.h"
#include "tests/support/catalogs.h"
#include "tests/support/run_suite.h"

#include <check.h>

static struct catalogs c;
static struct err err;

static void setup(void)
{
    catalogs_begin(&c);
    err = (struct err){0};
}

static void teardown(void)
{
    catalogs_end(&c);
}

static int64_t begin(const char *kind, const char *job)
{
    int64_t id = 0;
    ck_assert_int_eq(catalog_run_begin(c.catalog, kind, job, &id, &err), 0);
    return id;
}

START_TEST(a_run_ends_once)
{
    const struct catalog_run_filter all = {.limit = 0};
    struct catalog_runs runs = {0};
    int64_t id = begin("backup", "nightly");
    ck_assert_int_eq(catalog_runs_list(c.catalog, &all, &runs, &err), 0);
    ck_assert_uint_eq(runs.count, 1);
    ck_assert_int_eq(runs.items[0].owner_state, OWNER_ALIVE);
    ck_assert_int_eq(runs.items[0].exit_status, -1);
    ck_assert_int_eq(runs.items[0].ended, 0);
    catalog_runs_release(&runs);
    ck_assert_int_eq(catalog_run_end(c.catalog, id, 8, "one store failed", &err), 0);
    ck_assert_int_eq(catalog_run_end(c.catalog, id, 0, NULL, &err), -1);
    ck_assert_int_eq(err.kind, ERR_UNSAFE);
    ck_assert_int_eq(catalog_runs_list(c.catalog, &all, &runs, &err), 0);
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
        ck_assert_int_eq(catalog_runs_list(c.catalog, &rows[i].filter, &runs, &err), 0);
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
    int64_t store = catalogs_store(c.catalog, "nas");
    catalogs_complete(c.catalog, 1, store, 1000);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(catalog_run_end(c.catalog, begin("prune", NULL), 0, NULL, &err),
                         0);
    begin("prune", NULL);
    catalogs_sql(&c, "UPDATE copies SET delete_run = 1;"
                     "INSERT INTO verifications (copy, run, time, level, result,"
                     " duration_ms, bytes) VALUES (1, 2, 1, 1, 'good', 0, 0)");
    ck_assert_int_eq(catalog_runs_purge(c.catalog, clock_now() - 10, &err), 0);
    ck_assert_int_eq(catalogs_number(&c, "SELECT count(*) FROM runs"), 4);
    ck_assert_int_eq(catalog_runs_purge(c.catalog, clock_now() + 10, &err), 0);
    ck_assert_int_eq(catalogs_number(&c, "SELECT count(*) FROM runs"), 3);
    ck_assert_int_eq(catalogs_number(&c, "SELECT count(*) FROM runs WHERE id = 3"), 0);
}
END_TEST

START_TEST(the_highest_time_only_grows_until_the_user_resets_it)
{
    static const int64_t steps[][2] = {{100, 100}, {50, 100}, {200, 200}};
    int64_t highest = 9;
    ck_assert_int_eq(catalog_time_highest(c.catalog, &highest, &err), 0);
    ck_assert_int_eq(highest, 0);
    for (size_t i = 0; i < 3; i++) {
        ck_assert_int_eq(catalog_time_seen(c.catalog, steps[i][0], &err), 0);
        ck_assert_int_eq(catalog_time_highest(c.catalog, &highest, &err), 0);
        ck_assert_int_eq(highest, steps[i][1]);
    }
    ck_assert_int_eq(catalog_time_reset(c.catalog, 70, &err), 0);
    ck_assert_int_eq(catalog_time_highest(c.catalog, &highest, &err), 0);
    ck_assert_int_eq(highest, 70);
}
END_TEST

START_TEST(small_facts_are_set_replaced_and_removed)
{
    char *value = NULL;
    ck_assert_int_eq(catalog_setting_get(c.catalog, "sync/u", &value, &err), 0);
    ck_assert_ptr_null(value);
    ck_assert_int_eq(catalog_setting_set(c.catalog, "sync/u", "a", &err), 0);
    ck_assert_int_eq(catalog_setting_set(c.catalog, "sync/u", "b", &err), 0);
    ck_assert_int_eq(catalog_setting_get(c.catalog, "sync/u", &value, &err), 0);
    ck_assert_str_eq(value, "b");
    free(value);
    ck_assert_int_eq(catalog_setting_set(c.catalog, "sync/u", NULL, &err), 0);
    ck_assert_int_eq(catalog_setting_get(c.catalog, "sync/u", &value, &err), 0);
    ck_assert_ptr_null(value);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runs");
    TCase *tcase = tcase_create("runs");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_run_ends_once);
    tcase_add_test(tcase, runs_are_listed_newest_first_and_filtered);
    tcase_add_test(tcase, old_runs_go_unless_something_refers_to_them);
    tcase_add_test(tcase, the_highest_time_only_grows_until_the_user_resets_it);
    tcase_add_test(tcase, small_facts_are_set_replaced_and_removed);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
