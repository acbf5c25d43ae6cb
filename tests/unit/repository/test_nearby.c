/* Where the backups lie, for who forgot the prefix; on a real folder. */
#include "repository/nearby.h"

#include "base/file.h"
#include "base/memory.h"
#include "tests/support/run_suite.h"
#include "tests/support/scratch.h"

#include <check.h>

static char folder[SCRATCH_SIZE];
static struct err err;

static void put(const char *key)
{
    char *path = file_join(folder, key);
    ck_assert_int_eq(file_make_folders_of(path, &err), 0);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fclose(file), 0);
    free(path);
}

static const char *hint(void)
{
    char name[] = "x";
    struct store_settings from = {.name = name, .type = STORE_DIR, .path = folder};
    struct store *whole = store_open_dir(name, folder, &err);
    ck_assert_ptr_nonnull(whole);
    err_set(&err, ERR_NOT_FOUND, "no mark");
    nearby_hint(whole, &from, &err);
    store_close(whole);
    const char *at = strstr(err.text, "\nhint: ");
    return at != NULL ? at + 7 : "";
}

START_TEST(nothing_is_said_where_there_is_nothing)
{
    scratch_folder(folder);
    put("a/b/c.txt");
    put("manifests/of-this-very-folder.json");
    ck_assert_str_eq(hint(), "");
    ck_assert_int_eq(err.kind, ERR_NOT_FOUND);
}
END_TEST

START_TEST(manifests_and_marks_show_where_backups_lie)
{
    char one[SCRATCH_SIZE + 100], other[SCRATCH_SIZE + 100];
    scratch_folder(folder);
    put("eu/prod/manifests/01.json");
    put("eu/prod/manifests/02.json");
    put("test/pgkeep-store.json");
    /* A folder is listed in any order. */
    snprintf(one, sizeof one, "dir:%s/eu/prod", folder);
    snprintf(other, sizeof other, "dir:%s/test", folder);
    ck_assert(strncmp(hint(), "there are backups in dir:", 25) == 0);
    ck_assert_ptr_nonnull(strstr(err.text, one));
    ck_assert_ptr_nonnull(strstr(err.text, other));
}
END_TEST

START_TEST(a_folder_that_cannot_be_listed_changes_nothing)
{
    snprintf(folder, sizeof folder, "/nonexistent/pgkeep");
    ck_assert_str_eq(hint(), "");
    ck_assert_str_eq(err.text, "no mark");
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("nearby");
    tcase_add_test(tests, nothing_is_said_where_there_is_nothing);
    tcase_add_test(tests, manifests_and_marks_show_where_backups_lie);
    tcase_add_test(tests, a_folder_that_cannot_be_listed_changes_nothing);
    Suite *suite = suite_create("nearby");
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
