#include "catalog/db/schedules.h"

#include "tests/support/catalog_rig.h"
#include "tests/support/run_suite.h"

START_TEST(another_rule_begins_anew)
{
    int64_t handled = -1;
    OK(catalog_schedule_get(here.catalog, "a", "@daily", &handled, &here.err));
    ck_assert_int_eq(handled, 0);
    OK(catalog_schedule_set(here.catalog, "a", "@daily", 100, &here.err));
    OK(catalog_schedule_set(here.catalog, "a", "@daily", 200, &here.err));
    OK(catalog_schedule_set(here.catalog, "b", "@daily", 50, &here.err));
    OK(catalog_schedule_get(here.catalog, "a", "@daily", &handled, &here.err));
    ck_assert_int_eq(handled, 200);
    OK(catalog_schedule_get(here.catalog, "a", "@hourly", &handled, &here.err));
    ck_assert_int_eq(handled, 0);
    OK(catalog_schedule_set(here.catalog, "a", "@hourly", 300, &here.err));
    OK(catalog_schedule_get(here.catalog, "a", "@daily", &handled, &here.err));
    ck_assert_int_eq(handled, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("schedules");
    TCase *tcase = tcase_create("schedules");
    tcase_add_checked_fixture(tcase, catalog_rig_begin_empty, catalog_rig_end);
    tcase_add_test(tcase, another_rule_begins_anew);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
