/* Backups of a job, with stores that fail and dumps that end in every way. */
#include "backup/backup.h"

#include "tests/support/run_suite.h"
#include "tests/support/world.h"

static struct world world;

static void setup(void)
{
    world_begin(&world, NULL);
}

static void teardown(void)
{
    world_end(&world);
}

START_TEST(a_backup_is_complete_in_each_of_its_stores)
{
    const char *id = world_take(&world);
    ck_assert_int_eq(world_status(&world, id), CATALOG_COMPLETE);
    world_assert_state(&world, id, "nas", CATALOG_COPY_COMPLETE);
    world_assert_state(&world, id, "offsite", CATALOG_COPY_COMPLETE);
    world_assert_state(&world, id, "third", CATALOG_COPY_STATES);
    world_assert_settled(&world);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("backup");
    TCase *tcase = tcase_create("backup");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_backup_is_complete_in_each_of_its_stores);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
