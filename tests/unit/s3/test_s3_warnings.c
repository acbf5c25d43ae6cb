/* What is no failure yet, and had better be known: it is said, and said once. */
#include "base/memory.h"
#include "base/text.h"
#include "tests/support/s3_rig.h"
#include "tests/support/run_suite.h"

#include <check.h>
#include <stdatomic.h>
#include <unistd.h>

#define KEY S3_RIG_KEY
#define HOUR (INT64_C(3600) * 1000)
enum { PART = S3_RIG_PART, SMALL = S3_RIG_LAST };

static atomic_llong clock_at; /* ms */

static int64_t standing_clock(void *unused)
{
    (void)unused;
    return atomic_load(&clock_at);
}

/* ---- what goes to stderr meanwhile */

static FILE *heard;
static int real_stderr;

static void listen_in(void)
{
    heard = tmpfile();
    ck_assert_ptr_nonnull(heard);
    fflush(stderr);
    real_stderr = dup(STDERR_FILENO);
    ck_assert_int_ge(dup2(fileno(heard), STDERR_FILENO), 0);
}

static unsigned times_heard(const char *words)
{
    char line[1000];
    unsigned times = 0;

    fflush(stderr);
    rewind(heard);
    while (fgets(line, sizeof line, heard) != NULL)
        times += strstr(line, words) != NULL;
    fseek(heard, 0, SEEK_END);
    return times;
}

static void start_as(void (*change)(struct s3_config *config))
{
    static const struct s3_test_hooks seam = {
        .now = standing_clock, .retransmitted_allowed = 2 * PART, .context = &rig.pair};

    clock_at = 1000;
    s3_rig_start(NULL, change);
    s3_client_set_test_hooks(rig.client, &seam);
    listen_in();
}

static void stop(void)
{
    dup2(real_stderr, STDERR_FILENO);
    close(real_stderr);
    fclose(heard);
    s3_rig_stop();
}

static void as_minio(struct s3_config *config)
{
    config->provider = "minio";
}

static void as_aws(struct s3_config *config)
{
    config->provider = "aws";
}

static void as_r2_with_ten_parts(struct s3_config *config)
{
    config->provider = "r2";
    config->max_parts = 10;
}

/* ---- */

/* MinIO sweeps uploads that were begun 24 hours ago, whatever still arrives. */
START_TEST(an_upload_that_will_be_swept_is_warned_of_four_hours_before)
{
    start_as(_i == 0 ? as_minio : as_aws);
    struct s3_upload *upload = s3_rig_begin(KEY);
    ck_assert_int_eq(s3_rig_give(upload, 1, 2, PART, PART), 0);
    clock_at += 20 * HOUR - 1;
    ck_assert_int_eq(s3_rig_give(upload, 3, 3, PART, PART), 0);
    ck_assert_uint_eq(times_heard("MinIO removes it after 24"), 0);
    clock_at += 1;
    ck_assert_int_eq(s3_rig_give(upload, 4, 4, PART, PART), 0);
    ck_assert_uint_eq(times_heard("MinIO removes it after 24"), _i == 0);
    clock_at += 3 * HOUR;
    ck_assert_int_eq(s3_rig_give(upload, 5, 5, PART, SMALL), 0);
    ck_assert_uint_eq(times_heard("removes it"), _i == 0);
    ck_assert_msg(s3_upload_finish(upload, NULL, &rig.err) == 0, "%s", rig.err.text);
    s3_upload_free(upload);
    stop();
}
END_TEST

START_TEST(equal_parts_that_come_to_their_end_are_warned_of_at_four_fifths)
{
    start_as(as_r2_with_ten_parts);
    struct s3_upload *upload = s3_rig_begin(KEY);
    ck_assert_int_eq(s3_rig_give(upload, 1, 7, PART, PART), 0);
    ck_assert_uint_eq(times_heard("part 8 of 10"), 0);
    ck_assert_int_eq(s3_rig_give(upload, 8, 10, PART, SMALL), 0);
    ck_assert_uint_eq(times_heard("part 8 of 10"), 1);
    ck_assert_uint_eq(times_heard(" of 10"), 1);
    ck_assert_msg(s3_upload_finish(upload, NULL, &rig.err) == 0, "%s", rig.err.text);
    s3_upload_free(upload);
    stop();
}
END_TEST

START_TEST(much_that_was_sent_in_vain_is_told_once)
{
    start_as(NULL);
    ck_assert_msg(s3_rig_upload(3) == 0, "%s", rig.err.text);
    ck_assert_uint_eq(times_heard("sent again"), 0);
    fake_s3_fault(rig.fake,
                  &(struct fake_fault){
                      .op = "UploadPart", .part = 1, .times = 6, .action = FAKE_STATUS});
    ck_assert_msg(s3_rig_upload(3) == 0, "%s", rig.err.text);
    ck_assert_uint_eq(times_heard("sent again"), 1);
    /* And counted for whoever asks: six times a part in vain, two uploads that arrived. */
    struct s3_sent sent = s3_client_sent(rig.client);
    ck_assert_uint_eq(sent.lost, 6 * PART);
    ck_assert_uint_ge(sent.arrived, 4 * PART);
    stop();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("s3_warnings");
    TCase *tcase = tcase_create("s3_warnings");

    tcase_add_loop_test(tcase, an_upload_that_will_be_swept_is_warned_of_four_hours_before,
                        0, 2);
    tcase_add_test(tcase, equal_parts_that_come_to_their_end_are_warned_of_at_four_fifths);
    tcase_add_test(tcase, much_that_was_sent_in_vain_is_told_once);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
