#include "catalog/stores.h"

#include "base/memory.h"
#include "tests/support/catalog_rig.h"
#include "tests/support/run_suite.h"

#define UUID_A "aaaaaaaa-0000-4000-8000-000000000000"
#define UUID_B "bbbbbbbb-0000-4000-8000-000000000000"

static struct catalog_store made(const char *name, const char *uuid, bool adhoc)
{
    struct catalog_store store = {.adhoc = adhoc};
    store.name = memory_strdup(name);
    store.type = memory_strdup("dir");
    store.url = memory_strdup("dir:/srv/x");
    snprintf(store.uuid, sizeof store.uuid, "%s", uuid);
    return store;
}

/* Declares it and, with a uuid, identifies it; its id, or -1. */
static int64_t use(const char *name, const char *uuid, bool adhoc)
{
    struct catalog_store store = made(name, "", adhoc);
    here.err = (struct err){0};
    int result = catalog_store_declare(here.catalog, &store, &here.err);
    if (result == 0 && uuid[0] != '\0') {
        snprintf(store.uuid, sizeof store.uuid, "%s", uuid);
        result = catalog_store_identify(here.catalog, &store, 500, &here.err);
        ck_assert_str_eq(store.name, name);
    }
    int64_t id = store.id;
    catalog_store_release(&store);
    return result < 0 ? -1 : id;
}

static char *name_of(int64_t id)
{
    static char name[100];
    struct catalog_store store;
    OK(catalog_store_load(here.catalog, id, &store, &here.err));
    snprintf(name, sizeof name, "%s", store.name);
    catalog_store_release(&store);
    return name;
}

START_TEST(a_store_gets_its_mark_when_it_is_first_seen)
{
    struct catalog_store store;
    int64_t id = use("nas", "", false);
    ck_assert_int_eq(use("nas", UUID_A, false), id);
    OK(catalog_store_load(here.catalog, id, &store, &here.err));
    ck_assert_str_eq(store.uuid, UUID_A);
    ck_assert_int_eq(store.seen, 500);
    catalog_store_release(&store);
    store = made("nas", "", false);
    OK(catalog_store_declare(here.catalog, &store, &here.err));
    ck_assert_str_eq(store.uuid, UUID_A); /* the one to expect */
    ck_assert_int_eq(store.seen, 500);
    catalog_store_release(&store);
}
END_TEST

START_TEST(a_swapped_store_is_noticed)
{
    ck_assert_int_gt(use("nas", UUID_A, false), 0);
    ck_assert_int_eq(use("nas", UUID_B, false), -1);
    ck_assert_int_eq(here.err.kind, ERR_UNSAFE);
    ck_assert_ptr_nonnull(strstr(here.err.text, "another store than expected"));
    ck_assert_int_gt(use("usb", UUID_B, false), 0);
    ck_assert_int_eq(use("nas", UUID_B, false), -1);
    ck_assert_int_eq(here.err.kind, ERR_UNSAFE);
}
END_TEST

START_TEST(a_renamed_store_is_the_same_store)
{
    int64_t id = use("nas", UUID_A, false);
    ck_assert_int_eq(use("archive", UUID_A, false), id);
    ck_assert_str_eq(name_of(id), "archive");
    ck_assert_int_eq(catalog_rig_number("SELECT count(*) FROM stores"), 1);
}
END_TEST

START_TEST(an_adhoc_name_never_replaces_a_configured_one)
{
    int64_t id = use("nas", UUID_A, false);
    ck_assert_int_eq(use("dir:/srv/x", UUID_A, true), id);
    ck_assert_str_eq(name_of(id), "nas");
    ck_assert_int_eq(catalog_rig_number("SELECT count(*) FROM stores"), 1);
    int64_t adhoc = use("dir:/srv/y", UUID_B, true);
    ck_assert_int_eq(use("usb", UUID_B, false), adhoc);
    ck_assert_str_eq(name_of(adhoc), "usb");
    ck_assert_int_eq(catalog_rig_number("SELECT count(*) FROM stores WHERE adhoc"), 0);
}
END_TEST

/* An ad-hoc store of name "s3://pg" at this URL; its id, or -1. */
static int64_t use_url(const char *url, const char *uuid)
{
    struct catalog_store store = made("s3://pg", "", true);
    free(store.url);
    store.url = memory_strdup(url);
    here.err = (struct err){0};
    int result = catalog_store_declare(here.catalog, &store, &here.err);
    snprintf(store.uuid, sizeof store.uuid, "%s", uuid);
    if (result == 0)
        result = catalog_store_identify(here.catalog, &store, 500, &here.err);
    int64_t id = store.id;
    catalog_store_release(&store);
    return result < 0 ? -1 : id;
}

