/* fake_s3: who may ask, and the settings that make it one service or another. */
#include "tests/support/fake_s3_rig.h"

#include "base/clock.h"
#include "base/memory.h"

#include <check.h>

static struct ask put_x(void)
{
    return (struct ask){.method = "PUT", .path = "/bucket/k", .body = "x", .size = 1};
}

/* ---- signatures ---- */

START_TEST(a_well_signed_object_comes_back)
{
    ask_put(fake, "/bucket/a%20b/%C3%A4%2Bc", "hello");
    struct ask question = {.method = "GET", .path = "/bucket/a%20b/%C3%A4%2Bc"};
    struct reply reply = ask(fake, &question);
    char *etag = reply_header(&reply, "etag");
    ck_assert_int_eq(reply.status, 200);
    ck_assert_str_eq(reply.body, "hello");
    ck_assert_str_eq(etag, "\"5d41402abc4b2a76b9719d911017c592\"");
    free(etag);
    reply_release(&reply);
    ask_expect_object(fake, "a b/\xC3\xA4+c", "hello");
    ck_assert_uint_eq(fake_s3_stats(fake).bad_signatures, 0);
}
END_TEST

static const struct {
    struct ask ask;
    int status;
    const char *code;
    unsigned bad;
} refusals[] = {
    {{.secret_key = "other"}, 403, "SignatureDoesNotMatch", 1},
    {{.access_key = "NOBODY"}, 403, "InvalidAccessKeyId", 0},
    {{.region = "eu-west-9"}, 400, "<Region>us-east-1</Region>", 0},
    {{.time_offset_s = 1000}, 403, "RequestTimeTooSkewed", 0},
    {{.time_offset_s = -1000}, 403, "RequestTimeTooSkewed", 0},
    {{.unsigned_header = "x-amz-meta-a: b"}, 403, "AccessDenied", 0},
    {{.is_hashed = true, .wrong_hash = true}, 400, "XAmzContentSHA256Mismatch", 0},
    {{.headers = {"x-amz-security-token: surplus"}}, 400, "InvalidToken", 0},
    {{.headers = {"content-md5: AAAAAAAAAAAAAAAAAAAAAA=="}}, 400, "BadDigest", 0},
    {{.headers = {"content-md5: short"}}, 400, "InvalidDigest", 0},
    {{.headers = {"x-amz-checksum-crc64nvme: AAAAAAAAAAA="}}, 400, "BadDigest", 0},
    {{.headers = {"content-encoding: aws-chunked"}}, 501, "NotImplemented", 0},
    {{.headers = {"x-amz-copy-source: /bucket/other"}}, 501, "NotImplemented", 0},
    {{.query = "tagging="}, 501, "NotImplemented", 0},
    {{.path = "/nowhere/k"}, 404, "NoSuchBucket", 0},
};

START_TEST(what_is_not_well_asked_is_refused)
{
    struct ask question = refusals[_i].ask;

    question.method = "PUT";
    question.path = question.path != NULL ? question.path : "/bucket/k";
    question.body = "x";
    question.size = 1;
    ask_expect(fake, &question, refusals[_i].status, refusals[_i].code);
    ck_assert_uint_eq(fake_s3_stats(fake).bad_signatures, refusals[_i].bad);
    ck_assert_uint_eq(fake_s3_object_count(fake), 0);
}
END_TEST

static const struct {
    int seconds;
    int64_t offset_s;
    const char *secret_key;
    int status;
    const char *word;
} urls[] = {{60, 0, NULL, 200, "hello"},
            {60, -120, NULL, 403, "Request has expired"},
            {604800, -600000, NULL, 200, "hello"},
            {604801, 0, NULL, 400, "AuthorizationHeaderMalformed"},
            {60, 0, "wrong", 403, "SignatureDoesNotMatch"}};

START_TEST(a_presigned_url_is_good_for_its_time)
{
    ask_put(fake, "/bucket/k", "hello");
    struct reply reply = ask_presigned(fake, "/bucket/k", urls[_i].seconds,
                                       urls[_i].offset_s, urls[_i].secret_key);
    ck_assert_int_eq(reply.status, urls[_i].status);
    ck_assert_ptr_nonnull(strstr(reply.body, urls[_i].word));
    reply_release(&reply);
}
END_TEST

START_TEST(credentials_expire_and_are_replaced)
{
    struct ask question = put_x();

    question.access_key = "TEMPORARY";
    question.secret_key = "one";
    question.headers[0] = "x-amz-security-token: token";
    fake_s3_add_credentials(fake, "TEMPORARY", "one", "token", clock_now_ms() + 60000);
    ask_expect(fake, &question, 200, NULL);
    fake_s3_add_credentials(fake, "TEMPORARY", "one", "token", clock_now_ms() - 1);
    ask_expect(fake, &question, 400, "ExpiredToken");
    fake_s3_add_credentials(fake, "TEMPORARY", "two", "token2", 0);
    ask_expect(fake, &question, 400, "InvalidToken");
    question.secret_key = "two";
    question.headers[0] = "x-amz-security-token: token2";
    ask_expect(fake, &question, 200, NULL);
}
END_TEST

