#include "tests/support/s3_rig.h"
#include "tests/support/run_suite.h"

#include "base/cancel.h"
#include "base/digest.h"
#include "base/memory.h"
#include "s3/ops/ledger.h"

#include <check.h>
#include <signal.h>

#define KEY S3_RIG_KEY
enum { PART = S3_RIG_PART, SMALL = S3_RIG_LAST };

static void little_time(struct s3_config *config)
{
    config->retry_time_ms = 300;
}

static char *sent_header(const char *op, unsigned nth, const char *name)
{
    struct fake_request request;

    ck_assert(fake_s3_request(rig.fake, op, nth, &request));
    char *value = fake_request_header(&request, name);
    fake_request_release(&request);
    return value;
}

static void assert_sent(const char *op, unsigned nth, const char *name, const char *want)
{
    char *value = sent_header(op, nth, name);

    if (want == NULL)
        ck_assert_msg(value == NULL, "%s sent %s", op, name);
    else
        ck_assert_msg(value != NULL && strcmp(value, want) == 0, "%s sent %s: %s", op, name,
                      value != NULL ? value : "nothing");
    free(value);
}

static void as_minio(struct s3_config *config)
{
    config->provider = "minio";
}

static void as_aws(struct s3_config *config)
{
    config->provider = "aws";
    config->style = S3_STYLE_PATH;
}

static void as_b2(struct s3_config *config)
{
    config->provider = "b2";
}

static uint64_t crc_of(uint64_t offset, size_t size)
{
    unsigned char *data = memory_alloc(size);

    s3_rig_fill(data, offset, size);
    uint64_t crc = digest_crc64nvme(0, data, size);
    free(data);
    return crc;
}

/* What may happen to Complete and still ends well. */
static const struct fake_fault complete_faults[] = {
    {.action = FAKE_ERROR_IN_200},
    {.action = FAKE_ERROR_IN_200, .code = "SlowDown"},
    {.action = FAKE_ERROR_AFTER_200},
    {.action = FAKE_EMPTY_200},
    {.action = FAKE_STATUS, .status = 503, .code = "SlowDown"},
    {.action = FAKE_LOSE_ANSWER},
    {.action = FAKE_CUT_ANSWER, .bytes = 0},
    {.action = FAKE_CUT_ANSWER, .bytes = 30},
    {.action = FAKE_CUT_REQUEST, .bytes = 10},
    {.action = FAKE_RESET, .bytes = 10},
};

START_TEST(a_complete_without_a_clear_answer_is_settled)
{
    struct fake_s3_settings settings = fake_s3_defaults();
    struct fake_fault f = complete_faults[_i % 10];

    settings.complete_twice_is_200 = _i >= 10;
    settings.complete_without_etag = _i >= 10;
    s3_rig_restart(&settings, NULL);
    f.op = "CompleteMultipartUpload";
    unsigned id = s3_rig_fault(f);
    s3_rig_assert_uploaded(3);
    ck_assert_uint_eq(fake_s3_fired(rig.fake, id), 1);
    ck_assert_uint_eq(s3_rig_count("AbortMultipartUpload"), 0);
    s3_rig_assert_manners();
}
END_TEST

START_TEST(an_error_inside_200_that_is_final_fails)
{
    s3_rig_fault((struct fake_fault){.op = "CompleteMultipartUpload",
                                     .action = FAKE_ERROR_IN_200,
                                     .code = "AccessDenied",
                                     .times = FAKE_ALWAYS});
    s3_rig_assert_refused(3, ERR_DENIED);
}
END_TEST

START_TEST(a_complete_of_unknown_outcome_is_never_aborted)
{
    s3_rig_restart(NULL, little_time);
    s3_rig_fault((struct fake_fault){.op = "CompleteMultipartUpload",
                                     .action = FAKE_RESET,
                                     .bytes = 10,
                                     .times = FAKE_ALWAYS});
    ck_assert_int_eq(s3_rig_upload(3), -1);
    ck_assert_int_eq(rig.err.kind, ERR_TRANSIENT);
    ck_assert_uint_eq(s3_rig_count("AbortMultipartUpload"), 0);
    ck_assert_uint_eq(fake_s3_upload_count(rig.fake), 1);
}
END_TEST

