/* A folder and a catalog held against each other: for each thing that can be wrong, what is
 * told. */
#include "repair/check.h"

#include "repair/sync.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "tests/support/catalogs.h"
#include "tests/support/manifests.h"
#include "tests/support/run_suite.h"
#include "tests/support/scratch.h"

#include <check.h>
#include <stdio.h>

static struct catalogs catalogs;
static struct repository access_to;
static char folder[SCRATCH_SIZE];
static struct store *store;
static char *data_key, *index_key, *manifest_key;
static struct check_result result;
static struct err err;

#define OK(call) ck_assert_msg((call) == 0, "%s", err.text)
#define OTHER "01KDVC0M00ABCDEFGHJKMNPQRS"

static void put(const char *key, const char *text)
{
    OK(store_put(store, key, text, strlen(text), &err));
}

static void drop(const char *key)
{
    struct store_removed removed;
    OK(store_remove(store, key, &removed, &err));
}

/* Number 1, whole, and known. */
static void setup(void)
{
    static char name[] = "nas";
    struct sync_result synced;
    char bytes[MANIFESTS_BYTES + 1] = "";
    char id[ULID_SIZE];
    scratch_folder(folder);
    catalogs_begin(&catalogs);
    store = store_open_dir(name, folder, &err);
    ck_assert_ptr_nonnull(store);
    access_to = (struct repository){.name = name,
                                    .store = store,
                                    .id = catalogs_store(catalogs.catalog, name),
                                    .uuid = "11111111-2222-3333-4444-555555555555"};
    manifests_id(1, id);
    data_key = manifests_data_key(1);
    index_key = memory_format("%.*s.index.gz", (int)(strstr(data_key, ".sql") - data_key),
                              data_key);
    manifest_key = memory_format("manifests/%s.json", id);
    memset(bytes, 'x', MANIFESTS_BYTES);
    put(data_key, bytes);
    put(index_key, "index");
    char *manifest = manifests_text(1, 'a');
    put(manifest_key, manifest);
    free(manifest);
    struct settings settings = {.catalog = catalogs.path};
    struct session_spec spec = {
        .settings = &settings, .kind = "catalog sync", .catalog = SESSION_WRITE};
    struct session *session = session_begin(&spec, &err);
    ck_assert_ptr_nonnull(session);
    OK(sync_store(session, &access_to, &synced, &err));
    (void)session_end(session, OUTCOME_DONE, NULL);
}

static void teardown(void)
{
    free(data_key);
    free(index_key);
    free(manifest_key);
    store_close(store);
    catalogs_end(&catalogs);
    scratch_remove(folder);
}

static void compare_at(int64_t now)
{
    OK(check_store(catalogs.catalog, &access_to, now, &result, &err));
}

/* Exactly this, of this key (NULL: whatever). */
static void finds(enum check_kind kind, const char *key)
{
    compare_at(clock_now());
    ck_assert_uint_eq(result.count, 1);
    ck_assert_str_eq(check_kind_name(result.items[0].kind), check_kind_name(kind));
    if (key)
        ck_assert_str_eq(result.items[0].key, key);
    check_result_release(&result);
}

static void finds_nothing(void)
{
    compare_at(clock_now());
    ck_assert_uint_eq(result.count, 0);
    check_result_release(&result);
}

START_TEST(what_fits_is_no_finding)
{
    put("pgkeep-store.json", "{}");
    put("RECOVERY.md", "how to");
    put("photos/holiday.jpg", "somebody else's");
    compare_at(clock_now());
    ck_assert_uint_eq(result.count, 0);
    ck_assert_uint_eq(result.copies, 1);
    ck_assert_uint_eq(result.objects, 3);
    ck_assert_uint_eq(result.others, 1);
    check_result_release(&result);
}
END_TEST

START_TEST(what_a_good_copy_lacks_is_told)
{
    const char *const keys[] = {manifest_key, data_key, index_key};
    const enum check_kind kinds[] = {CHECK_NO_MANIFEST, CHECK_NO_DATA, CHECK_NO_INDEX};
    drop(keys[_i]);
    finds(kinds[_i], keys[_i]);
}
END_TEST

START_TEST(a_wrong_size_is_told_with_both)
{
    put(data_key, "short");
    compare_at(clock_now());
    ck_assert_uint_eq(result.count, 1);
    ck_assert_int_eq(result.items[0].kind, CHECK_WRONG_SIZE);
    ck_assert_uint_eq(result.items[0].expected, MANIFESTS_BYTES);
    ck_assert_uint_eq(result.items[0].found, 5);
    check_result_release(&result);
}
END_TEST