START_TEST(the_bucket_may_stand_in_the_host_name_or_behind_a_base_path)
{
    struct ask question = put_x();

    fake_s3_add_bucket(fake, "second");
    question.path = "/k";
    question.host = "second.s3.test";
    ask_expect(fake, &question, 200, NULL);
    ask_get(fake, "/second/k", NULL, 200, "x");
    ask_get(fake, "/bucket/k", NULL, 404, "NoSuchKey");
    settings.base_path = "/storage/v1/s3";
    fake_s3_rig_restart();
    ck_assert_ptr_nonnull(strstr(fake_s3_endpoint(fake), "/storage/v1/s3"));
    ask_put(fake, "/bucket/k", "y");
    ask_expect_object(fake, "k", "y");
}
END_TEST

/* ---- settings ---- */

static void set_any_region(struct fake_s3_settings *s)
{
    s->any_region = true;
}

static void set_signed_payload(struct fake_s3_settings *s)
{
    s->refuse_unsigned_payload = true;
}

static void set_no_checksums(struct fake_s3_settings *s)
{
    s->refuse_checksums = true;
}

static void set_lax_md5(struct fake_s3_settings *s)
{
    s->ignore_content_md5 = true;
}

static void set_lax_sha256(struct fake_s3_settings *s)
{
    s->ignore_sha256 = true;
}

static void set_small(struct fake_s3_settings *s)
{
    s->max_object_size = 3;
}

static void set_other_clock(struct fake_s3_settings *s)
{
    s->clock_offset_s = 3600;
}

static const struct {
    void (*set)(struct fake_s3_settings *settings);
    struct ask ask;
    int status;
    const char *word;
} differences[] = {
    {set_any_region, {.region = "eu-west-9"}, 200, NULL},
    {set_signed_payload, {0}, 400, "UNSIGNED-PAYLOAD"},
    {set_signed_payload, {.is_hashed = true}, 200, NULL},
    {set_no_checksums, {.headers = {"x-amz-checksum-sha256: x"}}, 501, "NotImplemented"},
    {set_no_checksums, {.headers = {"x-amz-sdk-checksum-algorithm: CRC32"}}, 501, NULL},
    {set_lax_md5, {.headers = {"content-md5: AAAAAAAAAAAAAAAAAAAAAA=="}}, 200, NULL},
    {set_lax_sha256, {.is_hashed = true, .wrong_hash = true}, 200, NULL},
    {set_small, {0}, 400, "EntityTooLarge"},
    {set_other_clock, {0}, 403, "RequestTimeTooSkewed"},
    {set_other_clock, {.time_offset_s = 3600}, 200, NULL},
};

START_TEST(a_setting_changes_what_is_accepted)
{
    struct ask question = differences[_i].ask;

    question.method = "PUT";
    question.path = "/bucket/k";
    question.body = "four";
    question.size = 4;
    differences[_i].set(&settings);
    fake_s3_change(fake, &settings);
    ask_expect(fake, &question, differences[_i].status, differences[_i].word);
}
END_TEST

static const struct {
    enum fake_if_none_match way;
    int first;
    int second;
} conditions[] = {{FAKE_IF_NONE_MATCH_HONOURED, 200, 412},
                  {FAKE_IF_NONE_MATCH_501, 501, 501},
                  {FAKE_IF_NONE_MATCH_IGNORED, 200, 200}};

START_TEST(if_none_match_is_honoured_refused_or_ignored)
{
    struct ask question = put_x();

    settings.if_none_match = conditions[_i].way;
    fake_s3_change(fake, &settings);
    question.headers[0] = "if-none-match: *";
    ask_expect(fake, &question, conditions[_i].first, NULL);
    ask_expect(fake, &question, conditions[_i].second, NULL);
}
END_TEST

START_TEST(a_sparse_object_beyond_4_GiB_is_read_by_range_as_zero_bytes)
{
    struct ask question = {.method = "GET",
                           .path = "/bucket/big",
                           .headers = {"range: bytes=5000000000-5000000099"}};

    settings.sparse = true;
    fake_s3_change(fake, &settings);
    ck_assert_str_eq(fake_s3_add_object(fake, "big", NULL, (size_t)6 << 30), "null");
    struct reply reply = ask(fake, &question);
    char *range = reply_header(&reply, "content-range");
    ck_assert_int_eq(reply.status, 206);
    ck_assert_uint_eq(reply.size, 100);
    ck_assert_int_eq(reply.body[99], 0);
    ck_assert_str_eq(range, "bytes 5000000000-5000000099/6442450944");
    free(range);
    reply_release(&reply);
    struct ask put = {.method = "PUT", .path = "/bucket/k", .size = 3 << 20};
    ask_expect(fake, &put, 200, NULL);
    struct fake_object object;
    ck_assert(fake_s3_object(fake, "k", &object));
    ck_assert(object.size == 3 << 20 && object.data == NULL);
    fake_object_release(&object);
}
END_TEST

