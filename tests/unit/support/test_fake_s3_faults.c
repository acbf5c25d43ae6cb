/* fake_s3: every fault fires as its header says. */
#include "tests/support/fake_s3_rig.h"

#include "base/clock.h"
#include "s3/http/http.h"

#include <check.h>

#define WRONG_ETAG "\"0123456789abcdef0123456789abcdef\""

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
        return fake_s3_rig_put();
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
    /* Closed with bytes unread, a connection is reset: which of the two comes first is
     * chance. */
    bool reset = reply.code == CURLE_RECV_ERROR && faults[_i].code == CURLE_GOT_NOTHING;
    ck_assert_msg(reset || reply.code == faults[_i].code, "curl %d", (int)reply.code);
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
    unsigned id =
        fake_s3_fault(fake, &(struct fake_fault){.action = FAKE_SKEWED, .seconds = 4000});
    struct ask question = fake_s3_rig_put();
    struct reply reply = ask(fake, &question);
    char *header = reply_header(&reply, "date");

    int64_t date = s3_http_date(header);
    ck_assert_int_ge(date, clock_now() + 3990);
    ck_assert_int_le(date, clock_now() + 4000);
    ck_assert_uint_eq(fake_s3_fired(fake, id), 1);
    free(header);
    reply_release(&reply);
}
END_TEST

START_TEST(a_flipped_bit_is_stored_without_a_word)
{
    struct ask question = fake_s3_rig_put();

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
    struct ask question = fake_s3_rig_put();

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
    struct ask question = fake_s3_rig_put();

    fake_s3_fault(fake, &matchings[_i].fault);
    for (size_t i = 0; i < 5; i++)
        ask_expect(fake, &question, matchings[_i].statuses[i], NULL);
}
END_TEST

START_TEST(of_several_faults_the_one_added_last_fires)
{
    struct ask question = fake_s3_rig_put();
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

    settings.failure_percent = 20;
    settings.failure_seed = seed;
    fake_s3_rig_restart();
    for (int i = 0; i < 100; i++) {
        struct ask question = fake_s3_rig_put();
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

int main(void)
{
    Suite *suite = suite_create("fake_s3_faults");
    TCase *tcase = tcase_create("faults");

    tcase_add_loop_test(tcase, a_fault_does_what_its_name_says_once, 0,
                        (int)(sizeof faults / sizeof *faults));
    tcase_add_test(tcase, the_date_of_a_skewed_answer_is_off_ours);
    tcase_add_test(tcase, a_flipped_bit_is_stored_without_a_word);
    tcase_add_test(tcase, an_early_answer_does_not_wait_for_the_body);
    tcase_add_loop_test(tcase, a_fault_fires_where_all_that_is_set_matches, 0,
                        (int)(sizeof matchings / sizeof *matchings));
    tcase_add_test(tcase, of_several_faults_the_one_added_last_fires);
    tcase_add_test(tcase, random_failures_are_the_same_for_the_same_seed);
    return fake_s3_rig_run(suite, tcase);
}
