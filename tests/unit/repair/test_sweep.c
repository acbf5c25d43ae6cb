/* What a sweep finishes, what it undoes, and above all what it leaves alone. */
#include "base/log.h"
#include "base/memory.h"
#include "catalog/artifact_list.h"
#include "catalog/copies.h"
#include "catalog/db/facts.h"
#include "repository/keys.h"
#include "session/lock.h"
#include "tests/support/depot_repair.h"
#include "tests/support/memory_store.h"
#include "tests/support/run_suite.h"

#include <check.h>

#define OK(call) ck_assert_msg((call) == 0, "%s", depot.err.text)
#define NAS (depot.stores[DEPOT_NAS])

enum { OLD = 8 * DEPOT_DAY };

static struct depot depot;

static void setup(void)
{
    struct depot_spec spec = {.policy = "keep_last = 9;"};
    depot_begin(&depot, &spec);
}

static void teardown(void)
{
    depot_end(&depot);
}

static struct depot_sweep swept(struct depot_sweep run)
{
    OK(depot_sweep(&depot, &run));
    return run;
}

static void expect(const char *nas, const char *offsite)
{
    depot_assert(&depot, DEPOT_NAS, nas);
    depot_assert(&depot, DEPOT_OFFSITE, offsite);
}

static void lies(const char *wanted)
{
    char *found = depot_lies(&depot, DEPOT_NAS);
    ck_assert_str_eq(found, wanted);
    free(found);
}

static int64_t count(const char *sql)
{
    return catalogs_number(&depot.catalogs, sql);
}

static void put(const char *key, const char *text)
{
    OK(store_put(NAS, key, text, strlen(text), &depot.err));
}

/* ---- what a crash left ---- */

START_TEST(where_nothing_is_wrong_nothing_is_done)
{
    depot_backups(&depot, 1, 3);
    struct depot_sweep run = swept((struct depot_sweep){.orphans = true});
    ck_assert_uint_eq(run.recovered.cleaned + run.recovered.completed + run.removed +
                          run.aborted + run.orphaned + run.failed + run.missed,
                      0);
    expect("1 2 3", "1 2 3");
    ck_assert_int_eq(count("SELECT count(*) FROM runs WHERE kind = 'sweep' AND "
                           "exit_status = 0"),
                     1);
}
END_TEST

static const struct depot_crash crashes[] = {
    {.upload = true},
    {.data = true},
    {.data = true, .index = true},
    {0},
};

START_TEST(what_an_ended_process_left_is_undone)
{
    depot_backups(&depot, 1, 2);
    depot_crash(&depot, 3, &crashes[_i]);
    struct depot_sweep run = swept((struct depot_sweep){0});
    ck_assert_uint_eq(run.recovered.cleaned, 2);
    ck_assert_uint_eq(run.ended, 1);
    ck_assert_uint_eq(memory_store_open_uploads(NAS), 0);
    lies("1 2");
    char *known = depot_known(&depot, DEPOT_NAS);
    ck_assert_str_eq(known, "1 2 3:failed");
    free(known);
    ck_assert_int_eq(count("SELECT count(*) FROM copies WHERE begun AND state = 'failed'"),
                     0);
    ck_assert_int_eq(count("SELECT count(*) FROM artifacts WHERE status = 'failed'"), 1);
}
END_TEST

/* It died between the manifest and the catalog. */
START_TEST(a_backup_with_its_manifest_turns_out_complete)
{
    struct depot_crash crash = {.data = true, .index = true, .manifest = true};
    depot_crash(&depot, 3, &crash);
    struct depot_sweep run = swept((struct depot_sweep){0});
    ck_assert_uint_eq(run.recovered.completed, 2);
    expect("3", "3");
    ck_assert_int_eq(count("SELECT count(*) FROM artifacts WHERE status = 'complete'"), 1);
}
END_TEST