static const struct {
    const char *range;
    int status;
    const char *content_range;
    const char *body;
} ranges[] = {{"range: bytes=0-0", 206, "bytes 0-0/10", "0"},
              {"range: bytes=3-5", 206, "bytes 3-5/10", "345"},
              {"range: bytes=8-99", 206, "bytes 8-9/10", "89"},
              {"range: bytes=8-", 206, "bytes 8-9/10", "89"},
              {"range: bytes=-3", 206, "bytes 7-9/10", "789"},
              {"range: bytes=-30", 206, "bytes 0-9/10", "0123456789"},
              {"range: bytes=10-", 416, "bytes */10", NULL},
              {"range: bytes=-0", 416, "bytes */10", NULL},
              {"if-match: \"no\"", 412, NULL, NULL},
              {"if-none-match: \"781e5e245d69b566979b86e28d23f2c7\"", 304, NULL, ""}};

START_TEST(ranges_and_conditions_of_get)
{
    struct ask question = {
        .method = "GET", .path = "/bucket/k", .headers = {ranges[_i].range}};

    ask_put(fake, "/bucket/k", "0123456789");
    struct reply reply = ask(fake, &question);
    char *range = reply_header(&reply, "content-range");
    ck_assert_int_eq(reply.status, ranges[_i].status);
    ck_assert_pstr_eq(range, ranges[_i].content_range);
    if (ranges[_i].body != NULL)
        ck_assert_str_eq(reply.body, ranges[_i].body);
    free(range);
    reply_release(&reply);
}
END_TEST

START_TEST(stored_headers_come_back_and_customer_keys_are_asked_for)
{
    struct ask question = put_x();
    struct ask head = {.method = "HEAD", .path = "/bucket/k"};

    question.headers[0] = "x-amz-meta-a: b";
    question.headers[1] = "x-amz-server-side-encryption-customer-key-md5: abc";
    question.headers[2] = "x-amz-storage-class: COLD";
    question.headers[3] = "content-type: text/x";
    ask_expect(fake, &question, 200, NULL);
    ask_expect(fake, &head, 400, NULL);
    head.headers[0] = "x-amz-server-side-encryption-customer-key-md5: abc";
    struct reply reply = ask(fake, &head);
    char *meta = reply_header(&reply, "X-Amz-Meta-A");
    char *type = reply_header(&reply, "Content-Type");
    ck_assert_str_eq(meta, "b");
    ck_assert_str_eq(type, "text/x");
    free(meta);
    free(type);
    reply_release(&reply);
    fake_s3_set_meta(fake, "k", "a", "c");
    struct fake_object object;
    ck_assert(fake_s3_object(fake, "k", &object));
    ck_assert_ptr_nonnull(strstr(object.meta, "x-amz-meta-a: c\r\n"));
    ck_assert_ptr_nonnull(strstr(object.meta, "x-amz-storage-class: COLD\r\n"));
    ck_assert_ptr_null(strstr(object.meta, "x-amz-meta-a: b"));
    fake_object_release(&object);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fake_s3");
    TCase *tcase = tcase_create("fake_s3");

    tcase_add_test(tcase, a_well_signed_object_comes_back);
    tcase_add_loop_test(tcase, what_is_not_well_asked_is_refused, 0,
                        (int)(sizeof refusals / sizeof *refusals));
    tcase_add_loop_test(tcase, a_presigned_url_is_good_for_its_time, 0,
                        (int)(sizeof urls / sizeof *urls));
    tcase_add_test(tcase, credentials_expire_and_are_replaced);
    tcase_add_test(tcase, the_bucket_may_stand_in_the_host_name_or_behind_a_base_path);
    tcase_add_loop_test(tcase, a_setting_changes_what_is_accepted, 0,
                        (int)(sizeof differences / sizeof *differences));
    tcase_add_loop_test(tcase, if_none_match_is_honoured_refused_or_ignored, 0,
                        (int)(sizeof conditions / sizeof *conditions));
    tcase_add_test(tcase, a_sparse_object_beyond_4_GiB_is_read_by_range_as_zero_bytes);
    tcase_add_loop_test(tcase, ranges_and_conditions_of_get, 0,
                        (int)(sizeof ranges / sizeof *ranges));
    tcase_add_test(tcase, stored_headers_come_back_and_customer_keys_are_asked_for);
    return fake_s3_rig_run(suite, tcase);
}
