/* A prune from end to end: which copies are gone from which store afterwards, and what is
 * left alone. What comes between its plan and its marks is test_prune.c. */
#include "base/log.h"
#include "base/memory.h"
#include "catalog/artifact_list.h"
#include "catalog/db/facts.h"
#include "catalog/deletions.h"
#include "catalog/leases.h"
#include "catalog/runs.h"
#include "catalog/verifications.h"
#include "repository/keys.h"
#include "session/lock.h"
#include "tests/support/depot_prune.h"
#include "tests/support/memory_store.h"
#include "tests/support/run_suite.h"

#include <check.h>

#define OK(call) ck_assert_msg((call) == 0, "%s", depot.err.text)

static struct depot depot;

static void begin(const char *policy, const char *job, const char *policies)
{
    struct depot_spec spec = {.policy = policy, .job = job, .policies = policies};
    depot_begin(&depot, &spec);
}

static void setup(void)
{
    begin("keep_last = 2; guard_percent = 100;", NULL, NULL);
}

static void teardown(void)
{
    depot_end(&depot);
}

static struct depot_prune pruned(struct depot_prune run)
{
    OK(depot_prune(&depot, &run));
    return run;
}

static void expect(const char *nas, const char *offsite)
{
    depot_assert(&depot, DEPOT_NAS, nas);
    depot_assert(&depot, DEPOT_OFFSITE, offsite);
}

static int64_t count(const char *sql)
{
    return catalogs_number(&depot.catalogs, sql);
}

static void drop_of(enum depot_place place, unsigned n, const char *what)
{
    char *key = depot_key(&depot, n, what);
    memory_store_drop(depot.stores[place], key);
    free(key);
}

/* ---- what goes ---- */

START_TEST(what_no_rule_keeps_goes_from_every_store)
{
    depot_backups(&depot, 1, 5);
    struct depot_prune run = pruned((struct depot_prune){0});
    ck_assert_int_eq(run.status, 0);
    ck_assert_uint_eq(run.marked, 6);
    ck_assert_uint_eq(run.removed, 6);
    expect("1 2", "1 2");
    ck_assert_int_eq(count("SELECT count(*) FROM artifacts WHERE status = 'deleted'"), 3);
    ck_assert_int_eq(count("SELECT count(*) FROM artifacts WHERE status = 'complete'"), 2);
    ck_assert_int_eq(count("SELECT count(*) FROM runs WHERE kind = 'prune' AND "
                           "exit_status = 0"),
                     1);
    /* Once is enough. */
    run = pruned((struct depot_prune){0});
    ck_assert_int_eq(run.status, 0);
    ck_assert_uint_eq(run.marked + run.removed, 0);
    expect("1 2", "1 2");
}
END_TEST

/* The only whole one is older than all of one table, and has its own slots. */
START_TEST(a_partial_backup_never_takes_the_place_of_a_full_one)
{
    struct depot_backup orders = {.table = "orders"};
    struct depot_backup items = {.table = "items"};
    for (unsigned n = 1; n <= 3; n++)
        depot_backup(&depot, n, &orders);
    depot_backup(&depot, 4, &items);
    depot_backups(&depot, 5, 5);
    struct depot_prune run = pruned((struct depot_prune){0});
    ck_assert_int_eq(run.status, 0);
    ck_assert_uint_eq(run.removed, 2);
    expect("1 2 4 5", "1 2 4 5");
}
END_TEST

START_TEST(nothing_else_is_touched)
{
    static const char *const others[] = {"pgkeep-store.json", "holiday.jpg",
                                         "data/readme.txt", "manifests/x.json",
                                         "state/x.json"};
    depot_backups(&depot, 1, 3);
    for (size_t i = 1; i < sizeof others / sizeof *others; i++)
        OK(store_put(depot.stores[DEPOT_NAS], others[i], "x", 1, &depot.err));
    pruned((struct depot_prune){0});
    expect("1 2", "1 2");
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        ck_assert_msg(memory_store_has(depot.stores[DEPOT_NAS], others[i]), "%s is gone",
                      others[i]);
}
END_TEST

START_TEST(a_dry_run_plans_the_same_and_changes_nothing)
{
    depot_backups(&depot, 1, 5);
    struct depot_prune dry = pruned((struct depot_prune){.dry = true});
    ck_assert_int_eq(dry.status, 0);
    ck_assert_uint_eq(dry.marked + dry.removed, 0);
    expect("1 2 3 4 5", "1 2 3 4 5");
    ck_assert_int_eq(count("SELECT count(*) FROM runs"), 0);
    struct depot_prune real = pruned((struct depot_prune){0});
    ck_assert_str_eq(real.hash, dry.hash);
}
END_TEST

START_TEST(a_dry_run_needs_no_lock_and_a_real_one_does)
{
    struct lock_spec spec = {
        .catalog = depot.catalogs.path, .kind = LOCK_REMOVAL, .command = "sweep"};
    struct depot_prune run = {.dry = true};
    depot_backups(&depot, 1, 3);
    struct lock *lock = lock_take(&spec, &depot.err);
    ck_assert_ptr_nonnull(lock);
    OK(depot_prune(&depot, &run));
    run.dry = false;
    ck_assert_int_eq(depot_prune(&depot, &run), -1);
    ck_assert_int_eq(depot.err.kind, ERR_BUSY);
    expect("1 2 3", "1 2 3");
    lock_release(lock);
    pruned((struct depot_prune){0});
    expect("1 2", "1 2");
}
END_TEST

