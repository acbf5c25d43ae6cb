/* A catalog made anew from the stores decides as the old one did; and where that cannot be
 * had, the old one stays. */
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "catalog/artifact_list.h"
#include "catalog/copies.h"
#include "catalog/db/facts.h"
#include "catalog/leases.h"
#include "catalog/plan_rows.h"
#include "catalog/runs.h"
#include "catalog/verifications.h"
#include "repository/keys.h"
#include "session/lock.h"
#include "tests/support/depot_repair.h"
#include "tests/support/memory_store.h"
#include "tests/support/run_suite.h"
#include "tests/support/scratch.h"

#include <check.h>

#define OK(call) ck_assert_msg((call) == 0, "%s", depot.err.text)
#define NAS (depot.stores[DEPOT_NAS])

static const struct depot_spec spec = {.policy = "keep_last = 9;"};
static struct depot depot;

static void setup(void)
{
    depot_begin(&depot, &spec);
}

static void teardown(void)
{
    depot_end(&depot);
}

static void rebuilt(void)
{
    struct depot_rebuild run = {0};
    OK(depot_rebuild(&depot, &run));
    ck_assert_ptr_nonnull(run.kept);
    ck_assert(file_exists(run.kept));
    free(run.kept);
}

/* Nothing is changed: the catalog knows what it knew, and no half of a new one is left. */
static void refused(enum err_kind kind, const char *says)
{
    struct depot_rebuild run = {0};
    char *known = depot_known(&depot, DEPOT_NAS);
    ck_assert_int_eq(depot_rebuild(&depot, &run), -1);
    ck_assert_msg(depot.err.kind == kind && strstr(depot.err.text, says) != NULL, "%s: %s",
                  err_kind_name(depot.err.kind), depot.err.text);
    ck_assert_ptr_null(run.kept);
    char *after = depot_known(&depot, DEPOT_NAS);
    char *path = memory_format("%s.rebuild", depot.catalogs.path);
    ck_assert_str_eq(after, known);
    ck_assert(!file_exists(path));
    free(path);
    free(known);
    free(after);
}

static void expect(const char *nas, const char *offsite)
{
    depot_assert(&depot, DEPOT_NAS, nas);
    depot_assert(&depot, DEPOT_OFFSITE, offsite);
}

static struct catalog_artifact load(unsigned n)
{
    struct catalog_artifact artifact;
    OK(catalog_artifact_load(depot.catalog, depot_id(n),
                             CATALOG_WITH_COPIES | CATALOG_WITH_TABLES, &artifact,
                             &depot.err));
    return artifact;
}

static int64_t count(const char *sql)
{
    return catalogs_number(&depot.catalogs, sql);
}

/* ---- what the new one knows ---- */

/* All that a planner reads, one line a copy: what decides about it but for the numbers of
 * rows. Heap. */
static char *plan_rows(void)
{
    struct catalog_plan_rows rows = {0};
    struct text text;
    text_init(&text, 1 << 16);
    const struct catalog_plan_scope all = {.now = depot.now};
    OK(catalog_plan_rows(depot.catalog, &all, &rows, &depot.err));
    for (size_t i = 0; i < rows.count; i++) {
        const struct catalog_plan_row *row = &rows.items[i];
        text_addf(&text, "%s %s %lld %lld %llu %d %d %d %d %lld %s %d %d %lld %d\n",
                  row->artifact, row->group, (long long)row->seq, (long long)row->time,
                  (unsigned long long)row->bytes, (int)row->status, (int)row->state,
                  row->proven, row->pinned, (long long)row->pin_until,
                  row->pin_reason ? row->pin_reason : "-", row->suspect, row->quarantined,
                  (long long)row->first_marked,
                  row->store_id == depot.ids[DEPOT_NAS] ? 0 : 1);
    }
    catalog_plan_rows_release(&rows);
    return text.data;
}

static void verify_all(unsigned n)
{
    for (enum depot_place place = 0; place < DEPOT_PLACES; place++) {
        struct catalog_verification good = {.copy = depot_copy(&depot, n, place),
                                            .time = depot.now - 5,
                                            .level = CATALOG_FULL,
                                            .result = CATALOG_GOOD};
        OK(catalog_verification_add(depot.catalog, &good, &depot.err));
    }
}

