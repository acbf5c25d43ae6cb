/* What a request brings, and how many run at a time. */
#include "s3/core/client.h"

#include "base/cancel.h"
#include "base/clock.h"
#include "base/memory.h"
#include "tests/support/run_suite.h"
#include "tests/support/s3_pair.h"

#include <check.h>
#include <signal.h>
#include <stdatomic.h>

enum { SIZE = 100000 };

static unsigned char *object_data(void)
{
    unsigned char *data = memory_alloc(SIZE);
    for (size_t i = 0; i < SIZE; i++)
        data[i] = (unsigned char)(i * 2654435761U >> 13);
    return data;
}

/* A GET of bytes first..last into a buffer of its own, which the caller frees. */
static struct s3_request ranged(uint64_t first, uint64_t last)
{
    struct s3_request request;
    s3_request_init(&request, "GET", "a");
    request.ranged = true;
    request.first = first;
    request.last = last;
    request.buffer = memory_zalloc((size_t)(last - first + 1));
    request.accept[0] = 416;
    return request;
}

static void end_ranged(struct s3_request *request)
{
    free(request->buffer);
    s3_request_release(request);
}

START_TEST(a_range_is_read_exactly)
{
    static const struct {
        uint64_t first, last, received;
    } rows[] = {{0, 0, 1},
                {0, SIZE - 1, SIZE},
                {10, 99, 90},
                {SIZE - 5, SIZE + 100, 5},
                {0, SIZE + 5, SIZE}};
    unsigned char *data = object_data();
    struct s3_pair pair;

    s3_pair_init(&pair, NULL, NULL);
    fake_s3_add_object(pair.fake, "a", data, SIZE);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct s3_request request = ranged(rows[i].first, rows[i].last);
        struct err err = {0};
        OK(s3_request_run(pair.client, &request, &err));
        ck_assert_uint_eq(request.answer.received, rows[i].received);
        ck_assert_uint_eq(request.answer.range_total, SIZE);
        ck_assert_mem_eq(request.buffer, data + rows[i].first, (size_t)rows[i].received);
        end_ranged(&request);
    }
    s3_pair_release(&pair);
    free(data);
}
END_TEST

START_TEST(a_range_behind_the_end_is_416)
{
    struct s3_pair pair;
    struct err err = {0};
    struct s3_request request = ranged(10, 20);

    s3_pair_init(&pair, NULL, NULL);
    fake_s3_add_object(pair.fake, "a", "0123456789", 10);
    OK(s3_request_run(pair.client, &request, &err));
    ck_assert_int_eq(request.answer.status, 416);
    end_ranged(&request);
    s3_pair_release(&pair);
}
END_TEST

static char *range_of(struct s3_pair *pair, unsigned nth)
{
    struct fake_request request;
    ck_assert(fake_s3_request(pair->fake, "GetObject", nth, &request));
    char *value = fake_request_header(&request, "Range");
    fake_request_release(&request);
    return value;
}

START_TEST(a_cut_range_goes_on_where_it_was_cut)
{
    unsigned char *data = object_data();
    struct s3_pair pair;
    struct err err = {0};
    struct s3_request request = ranged(1000, 60999);

    s3_pair_init(&pair, NULL, NULL);
    fake_s3_add_object(pair.fake, "a", data, SIZE);
    fake_s3_fault(
        pair.fake,
        &(struct fake_fault){.op = "GetObject", .action = FAKE_CUT_BODY, .bytes = 20000});
    fake_s3_fault(pair.fake,
                  &(struct fake_fault){
                      .op = "GetObject", .nth = 2, .action = FAKE_CUT_BODY, .bytes = 5000});
    OK(s3_request_run(pair.client, &request, &err));
    ck_assert_mem_eq(request.buffer, data + 1000, 60000);
    ck_assert_uint_eq(request.answer.received, 60000);
    ck_assert_uint_eq(request.answer.range_first, 1000);
    char *second = range_of(&pair, 2), *third = range_of(&pair, 3);
    ck_assert_str_eq(second, "bytes=21000-60999");
    ck_assert_str_eq(third, "bytes=26000-60999");
    free(second);
    free(third);
    end_ranged(&request);
    s3_pair_release(&pair);
    free(data);
}
END_TEST

