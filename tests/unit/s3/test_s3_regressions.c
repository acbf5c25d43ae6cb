/*
 * What went wrong in other clients (S3.md section 6), number by number, seen through the
 * public face of s3/: the parts of an upload. Its end, reading, and services are in
 * test_s3_regressions_*.c.
 */
#include "tests/support/s3_rig.h"
#include "tests/support/run_suite.h"

#include "base/memory.h"

#include <check.h>
#include <pthread.h>
#include <sched.h>

#define KEY S3_RIG_KEY

enum { PART = S3_RIG_PART, SMALL = S3_RIG_LAST };

/* ---- 1 ---- */

START_TEST(r01_an_error_inside_200_of_complete_is_no_success)
{
    unsigned id = s3_rig_fault((struct fake_fault){
        .op = "CompleteMultipartUpload", .action = FAKE_ERROR_IN_200, .times = 2});

    s3_rig_assert_uploaded(3);
    ck_assert_uint_eq(fake_s3_fired(rig.fake, id), 2);
    ck_assert_uint_eq(s3_rig_count("CompleteMultipartUpload"), 3);
}
END_TEST

START_TEST(r01_a_final_error_inside_200_of_complete_fails_the_upload)
{
    s3_rig_fault((struct fake_fault){.op = "CompleteMultipartUpload",
                                     .action = FAKE_ERROR_IN_200,
                                     .code = "AccessDenied",
                                     .times = FAKE_ALWAYS});
    ck_assert_int_eq(s3_rig_upload(3), -1);
    ck_assert_int_eq(rig.err.kind, ERR_DENIED);
    s3_rig_assert_nothing();
    s3_rig_assert_manners();
}
END_TEST

/* ---- 2 ---- */

static void three_parts(struct s3_config *config)
{
    config->max_parts = 3;
}

START_TEST(r02_the_part_beyond_the_limit_fails_and_nothing_is_cut_short)
{
    s3_rig_restart(NULL, three_parts);
    struct s3_part_rules rules = s3_client_part_rules(rig.client);
    ck_assert_uint_eq(rules.max_parts, 3);
    s3_rig_assert_uploaded(3);
    fake_s3_forget_object(rig.fake, KEY);
    ck_assert_int_eq(s3_rig_upload(4), -1);
    ck_assert_int_eq(rig.err.kind, ERR_STORE);
    ck_assert_uint_eq(s3_rig_count("CompleteMultipartUpload"), 1);
    s3_rig_assert_nothing();
}
END_TEST

/* ---- 3, 4 ---- */

/* The producer failed, was killed, or ended without its end: whoever knows does not finish. */
START_TEST(r03_r04_a_stream_that_is_not_finished_never_becomes_an_object)
{
    struct s3_upload *upload = s3_rig_begin(KEY);

    ck_assert_int_eq(s3_rig_give(upload, 1, (unsigned)_i, PART, SMALL), 0);
    ck_assert_int_eq(s3_upload_wait(upload, &rig.err), 0);
    s3_upload_free(upload);
    ck_assert_uint_eq(s3_rig_count("CompleteMultipartUpload"), 0);
    ck_assert_uint_eq(s3_rig_count("PutObject"), 0);
    s3_rig_assert_nothing();
    s3_rig_assert_manners();
}
END_TEST

/* ---- 5 ---- */

START_TEST(r05_a_small_part_is_not_the_end)
{
    static const size_t sizes[] = {1, PART, 3, 1, 4096, PART, 2};
    struct s3_upload *upload = s3_rig_begin(KEY);
    uint64_t offset = 0;

    for (unsigned i = 0; i < 7; i++) {
        struct part *part = part_pool_get(rig.pool, &rig.err);
        ck_assert_ptr_nonnull(part);
        part->number = i + 1;
        part->offset = offset;
        part->size = sizes[i];
        s3_rig_fill(part->data, offset, sizes[i]);
        offset += sizes[i];
        ck_assert_int_eq(s3_upload_part(upload, part, &rig.err), 0);
        part_release(part);
    }
    ck_assert_msg(s3_upload_finish(upload, NULL, &rig.err) == 0, "%s", rig.err.text);
    s3_upload_free(upload);
    ck_assert(s3_rig_object_is(KEY, offset));
}
END_TEST

/* ---- 6 ---- */

