#include "s3/s3.h"

#include "base/memory.h"
#include "tests/support/s3_pair.h"
#include "tests/support/run_suite.h"

#include <check.h>

START_TEST(what_is_deleted_or_was_not_there_is_gone)
{
    struct s3_pair pair;
    struct err err = {0};
    struct s3_delete there = {.key = "a", .result = S3_REFUSED};
    struct s3_delete absent = {.key = "b", .result = S3_REFUSED};

    s3_pair_init(&pair, NULL, NULL);
    fake_s3_add_object(pair.fake, "a", "x", 1);
    OK(s3_delete(pair.client, &there, &err));
    OK(s3_delete(pair.client, &absent, &err));
    ck_assert_int_eq(there.result, S3_REMOVED);
    ck_assert_int_eq(absent.result, S3_REMOVED);
    ck_assert_uint_eq(fake_s3_object_count(pair.fake), 0);
    s3_pair_release(&pair);
}
END_TEST

/* The table of answers: RETENTION section 5. */
static const struct {
    int status;
    const char *code;
    enum err_kind kind; /* ERR_NONE: `result` */
    enum s3_removal result;
} answers[] = {
    {204, "", ERR_NONE, S3_REMOVED},
    {404, "NoSuchKey", ERR_NONE, S3_REMOVED},
    {404, "NoSuchVersion", ERR_NONE, S3_REMOVED},
    {404, "NoSuchBucket", ERR_STORE, 0},
    {404, "", ERR_STORE, 0},
    {404, "SomethingElse", ERR_STORE, 0},
    {301, "PermanentRedirect", ERR_STORE, 0},
    {400, "InvalidRequest", ERR_STORE, 0},
    {401, "", ERR_DENIED, 0},
    {403, "InvalidAccessKeyId", ERR_DENIED, 0},
    {403, "SignatureDoesNotMatch", ERR_DENIED, 0},
    {403, "AccessDenied", ERR_NONE, S3_REFUSED},
    {405, "MethodNotAllowed", ERR_STORE, 0},
    {500, "InternalError", ERR_TRANSIENT, 0},
    {503, "SlowDown", ERR_TRANSIENT, 0},
};

START_TEST(each_answer_means_what_the_table_says)
{
    struct s3_config config = s3_pair_config();
    struct s3_pair pair;
    struct err err = {0};
    struct s3_delete delete_ = {.key = "a"};

    config.retry_time_ms = 100;
    s3_pair_init(&pair, NULL, &config);
    fake_s3_add_object(pair.fake, "a", "x", 1);
    if (answers[_i].status != 204)
        fake_s3_fault(pair.fake, &(struct fake_fault){.op = "DeleteObject",
                                                      .times = FAKE_ALWAYS,
                                                      .action = FAKE_STATUS,
                                                      .status = answers[_i].status,
                                                      .code = answers[_i].code});
    if (answers[_i].kind != ERR_NONE) {
        FAILS(s3_delete(pair.client, &delete_, &err), answers[_i].kind);
    } else {
        OK(s3_delete(pair.client, &delete_, &err));
        ck_assert_int_eq(delete_.result, answers[_i].result);
    }
    s3_pair_release(&pair);
}
END_TEST

START_TEST(a_bucket_that_does_not_answer_us_is_an_error_and_no_refusal)
{
    struct s3_pair pair;
    struct err err = {0};
    struct s3_delete delete_ = {.key = "a"};

    s3_pair_init(&pair, NULL, NULL);
    fake_s3_add_object(pair.fake, "a", "x", 1);
    fake_s3_fault(pair.fake, &(struct fake_fault){.times = FAKE_ALWAYS,
                                                  .action = FAKE_STATUS,
                                                  .status = 403,
                                                  .code = "AccessDenied"});
    FAILS(s3_delete(pair.client, &delete_, &err), ERR_DENIED);
    s3_pair_release(&pair);
}
END_TEST