START_TEST(only_the_store_that_was_named_is_pruned)
{
    depot_backups(&depot, 1, 4);
    struct depot_prune run = pruned((struct depot_prune){.store = "offsite"});
    ck_assert_int_eq(run.status, 0);
    expect("1 2 3 4", "1 2");
}
END_TEST

START_TEST(only_the_job_that_was_named_is_pruned)
{
    struct depot_backup weekly = {.job = "weekly"};
    depot_backups(&depot, 1, 4);
    for (unsigned n = 11; n <= 14; n++)
        depot_backup(&depot, n, &weekly);
    pruned((struct depot_prune){.job = "nightly"});
    expect("1 2 11 12 13 14", "1 2 11 12 13 14");
    /* Of a job that is in no configuration, nothing goes: no policy is its. */
    pruned((struct depot_prune){0});
    expect("1 2 11 12 13 14", "1 2 11 12 13 14");
}
END_TEST

START_TEST(groups_are_pruned_apart)
{
    struct depot_backup stock = {.database = "stock"};
    depot_backups(&depot, 1, 3);
    for (unsigned n = 11; n <= 13; n++)
        depot_backup(&depot, n, &stock);
    pruned((struct depot_prune){0});
    expect("1 2 11 12", "1 2 11 12");
}
END_TEST

START_TEST(what_nobody_knows_is_an_error_and_not_nothing_to_do)
{
    struct depot_prune store = {.store = "nsa"}, job = {.job = "nigthly"};
    depot_backups(&depot, 1, 3);
    ck_assert_int_eq(depot_prune(&depot, &store), -1);
    ck_assert_int_eq(depot.err.kind, ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(depot.err.text, "nsa"));
    ck_assert_int_eq(depot_prune(&depot, &job), -1);
    ck_assert_int_eq(depot.err.kind, ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(depot.err.text, "did you mean \"nightly\"?"));
    expect("1 2 3", "1 2 3");
}
END_TEST

START_TEST(a_damaged_catalog_decides_nothing)
{
    struct depot_prune run = {0};
    depot_backups(&depot, 1, 3);
    catalogs_sql(&depot.catalogs, "PRAGMA foreign_keys = OFF;"
                                  "UPDATE copies SET store = 4711 WHERE id = 1");
    ck_assert_int_eq(depot_prune(&depot, &run), -1);
    ck_assert_int_eq(depot.err.kind, ERR_CORRUPT);
    char *lies = depot_lies(&depot, DEPOT_NAS);
    ck_assert_str_eq(lies, "1 2 3");
    free(lies);
}
END_TEST

/* ---- stores that are not what they should be ---- */

static void forget_mark(enum depot_place place)
{
    free(depot_unmark(&depot, place));
}

static void swap_mark(enum depot_place place)
{
    depot_mark(&depot, place, "11111111-2222-4333-8444-555555555555");
}

static void unmount(enum depot_place place)
{
    depot_unmount(&depot, place);
}

static void (*const losses[])(enum depot_place place) = {forget_mark, swap_mark, unmount};

START_TEST(a_store_that_is_not_surely_the_one_is_left_alone_and_the_others_are_pruned)
{
    depot_backups(&depot, 1, 4);
    losses[_i](DEPOT_NAS);
    struct depot_prune run = pruned((struct depot_prune){0});
    ck_assert_int_eq(run.status, 8);
    ck_assert_uint_eq(run.missed, 1);
    char *known = depot_known(&depot, DEPOT_NAS);
    ck_assert_str_eq(known, "1 2 3 4");
    free(known);
    depot_assert(&depot, DEPOT_OFFSITE, "1 2");
    char *lies = depot_lies(&depot, DEPOT_NAS);
    ck_assert_str_eq(lies, "1 2 3 4");
    free(lies);
}
END_TEST

START_TEST(where_no_store_answers_nothing_is_done)
{
    depot_backups(&depot, 1, 4);
    forget_mark(DEPOT_NAS);
    forget_mark(DEPOT_OFFSITE);
    struct depot_prune run = pruned((struct depot_prune){0});
    ck_assert_int_eq(run.status, 5);
    expect("1 2 3 4", "1 2 3 4");
}
END_TEST

/* An ad-hoc store of long ago keeps no later run from success; one where something is
 * unfinished does. */
START_TEST(a_store_of_long_ago_is_missed_only_while_something_is_unfinished_there)
{
    depot_backups(&depot, 1, 3);
    int64_t old = catalogs_store(depot.catalog, "dir:/gone/old");
    catalogs_complete(depot.catalog, 1, old, depot.now - DEPOT_DAY);
    catalogs_sql(&depot.catalogs, "UPDATE stores SET adhoc = 1, url = 'dir:/gone/old' "
                                  "WHERE name = 'dir:/gone/old'");
    struct depot_prune run = pruned((struct depot_prune){0});
    ck_assert_uint_eq(run.missed, 1);
    ck_assert_int_eq(run.status, 0);
    expect("1 2", "1 2");
    catalogs_sql(&depot.catalogs, "UPDATE copies SET state = 'deleting' WHERE key LIKE "
                                  "'data/shop/1.sql%'");
    run = pruned((struct depot_prune){0});
    ck_assert_int_eq(run.status, 8);
}
END_TEST

