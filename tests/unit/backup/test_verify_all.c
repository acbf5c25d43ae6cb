/* Many copies, of which some are broken and some cannot be asked for. */
#include "backup/verify_all.h"

#include "base/memory.h"
#include "tests/support/run_suite.h"
#include "tests/support/store_seam.h"
#include "tests/support/world.h"

static struct world world;
static const char *first, *second; /* in nas and offsite */
static struct verify_all_result sum;

static void setup(void)
{
    static const struct world_spec spec = {
        .jobs = "weekly: { source = \"shop\"; stores = [ \"third\" ]; };"};
    world_begin(&world, &spec);
    first = world_take(&world);
    second = world_take(&world);
    strlist_release(&world.told);
}

static void teardown(void)
{
    world_end(&world);
}

static void verified(const struct world_verify_all *what, size_t checked, size_t good,
                     size_t undecided, int status)
{
    strlist_release(&world.told);
    ck_assert_msg(world_verify_all(&world, what, &sum) == 0, "%s", world.err.text);
    ck_assert_uint_eq(sum.checked, checked);
    ck_assert_uint_eq(sum.good, good);
    ck_assert_uint_eq(sum.undecided, undecided);
    ck_assert_uint_eq(world.told.count, checked);
    ck_assert_int_eq(world.exit_status, status);
    ck_assert_int_eq(
        world_number(&world, "SELECT exit_status FROM runs ORDER BY id DESC LIMIT 1"),
        status);
}

static void refused(const struct world_verify_all *what, enum err_kind kind,
                    const char *says)
{
    ck_assert_int_eq(world_verify_all(&world, what, &sum), -1);
    ck_assert_msg(strstr(world.err.text, says) != NULL, "%s", world.err.text);
    ck_assert_str_eq(err_kind_name(world.err.kind), err_kind_name(kind));
    ck_assert_int_ne(world.exit_status, 0);
}

static void spoil(const char *id, const char *store)
{
    memory_store_spoil(world_store(&world, store), world_key(&world, id, KEYS_KIND_DATA),
                       100);
}

START_TEST(all_copies_are_checked_the_newest_backup_first)
{
    const struct world_verify_all all = {.level = CATALOG_FULL};
    verified(&all, 4, 4, 0, 0);
    ck_assert_msg(strncmp(world.told.items[0], second, strlen(second)) == 0, "%s",
                  world.told.items[0]);
    ck_assert_msg(strncmp(world.told.items[3], first, strlen(first)) == 0, "%s",
                  world.told.items[3]);
    ck_assert_int_eq(
        world_number(&world, "SELECT count(*) FROM verifications WHERE run IS NOT NULL"),
        4);
}
END_TEST

START_TEST(each_store_is_opened_once)
{
    const struct world_verify_all all = {.level = CATALOG_QUICK};
    unsigned before = store_seam_opened("/memory/nas");
    verified(&all, 4, 4, 0, 0);
    ck_assert_uint_eq(store_seam_opened("/memory/nas"), before + 1);
}
END_TEST

START_TEST(a_broken_copy_does_not_keep_the_others_from_being_checked)
{
    const struct world_verify_all full = {.level = CATALOG_FULL};
    const struct world_verify_all quick = {.level = CATALOG_QUICK};
    spoil(second, "nas");
    verified(&quick, 4, 4, 0, 0);
    verified(&full, 4, 3, 0, 6);
    ck_assert_int_eq(world_state(&world, second, "nas"), CATALOG_COPY_DAMAGED);
}
END_TEST

START_TEST(a_store_that_is_away_leaves_its_copies_undecided)
{
    const struct world_verify_all all = {.level = CATALOG_FULL};
    memory_store_fail(world_store(&world, "offsite"), MEMORY_CHECK, 1, "", ERR_TRANSIENT,
                      false);
    verified(&all, 4, 2, 2, 5);
    spoil(first, "nas");
    verified(&all, 4, 1, 2, 6); /* broken weighs more than unknown */
}
END_TEST

static void unmount(void *context)
{
    struct store *store = context;
    for (const char *key; (key = memory_store_key(store, 0)) != NULL;)
        memory_store_drop(store, key);
}

