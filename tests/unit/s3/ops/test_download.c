#include "tests/support/s3_rig.h"
#include "tests/support/run_suite.h"

#include "base/memory.h"

#include <check.h>

#define KEY "data/shop/dump.sql.gz"
enum { SIZE = 300001, RANGE = 16 << 10 };

static void start(void)
{
    s3_rig_set_up();
    s3_rig_add_object(KEY, SIZE);
}

static struct s3_download_spec spec_of(uint64_t offset, uint64_t length)
{
    return (struct s3_download_spec){
        .key = KEY, .offset = offset, .length = length, .parallel = 3, .range_size = RANGE};
}

/* Reads to the end in bites of `bite` bytes. Bytes read, or -1. */
static int64_t read_all(const struct s3_download_spec *spec, size_t bite)
{
    struct s3_download *download = s3_download_begin(rig.client, spec, &rig.err);
    unsigned char *buffer = memory_alloc(bite);
    int64_t total = 0;
    ssize_t n = download != NULL ? 1 : -1;

    while (n > 0) {
        n = s3_download_read(download, buffer, bite, &rig.err);
        if (n > 0) {
            ck_assert(s3_rig_matches(buffer, spec->offset + (uint64_t)total, (size_t)n));
            total += n;
        }
    }
    free(buffer);
    s3_download_free(download);
    return n < 0 ? -1 : total;
}

START_TEST(exactly_the_bytes_asked_for_come_in_order)
{
    static const struct {
        uint64_t offset, length, want;
    } cases[] = {
        {0, 0, SIZE},
        {0, SIZE, SIZE},
        {0, 1, 1},
        {SIZE - 1, 0, 1},
        {SIZE - 1, 1, 1},
        {SIZE, 0, 0},
        {RANGE, RANGE, RANGE},
        {1, RANGE, RANGE},
        {RANGE - 1, 2, 2},
        {7, 5 * RANGE + 3, 5 * RANGE + 3},
        {100000, 0, SIZE - 100000},
    };
    static const size_t bites[] = {1, 1000, RANGE, RANGE + 1, 10 * RANGE};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t b = i == 0 ? 0 : 1; b < sizeof bites / sizeof *bites; b++) {
            struct s3_download_spec spec = spec_of(cases[i].offset, cases[i].length);
            int64_t got = read_all(&spec, bites[b]);
            ck_assert_msg(got == (int64_t)cases[i].want, "case %zu: %lld: %s", i,
                          (long long)got, rig.err.text);
        }
}
END_TEST

START_TEST(defaults_read_a_small_object_in_one_range)
{
    struct s3_download_spec spec = {.key = KEY};

    ck_assert_int_eq(read_all(&spec, 4096), SIZE);
    ck_assert_uint_eq(fake_s3_count(rig.fake, "GetObject"), 1);
}
END_TEST

START_TEST(the_size_is_that_of_the_whole_object)
{
    struct s3_download_spec spec = spec_of(1000, 10);
    struct s3_download *download = s3_download_begin(rig.client, &spec, &rig.err);

    ck_assert_uint_eq(s3_download_size(download), SIZE);
    s3_download_free(download);
}
END_TEST

START_TEST(an_empty_object_has_no_bytes)
{
    struct s3_download_spec spec = {.key = "empty"};

    s3_rig_add_object("empty", 0);
    ck_assert_int_eq(read_all(&spec, 10), 0);
    ck_assert_uint_eq(fake_s3_count(rig.fake, "GetObject"), 0);
}
END_TEST

START_TEST(what_is_absent_or_too_short_is_an_error)
{
    struct s3_download_spec absent = {.key = "absent"};
    struct s3_download_spec beyond = spec_of(SIZE + 1, 0);
    struct s3_download_spec too_long = spec_of(SIZE - 10, 11);

    ck_assert_int_eq(read_all(&absent, 10), -1);
    ck_assert_int_eq(rig.err.kind, ERR_NOT_FOUND);
    ck_assert_int_eq(read_all(&beyond, 10), -1);
    ck_assert_int_eq(rig.err.kind, ERR_CORRUPT);
    ck_assert_int_eq(read_all(&too_long, 10), -1);
    ck_assert_int_eq(rig.err.kind, ERR_CORRUPT);
}
END_TEST

/* What may happen to ranges a few times and is repaired. */
static const struct fake_fault faults[] = {
    {.action = FAKE_CUT_BODY, .bytes = 5000},
    {.action = FAKE_CUT_BODY, .bytes = 0},
    {.action = FAKE_CUT_ANSWER, .bytes = 40},
    {.action = FAKE_SHORT_206, .bytes = 100},
    {.action = FAKE_WRONG_RANGE, .bytes = 10},
    {.action = FAKE_WHOLE_200},
    {.action = FAKE_RESET},
    {.action = FAKE_STATUS, .status = 500},
    {.action = FAKE_STATUS, .status = 503, .code = "SlowDown"},
};

START_TEST(a_range_that_fails_is_asked_for_again)
{
    struct fake_fault fault = faults[_i];
    struct s3_download_spec spec = spec_of(0, 0);

    fault.op = "GetObject";
    fault.nth = 3;
    fault.times = 2;
    unsigned id = fake_s3_fault(rig.fake, &fault);
    ck_assert_msg(read_all(&spec, 5000) == SIZE, "%s", rig.err.text);
    ck_assert_uint_eq(fake_s3_fired(rig.fake, id), 2);
}
END_TEST