/* Its rows are not about what lies where its name leads by now. */
START_TEST(a_name_that_leads_to_another_store_by_now_is_skipped)
{
    depot_backups(&depot, 1, 3);
    int64_t old = catalogs_store(depot.catalog, "dir:/old");
    catalogs_complete(depot.catalog, 1, old, depot.now - DEPOT_DAY);
    catalogs_sqlf(&depot.catalogs,
                  "UPDATE stores SET adhoc = 1, url = 'dir:%s/nas' WHERE "
                  "id = %lld",
                  depot.place, (long long)old);
    struct depot_prune run = pruned((struct depot_prune){0});
    ck_assert_uint_eq(run.missed, 1);
    expect("1 2", "1 2");
    ck_assert_int_eq(count("SELECT count(*) FROM copies WHERE key LIKE 'data/shop/1.%' AND "
                           "state = 'complete'"),
                     1);
}
END_TEST

/* ---- guards ---- */

static void setup_guarded(void)
{
    begin("keep_last = 2; guard_percent = 40;", NULL, NULL);
}

START_TEST(too_many_at_once_is_refused_until_that_very_plan_is_forced)
{
    depot_backups(&depot, 1, 9);
    struct depot_prune run = pruned((struct depot_prune){0});
    ck_assert_int_eq(run.status, 9);
    ck_assert_uint_eq(run.refused, 2);
    ck_assert_ptr_nonnull(strstr(run.refusal, "group nightly/shop/full store nas: "));
    expect("1 2 3 4 5 6 7 8 9", "1 2 3 4 5 6 7 8 9");

    struct depot_prune other = {.force = "0123456789abcdef"};
    ck_assert_int_eq(depot_prune(&depot, &other), -1);
    ck_assert_int_eq(depot.err.kind, ERR_UNSAFE);
    ck_assert_ptr_nonnull(strstr(depot.err.text, run.hash));
    expect("1 2 3 4 5 6 7 8 9", "1 2 3 4 5 6 7 8 9");

    run = pruned((struct depot_prune){.force = run.hash});
    ck_assert_int_eq(run.status, 0);
    expect("1 2", "1 2");
}
END_TEST

START_TEST(a_refused_group_does_not_hold_up_the_others)
{
    struct depot_backup stock = {.database = "stock"};
    depot_backups(&depot, 1, 9);
    for (unsigned n = 11; n <= 13; n++)
        depot_backup(&depot, n, &stock);
    struct depot_prune run = pruned((struct depot_prune){0});
    ck_assert_int_eq(run.status, 9);
    expect("1 2 3 4 5 6 7 8 9 11 12", "1 2 3 4 5 6 7 8 9 11 12");
}
END_TEST

START_TEST(behind_a_suspect_newest_nothing_goes)
{
    depot_backups(&depot, 1, 4);
    OK(catalog_artifact_set_suspect(depot.catalog, depot_id(1), true, &depot.err));
    struct depot_prune run = pruned((struct depot_prune){0});
    ck_assert_int_eq(run.status, 9);
    expect("1 2 3 4", "1 2 3 4");
    run = pruned((struct depot_prune){.force = run.hash});
    ck_assert_int_eq(run.status, 0);
    expect("1 2", "1 2");
}
END_TEST

START_TEST(a_clock_that_went_back_decides_nothing_until_it_is_forced)
{
    depot_backups(&depot, 1, 4);
    OK(catalog_time_seen(depot.catalog, depot.now + 7200, &depot.err));
    struct depot_prune run = pruned((struct depot_prune){0});
    ck_assert_int_eq(run.status, 9);
    ck_assert_uint_eq(run.marked + run.removed, 0);
    ck_assert_uint_gt(strlen(run.refusal), 0);
    expect("1 2 3 4", "1 2 3 4");
    run = pruned((struct depot_prune){.force = run.hash});
    ck_assert_int_eq(run.status, 0);
    expect("1 2", "1 2");
    /* The user said that the clock is right: it is asked no more. */
    int64_t highest = 0;
    OK(catalog_time_highest(depot.catalog, &highest, &depot.err));
    ck_assert_int_eq(highest, depot.now);
}
END_TEST

/* Not even what was decided before goes on. */
START_TEST(by_a_doubtful_clock_nothing_is_removed_either)
{
    depot_backups(&depot, 1, 4);
    catalogs_sql(&depot.catalogs,
                 "UPDATE copies SET state = 'deleting', delete_reason = 'x' WHERE artifact "
                 "IN (SELECT number FROM artifacts ORDER BY seq LIMIT 1)");
    OK(catalog_time_seen(depot.catalog, depot.now + 7200, &depot.err));
    struct depot_prune run = pruned((struct depot_prune){0});
    ck_assert_uint_eq(run.removed, 0);
    char *lies = depot_lies(&depot, DEPOT_NAS);
    ck_assert_str_eq(lies, "1 2 3 4");
    free(lies);
    run = pruned((struct depot_prune){.now = depot.now + 7201});
    ck_assert_int_eq(run.status, 0);
    expect("1 2", "1 2");
}
END_TEST

