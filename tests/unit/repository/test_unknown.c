/* Backups in a store that the catalog does not know: counted, and remembered. */
#include "repository/unknown.h"

#include "tests/support/depot.h"
#include "tests/support/run_suite.h"

#include <check.h>

static struct depot depot;

static void setup(void)
{
    const struct depot_spec spec = {.policy = "keep_last = 9;"};
    depot_begin(&depot, &spec);
    depot_backups(&depot, 1, 3);
}

static void teardown(void)
{
    depot_end(&depot);
}

static size_t count_at(enum depot_place place)
{
    size_t count = 99;
    ck_assert_msg(unknown_count(depot.catalog, depot.stores[place], &count, &depot.err) ==
                      0,
                  "%s", depot.err.text);
    return count;
}

START_TEST(what_has_a_row_is_known_and_what_has_none_is_counted)
{
    const struct depot_backup theirs = {.stores = DEPOT_AT(DEPOT_NAS), .unknown = true};
    size_t all = 0;
    ck_assert_uint_eq(count_at(DEPOT_NAS), 0);
    depot_backup(&depot, 4, &theirs);
    depot_backup(&depot, 5, &theirs);
    ck_assert_uint_eq(count_at(DEPOT_NAS), 2);
    ck_assert_uint_eq(count_at(DEPOT_OFFSITE), 0);
    /* Without a catalog nothing is known. */
    ck_assert_int_eq(unknown_count(NULL, depot.stores[DEPOT_NAS], &all, &depot.err), 0);
    ck_assert_uint_eq(all, 5);
}
END_TEST

static void remembered(const char *uuid, size_t count, int64_t when)
{
    struct unknown known = {99, 99};
    ck_assert_int_eq(unknown_remembered(depot.catalog, uuid, &known, &depot.err), 0);
    ck_assert_uint_eq(known.count, count);
    ck_assert_int_eq(known.when, when);
}

START_TEST(the_last_count_of_each_store_is_remembered_with_its_time)
{
    struct unknown known = {44, 1000};
    remembered("a", 0, 0);
    ck_assert_int_eq(unknown_remember(depot.catalog, "a", &known, &depot.err), 0);
    remembered("a", 44, 1000);
    remembered("b", 0, 0);
    known = (struct unknown){0, 2000};
    ck_assert_int_eq(unknown_remember(depot.catalog, "a", &known, &depot.err), 0);
    remembered("a", 0, 2000);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("unknown");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, what_has_a_row_is_known_and_what_has_none_is_counted);
    tcase_add_test(tests, the_last_count_of_each_store_is_remembered_with_its_time);
    Suite *suite = suite_create("unknown");
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