START_TEST(a_cut_range_goes_on_where_it_was_cut)
{
    struct s3_download_spec spec = spec_of(0, 0);
    struct fake_request request;

    spec.parallel = 1;
    spec.range_size = SIZE;
    fake_s3_fault(
        rig.fake,
        &(struct fake_fault){.op = "GetObject", .action = FAKE_CUT_BODY, .bytes = 100000});
    ck_assert_int_eq(read_all(&spec, 5000), SIZE);
    ck_assert(fake_s3_request(rig.fake, "GetObject", 2, &request));
    char *range = fake_request_header(&request, "Range");
    ck_assert_str_eq(range, "bytes=100000-300000");
    free(range);
    fake_request_release(&request);
}
END_TEST

START_TEST(a_service_that_never_sends_the_range_is_corrupt)
{
    struct s3_download_spec spec = spec_of(RANGE, 0);

    fake_s3_fault(rig.fake, &(struct fake_fault){.op = "GetObject",
                                                 .action = FAKE_WHOLE_200,
                                                 .times = FAKE_ALWAYS});
    ck_assert_int_eq(read_all(&spec, 5000), -1);
    ck_assert_int_eq(rig.err.kind, ERR_CORRUPT);
}
END_TEST

START_TEST(bytes_of_two_objects_are_never_mixed)
{
    struct s3_download_spec spec = spec_of(0, 0);
    struct s3_download *download = s3_download_begin(rig.client, &spec, &rig.err);
    unsigned char buffer[RANGE];
    char first[sizeof rig.err.text];
    ssize_t n = 1;

    fake_s3_add_object(rig.fake, KEY, NULL, SIZE);
    for (uint64_t at = 0; n > 0; at += (uint64_t)n) {
        n = s3_download_read(download, buffer, sizeof buffer, &rig.err);
        ck_assert(n <= 0 || s3_rig_matches(buffer, at, (size_t)n));
    }
    ck_assert_int_eq(n, -1);
    ck_assert_int_eq(rig.err.kind, ERR_CORRUPT);
    memcpy(first, rig.err.text, sizeof first);
    ck_assert_int_eq(s3_download_read(download, buffer, sizeof buffer, &rig.err), -1);
    ck_assert_str_eq(rig.err.text, first);
    s3_download_free(download);
}
END_TEST

START_TEST(another_object_than_expected_is_not_read)
{
    struct s3_download_spec spec = spec_of(0, 0);

    spec.etag = "\"00000000000000000000000000000000\"";
    ck_assert_int_eq(read_all(&spec, 5000), -1);
    ck_assert_int_eq(rig.err.kind, ERR_CORRUPT);
    ck_assert_uint_eq(fake_s3_count(rig.fake, "GetObject"), 0);
}
END_TEST

START_TEST(several_ranges_are_in_flight_and_no_more_than_asked_for)
{
    struct s3_download_spec spec = spec_of(0, 0);

    fake_s3_fault(
        rig.fake,
        &(struct fake_fault){.op = "GetObject", .action = FAKE_HOLD, .times = FAKE_ALWAYS});
    struct s3_download *download = s3_download_begin(rig.client, &spec, &rig.err);
    ck_assert(fake_s3_wait_held(rig.fake, 3, 10000));
    ck_assert_uint_eq(fake_s3_count(rig.fake, "GetObject"), 3);
    fake_s3_clear_faults(rig.fake);
    fake_s3_release(rig.fake);
    s3_download_free(download);
}
END_TEST

START_TEST(a_download_given_up_ends_at_once)
{
    struct s3_download_spec spec = spec_of(0, 0);

    fake_s3_fault(
        rig.fake,
        &(struct fake_fault){.op = "GetObject", .action = FAKE_HOLD, .times = FAKE_ALWAYS});
    struct s3_download *download = s3_download_begin(rig.client, &spec, &rig.err);
    ck_assert(fake_s3_wait_held(rig.fake, 3, 10000));
    s3_download_free(download);
    fake_s3_clear_faults(rig.fake);
    fake_s3_release(rig.fake);
}
END_TEST

START_TEST(chance_failures_cost_time_but_no_byte)
{
    struct fake_s3_settings settings = fake_s3_defaults();
    struct s3_download_spec spec = spec_of(0, 0);

    settings.failure_percent = 10;
    settings.failure_seed = 3;
    fake_s3_change(rig.fake, &settings);
    spec.range_size = 5000;
    ck_assert_msg(read_all(&spec, 3000) == SIZE, "%s", rig.err.text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("download");
    TCase *tcase = tcase_create("download");

    tcase_set_timeout(tcase, 30);
    tcase_add_checked_fixture(tcase, start, s3_rig_stop);
    tcase_add_test(tcase, exactly_the_bytes_asked_for_come_in_order);
    tcase_add_test(tcase, defaults_read_a_small_object_in_one_range);
    tcase_add_test(tcase, the_size_is_that_of_the_whole_object);
    tcase_add_test(tcase, an_empty_object_has_no_bytes);
    tcase_add_test(tcase, what_is_absent_or_too_short_is_an_error);
    tcase_add_loop_test(tcase, a_range_that_fails_is_asked_for_again, 0,
                        (int)(sizeof faults / sizeof *faults));
    tcase_add_test(tcase, a_cut_range_goes_on_where_it_was_cut);
    tcase_add_test(tcase, a_service_that_never_sends_the_range_is_corrupt);
    tcase_add_test(tcase, bytes_of_two_objects_are_never_mixed);
    tcase_add_test(tcase, another_object_than_expected_is_not_read);
    tcase_add_test(tcase, several_ranges_are_in_flight_and_no_more_than_asked_for);
    tcase_add_test(tcase, a_download_given_up_ends_at_once);
    tcase_add_test(tcase, chance_failures_cost_time_but_no_byte);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