START_TEST(a_manifest_without_its_data_is_no_backup)
{
    struct depot_crash crash = {
        .stores = DEPOT_AT(DEPOT_NAS), .index = true, .manifest = true};
    depot_crash(&depot, 3, &crash);
    struct depot_sweep run = swept((struct depot_sweep){0});
    ck_assert_uint_eq(run.recovered.cleaned, 1);
    lies("");
}
END_TEST

START_TEST(what_a_live_process_owns_is_left_alone)
{
    struct depot_crash crash = {.owner = "", .upload = true, .index = true};
    depot_crash(&depot, 3, &crash);
    memory_store_age(NAS, OLD);
    struct depot_sweep run = swept((struct depot_sweep){.orphans = true});
    ck_assert_uint_eq(run.recovered.cleaned + run.aborted + run.orphaned + run.ended, 0);
    ck_assert_uint_eq(memory_store_open_uploads(NAS), 1);
    lies("3(index)");
}
END_TEST

/* Another machine or container: the lock of the job tells, where it is the same file. */
START_TEST(what_nobody_can_tell_about_is_left_while_its_job_is_locked)
{
    struct depot_crash crash = {.owner = catalogs_unknown_owner(), .data = true};
    struct lock_spec spec = {.catalog = depot.catalogs.path,
                             .kind = LOCK_JOB,
                             .name = "nightly",
                             .command = "backup nightly"};
    depot_crash(&depot, 3, &crash);
    struct lock *lock = lock_take(&spec, &depot.err);
    ck_assert_ptr_nonnull(lock);
    struct depot_sweep run = swept((struct depot_sweep){0});
    ck_assert_uint_eq(run.recovered.cleaned, 0);
    lies("3(data)");
    lock_release(lock);
    run = swept((struct depot_sweep){0});
    ck_assert_uint_eq(run.recovered.cleaned, 2);
    lies("");
}
END_TEST

/* ---- deletions ---- */

START_TEST(deletions_are_finished_before_their_next_try_is_due)
{
    depot_backups(&depot, 1, 3);
    catalogs_sql(&depot.catalogs, "UPDATE copies SET state = 'deleting', delete_reason = "
                                  "'x', attempts = 5, next_try = 9999999999 WHERE artifact "
                                  "= (SELECT number FROM artifacts WHERE seq = 997)");
    struct depot_sweep run = swept((struct depot_sweep){0});
    ck_assert_uint_eq(run.removed, 2);
    expect("1 2", "1 2");
}
END_TEST

/* ---- uploads that nobody owns ---- */

START_TEST(an_open_upload_of_another_machine_is_left_until_it_is_old)
{
    struct depot_spec spec = {0};
    struct depot_crash crash = {.upload = true};
    struct depot other;
    depot_join(&other, &depot, &spec);
    depot_crash(&other, 3, &crash);
    depot_end(&other);
    struct depot_sweep run = swept((struct depot_sweep){.orphans = true});
    ck_assert_uint_eq(run.aborted, 0);
    ck_assert_uint_eq(run.left_uploads, 2);
    ck_assert_uint_eq(memory_store_open_uploads(NAS), 1);
    memory_store_age(NAS, OLD);
    run = swept((struct depot_sweep){0});
    ck_assert_uint_eq(run.aborted, 1);
    ck_assert_uint_eq(memory_store_open_uploads(NAS), 0);
}
END_TEST

START_TEST(an_open_upload_beside_a_complete_copy_is_nobodys)
{
    struct depot_crash crash = {.stores = DEPOT_AT(DEPOT_NAS), .upload = true};
    depot_crash(&depot, 3, &crash);
    catalogs_sql(&depot.catalogs, "UPDATE copies SET state = 'complete', owner = NULL;"
                                  "UPDATE artifacts SET status = 'complete'");
    struct depot_sweep run = swept((struct depot_sweep){0});
    ck_assert_uint_eq(run.aborted, 1);
    ck_assert_uint_eq(memory_store_open_uploads(NAS), 0);
}
END_TEST

/* ---- orphans ---- */

