/*
 * What went wrong in other clients (S3.md section 6), number by number, seen through the
 * public face of s3/: what differs from service to service.
 */
#include "tests/support/s3_rig.h"
#include "tests/support/run_suite.h"

#include "base/clock.h"
#include "base/memory.h"

#include <check.h>
#include <ctype.h>

#define KEY S3_RIG_KEY

enum { PART = S3_RIG_PART, SMALL = S3_RIG_LAST, DAY_AND_MORE = 108000 };

/* ---- 13 ---- */

START_TEST(r13_parts_are_equal_where_they_must_be)
{
    struct fake_s3_settings settings = fake_s3_defaults();

    settings.equal_parts = true;
    s3_rig_restart_as("r2", &settings);
    struct s3_part_rules rules = s3_client_part_rules(rig.client);
    ck_assert(rules.uniform);
    ck_assert_msg(s3_rig_upload(5) == 0, "%s", rig.err.text);
    ck_assert(s3_rig_object_is(KEY, 4 * PART + SMALL));
}
END_TEST

START_TEST(r13_uneven_parts_are_a_loud_failure_and_leave_nothing)
{
    struct fake_s3_settings settings = fake_s3_defaults();

    settings.equal_parts = true;
    s3_rig_restart_as("other", &settings);
    struct s3_upload *upload = s3_rig_begin(KEY);
    int result = s3_rig_give(upload, 1, 3, PART, PART + SMALL);
    if (result == 0)
        result = s3_upload_finish(upload, NULL, &rig.err);
    s3_upload_free(upload);
    ck_assert_int_eq(result, -1);
    ck_assert_int_eq(rig.err.kind, ERR_STORE);
    ck_assert_ptr_nonnull(strstr(rig.err.text, "InvalidPart"));
    s3_rig_assert_nothing();
}
END_TEST

/* ---- 16 ---- */

struct pending_seen {
    unsigned count;
    int64_t oldest;
};

static int see_pending(void *context, const struct s3_unfinished *pending, struct err *err)
{
    struct pending_seen *seen = context;

    (void)err;
    if (seen->count == 0 || pending->initiated < seen->oldest)
        seen->oldest = pending->initiated;
    seen->count++;
    return 0;
}

START_TEST(r16_a_sweep_sees_ages_and_only_its_own_prefix_and_ends_only_what_it_names)
{
    struct pending_seen seen = {0};
    const char *old = fake_s3_add_upload(rig.fake, "p/old", DAY_AND_MORE);

    fake_s3_add_upload(rig.fake, "p/new", 0);
    fake_s3_add_upload(rig.fake, "p2/other", DAY_AND_MORE);
    ck_assert_int_eq(s3_list_uploads(rig.client, "p/", see_pending, &seen, &rig.err), 0);
    ck_assert_uint_eq(seen.count, 2);
    ck_assert_int_le(seen.oldest, clock_now() - DAY_AND_MORE);
    ck_assert_int_ge(seen.oldest, clock_now() - DAY_AND_MORE - 60);
    ck_assert_int_eq(s3_abort_upload(rig.client, "p/old", old, &rig.err), 0);
    ck_assert_uint_eq(fake_s3_upload_count(rig.fake), 2);
    ck_assert_int_eq(s3_abort_upload(rig.client, "p/old", old, &rig.err), 0);
}
END_TEST

START_TEST(r16_an_upload_is_found_by_its_exact_key_where_prefixes_are_unknown)
{
    struct fake_s3_settings settings = fake_s3_defaults();
    struct pending_seen seen = {0};

    settings.uploads_by_exact_key = true;
    settings.abort_twice_is_204 = true;
    s3_rig_restart_as("minio", &settings);
    const char *id = fake_s3_add_upload(rig.fake, "p/old", 3600);
    ck_assert_int_eq(s3_list_uploads(rig.client, "p/old", see_pending, &seen, &rig.err), 0);
    ck_assert_uint_eq(seen.count, 1);
    ck_assert_int_eq(s3_abort_upload(rig.client, "p/old", id, &rig.err), 0);
    ck_assert_int_eq(s3_abort_upload(rig.client, "p/old", id, &rig.err), 0);
}
END_TEST

