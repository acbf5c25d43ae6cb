/*
 * What went wrong in other clients (S3.md section 6), number by number, seen through the
 * public face of s3/: how an upload ends, failures by chance, outages.
 */
#include "tests/support/s3_rig.h"
#include "tests/support/run_suite.h"
#include "tests/support/scratch.h"

#include "base/memory.h"
#include "s3/core/client.h"

#include <check.h>
#include <pthread.h>

#define KEY S3_RIG_KEY

enum { PART = S3_RIG_PART, SMALL = S3_RIG_LAST };

/* ---- 11 ---- */

static const struct fake_fault losses[] = {
    {.op = "CompleteMultipartUpload", .action = FAKE_LOSE_ANSWER},
    {.op = "CompleteMultipartUpload", .action = FAKE_CUT_ANSWER, .bytes = 100},
    {.op = "CompleteMultipartUpload", .action = FAKE_CUT_BODY, .bytes = 60},
    {.op = "CompleteMultipartUpload", .action = FAKE_ERROR_AFTER_200},
    {.op = "CompleteMultipartUpload", .action = FAKE_EMPTY_200},
};

START_TEST(r11_a_lost_answer_of_complete_is_settled_by_our_token)
{
    struct fake_s3_settings settings = fake_s3_defaults();
    size_t ways = sizeof losses / sizeof *losses;

    settings.complete_twice_is_200 = (size_t)_i >= ways;
    settings.complete_without_etag = (size_t)_i >= 2 * ways;
    s3_rig_restart(&settings, NULL);
    s3_rig_fault(losses[(size_t)_i % ways]);
    s3_rig_assert_uploaded(3);
    ck_assert_uint_eq(s3_rig_count("AbortMultipartUpload"), 0);
    s3_rig_assert_manners();
}
END_TEST

struct finisher {
    pthread_t thread;
    struct s3_upload *upload;
    struct err err;
    int result;
};

static void *run_finish(void *argument)
{
    struct finisher *finisher = argument;

    finisher->result = s3_upload_finish(finisher->upload, NULL, &finisher->err);
    return NULL;
}

static void finish_in_background(struct finisher *finisher, unsigned parts)
{
    *finisher = (struct finisher){.upload = s3_rig_begin(KEY)};
    ck_assert_int_eq(s3_rig_give(finisher->upload, 1, parts, PART, SMALL), 0);
    ck_assert_int_eq(pthread_create(&finisher->thread, NULL, run_finish, finisher), 0);
}

/* Complete was carried out and its answer lost; before it is asked again, somebody else
 * writes the key. Of the same size, even with our header, but never with our token. */
START_TEST(r11_a_foreign_object_is_not_taken_for_ours)
{
    static unsigned char other[2 * PART + SMALL];
    struct finisher finisher;

    s3_rig_fault(
        (struct fake_fault){.op = "CompleteMultipartUpload", .action = FAKE_LOSE_ANSWER});
    s3_rig_fault((struct fake_fault){
        .op = "CompleteMultipartUpload", .action = FAKE_HOLD, .nth = 2});
    finish_in_background(&finisher, 3);
    ck_assert(fake_s3_wait_held(rig.fake, 1, 10000));
    ck_assert(s3_rig_object_is(KEY, s3_rig_size(3)));
    fake_s3_forget_object(rig.fake, KEY);
    fake_s3_add_object(rig.fake, KEY, other, sizeof other);
    if (_i > 0)
        fake_s3_set_meta(rig.fake, KEY, "pgkeep-token", "fedcba9876543210fedcba9876543210");
    fake_s3_release(rig.fake);
    pthread_join(finisher.thread, NULL);
    ck_assert_int_eq(finisher.result, -1);
    s3_upload_free(finisher.upload);
    ck_assert_uint_eq(s3_rig_count("AbortMultipartUpload"), 0);
    ck_assert_uint_eq(s3_rig_count("DeleteObject"), 0);
    ck_assert_uint_eq(fake_s3_object_count(rig.fake), 1);
}
END_TEST