START_TEST(a_rebuilt_catalog_plans_the_same)
{
    struct depot_backup here = {.stores = DEPOT_AT(DEPOT_NAS)},
                        ad_hoc = {.job = "", .database = "stock"};
    depot_backups(&depot, 1, 3);
    depot_backup(&depot, 4, &here);
    depot_backup(&depot, 5, &ad_hoc);
    verify_all(2);
    OK(catalog_artifact_pin(depot.catalog, depot_id(3), depot.now + 99, "audit",
                            &depot.err));
    OK(catalog_artifact_set_suspect(depot.catalog, depot_id(1), true, &depot.err));
    OK(catalog_artifact_set_quarantined(depot.catalog, depot_id(2), true, &depot.err));
    OK(catalog_copy_set_first_marked(depot.catalog, depot_copy(&depot, 3, DEPOT_NAS),
                                     depot.now - 9, &depot.err));
    for (unsigned n = 1; n <= 5; n++)
        depot_tell(&depot, n);
    char *before = plan_rows();
    rebuilt();
    char *after = plan_rows();
    ck_assert_str_eq(after, before);
    expect("1 2 3 4 5", "1 2 3 5");
    free(before);
    free(after);
}
END_TEST

/* Else the group would be measured against what it held before the tables moved. */
START_TEST(what_was_accepted_stays_accepted)
{
    depot_backups(&depot, 1, 2);
    OK(catalog_artifact_set_suspect(depot.catalog, depot_id(1), true, &depot.err));
    OK(catalog_artifact_accept(depot.catalog, depot_id(1), "tables moved", &depot.err));
    depot_tell(&depot, 1);
    struct catalog_artifact before = load(1);
    rebuilt();
    struct catalog_artifact after = load(1);
    ck_assert(!after.suspect);
    ck_assert_int_eq(after.accepted, before.accepted);
    ck_assert_str_eq(after.accept_reason, "tables moved");
    catalog_artifact_release(&before);
    catalog_artifact_release(&after);
}
END_TEST

START_TEST(what_a_backup_is_comes_back_whole)
{
    depot_backups(&depot, 1, 1);
    struct catalog_artifact before = load(1);
    rebuilt();
    struct catalog_artifact after = load(1);
    ck_assert_int_eq(after.seq, before.seq);
    ck_assert_int_eq(after.time, before.time);
    ck_assert_int_eq(after.finished, before.finished);
    ck_assert_uint_eq(after.raw_bytes, before.raw_bytes);
    ck_assert_uint_eq(after.stored_bytes, before.stored_bytes);
    ck_assert_str_eq(after.sha256, before.sha256);
    ck_assert_str_eq(after.job, before.job);
    ck_assert_uint_eq(after.tables_count, 1);
    ck_assert_str_eq(after.tables[0].name, "orders");
    ck_assert_uint_eq(after.copy_count, 2);
    for (size_t i = 0; i < 2; i++) {
        ck_assert_str_eq(after.copies[i].key, before.copies[i].key);
        ck_assert_str_eq(after.copies[i].index_key, before.copies[i].index_key);
        ck_assert_uint_eq(after.copies[i].bytes, before.copies[i].bytes);
        ck_assert_str_eq(after.copies[i].store, before.copies[i].store);
    }
    catalog_artifact_release(&before);
    catalog_artifact_release(&after);
}
END_TEST

START_TEST(the_next_backup_comes_behind_those_that_were_found)
{
    struct catalog_artifact next;
    depot_backups(&depot, 1, 2);
    rebuilt();
    catalogs_fill(&next, 1, depot.now);
    OK(catalog_artifact_insert(depot.catalog, &next, &depot.err));
    ck_assert_int_gt(next.seq, 999);
    catalog_artifact_release(&next);
}
END_TEST

START_TEST(a_pin_another_machine_set_survives_the_rebuild)
{
    struct depot other;
    depot_backups(&depot, 1, 2);
    depot_join(&other, &depot, &spec);
    depot_backups(&other, 1, 2);
    ck_assert_int_eq(
        catalog_artifact_pin(other.catalog, depot_id(2), 0, "theirs", &other.err), 0);
    depot_tell(&other, 2);
    depot_end(&other);
    rebuilt();
    struct catalog_artifact artifact = load(2);
    ck_assert(artifact.pinned);
    ck_assert_str_eq(artifact.pin_reason, "theirs");
    catalog_artifact_release(&artifact);
}
END_TEST

