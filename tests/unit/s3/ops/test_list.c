#include "s3/s3.h"

#include "base/memory.h"
#include "tests/support/s3_pair.h"
#include "tests/support/run_suite.h"

#include <check.h>

struct seen {
    struct strlist keys;
    struct strlist versions;
    unsigned markers, latest;
    uint64_t bytes;
    int stop_after; /* 0: never */
};

static int see(void *context, const struct s3_object *object, struct err *err)
{
    struct seen *seen = context;

    (void)err;
    strlist_add(&seen->keys, object->key);
    strlist_add(&seen->versions, object->version_id != NULL ? object->version_id : "");
    seen->markers += object->is_delete_marker ? 1 : 0;
    seen->latest += object->is_latest ? 1 : 0;
    seen->bytes += object->size;
    return seen->stop_after != 0 && (int)seen->keys.count == seen->stop_after ? 42 : 0;
}

static void seen_release(struct seen *seen)
{
    strlist_release(&seen->keys);
    strlist_release(&seen->versions);
    *seen = (struct seen){0};
}

static void add_objects(struct s3_pair *pair, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char key[40];
        (void)snprintf(key, sizeof key, "p/%03u", i);
        fake_s3_add_object(pair->fake, key, "abc", 3);
    }
}

static const int versions_of_lists[] = {2, 1};

static void init(struct s3_pair *pair, unsigned page_size, int list_version)
{
    struct fake_s3_settings service = s3_pair_service();
    struct s3_config config = s3_pair_config();

    service.page_size = page_size;
    config.list_version = list_version;
    s3_pair_init(pair, &service, &config);
}

START_TEST(every_object_under_the_prefix_is_listed_once)
{
    static const struct {
        unsigned objects, page;
    } rows[] = {{0, 10}, {1, 10}, {9, 3}, {10, 3}, {25, 1}, {30, 1000}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct s3_pair pair;
        struct seen seen = {0};
        struct err err = {0};
        init(&pair, rows[i].page, versions_of_lists[_i]);
        add_objects(&pair, rows[i].objects);
        fake_s3_add_object(pair.fake, "p", "other", 5);
        fake_s3_add_object(pair.fake, "p0", "other", 5);
        fake_s3_add_object(pair.fake, "q/1", "other", 5);
        OK(s3_list(pair.client, "p/", see, &seen, &err));
        ck_assert_uint_eq(seen.keys.count, rows[i].objects);
        ck_assert_uint_eq(seen.bytes, (uint64_t)rows[i].objects * 3);
        for (size_t k = 0; k < seen.keys.count; k++) {
            char key[40];
            (void)snprintf(key, sizeof key, "p/%03u", (unsigned)k);
            ck_assert_str_eq(seen.keys.items[k], key);
        }
        seen_release(&seen);
        s3_pair_release(&pair);
    }
}
END_TEST

START_TEST(keys_of_all_kinds_come_back_as_they_are)
{
    static const char *const keys[] = {"p/a b",        "p/a+b",      "p/a%20b",
                                       "p/a&b<c>\"d'", "p/\xc3\xbc", "p/a\nb",
                                       "p/a\x01z",     "p/%",        "p/a?b=c#d"};
    size_t count = sizeof keys / sizeof keys[0];
    struct s3_pair pair;
    struct seen seen = {0};
    struct err err = {0};

    init(&pair, 2, 2);
    for (size_t i = 0; i < count; i++)
        fake_s3_add_object(pair.fake, keys[i], "x", 1);
    OK(s3_list(pair.client, "p/", see, &seen, &err));
    ck_assert_uint_eq(seen.keys.count, count);
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(strlist_has(&seen.keys, keys[i]), "%s", keys[i]);
    seen_release(&seen);
    s3_pair_release(&pair);
}
END_TEST