static void little_time(struct s3_config *config)
{
    config->retry_time_ms = 200;
}

START_TEST(r11_after_a_complete_of_unknown_outcome_there_is_no_abort)
{
    s3_rig_restart(NULL, little_time);
    s3_rig_fault((struct fake_fault){.op = "CompleteMultipartUpload",
                                     .action = _i == 0 ? FAKE_LOSE_ANSWER : FAKE_RESET,
                                     .times = FAKE_ALWAYS});
    s3_rig_fault((struct fake_fault){.op = "HeadObject",
                                     .action = FAKE_STATUS,
                                     .status = 403,
                                     .code = "AccessDenied",
                                     .times = FAKE_ALWAYS});
    ck_assert_int_eq(s3_rig_upload(3), -1);
    ck_assert_uint_eq(s3_rig_count("AbortMultipartUpload"), 0);
    ck_assert_uint_eq(fake_s3_object_count(rig.fake), _i == 0 ? 1 : 0);
    ck_assert_uint_eq(fake_s3_upload_count(rig.fake), _i == 0 ? 0 : 1);
}
END_TEST

/* ---- 12, and failures by chance ---- */

START_TEST(r12_failures_by_chance_fail_no_upload_and_send_nothing_twice_at_once)
{
    struct fake_s3_settings settings = fake_s3_defaults();

    settings.failure_percent = 10;
    settings.failure_seed = (uint64_t)_i;
    s3_rig_restart(&settings, NULL);
    s3_rig_assert_uploaded(25);
    s3_rig_assert_manners();
}
END_TEST

/* ---- outages ---- */

/* Counts how often the client waits before it tries again. */
struct waits {
    pthread_mutex_t lock;
    pthread_cond_t more;
    unsigned count;
};

static int64_t count_wait(void *context, int64_t delay_ms)
{
    struct waits *waits = context;

    pthread_mutex_lock(&waits->lock);
    waits->count++;
    pthread_cond_signal(&waits->more);
    pthread_mutex_unlock(&waits->lock);
    return delay_ms > 1 ? 1 : delay_ms;
}

static void wait_for_waits(struct waits *waits, unsigned more)
{
    pthread_mutex_lock(&waits->lock);
    for (unsigned until = waits->count + more; waits->count < until;)
        pthread_cond_wait(&waits->more, &waits->lock);
    pthread_mutex_unlock(&waits->lock);
}

/* The service goes away while a part, or Complete, is under way, and stays away for many
 * tries. */
START_TEST(an_outage_in_the_middle_of_an_upload_is_sat_out)
{
    struct waits waits = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};
    struct s3_test_hooks seam = {.delay = count_wait, .context = &waits};
    struct finisher finisher;

    s3_client_set_test_hooks(rig.client, &seam);
    s3_rig_fault((struct fake_fault){
        .op = _i == 0 ? "UploadPart" : "CompleteMultipartUpload", .action = FAKE_HOLD});
    finish_in_background(&finisher, 4);
    ck_assert(fake_s3_wait_held(rig.fake, 1, 10000));
    fake_s3_down(rig.fake);
    unsigned before = s3_rig_count(NULL);
    wait_for_waits(&waits, 20);
    ck_assert_uint_eq(s3_rig_count(NULL), before);
    ck_assert_int_eq(fake_s3_up(rig.fake, &rig.err), 0);
    pthread_join(finisher.thread, NULL);
    ck_assert_msg(finisher.result == 0, "%s", finisher.err.text);
    s3_upload_free(finisher.upload);
    ck_assert(s3_rig_object_is(KEY, s3_rig_size(4)));
    ck_assert_uint_eq(s3_rig_count("AbortMultipartUpload"), 0);
    s3_rig_assert_manners();
}
END_TEST

