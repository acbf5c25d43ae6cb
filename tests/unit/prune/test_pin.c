/* A pin is known to every machine that uses the store, whoever was away when it was set. */
#include "base/log.h"
#include "base/memory.h"
#include "catalog/artifact_list.h"
#include "repository/keys.h"
#include "repository/state_file.h"
#include "tests/support/depot_prune.h"
#include "tests/support/run_suite.h"

#include <check.h>

#define OK(call) ck_assert_msg((call) == 0, "%s", depot.err.text)

static const struct depot_spec spec = {.policy = "keep_last = 1; guard_percent = 100;"};
static struct depot depot;

static void setup(void)
{
    depot_begin(&depot, &spec);
    depot_backups(&depot, 1, 3);
}

static void teardown(void)
{
    depot_end(&depot);
}

/* What the store says of it. */
static struct state_file told(enum depot_place place, unsigned n, bool *absent)
{
    struct state_file state = {0};
    struct text text;
    char *key = depot_key(&depot, n, "state");
    text_init(&text, 10000);
    OK(store_get(depot.stores[place], key, &text, absent, &depot.err));
    if (!*absent)
        OK(state_file_parse(text.data, text.length, depot_id(n), &state, &depot.err));
    text_release(&text);
    free(key);
    return state;
}

static void assert_told(enum depot_place place, unsigned n, bool pinned, int64_t until,
                        const char *reason)
{
    bool absent = true;
    struct state_file state = told(place, n, &absent);
    ck_assert(!absent);
    ck_assert_int_eq(state.pinned, pinned);
    ck_assert_int_eq(state.pin_until, until);
    ck_assert_int_eq(reason == NULL, state.pin_reason == NULL);
    ck_assert(reason == NULL || strcmp(state.pin_reason, reason) == 0);
    state_file_release(&state);
}

static void pruned(struct depot *machine)
{
    struct depot_prune run = {0};
    ck_assert_msg(depot_prune(machine, &run) == 0, "%s", machine->err.text);
}

START_TEST(every_store_with_a_copy_is_told)
{
    size_t untold = 9;
    OK(depot_pin(&depot, 3, depot.now + DEPOT_DAY, "audit", &untold));
    ck_assert_uint_eq(untold, 0);
    assert_told(DEPOT_NAS, 3, true, depot.now + DEPOT_DAY, "audit");
    assert_told(DEPOT_OFFSITE, 3, true, depot.now + DEPOT_DAY, "audit");
    pruned(&depot);
    depot_assert(&depot, DEPOT_NAS, "1 3");
    depot_assert(&depot, DEPOT_OFFSITE, "1 3");
}
END_TEST

START_TEST(a_pin_ends_when_its_time_has_come)
{
    struct depot_prune later = {.now = depot.now + 2 * DEPOT_DAY};
    OK(depot_pin(&depot, 3, depot.now + 2 * DEPOT_DAY, NULL, NULL));
    pruned(&depot);
    depot_assert(&depot, DEPOT_NAS, "1 3");
    OK(depot_prune(&depot, &later));
    depot_assert(&depot, DEPOT_NAS, "1");
}
END_TEST

START_TEST(the_end_of_a_pin_is_told_too)
{
    OK(depot_pin(&depot, 3, 0, "audit", NULL));
    OK(depot_unpin(&depot, 3, NULL));
    assert_told(DEPOT_NAS, 3, false, 0, NULL);
    assert_told(DEPOT_OFFSITE, 3, false, 0, NULL);
    pruned(&depot);
    depot_assert(&depot, DEPOT_NAS, "1");
}
END_TEST

START_TEST(another_machine_keeps_what_is_pinned)
{
    struct depot other;
    depot_join(&other, &depot, &spec);
    depot_backups(&other, 1, 3);
    OK(depot_pin(&depot, 3, 0, "audit", NULL));
    pruned(&other);
    depot_assert(&other, DEPOT_NAS, "1 3");
    depot_assert(&other, DEPOT_OFFSITE, "1 3");
    depot_end(&other);
}
END_TEST

