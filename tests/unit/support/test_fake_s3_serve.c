/* fake_s3: connections, requests at the same time, records and counts. */
#include "tests/support/fake_s3_rig.h"

#include "base/memory.h"

#include <check.h>
#include <pthread.h>

/* ---- connections ---- */

START_TEST(a_connection_serves_many_requests_unless_it_is_told_to_close)
{
    struct ask question = fake_s3_rig_put();

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
    struct ask question = fake_s3_rig_put();
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
    struct ask question = fake_s3_rig_put();
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
    struct ask question = fake_s3_rig_put();

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
    Suite *suite = suite_create("fake_s3_serve");
    TCase *tcase = tcase_create("serve");

    tcase_add_test(tcase, a_connection_serves_many_requests_unless_it_is_told_to_close);
    tcase_add_test(tcase, a_body_that_is_expected_gets_100_and_a_bad_one_is_not_read);
    tcase_add_test(tcase, an_outage_refuses_connections_and_keeps_the_port_and_the_state);
    tcase_add_test(tcase, what_is_held_goes_on_when_it_is_released);
    tcase_add_test(tcase, two_endings_of_an_upload_at_a_time_are_counted);
    tcase_add_test(tcase, freeing_ends_what_is_held);
    tcase_add_test(tcase, requests_are_remembered_as_they_came);
    tcase_add_test(tcase, bad_habits_are_counted);
    return fake_s3_rig_run(suite, tcase);
}
