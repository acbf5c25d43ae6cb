/* Sync and check over stores that fail: what was gone and is there again, what was never
 * there, and that whatever is cut off goes on the next time. */
#include "base/log.h"
#include "base/memory.h"
#include "catalog/artifact_list.h"
#include "catalog/verifications.h"
#include "repository/keys.h"
#include "tests/support/depot_repair.h"
#include "tests/support/memory_store.h"
#include "tests/support/run_suite.h"

#include <check.h>

#define OK(call) ck_assert_msg((call) == 0, "%s", depot.err.text)
#define NAS (depot.stores[DEPOT_NAS])

static const struct depot_spec spec = {.policy = "keep_last = 9;"};
static struct depot depot;
static struct sync_result result;

static void setup(void)
{
    depot_begin(&depot, &spec);
}

static void teardown(void)
{
    depot_end(&depot);
}

static void sync(void)
{
    OK(depot_sync(&depot, DEPOT_NAS, &result));
}

static void known(const char *wanted)
{
    char *found = depot_known(&depot, DEPOT_NAS);
    ck_assert_str_eq(found, wanted);
    free(found);
}

static void lies(const char *wanted)
{
    char *found = depot_lies(&depot, DEPOT_NAS);
    ck_assert_str_eq(found, wanted);
    free(found);
}

static void drop(unsigned n, const char *what)
{
    char *key = depot_key(&depot, n, what);
    memory_store_drop(NAS, key);
    free(key);
}

/* ---- sync ---- */

START_TEST(a_copy_that_was_missing_and_is_there_again_is_complete_again)
{
    struct depot_backup again = {.stores = DEPOT_AT(DEPOT_NAS), .unknown = true};
    depot_backups(&depot, 1, 2);
    drop(2, "manifest");
    sync();
    ck_assert_uint_eq(result.missing, 1);
    known("1 2:missing");
    depot_backup(&depot, 2, &again);
    sync();
    ck_assert_uint_eq(result.healed, 1);
    known("1 2");
}
END_TEST

START_TEST(one_that_is_there_again_but_not_whole_stays_missing)
{
    struct depot_backup again = {.stores = DEPOT_AT(DEPOT_NAS), .unknown = true};
    depot_backups(&depot, 1, 2);
    drop(2, "manifest");
    sync();
    depot_backup(&depot, 2, &again);
    drop(2, "data");
    sync();
    ck_assert_uint_eq(result.healed, 0);
    known("1 2:missing");
    lies("1 2(manifest,index,state)"); /* the store is told of it */
}
END_TEST

/* The listing was made a moment before the manifest appeared in it. */
START_TEST(each_that_seems_gone_is_asked_for_by_its_name_first)
{
    depot_backups(&depot, 1, 2);
    drop(2, "manifest");
    memory_store_fail(NAS, MEMORY_STAT, 1, "manifests/", ERR_TRANSIENT, false);
    ck_assert_int_eq(depot_sync(&depot, DEPOT_NAS, &result), -1);
    known("1 2");
}
END_TEST

START_TEST(what_is_on_its_way_out_here_is_not_found_missing)
{
    depot_backups(&depot, 1, 2);
    catalogs_sqlf(&depot.catalogs,
                  "UPDATE copies SET state = 'deleting', delete_reason = "
                  "'x' WHERE id = %lld",
                  (long long)depot_copy(&depot, 2, DEPOT_NAS));
    drop(2, "manifest");
    sync();
    ck_assert_uint_eq(result.missing, 0);
    known("1 2:deleting");
}
END_TEST

START_TEST(a_pin_that_the_store_was_not_told_of_goes_there)
{
    depot_backups(&depot, 1, 2);
    OK(catalog_artifact_pin(depot.catalog, depot_id(2), 0, "ours", &depot.err));
    sync();
    ck_assert_uint_eq(result.told, 1);
    char *key = depot_key(&depot, 2, "state");
    ck_assert_ptr_nonnull(strstr(memory_store_bytes(NAS, key)->data, "ours"));
    free(key);
    sync();
    ck_assert_uint_eq(result.told, 0);
}
END_TEST

/* State files are read again only when the store says that they changed. */
START_TEST(a_sync_that_has_nothing_to_do_reads_nothing)
{
    depot_backups(&depot, 1, 3);
    for (unsigned n = 1; n <= 3; n++)
        depot_tell(&depot, n);
    memory_store_age(NAS, 3600);
    sync();
    memory_store_age(NAS, 3600);
    unsigned before = memory_store_steps(NAS, MEMORY_GET);
    sync();
    ck_assert_uint_le(memory_store_steps(NAS, MEMORY_GET) - before, 1); /* the mark */
    ck_assert_uint_eq(result.manifests, 3);
}
END_TEST

START_TEST(a_setting_that_nobody_wrote_is_no_time)
{
    depot_backups(&depot, 1, 1);
    sync();
    catalogs_sql(&depot.catalogs,
                 "UPDATE settings SET value = 'nonsense' WHERE key LIKE 'sync/%'");
    sync();
    ck_assert_uint_eq(result.manifests, 1);
}
END_TEST

