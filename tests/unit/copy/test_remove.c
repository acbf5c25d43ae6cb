/* What becomes of a copy that was marked, for each answer of its store, and that whatever
 * is cut off can be repeated. */
#include "copy/remove.h"

#include "repository/keys.h"
#include "base/log.h"
#include "base/memory.h"
#include "catalog/deletions.h"
#include "tests/support/catalogs.h"
#include "tests/support/memory_store.h"
#include "tests/support/run_suite.h"

#include <check.h>

#define NOW INT64_C(1795312800)
#define OK(call) ck_assert_msg((call) == 0, "%s", err.text)

static struct catalogs catalogs;
static struct repository access_;
static struct err err;
static int64_t copy;
static char *keys[4]; /* manifest, index, data, state */
enum { MANIFEST, INDEX, DATA, STATE };

static void load(struct catalog_copy *out)
{
    *out = (struct catalog_copy){0};
    OK(catalog_copy_load(catalogs.catalog, copy, out, &err));
}

static void mark(void)
{
    struct catalog_deletion deletion = {
        .copy = copy, .reason = "a test", .expected = CATALOG_COPY_COMPLETE};
    struct catalog_marking marking = {.items = &deletion, .count = 1, .now = NOW};
    OK(catalog_deletions_mark(catalogs.catalog, &marking, &err));
    ck_assert_int_eq(deletion.result, CATALOG_MARKED);
}

static void setup(void)
{
    struct catalog_copy row;
    err_clear(&err);
    catalogs_begin(&catalogs);
    access_ = (struct repository){.name = memory_strdup("nas"),
                                  .store = memory_store_new("nas", NULL),
                                  .id = catalogs_store(catalogs.catalog, "nas")};
    OK(store_mark(access_.store, access_.uuid, &err));
    copy = catalogs_complete(catalogs.catalog, 1, access_.id, NOW - 86400);
    load(&row);
    keys[MANIFEST] = keys_manifest(row.artifact);
    keys[INDEX] = memory_strdup(row.index_key);
    keys[DATA] = memory_strdup(row.key);
    keys[STATE] = keys_state(row.artifact);
    catalog_copy_release(&row);
    for (int i = 0; i < 4; i++) {
        if (keys[i] != NULL)
            OK(store_put(access_.store, keys[i], "x", 1, &err));
    }
    mark();
}

static void teardown(void)
{
    for (int i = 0; i < 4; i++)
        free(keys[i]);
    store_close(access_.store);
    free(access_.name);
    catalogs_end(&catalogs);
}

static bool has(int which)
{
    return keys[which] != NULL && memory_store_has(access_.store, keys[which]);
}

static struct remove_result remove_it(int64_t now)
{
    struct remove_result result;
    OK(remove_copy(&(struct remove_spec){catalogs.catalog, &access_, now}, copy, &result,
                   &err));
    return result;
}

static void expect(enum catalog_copy_state state, int64_t next_try, int64_t attempts)
{
    struct catalog_copy row;
    load(&row);
    ck_assert_str_eq(catalog_copy_state_name(row.state), catalog_copy_state_name(state));
    ck_assert_int_eq(row.next_try, next_try);
    ck_assert_int_eq(row.attempts, attempts);
    catalog_copy_release(&row);
}

START_TEST(all_of_it_goes_and_only_of_it)
{
    OK(store_put(access_.store, "manifests/other", "x", 1, &err));
    ck_assert_int_eq(remove_it(NOW).outcome, REMOVE_GONE);
    ck_assert(!has(MANIFEST) && !has(INDEX) && !has(DATA) && !has(STATE));
    ck_assert_uint_eq(memory_store_count(access_.store), 2); /* the mark, and the other */
    expect(CATALOG_COPY_DELETED, 0, 0);
}
END_TEST

START_TEST(what_is_gone_already_is_gone)
{
    memory_store_drop(access_.store, keys[DATA]);
    memory_store_drop(access_.store, keys[MANIFEST]);
    ck_assert_int_eq(remove_it(NOW).outcome, REMOVE_GONE);
    expect(CATALOG_COPY_DELETED, 0, 0);
}
END_TEST

/* For each object: the store stops answering there. */
START_TEST(whatever_is_cut_off_goes_on_where_it_was)
{
    for (int lost = 0; lost < 2; lost++) {
        memory_store_fail(access_.store, MEMORY_REMOVE, 1, keys[_i], ERR_TRANSIENT, lost);
        struct remove_result result = remove_it(NOW + lost);
        ck_assert_int_eq(result.outcome, REMOVE_LATER);
        ck_assert_int_eq(has(_i), !lost);
        ck_assert(_i == MANIFEST || !has(MANIFEST)); /* first of all */
        ck_assert(_i != MANIFEST || has(DATA));
        expect(CATALOG_COPY_DELETING, NOW + lost + (60 << lost), 1 + lost);
        memory_store_heal(access_.store);
    }
    ck_assert_int_eq(remove_it(NOW + 9).outcome, REMOVE_GONE);
    ck_assert_uint_eq(memory_store_count(access_.store), 1);
    expect(CATALOG_COPY_DELETED, 0, 2);
}
END_TEST

START_TEST(the_pauses_between_tries_double_up_to_an_hour)
{
    static const int64_t pauses[] = {60, 120, 240, 480, 960, 1920, 3840, 3840, 3840};
    memory_store_fail(access_.store, MEMORY_REMOVE, 1, "", ERR_TRANSIENT, false);
    for (size_t i = 0; i < sizeof pauses / sizeof pauses[0]; i++) {
        ck_assert_int_eq(remove_it(NOW).outcome, REMOVE_LATER);
        expect(CATALOG_COPY_DELETING, NOW + pauses[i], (int64_t)i + 1);
    }
}
END_TEST

