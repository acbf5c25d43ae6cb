/* Many manifests and state files at once: all of them, in order, and one bad one is not the
 * end. And what lies in a store under our names. */
#include "repository/metadata.h"

#include "base/log.h"
#include "base/memory.h"
#include "repository/inventory.h"
#include "repository/keys.h"
#include "tests/support/depot.h"
#include "tests/support/memory_store.h"
#include "tests/support/run_suite.h"

#include <check.h>

#define OK(call) ck_assert_msg((call) == 0, "%s", depot.err.text)
#define NAS (depot.stores[DEPOT_NAS])

enum { MANY = METADATA_BATCH + 30 };

/* What was taken. */
struct taken {
    size_t batches, items, manifests, states, problems;
    char first_problem[200];
    size_t fail_at; /* the batch that is refused; 0: none */
};

static struct depot depot;
static struct metadata_wants wants;
static struct taken taken;
static struct repository repository; /* the nas */

static void setup(void)
{
    struct depot_spec spec = {0};
    depot_begin(&depot, &spec);
    wants = (struct metadata_wants){0};
    taken = (struct taken){0};
    repository = (struct repository){.store = NAS};
}

static void teardown(void)
{
    metadata_wants_release(&wants);
    depot_end(&depot);
}

static void want(unsigned n, bool manifest, bool state)
{
    struct metadata_want one = {.manifest = manifest, .state = state, .modified = n};
    snprintf(one.id, sizeof one.id, "%s", depot_id(n));
    metadata_wants_add(&wants, &one);
}

static int take(void *context, struct metadata_item *items, size_t count, struct err *err)
{
    struct taken *t = context;
    if (++t->batches == t->fail_at)
        return err_set(err, ERR_SYSTEM, "enough");
    for (size_t i = 0; i < count; i++) {
        const struct metadata_item *item = &items[i];
        /* In the order of the wants. */
        ck_assert_ptr_eq(item->want, &wants.items[t->items]);
        t->items++;
        t->manifests += item->has_manifest;
        t->states += item->has_state;
        if (item->has_manifest)
            ck_assert_str_eq(item->manifest.artifact.id, item->want->id);
        if (item->has_state)
            ck_assert_str_eq(item->state.id, item->want->id);
        if (item->problem.kind != ERR_NONE && t->problems++ == 0)
            snprintf(t->first_problem, sizeof t->first_problem, "%s", item->problem.text);
    }
    return 0;
}

static int run(void)
{
    err_clear(&depot.err);
    return metadata_run(&repository, &wants, take, &taken, &depot.err);
}

static void spoil(unsigned n, const char *what)
{
    char *key = depot_key(&depot, n, what);
    OK(store_put(NAS, key, "{", 1, &depot.err));
    free(key);
}

START_TEST(all_that_is_wanted_comes_in_order)
{
    depot_backups(&depot, 1, 40);
    for (unsigned n = 1; n <= 40; n += 2)
        depot_tell(&depot, n);
    for (unsigned n = 1; n <= 40; n++)
        want(n, true, true);
    OK(run());
    ck_assert_uint_eq(taken.items, 40);
    ck_assert_uint_eq(taken.manifests, 40);
    ck_assert_uint_eq(taken.states, 20);
    ck_assert_uint_eq(taken.problems, 0);
}
END_TEST

START_TEST(only_what_is_wanted_is_read)
{
    depot_backups(&depot, 1, 2);
    depot_tell(&depot, 1);
    depot_tell(&depot, 2);
    want(1, true, false);
    want(2, false, true);
    unsigned before = memory_store_steps(NAS, MEMORY_GET);
    OK(run());
    ck_assert_uint_eq(memory_store_steps(NAS, MEMORY_GET) - before, 2);
    ck_assert_uint_eq(taken.manifests, 1);
    ck_assert_uint_eq(taken.states, 1);
}
END_TEST

START_TEST(memory_is_bounded_by_batches)
{
    for (unsigned n = 1; n <= MANY; n++)
        want(n, true, false);
    OK(run());
    ck_assert_uint_eq(taken.batches, 2);
    ck_assert_uint_eq(taken.items, MANY);
    ck_assert_uint_eq(taken.manifests, 0); /* gone since they were listed: no problem */
    ck_assert_uint_eq(taken.problems, 0);
}
END_TEST

START_TEST(nothing_wanted_is_nothing_taken)
{
    OK(run());
    ck_assert_uint_eq(taken.batches, 0);
}
END_TEST

static const char *const spoiled[] = {"manifest", "state"};

START_TEST(a_file_that_cannot_be_read_is_told_with_its_key)
{
    depot_backups(&depot, 1, 3);
    for (unsigned n = 1; n <= 3; n++)
        depot_tell(&depot, n);
    spoil(2, spoiled[_i]);
    for (unsigned n = 1; n <= 3; n++)
        want(n, true, true);
    OK(run());
    char *key = depot_key(&depot, 2, spoiled[_i]);
    ck_assert_uint_eq(taken.items, 3);
    ck_assert_uint_eq(taken.manifests, _i == 0 ? 2 : 3);
    ck_assert_uint_eq(taken.states, _i == 0 ? 3 : 2);
    ck_assert_uint_eq(taken.problems, 1);
    ck_assert_msg(strstr(taken.first_problem, key) != NULL, "%s", taken.first_problem);
    free(key);
}
END_TEST

