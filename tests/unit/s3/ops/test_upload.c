#include "tests/support/s3_rig.h"
#include "tests/support/run_suite.h"

#include "base/memory.h"

#include <check.h>

#define KEY S3_RIG_KEY
enum { PART = S3_RIG_PART, SMALL = S3_RIG_LAST };

START_TEST(a_stream_of_one_part_is_one_put)
{
    struct s3_upload *upload = s3_rig_begin(KEY);
    struct s3_object object;

    ck_assert_int_eq(s3_rig_give(upload, 1, 1, PART, SMALL), 0);
    ck_assert_int_eq(s3_upload_wait(upload, &rig.err), 0);
    ck_assert_uint_eq(s3_rig_count(NULL), 0);
    ck_assert_int_eq(s3_upload_finish(upload, &object, &rig.err), 0);
    ck_assert_uint_eq(object.size, SMALL);
    s3_object_release(&object);
    s3_upload_free(upload);
    ck_assert(s3_rig_object_is(KEY, SMALL));
    ck_assert_uint_eq(s3_rig_count("PutObject"), 1);
    ck_assert_uint_eq(s3_rig_count("CreateMultipartUpload"), 0);
}
END_TEST

START_TEST(an_empty_stream_is_an_empty_object)
{
    struct s3_upload *upload = s3_rig_begin(KEY);

    ck_assert_int_eq(s3_rig_give(upload, 1, 1, PART, 0), 0);
    ck_assert_int_eq(s3_upload_finish(upload, NULL, &rig.err), 0);
    s3_upload_free(upload);
    ck_assert(s3_rig_object_is(KEY, 0));
}
END_TEST

START_TEST(an_upload_without_a_part_is_no_object)
{
    struct s3_upload *upload = s3_rig_begin(KEY);

    ck_assert_int_eq(s3_upload_finish(upload, NULL, &rig.err), -1);
    s3_upload_free(upload);
    ck_assert_uint_eq(s3_rig_count(NULL), 0);
}
END_TEST

START_TEST(an_abandoned_upload_of_one_part_sends_nothing)
{
    struct s3_upload *upload = s3_rig_begin(KEY);

    ck_assert_int_eq(s3_rig_give(upload, 1, 1, PART, PART), 0);
    s3_upload_free(upload);
    ck_assert_uint_eq(s3_rig_count(NULL), 0);
}
END_TEST

START_TEST(many_parts_become_one_object)
{
    struct fake_object object;

    s3_rig_assert_uploaded(40);
    ck_assert_uint_eq(s3_rig_count("CreateMultipartUpload"), 1);
    ck_assert_uint_eq(s3_rig_count("UploadPart"), 40);
    ck_assert_uint_eq(s3_rig_count("CompleteMultipartUpload"), 1);
    ck_assert_uint_eq(s3_rig_count("AbortMultipartUpload"), 0);
    ck_assert(fake_s3_object(rig.fake, KEY, &object));
    ck_assert_str_eq(object.content_type, "application/gzip");
    ck_assert(strstr(object.meta,
                     "x-amz-meta-pgkeep-token: 0123456789abcdef0123456789abcdef") != NULL);
    fake_object_release(&object);
    s3_rig_assert_manners();
}
END_TEST

static unsigned parts_before_the_id;

static int remember_id(void *context, const char *upload_id, struct err *err)
{
    char **id = context;

    (void)err;
    *id = memory_strdup(upload_id);
    parts_before_the_id = s3_rig_count("UploadPart");
    return 0;
}

static int refuse_id(void *context, const char *upload_id, struct err *err)
{
    (void)context;
    (void)upload_id;
    return err_set(err, ERR_SYSTEM, "the catalog is full");
}

START_TEST(the_upload_id_is_known_before_a_byte_goes_out)
{
    char *id = NULL;
    struct s3_upload_spec spec = {
        .key = KEY, .token = "t", .on_upload_id = remember_id, .context = (void *)&id};
    struct s3_upload *upload = s3_upload_begin(rig.client, &spec, &rig.err);

    ck_assert_int_eq(s3_rig_give(upload, 1, 3, PART, PART), 0);
    ck_assert_ptr_nonnull(id);
    ck_assert_uint_eq(parts_before_the_id, 0);
    ck_assert_int_eq(s3_upload_wait(upload, &rig.err), 0);
    ck_assert_uint_eq(fake_s3_object_count(rig.fake), 0);
    s3_upload_free(upload);
    ck_assert_uint_eq(fake_s3_upload_count(rig.fake), 0);
    free(id);
}
END_TEST