START_TEST(a_pin_that_no_store_was_told_of_goes_there_first)
{
    depot_backups(&depot, 1, 2);
    OK(catalog_artifact_pin(depot.catalog, depot_id(2), 0, "ours", &depot.err));
    rebuilt();
    struct catalog_artifact artifact = load(2);
    ck_assert(artifact.pinned);
    ck_assert_str_eq(artifact.pin_reason, "ours");
    catalog_artifact_release(&artifact);
}
END_TEST

START_TEST(a_copy_that_was_found_broken_is_no_good_copy_in_the_new_one)
{
    char message[] = "SHA-256 differs";
    depot_backups(&depot, 1, 2);
    struct catalog_verification bad = {.copy = depot_copy(&depot, 2, DEPOT_NAS),
                                       .time = depot.now,
                                       .level = CATALOG_FULL,
                                       .result = CATALOG_FOUND_DAMAGED,
                                       .message = message};
    OK(catalog_verification_add(depot.catalog, &bad, &depot.err));
    depot_tell(&depot, 2);
    rebuilt();
    char *known = depot_known(&depot, DEPOT_NAS);
    ck_assert_str_eq(known, "1 2:damaged");
    free(known);
    depot_assert(&depot, DEPOT_OFFSITE, "1 2");
}
END_TEST

START_TEST(the_highest_time_is_that_of_what_was_found)
{
    int64_t highest = 0;
    depot_backups(&depot, 1, 2);
    rebuilt();
    OK(catalog_time_highest(depot.catalog, &highest, &depot.err));
    ck_assert_int_ge(highest, depot.now - DEPOT_DAY + 60);
    ck_assert_int_eq(
        count(
            "SELECT count(*) FROM runs WHERE kind = 'catalog rebuild' AND exit_status = 0"),
        1);
}
END_TEST

START_TEST(from_nothing_but_the_stores)
{
    struct depot_rebuild run = {0};
    depot_backups(&depot, 1, 2);
    catalog_close(depot.catalog);
    depot.catalog = depot.catalogs.catalog = NULL;
    OK(catalog_remove_file(depot.catalogs.path, &depot.err));
    OK(depot_rebuild(&depot, &run));
    ck_assert_ptr_null(run.kept);
    ck_assert_uint_eq(run.stores, 2);
    ck_assert_uint_eq(run.artifacts, 2);
    expect("1 2", "1 2");
}
END_TEST

START_TEST(an_unreadable_catalog_is_kept_and_replaced)
{
    struct depot_rebuild run = {0};
    struct text text;
    depot_backups(&depot, 1, 2);
    catalog_close(depot.catalog);
    depot.catalog = depot.catalogs.catalog = NULL;
    OK(catalog_remove_file(depot.catalogs.path, &depot.err));
    scratch_write(depot.catalogs.path, "no catalog", 10);
    OK(depot_rebuild(&depot, &run));
    ck_assert_ptr_nonnull(run.kept);
    text_init(&text, 100);
    OK(file_read(run.kept, &text, NULL, &depot.err));
    ck_assert_str_eq(text.data, "no catalog");
    text_release(&text);
    free(run.kept);
    expect("1 2", "1 2");
}
END_TEST

/* ---- what is passed over ---- */

START_TEST(a_damaged_manifest_is_a_warning_and_the_others_are_read)
{
    struct depot_rebuild run = {0};
    depot_backups(&depot, 1, 3);
    char *key = depot_key(&depot, 2, "manifest");
    memory_store_cut(NAS, key, 20);
    OK(depot_rebuild(&depot, &run));
    ck_assert_uint_eq(run.damaged, 1);
    depot_assert(&depot, DEPOT_OFFSITE, "1 2 3");
    char *known = depot_known(&depot, DEPOT_NAS);
    ck_assert_str_eq(known, "1 3");
    free(known);
    free(run.kept);
    free(key);
}
END_TEST

START_TEST(a_store_that_was_never_used_is_no_obstacle)
{
    struct depot_rebuild run = {0};
    struct depot_backup here = {.stores = DEPOT_AT(DEPOT_NAS)};
    depot_backup(&depot, 1, &here);
    catalogs_sql(&depot.catalogs, "DELETE FROM stores WHERE name = 'offsite'");
    free(depot_unmark(&depot, DEPOT_OFFSITE));
    OK(depot_rebuild(&depot, &run));
    ck_assert_uint_eq(run.unused, 1);
    depot_assert(&depot, DEPOT_NAS, "1");
    free(run.kept);
}
END_TEST