START_TEST(a_disk_that_is_unmounted_meanwhile_makes_no_copy_missing)
{
    const struct world_verify_all all = {.level = _i ? CATALOG_FULL : CATALOG_QUICK};
    struct store *nas = world_store(&world, "nas");
    memory_store_before(nas, MEMORY_STAT, 1, unmount, nas);
    verified(&all, 4, 2, 2, 5);
    ck_assert_int_eq(world_state(&world, first, "nas"), CATALOG_COPY_COMPLETE);
    ck_assert_int_eq(world_state(&world, second, "nas"), CATALOG_COPY_COMPLETE);
    ck_assert_uint_eq(memory_store_count(nas), 0); /* nothing is written where it was */
}
END_TEST

START_TEST(names_and_filters_choose)
{
    const struct world_verify_all one = {.names = {first}, .level = CATALOG_QUICK};
    const struct world_verify_all both = {
        .names = {first, second}, .store = "nas", .level = CATALOG_QUICK};
    const struct world_verify_all latest = {.names = {"latest:nightly"},
                                            .level = CATALOG_QUICK};
    const struct world_verify_all job = {.job = "nightly", .level = CATALOG_QUICK};
    const struct world_verify_all store = {.store = "offsite", .level = CATALOG_QUICK};
    const struct world_verify_all weekly = {.job = "weekly", .level = CATALOG_QUICK};
    verified(&one, 2, 2, 0, 0);
    verified(&both, 2, 2, 0, 0);
    verified(&latest, 2, 2, 0, 0);
    ck_assert_msg(strncmp(world.told.items[0], second, strlen(second)) == 0, "%s",
                  world.told.items[0]);
    verified(&job, 4, 4, 0, 0);
    verified(&store, 2, 2, 0, 0);
    ck_assert_int_eq(world_verify_all(&world, &weekly, &sum), 0);
    ck_assert_uint_eq(sum.checked, 0);
}
END_TEST

START_TEST(a_typo_does_not_read_as_all_is_good)
{
    const struct world_verify_all id = {.names = {"01ZZZZZZZZ"}, .level = CATALOG_QUICK};
    const struct world_verify_all job = {.job = "nigthly"};
    const struct world_verify_all store = {.store = "ofsite"};
    const struct world_verify_all there = {.names = {first}, .store = "third"};
    refused(&id, ERR_NOT_FOUND, "01ZZZZZZZZ");
    refused(&job, ERR_CONFIG, "nigthly");
    refused(&store, ERR_CONFIG, "ofsite");
    refused(&there, ERR_NOT_FOUND, "has no copy to verify there");
}
END_TEST

START_TEST(one_without_a_copy_says_so)
{
    const struct world_verify_all names = {.names = {first}};
    world_sql(&world, "UPDATE copies SET state = 'failed', begun = 0");
    refused(&names, ERR_NOT_FOUND, "has no copy to verify");
}
END_TEST

START_TEST(a_cancel_ends_it_with_what_came_before)
{
    const struct world_verify_all all = {.level = CATALOG_FULL};
    memory_store_fail(world_store(&world, "offsite"), MEMORY_READ, 1, "", ERR_CANCELLED,
                      false);
    refused(&all, ERR_CANCELLED, "told to fail");
    ck_assert_uint_eq(sum.checked, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("verify_all");
    TCase *tcase = tcase_create("verify_all");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, all_copies_are_checked_the_newest_backup_first);
    tcase_add_test(tcase, each_store_is_opened_once);
    tcase_add_test(tcase, a_broken_copy_does_not_keep_the_others_from_being_checked);
    tcase_add_test(tcase, a_store_that_is_away_leaves_its_copies_undecided);
    tcase_add_loop_test(tcase, a_disk_that_is_unmounted_meanwhile_makes_no_copy_missing, 0,
                        2);
    tcase_add_test(tcase, names_and_filters_choose);
    tcase_add_test(tcase, a_typo_does_not_read_as_all_is_good);
    tcase_add_test(tcase, one_without_a_copy_says_so);
    tcase_add_test(tcase, a_cancel_ends_it_with_what_came_before);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