START_TEST(r06_parts_that_arrive_out_of_order_are_the_stream_in_order)
{
    unsigned char data[SMALL];
    uint64_t at = 0;
    ssize_t got;

    for (unsigned i = 1; i <= 30; i++)
        s3_rig_fault((struct fake_fault){.op = "UploadPart",
                                         .part = i,
                                         .action = FAKE_DELAY,
                                         .delay_ms = (int)(i * 7919 % 23)});
    s3_rig_assert_uploaded(30);
    struct s3_download *download = s3_download_begin(
        rig.client, &(struct s3_download_spec){.key = KEY, .range_size = 10000}, &rig.err);
    ck_assert_msg(download != NULL, "%s", rig.err.text);
    while ((got = s3_download_read(download, data, sizeof data, &rig.err)) > 0) {
        ck_assert(s3_rig_matches(data, at, (size_t)got));
        at += (uint64_t)got;
    }
    ck_assert_int_eq(got, 0);
    ck_assert_uint_eq(at, 29 * PART + SMALL);
    s3_download_free(download);
    s3_rig_assert_manners();
}
END_TEST

/* ---- 7 ---- */

struct getter {
    pthread_t thread;
    pthread_mutex_t lock;
    bool got;
};

static void *get_one(void *argument)
{
    struct getter *getter = argument;
    struct err err;
    struct part *part = part_pool_get(rig.pool, &err);

    pthread_mutex_lock(&getter->lock);
    getter->got = true;
    pthread_mutex_unlock(&getter->lock);
    part_release(part);
    return NULL;
}

static bool has_got(struct getter *getter)
{
    pthread_mutex_lock(&getter->lock);
    bool got = getter->got;
    pthread_mutex_unlock(&getter->lock);
    return got;
}

/* Every buffer is in flight: none may be filled again before its part is acknowledged. */
START_TEST(r07_a_buffer_in_flight_is_not_used_again)
{
    struct s3_upload *upload = s3_rig_begin(KEY);
    struct getter getter = {.lock = PTHREAD_MUTEX_INITIALIZER};

    s3_rig_fault((struct fake_fault){.op = "UploadPart", .action = FAKE_HOLD, .times = 4});
    ck_assert_int_eq(s3_rig_give(upload, 1, 4, PART, SMALL), 0);
    ck_assert(fake_s3_wait_held(rig.fake, 4, 10000));
    ck_assert_int_eq(pthread_create(&getter.thread, NULL, get_one, &getter), 0);
    for (int i = 0; i < 1000; i++)
        sched_yield();
    ck_assert(!has_got(&getter));
    fake_s3_release(rig.fake);
    pthread_join(getter.thread, NULL);
    ck_assert(has_got(&getter));
    ck_assert_msg(s3_upload_finish(upload, NULL, &rig.err) == 0, "%s", rig.err.text);
    s3_upload_free(upload);
    ck_assert(s3_rig_object_is(KEY, s3_rig_size(4)));
    ck_assert_uint_eq(fake_s3_stats(rig.fake).parts_in_flight, 4);
}
END_TEST

/* ---- 8 ---- */

START_TEST(r08_every_part_stands_in_complete_also_one_whose_answer_was_lost)
{
    struct fake_object object;

    s3_rig_fault((struct fake_fault){
        .op = "UploadPart", .part = (unsigned)_i, .action = FAKE_LOSE_ANSWER});
    s3_rig_assert_uploaded(4);
    ck_assert(fake_s3_object(rig.fake, KEY, &object));
    ck_assert_uint_eq(object.parts, 4);
    fake_object_release(&object);
    ck_assert_uint_eq(s3_rig_count("UploadPart"), 5);
    s3_rig_assert_manners();
}
END_TEST

START_TEST(r08_a_gap_between_parts_is_refused)
{
    struct s3_upload *upload = s3_rig_begin(KEY);

    ck_assert_int_eq(s3_rig_give(upload, 1, 2, PART, PART), 0);
    ck_assert_int_eq(s3_rig_give(upload, 4, 4, PART, SMALL), -1);
    ck_assert_int_eq(s3_upload_finish(upload, NULL, &rig.err), -1);
    s3_upload_free(upload);
    s3_rig_assert_nothing();
}
END_TEST

/* ---- 9 ---- */