START_TEST(a_list_that_does_not_say_where_it_goes_on_is_an_error)
{
    struct s3_pair pair;
    struct seen seen = {0};
    struct err err = {0};

    init(&pair, 3, 2);
    add_objects(&pair, 9);
    s3_pair_fault(&pair, "ListObjectsV2", FAKE_NO_MORE_TOKEN);
    FAILS(s3_list(pair.client, "p/", see, &seen, &err), ERR_STORE);
    seen_release(&seen);
    s3_pair_release(&pair);
}
END_TEST

START_TEST(a_list_that_does_not_advance_is_an_error)
{
    static const char *const ops[] = {"ListObjectsV2", "ListObjects"};
    struct s3_pair pair;
    struct seen seen = {0};
    struct err err = {0};

    init(&pair, 3, versions_of_lists[_i]);
    add_objects(&pair, 9);
    fake_s3_fault(pair.fake, &(struct fake_fault){.op = ops[_i],
                                                  .nth = 2,
                                                  .times = FAKE_ALWAYS,
                                                  .action = FAKE_SAME_TOKEN});
    FAILS(s3_list(pair.client, "p/", see, &seen, &err), ERR_STORE);
    ck_assert_uint_le(fake_s3_count(pair.fake, NULL), 4);
    seen_release(&seen);
    s3_pair_release(&pair);
}
END_TEST

START_TEST(a_page_that_comes_damaged_is_asked_for_again)
{
    static const enum fake_action actions[] = {
        FAKE_CUT_BODY, FAKE_EMPTY_200, FAKE_LOSE_ANSWER, FAKE_ERROR_IN_200, FAKE_STATUS};

    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        struct s3_pair pair;
        struct seen seen = {0};
        struct err err = {0};
        init(&pair, 3, 2);
        add_objects(&pair, 9);
        fake_s3_fault(pair.fake, &(struct fake_fault){.op = "ListObjectsV2",
                                                      .nth = 2,
                                                      .action = actions[i],
                                                      .bytes = 100});
        OK(s3_list(pair.client, "p/", see, &seen, &err));
        ck_assert_uint_eq(seen.keys.count, 9);
        seen_release(&seen);
        s3_pair_release(&pair);
    }
}
END_TEST

START_TEST(the_callers_result_ends_the_list)
{
    struct s3_pair pair;
    struct seen seen = {.stop_after = 4};
    struct err err = {0};

    init(&pair, 3, 2);
    add_objects(&pair, 9);
    ck_assert_int_eq(s3_list(pair.client, "p/", see, &seen, &err), 42);
    ck_assert_uint_eq(seen.keys.count, 4);
    seen_release(&seen);
    s3_pair_release(&pair);
}
END_TEST

START_TEST(a_bucket_that_is_not_there_lists_nothing_and_says_so)
{
    struct s3_config config = s3_pair_config();
    struct s3_pair pair;
    struct seen seen = {0};
    struct err err = {0};

    config.bucket = "other";
    s3_pair_init(&pair, NULL, &config);
    FAILS(s3_list(pair.client, "", see, &seen, &err), ERR_STORE);
    s3_pair_release(&pair);
}
END_TEST

static void init_versions(struct s3_pair *pair, unsigned page_size)
{
    struct fake_s3_settings service = s3_pair_service();

    service.versioning = true;
    service.page_size = page_size;
    s3_pair_init(pair, &service, NULL);
    for (int i = 0; i < 5; i++)
        fake_s3_add_object(pair->fake, "p/a", "abc", 3);
    for (int i = 0; i < 5; i++)
        fake_s3_add_object(pair->fake, "p/ab", "abc", 3);
}

static unsigned distinct(const struct strlist *list)
{
    unsigned count = 0;
    for (size_t i = 0; i < list->count; i++) {
        bool again = false;
        for (size_t k = 0; k < i; k++)
            again = again || strcmp(list->items[i], list->items[k]) == 0;
        count += again ? 0 : 1;
    }
    return count;
}