/* Theirs is read first: ours is the later decision. */
START_TEST(the_later_of_two_decisions_counts)
{
    struct depot other;
    bool absent = true;
    depot_join(&other, &depot, &spec);
    depot_backups(&other, 1, 3);
    ck_assert_int_eq(depot_pin(&other, 3, 0, "theirs", NULL), 0);
    OK(depot_unpin(&depot, 3, NULL));
    ck_assert_int_eq(depot_pin(&other, 3, 0, "theirs again", NULL), 0);
    OK(depot_pin(&depot, 3, 0, "ours", NULL));
    struct state_file state = told(DEPOT_NAS, 3, &absent);
    ck_assert_str_eq(state.pin_reason, "ours");
    state_file_release(&state);
    depot_end(&other);
}
END_TEST

START_TEST(a_store_that_is_away_keeps_nobody_from_pinning)
{
    struct store_removed removed;
    size_t untold = 0;
    bool absent = false;
    OK(store_remove(depot.stores[DEPOT_NAS], KEYS_MARK, &removed, &depot.err));
    OK(depot_pin(&depot, 3, 0, "audit", &untold));
    ck_assert_uint_eq(untold, 1);
    assert_told(DEPOT_OFFSITE, 3, true, 0, "audit");
    struct state_file state = told(DEPOT_NAS, 3, &absent);
    ck_assert(absent);
    state_file_release(&state);
}
END_TEST

START_TEST(a_damaged_state_file_is_written_anew)
{
    char *key = depot_key(&depot, 3, "state");
    size_t untold = 9;
    OK(store_put(depot.stores[DEPOT_NAS], key, "{", 1, &depot.err));
    OK(depot_pin(&depot, 3, 0, "audit", &untold));
    ck_assert_uint_eq(untold, 0);
    assert_told(DEPOT_NAS, 3, true, 0, "audit");
    free(key);
}
END_TEST

START_TEST(a_copy_that_is_no_good_is_not_told)
{
    bool absent = false;
    catalogs_sqlf(&depot.catalogs, "UPDATE copies SET state = 'failed' WHERE id = %lld",
                  (long long)depot_copy(&depot, 3, DEPOT_NAS));
    OK(depot_pin(&depot, 3, 0, NULL, NULL));
    assert_told(DEPOT_OFFSITE, 3, true, 0, NULL);
    struct state_file state = told(DEPOT_NAS, 3, &absent);
    ck_assert(absent);
    state_file_release(&state);
}
END_TEST

START_TEST(only_what_is_complete_can_be_pinned)
{
    struct catalog_artifact artifact;
    OK(depot_delete(&depot, 2, &(struct depot_delete){0}));
    ck_assert_int_eq(depot_pin(&depot, 2, 0, NULL, NULL), -1);
    ck_assert_int_eq(depot.err.kind, ERR_USAGE);
    ck_assert_int_eq(depot_pin(&depot, 50, 0, NULL, NULL), -1);
    ck_assert_int_eq(depot.err.kind, ERR_NOT_FOUND);
    OK(catalog_artifact_load(depot.catalog, depot_id(2), 0, &artifact, &depot.err));
    ck_assert(!artifact.pinned);
    catalog_artifact_release(&artifact);
}
END_TEST

/* It protects; what made it suspect is another question (pgkeep accept). */
START_TEST(a_pin_clears_no_doubt)
{
    struct catalog_artifact artifact;
    OK(catalog_artifact_set_suspect(depot.catalog, depot_id(3), true, &depot.err));
    OK(depot_pin(&depot, 3, 0, NULL, NULL));
    OK(catalog_artifact_load(depot.catalog, depot_id(3), 0, &artifact, &depot.err));
    ck_assert(artifact.pinned && artifact.suspect);
    catalog_artifact_release(&artifact);
}
END_TEST

int main(void)
{
    log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    Suite *suite = suite_create("pin");
    TCase *tests = tcase_create("pin");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, every_store_with_a_copy_is_told);
    tcase_add_test(tests, a_pin_ends_when_its_time_has_come);
    tcase_add_test(tests, the_end_of_a_pin_is_told_too);
    tcase_add_test(tests, another_machine_keeps_what_is_pinned);
    tcase_add_test(tests, the_later_of_two_decisions_counts);
    tcase_add_test(tests, a_store_that_is_away_keeps_nobody_from_pinning);
    tcase_add_test(tests, a_damaged_state_file_is_written_anew);
    tcase_add_test(tests, a_copy_that_is_no_good_is_not_told);
    tcase_add_test(tests, only_what_is_complete_can_be_pinned);
    tcase_add_test(tests, a_pin_clears_no_doubt);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