static const struct fake_fault cuts[] = {
    {.op = "UploadPart", .action = FAKE_STATUS_EARLY, .status = 500, .times = 3},
    {.op = "UploadPart", .action = FAKE_CUT_REQUEST, .bytes = 1, .times = 3},
    {.op = "UploadPart", .action = FAKE_CUT_REQUEST, .bytes = 30000, .times = 3},
    {.op = "UploadPart", .action = FAKE_RESET, .bytes = 30000, .times = 3},
    {.op = "UploadPart", .action = FAKE_RESET, .times = 3},
    {.op = "UploadPart", .action = FAKE_STATUS, .status = 503, .times = 3},
    {.op = "UploadPart", .action = FAKE_CUT_ANSWER, .bytes = 20, .times = 3},
    {.op = "UploadPart", .action = FAKE_NO_ETAG},
    {.op = "UploadPart", .action = FAKE_WRONG_ETAG},
    {.op = "UploadPart", .action = FAKE_EMPTY_200},
    {.op = "UploadPart", .action = FAKE_ERROR_IN_200},
    {.op = "CreateMultipartUpload", .action = FAKE_CUT_ANSWER, .bytes = 250},
    {.op = "CreateMultipartUpload", .action = FAKE_RESET},
    {.op = "CompleteMultipartUpload", .action = FAKE_RESET, .bytes = 10},
};

START_TEST(r09_a_body_is_sent_again_from_its_first_byte)
{
    unsigned id = s3_rig_fault(cuts[_i]);

    ck_assert_msg(s3_rig_upload(4) == 0, "%s", rig.err.text);
    ck_assert(s3_rig_object_is(KEY, s3_rig_size(4)));
    ck_assert_uint_eq(fake_s3_fired(rig.fake, id), cuts[_i].times > 0 ? cuts[_i].times : 1);
    s3_rig_assert_manners();
}
END_TEST

START_TEST(r09_a_dead_connection_costs_no_byte)
{
    struct s3_upload *upload = s3_rig_begin(KEY);

    ck_assert_int_eq(s3_rig_give(upload, 1, 2, PART, PART), 0);
    ck_assert_int_eq(s3_upload_wait(upload, &rig.err), 0);
    fake_s3_down(rig.fake);
    ck_assert_int_eq(fake_s3_up(rig.fake, &rig.err), 0);
    ck_assert_int_eq(s3_rig_give(upload, 3, 4, PART, SMALL), 0);
    ck_assert_msg(s3_upload_finish(upload, NULL, &rig.err) == 0, "%s", rig.err.text);
    s3_upload_free(upload);
    ck_assert(s3_rig_object_is(KEY, s3_rig_size(4)));
}
END_TEST

/* ---- 10 ---- */

START_TEST(r10_every_attempt_is_signed_anew)
{
    struct fake_s3_settings settings = fake_s3_defaults();
    struct fake_request first, second;

    settings.clock_offset_s = 4000;
    s3_rig_restart(&settings, NULL);
    s3_rig_assert_uploaded(1);
    ck_assert(fake_s3_request(rig.fake, "PutObject", 1, &first));
    ck_assert(fake_s3_request(rig.fake, "PutObject", 2, &second));
    char *date = fake_request_header(&first, "x-amz-date");
    char *later = fake_request_header(&second, "x-amz-date");
    ck_assert_int_eq(first.status, 403);
    ck_assert_int_eq(second.status, 200);
    ck_assert_str_lt(date, later);
    ck_assert_uint_eq(fake_s3_stats(rig.fake).bad_signatures, 0);
    ck_assert_uint_eq(fake_s3_stats(rig.fake).repeated_dates, 0);
    free(date);
    free(later);
    fake_request_release(&first);
    fake_request_release(&second);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("s3_regressions");
    TCase *tcase = tcase_create("uploads");

    tcase_add_checked_fixture(tcase, s3_rig_set_up, s3_rig_stop);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, r01_an_error_inside_200_of_complete_is_no_success);
    tcase_add_test(tcase, r01_a_final_error_inside_200_of_complete_fails_the_upload);
    tcase_add_test(tcase, r02_the_part_beyond_the_limit_fails_and_nothing_is_cut_short);
    tcase_add_loop_test(
        tcase, r03_r04_a_stream_that_is_not_finished_never_becomes_an_object, 1, 4);
    tcase_add_test(tcase, r05_a_small_part_is_not_the_end);
    tcase_add_test(tcase, r06_parts_that_arrive_out_of_order_are_the_stream_in_order);
    tcase_add_test(tcase, r07_a_buffer_in_flight_is_not_used_again);
    tcase_add_loop_test(
        tcase, r08_every_part_stands_in_complete_also_one_whose_answer_was_lost, 1, 5);
    tcase_add_test(tcase, r08_a_gap_between_parts_is_refused);
    tcase_add_loop_test(tcase, r09_a_body_is_sent_again_from_its_first_byte, 0,
                        (int)(sizeof cuts / sizeof *cuts));
    tcase_add_test(tcase, r09_a_dead_connection_costs_no_byte);
    tcase_add_test(tcase, r10_every_attempt_is_signed_anew);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
