/* fake_s3: every fault fires as its header says; connections, records and counts. */
#include "tests/support/fake_s3.h"

#include "tests/support/s3_ask.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"

#include <check.h>
#include <pthread.h>

#define K "/bucket/k"
#define WHOLE "0123456789"
#define WRONG_ETAG "\"0123456789abcdef0123456789abcdef\""

static struct fake_s3 *fake;
static struct fake_s3_settings settings;

static void setup(void)
{
    struct err err;

    settings = fake_s3_defaults();
    fake = fake_s3_new(&settings, &err);
    ck_assert_ptr_nonnull(fake);
}

static void stop(void)
{
    fake_s3_free(fake);
}

static struct ask put_whole(void)
{
    return (struct ask){
        .method = "PUT", .path = K, .body = WHOLE, .size = sizeof WHOLE - 1};
}

static struct ask get_range(void)
{
    return (struct ask){.method = "GET", .path = K, .headers = {"range: bytes=2-8"}};
}

/* ---- the table of faults ---- */

enum question { PUT, GET, RANGE, LIST };

static const struct {
    enum question question;
    struct fake_fault fault;
    CURLcode code;
    int status;
    const char *word;   /* in the body; NULL: any */
    const char *header; /* in the headers; NULL: any */
    bool is_done;       /* PUT: the object is there afterwards */
} faults[] = {
    {PUT,
     {.action = FAKE_STATUS},
     CURLE_OK,
     500,
     "<Code>InternalError</Code>",
     NULL,
     false},
    {PUT,
     {.action = FAKE_STATUS,
      .status = 503,
      .code = "SlowDown",
      .headers = "Retry-After: 2\r\n"},
     CURLE_OK,
     503,
     "<Code>SlowDown</Code>",
     "Retry-After: 2\r\n",
     false},
    {PUT,
     {.action = FAKE_STATUS, .status = 502, .code = ""},
     CURLE_OK,
     502,
     "",
     "Content-Length: 0\r\n",
     false},
    {PUT, {.action = FAKE_DELAY, .delay_ms = 30}, CURLE_OK, 200, NULL, NULL, true},
    {PUT,
     {.action = FAKE_CUT_REQUEST, .bytes = 3},
     CURLE_GOT_NOTHING,
     0,
     NULL,
     NULL,
     false},
    {PUT, {.action = FAKE_RESET, .bytes = 3}, CURLE_RECV_ERROR, 0, NULL, NULL, false},
    {PUT, {.action = FAKE_LOSE_ANSWER}, CURLE_GOT_NOTHING, 0, NULL, NULL, true},
    {PUT, {.action = FAKE_CUT_ANSWER, .bytes = 30}, CURLE_OK, 200, NULL, NULL, true},
    {GET, {.action = FAKE_CUT_ANSWER, .bytes = 9999}, CURLE_OK, 200, WHOLE, NULL, true},
    {PUT,
     {.action = FAKE_ERROR_IN_200, .code = "SlowDown"},
     CURLE_OK,
     200,
     "  \n \n<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>SlowDown</Code>",
     NULL,
     false},
    {PUT,
     {.action = FAKE_ERROR_AFTER_200},
     CURLE_OK,
     200,
     "<Code>InternalError</Code>",
     NULL,
     true},
    {PUT, {.action = FAKE_EMPTY_200}, CURLE_OK, 200, "", "Content-Length: 0", false},
    {PUT, {.action = FAKE_WRONG_ETAG}, CURLE_OK, 200, NULL, WRONG_ETAG, true},
    {PUT, {.action = FAKE_NO_ETAG}, CURLE_OK, 200, NULL, NULL, true},
    {GET, {.action = FAKE_FLIP_BODY}, CURLE_OK, 200, "0123446789", NULL, true},
    {GET,
     {.action = FAKE_CUT_BODY, .bytes = 4},
     CURLE_PARTIAL_FILE,
     200,
     "0123",
     "Content-Length: 10\r\n",
     true},
    {RANGE,
     {.action = FAKE_SHORT_206, .bytes = 2},
     CURLE_OK,
     206,
     "23456",
     "Content-Range: bytes 2-6/10\r\n",
     true},
    {RANGE,
     {.action = FAKE_WRONG_RANGE, .bytes = 2},
     CURLE_OK,
     206,
     "45678",
     "Content-Range: bytes 4-8/10\r\n",
     true},
    {RANGE, {.action = FAKE_WHOLE_200}, CURLE_OK, 200, WHOLE, NULL, true},
    {LIST,
     {.action = FAKE_NO_MORE_TOKEN},
     CURLE_OK,
     200,
     "<IsTruncated>true</IsTruncated></ListBucketResult>",
     NULL,
     true},
    {LIST,
     {.action = FAKE_SAME_TOKEN},
     CURLE_OK,
     200,
     "<NextContinuationToken>1/6161</NextContinuationToken>",
     NULL,
     true},
    {PUT,
     {.action = FAKE_SKEWED, .seconds = 4000},
     CURLE_OK,
     403,
     "RequestTimeTooSkewed",
     NULL,
     false},
    {PUT, {.action = FAKE_EXPIRED_TOKEN}, CURLE_OK, 400, "ExpiredToken", NULL, false},
    {PUT,
     {.action = FAKE_REDIRECT, .region = "eu-1"},
     CURLE_OK,
     301,
     "<Region>eu-1</Region>",
     "x-amz-bucket-region: eu-1\r\n",
     false},
    {PUT,
     {.action = FAKE_WRONG_REGION, .region = "eu-1"},
     CURLE_OK,
     400,
     "<Region>eu-1</Region>",
     NULL,
     false},
};

