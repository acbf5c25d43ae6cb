/* What a request mends by itself: a wrong region, a wrong clock, expired keys. */
#include "s3/core/client.h"

#include "tests/support/run_suite.h"
#include "tests/support/s3_pair.h"

#include <check.h>

START_TEST(the_right_region_is_found_and_kept)
{
    struct fake_s3_settings service = s3_pair_service();
    struct s3_pair pair;
    struct err err = {0};

    service.region = "eu-test-1";
    s3_pair_init(&pair, &service, NULL);
    fake_s3_add_object(pair.fake, "a", "x", 1);
    OK(s3_pair_get(&pair, &err));
    unsigned before = fake_s3_count(pair.fake, NULL);
    OK(s3_pair_get(&pair, &err));
    ck_assert_uint_eq(fake_s3_count(pair.fake, NULL), before + 1);
    s3_pair_release(&pair);
}
END_TEST

START_TEST(a_head_in_the_wrong_region_finds_the_right_one)
{
    struct fake_s3_settings service = s3_pair_service();
    struct s3_pair pair;
    struct s3_object object;
    struct err err = {0};
    bool absent;

    service.region = "eu-test-1";
    s3_pair_init(&pair, &service, NULL);
    fake_s3_add_object(pair.fake, "a", "x", 1);
    OK(s3_head(pair.client, "a", &object, &absent, &err));
    ck_assert(!absent);
    s3_object_release(&object);
    s3_pair_release(&pair);
}
END_TEST

START_TEST(the_question_for_the_region_may_fail_too)
{
    struct fake_s3_settings service = s3_pair_service();
    struct s3_pair pair;
    struct s3_object object;
    struct err err = {0};
    bool absent;

    s3_pair_init(&pair, &service, NULL);
    fake_s3_add_object(pair.fake, "a", "x", 1);
    /* As services answer a HEAD: no <Error>, and some no region either. */
    fake_s3_fault(pair.fake, &(struct fake_fault){.op = "HeadObject",
                                                  .action = FAKE_STATUS,
                                                  .status = 400,
                                                  .code = ""});
    s3_pair_fault(&pair, "GetBucketLocation", FAKE_RESET);
    OK(s3_head(pair.client, "a", &object, &absent, &err));
    ck_assert(!absent);
    ck_assert_uint_eq(fake_s3_count(pair.fake, "GetBucketLocation"), 2);
    s3_object_release(&object);
    /* It is asked once per request: a HEAD that stays refused ends. */
    fake_s3_fault(pair.fake, &(struct fake_fault){.op = "HeadObject",
                                                  .times = FAKE_ALWAYS,
                                                  .action = FAKE_STATUS,
                                                  .status = 400,
                                                  .code = ""});
    FAILS(s3_head(pair.client, "a", &object, &absent, &err), ERR_STORE);
    ck_assert_uint_eq(fake_s3_count(pair.fake, "GetBucketLocation"), 3);
    s3_pair_release(&pair);
}
END_TEST

START_TEST(a_bucket_says_where_it_is)
{
    struct fake_s3_settings service = s3_pair_service();
    struct fake_request request;
    struct s3_pair pair;
    struct s3_object object;
    struct err err = {0};
    bool absent;

    /* As S3 answers in us-east-1, which knows the buckets of all regions. */
    service.region = "eu-test-1";
    service.any_region = true;
    s3_pair_init(&pair, &service, NULL);
    fake_s3_add_object(pair.fake, "a", "x", 1);
    fake_s3_fault(pair.fake, &(struct fake_fault){.op = "HeadObject",
                                                  .action = FAKE_STATUS,
                                                  .status = 400,
                                                  .code = ""});
    OK(s3_head(pair.client, "a", &object, &absent, &err));
    s3_object_release(&object);
    ck_assert(fake_s3_request(pair.fake, "HeadObject", 2, &request));
    ck_assert_ptr_nonnull(strstr(request.headers, "/eu-test-1/s3/aws4_request"));
    fake_request_release(&request);
    s3_pair_release(&pair);
}
END_TEST

START_TEST(the_question_for_the_region_is_not_signed_with_the_body)
{
    struct s3_pair pair;
    struct err err = {0};
    struct s3_put put = {.key = "a", .data = "body", .size = 4};

    s3_pair_init(&pair, NULL, NULL);
    fake_s3_fault(pair.fake, &(struct fake_fault){.op = "PutObject",
                                                  .action = FAKE_STATUS,
                                                  .status = 301,
                                                  .code = "PermanentRedirect"});
    OK(s3_put(pair.client, &put, &err));
    ck_assert_uint_eq(fake_s3_count(pair.fake, "GetBucketLocation"), 1);
    s3_pair_release(&pair);
}
END_TEST