START_TEST(buckets_of_one_name_at_two_services_are_two_stores)
{
    int64_t a = use_url("s3://pg?endpoint=http://a", UUID_A);
    int64_t b = use_url("s3://pg?endpoint=http://b", UUID_B);
    ck_assert_int_gt(a, 0);
    ck_assert_int_gt(b, 0);
    ck_assert_int_ne(a, b);
    ck_assert_str_eq(name_of(a), "s3://pg");
    ck_assert_str_eq(name_of(b), "s3://pg?endpoint=http://b");
    ck_assert_int_eq(use_url("s3://pg?endpoint=http://a", UUID_A), a);
    ck_assert_int_eq(use_url("s3://pg?endpoint=http://a&region=x", UUID_A), a);
    ck_assert_int_eq(use_url("s3://pg?endpoint=http://b&region=x", UUID_B), b);
    ck_assert_int_eq(use_url("s3://pg?endpoint=http://b&region=x", UUID_A), -1);
    ck_assert_int_eq(here.err.kind, ERR_UNSAFE);
    ck_assert_int_eq(catalog_rig_number("SELECT count(*) FROM stores"), 2);
}
END_TEST

START_TEST(a_url_without_a_query_may_follow_one_of_the_same_name_with_one)
{
    int64_t a = use_url("s3://pg?endpoint=http://a", UUID_A);
    int64_t plain = use_url("s3://pg", UUID_B);
    ck_assert_int_gt(plain, 0);
    ck_assert_str_eq(name_of(a), "s3://pg");
    ck_assert_str_eq(name_of(plain), "s3://pg?");
    ck_assert_int_eq(use_url("s3://pg", UUID_B), plain);
    ck_assert_int_eq(catalog_rig_number("SELECT count(*) FROM stores"), 2);
}
END_TEST

START_TEST(the_same_store_by_its_url_with_and_without_a_query_is_one_store)
{
    int64_t a = use_url("s3://pg?endpoint=http://a", UUID_A);
    ck_assert_int_eq(use_url("s3://pg", UUID_A), a);
    ck_assert_int_eq(catalog_rig_number("SELECT count(*) FROM stores"), 1);
}
END_TEST

START_TEST(copies_under_two_names_are_not_thrown_together)
{
    int64_t id = use("nas", UUID_A, false);
    int64_t unmarked = use("archive", "", false);
    catalogs_complete(here.catalog, 1, unmarked, 1000);
    ck_assert_int_eq(use("archive", UUID_A, false), -1);
    ck_assert_int_eq(here.err.kind, ERR_UNSAFE);
    ck_assert_str_eq(name_of(unmarked), "archive");
    ck_assert_str_eq(name_of(id), "nas");
}
END_TEST

static const struct url_row {
    const char *url;
    bool refused;
} urls[] = {
    {"dir:/srv/backups", false},
    {"dir:/srv/a@b:c", false},
    {"s3://bucket/prefix?endpoint=http://127.0.0.1:9000&region=us-east-1", false},
    {"s3://bucket/p?access_key_env=MINIO_KEY&secret_key_env=MINIO_SECRET", false},
    {"s3://bucket/p?secret_key_file=/run/secret", false},
    {"s3://key:secret@bucket/prefix", true},
    {"s3://key@bucket/prefix", true},
    {"s3://bucket/p?endpoint=http://user:pw@host:9000", true},
    {"s3://bucket/p?endpoint=http%3A%2F%2Fuser%3Apw%40host", true},
    {"s3://bucket/p?secret_key=abc", true},
    {"s3://bucket/p?region=x&SECRET_ACCESS_KEY=abc", true},
    {"s3://bucket/p?session_token=abc", true},
    {"s3://bucket/p?X-Amz-Signature=abc", true},
    {"s3://bucket/p?x=1&password=", true},
};

START_TEST(a_url_with_a_secret_is_refused)
{
    struct catalog_store store = made("nas", UUID_A, false);
    free(store.url);
    store.url = memory_strdup(urls[_i].url);
    int wanted = urls[_i].refused ? -1 : 0;
    ck_assert_int_eq(catalog_store_declare(here.catalog, &store, &here.err), wanted);
    snprintf(store.uuid, sizeof store.uuid, UUID_A);
    ck_assert_int_eq(catalog_store_identify(here.catalog, &store, 5, &here.err), wanted);
    ck_assert_int_eq(here.err.kind, urls[_i].refused ? ERR_USAGE : ERR_NONE);
    ck_assert_ptr_null(strstr(here.err.text, "abc"));
    ck_assert_int_eq(catalog_rig_number("SELECT count(*) FROM stores"),
                     urls[_i].refused ? 0 : 1);
    catalog_store_release(&store);
}
END_TEST