static struct ask question_of(enum question kind)
{
    switch (kind) {
    case PUT:
        return put_whole();
    case GET:
        return (struct ask){.method = "GET", .path = K};
    case RANGE:
        return get_range();
    case LIST:
        break;
    }
    return (struct ask){.method = "GET",
                        .path = "/bucket",
                        .query = "continuation-token=1%2F6161&list-type=2"};
}

START_TEST(a_fault_does_what_its_name_says_once)
{
    struct ask question = question_of(faults[_i].question);
    bool puts = faults[_i].question == PUT;
    struct fake_fault fault = faults[_i].fault;
    struct fake_object object;

    if (!puts)
        fake_s3_add_object(fake, "k", WHOLE, sizeof WHOLE - 1);
    fault.key = faults[_i].question == LIST ? NULL : "k";
    unsigned id = fake_s3_fault(fake, &fault);
    struct reply reply = ask(fake, &question);
    ck_assert_msg(reply.code == faults[_i].code, "curl %d", (int)reply.code);
    ck_assert_int_eq(reply.status, faults[_i].status);
    if (faults[_i].word != NULL)
        ck_assert_msg(strstr(reply.body, faults[_i].word) != NULL, "%s", reply.body);
    if (faults[_i].header != NULL)
        ck_assert_msg(strstr(reply.headers, faults[_i].header) != NULL, "%s",
                      reply.headers);
    if (fault.action == FAKE_NO_ETAG)
        ck_assert_ptr_null(strstr(reply.headers, "ETag"));
    reply_release(&reply);
    ck_assert_uint_eq(fake_s3_fired(fake, id), 1);
    bool is_there = fake_s3_object(fake, "k", &object);
    ck_assert_int_eq(is_there, faults[_i].is_done);
    if (is_there)
        fake_object_release(&object);
    if (fault.region != NULL)
        question.region = fault.region;
    if (fault.action == FAKE_SKEWED)
        fake_s3_clear_faults(fake);
    ask_expect(fake, &question, faults[_i].question == RANGE ? 206 : 200, NULL);
    ck_assert_uint_eq(fake_s3_fired(fake, id), 1);
}
END_TEST

START_TEST(the_date_of_a_skewed_answer_is_off_ours)
{
    int64_t date;
    unsigned id =
        fake_s3_fault(fake, &(struct fake_fault){.action = FAKE_SKEWED, .seconds = 4000});
    struct ask question = put_whole();
    struct reply reply = ask(fake, &question);
    char *header = reply_header(&reply, "date");

    ck_assert_int_eq(clock_parse_http(header, &date), 0);
    ck_assert_int_ge(date, clock_now() + 3990);
    ck_assert_int_le(date, clock_now() + 4000);
    ck_assert_uint_eq(fake_s3_fired(fake, id), 1);
    free(header);
    reply_release(&reply);
}
END_TEST

START_TEST(a_flipped_bit_is_stored_without_a_word)
{
    struct ask question = put_whole();

    fake_s3_fault(fake, &(struct fake_fault){.op = "PutObject", .action = FAKE_FLIP_BODY});
    struct reply reply = ask(fake, &question);
    char *etag = reply_header(&reply, "etag");
    ck_assert_str_eq(etag, "\"781e5e245d69b566979b86e28d23f2c7\"");
    ask_expect_object(fake, "k", "0123446789");
    free(etag);
    reply_release(&reply);
}
END_TEST

