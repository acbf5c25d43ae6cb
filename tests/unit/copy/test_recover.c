/* What a list of abandoned copies says is old by the time that its last row is looked at. */
#include "copy/recover.h"

#include "base/memory.h"
#include "tests/support/catalogs.h"
#include "tests/support/run_suite.h"

#include <check.h>
#include <unistd.h>

#define OK(call) ck_assert_msg((call) == 0, "%s", err.text)

static struct catalogs catalogs;
static struct repository access_nas;
static struct catalog_copies listed;
static struct err err;
static int64_t copy;

/* One copy that failed with remains, as the list shows it. */
static void setup(void)
{
    err_clear(&err);
    catalogs_begin(&catalogs);
    char *path = memory_format("%s/nas", catalogs.folder);
    access_nas = (struct repository){.name = memory_strdup("nas"),
                                     .store = store_open_dir("nas", path, &err)};
    free(path);
    ck_assert_ptr_nonnull(access_nas.store);
    OK(store_check(access_nas.store, true, 1000, &err));
    access_nas.id = catalogs_store(catalogs.catalog, "nas");
    copy = catalogs_complete(catalogs.catalog, 1, access_nas.id, 1000);
    catalogs_sql(&catalogs, "UPDATE copies SET state = 'failed', begun = 1");
    OK(catalog_copies_abandoned(catalogs.catalog, access_nas.id, &listed, &err));
    ck_assert_uint_eq(listed.count, 1);
    OK(store_put_new(access_nas.store, listed.items[0].key, "data", 4, &err));
}

static void teardown(void)
{
    struct store_removed removed;
    OK(store_remove(access_nas.store, listed.items[0].key, &removed, &err));
    catalog_copies_release(&listed);
    listed = (struct catalog_copies){0};
    store_close(access_nas.store);
    char *path = memory_format("%s/nas", catalogs.folder);
    (void)rmdir(path);
    free(path);
    free(access_nas.name);
    catalogs_end(&catalogs);
}

static bool data_is_there(void)
{
    struct store_object object = {0};
    bool absent = true;
    OK(store_stat(access_nas.store, listed.items[0].key, &object, &absent, &err));
    store_object_release(&object);
    return !absent;
}

static enum recover_result recovered(void)
{
    enum recover_result result = RECOVER_COMPLETED;
    OK(recover_copy(&(struct recover_spec){catalogs.catalog, &access_nas, false},
                    &listed.items[0], &result, &err));
    return result;
}

START_TEST(remains_of_a_failed_copy_go)
{
    ck_assert_int_eq(recovered(), RECOVER_CLEANED);
    ck_assert(!data_is_there());
}
END_TEST

START_TEST(what_was_taken_up_again_since_it_was_listed_stays)
{
    OK(catalog_copy_reopen(catalogs.catalog, copy, &err));
    ck_assert_int_eq(recovered(), RECOVER_LEFT_ALONE);
    ck_assert(data_is_there());
}
END_TEST

START_TEST(what_became_complete_since_it_was_listed_stays)
{
    catalogs_sql(&catalogs, "UPDATE copies SET state = 'complete'");
    ck_assert_int_eq(recovered(), RECOVER_LEFT_ALONE);
    ck_assert(data_is_there());
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("recover");
    TCase *tcase = tcase_create("recover");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, remains_of_a_failed_copy_go);
    tcase_add_test(tcase, what_was_taken_up_again_since_it_was_listed_stays);
    tcase_add_test(tcase, what_became_complete_since_it_was_listed_stays);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
