/* fake_s3: multipart uploads, versions, locks, listings. */
#include "tests/support/fake_s3_rig.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/memory.h"
#include "base/text.h"

#include <check.h>

static void change(void)
{
    fake_s3_change(fake, &settings);
}

static void expect_complete(const char *id, const char *const *bodies, const char *header,
                            int status, const char *word)
{
    struct reply reply = ask_complete(fake, K, id, bodies, header);

    ck_assert_msg(reply.status == status, "%d %s", reply.status, reply.body);
    ck_assert_msg(strstr(reply.body, word) != NULL, "no %s in %s", word, reply.body);
    reply_release(&reply);
}

/* ---- multipart ---- */

START_TEST(multipart_makes_one_object_of_its_parts)
{
    char *id = ask_create(fake, K);

    ck_assert_uint_eq(fake_s3_upload_count(fake), 1);
    ck_assert_int_eq(ask_part(fake, K, id, 2, "world"), 200);
    ck_assert_int_eq(ask_part(fake, K, id, 1, "wrong"), 200);
    ck_assert_int_eq(ask_part(fake, K, id, 1, "hello "), 200);
    ck_assert_uint_eq(fake_s3_object_count(fake), 0);
    expect_complete(id, (const char *[]){"hello ", "world", NULL},
                    "x-amz-mp-object-size: 11", 200, "-2&quot;</ETag>");
    ask_expect_object(fake, "k", "hello world");
    ck_assert_uint_eq(fake_s3_upload_count(fake), 0);
    ck_assert_uint_eq(fake_s3_stats(fake).parts_in_flight, 1);
    free(id);
}
END_TEST

static const struct {
    const char *sent[4];
    const char *named[4];
    const char *header;
    struct fake_s3_settings change; /* only limits */
    int status;
    const char *word;
} endings[] = {
    {{"ab", "c"}, {"ab", "x"}, NULL, {0}, 400, "InvalidPart"},
    {{"ab"}, {"ab", "c"}, NULL, {0}, 400, "InvalidPart"},
    {{"ab", "c"}, {NULL}, NULL, {0}, 400, "MalformedXML"},
    {{"ab", "c"}, {"ab"}, NULL, {0}, 200, "CompleteMultipartUploadResult"},
    {{"ab", "c"}, {"ab", "c"}, "x-amz-mp-object-size: 4", {0}, 400, "InvalidRequest"},
    {{"a", "bc"}, {"a", "bc"}, NULL, {.min_part_size = 2}, 400, "EntityTooSmall"},
    {{"ab", "c"}, {"ab", "c"}, NULL, {.min_part_size = 2}, 200, "ETag"},
    {{"ab", "cd", "e"}, {"ab", "cd", "e"}, NULL, {.equal_parts = true}, 200, "ETag"},
    {{"ab", "c", "d"}, {"ab", "c", "d"}, NULL, {.equal_parts = true}, 400, "same length"},
    {{"ab", "cd", "efg"},
     {"ab", "cd", "efg"},
     NULL,
     {.equal_parts = true},
     400,
     "InvalidPart"},
    {{"ab", "c"}, {"ab", "c"}, NULL, {.max_object_size = 2}, 400, "EntityTooLarge"},
    {{"ab", "c"}, {"ab", "c"}, "if-none-match: *", {0}, 200, "ETag"},
};

START_TEST(complete_takes_only_what_is_whole)
{
    char *id = ask_create(fake, K);

    for (unsigned i = 0; i < 4 && endings[_i].sent[i] != NULL; i++)
        ck_assert_int_eq(ask_part(fake, K, id, i + 1, endings[_i].sent[i]), 200);
    settings.min_part_size = endings[_i].change.min_part_size;
    settings.max_object_size = endings[_i].change.max_object_size;
    settings.equal_parts = endings[_i].change.equal_parts;
    change();
    expect_complete(id, endings[_i].named, endings[_i].header, endings[_i].status,
                    endings[_i].word);
    ck_assert_uint_eq(fake_s3_upload_count(fake), endings[_i].status == 200 ? 0 : 1);
    free(id);
}
END_TEST