static const struct {
    enum err_kind kind;
    bool of_one;
} kinds[] = {
    {ERR_CORRUPT, true},    {ERR_DENIED, true}, {ERR_NOT_FOUND, true},
    {ERR_TRANSIENT, false}, {ERR_STORE, false}, {ERR_CANCELLED, false},
};

START_TEST(what_is_wrong_with_the_store_ends_it)
{
    depot_backups(&depot, 1, 3);
    for (unsigned n = 1; n <= 3; n++)
        want(n, true, false);
    char *key = depot_key(&depot, 2, "manifest");
    memory_store_fail(NAS, MEMORY_GET, 1, key, kinds[_i].kind, false);
    int result = run();
    if (kinds[_i].of_one) {
        OK(result);
        ck_assert_uint_eq(taken.manifests, 2);
        ck_assert_uint_eq(taken.problems, 1);
    } else {
        ck_assert_int_eq(result, -1);
        ck_assert_int_eq(depot.err.kind, kinds[_i].kind);
        ck_assert_uint_eq(taken.batches, 0); /* of the batch that broke nothing is taken */
    }
    free(key);
}
END_TEST

START_TEST(who_takes_may_end_it)
{
    for (unsigned n = 1; n <= MANY; n++)
        want(n, true, false);
    taken.fail_at = 1;
    ck_assert_int_eq(run(), -1);
    ck_assert_str_eq(depot.err.text, "enough");
    ck_assert_uint_eq(taken.batches, 1);
}
END_TEST

/* ---- inventory ---- */

START_TEST(an_inventory_stands_by_id_and_kind)
{
    struct inventory inventory = {0};
    depot_backups(&depot, 1, 3);
    depot_tell(&depot, 2);
    OK(store_put(NAS, "holiday.jpg", "x", 1, &depot.err));
    OK(inventory_list(&inventory, NAS, "", &depot.err));
    ck_assert_uint_eq(inventory.count, 3 * 3 + 1 + 1); /* objects, a state, the mark */
    ck_assert_uint_eq(inventory.others, 1);
    for (size_t i = 1; i < inventory.count; i++) {
        int order = strcmp(inventory.items[i - 1].id, inventory.items[i].id);
        ck_assert(order < 0 ||
                  (order == 0 && inventory.items[i - 1].kind < inventory.items[i].kind));
    }
    const struct inventory_object *state =
        inventory_find(&inventory, depot_id(2), KEYS_KIND_STATE);
    char *key = depot_key(&depot, 2, "state");
    ck_assert_ptr_nonnull(state);
    ck_assert_str_eq(state->key, key);
    ck_assert_int_gt(state->modified, 0);
    ck_assert_ptr_null(inventory_find(&inventory, depot_id(1), KEYS_KIND_STATE));
    ck_assert_ptr_null(inventory_find(&inventory, depot_id(9), KEYS_KIND_DATA));
    ck_assert_uint_eq(inventory_find(&inventory, depot_id(3), KEYS_KIND_DATA)->size,
                      DEPOT_BYTES);
    inventory_release(&inventory);
    free(key);
}
END_TEST

START_TEST(two_prefixes_make_one_inventory)
{
    struct inventory inventory = {0};
    depot_backups(&depot, 1, 2);
    depot_tell(&depot, 1);
    OK(inventory_list(&inventory, NAS, KEYS_MANIFESTS, &depot.err));
    ck_assert_uint_eq(inventory.count, 2);
    OK(inventory_list(&inventory, NAS, KEYS_STATE, &depot.err));
    ck_assert_uint_eq(inventory.count, 3);
    ck_assert_ptr_nonnull(inventory_find(&inventory, depot_id(1), KEYS_KIND_STATE));
    ck_assert_ptr_nonnull(inventory_find(&inventory, depot_id(2), KEYS_KIND_MANIFEST));
    inventory_release(&inventory);
}
END_TEST

START_TEST(a_listing_that_breaks_off_is_an_error)
{
    struct inventory inventory = {0};
    depot_backups(&depot, 1, 2);
    memory_store_fail(NAS, MEMORY_LIST, 1, "", ERR_TRANSIENT, false);
    ck_assert_int_eq(inventory_list(&inventory, NAS, "", &depot.err), -1);
    inventory_release(&inventory);
}
END_TEST

int main(void)
{
    log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    Suite *suite = suite_create("metadata");
    TCase *tests = tcase_create("metadata");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, all_that_is_wanted_comes_in_order);
    tcase_add_test(tests, only_what_is_wanted_is_read);
    tcase_add_test(tests, memory_is_bounded_by_batches);
    tcase_add_test(tests, nothing_wanted_is_nothing_taken);
    tcase_add_loop_test(tests, a_file_that_cannot_be_read_is_told_with_its_key, 0, 2);
    tcase_add_loop_test(tests, what_is_wrong_with_the_store_ends_it, 0,
                        (int)(sizeof kinds / sizeof *kinds));
    tcase_add_test(tests, who_takes_may_end_it);
    tcase_add_test(tests, an_inventory_stands_by_id_and_kind);
    tcase_add_test(tests, two_prefixes_make_one_inventory);
    tcase_add_test(tests, a_listing_that_breaks_off_is_an_error);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