/* What a sync was cut off in goes on with the next; and it deletes nothing, ever. */
START_TEST(after_any_failure_the_next_sync_is_whole)
{
    for (unsigned n = 1;; n++) {
        struct depot_backup theirs = {.unknown = true};
        struct depot other;
        depot_end(&depot);
        setup();
        depot_backups(&depot, 1, 2);
        depot_backup(&depot, 3, &theirs);
        depot_join(&other, &depot, &spec);
        depot_backups(&other, 1, 1);
        ck_assert_int_eq(
            catalog_artifact_pin(other.catalog, depot_id(1), 0, "theirs", &other.err), 0);
        depot_tell(&other, 1);
        depot_end(&other);
        OK(catalog_artifact_pin(depot.catalog, depot_id(2), 0, "ours", &depot.err));
        char *before = depot_lies(&depot, DEPOT_NAS);
        memory_store_stumble(NAS, MEMORY_ANY, n, "", ERR_TRANSIENT, _i != 0);
        (void)!depot_sync(&depot, DEPOT_NAS, &result);
        bool failed = memory_store_failed(NAS);
        memory_store_heal(NAS);
        sync();
        depot_assert(&depot, DEPOT_NAS, "1 2 3");
        lies(before);
        ck_assert_int_eq(
            catalogs_number(&depot.catalogs, "SELECT count(*) FROM artifacts WHERE pinned"),
            2);
        char *key = depot_key(&depot, 2, "state");
        ck_assert_msg(memory_store_has(NAS, key), "%u: the pin was not told", n);
        free(key);
        free(before);
        if (!failed)
            break;
    }
}
END_TEST

/* ---- check ---- */

START_TEST(findings_come_by_backup_and_kind)
{
    struct depot_backup theirs = {.stores = DEPOT_AT(DEPOT_NAS), .unknown = true};
    struct depot_crash dead = {.stores = DEPOT_AT(DEPOT_NAS), .upload = true};
    depot_backups(&depot, 1, 5);
    depot_backup(&depot, 6, &theirs);
    depot_crash(&depot, 7, &dead);
    drop(1, "data");
    drop(1, "manifest");
    drop(2, "index");
    char *key = depot_key(&depot, 3, "data");
    memory_store_cut(NAS, key, 7);
    free(key);
    catalogs_sqlf(&depot.catalogs,
                  "UPDATE copies SET state = 'damaged', verified_error = "
                  "'x' WHERE id = %lld",
                  (long long)depot_copy(&depot, 4, DEPOT_NAS));
    catalogs_sqlf(&depot.catalogs, "UPDATE copies SET state = 'failed' WHERE id = %lld",
                  (long long)depot_copy(&depot, 5, DEPOT_NAS));
    char *found = depot_check(&depot, DEPOT_NAS);
    ck_assert_msg(found != NULL, "%s", depot.err.text);
    /* Ids ascend with the time: the oldest backup is first. */
    ck_assert_str_eq(found, "open_upload 7, unknown 6, remains 5, remains 5, remains 5, "
                            "known_broken 4, wrong_size 3, no_index 2, no_manifest 1, "
                            "no_data 1");
    free(found);
}
END_TEST

START_TEST(an_upload_that_somebody_is_at_is_no_finding)
{
    struct depot_crash alive = {.stores = DEPOT_AT(DEPOT_NAS), .owner = "", .upload = true};
    depot_crash(&depot, 3, &alive);
    char *found = depot_check(&depot, DEPOT_NAS);
    ck_assert_str_eq(found, "");
    free(found);
}
END_TEST

START_TEST(a_store_that_breaks_off_is_an_error_and_no_finding)
{
    depot_backups(&depot, 1, 2);
    memory_store_fail(NAS, _i == 0 ? MEMORY_LIST : MEMORY_PENDING, 1, "", ERR_TRANSIENT,
                      false);
    ck_assert_ptr_null(depot_check(&depot, DEPOT_NAS));
    ck_assert_int_eq(depot.err.kind, ERR_TRANSIENT);
}
END_TEST

START_TEST(check_changes_nothing)
{
    struct depot_crash dead = {.data = true, .upload = true};
    depot_backups(&depot, 1, 3);
    depot_crash(&depot, 4, &dead);
    drop(1, "data");
    char *before = depot_lies(&depot, DEPOT_NAS), *rows = depot_known(&depot, DEPOT_NAS);
    free(depot_check(&depot, DEPOT_NAS));
    lies(before);
    known(rows);
    ck_assert_uint_eq(memory_store_open_uploads(NAS), 1);
    free(before);
    free(rows);
}
END_TEST

int main(void)
{
    log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    Suite *suite = suite_create("sync_run");
    TCase *tests = tcase_create("sync");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, a_copy_that_was_missing_and_is_there_again_is_complete_again);
    tcase_add_test(tests, one_that_is_there_again_but_not_whole_stays_missing);
    tcase_add_test(tests, each_that_seems_gone_is_asked_for_by_its_name_first);
    tcase_add_test(tests, what_is_on_its_way_out_here_is_not_found_missing);
    tcase_add_test(tests, a_pin_that_the_store_was_not_told_of_goes_there);
    tcase_add_test(tests, a_sync_that_has_nothing_to_do_reads_nothing);
    tcase_add_test(tests, a_setting_that_nobody_wrote_is_no_time);
    tcase_add_loop_test(tests, after_any_failure_the_next_sync_is_whole, 0, 2);
    tcase_add_test(tests, findings_come_by_backup_and_kind);
    tcase_add_test(tests, an_upload_that_somebody_is_at_is_no_finding);
    tcase_add_loop_test(tests, a_store_that_breaks_off_is_an_error_and_no_finding, 0, 2);
    tcase_add_test(tests, check_changes_nothing);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
