#include "tests/support/s3_rig.h"
#include "tests/support/run_suite.h"

#include "base/clock.h"
#include "base/memory.h"

#include <check.h>

enum { PART = 16 << 10 };

static int collect(void *context, const struct s3_unfinished *pending, struct err *err)
{
    (void)err;
    strlist_addf(context, "%s", pending->key);
    return 0;
}

static int stop_at_once(void *context, const struct s3_unfinished *pending, struct err *err)
{
    unsigned *calls = context;

    (void)err;
    (void)pending;
    *calls += 1;
    return 7;
}

static int list(const char *prefix, struct strlist *keys)
{
    return s3_list_uploads(rig.client, prefix, collect, keys, &rig.err);
}

START_TEST(uploads_of_a_prefix_are_listed_over_all_pages)
{
    struct fake_s3_settings settings = fake_s3_defaults();
    struct strlist keys = {0};
    char key[64];

    settings.page_size = 3;
    s3_rig_restart(&settings, NULL);
    for (unsigned i = 0; i < 10; i++) {
        snprintf(key, sizeof key, "p/data %02u&<\xc3\xa4", i);
        fake_s3_add_upload(rig.fake, key, 100);
    }
    fake_s3_add_upload(rig.fake, "p2/other", 100);
    ck_assert_msg(list("p/", &keys) == 0, "%s", rig.err.text);
    ck_assert_uint_eq(keys.count, 10);
    for (unsigned i = 0; i < 10; i++) {
        snprintf(key, sizeof key, "p/data %02u&<\xc3\xa4", i);
        ck_assert_str_eq(keys.items[i], key);
    }
    strlist_release(&keys);
}
END_TEST

static void prefix_with_blanks(struct s3_config *config)
{
    config->prefix = "our own+/back ups";
}

/* Amazon writes a blank of a listed key as '+'. */
START_TEST(uploads_below_a_prefix_with_blanks_are_seen)
{
    struct strlist keys = {0};

    s3_rig_restart(NULL, prefix_with_blanks);
    fake_s3_add_upload(rig.fake, "our own+/back ups/a b+c", 100);
    fake_s3_add_upload(rig.fake, "our own+/back ups2/a", 100);
    fake_s3_add_upload(rig.fake, "a b+c", 100);
    ck_assert_msg(list("", &keys) == 0, "%s", rig.err.text);
    ck_assert_uint_eq(keys.count, 1);
    ck_assert_str_eq(keys.items[0], "a b+c");
    strlist_release(&keys);
}
END_TEST

START_TEST(several_uploads_of_one_key_are_all_listed)
{
    struct fake_s3_settings settings = fake_s3_defaults();
    struct strlist keys = {0};

    settings.page_size = 2;
    s3_rig_restart(&settings, NULL);
    for (unsigned i = 0; i < 5; i++)
        fake_s3_add_upload(rig.fake, "p/same", 100);
    ck_assert_msg(list("p/", &keys) == 0, "%s", rig.err.text);
    ck_assert_uint_eq(keys.count, 5);
    strlist_release(&keys);
}
END_TEST

static int look_closely(void *context, const struct s3_unfinished *pending, struct err *err)
{
    int64_t age = clock_now() - pending->initiated;

    (void)err;
    ck_assert_str_eq(pending->upload_id, context);
    ck_assert(age >= 7199 && age <= 7230);
    return 0;
}

START_TEST(an_upload_says_its_id_and_when_it_was_begun)
{
    char *id = memory_strdup(fake_s3_add_upload(rig.fake, "k", 7200));

    ck_assert_int_eq(s3_list_uploads(rig.client, "k", look_closely, id, &rig.err), 0);
    free(id);
}
END_TEST

START_TEST(an_exact_key_is_found_where_prefixes_are_not)
{
    struct fake_s3_settings settings = fake_s3_defaults();
    struct strlist keys = {0};

    settings.uploads_by_exact_key = true;
    s3_rig_restart(&settings, NULL);
    fake_s3_add_upload(rig.fake, "p/one", 100);
    ck_assert_int_eq(list("p/", &keys), 0);
    ck_assert_uint_eq(keys.count, 0);
    ck_assert_int_eq(list("p/one", &keys), 0);
    ck_assert_uint_eq(keys.count, 1);
    strlist_release(&keys);
}
END_TEST

START_TEST(the_callback_ends_the_listing)
{
    unsigned calls = 0;

    fake_s3_add_upload(rig.fake, "a", 1);
    fake_s3_add_upload(rig.fake, "b", 1);
    ck_assert_int_eq(s3_list_uploads(rig.client, "", stop_at_once, &calls, &rig.err), 7);
    ck_assert_uint_eq(calls, 1);
}
END_TEST

START_TEST(a_listing_that_does_not_come_to_its_end_is_an_error)
{
    static const enum fake_action actions[] = {FAKE_NO_MORE_TOKEN, FAKE_SAME_TOKEN};
    struct strlist keys = {0};

    fake_s3_add_upload(rig.fake, "a", 1);
    for (size_t i = 0; i < 2; i++) {
        fake_s3_clear_faults(rig.fake);
        fake_s3_fault(rig.fake, &(struct fake_fault){.op = "ListMultipartUploads",
                                                     .action = actions[i],
                                                     .times = FAKE_ALWAYS});
        ck_assert_int_eq(list("", &keys), -1);
        ck_assert_int_eq(rig.err.kind, ERR_STORE);
    }
    strlist_release(&keys);
}
END_TEST

static int remember_id(void *context, const char *upload_id, struct err *err)
{
    char **id = context;

    (void)err;
    *id = memory_strdup(upload_id);
    return 0;
}