/* An object lock, a lifecycle, the dates of backups: one of the two clocks is wrong. */
START_TEST(a_store_whose_clock_disagrees_loses_nothing)
{
    depot_backups(&depot, 1, 4);
    memory_store_set_clock(depot.stores[DEPOT_NAS], _i == 0 ? 301 : -301);
    struct depot_prune run = pruned((struct depot_prune){0});
    ck_assert_int_eq(run.status, 9);
    ck_assert_ptr_nonnull(strstr(run.refusal, "store nas: "));
    expect("1 2 3 4", "1 2");
    memory_store_set_clock(depot.stores[DEPOT_NAS], 299);
    run = pruned((struct depot_prune){0});
    ck_assert_int_eq(run.status, 0);
    expect("1 2", "1 2");
}
END_TEST

START_TEST(by_a_clock_that_disagrees_not_even_what_broke_is_cleared_away)
{
    char message[] = "SHA-256 differs";
    struct depot_backup old = {.time = depot.now - 50 * DEPOT_DAY};
    depot_backups(&depot, 1, 1);
    depot_backup(&depot, 2, &old);
    struct catalog_verification bad = {.copy = depot_copy(&depot, 2, DEPOT_NAS),
                                       .time = depot.now - 40 * DEPOT_DAY,
                                       .level = CATALOG_FULL,
                                       .result = CATALOG_FOUND_DAMAGED,
                                       .message = message};
    struct catalog_verification good = {.copy = depot_copy(&depot, 1, DEPOT_NAS),
                                        .time = depot.now,
                                        .level = CATALOG_FULL,
                                        .result = CATALOG_GOOD};
    OK(catalog_verification_add(depot.catalog, &bad, &depot.err));
    OK(catalog_verification_add(depot.catalog, &good, &depot.err));
    memory_store_set_clock(depot.stores[DEPOT_NAS], 301);
    struct depot_prune run = pruned((struct depot_prune){0});
    ck_assert_int_eq(run.status, 9);
    char *lies = depot_lies(&depot, DEPOT_NAS);
    ck_assert_str_eq(lies, "1 2");
    free(lies);
}
END_TEST

/* ---- what is remembered between runs ---- */

static void setup_grace(void)
{
    begin("keep_last = 2; guard_percent = 100; delete_grace = \"2d\";", NULL, NULL);
}

START_TEST(delete_grace_counts_from_the_first_plan_that_wants_it_gone)
{
    depot_backups(&depot, 1, 3);
    int64_t first = depot.now;
    struct depot_prune run = pruned((struct depot_prune){0});
    ck_assert_uint_eq(run.marked, 0);
    expect("1 2 3", "1 2 3");
    ck_assert_int_eq(count("SELECT count(*) FROM copies WHERE first_marked > 0"), 2);
    pruned((struct depot_prune){.now = first + 2 * DEPOT_DAY - 1});
    expect("1 2 3", "1 2 3");
    pruned((struct depot_prune){.now = first + 2 * DEPOT_DAY});
    expect("1 2", "1 2");
}
END_TEST

START_TEST(one_that_is_wanted_again_starts_anew)
{
    depot_backups(&depot, 1, 3);
    pruned((struct depot_prune){0});
    OK(depot_pin(&depot, 3, 0, "wanted", NULL));
    /* The state files are younger than the rows, and must not bring the marks back. */
    catalogs_sql(&depot.catalogs, "UPDATE copies SET updated = updated - 1");
    pruned((struct depot_prune){.now = depot.now + DEPOT_DAY});
    ck_assert_int_eq(count("SELECT count(*) FROM copies WHERE first_marked > 0"), 0);
    OK(depot_unpin(&depot, 3, NULL));
    pruned((struct depot_prune){.now = depot.now + 3 * DEPOT_DAY});
    expect("1 2 3", "1 2 3");
    pruned((struct depot_prune){.now = depot.now + 5 * DEPOT_DAY});
    expect("1 2", "1 2");
}
END_TEST

START_TEST(the_store_is_told_since_when_it_is_wanted_gone)
{
    struct text text;
    bool absent = true;
    char *key = NULL;
    depot_backups(&depot, 1, 3);
    pruned((struct depot_prune){0});
    for (unsigned n = 1; n <= 3; n++) {
        text_init(&text, 10000);
        key = depot_key(&depot, n, "state");
        OK(store_get(depot.stores[DEPOT_NAS], key, &text, &absent, &depot.err));
        ck_assert_int_eq(absent, n < 3);
        ck_assert_msg(absent || strstr(text.data, "\"first_marked\": \"20") != NULL, "%s",
                      text.data);
        text_release(&text);
        free(key);
    }
}
END_TEST

START_TEST(one_from_the_future_is_set_aside_for_good)
{
    struct depot_backup future = {.time = depot.now + 30 * DEPOT_DAY};
    depot_backups(&depot, 2, 5);
    depot_backup(&depot, 1, &future);
    struct depot_prune run = pruned((struct depot_prune){0});
    ck_assert_int_eq(run.status, 0);
    expect("1 2 3", "1 2 3"); /* it takes no place of those that are kept */
    ck_assert_int_eq(count("SELECT quarantined FROM artifacts WHERE seq = 999"), 1);
    /* Its time has come, and it still is no anchor. */
    pruned((struct depot_prune){.now = depot.now + 31 * DEPOT_DAY});
    expect("1 2 3", "1 2 3");
}
END_TEST