/* The service has swept our upload while it ran (MinIO after 24 hours). */
START_TEST(r16_an_upload_that_was_swept_away_fails_and_is_not_taken_for_done)
{
    struct s3_upload *upload = s3_rig_begin(KEY);

    ck_assert_int_eq(s3_rig_give(upload, 1, 3, PART, PART), 0);
    ck_assert_int_eq(s3_upload_wait(upload, &rig.err), 0);
    fake_s3_forget_uploads(rig.fake);
    if (_i == 0 || s3_rig_give(upload, 4, 4, PART, SMALL) == 0)
        ck_assert_int_eq(s3_upload_finish(upload, NULL, &rig.err), -1);
    ck_assert_int_eq(rig.err.kind, ERR_STORE);
    s3_upload_free(upload);
    ck_assert_uint_eq(fake_s3_object_count(rig.fake), 0);
}
END_TEST

/* ---- 17, 18 ---- */

/* What every request has is left out. */
static bool is_usual(const char *name)
{
    static const char *const usual[] = {"host",       "user-agent",     "content-length",
                                        "expect",     "accept",         "authorization",
                                        "x-amz-date", "accept-encoding"};

    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
        if (strcmp(usual[i], name) == 0)
            return true;
    return false;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names of the headers of the first request of an operation, sorted, joined by blanks. */
static char *header_names(const char *op)
{
    struct fake_request request;
    struct strlist names = {0};
    struct text out;

    ck_assert_msg(fake_s3_request(rig.fake, op, 1, &request), "no %s", op);
    for (char *line = request.headers; *line != '\0'; line = strstr(line, "\r\n") + 2) {
        char *name = memory_strndup(line, strcspn(line, ":"));
        for (char *c = name; *c != '\0'; c++)
            *c = (char)tolower((unsigned char)*c);
        if (!is_usual(name))
            strlist_add(&names, name);
        free(name);
    }
    if (names.count > 0)
        qsort(names.items, names.count, sizeof *names.items, compare_names);
    text_init(&out, 10000);
    for (size_t i = 0; i < names.count; i++)
        text_addf(&out, "%s%s", i > 0 ? " " : "", names.items[i]);
    char *joined = text_take(&out);
    text_release(&out);
    strlist_release(&names);
    fake_request_release(&request);
    return joined;
}

#define PLAIN_PUT "content-md5 content-type x-amz-content-sha256 x-amz-meta-pgkeep-token"
#define PLAIN_CREATE "content-type x-amz-content-sha256 x-amz-meta-pgkeep-token"
#define PLAIN_PART "content-md5 x-amz-content-sha256"
#define PLAIN_COMPLETE "content-md5 content-type x-amz-content-sha256"

static const struct {
    const char *provider;
    const char *put;
    const char *create;
    const char *part;
    const char *complete;
} golden[] = {
    {"aws",
     "content-md5 content-type x-amz-checksum-crc64nvme x-amz-content-sha256 "
     "x-amz-meta-pgkeep-token",
     "content-type x-amz-checksum-algorithm x-amz-checksum-type x-amz-content-sha256 "
     "x-amz-meta-pgkeep-token",
     "x-amz-checksum-crc64nvme x-amz-content-sha256",
     "content-md5 content-type if-none-match x-amz-checksum-crc64nvme x-amz-checksum-type "
     "x-amz-content-sha256 x-amz-mp-object-size"},
    {"minio",
     "content-md5 content-type x-amz-checksum-crc64nvme x-amz-content-sha256 "
     "x-amz-meta-pgkeep-token",
     "content-type x-amz-checksum-algorithm x-amz-checksum-type x-amz-content-sha256 "
     "x-amz-meta-pgkeep-token",
     "x-amz-checksum-crc64nvme x-amz-content-sha256",
     "content-md5 content-type if-none-match x-amz-checksum-crc64nvme x-amz-checksum-type "
     "x-amz-content-sha256"},
    {"versitygw", PLAIN_PUT, PLAIN_CREATE, "x-amz-content-sha256",
     "content-md5 content-type if-none-match x-amz-content-sha256 x-amz-mp-object-size"},
    {"b2", PLAIN_PUT, PLAIN_CREATE, PLAIN_PART, PLAIN_COMPLETE},
    {"gcs", PLAIN_PUT, PLAIN_CREATE, PLAIN_PART, PLAIN_COMPLETE},
    {"supabase", PLAIN_PUT, PLAIN_CREATE, PLAIN_PART, PLAIN_COMPLETE},
    {"ceph", PLAIN_PUT, PLAIN_CREATE, "x-amz-content-sha256", PLAIN_COMPLETE},
    {"garage", PLAIN_PUT, PLAIN_CREATE, PLAIN_PART, PLAIN_COMPLETE},
    {"wasabi", PLAIN_PUT, PLAIN_CREATE, PLAIN_PART, PLAIN_COMPLETE},
    {"other", PLAIN_PUT, PLAIN_CREATE, PLAIN_PART, PLAIN_COMPLETE},
    {"r2", PLAIN_PUT, PLAIN_CREATE, PLAIN_PART,
     "content-md5 content-type if-none-match x-amz-content-sha256"},
};

static void expect_headers(const char *provider, const char *op, const char *wanted)
{
    char *names = header_names(op);

    ck_assert_msg(strcmp(names, wanted) == 0, "%s, %s: %s", provider, op, names);
    free(names);
}

START_TEST(r17_r18_each_service_gets_the_headers_it_knows_and_never_aws_chunked)
{
    struct fake_s3_settings settings = fake_s3_defaults();

    settings.any_region = true;
    settings.refuse_checksums = strstr(golden[_i].part, "checksum") == NULL;
    s3_rig_restart_as(golden[_i].provider, &settings);
    ck_assert_msg(s3_rig_upload(1) == 0, "%s", rig.err.text);
    fake_s3_forget_object(rig.fake, KEY);
    ck_assert_msg(s3_rig_upload(3) == 0, "%s", rig.err.text);
    expect_headers(golden[_i].provider, "PutObject", golden[_i].put);
    expect_headers(golden[_i].provider, "CreateMultipartUpload", golden[_i].create);
    expect_headers(golden[_i].provider, "UploadPart", golden[_i].part);
    expect_headers(golden[_i].provider, "CompleteMultipartUpload", golden[_i].complete);
    ck_assert_uint_eq(fake_s3_stats(rig.fake).aws_chunked, 0);
    ck_assert_uint_eq(fake_s3_stats(rig.fake).chunked, 0);
}
END_TEST

/* ---- 19 ---- */

static const struct {
    const char *provider;
    enum fake_if_none_match way;
} absences[] = {{"aws", FAKE_IF_NONE_MATCH_HONOURED},
                {"supabase", FAKE_IF_NONE_MATCH_IGNORED},
                {"b2", FAKE_IF_NONE_MATCH_501},
                {"other", FAKE_IF_NONE_MATCH_IGNORED},
                {"minio", FAKE_IF_NONE_MATCH_HONOURED}};

START_TEST(r19_what_exists_is_not_overwritten_whatever_the_service_does_with_if_none_match)
{
    struct fake_s3_settings settings = fake_s3_defaults();
    struct fake_object object;
    bool existed;
    struct s3_put put = {.key = "k", .data = "one", .size = 3, .if_absent = true};

    put.existed = &existed;
    settings.any_region = true;
    settings.if_none_match = absences[_i].way;
    s3_rig_restart_as(absences[_i].provider, &settings);
    ck_assert_msg(s3_put(rig.client, &put, &rig.err) == 0, "%s", rig.err.text);
    ck_assert(!existed);
    put.data = "two";
    ck_assert_msg(s3_put(rig.client, &put, &rig.err) == 0, "%s", rig.err.text);
    ck_assert(existed);
    ck_assert(fake_s3_object(rig.fake, "k", &object));
    ck_assert(memcmp(object.data, "one", 3) == 0);
    fake_object_release(&object);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("s3_regressions_services");
    TCase *tcase = tcase_create("services");

    tcase_add_checked_fixture(tcase, s3_rig_set_up, s3_rig_stop);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, r13_parts_are_equal_where_they_must_be);
    tcase_add_test(tcase, r13_uneven_parts_are_a_loud_failure_and_leave_nothing);
    tcase_add_test(
        tcase, r16_a_sweep_sees_ages_and_only_its_own_prefix_and_ends_only_what_it_names);
    tcase_add_test(tcase,
                   r16_an_upload_is_found_by_its_exact_key_where_prefixes_are_unknown);
    tcase_add_loop_test(
        tcase, r16_an_upload_that_was_swept_away_fails_and_is_not_taken_for_done, 0, 2);
    tcase_add_loop_test(
        tcase, r17_r18_each_service_gets_the_headers_it_knows_and_never_aws_chunked, 0,
        (int)(sizeof golden / sizeof *golden));
    tcase_add_loop_test(
        tcase,
        r19_what_exists_is_not_overwritten_whatever_the_service_does_with_if_none_match, 0,
        (int)(sizeof absences / sizeof *absences));
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
