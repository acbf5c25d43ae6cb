/* One backup, or one copy of it, by somebody's wish: what is refused, what goes, and what
 * goes later because its store is away. */
#include "base/log.h"
#include "base/memory.h"
#include "catalog/artifact_list.h"
#include "catalog/copies.h"
#include "catalog/leases.h"
#include "repository/keys.h"
#include "session/lock.h"
#include "tests/support/depot_prune.h"
#include "tests/support/run_suite.h"

#include <check.h>

#define OK(call) ck_assert_msg((call) == 0, "%s", depot.err.text)

static struct depot depot;

static void setup(void)
{
    struct depot_spec spec = {.policy = "keep_last = 9;"};
    depot_begin(&depot, &spec);
    depot_backups(&depot, 1, 3);
}

static void teardown(void)
{
    depot_end(&depot);
}

static struct depot_delete deleted(unsigned n, struct depot_delete run)
{
    OK(depot_delete(&depot, n, &run));
    return run;
}

/* As a dry run and in earnest, and nothing changes. */
static void refused(unsigned n, const char *store, enum err_kind kind, const char *says)
{
    for (int dry = 0; dry < 2; dry++) {
        struct depot_delete run = {.store = store, .dry = dry != 0};
        ck_assert_int_eq(depot_delete(&depot, n, &run), -1);
        ck_assert_msg(depot.err.kind == kind && strstr(depot.err.text, says) != NULL,
                      "%s: %s", err_kind_name(depot.err.kind), depot.err.text);
    }
}

static void expect(const char *nas, const char *offsite)
{
    depot_assert(&depot, DEPOT_NAS, nas);
    depot_assert(&depot, DEPOT_OFFSITE, offsite);
}

static void unmark(enum depot_place place)
{
    struct store_removed removed;
    OK(store_remove(depot.stores[place], KEYS_MARK, &removed, &depot.err));
}

START_TEST(all_copies_go_and_the_backup_with_them)
{
    struct depot_delete run = deleted(2, (struct depot_delete){0});
    ck_assert_uint_eq(run.count, 2);
    ck_assert_uint_eq(run.removed, 2);
    expect("1 3", "1 3");
    ck_assert_int_eq(
        catalogs_number(&depot.catalogs,
                        "SELECT count(*) FROM artifacts WHERE status = 'deleted'"),
        1);
    ck_assert_int_eq(catalogs_number(&depot.catalogs,
                                     "SELECT count(*) FROM runs WHERE kind = 'delete' AND "
                                     "exit_status = 0"),
                     1);
    refused(2, NULL, ERR_NOT_FOUND, "is deleted already");
}
END_TEST

START_TEST(one_copy_goes_and_the_other_stays)
{
    struct depot_delete run = deleted(1, (struct depot_delete){.store = "nas"});
    ck_assert_uint_eq(run.removed, 1);
    expect("2 3", "1 2 3");
    refused(1, "nas", ERR_NOT_FOUND, "has no copy in store \"nas\"");
}
END_TEST

START_TEST(without_yes_it_is_shown_and_nothing_changes)
{
    struct depot_delete run = deleted(2, (struct depot_delete){.dry = true});
    ck_assert_uint_eq(run.count, 2);
    ck_assert_uint_eq(run.removed, 0);
    expect("1 2 3", "1 2 3");
    ck_assert_int_eq(catalogs_number(&depot.catalogs, "SELECT count(*) FROM runs"), 0);
}
END_TEST

START_TEST(what_is_pinned_is_refused)
{
    OK(depot_pin(&depot, 2, 0, "audit", NULL));
    refused(2, NULL, ERR_UNSAFE, "is pinned");
    refused(2, "nas", ERR_UNSAFE, "pgkeep unpin");
    expect("1 2 3", "1 2 3");
    OK(depot_unpin(&depot, 2, NULL));
    deleted(2, (struct depot_delete){0});
    expect("1 3", "1 3");
}
END_TEST