START_TEST(by_a_clock_that_is_behind_nothing_is_set_aside)
{
    depot_backups(&depot, 1, 3);
    OK(catalog_time_seen(depot.catalog, depot.now, &depot.err));
    /* Within the hour that the guard lets pass; number 1 seems to be from the future. */
    struct depot_backup soon = {.time = depot.now - 60};
    depot_backup(&depot, 0, &soon);
    pruned((struct depot_prune){.now = depot.now - 1800});
    ck_assert_int_eq(count("SELECT count(*) FROM artifacts WHERE quarantined"), 0);
}
END_TEST

/* ---- policies ---- */

static void setup_two_policies(void)
{
    begin("keep_last = 3; guard_percent = 100;", "store_retention: { nas = \"two\"; };",
          "two: { keep_last = 1; guard_percent = 100; };");
}

START_TEST(each_store_has_the_policy_that_the_job_gives_it)
{
    depot_backups(&depot, 1, 5);
    struct depot_prune run = pruned((struct depot_prune){0});
    ck_assert_int_eq(run.status, 0);
    expect("1", "1 2 3");
}
END_TEST

/* G7: nas would let it go, but offsite has not got it yet. */
START_TEST(what_another_store_still_waits_for_stays)
{
    struct depot_backup here = {.stores = DEPOT_AT(DEPOT_NAS)};
    depot_backup(&depot, 1, NULL);
    depot_backup(&depot, 2, &here);
    depot_backup(&depot, 3, NULL);
    depot_backup(&depot, 4, &here);
    pruned((struct depot_prune){0});
    expect("1 2", "1 3");
}
END_TEST

START_TEST(what_another_store_decided_against_is_not_waited_for)
{
    struct depot_delete run = {.store = "offsite"};
    depot_backups(&depot, 1, 3);
    OK(depot_delete(&depot, 2, &run));
    pruned((struct depot_prune){0});
    expect("1", "1 3");
}
END_TEST

static const char *const leaving[] = {"deleting", "locked", "blocked"};

START_TEST(what_another_store_is_about_to_lose_is_not_waited_for)
{
    depot_backups(&depot, 1, 3);
    catalogs_sqlf(&depot.catalogs,
                  "UPDATE copies SET state = '%s', delete_reason = 'x', "
                  "next_try = 9999999999 WHERE id = %lld",
                  leaving[_i], (long long)depot_copy(&depot, 2, DEPOT_OFFSITE));
    pruned((struct depot_prune){0});
    depot_assert(&depot, DEPOT_NAS, "1");
}
END_TEST

/* It failed there, or broke there: that was no decision, and it is still wanted. */
START_TEST(what_merely_broke_in_another_store_is_waited_for)
{
    depot_backups(&depot, 1, 3);
    catalogs_sqlf(&depot.catalogs,
                  "UPDATE copies SET state = 'deleted', delete_reason = "
                  "'damaged_keep is over' WHERE id = %lld",
                  (long long)depot_copy(&depot, 2, DEPOT_OFFSITE));
    for (int i = 0; i < 4; i++) {
        static const char *const parts[] = {"manifest", "index", "data", "state"};
        drop_of(DEPOT_OFFSITE, 2, parts[i]);
    }
    pruned((struct depot_prune){0});
    expect("1 2", "1 3");
}
END_TEST

START_TEST(without_a_rule_everything_is_kept)
{
    depot_end(&depot);
    begin("min_keep = 1;", NULL, NULL);
    depot_backups(&depot, 1, 5);
    struct depot_prune run = pruned((struct depot_prune){0});
    ck_assert_int_eq(run.status, 0);
    expect("1 2 3 4 5", "1 2 3 4 5");
}
END_TEST

START_TEST(a_cap_that_cannot_be_reached_is_told)
{
    depot_end(&depot);
    begin("keep_last = 5; max_total_size = \"150B\"; min_keep = 2; guard_percent = 100;",
          NULL, NULL);
    depot_backups(&depot, 1, 5);
    struct depot_prune run = pruned((struct depot_prune){0});
    ck_assert(run.over_cap);
    ck_assert_int_eq(run.status, 8);
    expect("1 2", "1 2");
}
END_TEST

/* ---- what failed or broke ---- */

START_TEST(a_damaged_copy_goes_when_its_time_is_over_and_a_newer_proven_one_exists)
{
    char message[] = "SHA-256 differs";
    depot_backups(&depot, 1, 2);
    struct catalog_verification bad = {.copy = depot_copy(&depot, 2, DEPOT_NAS),
                                       .time = depot.now,
                                       .level = CATALOG_FULL,
                                       .result = CATALOG_FOUND_DAMAGED,
                                       .message = message};
    struct catalog_verification good = {.copy = depot_copy(&depot, 1, DEPOT_NAS),
                                        .time = depot.now,
                                        .level = CATALOG_FULL,
                                        .result = CATALOG_GOOD};
    OK(catalog_verification_add(depot.catalog, &bad, &depot.err));
    OK(catalog_verification_add(depot.catalog, &good, &depot.err));
    struct depot_prune run =
        pruned((struct depot_prune){.now = depot.now + 29 * DEPOT_DAY});
    ck_assert_uint_eq(run.due, 0);
    run = pruned((struct depot_prune){.now = depot.now + 31 * DEPOT_DAY});
    ck_assert_uint_eq(run.due, 1);
    expect("1", "1 2");
}
END_TEST