START_TEST(a_lost_upload_is_not_taken_for_a_success)
{
    static const size_t sizes[] = {2 * PART + SMALL, 100};
    unsigned char *other = memory_zalloc(sizes[0]);

    /* Somebody else's object lies under the key, once even of the same size. */
    for (size_t i = 0; i < 2; i++) {
        fake_s3_add_object(rig.fake, KEY, other, sizes[i]);
        s3_rig_fault((struct fake_fault){.op = "CompleteMultipartUpload",
                                         .action = FAKE_STATUS,
                                         .status = 404,
                                         .code = "NoSuchUpload"});
        ck_assert_int_eq(s3_rig_upload(3), -1);
        ck_assert_int_eq(rig.err.kind, ERR_STORE);
        ck_assert_uint_eq(s3_rig_count("AbortMultipartUpload"), 0);
    }
    free(other);
}
END_TEST

START_TEST(uneven_parts_where_they_must_be_equal_fail)
{
    struct fake_s3_settings settings = fake_s3_defaults();

    settings.equal_parts = true;
    s3_rig_restart(&settings, NULL);
    struct s3_upload *upload = s3_rig_begin(KEY);
    ck_assert_int_eq(s3_rig_give(upload, 1, 1, PART, PART), 0);
    struct part *part = part_pool_get(rig.pool, &rig.err);
    part->number = 2;
    part->offset = PART;
    part->size = 2 * PART;
    s3_rig_fill(part->data, part->offset, part->size);
    ck_assert_int_eq(s3_upload_part(upload, part, &rig.err), 0);
    part_release(part);
    ck_assert_int_eq(s3_upload_finish(upload, NULL, &rig.err), -1);
    ck_assert_int_eq(rig.err.kind, ERR_STORE);
    s3_upload_free(upload);
    ck_assert_uint_eq(fake_s3_upload_count(rig.fake), 0);
}
END_TEST

START_TEST(checksums_are_sent_where_they_are_verified)
{
    char whole[S3_CRC64_BASE64], second[S3_CRC64_BASE64], sole[S3_CRC64_BASE64];

    s3_rig_restart(NULL, _i == 0 ? as_minio : as_aws);
    s3_crc64_base64(crc_of(0, s3_rig_size(3)), whole);
    s3_crc64_base64(crc_of(PART, PART), second);
    s3_crc64_base64(crc_of(0, SMALL), sole);
    s3_rig_assert_uploaded(3);
    assert_sent("CreateMultipartUpload", 1, "x-amz-checksum-algorithm", "CRC64NVME");
    assert_sent("CreateMultipartUpload", 1, "x-amz-checksum-type", "FULL_OBJECT");
    assert_sent("CompleteMultipartUpload", 1, "x-amz-checksum-crc64nvme", whole);
    assert_sent("CompleteMultipartUpload", 1, "x-amz-mp-object-size",
                _i == 0 ? NULL : "136072");
    for (unsigned n = 1; n <= 3; n++) {
        char *number = sent_header("UploadPart", n, "x-amz-checksum-crc64nvme");
        ck_assert_ptr_nonnull(number);
        free(number);
    }
    fake_s3_forget_object(rig.fake, KEY);
    s3_rig_assert_uploaded(1);
    assert_sent("PutObject", 1, "x-amz-checksum-crc64nvme", sole);
    assert_sent("PutObject", 1, "x-amz-checksum-algorithm", NULL);
}
END_TEST