/* It is known in the store alone. */
START_TEST(what_another_machine_pinned_is_refused)
{
    struct depot_spec spec = {.policy = "keep_last = 9;"};
    struct depot other;
    depot_join(&other, &depot, &spec);
    depot_backup(&other, 2, NULL);
    ck_assert_int_eq(depot_pin(&other, 2, 0, "theirs", NULL), 0);
    depot_end(&other);
    refused(2, NULL, ERR_UNSAFE, "is pinned");
    expect("1 2 3", "1 2 3");
}
END_TEST

START_TEST(what_cannot_be_told_to_be_free_is_refused)
{
    char *key = depot_key(&depot, 2, "state");
    OK(store_put(depot.stores[DEPOT_NAS], key, "{", 1, &depot.err));
    refused(2, NULL, ERR_CORRUPT, "state/");
    free(key);
    expect("1 2 3", "1 2 3");
}
END_TEST

START_TEST(what_is_being_read_is_refused)
{
    struct catalog_lease lease = {.copy = depot_copy(&depot, 2, DEPOT_NAS),
                                  .purpose = "being restored",
                                  .unbroken = true};
    OK(catalog_lease_take(depot.catalog, &lease, &depot.err));
    refused(2, NULL, ERR_UNSAFE, "in use");
    expect("1 2 3", "1 2 3");
    /* The other copy of it is not read. */
    deleted(2, (struct depot_delete){.store = "offsite"});
    expect("1 2 3", "1 3");
}
END_TEST

START_TEST(the_last_good_backup_of_its_group_stays)
{
    deleted(3, (struct depot_delete){0});
    deleted(2, (struct depot_delete){0});
    deleted(1, (struct depot_delete){.store = "nas"});
    refused(1, NULL, ERR_UNSAFE, "is the last good backup of nightly/shop/full");
    refused(1, "offsite", ERR_UNSAFE, "take another one first");
    expect("", "1");
}
END_TEST

/* A job or a database that was given up has a last good backup, too. */
START_TEST(the_last_good_one_goes_with_the_hash_of_what_would_go)
{
    struct depot_delete shown = {.dry = true}, half = {.store = "nas", .dry = true};
    char hash[RETENTION_HASH_SIZE];
    deleted(3, (struct depot_delete){0});
    deleted(2, (struct depot_delete){0});
    ck_assert_int_eq(depot_delete(&depot, 1, &shown), -1);
    ck_assert(shown.last_good && shown.count == 2);
    ck_assert_uint_eq(strlen(shown.hash), RETENTION_HASH_SIZE - 1);
    snprintf(hash, sizeof hash, "%s", shown.hash);
    ck_assert_ptr_nonnull(strstr(depot.err.text, hash));

    /* Of one copy it is another hash, and that of one thing does not serve for another. */
    OK(depot_delete(&depot, 1, &half));
    ck_assert_str_ne(half.hash, hash);
    struct depot_delete wrong = {.force = half.hash};
    ck_assert_int_eq(depot_delete(&depot, 1, &wrong), -1);
    ck_assert_int_eq(depot.err.kind, ERR_UNSAFE);
    expect("1", "1");

    /* Shown with the hash it is still only shown; what is pinned no hash sets free. */
    deleted(1, (struct depot_delete){.force = hash, .dry = true});
    OK(depot_pin(&depot, 1, 0, "no", NULL));
    struct depot_delete forced = {.force = hash};
    ck_assert_int_eq(depot_delete(&depot, 1, &forced), -1);
    ck_assert_ptr_nonnull(strstr(depot.err.text, "is pinned"));
    OK(depot_unpin(&depot, 1, NULL));
    deleted(1, (struct depot_delete){.force = hash});
    expect("", "");
}
END_TEST

START_TEST(a_doubtful_one_does_not_count_as_good)
{
    OK(catalog_artifact_set_suspect(depot.catalog, depot_id(1), true, &depot.err));
    OK(catalog_artifact_set_quarantined(depot.catalog, depot_id(2), true, &depot.err));
    refused(3, NULL, ERR_UNSAFE, "is the last good backup");
    /* But one that is doubtful itself may go as long as anything complete stays. */
    deleted(1, (struct depot_delete){0});
    deleted(2, (struct depot_delete){0});
    expect("3", "3");
}
END_TEST