START_TEST(one_store_alone_can_make_the_catalog)
{
    struct depot_rebuild run = {.only = "nas"};
    depot_backups(&depot, 1, 2);
    depot_unmount(&depot, DEPOT_OFFSITE);
    OK(depot_rebuild(&depot, &run));
    ck_assert_uint_eq(run.stores, 1);
    depot_assert(&depot, DEPOT_NAS, "1 2");
    free(run.kept);
    /* And a sync adds the other one when it answers. */
    struct sync_result result;
    depot_mount(&depot, DEPOT_OFFSITE);
    OK(depot_sync(&depot, DEPOT_OFFSITE, &result));
    ck_assert_uint_eq(result.copies, 2);
}
END_TEST

/* ---- what is refused ---- */

START_TEST(one_store_that_does_not_answer_and_there_is_no_new_catalog)
{
    depot_backups(&depot, 1, 2);
    depot_unmount(&depot, DEPOT_OFFSITE);
    refused(ERR_STORE, "does not exist");
    depot_mount(&depot, DEPOT_OFFSITE);
    memory_store_fail(depot.stores[DEPOT_OFFSITE], MEMORY_CHECK, 1, "", ERR_TRANSIENT,
                      false);
    refused(ERR_TRANSIENT, "--store NAME");
    memory_store_heal(depot.stores[DEPOT_OFFSITE]);
    memory_store_fail(depot.stores[DEPOT_OFFSITE], MEMORY_LIST, 1, "", ERR_TRANSIENT,
                      false);
    refused(ERR_TRANSIENT, "told to fail (list)");
    memory_store_heal(depot.stores[DEPOT_OFFSITE]);
    expect("1 2", "1 2");
}
END_TEST

START_TEST(a_store_with_another_mark_is_not_read)
{
    depot_backups(&depot, 1, 2);
    depot_mark(&depot, DEPOT_NAS, "11111111-2222-4333-8444-555555555555");
    refused(ERR_UNSAFE, "is another store than the catalog knows");
    free(depot_unmark(&depot, DEPOT_NAS));
    refused(ERR_UNSAFE, "its mark pgkeep-store.json is missing, though the catalog knows");
}
END_TEST

START_TEST(where_nothing_is_found_though_backups_are_known_the_catalog_stays)
{
    depot_backups(&depot, 1, 2);
    for (enum depot_place place = 0; place < DEPOT_PLACES; place++) {
        for (unsigned n = 1; n <= 2; n++) {
            char *key = depot_key(&depot, n, "manifest");
            memory_store_drop(depot.stores[place], key);
            free(key);
        }
    }
    refused(ERR_UNSAFE, "no backup was found, though the catalog knows 2");
}
END_TEST

START_TEST(nothing_and_nothing_known_is_an_empty_catalog)
{
    rebuilt();
    expect("", "");
}
END_TEST

START_TEST(while_somebody_is_at_work_the_catalog_stays)
{
    struct depot_crash alive = {.owner = "", .data = true};
    struct lock_spec removal = {
        .catalog = depot.catalogs.path, .kind = LOCK_REMOVAL, .command = "prune"};
    struct lock_spec job = {.catalog = depot.catalogs.path,
                            .kind = LOCK_JOB,
                            .name = "nightly",
                            .command = "backup nightly"};
    depot_backups(&depot, 1, 2);
    struct lock *lock = lock_take(&removal, &depot.err);
    refused(ERR_BUSY, "prune");
    lock_release(lock);
    lock = lock_take(&job, &depot.err);
    refused(ERR_BUSY, "nightly");
    lock_release(lock);
    struct catalog_lease lease = {.copy = depot_copy(&depot, 2, DEPOT_NAS),
                                  .purpose = "being restored",
                                  .unbroken = true};
    OK(catalog_lease_take(depot.catalog, &lease, &depot.err));
    refused(ERR_BUSY, "being restored");
    OK(catalog_lease_end(depot.catalog, lease.id, &depot.err));
    depot_crash(&depot, 3, &alive);
    refused(ERR_BUSY, "being taken");
    catalogs_sql(&depot.catalogs, "UPDATE artifacts SET status = 'complete'");
    refused(ERR_BUSY, "being uploaded");
}
END_TEST