static void orphan(unsigned n)
{
    struct depot_backup unknown = {.stores = DEPOT_AT(DEPOT_NAS), .unknown = true};
    char *key = depot_key(&depot, n, "manifest");
    depot_backup(&depot, n, &unknown);
    memory_store_drop(NAS, key);
    free(key);
}

START_TEST(orphans_go_only_on_request_and_only_when_they_are_old)
{
    depot_backups(&depot, 1, 2);
    orphan(3);
    struct depot_sweep run = swept((struct depot_sweep){.orphans = true});
    ck_assert_uint_eq(run.orphaned, 0);
    ck_assert_uint_eq(run.young_orphans, 2);
    memory_store_age(NAS, OLD);
    swept((struct depot_sweep){0});
    lies("1 2 3(data,index)");
    run = swept((struct depot_sweep){.orphans = true});
    ck_assert_uint_eq(run.orphaned, 2);
    expect("1 2", "1 2");
}
END_TEST

/* Objects are dated by the store. */
START_TEST(age_is_by_the_clock_of_the_store)
{
    orphan(3);
    memory_store_set_clock(NAS, -2 * DEPOT_DAY);
    memory_store_age(NAS, OLD);
    struct depot_sweep run = swept((struct depot_sweep){.orphans = true});
    ck_assert_uint_eq(run.young_orphans, 2);
    memory_store_age(NAS, 2 * DEPOT_DAY);
    run = swept((struct depot_sweep){.orphans = true});
    ck_assert_uint_eq(run.orphaned, 2);
}
END_TEST

START_TEST(backups_of_another_machine_are_told_and_never_touched)
{
    struct depot_backup unknown = {.unknown = true};
    char *key = depot_key(&depot, 3, "state");
    depot_backups(&depot, 1, 2);
    depot_backup(&depot, 3, &unknown);
    put(key, "{}");
    memory_store_age(NAS, OLD);
    memory_store_age(depot.stores[DEPOT_OFFSITE], OLD);
    struct depot_sweep run = swept((struct depot_sweep){.orphans = true});
    ck_assert_uint_eq(run.unknown, 2);
    ck_assert_uint_eq(run.orphaned, 0);
    lies("1 2 3");
    free(key);
}
END_TEST

START_TEST(sweep_touches_nothing_that_is_not_ours)
{
    static const char *const others[] = {
        "holiday.jpg",           "RECOVERY.md",
        "data/readme.txt",       "data/shop/shop/2026/shop-full-20261121T020000Z-x.sql.gz",
        "manifests/latest.json", "state/notes",
        "pgkeep-store.json",     "pgkeep-store.json.bak"};
    depot_backups(&depot, 1, 1);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (strcmp(others[i], KEYS_MARK) != 0)
            put(others[i], "x");
    }
    orphan(3);
    memory_store_age(NAS, OLD);
    struct depot_sweep run = swept((struct depot_sweep){.orphans = true});
    ck_assert_uint_eq(run.orphaned, 2);
    lies("1");
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        ck_assert_msg(memory_store_has(NAS, others[i]), "%s", others[i]);
}
END_TEST

/* Not a word of what was written there is left; that is no proof that nothing was. */
START_TEST(an_empty_listing_decides_nothing)
{
    static const char *const parts[] = {"manifest", "data", "index"};
    depot_backups(&depot, 1, 2);
    for (unsigned n = 1; n <= 2; n++) {
        for (int i = 0; i < 3; i++) {
            char *key = depot_key(&depot, n, parts[i]);
            memory_store_drop(NAS, key);
            free(key);
        }
    }
    struct depot_sweep run = swept((struct depot_sweep){.orphans = true});
    ck_assert_uint_eq(run.failed, 1);
    char *known = depot_known(&depot, DEPOT_NAS);
    ck_assert_str_eq(known, "1 2");
    free(known);
}
END_TEST

START_TEST(a_listing_that_breaks_off_decides_nothing)
{
    depot_backups(&depot, 1, 2);
    orphan(3);
    memory_store_age(NAS, OLD);
    memory_store_fail(NAS, MEMORY_LIST, 1, "", ERR_TRANSIENT, false);
    struct depot_sweep run = swept((struct depot_sweep){.orphans = true});
    ck_assert_uint_eq(run.failed, 1);
    ck_assert_uint_eq(run.orphaned, 0);
    memory_store_heal(NAS);
    lies("1 2 3(data,index)");
}
END_TEST