START_TEST(parts_are_listed_over_all_pages)
{
    struct fake_s3_settings settings = fake_s3_defaults();
    struct s3_parts parts;
    char *id = NULL;

    settings.page_size = 4;
    s3_rig_restart(&settings, NULL);
    struct s3_upload_spec spec = {
        .key = "k", .token = "t", .on_upload_id = remember_id, .context = (void *)&id};
    struct s3_upload *upload = s3_upload_begin(rig.client, &spec, &rig.err);
    ck_assert_int_eq(s3_rig_give(upload, 1, 11, PART, 5), 0);
    ck_assert_int_eq(s3_upload_wait(upload, &rig.err), 0);
    ck_assert_int_eq(s3_list_parts(rig.client, "k", id, &parts, &rig.err), 0);
    ck_assert(!parts.absent);
    ck_assert_uint_eq(parts.count, 11);
    for (unsigned i = 0; i < 11; i++) {
        ck_assert_uint_eq(parts.items[i].number, i + 1);
        ck_assert_uint_eq(parts.items[i].size, i < 10 ? PART : 5);
        ck_assert_uint_eq(strlen(parts.items[i].etag), 34);
    }
    free(parts.items);
    s3_upload_free(upload);
    ck_assert_int_eq(s3_list_parts(rig.client, "k", id, &parts, &rig.err), 0);
    ck_assert(parts.absent);
    free(id);
}
END_TEST

START_TEST(aborting_twice_is_fine)
{
    for (int i = 0; i < 2; i++) {
        struct fake_s3_settings settings = fake_s3_defaults();
        settings.abort_twice_is_204 = i == 1;
        s3_rig_restart(&settings, NULL);
        char *id = memory_strdup(fake_s3_add_upload(rig.fake, "k", 1));
        ck_assert_int_eq(s3_abort_upload(rig.client, "k", id, &rig.err), 0);
        ck_assert_int_eq(s3_abort_upload(rig.client, "k", id, &rig.err), 0);
        ck_assert_uint_eq(fake_s3_upload_count(rig.fake), 0);
        free(id);
    }
}
END_TEST

START_TEST(an_abort_without_a_clear_answer_is_repeated)
{
    static const enum fake_action actions[] = {FAKE_LOSE_ANSWER, FAKE_RESET, FAKE_STATUS};

    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        char *id = memory_strdup(fake_s3_add_upload(rig.fake, "k", 1));
        s3_pair_fault(&rig.pair, "AbortMultipartUpload", actions[i]);
        ck_assert_int_eq(s3_abort_upload(rig.client, "k", id, &rig.err), 0);
        ck_assert_uint_eq(fake_s3_upload_count(rig.fake), 0);
        free(id);
    }
}
END_TEST

START_TEST(an_abort_that_is_refused_is_an_error)
{
    char *id = memory_strdup(fake_s3_add_upload(rig.fake, "k", 1));

    fake_s3_fault(rig.fake, &(struct fake_fault){.op = "AbortMultipartUpload",
                                                 .action = FAKE_STATUS,
                                                 .status = 403,
                                                 .code = "AccessDenied",
                                                 .times = FAKE_ALWAYS});
    ck_assert_int_eq(s3_abort_upload(rig.client, "k", id, &rig.err), -1);
    ck_assert_int_eq(rig.err.kind, ERR_DENIED);
    free(id);
}
END_TEST

START_TEST(rights_to_list_parts_are_not_needed_to_abort)
{
    char *id = memory_strdup(fake_s3_add_upload(rig.fake, "k", 1));

    fake_s3_fault(rig.fake, &(struct fake_fault){.op = "ListParts",
                                                 .action = FAKE_STATUS,
                                                 .status = 403,
                                                 .code = "AccessDenied",
                                                 .times = FAKE_ALWAYS});
    ck_assert_int_eq(s3_abort_upload(rig.client, "k", id, &rig.err), 0);
    free(id);
}
END_TEST

START_TEST(a_404_that_is_no_answer_of_s3_is_not_taken_for_gone)
{
    struct s3_parts parts;

    fake_s3_fault(rig.fake, &(struct fake_fault){.action = FAKE_STATUS,
                                                 .status = 404,
                                                 .code = "",
                                                 .times = FAKE_ALWAYS});
    ck_assert_int_eq(s3_abort_upload(rig.client, "k", "id", &rig.err), -1);
    ck_assert_int_eq(s3_list_parts(rig.client, "k", "id", &parts, &rig.err), -1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pending");
    TCase *tcase = tcase_create("pending");

    tcase_set_timeout(tcase, 30);
    tcase_add_checked_fixture(tcase, s3_rig_set_up, s3_rig_stop);
    tcase_add_test(tcase, uploads_of_a_prefix_are_listed_over_all_pages);
    tcase_add_test(tcase, uploads_below_a_prefix_with_blanks_are_seen);
    tcase_add_test(tcase, several_uploads_of_one_key_are_all_listed);
    tcase_add_test(tcase, an_upload_says_its_id_and_when_it_was_begun);
    tcase_add_test(tcase, an_exact_key_is_found_where_prefixes_are_not);
    tcase_add_test(tcase, the_callback_ends_the_listing);
    tcase_add_test(tcase, a_listing_that_does_not_come_to_its_end_is_an_error);
    tcase_add_test(tcase, parts_are_listed_over_all_pages);
    tcase_add_test(tcase, aborting_twice_is_fine);
    tcase_add_test(tcase, an_abort_without_a_clear_answer_is_repeated);
    tcase_add_test(tcase, an_abort_that_is_refused_is_an_error);
    tcase_add_test(tcase, rights_to_list_parts_are_not_needed_to_abort);
    tcase_add_test(tcase, a_404_that_is_no_answer_of_s3_is_not_taken_for_gone);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