/* ---- whatever fails ---- */

static void rebuild_all(void)
{
    struct depot_rebuild run = {0};
    (void)!depot_rebuild(&depot, &run);
}

START_TEST(killed_at_any_step_the_old_catalog_stays_and_the_next_rebuild_is_whole)
{
    bool killed = true;
    for (unsigned n = 1; killed; n++) {
        depot_end(&depot);
        setup();
        depot_backups(&depot, 1, 3);
        OK(catalog_artifact_pin(depot.catalog, depot_id(3), 0, "ours", &depot.err));
        killed = depot_killed(&depot, DEPOT_NAS, n, _i != 0, rebuild_all);
        expect("1 2 3", "1 2 3");
        struct depot_rebuild run = {0};
        if (killed) {
            OK(depot_rebuild(&depot, &run));
            free(run.kept);
        }
        expect("1 2 3", "1 2 3");
        struct catalog_artifact artifact = load(3);
        ck_assert_msg(artifact.pinned, "%u: the pin is lost", n);
        catalog_artifact_release(&artifact);
    }
}
END_TEST

START_TEST(after_any_failure_the_old_catalog_stays_and_the_next_rebuild_is_whole)
{
    for (unsigned n = 1;; n++) {
        struct depot_rebuild run = {0};
        depot_end(&depot);
        setup();
        depot_backups(&depot, 1, 3);
        OK(catalog_artifact_pin(depot.catalog, depot_id(3), 0, "ours", &depot.err));
        memory_store_stumble(NAS, MEMORY_ANY, n, "", ERR_TRANSIENT, _i != 0);
        int result = depot_rebuild(&depot, &run);
        bool failed = memory_store_failed(NAS);
        memory_store_heal(NAS);
        expect("1 2 3", "1 2 3");
        ck_assert_msg((result == 0) == (run.kept != NULL), "%u", n);
        free(run.kept);
        if (result < 0)
            rebuilt();
        expect("1 2 3", "1 2 3");
        struct catalog_artifact artifact = load(3);
        ck_assert_msg(artifact.pinned, "%u: the pin is lost", n);
        catalog_artifact_release(&artifact);
        if (!failed)
            break;
    }
}
END_TEST

int main(void)
{
    log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    Suite *suite = suite_create("rebuild");
    TCase *tests = tcase_create("rebuild");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, a_rebuilt_catalog_plans_the_same);
    tcase_add_test(tests, what_was_accepted_stays_accepted);
    tcase_add_test(tests, what_a_backup_is_comes_back_whole);
    tcase_add_test(tests, the_next_backup_comes_behind_those_that_were_found);
    tcase_add_test(tests, a_pin_another_machine_set_survives_the_rebuild);
    tcase_add_test(tests, a_pin_that_no_store_was_told_of_goes_there_first);
    tcase_add_test(tests, a_copy_that_was_found_broken_is_no_good_copy_in_the_new_one);
    tcase_add_test(tests, the_highest_time_is_that_of_what_was_found);
    tcase_add_test(tests, from_nothing_but_the_stores);
    tcase_add_test(tests, an_unreadable_catalog_is_kept_and_replaced);
    tcase_add_test(tests, a_damaged_manifest_is_a_warning_and_the_others_are_read);
    tcase_add_test(tests, a_store_that_was_never_used_is_no_obstacle);
    tcase_add_test(tests, one_store_alone_can_make_the_catalog);
    tcase_add_test(tests, one_store_that_does_not_answer_and_there_is_no_new_catalog);
    tcase_add_test(tests, a_store_with_another_mark_is_not_read);
    tcase_add_test(tests,
                   where_nothing_is_found_though_backups_are_known_the_catalog_stays);
    tcase_add_test(tests, nothing_and_nothing_known_is_an_empty_catalog);
    tcase_add_test(tests, while_somebody_is_at_work_the_catalog_stays);
    tcase_add_loop_test(
        tests, killed_at_any_step_the_old_catalog_stays_and_the_next_rebuild_is_whole, 0,
        2);
    tcase_add_loop_test(
        tests, after_any_failure_the_old_catalog_stays_and_the_next_rebuild_is_whole, 0, 2);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