START_TEST(parts_have_limits)
{
    char *id = ask_create(fake, K);

    settings.max_parts = 5;
    settings.max_part_size = 3;
    change();
    ck_assert_int_eq(ask_part(fake, K, id, 5, "abc"), 200);
    ck_assert_int_eq(ask_part(fake, K, id, 5, "abcd"), 400);
    ck_assert_int_eq(ask_part(fake, K, id, 6, "abc"), 400);
    ck_assert_int_eq(ask_part(fake, K, id, 0, "abc"), 400);
    ck_assert_int_eq(ask_part(fake, K, "nonsense", 1, "abc"), 404);
    free(id);
}
END_TEST

START_TEST(an_upload_ends_once)
{
    char *id = ask_create(fake, K);

    ck_assert_int_eq(ask_abort(fake, K, id), 204);
    ck_assert_int_eq(ask_abort(fake, K, id), 404);
    settings.abort_twice_is_204 = true;
    change();
    ck_assert_int_eq(ask_abort(fake, K, id), 204);
    ck_assert_int_eq(ask_part(fake, K, id, 1, "a"), 404);
    ck_assert_uint_eq(fake_s3_stats(fake).completes_after_abort, 1);
    free(id);
}
END_TEST

START_TEST(a_second_complete_is_404_or_the_same_answer)
{
    const char *parts[] = {"a", NULL};
    char *id = ask_create(fake, K);

    ck_assert_int_eq(ask_part(fake, K, id, 1, "a"), 200);
    expect_complete(id, parts, NULL, 200, "ETag");
    expect_complete(id, parts, NULL, 404, "NoSuchUpload");
    settings.complete_twice_is_200 = true;
    change();
    expect_complete(id, parts, NULL, 200, "<ETag>");
    settings.complete_without_etag = true;
    change();
    struct reply reply = ask_complete(fake, K, id, parts, NULL);
    ck_assert_int_eq(reply.status, 200);
    ck_assert_ptr_null(strstr(reply.body, "ETag"));
    reply_release(&reply);
    ck_assert_int_eq(ask_abort(fake, K, id), 404);
    ck_assert_uint_eq(fake_s3_stats(fake).aborts_after_complete, 1);
    free(id);
}
END_TEST

START_TEST(etags_need_not_be_md5s)
{
    settings.etags_are_not_md5 = true;
    change();
    ask_put(fake, K, "hello");
    struct fake_object object;
    ck_assert(fake_s3_object(fake, "k", &object));
    ck_assert_uint_eq(strlen(object.etag), 34);
    ck_assert_str_ne(object.etag, "\"5d41402abc4b2a76b9719d911017c592\"");
    fake_object_release(&object);
}
END_TEST

START_TEST(uploads_and_parts_are_listed_in_pages)
{
    const char *one = fake_s3_add_upload(fake, "u/one", 3600);
    struct reply reply;

    fake_s3_add_upload(fake, "u/two", 0);
    settings.page_size = 1;
    change();
    ask_get(fake, "/bucket", "prefix=u%2F&uploads=", 200,
            "<NextKeyMarker>u/one</NextKeyMarker>");
    char *query = memory_format("key-marker=u%%2Fone&upload-id-marker=%s&uploads=", one);
    ask_get(fake, "/bucket", query, 200, "<Key>u/two</Key>");
    free(query);
    settings.uploads_by_exact_key = true;
    change();
    reply = ask(
        fake,
        &(struct ask){.method = "GET", .path = "/bucket", .query = "prefix=u%2F&uploads="});
    ck_assert_ptr_null(strstr(reply.body, "<Upload>"));
    reply_release(&reply);
    ask_get(fake, "/bucket", "prefix=u%2Fone&uploads=", 200, one);
    ck_assert_int_eq(ask_part(fake, "/bucket/u/one", one, 1, "a"), 200);
    ck_assert_int_eq(ask_part(fake, "/bucket/u/one", one, 7, "bc"), 200);
    query = memory_format("uploadId=%s", one);
    ask_get(fake, "/bucket/u/one", query, 200,
            "<NextPartNumberMarker>1</NextPartNumberMarker>");
    free(query);
    query = memory_format("part-number-marker=1&uploadId=%s", one);
    ask_get(fake, "/bucket/u/one", query, 200, "<PartNumber>7</PartNumber>");
    free(query);
    fake_s3_forget_uploads(fake);
    ck_assert_int_eq(ask_part(fake, "/bucket/u/one", one, 1, "a"), 404);
}
END_TEST