START_TEST(an_outage_that_lasts_fails_the_upload_in_its_time)
{
    s3_rig_restart(NULL, little_time);
    struct s3_upload *upload = s3_rig_begin(KEY);
    ck_assert_int_eq(s3_rig_give(upload, 1, 2, PART, PART), 0);
    ck_assert_int_eq(s3_upload_wait(upload, &rig.err), 0);
    fake_s3_down(rig.fake);
    if (s3_rig_give(upload, 3, 4, PART, SMALL) == 0)
        ck_assert_int_eq(s3_upload_finish(upload, NULL, &rig.err), -1);
    ck_assert_msg(rig.err.kind == ERR_TRANSIENT, "%s", rig.err.text);
    ck_assert_int_eq(fake_s3_up(rig.fake, &rig.err), 0);
    s3_upload_free(upload);
    s3_rig_assert_nothing();
}
END_TEST

/* ---- credentials ---- */

static char folder[SCRATCH_SIZE];

static void write_file(const char *name, const char *text)
{
    char *path = memory_format("%s/%s", folder, name);
    FILE *file = fopen(path, "w");

    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
    free(path);
}

static void hand_out(const char *access_key, const char *token)
{
    char *keys = memory_format("{\"Version\":1,\"AccessKeyId\":\"%s\","
                               "\"SecretAccessKey\":\"secret\",\"SessionToken\":\"%s\"}\n",
                               access_key, token);

    write_file("keys", keys);
    free(keys);
}

static void ask_a_program(struct s3_config *config)
{
    config->access_key = config->secret_key = config->session_token = NULL;
    config->profile = "test";
}

/* A dump takes longer than its first credentials live. */
START_TEST(credentials_that_end_in_the_middle_of_an_upload_are_renewed)
{
    scratch_folder(folder);
    char *path = memory_format("%s/config", folder);
    char *text =
        memory_format("[profile test]\ncredential_process = /bin/cat %s/keys\n", folder);
    write_file("config", text);
    setenv("AWS_CONFIG_FILE", path, 1);
    setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent", 1);
    hand_out("FIRST", "one");
    s3_rig_restart(NULL, ask_a_program);
    fake_s3_add_credentials(rig.fake, "FIRST", "secret", "one", 0);
    struct s3_upload *upload = s3_rig_begin(KEY);
    ck_assert_msg(s3_rig_give(upload, 1, 2, PART, PART) == 0, "%s", rig.err.text);
    ck_assert_msg(s3_upload_wait(upload, &rig.err) == 0, "%s", rig.err.text);
    hand_out("SECOND", "two");
    fake_s3_add_credentials(rig.fake, "FIRST", "secret", "one", 1);
    fake_s3_add_credentials(rig.fake, "SECOND", "secret", "two", 0);
    ck_assert_int_eq(s3_rig_give(upload, 3, 5, PART, SMALL), 0);
    ck_assert_msg(s3_upload_finish(upload, NULL, &rig.err) == 0, "%s", rig.err.text);
    s3_upload_free(upload);
    ck_assert(s3_rig_object_is(KEY, s3_rig_size(5)));
    s3_rig_assert_manners();
    free(path);
    free(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("s3_regressions_endings");
    TCase *tcase = tcase_create("endings");

    tcase_add_checked_fixture(tcase, s3_rig_set_up, s3_rig_stop);
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, r11_a_lost_answer_of_complete_is_settled_by_our_token, 0,
                        (int)(3 * (sizeof losses / sizeof *losses)));
    tcase_add_loop_test(tcase, r11_a_foreign_object_is_not_taken_for_ours, 0, 2);
    tcase_add_loop_test(tcase, r11_after_a_complete_of_unknown_outcome_there_is_no_abort, 0,
                        2);
    tcase_add_loop_test(
        tcase, r12_failures_by_chance_fail_no_upload_and_send_nothing_twice_at_once, 0, 5);
    tcase_add_loop_test(tcase, an_outage_in_the_middle_of_an_upload_is_sat_out, 0, 2);
    tcase_add_test(tcase, an_outage_that_lasts_fails_the_upload_in_its_time);
    tcase_add_test(tcase, credentials_that_end_in_the_middle_of_an_upload_are_renewed);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