START_TEST(while_a_backup_is_taken_orphans_are_not_looked_for)
{
    struct depot_crash crash = {.stores = DEPOT_AT(DEPOT_OFFSITE), .owner = ""};
    orphan(3);
    memory_store_age(NAS, OLD);
    depot_crash(&depot, 4, &crash);
    struct depot_sweep run = swept((struct depot_sweep){.orphans = true});
    ck_assert_uint_eq(run.orphaned + run.young_orphans, 0);
    lies("3(data,index)");
}
END_TEST

/* Its copy in the last store keeps it running; so no store is searched before all are done. */
START_TEST(orphans_go_in_the_same_sweep_that_ends_a_crashed_backup)
{
    struct depot_crash crash = {.data = true, .index = true};
    depot_backups(&depot, 1, 2);
    depot_crash(&depot, 3, &crash);
    orphan(4);
    memory_store_age(NAS, OLD);
    struct depot_sweep run = swept((struct depot_sweep){.orphans = true});
    ck_assert_uint_eq(run.ended, 1);
    ck_assert_uint_eq(run.orphaned, 2);
    lies("1 2");
}
END_TEST

static void commit_3(void *unused)
{
    struct depot_backup theirs = {.stores = DEPOT_AT(DEPOT_NAS), .unknown = true};
    (void)unused;
    depot_backup(&depot, 3, &theirs);
}

/* The listing is some moments old; so the store is asked again before each removal. */
START_TEST(a_dead_backup_in_another_store_keeps_no_orphans)
{
    struct depot_crash crash = {.data = true, .index = true};
    depot_backups(&depot, 1, 2);
    depot_crash(&depot, 3, &crash);
    orphan(4);
    memory_store_age(NAS, OLD);
    /* Of one store alone: what 3 left in the other is not cleared, so its artifact stays. */
    struct depot_sweep run = swept((struct depot_sweep){.orphans = true, .store = "nas"});
    ck_assert_uint_eq(run.ended, 0);
    ck_assert_uint_eq(run.orphaned, 2);
    lies("1 2");
}
END_TEST

START_TEST(where_no_store_is_reached_nothing_was_swept)
{
    depot_backups(&depot, 1, 1);
    /* Both of a command line of long ago: nobody misses them. */
    catalogs_sql(
        &depot.catalogs,
        "UPDATE stores SET name = 'dir:/gone/' || name, url = 'dir:/gone/' || name, "
        "adhoc = 1");
    depot.settings.store_count = 0;
    struct depot_sweep run = swept((struct depot_sweep){0});
    ck_assert_uint_eq(run.missed, 2);
    ck_assert_int_eq(run.status, 5);
    /* Nor one without a mark: a command wrote to it. */
    catalogs_sql(&depot.catalogs, "UPDATE stores SET uuid = NULL");
    run = swept((struct depot_sweep){0});
    ck_assert_int_eq(run.status, 5);
    depot.settings.store_count = DEPOT_PLACES;
}
END_TEST

START_TEST(an_orphan_that_gets_its_manifest_meanwhile_stays)
{
    orphan(3);
    memory_store_age(NAS, OLD);
    memory_store_before(NAS, MEMORY_STAT, 1, commit_3, NULL);
    struct depot_sweep run = swept((struct depot_sweep){.orphans = true});
    ck_assert_uint_eq(run.orphaned, 0);
    lies("3");
}
END_TEST

START_TEST(where_the_store_cannot_say_whether_it_got_one_it_stays)
{
    orphan(3);
    memory_store_age(NAS, OLD);
    memory_store_fail(NAS, MEMORY_STAT, 1, "manifests/", ERR_TRANSIENT, false);
    struct depot_sweep run = swept((struct depot_sweep){.orphans = true});
    ck_assert_uint_eq(run.failed, 1);
    lies("3(data,index)");
}
END_TEST

