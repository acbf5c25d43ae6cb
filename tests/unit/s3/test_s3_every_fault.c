/*
 * Every fault at every request of a backup's life, one at a time: the n-th request fails in
 * this way, for n = 1, 2, 3 ... until a whole life passed without it. What was reported as
 * done is there, and nothing hangs.
 */
#include "tests/support/s3_rig.h"
#include "tests/support/run_suite.h"

#include "base/memory.h"

#include <check.h>

enum { PART = 9000, SMALL = 321, PARTS = 4 };
#define SIZE ((PARTS - 1) * PART + SMALL)
#define KEY "p/dump"

static const char *step; /* of the life, for messages */

/* HEAD has neither a code nor an <Error> to look into, and whatever length comes with 200
 * is the object's, also for GET; an ETag that changes is a replaced object. These may fail,
 * and say so; all else must not. */
static bool may_fail(const struct fake_request *request, const struct fake_fault *fault)
{
    bool head = request->op != NULL && strcmp(request->op, "HeadObject") == 0;
    bool get = request->op != NULL && strcmp(request->op, "GetObject") == 0;
    bool removal = request->op != NULL && strcmp(request->op, "DeleteObject") == 0;

    switch ((int)fault->action) {
    case FAKE_ERROR_IN_200:
    case FAKE_ERROR_AFTER_200:
        return head || get;
    case FAKE_EMPTY_200:
        return head || get || removal;
    case FAKE_STATUS:
        return head && fault->status < 429;
    case FAKE_WRONG_ETAG:
    case FAKE_SKEWED:
        return head;
    default:
        return false;
    }
}

/* Each happens once; all of them pass by when one tries again. */
static const struct fake_fault faults[] = {
    {.action = FAKE_STATUS, .status = 500},
    {.action = FAKE_STATUS,
     .status = 503,
     .code = "SlowDown",
     .headers = "Retry-After: 1\r\n"},
    {.action = FAKE_STATUS, .status = 429, .code = ""},
    {.action = FAKE_STATUS, .status = 400, .code = "RequestTimeout"},
    {.action = FAKE_STATUS, .status = 409, .code = "OperationAborted"},
    {.action = FAKE_STATUS_EARLY, .status = 503},
    {.action = FAKE_CUT_REQUEST},
    {.action = FAKE_CUT_REQUEST, .bytes = 5},
    {.action = FAKE_RESET},
    {.action = FAKE_RESET, .bytes = 5},
    {.action = FAKE_LOSE_ANSWER},
    {.action = FAKE_CUT_ANSWER, .bytes = 5},
    {.action = FAKE_CUT_ANSWER, .bytes = 100},
    {.action = FAKE_CUT_ANSWER, .bytes = 300},
    {.action = FAKE_ERROR_IN_200},
    {.action = FAKE_ERROR_IN_200, .code = "SlowDown"},
    {.action = FAKE_ERROR_AFTER_200},
    {.action = FAKE_EMPTY_200},
    {.action = FAKE_WRONG_ETAG},
    {.action = FAKE_NO_ETAG},
    {.action = FAKE_CUT_BODY, .bytes = 3},
    {.action = FAKE_SHORT_206, .bytes = 3},
    {.action = FAKE_WRONG_RANGE, .bytes = 3},
    {.action = FAKE_WHOLE_200},
    {.action = FAKE_SKEWED, .seconds = 0},
    {.action = FAKE_REDIRECT, .region = "eu-test-1"},
    {.action = FAKE_WRONG_REGION, .region = "eu-test-1"},
};

static int mark(void)
{
    struct s3_put put = {.key = "p/mark", .data = "mark", .size = 4};

    step = "put";
    return s3_put(rig.client, &put, &rig.err);
}

static int dump(void)
{
    struct s3_upload *upload = s3_rig_begin(KEY);

    step = "upload";
    int result = s3_rig_give(upload, 1, PARTS, PART, SMALL);
    if (result == 0)
        result = s3_upload_finish(upload, NULL, &rig.err);
    s3_upload_free(upload);
    if (result == 0)
        ck_assert(s3_rig_object_is(KEY, SIZE));
    return result;
}

