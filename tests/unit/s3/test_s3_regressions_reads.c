/*
 * What went wrong in other clients (S3.md section 6), number by number, seen through the
 * public face of s3/: reading and listing.
 */
#include "tests/support/s3_rig.h"
#include "tests/support/run_suite.h"

#include "base/memory.h"

#include <check.h>

#define KEY S3_RIG_KEY

enum { SIZE = 50000, RANGE = 8000 };

/* ---- 14 ---- */

/* Reads it all; bytes that came and were right, -1 for an error. */
static int64_t download(uint64_t offset, uint64_t length)
{
    struct s3_download_spec spec = {
        .key = KEY, .offset = offset, .length = length, .range_size = RANGE};
    struct s3_download *download = s3_download_begin(rig.client, &spec, &rig.err);
    unsigned char data[3000];
    uint64_t at = offset;
    ssize_t got = -1;

    while (download != NULL &&
           (got = s3_download_read(download, data, sizeof data, &rig.err)) > 0) {
        ck_assert(s3_rig_matches(data, at, (size_t)got));
        at += (uint64_t)got;
    }
    s3_download_free(download);
    return got < 0 ? -1 : (int64_t)(at - offset);
}

static const struct fake_fault bad_reads[] = {
    {.op = "GetObject", .action = FAKE_CUT_BODY, .bytes = 100},
    {.op = "GetObject", .action = FAKE_CUT_BODY, .bytes = 100, .nth = 7},
    {.op = "GetObject", .action = FAKE_CUT_BODY, .nth = 2},
    {.op = "GetObject", .action = FAKE_CUT_ANSWER, .bytes = 60},
    {.op = "GetObject", .action = FAKE_LOSE_ANSWER},
    {.op = "GetObject", .action = FAKE_SHORT_206, .bytes = 1},
    {.op = "GetObject", .action = FAKE_SHORT_206, .bytes = 4000, .nth = 7},
    {.op = "GetObject", .action = FAKE_WRONG_RANGE, .bytes = 1},
    {.op = "GetObject", .action = FAKE_WHOLE_200, .nth = 2},
    {.op = "GetObject", .action = FAKE_EMPTY_200, .nth = 3},
    {.op = "GetObject", .action = FAKE_ERROR_IN_200, .nth = 3},
    {.op = "GetObject", .action = FAKE_STATUS, .status = 503, .nth = 3},
    {.op = "GetObject", .action = FAKE_RESET, .nth = 3},
    {.op = "HeadObject", .action = FAKE_RESET},
};

START_TEST(r14_a_truncated_answer_is_not_the_whole)
{
    s3_rig_add_object(KEY, SIZE);
    unsigned id = s3_rig_fault(bad_reads[_i]);
    int64_t got = download(0, 0);

    ck_assert_msg(got == SIZE || got == -1, "%lld bytes", (long long)got);
    ck_assert_uint_eq(fake_s3_fired(rig.fake, id), 1);
    ck_assert_int_eq(download(0, 0), SIZE);
}
END_TEST

START_TEST(r14_answers_that_stay_wrong_are_an_error_and_never_an_end)
{
    struct fake_fault always = bad_reads[_i];

    s3_rig_add_object(KEY, SIZE);
    always.times = FAKE_ALWAYS;
    s3_client_set_retry_time(rig.client, 200);
    s3_rig_fault(always);
    int64_t got = download(0, 0);
    /* A body that is cut each time still comes, piece by piece. */
    ck_assert_msg(got == -1 || (always.action == FAKE_CUT_BODY && got == SIZE), "%lld",
                  (long long)got);
}
END_TEST

START_TEST(r14_bytes_of_two_objects_are_never_mixed)
{
    s3_rig_add_object(KEY, SIZE);
    struct s3_download_spec spec = {.key = KEY, .range_size = RANGE, .parallel = 1};
    struct s3_download *download = s3_download_begin(rig.client, &spec, &rig.err);
    unsigned char data[RANGE];
    ssize_t got;

    ck_assert_ptr_nonnull(download);
    ck_assert_int_gt(s3_download_read(download, data, sizeof data, &rig.err), 0);
    fake_s3_add_object(rig.fake, KEY, NULL, SIZE);
    while ((got = s3_download_read(download, data, sizeof data, &rig.err)) > 0)
        continue;
    ck_assert_int_eq(got, -1);
    ck_assert_int_eq(rig.err.kind, ERR_CORRUPT);
    s3_download_free(download);
}
END_TEST

START_TEST(r14_a_part_of_an_object_has_exactly_the_bytes_asked_for)
{
    s3_rig_add_object(KEY, SIZE);
    ck_assert_int_eq(download(1234, 20000), 20000);
    ck_assert_int_eq(download(SIZE - 1, 0), 1);
    ck_assert_int_eq(download(SIZE, 0), 0);
    ck_assert_int_eq(download(SIZE - 1, 2), -1);
}
END_TEST