/* Artifacts that failed before any copy began: rows only. */
START_TEST(failed_runs_stay_listed_for_a_while_and_until_a_later_one_succeeded)
{
    catalogs_artifact(depot.catalog, 1, depot.now - 20 * DEPOT_DAY);
    catalogs_artifact(depot.catalog, 2, depot.now);
    catalogs_sql(&depot.catalogs, "UPDATE artifacts SET status = 'failed'");
    pruned((struct depot_prune){0});
    ck_assert_int_eq(count("SELECT count(*) FROM artifacts WHERE status = 'failed'"), 2);
    depot_backup(&depot, 1, NULL);
    pruned((struct depot_prune){0});
    ck_assert_int_eq(count("SELECT count(*) FROM artifacts WHERE status = 'failed'"), 1);
    ck_assert_int_eq(count("SELECT time FROM artifacts WHERE status = 'failed'"),
                     depot.now);
}
END_TEST

START_TEST(what_a_crash_left_is_cleared_away_and_a_live_upload_is_not)
{
    depot_backups(&depot, 1, 2);
    for (unsigned n = 1; n <= 2; n++) {
        catalogs_artifact(depot.catalog, n, depot.now);
        int64_t id = catalogs_copy(depot.catalog, n, depot.ids[DEPOT_NAS]);
        OK(catalog_copy_begun(depot.catalog, id, NULL, &depot.err));
        char *key = memory_format("data/shop/%u.sql.gz", n);
        OK(store_put(depot.stores[DEPOT_NAS], key, "half", 4, &depot.err));
        free(key);
    }
    catalogs_sqlf(&depot.catalogs,
                  "UPDATE copies SET owner = '%s' WHERE key = 'data/shop/1.sql.gz';"
                  "UPDATE artifacts SET owner = '%s' WHERE id = '%s'",
                  catalogs_dead_owner(), catalogs_dead_owner(), catalogs_id(1));
    struct depot_prune run = pruned((struct depot_prune){0});
    ck_assert_int_eq(run.status, 0);
    ck_assert_int_eq(count("SELECT count(*) FROM copies WHERE state = 'failed' AND NOT "
                           "begun"),
                     1);
    ck_assert_int_eq(count("SELECT count(*) FROM artifacts WHERE status = 'failed'"), 1);
    ck_assert_int_eq(count("SELECT count(*) FROM copies WHERE state = 'uploading'"), 1);
    ck_assert(memory_store_has(depot.stores[DEPOT_NAS], "data/shop/2.sql.gz"));
    ck_assert(!memory_store_has(depot.stores[DEPOT_NAS], "data/shop/1.sql.gz"));
}
END_TEST

START_TEST(a_proven_one_goes_when_a_newer_proven_one_stays)
{
    depot_backups(&depot, 1, 5);
    for (unsigned n = 2; n <= 4; n += 2) {
        struct catalog_verification good = {.copy = depot_copy(&depot, n, DEPOT_NAS),
                                            .time = depot.now,
                                            .level = CATALOG_FULL,
                                            .result = CATALOG_GOOD};
        OK(catalog_verification_add(depot.catalog, &good, &depot.err));
    }
    struct depot_prune run = pruned((struct depot_prune){0});
    ck_assert_int_eq(run.status, 0);
    expect("1 2", "1 2");
}
END_TEST

/* ---- readers, rows of long ago ---- */

START_TEST(a_copy_that_is_read_stays_until_its_reader_is_done)
{
    depot_backups(&depot, 1, 3);
    struct catalog_lease lease = {.copy = depot_copy(&depot, 3, DEPOT_NAS),
                                  .purpose = "being restored",
                                  .unbroken = true};
    OK(catalog_lease_take(depot.catalog, &lease, &depot.err));
    pruned((struct depot_prune){0});
    expect("1 2 3", "1 2");
    OK(catalog_lease_end(depot.catalog, lease.id, &depot.err));
    pruned((struct depot_prune){0});
    expect("1 2", "1 2");
}
END_TEST

START_TEST(leases_of_readers_that_are_gone_go)
{
    struct catalog_lease read = {.copy = 0, .purpose = "being restored", .unbroken = true},
                         gone = read;
    depot_backups(&depot, 1, 3);
    read.copy = depot_copy(&depot, 1, DEPOT_NAS);
    gone.copy = depot_copy(&depot, 3, DEPOT_NAS);
    OK(catalog_lease_take(depot.catalog, &read, &depot.err));
    OK(catalog_lease_take(depot.catalog, &gone, &depot.err));
    catalogs_sqlf(&depot.catalogs, "UPDATE leases SET owner = '%s' WHERE copy = %lld",
                  catalogs_dead_owner(), (long long)gone.copy);
    pruned((struct depot_prune){0});
    expect("1 2", "1 2");
    ck_assert_int_eq(count("SELECT count(*) FROM leases"), 1);
}
END_TEST

