/* A rebuilt catalog in the place of the old one. */
#include "catalog/db/catalog.h"

#include "base/file.h"
#include "base/memory.h"
#include "catalog/artifact_list.h"
#include "tests/support/catalogs.h"
#include "tests/support/run_suite.h"
#include "tests/support/scratch.h"

#include <check.h>
#include <unistd.h>

static struct catalogs old, made;
static char kept[SCRATCH_SIZE + 32];
static struct err err;

#define OK(call) ck_assert_msg((call) == 0, "%s", err.text)

static void setup(void)
{
    catalogs_begin(&old);
    catalogs_begin(&made);
    snprintf(kept, sizeof kept, "%s/kept.db", old.folder);
    catalogs_artifact(old.catalog, 1, 1800000000);
    catalogs_artifact(made.catalog, 2, 1800000000);
    catalog_close(made.catalog);
    made.catalog = NULL;
}

static void teardown(void)
{
    catalogs_end(&made);
    catalogs_end(&old);
}

static bool knows(struct catalog *catalog, unsigned n)
{
    struct catalog_artifact artifact;
    struct err why = {0};
    int result = catalog_artifact_load(catalog, catalogs_id(n), 0, &artifact, &why);
    catalog_artifact_release(&artifact);
    return result == 0;
}

static bool file_knows(const char *path, unsigned n)
{
    struct catalog *catalog = catalog_open(path, CATALOG_READ, &err);
    ck_assert_msg(catalog != NULL, "%s", err.text);
    bool result = knows(catalog, n);
    catalog_close(catalog);
    return result;
}

START_TEST(who_has_the_old_one_open_sees_the_new_rows)
{
    bool absent = true;
    ck_assert(knows(old.catalog, 1) && !knows(old.catalog, 2));
    OK(catalog_replace(old.path, made.path, kept, &absent, &err));
    ck_assert(!absent);
    ck_assert(!knows(old.catalog, 1) && knows(old.catalog, 2));
    catalogs_artifact(old.catalog, 3, 1800000001);
    ck_assert(file_knows(old.path, 2) && file_knows(old.path, 3));
    ck_assert(!file_exists(made.path));
}
END_TEST

START_TEST(the_old_one_is_kept_whole)
{
    bool absent = true;
    OK(catalog_replace(old.path, made.path, kept, &absent, &err));
    ck_assert(file_knows(kept, 1) && !file_knows(kept, 2));
}
END_TEST

START_TEST(a_kept_one_is_never_overwritten)
{
    bool absent = true;
    scratch_write(kept, "x", 1);
    ck_assert_int_lt(catalog_replace(old.path, made.path, kept, &absent, &err), 0);
    ck_assert(knows(old.catalog, 1));
    ck_assert(file_exists(made.path));
}
END_TEST

START_TEST(what_is_no_catalog_is_moved_away)
{
    bool absent = true;
    struct text text;
    catalog_close(old.catalog);
    old.catalog = NULL;
    scratch_write(old.path, "no database at all, but long enough to be looked at", 50);
    OK(catalog_replace(old.path, made.path, kept, &absent, &err));
    ck_assert(!absent && file_knows(old.path, 2));
    text_init(&text, 1000);
    OK(file_read(kept, &text, NULL, &err));
    ck_assert(text_starts_with(text.data, "no database"));
    text_release(&text);
}
END_TEST

START_TEST(where_nothing_was_nothing_is_kept)
{
    bool absent = false;
    char path[SCRATCH_SIZE + 32];
    snprintf(path, sizeof path, "%s/fresh.db", old.folder);
    OK(catalog_replace(path, made.path, kept, &absent, &err));
    ck_assert(absent && file_knows(path, 2) && !file_exists(kept));
}
END_TEST

/* Who moves the file alone leaves what SQLite keeps beside it; that would be replayed into
 * the new one. */
START_TEST(the_log_of_one_that_was_moved_away_is_not_replayed)
{
    bool absent = false;
    char path[SCRATCH_SIZE + 32], log[SCRATCH_SIZE + 48], from[SCRATCH_SIZE + 48],
        moved[SCRATCH_SIZE + 48];
    struct text text;
    snprintf(path, sizeof path, "%s/fresh.db", old.folder);
    snprintf(log, sizeof log, "%s-wal", path);
    snprintf(from, sizeof from, "%s-wal", old.path);
    snprintf(moved, sizeof moved, "%s-wal", kept);
    text_init(&text, 1 << 24);
    OK(file_read(from, &text, NULL, &err));
    ck_assert_uint_gt(text.length, 0);
    scratch_write(log, text.data, text.length);
    OK(catalog_replace(path, made.path, kept, &absent, &err));
    ck_assert(file_knows(path, 2) && !file_knows(path, 1));
    ck_assert(absent && file_exists(moved) && !file_exists(kept));
    text_release(&text);
}
END_TEST

static void copy_file(const char *from, const char *to)
{
    struct text text;
    text_init(&text, 1 << 24);
    OK(file_read(from, &text, NULL, &err));
    ck_assert_uint_gt(text.length, 0);
    scratch_write(to, text.data, text.length);
    text_release(&text);
}

/* As a disk leaves it that was full when it was closed. */
START_TEST(what_the_new_one_has_in_its_log_comes_along)
{
    bool absent = false;
    char path[SCRATCH_SIZE + 32], with[SCRATCH_SIZE + 32], log[SCRATCH_SIZE + 48],
        from[SCRATCH_SIZE + 48];
    snprintf(path, sizeof path, "%s/fresh.db", old.folder);
    snprintf(with, sizeof with, "%s/with.db", old.folder);
    snprintf(log, sizeof log, "%s-wal", with);
    snprintf(from, sizeof from, "%s-wal", made.path);
    made.catalog = catalog_open(made.path, CATALOG_WRITE, &err);
    ck_assert(made.catalog != NULL);
    catalogs_artifact(made.catalog, 3, 1800000001);
    copy_file(made.path, with);
    copy_file(from, log);
    OK(catalog_replace(path, with, kept, &absent, &err));
    ck_assert(absent && file_knows(path, 2) && file_knows(path, 3));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("replace");
    TCase *tests = tcase_create("replace");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, who_has_the_old_one_open_sees_the_new_rows);
    tcase_add_test(tests, the_old_one_is_kept_whole);
    tcase_add_test(tests, a_kept_one_is_never_overwritten);
    tcase_add_test(tests, what_is_no_catalog_is_moved_away);
    tcase_add_test(tests, where_nothing_was_nothing_is_kept);
    tcase_add_test(tests, the_log_of_one_that_was_moved_away_is_not_replayed);
    tcase_add_test(tests, what_the_new_one_has_in_its_log_comes_along);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