START_TEST(a_lost_answer_to_a_deletion_is_asked_for_again)
{
    struct s3_pair pair;
    struct err err = {0};
    struct s3_delete delete_ = {.key = "a"};

    s3_pair_init(&pair, NULL, NULL);
    fake_s3_add_object(pair.fake, "a", "x", 1);
    s3_pair_fault(&pair, "DeleteObject", FAKE_LOSE_ANSWER);
    OK(s3_delete(pair.client, &delete_, &err));
    ck_assert_int_eq(delete_.result, S3_REMOVED);
    s3_pair_release(&pair);
}
END_TEST

START_TEST(a_locked_version_is_locked_until_its_time)
{
    static const char *const modes[] = {"GOVERNANCE", "COMPLIANCE", NULL};

    for (size_t i = 0; i < 6; i++) {
        struct fake_s3_settings service = s3_pair_service();
        struct s3_pair pair;
        struct err err = {0};
        service.versioning = service.object_lock = true;
        service.lock_is_400 = i >= 3;
        s3_pair_init(&pair, &service, NULL);
        const char *version = fake_s3_add_object(pair.fake, "a", "x", 1);
        int64_t until = s3_client_time(pair.client) + 3600;
        fake_s3_lock_object(pair.fake, "a", modes[i % 3], until);
        struct s3_delete delete_ = {.key = "a", .version_id = version};
        OK(s3_delete(pair.client, &delete_, &err));
        ck_assert_int_eq(delete_.result, S3_LOCKED);
        ck_assert_int_eq(delete_.locked_until, modes[i % 3] != NULL ? until : 0);
        ck_assert_uint_gt(strlen(delete_.reason), 0);
        ck_assert_uint_eq(fake_s3_version_count(pair.fake, "a"), 1);
        s3_pair_release(&pair);
    }
}
END_TEST

START_TEST(governance_is_never_bypassed)
{
    struct fake_s3_settings service = s3_pair_service();
    struct s3_pair pair;
    struct err err = {0};
    struct fake_request request;

    service.versioning = service.object_lock = true;
    s3_pair_init(&pair, &service, NULL);
    struct s3_delete delete_ = {.key = "a",
                                .version_id = fake_s3_add_object(pair.fake, "a", "x", 1)};
    fake_s3_lock_object(pair.fake, "a", "GOVERNANCE", s3_client_time(pair.client) + 3600);
    OK(s3_delete(pair.client, &delete_, &err));
    for (unsigned n = 1; fake_s3_request(pair.fake, NULL, n, &request); n++) {
        char *value = fake_request_header(&request, "x-amz-bypass-governance-retention");
        ck_assert_ptr_null(value);
        fake_request_release(&request);
    }
    s3_pair_release(&pair);
}
END_TEST

START_TEST(a_missing_bucket_removes_nothing)
{
    struct s3_config config = s3_pair_config();
    struct s3_pair pair;
    struct err err = {0};
    struct s3_delete deletion = {.key = "a", .result = S3_REFUSED};

    config.bucket = "other";
    s3_pair_init(&pair, NULL, &config);
    FAILS(s3_delete(pair.client, &deletion, &err), ERR_STORE);
    ck_assert_int_ne(deletion.result, S3_REMOVED);
    s3_pair_release(&pair);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("delete");
    TCase *tests = tcase_create("delete");
    struct err err = {0};

    if (s3_global_init(&err) < 0)
        return 1;
    tcase_add_test(tests, what_is_deleted_or_was_not_there_is_gone);
    tcase_add_loop_test(tests, each_answer_means_what_the_table_says, 0,
                        sizeof answers / sizeof answers[0]);
    tcase_add_test(tests, a_bucket_that_does_not_answer_us_is_an_error_and_no_refusal);
    tcase_add_test(tests, a_lost_answer_to_a_deletion_is_asked_for_again);
    tcase_add_test(tests, a_locked_version_is_locked_until_its_time);
    tcase_add_test(tests, governance_is_never_bypassed);
    tcase_add_test(tests, a_missing_bucket_removes_nothing);
    suite_add_tcase(suite, tests);
    int status = run_suite(suite);
    s3_global_release();
    return status;
}
