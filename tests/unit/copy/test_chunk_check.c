/* Raw bytes behind a chunk index: passed on only chunk by chunk, and only when right. */
#include "copy/chunk_check.h"

#include "base/memory.h"
#include "stream/index.h"
#include "tests/support/run_suite.h"

#include <check.h>

#define TEXT "SELECT 1;\nSELECT 22;\nSELECT 333;\n"
static const size_t sizes[] = {10, 11, 0, 12}; /* of the chunks; one is empty */
enum { CHUNKS = 4, WHOLE = 33 };

static struct text index_gz, passed;
static struct chunk_check *check;
static struct err err, refusal;

static int collect(void *context, const void *data, size_t size, struct err *failure)
{
    (void)context;
    if (refusal.kind != ERR_NONE) {
        *failure = refusal;
        return -1;
    }
    text_add_bytes(&passed, data, size);
    return 0;
}

static void setup(void)
{
    struct index_writer *writer = index_writer_new("plain", "gzip", &err);
    size_t at = 0;
    ck_assert_ptr_nonnull(writer);
    for (size_t i = 0; i < CHUNKS; i++) {
        struct chunk chunk = {.raw_size = sizes[i], .section = SECTION_PRE_DATA};
        digest_sha256(TEXT + at, sizes[i], chunk.raw_sha256);
        ck_assert_int_eq(index_writer_add(writer, &chunk, 1, &err), 0);
        at += sizes[i];
    }
    ck_assert_uint_eq(at, WHOLE);
    ck_assert_int_eq(index_writer_finish(writer, NULL, &index_gz, &err), 0);
    index_writer_free(writer);
    text_init(&passed, 1000);
    check = chunk_check_new(index_gz.data, index_gz.length,
                            (struct stream_sink){.write = collect}, &err);
    ck_assert_msg(check != NULL, "%s", err.text);
}

static void teardown(void)
{
    chunk_check_free(check);
    text_release(&index_gz);
    text_release(&passed);
}

START_TEST(right_bytes_come_through_however_they_are_cut)
{
    size_t step = (size_t)_i;
    for (size_t at = 0; at < WHOLE; at += step) {
        size_t now = WHOLE - at < step ? WHOLE - at : step;
        ck_assert_int_eq(chunk_check_write(check, TEXT + at, now, &err), 0);
    }
    ck_assert_msg(chunk_check_finish(check, &err) == 0, "%s", err.text);
    ck_assert_uint_eq(passed.length, WHOLE);
    ck_assert_int_eq(memcmp(passed.data, TEXT, WHOLE), 0);
}
END_TEST

START_TEST(a_chunk_is_held_back_until_it_is_whole)
{
    ck_assert_int_eq(chunk_check_write(check, TEXT, 9, &err), 0);
    ck_assert_uint_eq(passed.length, 0);
    ck_assert_int_eq(chunk_check_write(check, TEXT + 9, 2, &err), 0);
    ck_assert_uint_eq(passed.length, 10);
}
END_TEST

START_TEST(a_wrong_byte_stops_before_its_chunk)
{
    char bytes[] = TEXT;
    bytes[_i] ^= 1;
    size_t before = _i < 10 ? 0 : _i < 21 ? 10 : 21;
    ck_assert_int_eq(chunk_check_write(check, bytes, WHOLE, &err), -1);
    ck_assert_int_eq(err.kind, ERR_CORRUPT);
    ck_assert_ptr_nonnull(strstr(err.text, "SHA-256"));
    ck_assert_uint_eq(passed.length, before);
}
END_TEST

START_TEST(an_end_that_comes_early_is_an_error)
{
    ck_assert_int_eq(chunk_check_write(check, TEXT, (size_t)_i, &err), 0);
    ck_assert_int_eq(chunk_check_finish(check, &err), -1);
    ck_assert_int_eq(err.kind, ERR_CORRUPT);
}
END_TEST

START_TEST(more_than_the_index_knows_is_an_error)
{
    ck_assert_int_eq(chunk_check_write(check, TEXT, WHOLE, &err), 0);
    ck_assert_int_eq(chunk_check_write(check, "x", 1, &err), -1);
    ck_assert_int_eq(err.kind, ERR_CORRUPT);
    ck_assert_uint_eq(passed.length, WHOLE);
}
END_TEST

START_TEST(what_the_next_sink_says_comes_back_unchanged)
{
    err_set(&refusal, ERR_DATABASE, "psql ended");
    ck_assert_int_eq(chunk_check_write(check, TEXT, WHOLE, &err), -1);
    ck_assert_int_eq(err.kind, ERR_DATABASE);
    ck_assert_str_eq(err.text, "psql ended");
}
END_TEST

START_TEST(an_index_that_is_none_is_refused)
{
    struct stream_sink sink = {.write = collect};
    ck_assert_ptr_null(chunk_check_new("nonsense", 8, sink, &err));
    ck_assert_int_eq(err.kind, ERR_CORRUPT);
}
END_TEST

static Suite *suite(void)
{
    Suite *suite = suite_create("chunk_check");
    TCase *tcase = tcase_create("chunk_check");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, right_bytes_come_through_however_they_are_cut, 1, WHOLE + 1);
    tcase_add_test(tcase, a_chunk_is_held_back_until_it_is_whole);
    tcase_add_loop_test(tcase, a_wrong_byte_stops_before_its_chunk, 0, WHOLE);
    tcase_add_loop_test(tcase, an_end_that_comes_early_is_an_error, 0, WHOLE);
    tcase_add_test(tcase, more_than_the_index_knows_is_an_error);
    tcase_add_test(tcase, what_the_next_sink_says_comes_back_unchanged);
    tcase_add_test(tcase, an_index_that_is_none_is_refused);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return run_suite(suite());
}