START_TEST(all_versions_and_markers_are_listed)
{
    for (unsigned page = 1; page < 13; page++) {
        struct s3_pair pair;
        struct seen seen = {0};
        struct err err = {0};
        struct s3_delete delete_ = {.key = "p/a"};
        init_versions(&pair, page);
        OK(s3_delete(pair.client, &delete_, &err));
        OK(s3_list_versions(pair.client, "p/", see, &seen, &err));
        ck_assert_uint_eq(seen.keys.count, 11);
        ck_assert_uint_eq(distinct(&seen.versions), 11);
        ck_assert_uint_eq(seen.markers, 1);
        ck_assert_uint_eq(seen.latest, 2);
        seen_release(&seen);
        s3_pair_release(&pair);
    }
}
END_TEST

START_TEST(versions_of_exactly_one_key_leave_longer_keys_out)
{
    for (unsigned page = 1; page < 13; page++) {
        struct s3_pair pair;
        struct seen seen = {0};
        struct err err = {0};
        init_versions(&pair, page);
        OK(s3_list_key_versions(pair.client, "p/a", see, &seen, &err));
        ck_assert_uint_eq(seen.keys.count, 5);
        ck_assert_uint_eq(distinct(&seen.keys), 1);
        seen_release(&seen);
        s3_pair_release(&pair);
    }
}
END_TEST

START_TEST(an_endless_list_of_versions_is_an_error)
{
    static const enum fake_action actions[] = {FAKE_NO_MORE_TOKEN, FAKE_SAME_TOKEN};

    for (size_t i = 0; i < 2; i++) {
        struct s3_pair pair;
        struct seen seen = {0};
        struct err err = {0};
        init_versions(&pair, 2);
        fake_s3_fault(pair.fake, &(struct fake_fault){.op = "ListObjectVersions",
                                                      .nth = 2,
                                                      .times = FAKE_ALWAYS,
                                                      .action = actions[i]});
        FAILS(s3_list_versions(pair.client, "p/", see, &seen, &err), ERR_STORE);
        ck_assert_uint_le(fake_s3_count(pair.fake, NULL), 4);
        seen_release(&seen);
        s3_pair_release(&pair);
    }
}
END_TEST

START_TEST(a_service_without_versions_lists_its_objects)
{
    struct s3_config config = s3_pair_config();
    struct s3_pair pair;
    struct seen seen = {0};
    struct err err = {0};

    config.provider = "supabase";
    s3_pair_init(&pair, NULL, &config);
    add_objects(&pair, 3);
    OK(s3_list_key_versions(pair.client, "p/001", see, &seen, &err));
    ck_assert_uint_eq(seen.keys.count, 1);
    seen_release(&seen);
    s3_pair_release(&pair);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("list");
    TCase *tests = tcase_create("list");
    struct err err = {0};

    if (s3_global_init(&err) < 0)
        return 1;
    tcase_add_loop_test(tests, every_object_under_the_prefix_is_listed_once, 0, 2);
    tcase_add_test(tests, keys_of_all_kinds_come_back_as_they_are);
    tcase_add_test(tests, a_list_that_does_not_say_where_it_goes_on_is_an_error);
    tcase_add_loop_test(tests, a_list_that_does_not_advance_is_an_error, 0, 2);
    tcase_add_test(tests, a_page_that_comes_damaged_is_asked_for_again);
    tcase_add_test(tests, the_callers_result_ends_the_list);
    tcase_add_test(tests, a_bucket_that_is_not_there_lists_nothing_and_says_so);
    tcase_add_test(tests, all_versions_and_markers_are_listed);
    tcase_add_test(tests, versions_of_exactly_one_key_leave_longer_keys_out);
    tcase_add_test(tests, an_endless_list_of_versions_is_an_error);
    tcase_add_test(tests, a_service_without_versions_lists_its_objects);
    suite_add_tcase(suite, tests);
    int status = run_suite(suite);
    s3_global_release();
    return status;
}