START_TEST(an_id_that_cannot_be_remembered_ends_the_upload)
{
    struct s3_upload_spec spec = {.key = KEY, .token = "t", .on_upload_id = refuse_id};
    struct s3_upload *upload = s3_upload_begin(rig.client, &spec, &rig.err);

    ck_assert_int_eq(s3_rig_give(upload, 1, 2, PART, PART), -1);
    ck_assert_str_eq(rig.err.text, "the catalog is full");
    s3_upload_free(upload);
    ck_assert_uint_eq(s3_rig_count("UploadPart"), 0);
    ck_assert_uint_eq(fake_s3_upload_count(rig.fake), 0);
}
END_TEST

START_TEST(the_first_failure_is_kept_for_good)
{
    struct s3_upload *upload = s3_rig_begin(KEY);
    char first[sizeof rig.err.text];

    s3_rig_fault((struct fake_fault){.op = "UploadPart",
                                     .part = 2,
                                     .action = FAKE_STATUS,
                                     .status = 403,
                                     .code = "AccessDenied",
                                     .times = FAKE_ALWAYS});
    ck_assert_int_eq(s3_rig_give(upload, 1, 2, PART, PART), 0);
    ck_assert_int_eq(s3_upload_wait(upload, &rig.err), -1);
    ck_assert_int_eq(rig.err.kind, ERR_DENIED);
    memcpy(first, rig.err.text, sizeof first);
    ck_assert_ptr_nonnull(strstr(first, "part 2"));
    ck_assert_int_eq(s3_rig_give(upload, 3, 3, PART, PART), -1);
    ck_assert_str_eq(rig.err.text, first);
    ck_assert_int_eq(s3_upload_finish(upload, NULL, &rig.err), -1);
    ck_assert_str_eq(rig.err.text, first);
    s3_upload_free(upload);
    ck_assert_uint_eq(s3_rig_count("CompleteMultipartUpload"), 0);
    ck_assert_uint_eq(fake_s3_upload_count(rig.fake), 0);
    s3_rig_assert_manners();
}
END_TEST

START_TEST(parts_that_are_not_the_next_are_refused)
{
    struct s3_upload *upload = s3_rig_begin(KEY);

    ck_assert_int_eq(s3_rig_give(upload, 1, 2, PART, PART), 0);
    ck_assert_int_eq(s3_rig_give(upload, 4, 4, PART, PART), -1);
    ck_assert_int_eq(s3_upload_finish(upload, NULL, &rig.err), -1);
    s3_upload_free(upload);
    s3_rig_assert_nothing();
}
END_TEST

static void three_parts(struct s3_config *config)
{
    config->max_parts = 3;
}

START_TEST(the_part_beyond_the_limit_fails_and_nothing_is_cut)
{
    s3_rig_restart(NULL, three_parts);
    s3_rig_assert_refused(4, ERR_STORE);
    ck_assert_uint_eq(s3_rig_count("CompleteMultipartUpload"), 0);
    s3_rig_assert_uploaded(3);
}
END_TEST

/* What may happen to a part once and is repaired. */
static const struct fake_fault part_faults[] = {
    {.action = FAKE_WRONG_ETAG},
    {.action = FAKE_NO_ETAG},
    {.action = FAKE_STATUS, .status = 500},
    {.action = FAKE_STATUS, .status = 503, .code = "SlowDown"},
    {.action = FAKE_STATUS_EARLY, .status = 503, .code = "ServiceUnavailable"},
    {.action = FAKE_STATUS, .status = 400, .code = "RequestTimeout"},
    {.action = FAKE_STATUS, .status = 400, .code = "BadDigest"},
    {.action = FAKE_CUT_REQUEST, .bytes = 1000},
    {.action = FAKE_RESET, .bytes = 1000},
    {.action = FAKE_RESET, .bytes = 0},
    {.action = FAKE_LOSE_ANSWER},
    {.action = FAKE_CUT_ANSWER, .bytes = 20},
    {.action = FAKE_EMPTY_200},
};

START_TEST(a_part_that_fails_once_is_sent_again_whole)
{
    struct fake_fault f = part_faults[_i];

    f.op = "UploadPart";
    f.part = 2;
    unsigned id = s3_rig_fault(f);
    s3_rig_assert_uploaded(4);
    ck_assert_uint_eq(fake_s3_fired(rig.fake, id), 1);
    ck_assert_uint_eq(s3_rig_count("UploadPart"), 5);
    s3_rig_assert_manners();
}
END_TEST