START_TEST(an_early_answer_does_not_wait_for_the_body)
{
    struct ask question = put_whole();

    question.expects = true;
    fake_s3_fault(fake, &(struct fake_fault){.action = FAKE_STATUS_EARLY,
                                             .status = 403,
                                             .code = "AccessDenied"});
    ask_expect(fake, &question, 403, "AccessDenied");
    struct fake_request request;
    ck_assert(fake_s3_request(fake, "PutObject", 1, &request));
    ck_assert_uint_eq(request.body_size, 0);
    ck_assert_int_eq(request.status, 403);
    ck_assert(request.signed_well);
    fake_request_release(&request);
}
END_TEST

static const struct {
    struct fake_fault fault;
    int statuses[5]; /* of five PUTs of k */
} matchings[] = {
    {{.nth = 2}, {200, 500, 200, 200, 200}},
    {{.nth = 2, .times = 2}, {200, 500, 500, 200, 200}},
    {{.nth = 3, .times = FAKE_ALWAYS}, {200, 200, 500, 500, 500}},
    {{.request = 4}, {200, 200, 200, 500, 200}},
    {{.op = "GetObject"}, {200, 200, 200, 200, 200}},
    {{.method = "PUT", .key = "k"}, {500, 200, 200, 200, 200}},
    {{.key = "other"}, {200, 200, 200, 200, 200}},
    {{.part = 1}, {200, 200, 200, 200, 200}},
};

START_TEST(a_fault_fires_where_all_that_is_set_matches)
{
    struct ask question = put_whole();

    fake_s3_fault(fake, &matchings[_i].fault);
    for (size_t i = 0; i < 5; i++)
        ask_expect(fake, &question, matchings[_i].statuses[i], NULL);
}
END_TEST

START_TEST(of_several_faults_the_one_added_last_fires)
{
    struct ask question = put_whole();
    unsigned first = fake_s3_fault(fake, &(struct fake_fault){.times = FAKE_ALWAYS});
    unsigned last = fake_s3_fault(fake, &(struct fake_fault){.status = 503, .nth = 2});

    ask_expect(fake, &question, 500, NULL);
    ask_expect(fake, &question, 503, NULL);
    ask_expect(fake, &question, 500, NULL);
    fake_s3_clear_faults(fake);
    ask_expect(fake, &question, 200, NULL);
    ck_assert_uint_eq(fake_s3_fired(fake, first), 2);
    ck_assert_uint_eq(fake_s3_fired(fake, last), 1);
}
END_TEST

static unsigned failures_of_a_hundred(uint64_t seed, char pattern[101])
{
    unsigned failed = 0;

    stop();
    settings.failure_percent = 20;
    settings.failure_seed = seed;
    struct err err;
    fake = fake_s3_new(&settings, &err);
    ck_assert_ptr_nonnull(fake);
    for (int i = 0; i < 100; i++) {
        struct ask question = put_whole();
        struct reply reply = ask(fake, &question);
        failed += reply.status != 200;
        pattern[i] = (char)(reply.status == 0 ? '0' : '0' + reply.status % 10 + 1);
        reply_release(&reply);
    }
    pattern[100] = '\0';
    return failed;
}

START_TEST(random_failures_are_the_same_for_the_same_seed)
{
    char one[101], two[101], three[101];
    unsigned failed = failures_of_a_hundred(7, one);

    ck_assert_uint_ge(failed, 8);
    ck_assert_uint_le(failed, 35);
    ck_assert_uint_eq(failures_of_a_hundred(7, two), failed);
    ck_assert_str_eq(one, two);
    failures_of_a_hundred(8, three);
    ck_assert_str_ne(one, three);
}
END_TEST

/* ---- connections ---- */

START_TEST(a_connection_serves_many_requests_unless_it_is_told_to_close)
{
    struct ask question = put_whole();

    question.curl = curl_easy_init();
    for (int i = 0; i < 3; i++)
        ask_expect(fake, &question, 200, NULL);
    ck_assert_uint_eq(fake_s3_stats(fake).connections, 1);
    settings.close_each = true;
    fake_s3_change(fake, &settings);
    for (int i = 0; i < 3; i++)
        ask_expect(fake, &question, 200, NULL);
    ck_assert_uint_eq(fake_s3_stats(fake).connections, 3);
    curl_easy_cleanup(question.curl);
}
END_TEST