/* ---- listings ---- */

static unsigned walk(const char *kind, const char *token_name, const char *token_param)
{
    unsigned keys = 0;
    char *token = NULL;

    for (unsigned pages = 0; pages < 10; pages++) {
        char *query = token != NULL ? memory_format("%s=%s%s", token_param, token, kind)
                                    : memory_strdup(kind + 1);
        struct reply reply =
            ask(fake, &(struct ask){.method = "GET", .path = "/bucket", .query = query});
        ck_assert_msg(reply.status == 200, "%s: %s", query, reply.body);
        for (const char *at = reply.body; (at = strstr(at, "<Key>")) != NULL; at++)
            keys++;
        free(query);
        free(token);
        token = reply_element(&reply, token_name);
        reply_release(&reply);
        if (token == NULL)
            return keys;
        struct text encoded;
        text_init(&encoded, 1000);
        text_add_percent(&encoded, token, strlen(token), false);
        free(token);
        token = text_take(&encoded);
        text_release(&encoded);
    }
    return 0;
}

START_TEST(listings_come_in_pages_and_every_key_once)
{
    settings.page_size = 3;
    change();
    for (int i = 0; i < 10; i++) {
        char key[32];
        snprintf(key, sizeof key, "p/%d <&>", i);
        fake_s3_add_object(fake, key, "x", 1);
    }
    fake_s3_add_object(fake, "q/other", "x", 1);
    ck_assert_uint_eq(
        walk("&list-type=2&prefix=p%2F", "NextContinuationToken", "continuation-token"),
        10);
    ask_get(fake, "/bucket", "list-type=2&prefix=p%2F", 200,
            "<Key>p/0 &lt;&amp;&gt;</Key>");
    ask_get(fake, "/bucket", "encoding-type=url&list-type=2&prefix=p%2F", 200,
            "<Key>p/0+%3C%26%3E</Key>");
    ask_get(fake, "/bucket", "marker=p%2F8%20%3C%26%3E&prefix=p%2F", 200, "<Key>p/9");
    ask_get(fake, "/bucket", "list-type=2&max-keys=2", 200, "<KeyCount>2</KeyCount>");
    ask_get(fake, "/bucket", "list-type=2&start-after=q", 200, "q/other");
    ask_get(fake, "/bucket", "continuation-token=x&list-type=2", 400, "InvalidArgument");
    settings.no_list_v2 = true;
    change();
    ask_get(fake, "/bucket", "list-type=2", 501, "NotImplemented");
}
END_TEST

START_TEST(buckets_tell_about_themselves)
{
    ask_get(fake, "/bucket", "location=", 200, "LocationConstraint");
    ask_get(fake, "/bucket", "versioning=", 200, "VersioningConfiguration");
    ask_get(fake, "/bucket", "object-lock=", 404, "ObjectLockConfigurationNotFoundError");
    settings.versioning = settings.object_lock = true;
    change();
    ask_get(fake, "/bucket", "versioning=", 200, "<Status>Enabled</Status>");
    ask_get(fake, "/bucket", "object-lock=", 200, "Enabled");
    ask_expect(fake, &(struct ask){.method = "HEAD", .path = "/bucket"}, 200, NULL);
    ask_expect(fake, &(struct ask){.method = "HEAD", .path = "/none"}, 404, NULL);
    ask_get(fake, "/bucket", "lifecycle=", 501, "NotImplemented");
}
END_TEST

/* ---- versions and locks ---- */

static void delete (const char *query, const char *header, int status)
{
    ask_expect(
        fake,
        &(struct ask){.method = "DELETE", .path = K, .query = query, .headers = {header}},
        status, NULL);
}