START_TEST(a_part_that_never_arrives_whole_is_corrupt)
{
    s3_rig_fault((struct fake_fault){
        .op = "UploadPart", .part = 2, .action = FAKE_WRONG_ETAG, .times = FAKE_ALWAYS});
    s3_rig_assert_refused(3, ERR_CORRUPT);
    ck_assert_uint_eq(s3_rig_count("CompleteMultipartUpload"), 0);
    fake_s3_clear_faults(rig.fake);
    s3_rig_fault((struct fake_fault){
        .op = "PutObject", .action = FAKE_WRONG_ETAG, .times = FAKE_ALWAYS});
    ck_assert_int_eq(s3_rig_upload(1), -1);
    ck_assert_int_eq(rig.err.kind, ERR_CORRUPT);
}
END_TEST

/* Where the service is known to check the SHA-256 that is signed. */
START_TEST(a_part_over_plain_http_needs_no_md5)
{
    struct fake_request request;
    s3_rig_restart_as("ceph", NULL);
    s3_rig_assert_uploaded(3);
    ck_assert(fake_s3_request(rig.fake, "UploadPart", 1, &request));
    char *md5 = fake_request_header(&request, "Content-MD5");
    ck_assert_ptr_null(md5);
    fake_request_release(&request);
    /* What has arrived otherwise is seen all the same. */
    s3_rig_fault((struct fake_fault){.op = "UploadPart",
                                     .part = 1,
                                     .action = FAKE_STATUS,
                                     .status = 400,
                                     .code = "XAmzContentSHA256Mismatch"});
    fake_s3_forget_object(rig.fake, S3_RIG_KEY);
    s3_rig_assert_uploaded(3);
}
END_TEST

START_TEST(who_asks_for_an_md5_gets_it_from_then_on)
{
    struct fake_s3_settings settings = fake_s3_defaults();
    settings.parts_want_md5 = true;
    s3_rig_restart_as("ceph", &settings);
    s3_rig_assert_uploaded(4);
    unsigned sent = s3_rig_count("UploadPart");
    ck_assert_uint_gt(sent, 4);
    fake_s3_forget_object(rig.fake, S3_RIG_KEY);
    s3_rig_assert_uploaded(4);
    ck_assert_uint_eq(s3_rig_count("UploadPart"), sent + 4);
}
END_TEST

START_TEST(a_service_without_etags_is_told_at_once_and_not_called_damage)
{
    static const char *const ops[] = {"PutObject", "UploadPart"};
    s3_rig_fault(
        (struct fake_fault){.op = ops[_i], .action = FAKE_NO_ETAG, .times = FAKE_ALWAYS});
    ck_assert_int_eq(s3_rig_upload(_i == 0 ? 1 : 3), -1);
    ck_assert_int_eq(rig.err.kind, ERR_STORE);
    ck_assert_ptr_nonnull(strstr(rig.err.text, "it gave no ETag"));
    ck_assert_ptr_nonnull(strstr(rig.err.text, "hint: "));
    /* The first doubt is tried again; after that it is known of all. */
    unsigned sent = s3_rig_count(ops[_i]);
    ck_assert_uint_ge(sent, 2);
    ck_assert_uint_le(sent, 4);
    ck_assert_int_eq(s3_rig_upload(_i == 0 ? 1 : 3), -1);
    /* One of the first upload may still have been on its way when they were counted. */
    ck_assert_uint_le(s3_rig_count(ops[_i]), sent + 4);
    if (_i == 0)
        ck_assert_uint_eq(s3_rig_count(ops[_i]), 3);
}
END_TEST

START_TEST(an_upload_given_up_leaves_nothing_behind)
{
    struct s3_upload *upload = s3_rig_begin(KEY);

    s3_rig_fault(
        (struct fake_fault){.op = "UploadPart", .action = FAKE_HOLD, .times = FAKE_ALWAYS});
    ck_assert_int_eq(s3_rig_give(upload, 1, 3, PART, PART), 0);
    ck_assert(fake_s3_wait_held(rig.fake, 3, 10000));
    fake_s3_clear_faults(rig.fake);
    s3_upload_free(upload);
    fake_s3_release(rig.fake);
    ck_assert_uint_eq(s3_rig_count("CompleteMultipartUpload"), 0);
    ck_assert_uint_eq(s3_rig_count("AbortMultipartUpload"), 1);
}
END_TEST