START_TEST(a_body_that_is_expected_gets_100_and_a_bad_one_is_not_read)
{
    struct ask question = put_whole();
    struct fake_request request;
    struct reply reply;

    question.expects = true;
    reply = ask(fake, &question);
    ck_assert_int_eq(reply.status, 200);
    ck_assert_ptr_nonnull(strstr(reply.headers, "HTTP/1.1 100 Continue"));
    reply_release(&reply);
    question.secret_key = "wrong";
    ask_expect(fake, &question, 403, "SignatureDoesNotMatch");
    ck_assert(fake_s3_request(fake, NULL, 2, &request));
    ck_assert_uint_eq(request.body_size, 0);
    ck_assert(!request.signed_well);
    fake_request_release(&request);
    settings.no_100_continue = true;
    fake_s3_change(fake, &settings);
    question.secret_key = NULL;
    question.expect_ms = 20;
    reply = ask(fake, &question);
    ck_assert_int_eq(reply.status, 200);
    ck_assert_ptr_null(strstr(reply.headers, "100 Continue"));
    reply_release(&reply);
}
END_TEST

START_TEST(an_outage_refuses_connections_and_keeps_the_port_and_the_state)
{
    struct ask question = put_whole();
    int port = fake_s3_port(fake);
    struct err err;

    question.curl = curl_easy_init();
    ask_expect(fake, &question, 200, NULL);
    fake_s3_down(fake);
    fake_s3_down(fake);
    struct reply reply = ask(fake, &question);
    ck_assert_int_eq(reply.code, CURLE_COULDNT_CONNECT);
    reply_release(&reply);
    ck_assert_int_eq(fake_s3_up(fake, &err), 0);
    ck_assert_int_eq(fake_s3_up(fake, &err), 0);
    ck_assert_int_eq(fake_s3_port(fake), port);
    ask_get(fake, K, NULL, 200, WHOLE);
    curl_easy_cleanup(question.curl);
}
END_TEST

/* ---- requests at the same time ---- */

struct asker {
    struct ask ask;
    pthread_t thread;
    int status;
};

static void *run_asker(void *argument)
{
    struct asker *asker = argument;
    struct reply reply = ask(fake, &asker->ask);

    asker->status = reply.status;
    reply_release(&reply);
    return NULL;
}

static void start_asker(struct asker *asker, const char *method, const char *query)
{
    asker->ask = (struct ask){.method = method, .path = K, .query = query};
    if (strcmp(method, "PUT") == 0) {
        asker->ask.body = WHOLE;
        asker->ask.size = sizeof WHOLE - 1;
    }
    ck_assert_int_eq(pthread_create(&asker->thread, NULL, run_asker, asker), 0);
}

START_TEST(what_is_held_goes_on_when_it_is_released)
{
    char *id = ask_create(fake, K);
    char *one = memory_format("partNumber=1&uploadId=%s", id);
    char *two = memory_format("partNumber=2&uploadId=%s", id);
    struct asker askers[3];

    fake_s3_fault(
        fake, &(struct fake_fault){.op = "UploadPart", .action = FAKE_HOLD, .times = 3});
    start_asker(&askers[0], "PUT", one);
    ck_assert(fake_s3_wait_held(fake, 1, 10000));
    start_asker(&askers[1], "PUT", two);
    ck_assert(fake_s3_wait_held(fake, 2, 10000));
    ck_assert(!fake_s3_wait_held(fake, 3, 1));
    start_asker(&askers[2], "PUT", one);
    ck_assert(fake_s3_wait_held(fake, 3, 10000));
    struct fake_request request;
    ck_assert(fake_s3_request(fake, "UploadPart", 1, &request));
    ck_assert(request.status == 0 && request.ended_ms == 0 && request.part == 1);
    fake_request_release(&request);
    fake_s3_release(fake);
    for (int i = 0; i < 3; i++) {
        pthread_join(askers[i].thread, NULL);
        ck_assert_int_eq(askers[i].status, 200);
    }
    struct fake_s3_stats stats = fake_s3_stats(fake);
    ck_assert_uint_eq(stats.parts_in_flight, 3);
    ck_assert_uint_eq(stats.same_part_in_flight, 1);
    ck_assert_uint_eq(stats.endings_in_flight, 0);
    free(id);
    free(one);
    free(two);
}
END_TEST

START_TEST(two_endings_of_an_upload_at_a_time_are_counted)
{
    char *id = ask_create(fake, K);
    char *query = memory_format("uploadId=%s", id);
    struct asker askers[2];

    fake_s3_fault(fake, &(struct fake_fault){
                            .op = "AbortMultipartUpload", .action = FAKE_HOLD, .times = 2});
    start_asker(&askers[0], "DELETE", query);
    ck_assert(fake_s3_wait_held(fake, 1, 10000));
    start_asker(&askers[1], "DELETE", query);
    ck_assert(fake_s3_wait_held(fake, 2, 10000));
    fake_s3_release(fake);
    pthread_join(askers[0].thread, NULL);
    pthread_join(askers[1].thread, NULL);
    ck_assert_int_eq(askers[0].status + askers[1].status, 204 + 404);
    ck_assert_uint_eq(fake_s3_stats(fake).endings_in_flight, 1);
    free(id);
    free(query);
}
END_TEST