START_TEST(an_orphan_that_the_store_keeps_is_told)
{
    orphan(3);
    memory_store_age(NAS, OLD);
    memory_store_refuse(NAS, ".sql.gz", STORE_LOCKED, depot.now + DEPOT_DAY);
    struct depot_sweep run = swept((struct depot_sweep){.orphans = true});
    ck_assert_uint_eq(run.orphaned, 1);
    ck_assert_uint_eq(run.failed, 1);
    lies("3(data)");
}
END_TEST

/* What was removed here, and came back behind our back, is not known any more. */
START_TEST(objects_of_a_copy_that_was_deleted_here_are_orphans)
{
    depot_backups(&depot, 1, 2);
    catalogs_sqlf(&depot.catalogs, "UPDATE copies SET state = 'deleted' WHERE id = %lld",
                  (long long)depot_copy(&depot, 2, DEPOT_NAS));
    char *manifest = depot_key(&depot, 2, "manifest");
    memory_store_drop(NAS, manifest);
    memory_store_age(NAS, OLD);
    struct depot_sweep run = swept((struct depot_sweep){.orphans = true});
    ck_assert_uint_eq(run.orphaned, 2);
    expect("1", "1 2");
    free(manifest);
}
END_TEST

/* ---- which stores ---- */

START_TEST(a_store_without_its_mark_is_skipped_for_everything)
{
    struct depot_crash crash = {.data = true};
    depot_backups(&depot, 1, 2);
    depot_crash(&depot, 3, &crash);
    orphan(4);
    catalogs_sql(&depot.catalogs, "UPDATE copies SET state = 'deleting', delete_reason = "
                                  "'x' WHERE artifact = (SELECT number FROM artifacts "
                                  "WHERE seq = 998)");
    memory_store_age(NAS, OLD);
    if (_i == 0)
        free(depot_unmark(&depot, DEPOT_NAS));
    else if (_i == 1)
        depot_mark(&depot, DEPOT_NAS, "11111111-2222-4333-8444-555555555555");
    else
        depot_unmount(&depot, DEPOT_NAS);
    struct depot_sweep run = swept((struct depot_sweep){.orphans = true});
    ck_assert_uint_eq(run.missed, 1);
    ck_assert_uint_eq(run.recovered.cleaned, 1);
    ck_assert_uint_eq(run.removed, 1);
    lies("1 2 3(data) 4(data,index)");
    depot_mount(&depot, DEPOT_NAS);
    char *known = depot_known(&depot, DEPOT_NAS);
    ck_assert_str_eq(known, "1 2:deleting 3:uploading");
    free(known);
    known = depot_known(&depot, DEPOT_OFFSITE);
    ck_assert_str_eq(known, "1 3:failed");
    free(known);
}
END_TEST

START_TEST(only_the_store_that_was_named_is_swept)
{
    struct depot_crash crash = {.data = true};
    depot_crash(&depot, 3, &crash);
    struct depot_sweep run = swept((struct depot_sweep){.store = "offsite"});
    ck_assert_uint_eq(run.recovered.cleaned, 1);
    lies("3(data)");
    struct depot_sweep unknown = {.store = "ofsite"};
    ck_assert_int_eq(depot_sweep(&depot, &unknown), -1);
    ck_assert_int_eq(depot.err.kind, ERR_CONFIG);
}
END_TEST

START_TEST(a_configured_store_that_was_never_used_need_not_answer)
{
    catalogs_sql(&depot.catalogs, "DELETE FROM stores WHERE name = 'nas'");
    depot_unmount(&depot, DEPOT_NAS);
    struct depot_sweep run = swept((struct depot_sweep){0});
    ck_assert_uint_eq(run.missed, 0);
    run = swept((struct depot_sweep){.store = "nas"});
    ck_assert_uint_eq(run.missed, 1);
    depot_mount(&depot, DEPOT_NAS);
}
END_TEST