START_TEST(an_upload_goes_on_where_another_stopped)
{
    char *id = NULL;
    struct s3_upload_spec spec = {.key = KEY,
                                  .token = "0123456789abcdef0123456789abcdef",
                                  .on_upload_id = remember_id,
                                  .context = (void *)&id};
    struct s3_upload *first = s3_upload_begin(rig.client, &spec, &rig.err);
    struct s3_parts parts;

    ck_assert_int_eq(s3_rig_give(first, 1, 3, PART, PART), 0);
    ck_assert_int_eq(s3_upload_wait(first, &rig.err), 0);
    ck_assert_int_eq(s3_list_parts(rig.client, KEY, id, &parts, &rig.err), 0);
    ck_assert_uint_eq(parts.count, 3);
    struct s3_upload *second = s3_upload_resume(rig.client, &spec, id, &parts, &rig.err);
    ck_assert_msg(second != NULL, "%s", rig.err.text);
    ck_assert_int_eq(s3_rig_give(second, 4, 5, PART, SMALL), 0);
    ck_assert_int_eq(s3_upload_finish(second, NULL, &rig.err), 0);
    s3_upload_free(second);
    s3_upload_free(first);
    ck_assert(s3_rig_object_is(KEY, s3_rig_size(5)));
    ck_assert_uint_eq(s3_rig_count("CreateMultipartUpload"), 1);
    free(parts.items);
    free(id);
}
END_TEST

START_TEST(uploads_whose_begin_was_not_answered_are_removed_at_the_end)
{
    s3_rig_fault((struct fake_fault){
        .op = "CreateMultipartUpload", .action = FAKE_LOSE_ANSWER, .times = 2});
    s3_rig_assert_uploaded(3);
    ck_assert_uint_eq(s3_rig_count("CreateMultipartUpload"), 3);
    ck_assert_uint_eq(s3_rig_count("AbortMultipartUpload"), 2);
    s3_rig_assert_manners();
}
END_TEST

static void impatient(struct s3_config *config)
{
    config->retry_time_ms = 100;
}

START_TEST(a_begin_that_is_never_answered_leaves_nothing_or_says_so)
{
    s3_rig_restart(NULL, impatient);
    s3_rig_fault((struct fake_fault){
        .op = "CreateMultipartUpload", .action = FAKE_LOSE_ANSWER, .times = FAKE_ALWAYS});
    s3_rig_assert_refused(2, ERR_TRANSIENT);
    struct s3_upload *upload = s3_rig_begin(KEY);
    ck_assert_int_eq(s3_rig_give(upload, 1, 2, PART, PART), -1);
    s3_rig_fault((struct fake_fault){.op = "ListMultipartUploads",
                                     .action = FAKE_STATUS,
                                     .status = 403,
                                     .code = "AccessDenied",
                                     .times = FAKE_ALWAYS});
    ck_assert(!s3_upload_discard(upload));
}
END_TEST

START_TEST(chance_failures_cost_time_but_no_byte)
{
    struct fake_s3_settings settings = fake_s3_defaults();

    settings.failure_percent = 10;
    settings.failure_seed = 7;
    s3_rig_restart(&settings, NULL);
    s3_rig_assert_uploaded(60);
    s3_rig_assert_manners();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("upload");
    TCase *tcase = tcase_create("upload");

    tcase_set_timeout(tcase, 30);
    tcase_add_checked_fixture(tcase, s3_rig_set_up, s3_rig_stop);
    tcase_add_test(tcase, a_stream_of_one_part_is_one_put);
    tcase_add_test(tcase, an_empty_stream_is_an_empty_object);
    tcase_add_test(tcase, an_upload_without_a_part_is_no_object);
    tcase_add_test(tcase, an_abandoned_upload_of_one_part_sends_nothing);
    tcase_add_test(tcase, many_parts_become_one_object);
    tcase_add_test(tcase, the_upload_id_is_known_before_a_byte_goes_out);
    tcase_add_test(tcase, an_id_that_cannot_be_remembered_ends_the_upload);
    tcase_add_test(tcase, the_first_failure_is_kept_for_good);
    tcase_add_test(tcase, parts_that_are_not_the_next_are_refused);
    tcase_add_test(tcase, the_part_beyond_the_limit_fails_and_nothing_is_cut);
    tcase_add_loop_test(tcase, a_part_that_fails_once_is_sent_again_whole, 0,
                        (int)(sizeof part_faults / sizeof *part_faults));
    tcase_add_test(tcase, a_part_that_never_arrives_whole_is_corrupt);
    tcase_add_test(tcase, a_part_over_plain_http_needs_no_md5);
    tcase_add_test(tcase, who_asks_for_an_md5_gets_it_from_then_on);
    tcase_add_loop_test(
        tcase, a_service_without_etags_is_told_at_once_and_not_called_damage, 0, 2);
    tcase_add_test(tcase, an_upload_given_up_leaves_nothing_behind);
    tcase_add_test(tcase, an_upload_goes_on_where_another_stopped);
    tcase_add_test(tcase, uploads_whose_begin_was_not_answered_are_removed_at_the_end);
    tcase_add_test(tcase, a_begin_that_is_never_answered_leaves_nothing_or_says_so);
    tcase_add_test(tcase, chance_failures_cost_time_but_no_byte);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