START_TEST(versions_stay_until_they_are_named)
{
    settings.versioning = true;
    change();
    ask_put(fake, K, "one");
    ask_put(fake, K, "two");
    ck_assert_uint_eq(fake_s3_version_count(fake, "k"), 2);
    delete (NULL, NULL, 204);
    ck_assert_uint_eq(fake_s3_version_count(fake, NULL), 3);
    ck_assert_uint_eq(fake_s3_object_count(fake), 0);
    struct reply reply = ask(fake, &(struct ask){.method = "GET", .path = K});
    char *marker = reply_header(&reply, "x-amz-delete-marker");
    char *id = reply_header(&reply, "x-amz-version-id");
    ck_assert_int_eq(reply.status, 404);
    ck_assert_str_eq(marker, "true");
    char *query = memory_format("versionId=%s", id);
    ask_get(fake, K, query, 405, "MethodNotAllowed");
    delete (query, NULL, 204);
    ask_get(fake, K, NULL, 200, "two");
    ask_get(fake, K, "versionId=none", 404, "NoSuchVersion");
    free(query);
    free(marker);
    free(id);
    reply_release(&reply);
}
END_TEST

START_TEST(versions_are_listed_newest_first_in_pages)
{
    settings.versioning = true;
    settings.page_size = 2;
    change();
    ask_put(fake, K, "one");
    ask_put(fake, K, "two");
    ask_put(fake, K, "three");
    ask_put(fake, "/bucket/l", "x");
    struct reply reply =
        ask(fake, &(struct ask){.method = "GET", .path = "/bucket", .query = "versions="});
    char *key = reply_element(&reply, "NextKeyMarker");
    char *id = reply_element(&reply, "NextVersionIdMarker");
    ck_assert_str_eq(key, "k");
    ck_assert_ptr_nonnull(strstr(reply.body, "<Size>5</Size>"));
    char *query = memory_format("key-marker=k&version-id-marker=%s&versions=", id);
    ask_get(fake, "/bucket", query, 200, "<Key>l</Key>");
    ask_get(fake, "/bucket", "key-marker=k&versions=", 200, "<Key>l</Key>");
    free(query);
    free(key);
    free(id);
    reply_release(&reply);
}
END_TEST

static const struct {
    const char *mode; /* NULL: legal hold */
    int64_t until;    /* from now */
    const char *header;
    bool is_400;
    int status;
} locks[] = {
    {"COMPLIANCE", 1000, NULL, false, 403},
    {"COMPLIANCE", 1000, "x-amz-bypass-governance-retention: true", false, 403},
    {"COMPLIANCE", -1, NULL, false, 204},
    {"GOVERNANCE", 1000, NULL, true, 400},
    {"GOVERNANCE", 1000, "x-amz-bypass-governance-retention: true", false, 204},
    {NULL, 0, "x-amz-bypass-governance-retention: true", false, 403},
};

START_TEST(a_locked_version_stays)
{
    settings.versioning = settings.object_lock = true;
    settings.lock_is_400 = locks[_i].is_400;
    change();
    const char *id = fake_s3_add_object(fake, "k", "data", 4);
    fake_s3_lock_object(fake, "k", locks[_i].mode, clock_now() + locks[_i].until);
    char *query = memory_format("versionId=%s", id);
    delete (query, locks[_i].header, locks[_i].status);
    ck_assert_uint_eq(fake_s3_version_count(fake, "k"), locks[_i].status == 204 ? 0 : 1);
    delete (NULL, NULL, 204);
    free(query);
}
END_TEST