/* ---- 15 ---- */

static int count_object(void *context, const struct s3_object *object, struct err *err)
{
    (void)object;
    (void)err;
    ++*(unsigned *)context;
    return 0;
}

static const struct {
    const char *provider; /* "ceph" lists with version 1 */
    struct fake_fault fault;
} bad_lists[] = {
    {"aws", {.op = "ListObjectsV2", .action = FAKE_NO_MORE_TOKEN}},
    {"aws", {.op = "ListObjectsV2", .action = FAKE_NO_MORE_TOKEN, .nth = 2}},
    {"aws", {.op = "ListObjectsV2", .action = FAKE_SAME_TOKEN, .nth = 2}},
    {"aws", {.op = "ListObjectsV2", .action = FAKE_SAME_TOKEN}},
    {"aws", {.op = "ListObjectsV2", .action = FAKE_EMPTY_200, .nth = 2}},
    {"aws", {.op = "ListObjectsV2", .action = FAKE_ERROR_IN_200, .nth = 2}},
    {"aws", {.op = "ListObjectsV2", .action = FAKE_CUT_BODY, .bytes = 900, .nth = 2}},
    {"list1", {.op = "ListObjects", .action = FAKE_NO_MORE_TOKEN, .nth = 2}},
    {"list1", {.op = "ListObjects", .action = FAKE_SAME_TOKEN, .nth = 2}},
};

static void list_1(struct s3_config *config)
{
    config->list_version = 1;
}

START_TEST(r15_an_incomplete_listing_is_an_error)
{
    struct fake_s3_settings settings = fake_s3_defaults();
    struct fake_fault always = bad_lists[_i].fault;
    unsigned seen = 0;

    settings.page_size = 10;
    if (strcmp(bad_lists[_i].provider, "list1") == 0) {
        s3_rig_restart(&settings, list_1);
    } else {
        s3_rig_restart_as(bad_lists[_i].provider, &settings);
    }
    for (int i = 0; i < 35; i++) {
        char key[32];
        snprintf(key, sizeof key, "p/%03d", i);
        fake_s3_add_object(rig.fake, key, "x", 1);
    }
    always.times = FAKE_ALWAYS;
    unsigned id = s3_rig_fault(always);
    s3_client_set_retry_time(rig.client, 60);
    ck_assert_int_eq(s3_list(rig.client, "p/", count_object, &seen, &rig.err), -1);
    ck_assert_uint_ge(fake_s3_fired(rig.fake, id), 1);
    fake_s3_clear_faults(rig.fake);
    seen = 0;
    s3_client_set_retry_time(rig.client, 20000);
    ck_assert_int_eq(s3_list(rig.client, "p/", count_object, &seen, &rig.err), 0);
    ck_assert_uint_eq(seen, 35);
}
END_TEST

START_TEST(r15_more_than_a_thousand_versions_of_one_key_are_all_listed)
{
    struct fake_s3_settings settings = fake_s3_defaults();
    unsigned seen = 0;

    settings.versioning = true;
    s3_rig_restart_as("aws", &settings);
    for (int i = 0; i < 2500; i++)
        fake_s3_add_object(rig.fake, KEY, "x", 1);
    fake_s3_add_object(rig.fake, KEY "2", "x", 1);
    ck_assert_int_eq(s3_list_key_versions(rig.client, KEY, count_object, &seen, &rig.err),
                     0);
    ck_assert_uint_eq(seen, 2500);
    seen = 0;
    ck_assert_int_eq(s3_list_versions(rig.client, KEY, count_object, &seen, &rig.err), 0);
    ck_assert_uint_eq(seen, 2501);
    ck_assert_uint_eq(fake_s3_count(rig.fake, "ListObjectVersions"), 3 + 3);
}
END_TEST

START_TEST(r15_a_versions_listing_that_does_not_go_on_is_an_error)
{
    struct fake_s3_settings settings = fake_s3_defaults();
    unsigned seen = 0;

    settings.versioning = true;
    settings.page_size = 2;
    s3_rig_restart_as("aws", &settings);
    for (int i = 0; i < 7; i++)
        fake_s3_add_object(rig.fake, KEY, "x", 1);
    s3_client_set_retry_time(rig.client, 200);
    s3_rig_fault(
        (struct fake_fault){.op = "ListObjectVersions",
                            .action = _i == 0 ? FAKE_NO_MORE_TOKEN : FAKE_SAME_TOKEN,
                            .nth = 2,
                            .times = FAKE_ALWAYS});
    ck_assert_int_eq(s3_list_key_versions(rig.client, KEY, count_object, &seen, &rig.err),
                     -1);
}
END_TEST

/* ---- 20 ---- */