START_TEST(a_replaced_store_is_adopted)
{
    int64_t nas = use("nas", UUID_A, false);
    int64_t usb = use("usb", UUID_B, false);
    ck_assert_int_eq(catalog_store_adopt(here.catalog, usb, UUID_A, &here.err), -1);
    ck_assert_int_eq(here.err.kind, ERR_UNSAFE);
    OK(catalog_store_adopt(here.catalog, nas, "cccccccc-0000-4000-8000-000000000000",
                           &here.err));
    OK(catalog_store_adopt(here.catalog, usb, UUID_A, &here.err));
    ck_assert_int_eq(catalog_store_adopt(here.catalog, 99, UUID_B, &here.err), -1);
    ck_assert_int_eq(here.err.kind, ERR_NOT_FOUND);
}
END_TEST

START_TEST(stores_are_found_by_name_then_by_mark)
{
    struct catalog_store store;
    struct catalog_stores list = {0};
    bool absent = true;
    use("nas", UUID_A, false);
    use("b", "", false);
    OK(catalog_store_find(here.catalog, "nas", &store, &absent, &here.err));
    ck_assert(!absent);
    catalog_store_release(&store);
    OK(catalog_store_find(here.catalog, UUID_A, &store, &absent, &here.err));
    ck_assert(!absent);
    ck_assert_str_eq(store.name, "nas");
    catalog_store_release(&store);
    OK(catalog_store_find(here.catalog, "", &store, &absent, &here.err));
    ck_assert(absent);
    ck_assert_int_eq(catalog_store_load(here.catalog, 99, &store, &here.err), -1);
    ck_assert_int_eq(here.err.kind, ERR_NOT_FOUND);
    OK(catalog_stores_list(here.catalog, &list, &here.err));
    ck_assert_uint_eq(list.count, 2);
    ck_assert_str_eq(list.items[0].name, "b");
    catalog_stores_release(&list);
}
END_TEST

START_TEST(a_store_that_nobody_ever_reached_is_forgotten_and_no_other)
{
    int64_t forgotten = -1;
    use("dir:/srv/mistyped", "", true);
    catalogs_sql(&here.files, "UPDATE stores SET url = 'dir:/srv/mistyped'");
    use("dir:/srv/reached", UUID_A, true);
    use("configured", "", false);
    /* Of today: a command may be on its way to it. */
    OK(catalog_stores_forget_unreached(here.catalog, &forgotten, &here.err));
    ck_assert_int_eq(forgotten, 0);
    catalogs_sql(&here.files, "UPDATE stores SET created = 1");
    OK(catalog_stores_forget_unreached(here.catalog, &forgotten, &here.err));
    ck_assert_int_eq(forgotten, 1);
    ck_assert_int_eq(catalog_rig_number("SELECT count(*) FROM stores"), 2);
    ck_assert_int_eq(
        catalog_rig_number("SELECT count(*) FROM stores WHERE url LIKE '%mist%'"), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stores");
    TCase *tcase = tcase_create("stores");
    tcase_add_checked_fixture(tcase, catalog_rig_begin_empty, catalog_rig_end);
    tcase_add_test(tcase, a_store_gets_its_mark_when_it_is_first_seen);
    tcase_add_test(tcase, a_swapped_store_is_noticed);
    tcase_add_test(tcase, a_renamed_store_is_the_same_store);
    tcase_add_test(tcase, an_adhoc_name_never_replaces_a_configured_one);
    tcase_add_test(tcase, buckets_of_one_name_at_two_services_are_two_stores);
    tcase_add_test(tcase, a_url_without_a_query_may_follow_one_of_the_same_name_with_one);
    tcase_add_test(tcase, the_same_store_by_its_url_with_and_without_a_query_is_one_store);
    tcase_add_test(tcase, copies_under_two_names_are_not_thrown_together);
    tcase_add_loop_test(tcase, a_url_with_a_secret_is_refused, 0,
                        sizeof urls / sizeof *urls);
    tcase_add_test(tcase, a_replaced_store_is_adopted);
    tcase_add_test(tcase, stores_are_found_by_name_then_by_mark);
    tcase_add_test(tcase, a_store_that_nobody_ever_reached_is_forgotten_and_no_other);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