START_TEST(rows_of_what_was_deleted_long_ago_go)
{
    depot_backups(&depot, 1, 3);
    pruned((struct depot_prune){0});
    ck_assert_int_eq(count("SELECT count(*) FROM artifacts"), 3);
    catalogs_sql(&depot.catalogs, "UPDATE copies SET deleted = deleted - 86400 * 401 WHERE "
                                  "deleted > 0; UPDATE artifacts SET updated = updated - "
                                  "86400 * 401 WHERE status = 'deleted'");
    pruned((struct depot_prune){0});
    ck_assert_int_eq(count("SELECT count(*) FROM artifacts"), 2);
    expect("1 2", "1 2");
}
END_TEST

/* ---- whatever fails ---- */

/* The n-th thing that is asked of a store fails, once or from then on, before or after its
 * effect; for every n. After one more run nothing is half done, and nothing that is to be
 * kept was lost meanwhile. */
START_TEST(after_any_failure_one_more_run_finishes_it)
{
    bool once = (_i & 1) != 0, did = (_i & 2) != 0;
    for (unsigned n = 1;; n++) {
        struct depot_prune run = {0};
        depot_end(&depot);
        setup();
        depot_backups(&depot, 1, 4);
        if (once)
            memory_store_stumble(depot.stores[DEPOT_NAS], MEMORY_ANY, n, "", ERR_TRANSIENT,
                                 did);
        else
            memory_store_fail(depot.stores[DEPOT_NAS], MEMORY_ANY, n, "", ERR_TRANSIENT,
                              did);
        int result = depot_prune(&depot, &run);
        ck_assert_msg(result == 0, "%u: %s", n, depot.err.text);
        bool failed = memory_store_failed(depot.stores[DEPOT_NAS]);
        ck_assert_msg(!failed || run.status == 8, "%u: %d", n, run.status);
        memory_store_heal(depot.stores[DEPOT_NAS]);
        depot_assert(&depot, DEPOT_OFFSITE, "1 2");
        /* Tried again a minute later. */
        run = pruned((struct depot_prune){.now = depot.now + 60});
        ck_assert_int_eq(run.status, 0);
        expect("1 2", "1 2");
        if (!failed)
            break;
    }
}
END_TEST

static void prune_all(void)
{
    struct depot_prune run = {0};
    (void)!depot_prune(&depot, &run);
}

START_TEST(killed_at_any_step_the_next_run_finishes_it)
{
    bool killed = true;
    for (unsigned n = 1; killed; n++) {
        depot_end(&depot);
        setup();
        depot_backups(&depot, 1, 4);
        killed = depot_killed(&depot, DEPOT_NAS, n, _i != 0, prune_all);
        struct depot_prune run = pruned((struct depot_prune){0});
        ck_assert_int_eq(run.status, 0);
        expect("1 2", "1 2");
    }
}
END_TEST

START_TEST(a_deletion_takes_the_manifest_first)
{
    static const char *const parts[] = {"manifests/", ".index.gz", ".sql.gz"};
    static const char *const left[] = {"1 2 3", "1 2 3(data,index)", "1 2 3(data)"};
    depot_backups(&depot, 1, 3);
    memory_store_fail(depot.stores[DEPOT_NAS], MEMORY_REMOVE, 1, parts[_i], ERR_TRANSIENT,
                      false);
    struct depot_prune run = pruned((struct depot_prune){0});
    ck_assert_int_eq(run.status, 8);
    char *lies = depot_lies(&depot, DEPOT_NAS), *known = depot_known(&depot, DEPOT_NAS);
    ck_assert_str_eq(lies, left[_i]);
    ck_assert_str_eq(known, "1 2 3:deleting");
    free(lies);
    free(known);
}
END_TEST

START_TEST(an_object_lock_holds_its_copy_and_no_other)
{
    depot_backups(&depot, 1, 4);
    char *key = depot_key(&depot, 3, "manifest");
    memory_store_refuse(depot.stores[DEPOT_NAS], key, STORE_LOCKED, depot.now + DEPOT_DAY);
    struct depot_prune run = pruned((struct depot_prune){0});
    ck_assert_int_eq(run.status, 0); /* the lock was asked for; it is no failure */
    char *known = depot_known(&depot, DEPOT_NAS);
    ck_assert_str_eq(known, "1 2 3:locked");
    free(known);
    free(key);
    depot_assert(&depot, DEPOT_OFFSITE, "1 2");
    memory_store_heal(depot.stores[DEPOT_NAS]);
    run = pruned((struct depot_prune){.now = depot.now + DEPOT_DAY});
    ck_assert_int_eq(run.status, 0);
    expect("1 2", "1 2");
}
END_TEST

START_TEST(a_store_that_refuses_is_told_and_asked_again_the_next_day)
{
    depot_backups(&depot, 1, 3);
    memory_store_refuse(depot.stores[DEPOT_NAS], "manifests/", STORE_REFUSED, 0);
    struct depot_prune run = pruned((struct depot_prune){0});
    ck_assert_int_eq(run.status, 8);
    memory_store_heal(depot.stores[DEPOT_NAS]);
    run = pruned((struct depot_prune){.now = depot.now + DEPOT_DAY - 1});
    ck_assert_uint_eq(run.removed, 0);
    pruned((struct depot_prune){.now = depot.now + DEPOT_DAY});
    expect("1 2", "1 2");
}
END_TEST