START_TEST(another_groups_backups_do_not_count)
{
    struct depot_backup stock = {.database = "stock"};
    depot_backup(&depot, 4, &stock);
    refused(4, NULL, ERR_UNSAFE, "is the last good backup of nightly/stock/full");
}
END_TEST

START_TEST(a_partial_backup_is_no_substitute_for_the_last_whole_one)
{
    struct depot_backup orders = {.table = "orders"};
    depot_backup(&depot, 4, &orders);
    deleted(1, (struct depot_delete){0});
    deleted(2, (struct depot_delete){0});
    refused(3, NULL, ERR_UNSAFE, "is the last good backup of nightly/shop/full");
    refused(4, NULL, ERR_UNSAFE,
            "is the last good backup of nightly/shop/full (filtered: ");
    expect("3 4", "3 4");
}
END_TEST

START_TEST(what_is_being_taken_is_refused)
{
    catalogs_artifact(depot.catalog, 7, depot.now);
    catalogs_sql(&depot.catalogs,
                 "UPDATE artifacts SET status = 'running' WHERE seq = 998");
    refused(2, NULL, ERR_BUSY, "is being taken");
    ck_assert_ptr_nonnull(strstr(depot.err.text, "pgkeep sweep"));
}
END_TEST

START_TEST(names_that_nobody_knows_are_errors)
{
    refused(2, "nsa", ERR_CONFIG, "nsa");
    refused(50, NULL, ERR_NOT_FOUND, "");
}
END_TEST

START_TEST(a_store_that_nobody_used_has_no_copy_of_it)
{
    struct depot_backup here = {.stores = DEPOT_AT(DEPOT_NAS)};
    depot_backup(&depot, 4, &here);
    refused(4, "offsite", ERR_NOT_FOUND, "has no copy in store \"offsite\"");
}
END_TEST

/* Nothing of it lies anywhere: the row alone goes. */
START_TEST(one_that_failed_before_it_had_a_copy_goes_as_a_row)
{
    catalogs_artifact(depot.catalog, 7, depot.now);
    catalogs_sql(
        &depot.catalogs,
        "UPDATE artifacts SET status = 'failed', id = '01JDEP0T000000000000000993' "
        "WHERE status = 'running'");
    struct depot_delete run = deleted(7, (struct depot_delete){.dry = true});
    ck_assert(run.only_row);
    run = deleted(7, (struct depot_delete){0});
    ck_assert(run.only_row);
    ck_assert_uint_eq(run.removed, 0);
    refused(7, NULL, ERR_NOT_FOUND, "is deleted already");
    expect("1 2 3", "1 2 3");
}
END_TEST

START_TEST(a_copy_that_never_began_is_forgotten_at_once)
{
    catalogs_sqlf(&depot.catalogs,
                  "UPDATE copies SET state = 'failed', begun = 0 WHERE id = %lld",
                  (long long)depot_copy(&depot, 2, DEPOT_NAS));
    struct depot_delete run = deleted(2, (struct depot_delete){.store = "nas"});
    ck_assert_uint_eq(run.count, 1);
    ck_assert_uint_eq(run.removed, 0);
    char *known = depot_known(&depot, DEPOT_NAS);
    ck_assert_str_eq(known, "1 3");
    free(known);
}
END_TEST