START_TEST(redirects_are_signed_anew_and_end)
{
    static const enum fake_action actions[] = {FAKE_REDIRECT, FAKE_WRONG_REGION};

    for (size_t i = 0; i < 2; i++) {
        struct s3_pair pair;
        struct err err = {0};
        s3_pair_init(&pair, NULL, NULL);
        fake_s3_add_object(pair.fake, "a", "x", 1);
        fake_s3_fault(pair.fake, &(struct fake_fault){.op = "GetObject",
                                                      .action = actions[i],
                                                      .region = "eu-test-2"});
        OK(s3_pair_get(&pair, &err));
        ck_assert_uint_eq(fake_s3_stats(pair.fake).bad_signatures, 0);
        s3_pair_release(&pair);
    }
}
END_TEST

START_TEST(a_region_that_is_none_is_not_believed)
{
    struct s3_pair pair;
    struct err err = {0};

    s3_pair_init(&pair, NULL, NULL);
    fake_s3_fault(pair.fake,
                  &(struct fake_fault){.times = FAKE_ALWAYS,
                                       .action = FAKE_STATUS,
                                       .status = 301,
                                       .code = "PermanentRedirect",
                                       .headers = "x-amz-bucket-region: evil.example\r\n"
                                                  "Location: http://evil.example/a\r\n"});
    ck_assert_int_lt(s3_pair_get(&pair, &err), 0);
    ck_assert_uint_le(fake_s3_count(pair.fake, NULL), 6);
    s3_pair_release(&pair);
}
END_TEST

START_TEST(a_wrong_clock_is_corrected_by_the_services)
{
    static const int offsets[] = {-3600, 3600, 86400 * 30};

    for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
        struct fake_s3_settings service = s3_pair_service();
        struct s3_pair pair;
        struct err err = {0};
        bool known = false;
        service.clock_offset_s = offsets[i];
        s3_pair_init(&pair, &service, NULL);
        fake_s3_add_object(pair.fake, "a", "x", 1);
        OK(s3_pair_get(&pair, &err));
        int64_t offset = s3_client_clock_offset(pair.client, &known);
        ck_assert(known);
        ck_assert_int_le(
            offset - offsets[i] < 0 ? offsets[i] - offset : offset - offsets[i], 2);
        s3_pair_release(&pair);
    }
}
END_TEST

START_TEST(an_expired_token_is_fetched_anew_once)
{
    struct s3_pair pair;
    struct err err = {0};

    s3_pair_init(&pair, NULL, NULL);
    fake_s3_add_object(pair.fake, "a", "x", 1);
    fake_s3_fault(pair.fake,
                  &(struct fake_fault){.op = "GetObject", .action = FAKE_EXPIRED_TOKEN});
    OK(s3_pair_get(&pair, &err));
    fake_s3_fault(pair.fake, &(struct fake_fault){.op = "GetObject",
                                                  .times = FAKE_ALWAYS,
                                                  .action = FAKE_EXPIRED_TOKEN});
    FAILS(s3_pair_get(&pair, &err), ERR_DENIED);
    ck_assert_uint_le(fake_s3_count(pair.fake, "GetObject"), 6);
    s3_pair_release(&pair);
}
END_TEST

START_TEST(wrong_keys_are_denied_at_once)
{
    struct s3_config config = s3_pair_config();
    struct s3_pair pair;
    struct err err = {0};

    config.secret_key = "wrong";
    s3_pair_init(&pair, NULL, &config);
    FAILS(s3_pair_get(&pair, &err), ERR_DENIED);
    ck_assert_ptr_nonnull(strstr(err.text, "SignatureDoesNotMatch"));
    ck_assert_uint_eq(fake_s3_count(pair.fake, NULL), 1);
    s3_pair_release(&pair);
}
END_TEST

/* ---- repetition */

int main(void)
{
    Suite *suite = suite_create("request_repairs");
    TCase *tests = tcase_create("request_repairs");
    struct err err = {0};

    if (s3_global_init(&err) < 0)
        return 1;
    tcase_add_test(tests, the_right_region_is_found_and_kept);
    tcase_add_test(tests, a_head_in_the_wrong_region_finds_the_right_one);
    tcase_add_test(tests, the_question_for_the_region_may_fail_too);
    tcase_add_test(tests, a_bucket_says_where_it_is);
    tcase_add_test(tests, the_question_for_the_region_is_not_signed_with_the_body);
    tcase_add_test(tests, redirects_are_signed_anew_and_end);
    tcase_add_test(tests, a_region_that_is_none_is_not_believed);
    tcase_add_test(tests, a_wrong_clock_is_corrected_by_the_services);
    tcase_add_test(tests, an_expired_token_is_fetched_anew_once);
    tcase_add_test(tests, wrong_keys_are_denied_at_once);
    suite_add_tcase(suite, tests);
    int status = run_suite(suite);
    s3_global_release();
    return status;
}