static TCase *add_case(Suite *suite, const char *name, void (*before)(void))
{
    TCase *tcase = tcase_create(name);
    tcase_add_checked_fixture(tcase, before, teardown);
    tcase_set_timeout(tcase, 30);
    suite_add_tcase(suite, tcase);
    return tcase;
}

int main(void)
{
    log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    Suite *suite = suite_create("prune_run");
    TCase *tests = add_case(suite, "prune", setup);
    tcase_add_test(tests, what_no_rule_keeps_goes_from_every_store);
    tcase_add_test(tests, a_partial_backup_never_takes_the_place_of_a_full_one);
    tcase_add_test(tests, nothing_else_is_touched);
    tcase_add_test(tests, a_dry_run_plans_the_same_and_changes_nothing);
    tcase_add_test(tests, a_dry_run_needs_no_lock_and_a_real_one_does);
    tcase_add_test(tests, only_the_store_that_was_named_is_pruned);
    tcase_add_test(tests, only_the_job_that_was_named_is_pruned);
    tcase_add_test(tests, groups_are_pruned_apart);
    tcase_add_test(tests, what_nobody_knows_is_an_error_and_not_nothing_to_do);
    tcase_add_test(tests, a_damaged_catalog_decides_nothing);
    tcase_add_loop_test(
        tests, a_store_that_is_not_surely_the_one_is_left_alone_and_the_others_are_pruned,
        0, (int)(sizeof losses / sizeof *losses));
    tcase_add_test(tests, where_no_store_answers_nothing_is_done);
    tcase_add_test(tests,
                   a_store_of_long_ago_is_missed_only_while_something_is_unfinished_there);
    tcase_add_test(tests, a_name_that_leads_to_another_store_by_now_is_skipped);
    tcase_add_loop_test(tests, a_store_whose_clock_disagrees_loses_nothing, 0, 2);
    tcase_add_test(tests, by_a_clock_that_disagrees_not_even_what_broke_is_cleared_away);
    tcase_add_test(tests, behind_a_suspect_newest_nothing_goes);
    tcase_add_test(tests, a_clock_that_went_back_decides_nothing_until_it_is_forced);
    tcase_add_test(tests, by_a_doubtful_clock_nothing_is_removed_either);
    tcase_add_test(tests, one_from_the_future_is_set_aside_for_good);
    tcase_add_test(tests, by_a_clock_that_is_behind_nothing_is_set_aside);
    tcase_add_test(tests, without_a_rule_everything_is_kept);
    tcase_add_test(tests, a_cap_that_cannot_be_reached_is_told);
    tcase_add_test(tests,
                   a_damaged_copy_goes_when_its_time_is_over_and_a_newer_proven_one_exists);
    tcase_add_test(tests,
                   failed_runs_stay_listed_for_a_while_and_until_a_later_one_succeeded);
    tcase_add_test(tests, what_a_crash_left_is_cleared_away_and_a_live_upload_is_not);
    tcase_add_test(tests, a_proven_one_goes_when_a_newer_proven_one_stays);
    tcase_add_test(tests, a_copy_that_is_read_stays_until_its_reader_is_done);
    tcase_add_test(tests, leases_of_readers_that_are_gone_go);
    tcase_add_test(tests, rows_of_what_was_deleted_long_ago_go);
    tcase_add_loop_test(tests, after_any_failure_one_more_run_finishes_it, 0, 4);
    tcase_add_loop_test(tests, killed_at_any_step_the_next_run_finishes_it, 0, 2);
    tcase_add_loop_test(tests, a_deletion_takes_the_manifest_first, 0, 3);
    tcase_add_test(tests, an_object_lock_holds_its_copy_and_no_other);
    tcase_add_test(tests, a_store_that_refuses_is_told_and_asked_again_the_next_day);
    tests = add_case(suite, "guarded", setup_guarded);
    tcase_add_test(tests, too_many_at_once_is_refused_until_that_very_plan_is_forced);
    tcase_add_test(tests, a_refused_group_does_not_hold_up_the_others);
    tests = add_case(suite, "grace", setup_grace);
    tcase_add_test(tests, delete_grace_counts_from_the_first_plan_that_wants_it_gone);
    tcase_add_test(tests, one_that_is_wanted_again_starts_anew);
    tcase_add_test(tests, the_store_is_told_since_when_it_is_wanted_gone);
    tests = add_case(suite, "two policies", setup_two_policies);
    tcase_add_test(tests, each_store_has_the_policy_that_the_job_gives_it);
    tcase_add_test(tests, what_another_store_still_waits_for_stays);
    tcase_add_test(tests, what_another_store_decided_against_is_not_waited_for);
    tcase_add_loop_test(tests, what_another_store_is_about_to_lose_is_not_waited_for, 0, 3);
    tcase_add_test(tests, what_merely_broke_in_another_store_is_waited_for);
    return run_suite(suite);
}