START_TEST(what_is_not_the_range_asked_for_is_never_taken_for_it)
{
    static const enum fake_action actions[] = {FAKE_SHORT_206, FAKE_WRONG_RANGE,
                                               FAKE_WHOLE_200};
    unsigned char *data = object_data();

    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        struct s3_pair pair;
        struct err err = {0};
        struct s3_request request = ranged(1000, 1999);
        s3_pair_init(&pair, NULL, NULL);
        fake_s3_add_object(pair.fake, "a", data, SIZE);
        fake_s3_fault(pair.fake, &(struct fake_fault){
                                     .op = "GetObject", .action = actions[i], .bytes = 10});
        OK(s3_request_run(pair.client, &request, &err));
        ck_assert_mem_eq(request.buffer, data + 1000, 1000);
        ck_assert_uint_eq(fake_s3_count(pair.fake, "GetObject"), 2);
        fake_s3_fault(pair.fake, &(struct fake_fault){.op = "GetObject",
                                                      .times = FAKE_ALWAYS,
                                                      .action = actions[i],
                                                      .bytes = 10});
        FAILS(s3_request_run(pair.client, &request, &err), ERR_CORRUPT);
        end_ranged(&request);
        s3_pair_release(&pair);
    }
    free(data);
}
END_TEST

/* ---- regions, clocks, credentials */

static int post(struct s3_pair *pair, struct s3_request *request, struct text *out,
                struct err *err)
{
    s3_request_init(request, "POST", "a");
    s3_query_add(&request->query, "uploads", NULL);
    text_init(out, 10000);
    request->out = out;
    request->root = "InitiateMultipartUploadResult";
    return s3_request_run(pair->client, request, err);
}

START_TEST(an_error_in_a_200_is_an_error)
{
    static const struct {
        enum fake_action action;
        const char *code;
        enum err_kind kind; /* ERR_NONE: repeated with success */
    } rows[] = {
        {FAKE_ERROR_IN_200, "InternalError", ERR_NONE},
        {FAKE_ERROR_IN_200, "SlowDown", ERR_NONE},
        {FAKE_EMPTY_200, NULL, ERR_NONE},
        {FAKE_ERROR_IN_200, "AccessDenied", ERR_DENIED},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct s3_pair pair;
        struct s3_request request;
        struct text out;
        struct err err = {0};
        s3_pair_init(&pair, NULL, NULL);
        fake_s3_fault(pair.fake, &(struct fake_fault){.op = "CreateMultipartUpload",
                                                      .action = rows[i].action,
                                                      .code = rows[i].code});
        if (rows[i].kind == ERR_NONE)
            OK(post(&pair, &request, &out, &err));
        else
            FAILS(post(&pair, &request, &out, &err), rows[i].kind);
        s3_request_release(&request);
        text_release(&out);
        s3_pair_release(&pair);
    }
}
END_TEST

START_TEST(a_lost_answer_leaves_the_outcome_uncertain)
{
    static const struct {
        enum fake_action action;
        bool uncertain;
    } rows[] = {{FAKE_LOSE_ANSWER, true},
                {FAKE_EMPTY_200, true},
                {FAKE_STATUS, true},
                {FAKE_EXPIRED_TOKEN, false},
                {FAKE_DELAY, false}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct s3_pair pair;
        struct s3_request request;
        struct text out;
        struct err err = {0};
        s3_pair_init(&pair, NULL, NULL);
        s3_pair_fault(&pair, "CreateMultipartUpload", rows[i].action);
        OK(post(&pair, &request, &out, &err));
        ck_assert_int_eq(request.answer.uncertain, rows[i].uncertain);
        s3_request_release(&request);
        text_release(&out);
        s3_pair_release(&pair);
    }
}
END_TEST

START_TEST(a_body_that_changed_in_memory_is_not_sent_again)
{
    struct s3_pair pair;
    struct s3_request request;
    struct err err = {0};
    char data[] = "hello";

    s3_pair_init(&pair, NULL, NULL);
    s3_request_init(&request, "PUT", "a");
    request.body = data;
    request.body_size = 5;
    request.digests.known = DIGESTS_MD5;
    digest_md5("hallo", 5, request.digests.md5);
    FAILS(s3_request_run(pair.client, &request, &err), ERR_CORRUPT);
    ck_assert_uint_eq(fake_s3_count(pair.fake, "PutObject"), 1);
    s3_request_release(&request);
    s3_pair_release(&pair);
}
END_TEST

/* ---- many at once */

enum { MANY = 40 };

struct many {
    struct s3_request requests[MANY];
    atomic_uint done, failed, cancelled;
};

static void count_done(void *context, struct s3_request *request, const struct err *err)
{
    struct many *many = context;

    if (err->kind == ERR_CANCELLED)
        atomic_fetch_add(&many->cancelled, 1);
    else if (err->kind != ERR_NONE)
        atomic_fetch_add(&many->failed, 1);
    s3_request_release(request);
    atomic_fetch_add(&many->done, 1);
}