START_TEST(r20_sizes_beyond_32_bits_are_counted_right)
{
    struct fake_s3_settings settings = fake_s3_defaults();
    const uint64_t huge = ((uint64_t)6 << 30) + 5;
    unsigned char data[4096];
    struct s3_object object;
    bool absent;

    settings.sparse = true;
    s3_rig_restart_as("other", &settings);
    fake_s3_add_object(rig.fake, KEY, NULL, (size_t)huge);
    ck_assert_int_eq(s3_head(rig.client, KEY, &object, &absent, &rig.err), 0);
    ck_assert_uint_eq(object.size, huge);
    s3_object_release(&object);
    struct s3_download_spec spec = {.key = KEY, .offset = huge - 10};
    struct s3_download *download = s3_download_begin(rig.client, &spec, &rig.err);
    ck_assert_msg(download != NULL, "%s", rig.err.text);
    ck_assert_uint_eq(s3_download_size(download), huge);
    ck_assert_int_eq(s3_download_read(download, data, sizeof data, &rig.err), 10);
    ck_assert_int_eq(s3_download_read(download, data, sizeof data, &rig.err), 0);
    s3_download_free(download);
}
END_TEST

static void give_part(struct part_pool *pool, struct s3_upload *upload, unsigned number,
                      uint64_t offset, size_t size)
{
    struct part *part = part_pool_get(pool, &rig.err);

    ck_assert_msg(part != NULL, "%s", rig.err.text);
    part->number = number;
    part->offset = offset;
    part->size = size;
    ck_assert_msg(s3_upload_part(upload, part, &rig.err) == 0, "%s", rig.err.text);
    part_release(part);
}

/* Half a minute and gigabytes of memory: only when it is asked for. */
START_TEST(r20_a_part_beyond_4_GiB_and_a_range_beyond_2_GiB_pass_whole)
{
    struct fake_s3_settings settings = fake_s3_defaults();
    const size_t part_size = ((size_t)4 << 30) + 12345;
    const size_t range_size = ((size_t)2 << 30) + 6789;
    unsigned char data[1 << 16];
    struct s3_object object;
    uint64_t read = 0;
    ssize_t got;

    if (getenv("PGKEEP_LONG") == NULL)
        return;
    settings.sparse = true;
    s3_rig_restart_as("other", &settings);
    struct part_pool *pool = part_pool_new(2, part_size, NULL, &rig.err);
    struct s3_upload *upload = s3_rig_begin(KEY);
    give_part(pool, upload, 1, 0, part_size);
    give_part(pool, upload, 2, part_size, 10);
    ck_assert_msg(s3_upload_finish(upload, &object, &rig.err) == 0, "%s", rig.err.text);
    ck_assert_uint_eq(object.size, part_size + 10);
    s3_object_release(&object);
    s3_upload_free(upload);
    part_pool_free(pool);
    struct s3_download_spec spec = {.key = KEY,
                                    .parallel = 1,
                                    .offset = 5,
                                    .length = range_size,
                                    .range_size = range_size};
    struct s3_download *download = s3_download_begin(rig.client, &spec, &rig.err);
    ck_assert_msg(download != NULL, "%s", rig.err.text);
    while ((got = s3_download_read(download, data, sizeof data, &rig.err)) > 0)
        read += (uint64_t)got;
    ck_assert_msg(got == 0, "%s", rig.err.text);
    ck_assert_uint_eq(read, range_size);
    s3_download_free(download);
    ck_assert_uint_eq(fake_s3_count(rig.fake, "GetObject"), 1);
    ck_assert_uint_eq(fake_s3_count(rig.fake, "UploadPart"), 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("s3_regressions_reads");
    TCase *tcase = tcase_create("reads");
    int reads = (int)(sizeof bad_reads / sizeof *bad_reads);

    tcase_add_checked_fixture(tcase, s3_rig_set_up, s3_rig_stop);
    tcase_set_timeout(tcase, 300);
    tcase_add_loop_test(tcase, r14_a_truncated_answer_is_not_the_whole, 0, reads);
    tcase_add_loop_test(tcase, r14_answers_that_stay_wrong_are_an_error_and_never_an_end, 0,
                        reads);
    tcase_add_test(tcase, r14_bytes_of_two_objects_are_never_mixed);
    tcase_add_test(tcase, r14_a_part_of_an_object_has_exactly_the_bytes_asked_for);
    tcase_add_loop_test(tcase, r15_an_incomplete_listing_is_an_error, 0,
                        (int)(sizeof bad_lists / sizeof *bad_lists));
    tcase_add_test(tcase, r15_more_than_a_thousand_versions_of_one_key_are_all_listed);
    tcase_add_loop_test(tcase, r15_a_versions_listing_that_does_not_go_on_is_an_error, 0,
                        2);
    tcase_add_test(tcase, r20_sizes_beyond_32_bits_are_counted_right);
    tcase_add_test(tcase, r20_a_part_beyond_4_GiB_and_a_range_beyond_2_GiB_pass_whole);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