START_TEST(checksums_are_not_sent_where_they_are_refused)
{
    struct fake_s3_settings settings = fake_s3_defaults();

    settings.refuse_checksums = true;
    settings.if_none_match = FAKE_IF_NONE_MATCH_501;
    s3_rig_restart(&settings, as_b2);
    s3_rig_assert_uploaded(3);
    assert_sent("UploadPart", 1, "x-amz-checksum-crc64nvme", NULL);
    assert_sent("CompleteMultipartUpload", 1, "If-None-Match", NULL);
    fake_s3_forget_object(rig.fake, KEY);
    s3_rig_assert_uploaded(1);
}
END_TEST

START_TEST(a_part_whose_checksum_comes_back_wrong_is_sent_again)
{
    s3_rig_restart(NULL, as_aws);
    s3_rig_fault(
        (struct fake_fault){.op = "UploadPart", .part = 2, .action = FAKE_WRONG_CHECKSUM});
    s3_rig_assert_uploaded(3);
    ck_assert_uint_eq(s3_rig_count("UploadPart"), 4);
}
END_TEST

START_TEST(an_object_with_another_checksum_than_its_parts_is_corrupt)
{
    s3_rig_restart(NULL, _i == 0 ? as_minio : as_aws);
    s3_pair_fault(&rig.pair, "CompleteMultipartUpload", FAKE_WRONG_CHECKSUM);
    ck_assert_int_eq(s3_rig_upload(3), -1);
    ck_assert_int_eq(rig.err.kind, ERR_CORRUPT);
    ck_assert_ptr_nonnull(strstr(rig.err.text, "CRC-64"));
    ck_assert_uint_eq(s3_rig_count("AbortMultipartUpload"), 0);
}
END_TEST

/* The provider says more than the service can: it costs one try, and no dump of hours. */
START_TEST(what_a_service_does_not_implement_is_left_out)
{
    struct fake_s3_settings settings = fake_s3_defaults();

    settings.refuse_checksums = _i == 0;
    settings.if_none_match = FAKE_IF_NONE_MATCH_501;
    s3_rig_restart(&settings, as_aws);
    s3_rig_assert_uploaded(3);
    ck_assert_uint_eq(s3_rig_count("CreateMultipartUpload"), _i == 0 ? 2 : 1);
    ck_assert_uint_eq(s3_rig_count("UploadPart"), 3);
    ck_assert_uint_eq(s3_rig_count("CompleteMultipartUpload"), _i == 0 ? 1 : 2);
    fake_s3_forget_object(rig.fake, KEY);
    s3_rig_assert_uploaded(1);
    ck_assert_uint_eq(s3_rig_count("PutObject"), 1);
    assert_sent("PutObject", 1, "x-amz-checksum-crc64nvme", NULL);
}
END_TEST

START_TEST(an_existing_object_is_not_replaced_where_the_service_can_tell)
{
    s3_rig_restart(NULL, as_minio);
    fake_s3_add_object(rig.fake, KEY, "other", 5);
    s3_rig_assert_refused(3, ERR_STORE);
    ck_assert_ptr_nonnull(strstr(rig.err.text, "exists already"));
    fake_s3_forget_object(rig.fake, KEY);
    s3_pair_fault(&rig.pair, "CompleteMultipartUpload", FAKE_LOSE_ANSWER);
    s3_rig_assert_uploaded(3);
}
END_TEST

static void head_fails(int status, unsigned times)
{
    s3_rig_fault((struct fake_fault){.op = "HeadObject",
                                     .action = FAKE_STATUS,
                                     .status = status,
                                     .code = "",
                                     .times = times});
}

START_TEST(keys_that_may_only_write_are_enough)
{
    for (unsigned parts = 1; parts <= 3; parts += 2) {
        fake_s3_clear_faults(rig.fake);
        head_fails(403, FAKE_ALWAYS);
        s3_rig_assert_uploaded(parts);
    }
}
END_TEST

START_TEST(an_etag_that_proves_the_object_spares_the_question_for_it)
{
    for (unsigned parts = 1; parts <= 3; parts += 2) {
        s3_rig_assert_uploaded(parts);
        ck_assert_uint_eq(s3_rig_count("HeadObject"), 0);
    }
}
END_TEST