START_TEST(only_one_removal_at_a_time)
{
    struct lock_spec spec = {
        .catalog = depot.catalogs.path, .kind = LOCK_REMOVAL, .command = "prune"};
    struct lock *lock = lock_take(&spec, &depot.err);
    struct depot_sweep run = {0};
    ck_assert_ptr_nonnull(lock);
    ck_assert_int_eq(depot_sweep(&depot, &run), -1);
    ck_assert_int_eq(depot.err.kind, ERR_BUSY);
    lock_release(lock);
}
END_TEST

/* ---- whatever fails ---- */

static void sweep_all(void)
{
    struct depot_sweep run = {.orphans = true};
    (void)!depot_sweep(&depot, &run);
}

START_TEST(killed_at_any_step_the_next_sweep_finishes_it)
{
    bool killed = true;
    for (unsigned n = 1; killed; n++) {
        struct depot_crash dead = {.upload = true, .index = true},
                           whole = {.data = true, .index = true, .manifest = true};
        depot_end(&depot);
        setup();
        depot_backups(&depot, 1, 2);
        depot_crash(&depot, 3, &dead);
        depot_crash(&depot, 4, &whole);
        orphan(5);
        catalogs_sql(&depot.catalogs, "UPDATE copies SET state = 'deleting', delete_reason "
                                      "= 'x' WHERE artifact = (SELECT number FROM "
                                      "artifacts WHERE seq = 998)");
        memory_store_age(NAS, OLD);
        killed = depot_killed(&depot, DEPOT_NAS, n, _i != 0, sweep_all);
        struct depot_sweep run = swept((struct depot_sweep){.orphans = true});
        ck_assert_uint_eq(run.failed, 0);
        ck_assert_uint_eq(memory_store_open_uploads(NAS), 0);
        lies("1 4");
    }
}
END_TEST

START_TEST(after_any_failure_one_more_sweep_finishes_it)
{
    bool once = (_i & 1) != 0, did = (_i & 2) != 0;
    for (unsigned n = 1;; n++) {
        struct depot_crash dead = {.upload = true, .index = true},
                           whole = {.data = true, .index = true, .manifest = true};
        struct depot_sweep run = {.orphans = true};
        depot_end(&depot);
        setup();
        depot_backups(&depot, 1, 2);
        depot_crash(&depot, 3, &dead);
        depot_crash(&depot, 4, &whole);
        orphan(5);
        catalogs_sql(&depot.catalogs, "UPDATE copies SET state = 'deleting', delete_reason "
                                      "= 'x' WHERE artifact = (SELECT number FROM "
                                      "artifacts WHERE seq = 998)");
        memory_store_age(NAS, OLD);
        if (once)
            memory_store_stumble(NAS, MEMORY_ANY, n, "", ERR_TRANSIENT, did);
        else
            memory_store_fail(NAS, MEMORY_ANY, n, "", ERR_TRANSIENT, did);
        int result = depot_sweep(&depot, &run);
        ck_assert_msg(result == 0, "%u: %s", n, depot.err.text);
        bool failed = memory_store_failed(NAS);
        memory_store_heal(NAS);
        run = swept((struct depot_sweep){.orphans = true});
        ck_assert_uint_eq(run.failed, 0);
        ck_assert_uint_eq(memory_store_open_uploads(NAS), 0);
        lies("1 4");
        char *known = depot_known(&depot, DEPOT_NAS);
        ck_assert_str_eq(known, "1 3:failed 4");
        free(known);
        if (!failed)
            break;
    }
}
END_TEST

START_TEST(runs_and_checks_of_long_ago_are_forgotten)
{
    struct depot_sweep run = {0};
    catalogs_sql(&depot.catalogs,
                 "INSERT INTO runs (kind, started, ended, owner, exit_status)"
                 " VALUES ('backup', 1, 2, '', 0)");
    ck_assert_int_eq(depot_sweep(&depot, &run), 0);
    ck_assert_int_eq(
        catalogs_number(&depot.catalogs, "SELECT count(*) FROM runs WHERE ended = 2"), 0);
    /* And this one is there, with what the process would exit with. */
    ck_assert_int_eq(catalogs_number(&depot.catalogs, "SELECT exit_status FROM runs"),
                     run.status);
}
END_TEST