START_TEST(freeing_ends_what_is_held)
{
    struct asker asker;

    fake_s3_fault(fake, &(struct fake_fault){.action = FAKE_HOLD});
    start_asker(&asker, "PUT", NULL);
    ck_assert(fake_s3_wait_held(fake, 1, 10000));
    fake_s3_down(fake);
    pthread_join(asker.thread, NULL);
    ck_assert_int_eq(asker.status, 0);
}
END_TEST

/* ---- records ---- */

START_TEST(requests_are_remembered_as_they_came)
{
    char *id = ask_create(fake, K);
    struct fake_request request;

    ck_assert_int_eq(ask_part(fake, K, id, 3, "abc"), 200);
    ck_assert_uint_eq(fake_s3_count(fake, NULL), 2);
    ck_assert_uint_eq(fake_s3_count(fake, "UploadPart"), 1);
    ck_assert(!fake_s3_request(fake, "UploadPart", 2, &request));
    ck_assert(fake_s3_request(fake, "UploadPart", 1, &request));
    ck_assert_uint_eq(request.number, 2);
    ck_assert_uint_eq(request.part, 3);
    ck_assert_uint_eq(request.body_size, 3);
    ck_assert_int_eq(request.status, 200);
    ck_assert_str_eq(request.key, "k");
    ck_assert_str_eq(request.upload_id, id);
    ck_assert_ptr_nonnull(strstr(request.target, "partNumber=3"));
    ck_assert_int_ge(request.ended_ms, request.started_ms);
    char *date = fake_request_header(&request, "X-AMZ-DATE");
    ck_assert_uint_eq(strlen(date), 16);
    ck_assert_ptr_null(fake_request_header(&request, "absent"));
    free(date);
    fake_request_release(&request);
    free(id);
}
END_TEST

START_TEST(bad_habits_are_counted)
{
    struct ask question = put_whole();

    question.chunked = true;
    ask_expect(fake, &question, 411, "MissingContentLength");
    question.chunked = false;
    question.headers[0] = "x-amz-trailer: x-amz-checksum-crc32";
    ask_expect(fake, &question, 501, "NotImplemented");
    struct fake_s3_stats stats = fake_s3_stats(fake);
    ck_assert_uint_eq(stats.chunked, 1);
    ck_assert_uint_eq(stats.aws_chunked, 1);
    question.headers[0] = NULL;
    for (int i = 0; i < 9 && fake_s3_stats(fake).repeated_dates == 0; i++)
        ask_expect(fake, &question, 200, NULL);
    ck_assert_uint_eq(fake_s3_stats(fake).repeated_dates, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fake_s3_faults");
    TCase *tcase = tcase_create("faults");
    SRunner *runner = srunner_create(suite);

    curl_global_init(CURL_GLOBAL_ALL);
    tcase_add_checked_fixture(tcase, setup, stop);
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, a_fault_does_what_its_name_says_once, 0,
                        (int)(sizeof faults / sizeof *faults));
    tcase_add_test(tcase, the_date_of_a_skewed_answer_is_off_ours);
    tcase_add_test(tcase, a_flipped_bit_is_stored_without_a_word);
    tcase_add_test(tcase, an_early_answer_does_not_wait_for_the_body);
    tcase_add_loop_test(tcase, a_fault_fires_where_all_that_is_set_matches, 0,
                        (int)(sizeof matchings / sizeof *matchings));
    tcase_add_test(tcase, of_several_faults_the_one_added_last_fires);
    tcase_add_test(tcase, random_failures_are_the_same_for_the_same_seed);
    tcase_add_test(tcase, a_connection_serves_many_requests_unless_it_is_told_to_close);
    tcase_add_test(tcase, a_body_that_is_expected_gets_100_and_a_bad_one_is_not_read);
    tcase_add_test(tcase, an_outage_refuses_connections_and_keeps_the_port_and_the_state);
    tcase_add_test(tcase, what_is_held_goes_on_when_it_is_released);
    tcase_add_test(tcase, two_endings_of_an_upload_at_a_time_are_counted);
    tcase_add_test(tcase, freeing_ends_what_is_held);
    tcase_add_test(tcase, requests_are_remembered_as_they_came);
    tcase_add_test(tcase, bad_habits_are_counted);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    curl_global_cleanup();
    return failed == 0 ? 0 : 1;
}
