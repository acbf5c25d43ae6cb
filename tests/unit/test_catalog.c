#include "catalog/catalog.h"

#include "base/file.h"
#include "catalog/artifact_list.h"
#include "catalog/stores.h"
#include "tests/support/catalogs.h"

#include <check.h>
#include <sys/stat.h>
#include <unistd.h>

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

START_TEST(a_new_catalog_is_private_and_sound)
{
    struct stat status;
    ck_assert_int_eq(stat(c.path, &status), 0);
    ck_assert_int_eq(status.st_mode & 0777, 0600);
    ck_assert_int_eq(catalog_check(c.catalog, &err), 0);
    ck_assert_str_eq(catalog_path(c.catalog), c.path);
    ck_assert_int_eq(catalogs_number(&c, "PRAGMA application_id"), 0x70676b70);
    ck_assert_int_eq(catalogs_number(&c, "PRAGMA user_version"), 1);
    ck_assert_int_eq(catalogs_number(&c, "SELECT count(*) FROM pragma_journal_mode"
                                         " WHERE journal_mode = 'wal'"),
                     1);
    ck_assert_int_eq(catalogs_number(&c, "SELECT count(*) FROM pragma_table_list WHERE"
                                         " schema = 'main' AND type = 'table' AND NOT"
                                         " strict AND name NOT LIKE 'sqlite_%'"),
                     0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("catalog");
    TCase *tcase = tcase_create("catalog");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_new_catalog_is_private_and_sound);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