/* It has been seen by no backup and no prune: history is as old as they say. */
START_TEST(a_clock_that_jumped_ahead_forgets_no_history)
{
    OK(catalog_time_seen(depot.catalog, depot.now, &depot.err));
    catalogs_sqlf(&depot.catalogs,
                  "INSERT INTO runs (kind, started, ended, owner, exit_status) VALUES"
                  " ('young', %lld, %lld, '', 0), ('old', 1, 1, '', 0)",
                  (long long)depot.now, (long long)depot.now);
    swept((struct depot_sweep){.now = depot.now + INT64_C(500) * DEPOT_DAY});
    ck_assert_int_eq(count("SELECT count(*) FROM runs WHERE kind = 'young'"), 1);
    ck_assert_int_eq(count("SELECT count(*) FROM runs WHERE kind = 'old'"), 0);
}
END_TEST

int main(void)
{
    log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    Suite *suite = suite_create("sweep");
    TCase *tests = tcase_create("sweep");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, runs_and_checks_of_long_ago_are_forgotten);
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, where_nothing_is_wrong_nothing_is_done);
    tcase_add_loop_test(tests, what_an_ended_process_left_is_undone, 0,
                        (int)(sizeof crashes / sizeof *crashes));
    tcase_add_test(tests, a_backup_with_its_manifest_turns_out_complete);
    tcase_add_test(tests, a_manifest_without_its_data_is_no_backup);
    tcase_add_test(tests, what_a_live_process_owns_is_left_alone);
    tcase_add_test(tests, what_nobody_can_tell_about_is_left_while_its_job_is_locked);
    tcase_add_test(tests, deletions_are_finished_before_their_next_try_is_due);
    tcase_add_test(tests, an_open_upload_of_another_machine_is_left_until_it_is_old);
    tcase_add_test(tests, an_open_upload_beside_a_complete_copy_is_nobodys);
    tcase_add_test(tests, orphans_go_only_on_request_and_only_when_they_are_old);
    tcase_add_test(tests, age_is_by_the_clock_of_the_store);
    tcase_add_test(tests, backups_of_another_machine_are_told_and_never_touched);
    tcase_add_test(tests, sweep_touches_nothing_that_is_not_ours);
    tcase_add_test(tests, an_empty_listing_decides_nothing);
    tcase_add_test(tests, a_listing_that_breaks_off_decides_nothing);
    tcase_add_test(tests, while_a_backup_is_taken_orphans_are_not_looked_for);
    tcase_add_test(tests, orphans_go_in_the_same_sweep_that_ends_a_crashed_backup);
    tcase_add_test(tests, a_dead_backup_in_another_store_keeps_no_orphans);
    tcase_add_test(tests, where_no_store_is_reached_nothing_was_swept);
    tcase_add_test(tests, an_orphan_that_gets_its_manifest_meanwhile_stays);
    tcase_add_test(tests, where_the_store_cannot_say_whether_it_got_one_it_stays);
    tcase_add_test(tests, an_orphan_that_the_store_keeps_is_told);
    tcase_add_test(tests, objects_of_a_copy_that_was_deleted_here_are_orphans);
    tcase_add_loop_test(tests, a_store_without_its_mark_is_skipped_for_everything, 0, 3);
    tcase_add_test(tests, only_the_store_that_was_named_is_swept);
    tcase_add_test(tests, a_configured_store_that_was_never_used_need_not_answer);
    tcase_add_test(tests, only_one_removal_at_a_time);
    tcase_add_test(tests, a_clock_that_jumped_ahead_forgets_no_history);
    tcase_add_loop_test(tests, killed_at_any_step_the_next_sweep_finishes_it, 0, 2);
    tcase_add_loop_test(tests, after_any_failure_one_more_sweep_finishes_it, 0, 4);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