START_TEST(an_object_that_belongs_to_nothing_is_an_orphan)
{
    put("data/shop/shop/2026/shop-full-20260101T000000Z-" OTHER ".sql.gz", "x");
    finds(CHECK_ORPHAN, NULL);
}
END_TEST

START_TEST(another_object_under_a_known_id_is_an_orphan)
{
    char id[ULID_SIZE];
    manifests_id(1, id);
    char *key =
        memory_format("data/shop/shop/2020/shop-full-20200101T000000Z-%s.sql.gz", id);
    put(key, "x");
    finds(CHECK_ORPHAN, key);
    free(key);
}
END_TEST

START_TEST(a_backup_that_is_not_known_is_told_once)
{
    char id[ULID_SIZE];
    manifests_id(2, id);
    char *text = manifests_text(2, 'a');
    char *manifest = memory_format("manifests/%s.json", id);
    char *data = manifests_data_key(2);
    put(data, "x");
    put(manifest, text);
    finds(CHECK_UNKNOWN, manifest);
    free(text);
    free(manifest);
    free(data);
}
END_TEST

START_TEST(what_a_failed_copy_left_is_for_sweep)
{
    drop(manifest_key);
    drop(index_key);
    catalogs_sql(&catalogs, "UPDATE copies SET state = 'failed', begun = 1");
    finds(CHECK_REMAINS, data_key);
}
END_TEST

START_TEST(what_is_left_of_a_deleted_copy_is_an_orphan)
{
    drop(manifest_key);
    drop(index_key);
    catalogs_sql(&catalogs, "UPDATE copies SET state = 'deleted'");
    finds(CHECK_ORPHAN, data_key);
}
END_TEST

START_TEST(a_copy_on_its_way_is_no_finding)
{
    static const char *const states[] = {"uploading", "deleting", "locked", "blocked"};
    char sql[100];
    drop(manifest_key);
    snprintf(sql, sizeof sql, "UPDATE copies SET state = '%s'", states[_i]);
    catalogs_sql(&catalogs, sql);
    finds_nothing();
}
END_TEST

START_TEST(a_copy_known_as_broken_is_told)
{
    catalogs_sql(&catalogs, "UPDATE copies SET state = 'damaged'");
    finds(CHECK_KNOWN_BROKEN, data_key);
}
END_TEST

/* It may be another machine's: a week. */
START_TEST(an_upload_that_is_not_known_is_told_when_it_is_old)
{
    char *path = memory_format("%s/data/." OTHER ".part", folder);
    scratch_write(path, "x", 1);
    compare_at(clock_now() + CHECK_UPLOAD_AGE_S - 60);
    ck_assert_uint_eq(result.count, 0);
    ck_assert_uint_eq(result.uploading, 1);
    check_result_release(&result);
    compare_at(clock_now() + CHECK_UPLOAD_AGE_S + 60);
    ck_assert_uint_eq(result.count, 1);
    ck_assert_int_eq(result.items[0].kind, CHECK_OPEN_UPLOAD);
    check_result_release(&result);
    free(path);
}
END_TEST

START_TEST(an_upload_of_ours_is_told_when_its_process_is_gone)
{
    char id[ULID_SIZE], sql[600];
    manifests_id(1, id);
    char *path = memory_format("%s/data/.%s.part", folder, id);
    scratch_write(path, "x", 1);
    snprintf(sql, sizeof sql, "UPDATE copies SET state = 'uploading', owner = '%s'",
             _i == 0 ? catalogs_dead_owner() : catalogs_unknown_owner());
    catalogs_sql(&catalogs, sql);
    if (_i == 0)
        finds(CHECK_OPEN_UPLOAD, NULL);
    else
        finds_nothing();
    free(path);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("check");
    TCase *tests = tcase_create("check");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, what_fits_is_no_finding);
    tcase_add_loop_test(tests, what_a_good_copy_lacks_is_told, 0, 3);
    tcase_add_test(tests, a_wrong_size_is_told_with_both);
    tcase_add_test(tests, an_object_that_belongs_to_nothing_is_an_orphan);
    tcase_add_test(tests, another_object_under_a_known_id_is_an_orphan);
    tcase_add_test(tests, a_backup_that_is_not_known_is_told_once);
    tcase_add_test(tests, what_a_failed_copy_left_is_for_sweep);
    tcase_add_test(tests, what_is_left_of_a_deleted_copy_is_an_orphan);
    tcase_add_loop_test(tests, a_copy_on_its_way_is_no_finding, 0, 4);
    tcase_add_test(tests, a_copy_known_as_broken_is_told);
    tcase_add_test(tests, an_upload_that_is_not_known_is_told_when_it_is_old);
    tcase_add_loop_test(tests, an_upload_of_ours_is_told_when_its_process_is_gone, 0, 2);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