static int fetch(void)
{
    struct s3_download_spec spec = {.key = KEY, .range_size = 7000};
    struct s3_download *download = s3_download_begin(rig.client, &spec, &rig.err);
    unsigned char data[5000];
    uint64_t at = 0;
    ssize_t got = -1;

    step = "download";
    while (download != NULL &&
           (got = s3_download_read(download, data, sizeof data, &rig.err)) > 0) {
        ck_assert(s3_rig_matches(data, at, (size_t)got));
        at += (uint64_t)got;
    }
    s3_download_free(download);
    return got == 0 && at == SIZE ? 0 : -1;
}

static int count_object(void *context, const struct s3_object *object, struct err *err)
{
    (void)object;
    (void)err;
    ++*(unsigned *)context;
    return 0;
}

static int list(void)
{
    unsigned seen = 0;

    step = "list";
    int result = s3_list(rig.client, "p/", count_object, &seen, &rig.err);
    ck_assert(result != 0 || seen == 2);
    return result;
}

static int versions(void)
{
    unsigned seen = 0;

    step = "versions";
    int result = s3_list_versions(rig.client, "p/", count_object, &seen, &rig.err);
    ck_assert(result != 0 || seen >= 2);
    return result;
}

static int abandon(void)
{
    struct s3_upload *upload = s3_rig_begin("p/other");

    step = "abandon";
    int result = s3_rig_give(upload, 1, 2, PART, PART);
    s3_upload_free(upload);
    return result;
}

static int one_by_one(void)
{
    struct s3_delete item = {.key = "p/mark"};

    step = "delete";
    int result = s3_delete(rig.client, &item, &rig.err);
    ck_assert(result != 0 || item.result == S3_REMOVED);
    return result;
}

static int together(void)
{
    struct s3_delete items[] = {{.key = KEY}, {.key = "p/none"}};
    int result = 0;

    step = "delete the rest";
    for (size_t i = 0; result == 0 && i < 2; i++) {
        result = s3_delete(rig.client, &items[i], &rig.err);
        ck_assert(result != 0 || items[i].result == S3_REMOVED);
    }
    return result == 0 && fake_s3_object_count(rig.fake) > 0 ? -1 : result;
}

/* Whether the whole of it went well. */
static int live(void)
{
    int (*const steps[])(void) = {mark,     dump,    list,       fetch,
                                  versions, abandon, one_by_one, together};

    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if (steps[i]() != 0)
            return -1;
    return 0;
}

START_TEST(a_fault_at_any_request_costs_another_try_and_nothing_else)
{
    struct fake_s3_settings settings = fake_s3_defaults();
    struct fake_fault fault = faults[_i];
    bool fired = true;

    for (unsigned n = 1; fired; n++) {
        settings.page_size = 1;
        s3_rig_start(&settings, NULL);
        fault.request = n;
        unsigned id = fake_s3_fault(rig.fake, &fault);
        int result = live();
        struct fake_request request = {0};
        (void)fake_s3_request(rig.fake, NULL, n, &request);
        bool excused = may_fail(&request, &fault);
        ck_assert_msg(result == 0 || excused, "%s, request %u, %s: %s", step, n,
                      request.op != NULL ? request.op : "?", rig.err.text);
        fake_request_release(&request);
        struct fake_s3_stats stats = fake_s3_stats(rig.fake);
        ck_assert_uint_eq(stats.same_part_in_flight, 0);
        ck_assert_uint_eq(stats.endings_in_flight, 0);
        ck_assert_uint_eq(stats.aborts_after_complete, 0);
        ck_assert_uint_eq(stats.bad_signatures, 0);
        fired = fake_s3_fired(rig.fake, id) > 0;
        s3_rig_stop();
        ck_assert_uint_lt(n, 200);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("s3_every_fault");
    TCase *tcase = tcase_create("every_fault");

    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, a_fault_at_any_request_costs_another_try_and_nothing_else, 0,
                        (int)(sizeof faults / sizeof *faults));
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