static void submit_many(struct s3_pair *pair, struct many *many)
{
    for (int i = 0; i < MANY; i++) {
        struct s3_request *request = &many->requests[i];
        char key[20];
        (void)snprintf(key, sizeof key, "k%d", i);
        s3_request_init(request, "PUT", key);
        request->body = "hello";
        request->body_size = 5;
        request->group = many;
        request->on_done = count_done;
        request->context = many;
        s3_request_submit(pair->client, request);
    }
}

START_TEST(no_more_run_at_once_than_there_are_connections)
{
    struct s3_config config = s3_pair_config();
    struct s3_pair pair;
    struct many *many = memory_zalloc(sizeof *many);

    config.max_connections = 3;
    s3_pair_init(&pair, NULL, &config);
    submit_many(&pair, many);
    while (atomic_load(&many->done) < MANY)
        (void)cancel_sleep_ms(NULL, 1);
    ck_assert_uint_eq(atomic_load(&many->failed), 0);
    ck_assert_uint_eq(fake_s3_object_count(pair.fake), MANY);
    ck_assert_uint_le(fake_s3_stats(pair.fake).connections, 4);
    s3_pair_release(&pair);
    free(many);
}
END_TEST

START_TEST(a_group_that_is_given_up_ends_at_once_and_leaves_others_alone)
{
    struct s3_config config = s3_pair_config();
    struct s3_pair pair;
    struct err err = {0};
    struct many *many = memory_zalloc(sizeof *many);

    config.max_connections = 4;
    s3_pair_init(&pair, NULL, &config);
    fake_s3_add_object(pair.fake, "a", "x", 1);
    fake_s3_fault(
        pair.fake,
        &(struct fake_fault){.op = "PutObject", .times = FAKE_ALWAYS, .action = FAKE_HOLD});
    submit_many(&pair, many);
    ck_assert(fake_s3_wait_held(pair.fake, 4, 5000));
    s3_requests_cancel(pair.client, many);
    ck_assert_uint_eq(atomic_load(&many->cancelled), MANY);
    ck_assert_uint_eq(atomic_load(&many->done), MANY);
    OK(s3_pair_get(&pair, &err));
    fake_s3_release(pair.fake);
    s3_pair_release(&pair);
    free(many);
}
END_TEST

START_TEST(a_failing_tenth_costs_time_and_nothing_else)
{
    struct fake_s3_settings service = s3_pair_service();
    struct s3_pair pair;
    struct many *many = memory_zalloc(sizeof *many);

    service.failure_percent = 10;
    service.failure_seed = 7;
    s3_pair_init(&pair, &service, NULL);
    submit_many(&pair, many);
    while (atomic_load(&many->done) < MANY)
        (void)cancel_sleep_ms(NULL, 1);
    ck_assert_uint_eq(atomic_load(&many->failed), 0);
    ck_assert_uint_eq(fake_s3_object_count(pair.fake), MANY);
    s3_pair_release(&pair);
    free(many);
}
END_TEST

/* Each test runs in a process of its own: the flag stays set. */
START_TEST(cancelling_the_process_ends_what_waits_but_not_the_clearing_up)
{
    struct s3_pair pair;
    struct s3_request held, abort_;
    struct err err = {0};

    s3_pair_init(&pair, NULL, NULL);
    fake_s3_fault(pair.fake, &(struct fake_fault){.op = "PutObject", .action = FAKE_HOLD});
    s3_request_init(&held, "PUT", "a");
    s3_request_submit(pair.client, &held);
    ck_assert(fake_s3_wait_held(pair.fake, 1, 5000));
    int64_t start = clock_monotonic_ms();
    cancel_trip(NULL, CANCEL_SIGTERM);
    FAILS(s3_request_wait(pair.client, &held, &err), ERR_CANCELLED);
    ck_assert_int_lt(clock_monotonic_ms() - start, 2000);
    ck_assert(held.answer.uncertain);
    s3_request_init(&abort_, "DELETE", "a");
    struct s3_client *cleaner =
        s3_client_with(pair.client, &(struct s3_call){.cleaning = true});
    OK(s3_request_run(cleaner, &abort_, &err));
    s3_client_free(cleaner);
    FAILS(s3_pair_get(&pair, &err), ERR_CANCELLED);
    s3_request_release(&held);
    s3_request_release(&abort_);
    fake_s3_release(pair.fake);
    s3_pair_release(&pair);
}
END_TEST