START_TEST(locks_are_set_with_headers_and_by_request)
{
    static const char hold[] = "<LegalHold><Status>ON</Status></LegalHold>";
    static const char sooner[] = "<Retention><Mode>COMPLIANCE</Mode><RetainUntilDate>"
                                 "2099-01-01T00:00:00Z</RetainUntilDate></Retention>";
    struct ask put = {
        .method = "PUT",
        .path = K,
        .body = "x",
        .size = 1,
        .headers = {"x-amz-object-lock-mode: COMPLIANCE",
                    "x-amz-object-lock-retain-until-date: 2199-01-01T00:00:00Z"}};

    ask_expect(fake, &put, 400, "Object Lock Configuration");
    settings.versioning = settings.object_lock = true;
    change();
    ask_expect(fake, &put, 400, "Content-MD5");
    put.headers[2] = "content-md5: AAAAAAAAAAAAAAAAAAAAAA==";
    ask_expect(fake, &put, 400, "BadDigest");
    unsigned char md5[MD5_SIZE];
    char base64[32];
    digest_md5("x", 1, md5);
    char *header = memory_format("content-md5: %s", digest_base64(md5, MD5_SIZE, base64));
    put.headers[2] = header;
    ask_expect(fake, &put, 200, NULL);
    ask_get(fake, K, "retention=", 200, "2199-01-01");
    ask_expect(fake,
               &(struct ask){.method = "PUT",
                             .path = K,
                             .query = "retention=",
                             .body = sooner,
                             .size = sizeof sooner - 1},
               403, "AccessDenied");
    ask_get(fake, K, "legal-hold=", 200, "OFF");
    ask_expect(fake,
               &(struct ask){.method = "PUT",
                             .path = K,
                             .query = "legal-hold=",
                             .body = hold,
                             .size = sizeof hold - 1},
               200, NULL);
    ask_get(fake, K, "legal-hold=", 200, "ON");
    free(header);
}
END_TEST

START_TEST(many_keys_are_deleted_with_one_request_each_with_its_result)
{
    static const char xml[] =
        "<Delete><Object><Key>a&amp;b</Key></Object>"
        "<Object><Key>locked</Key><VersionId>null</VersionId></Object>"
        "<Object><Key>absent</Key></Object></Delete>";
    unsigned char md5[MD5_SIZE];
    char base64[32];

    fake_s3_add_object(fake, "a&b", "x", 1);
    fake_s3_add_object(fake, "locked", "x", 1);
    fake_s3_lock_object(fake, "locked", NULL, 0);
    digest_md5(xml, sizeof xml - 1, md5);
    char *header = memory_format("content-md5: %s", digest_base64(md5, MD5_SIZE, base64));
    struct ask question = {.method = "POST",
                           .path = "/bucket",
                           .query = "delete=",
                           .body = xml,
                           .size = sizeof xml - 1};
    ask_expect(fake, &question, 400, "Content-MD5");
    question.headers[0] = header;
    ask_expect(fake, &question, 200,
               "<Deleted><Key>a&amp;b</Key></Deleted><Error><Key>locked</Key>"
               "<VersionId>null</VersionId><Code>AccessDenied</Code>");
    ck_assert_uint_eq(fake_s3_object_count(fake), 1);
    settings.no_batch_delete = true;
    change();
    ask_expect(fake, &question, 501, "NotImplemented");
    fake_s3_forget_object(fake, "locked");
    ck_assert_uint_eq(fake_s3_version_count(fake, NULL), 0);
    free(header);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fake_s3_state");
    TCase *tcase = tcase_create("state");

    tcase_add_test(tcase, multipart_makes_one_object_of_its_parts);
    tcase_add_loop_test(tcase, complete_takes_only_what_is_whole, 0,
                        (int)(sizeof endings / sizeof *endings));
    tcase_add_test(tcase, parts_have_limits);
    tcase_add_test(tcase, an_upload_ends_once);
    tcase_add_test(tcase, a_second_complete_is_404_or_the_same_answer);
    tcase_add_test(tcase, etags_need_not_be_md5s);
    tcase_add_test(tcase, uploads_and_parts_are_listed_in_pages);
    tcase_add_test(tcase, listings_come_in_pages_and_every_key_once);
    tcase_add_test(tcase, buckets_tell_about_themselves);
    tcase_add_test(tcase, versions_stay_until_they_are_named);
    tcase_add_test(tcase, versions_are_listed_newest_first_in_pages);
    tcase_add_loop_test(tcase, a_locked_version_stays, 0,
                        (int)(sizeof locks / sizeof *locks));
    tcase_add_test(tcase, locks_are_set_with_headers_and_by_request);
    tcase_add_test(tcase, many_keys_are_deleted_with_one_request_each_with_its_result);
    return fake_s3_rig_run(suite, tcase);
}