/* Then no ETag is an MD5, and only a look tells what is there. */
static void under_kms(struct s3_config *config)
{
    static char kms[] = "aws:kms";
    config->sse = kms;
}

START_TEST(an_object_that_shows_late_is_waited_for)
{
    s3_rig_restart(NULL, under_kms);
    head_fails(404, 2);
    s3_rig_assert_uploaded(3);
    ck_assert_uint_eq(s3_rig_count("HeadObject"), 3);
}
END_TEST

START_TEST(an_object_that_never_shows_is_an_error)
{
    s3_rig_restart(NULL, under_kms);
    for (unsigned i = 0; i < 2; i++) {
        fake_s3_clear_faults(rig.fake);
        head_fails(404, FAKE_ALWAYS);
        if (i == 1)
            s3_rig_fault((struct fake_fault){.op = "HeadBucket",
                                             .action = FAKE_STATUS,
                                             .status = 403,
                                             .times = FAKE_ALWAYS});
        unsigned parts = i == 0 ? 1 : 3;
        struct s3_upload *upload = s3_rig_begin(KEY);
        ck_assert_int_eq(s3_rig_give(upload, 1, parts, PART, SMALL), 0);
        ck_assert_int_eq(s3_upload_finish(upload, NULL, &rig.err), -1);
        ck_assert(!s3_upload_discard(upload));
        ck_assert_int_eq(rig.err.kind, ERR_CORRUPT);
        ck_assert_uint_eq(s3_rig_count("AbortMultipartUpload"), 0);
    }
}
END_TEST