START_TEST(the_rate_limit_holds_over_all_bodies)
{
    struct s3_config config = s3_pair_config();
    struct s3_pair pair;
    struct err err = {0};
    size_t size = 200000;
    char *data = memory_zalloc(size);
    struct s3_request requests[3];

    config.limit_rate = 1000000;
    s3_pair_init(&pair, NULL, &config);
    int64_t start = clock_monotonic_ms();
    for (int i = 0; i < 3; i++) {
        s3_request_init(&requests[i], "PUT", i == 0 ? "a" : i == 1 ? "b" : "c");
        requests[i].body = data;
        requests[i].body_size = size;
        s3_request_submit(pair.client, &requests[i]);
    }
    for (int i = 0; i < 3; i++) {
        OK(s3_request_wait(pair.client, &requests[i], &err));
        s3_request_release(&requests[i]);
    }
    int64_t took = clock_monotonic_ms() - start;
    ck_assert_msg(took >= 350, "600 kB at 1 MB/s in %lld ms", (long long)took);
    s3_pair_release(&pair);
    free(data);
}
END_TEST

/* ---- the n-th request fails, for every n */

START_TEST(crc_text_goes_both_ways)
{
    static const uint64_t values[] = {0, 1, UINT64_MAX, 0xae8b14860a799888U,
                                      0x0123456789abcdefU};
    static const char *const wrong[] = {"", "rosUhgp5mIg", "rosUhgp5mIgA",
                                        "rosUhgp5m g=", "rosUhgp5mIg=="};
    char text[S3_CRC64_BASE64];
    uint64_t back;

    ck_assert_str_eq(s3_crc64_base64(0xae8b14860a799888U, text), "rosUhgp5mIg=");
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        ck_assert(s3_crc64_from_base64(s3_crc64_base64(values[i], text), &back));
        ck_assert_uint_eq(back, values[i]);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert(!s3_crc64_from_base64(wrong[i], &back));
}
END_TEST

/* ---- handles */

START_TEST(a_handle_has_a_budget_of_its_own)
{
    struct s3_pair pair;
    struct s3_object object;
    struct err err = {0};
    bool absent = false;

    s3_pair_init(&pair, NULL, NULL);
    struct s3_client *hasty =
        s3_client_with(pair.client, &(struct s3_call){.retry_time_ms = 50});
    fake_s3_fault(pair.fake, &(struct fake_fault){
                                 .op = "HeadBucket", .status = 503, .times = FAKE_ALWAYS});
    FAILS(s3_bucket_check(hasty, &err), ERR_TRANSIENT);
    ck_assert_int_eq(s3_client_retry_time(hasty), 50);
    ck_assert_int_gt(s3_client_retry_time(pair.client), 50);
    /* The other one goes on as before, on the same connections. */
    err_clear(&err);
    fake_s3_add_object(pair.fake, "a", "hello", 5);
    OK(s3_head(pair.client, "a", &object, &absent, &err));
    s3_object_release(&object);
    s3_client_free(hasty);
    OK(s3_head(pair.client, "a", &object, &absent, &err));
    s3_object_release(&object);
    s3_pair_release(&pair);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("request");
    TCase *tests = tcase_create("request");
    struct err err = {0};

    if (s3_global_init(&err) < 0)
        return 1;
    tcase_add_test(tests, a_range_is_read_exactly);
    tcase_add_test(tests, a_range_behind_the_end_is_416);
    tcase_add_test(tests, a_cut_range_goes_on_where_it_was_cut);
    tcase_add_test(tests, what_is_not_the_range_asked_for_is_never_taken_for_it);
    tcase_add_test(tests, an_error_in_a_200_is_an_error);
    tcase_add_test(tests, a_lost_answer_leaves_the_outcome_uncertain);
    tcase_add_test(tests, a_body_that_changed_in_memory_is_not_sent_again);
    tcase_add_test(tests, crc_text_goes_both_ways);
    tcase_add_test(tests, a_handle_has_a_budget_of_its_own);
    tcase_add_test(tests, no_more_run_at_once_than_there_are_connections);
    tcase_add_test(tests, a_group_that_is_given_up_ends_at_once_and_leaves_others_alone);
    tcase_add_test(tests, a_failing_tenth_costs_time_and_nothing_else);
    tcase_add_test(tests, cancelling_the_process_ends_what_waits_but_not_the_clearing_up);
    tcase_add_test(tests, the_rate_limit_holds_over_all_bodies);
    suite_add_tcase(suite, tests);
    int status = run_suite(suite);
    s3_global_release();
    return status;
}