static const struct {
    int which;
    enum store_removal answer;
    int64_t until;
    enum remove_outcome outcome;
    enum catalog_copy_state state;
    int64_t next_try;
    bool data_stays;
} refusals[] = {
    {MANIFEST, STORE_LOCKED, NOW + 5000, REMOVE_LOCKED, CATALOG_COPY_LOCKED, NOW + 5000,
     true},
    {MANIFEST, STORE_LOCKED, 0, REMOVE_LOCKED, CATALOG_COPY_LOCKED, NOW + 86400, true},
    {MANIFEST, STORE_REFUSED, 0, REMOVE_BLOCKED, CATALOG_COPY_BLOCKED, NOW + 86400, true},
    {DATA, STORE_LOCKED, NOW + 5000, REMOVE_LOCKED, CATALOG_COPY_LOCKED, NOW + 5000, true},
    {INDEX, STORE_REFUSED, 0, REMOVE_BLOCKED, CATALOG_COPY_BLOCKED, NOW + 86400, false},
};

START_TEST(a_refusal_is_kept_and_tried_again)
{
    memory_store_refuse(access_.store, keys[refusals[_i].which], refusals[_i].answer,
                        refusals[_i].until);
    struct remove_result result = remove_it(NOW);
    ck_assert_int_eq(result.outcome, refusals[_i].outcome);
    ck_assert_int_eq(result.locked_until, refusals[_i].until);
    ck_assert_str_eq(result.reason, "no");
    ck_assert_int_eq(has(DATA), refusals[_i].data_stays);
    expect(refusals[_i].state, refusals[_i].next_try, 1);

    struct remove_results results = {0};
    OK(remove_due(
        &(struct remove_spec){catalogs.catalog, &access_, refusals[_i].next_try - 1}, true,
        &results, &err));
    ck_assert_uint_eq(results.count, 0);
    memory_store_heal(access_.store);
    OK(remove_due(&(struct remove_spec){catalogs.catalog, &access_, refusals[_i].next_try},
                  false, &results, &err));
    ck_assert_uint_eq(results.count, 1);
    ck_assert_int_eq(results.items[0].outcome, REMOVE_GONE);
    ck_assert_uint_eq(memory_store_count(access_.store), 1);
    remove_results_release(&results);
}
END_TEST

/* An unmounted disk says of everything that it is not there. */
START_TEST(nothing_is_taken_for_gone_in_a_store_that_is_another)
{
    char other[37] = "";
    store_close(access_.store);
    access_.store = memory_store_new("nas", NULL);
    ck_assert_int_eq(remove_it(NOW).outcome, REMOVE_LATER);
    expect(CATALOG_COPY_DELETING, NOW + 60, 1);
    OK(store_mark(access_.store, other, &err));
    ck_assert_int_eq(remove_it(NOW).outcome, REMOVE_LATER);
    expect(CATALOG_COPY_DELETING, NOW + 120, 2);
}
END_TEST

START_TEST(a_store_that_fails_three_times_is_left_alone)
{
    struct remove_results results = {0};
    for (unsigned n = 2; n < 7; n++) {
        copy = catalogs_complete(catalogs.catalog, n, access_.id, NOW - 86400);
        mark();
    }
    memory_store_fail(access_.store, MEMORY_REMOVE, 1, "", ERR_TRANSIENT, false);
    OK(remove_due(&(struct remove_spec){catalogs.catalog, &access_, NOW}, false, &results,
                  &err));
    ck_assert_uint_eq(results.count, 3);
    memory_store_heal(access_.store);
    OK(remove_due(&(struct remove_spec){catalogs.catalog, &access_, NOW}, false, &results,
                  &err));
    ck_assert_uint_eq(results.count, 6); /* the other three; the first wait a minute */
    OK(remove_due(&(struct remove_spec){catalogs.catalog, &access_, NOW}, true, &results,
                  &err));
    ck_assert_uint_eq(results.count, 9); /* but not for a sweep */
    remove_results_release(&results);
}
END_TEST

START_TEST(one_that_is_not_on_its_way_out_is_never_touched)
{
    struct remove_result result;
    copy = catalogs_complete(catalogs.catalog, 2, access_.id, NOW);
    ck_assert_int_eq(remove_copy(&(struct remove_spec){catalogs.catalog, &access_, NOW},
                                 copy, &result, &err),
                     -1);
    ck_assert_int_eq(err.kind, ERR_UNSAFE);
    expect(CATALOG_COPY_COMPLETE, 0, 0);
    ck_assert_uint_eq(memory_store_count(access_.store), 5);
}
END_TEST

int main(void)
{
    log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    Suite *suite = suite_create("remove");
    TCase *tcase = tcase_create("remove");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, all_of_it_goes_and_only_of_it);
    tcase_add_test(tcase, what_is_gone_already_is_gone);
    tcase_add_loop_test(tcase, whatever_is_cut_off_goes_on_where_it_was, 0, 4);
    tcase_add_test(tcase, the_pauses_between_tries_double_up_to_an_hour);
    tcase_add_loop_test(tcase, a_refusal_is_kept_and_tried_again, 0,
                        (int)(sizeof refusals / sizeof refusals[0]));
    tcase_add_test(tcase, nothing_is_taken_for_gone_in_a_store_that_is_another);
    tcase_add_test(tcase, a_store_that_fails_three_times_is_left_alone);
    tcase_add_test(tcase, one_that_is_not_on_its_way_out_is_never_touched);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