START_TEST(what_may_have_been_left_is_said)
{
    static const struct {
        unsigned parts;
        struct fake_fault fault;
        bool clean;
    } cases[] = {
        {1,
         {.op = "PutObject", .action = FAKE_STATUS, .status = 403, .code = "AccessDenied"},
         true},
        {1, {.op = "PutObject", .action = FAKE_LOSE_ANSWER}, false},
        {1, {.op = "PutObject", .action = FAKE_WRONG_ETAG}, false},
        {3,
         {.op = "UploadPart", .action = FAKE_STATUS, .status = 403, .code = "AccessDenied"},
         true},
        {3, {.op = "CompleteMultipartUpload", .action = FAKE_RESET}, false},
        {3, {.op = "AbortMultipartUpload", .action = FAKE_DELAY}, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fake_fault f = cases[i].fault;
        s3_rig_restart(NULL, little_time);
        f.times = FAKE_ALWAYS;
        s3_rig_fault(f);
        struct s3_upload *upload = s3_rig_begin(KEY);
        int given = s3_rig_give(upload, 1, cases[i].parts, PART, SMALL);
        if (given == 0)
            given = s3_upload_finish(upload, NULL, &rig.err);
        ck_assert_msg(given == (f.action == FAKE_DELAY ? 0 : -1), "case %zu", i);
        ck_assert_msg(s3_upload_discard(upload) == cases[i].clean, "case %zu", i);
    }
}
END_TEST

static void lock_objects(struct s3_config *config)
{
    config->object_lock_mode = "GOVERNANCE";
    config->object_lock_seconds = 3600;
    config->legal_hold = true;
}

static void restart_with_locks(bool forgotten)
{
    struct fake_s3_settings service = s3_pair_service();

    service.versioning = service.object_lock = true;
    service.upload_locks_forgotten = forgotten;
    s3_rig_restart(&service, lock_objects);
}

START_TEST(a_lock_that_the_service_forgot_is_set_again)
{
    struct s3_object object;
    bool absent;

    restart_with_locks(_i == 1);
    ck_assert_int_eq(s3_rig_upload(3), 0);
    ck_assert_int_eq(s3_head(rig.client, KEY, &object, &absent, &rig.err), 0);
    ck_assert(object.retain_until > 0 && object.legal_hold);
    ck_assert_uint_eq(s3_rig_count("PutObjectRetention"), (unsigned)_i);
    ck_assert_uint_eq(s3_rig_count("PutObjectLegalHold"), (unsigned)_i);
    s3_object_release(&object);
}
END_TEST

START_TEST(an_object_that_cannot_be_locked_is_no_success)
{
    static const char *const ops[] = {"PutObjectRetention", "PutObjectLegalHold"};

    restart_with_locks(true);
    s3_rig_fault((struct fake_fault){
        .op = ops[_i], .action = FAKE_STATUS, .status = 403, .code = "AccessDenied"});
    struct s3_upload *upload = s3_rig_begin(KEY);
    ck_assert_int_eq(s3_rig_give(upload, 1, 3, PART, SMALL), 0);
    ck_assert_int_eq(s3_upload_finish(upload, NULL, &rig.err), -1);
    ck_assert_int_eq(rig.err.kind, ERR_DENIED);
    ck_assert_msg(strstr(rig.err.text, "but not locked") != NULL, "%s", rig.err.text);
    ck_assert(!s3_upload_discard(upload));
}
END_TEST

START_TEST(an_interrupted_upload_is_aborted)
{
    struct s3_upload *upload = s3_rig_begin(KEY);

    ck_assert_int_eq(s3_rig_give(upload, 1, 3, PART, PART), 0);
    ck_assert_int_eq(s3_upload_wait(upload, &rig.err), 0);
    cancel_trip(NULL, CANCEL_SIGTERM);
    ck_assert_int_eq(s3_upload_finish(upload, NULL, &rig.err), -1);
    ck_assert_int_eq(rig.err.kind, ERR_CANCELLED);
    s3_upload_free(upload);
    ck_assert_uint_eq(s3_rig_count("CompleteMultipartUpload"), 0);
    ck_assert_uint_eq(fake_s3_upload_count(rig.fake), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("upload_complete");
    TCase *tcase = tcase_create("upload_complete");

    tcase_set_timeout(tcase, 30);
    tcase_add_checked_fixture(tcase, s3_rig_set_up, s3_rig_stop);
    tcase_add_loop_test(tcase, checksums_are_sent_where_they_are_verified, 0, 2);
    tcase_add_test(tcase, a_part_whose_checksum_comes_back_wrong_is_sent_again);
    tcase_add_loop_test(tcase, an_object_with_another_checksum_than_its_parts_is_corrupt, 0,
                        2);
    tcase_add_loop_test(tcase, what_a_service_does_not_implement_is_left_out, 0, 2);
    tcase_add_test(tcase, checksums_are_not_sent_where_they_are_refused);
    tcase_add_test(tcase, an_existing_object_is_not_replaced_where_the_service_can_tell);
    tcase_add_loop_test(tcase, a_complete_without_a_clear_answer_is_settled, 0, 20);
    tcase_add_test(tcase, an_error_inside_200_that_is_final_fails);
    tcase_add_test(tcase, a_complete_of_unknown_outcome_is_never_aborted);
    tcase_add_test(tcase, a_lost_upload_is_not_taken_for_a_success);
    tcase_add_test(tcase, uneven_parts_where_they_must_be_equal_fail);
    tcase_add_test(tcase, keys_that_may_only_write_are_enough);
    tcase_add_test(tcase, an_etag_that_proves_the_object_spares_the_question_for_it);
    tcase_add_test(tcase, an_object_that_shows_late_is_waited_for);
    tcase_add_test(tcase, an_object_that_never_shows_is_an_error);
    tcase_add_test(tcase, what_may_have_been_left_is_said);
    tcase_add_loop_test(tcase, a_lock_that_the_service_forgot_is_set_again, 0, 2);
    tcase_add_loop_test(tcase, an_object_that_cannot_be_locked_is_no_success, 0, 2);
    tcase_add_test(tcase, an_interrupted_upload_is_aborted);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
