#include "catalog/run_databases.h"

#include "base/clock.h"
#include "catalog/runs.h"
#include "tests/support/catalog_rig.h"
#include "tests/support/run_suite.h"

static char shop[] = "shop", crm[] = "crm", full[] = "full", schema[] = "schema";
static char nobody[] = "there is no such database";

static int64_t begin(const char *job)
{
    int64_t id = 0;
    OK(catalog_run_begin(here.catalog, "backup", job, &id, &here.err));
    return id;
}

static void end(int64_t run)
{
    OK(catalog_run_end(here.catalog, run, 0, NULL, &here.err));
}

static void expect(int64_t run, char *database, char *type, bool partial)
{
    const struct catalog_run_database one = {
        .run = run, .database = database, .type = type, .partial = partial};
    OK(catalog_run_expect(here.catalog, &one, &here.err));
}

static void found(int64_t run, char *database, enum catalog_run_outcome outcome)
{
    const struct catalog_run_database one = {.run = run,
                                             .database = database,
                                             .type = full,
                                             .outcome = outcome,
                                             .message = nobody};
    OK(catalog_run_found(here.catalog, &one, &here.err));
}

static struct catalog_run_databases last(void)
{
    struct catalog_run_databases list = {0};
    OK(catalog_run_databases_last(here.catalog, &list, &here.err));
    return list;
}

START_TEST(the_last_run_knows_what_it_should_have_dumped_and_what_became_of_it)
{
    int64_t first = begin("nightly");
    expect(first, shop, full, false);
    end(first);
    int64_t second = begin("nightly");
    expect(second, shop, full, false);
    expect(second, crm, full, false);
    found(second, shop, CATALOG_RUN_DUMPED);
    found(second, crm, CATALOG_RUN_MISSED);
    struct catalog_run_databases own = {0};
    OK(catalog_run_databases_of(here.catalog, second, &own, &here.err));
    ck_assert_uint_eq(own.count, 2);
    ck_assert_str_eq(own.items[0].database, "crm");
    ck_assert_int_eq(own.items[0].outcome, CATALOG_RUN_MISSED);
    catalog_run_databases_release(&own);
    /* As long as it runs the one before is the last. */
    struct catalog_run_databases list = last();
    ck_assert_uint_eq(list.count, 1);
    ck_assert_int_eq(list.items[0].run, first);
    ck_assert_int_eq(list.items[0].outcome, CATALOG_RUN_EXPECTED);
    catalog_run_databases_release(&list);
    end(second);
    list = last();
    ck_assert_uint_eq(list.count, 2);
    ck_assert_str_eq(list.items[0].database, "crm");
    ck_assert_int_eq(list.items[0].outcome, CATALOG_RUN_MISSED);
    ck_assert_str_eq(list.items[0].message, nobody);
    ck_assert_str_eq(list.items[0].job, "nightly");
    ck_assert_int_eq(list.items[1].outcome, CATALOG_RUN_DUMPED);
    ck_assert_int_gt(list.items[1].ended, 0);
    catalog_run_databases_release(&list);
}
END_TEST

START_TEST(each_job_and_type_has_a_last_run_of_its_own_and_partial_ones_are_none)
{
    int64_t regular = begin("nightly"), other = begin("weekly");
    expect(regular, shop, full, false);
    expect(other, crm, full, false);
    end(regular);
    end(other);
    int64_t by_hand = begin("nightly");
    expect(by_hand, shop, schema, false);
    end(by_hand);
    by_hand = begin("nightly");
    expect(by_hand, shop, full, true);
    end(by_hand);
    struct catalog_run_databases list = last();
    ck_assert_uint_eq(list.count, 3);
    ck_assert_int_eq(list.items[0].run, regular);
    ck_assert_str_eq(list.items[1].type, "schema");
    ck_assert_str_eq(list.items[2].job, "weekly");
    catalog_run_databases_release(&list);
}
END_TEST

START_TEST(they_go_with_their_run)
{
    int64_t run = begin("nightly");
    expect(run, shop, full, false);
    expect(run, shop, full, false); /* named twice */
    end(run);
    ck_assert_int_eq(catalog_rig_number("SELECT count(*) FROM run_databases"), 1);
    OK(catalog_runs_purge(here.catalog, clock_now() + 10, &here.err));
    ck_assert_int_eq(catalog_rig_number("SELECT count(*) FROM run_databases"), 0);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("run_databases");
    tcase_add_checked_fixture(tests, catalog_rig_begin, catalog_rig_end);
    tcase_add_test(tests,
                   the_last_run_knows_what_it_should_have_dumped_and_what_became_of_it);
    tcase_add_test(tests,
                   each_job_and_type_has_a_last_run_of_its_own_and_partial_ones_are_none);
    tcase_add_test(tests, they_go_with_their_run);
    Suite *suite = suite_create("run_databases");
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