START_TEST(a_copy_in_a_store_that_is_away_is_marked_and_goes_with_the_next_prune)
{
    char uuid[37] = "";
    bool absent = true;
    OK(store_identify(depot.stores[DEPOT_NAS], uuid, &absent, &depot.err));
    unmark(DEPOT_NAS);
    struct depot_delete run = deleted(2, (struct depot_delete){0});
    ck_assert_uint_eq(run.count, 2);
    ck_assert_uint_eq(run.removed, 1);
    ck_assert_uint_eq(run.missed, 1);
    /* Not all of it is done, and the record says what the process says. */
    ck_assert_int_eq(run.status, 8);
    ck_assert_int_eq(catalogs_number(&depot.catalogs,
                                     "SELECT exit_status FROM runs WHERE kind = 'delete'"),
                     8);
    char *known = depot_known(&depot, DEPOT_NAS);
    ck_assert_str_eq(known, "1 2:deleting 3");
    free(known);
    OK(store_mark(depot.stores[DEPOT_NAS], uuid, &depot.err));
    struct depot_prune prune = {0};
    OK(depot_prune(&depot, &prune));
    ck_assert_int_eq(prune.status, 0);
    expect("1 3", "1 3");
}
END_TEST

START_TEST(where_no_store_answers_nothing_is_marked)
{
    unmark(DEPOT_NAS);
    unmark(DEPOT_OFFSITE);
    refused(2, NULL, ERR_UNSAFE, "store \"nas\"");
    expect("1 2 3", "1 2 3");
}
END_TEST

START_TEST(what_is_on_its_way_out_is_removed_without_another_mark)
{
    catalogs_sqlf(
        &depot.catalogs,
        "UPDATE copies SET state = 'blocked', next_try = 9999999999, delete_reason = 'x' "
        "WHERE id = %lld",
        (long long)depot_copy(&depot, 2, DEPOT_NAS));
    struct depot_delete run = deleted(2, (struct depot_delete){.store = "nas"});
    ck_assert_uint_eq(run.removed, 1);
    expect("1 3", "1 2 3");
}
END_TEST

START_TEST(only_one_removal_at_a_time)
{
    struct lock_spec spec = {
        .catalog = depot.catalogs.path, .kind = LOCK_REMOVAL, .command = "prune"};
    struct lock *lock = lock_take(&spec, &depot.err);
    struct depot_delete run = {0}, dry = {.dry = true};
    ck_assert_ptr_nonnull(lock);
    ck_assert_int_eq(depot_delete(&depot, 2, &run), -1);
    ck_assert_int_eq(depot.err.kind, ERR_BUSY);
    OK(depot_delete(&depot, 2, &dry));
    lock_release(lock);
    expect("1 2 3", "1 2 3");
}
END_TEST

int main(void)
{
    log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    Suite *suite = suite_create("delete_artifact");
    TCase *tests = tcase_create("delete");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, all_copies_go_and_the_backup_with_them);
    tcase_add_test(tests, one_copy_goes_and_the_other_stays);
    tcase_add_test(tests, without_yes_it_is_shown_and_nothing_changes);
    tcase_add_test(tests, what_is_pinned_is_refused);
    tcase_add_test(tests, what_another_machine_pinned_is_refused);
    tcase_add_test(tests, what_cannot_be_told_to_be_free_is_refused);
    tcase_add_test(tests, what_is_being_read_is_refused);
    tcase_add_test(tests, the_last_good_backup_of_its_group_stays);
    tcase_add_test(tests, the_last_good_one_goes_with_the_hash_of_what_would_go);
    tcase_add_test(tests, a_doubtful_one_does_not_count_as_good);
    tcase_add_test(tests, another_groups_backups_do_not_count);
    tcase_add_test(tests, a_partial_backup_is_no_substitute_for_the_last_whole_one);
    tcase_add_test(tests, what_is_being_taken_is_refused);
    tcase_add_test(tests, names_that_nobody_knows_are_errors);
    tcase_add_test(tests, a_store_that_nobody_used_has_no_copy_of_it);
    tcase_add_test(tests, one_that_failed_before_it_had_a_copy_goes_as_a_row);
    tcase_add_test(tests, a_copy_that_never_began_is_forgotten_at_once);
    tcase_add_test(tests,
                   a_copy_in_a_store_that_is_away_is_marked_and_goes_with_the_next_prune);
    tcase_add_test(tests, where_no_store_answers_nothing_is_marked);
    tcase_add_test(tests, what_is_on_its_way_out_is_removed_without_another_mark);
    tcase_add_test(tests, only_one_removal_at_a_time);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
