/* A whole object into an upload that may have its beginning already. */
#include "copy/fanout.h"

#include "base/memory.h"
#include "tests/support/memory_store.h"
#include "tests/support/run_suite.h"

#include <check.h>

enum { PART = 1000 };
static const struct store_part_rules rules = {.min_size = PART, .max_size = PART};
static struct store *store;
static struct store_upload *upload;
static struct fanout *fanout;
static struct err err;

#define OK(call) ck_assert_msg((call) == 0, "%s", err.text)

static void begin_upload(const struct store_part_rules *of)
{
    struct store_upload_spec spec = {.key = "data/x", .id = "01JCATA0G00000000000000001"};
    store = memory_store_new("nas", of);
    upload = store_upload_begin(store, &spec, &err);
    ck_assert_ptr_nonnull(upload);
}

static int init(uint64_t size, uint64_t skip, unsigned number, uint64_t budget)
{
    struct fanout_there there = {skip, number};
    struct fanout_target target = {.name = "nas", .store = store, .upload = upload};
    fanout = fanout_new_object(size, budget, &there);
    fanout_add(fanout, &target);
    return fanout_start(fanout, NULL, &err);
}

static void begin(uint64_t size, uint64_t skip, unsigned number)
{
    begin_upload(&rules);
    OK(init(size, skip, number, 16 << 20));
}

static void end(void)
{
    fanout_free(fanout);
    store_close(store);
}

/* In pieces of an odd size. */
static int write_all(const unsigned char *data, size_t size)
{
    for (size_t at = 0; at < size; at += 333) {
        size_t now = size - at < 333 ? size - at : 333;
        if (fanout_write(fanout, data + at, now, &err) < 0)
            return -1;
    }
    return 0;
}

static const struct {
    uint64_t size, skip;
    unsigned number;
    size_t parts;
    size_t first, last; /* sizes */
} cases[] = {
    {0, 0, 1, 1, 0, 0},
    {1, 0, 1, 1, 1, 1},
    {PART, 0, 1, 1, PART, PART},
    {PART + 1, 0, 1, 2, PART, 1},
    {5 * PART, 2 * PART, 3, 3, PART, PART},
    {5 * PART, 1234, 1, 4, PART, 5 * PART - 1234 - 3 * PART},
    {2 * PART, 2 * PART, 3, 0, 0, 0},
};

START_TEST(only_what_is_not_there_yet_is_sent)
{
    const struct memory_part *parts = NULL;
    unsigned char data[5 * PART];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (unsigned char)(i * 7);
    begin(cases[_i].size, cases[_i].skip, cases[_i].number);
    OK(write_all(data, cases[_i].size));
    OK(fanout_end(fanout, &err));
    ck_assert_uint_eq(memory_store_parts(store, &parts), cases[_i].parts);
    uint64_t at = cases[_i].skip;
    for (size_t i = 0; i < cases[_i].parts; i++) {
        ck_assert_uint_eq(parts[i].number, cases[_i].number + i);
        ck_assert_uint_eq(parts[i].offset, at);
        ck_assert(parts[i].last == (i + 1 == cases[_i].parts));
        at += parts[i].size;
    }
    ck_assert_uint_eq(at, cases[_i].size);
    if (cases[_i].parts > 0) {
        ck_assert_uint_eq(parts[0].size, cases[_i].first);
        ck_assert_uint_eq(parts[cases[_i].parts - 1].size, cases[_i].last);
    }
    end();
}
END_TEST

START_TEST(a_source_of_another_length_is_an_error)
{
    unsigned char data[2 * PART] = {0};
    begin(PART, 0, 1);
    ck_assert_int_lt(write_all(data, PART + 1), 0);
    ck_assert_int_eq(err.kind, ERR_CORRUPT);
    end();
    begin(PART, 0, 1);
    OK(write_all(data, PART - 1));
    ck_assert_int_lt(fanout_end(fanout, &err), 0);
    ck_assert_int_eq(err.kind, ERR_CORRUPT);
    end();
}
END_TEST

static const struct store_part_rules few = {
    .min_size = PART, .max_size = PART, .max_parts = 2};

START_TEST(what_does_not_fit_into_the_parts_of_a_store_is_never_cut)
{
    unsigned char data[2 * PART + 1] = {0};
    begin_upload(&few);
    OK(init(sizeof data, 0, 1, 16 << 20));
    ck_assert_int_lt(write_all(data, sizeof data), 0);
    ck_assert_int_eq(err.kind, ERR_STORE);
    ck_assert_ptr_nonnull(strstr(err.text, "2001 bytes do not fit into 2 parts"));
    end();
    begin_upload(&few);
    ck_assert_int_lt(init(sizeof data, 2 * PART, 3, 16 << 20), 0);
    ck_assert_int_eq(err.kind, ERR_STORE);
    end();
}
END_TEST

START_TEST(a_store_that_fails_a_part_ends_it)
{
    unsigned char data[3 * PART] = {0};
    begin(sizeof data, 0, 1);
    memory_store_fail(store, MEMORY_PART, (unsigned)_i, "", ERR_DENIED, false);
    int result = write_all(data, sizeof data);
    if (result == 0)
        result = fanout_end(fanout, &err);
    ck_assert_int_eq(result == 0, _i > 3);
    ck_assert(_i > 3 || err.kind == ERR_DENIED);
    end();
}
END_TEST

START_TEST(a_small_budget_still_fills_one_part_while_one_is_sent)
{
    unsigned char data[3 * PART] = {0};
    begin_upload(&rules);
    OK(init(sizeof data, 0, 1, 1));
    OK(write_all(data, sizeof data));
    OK(fanout_end(fanout, &err));
    end();
}
END_TEST

/* ---- what lay there already ---- */

static void finish(void)
{
    unsigned char data[3 * PART];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (unsigned char)(i * 7);
    begin(sizeof data, PART, 1);
    OK(write_all(data, sizeof data));
    OK(fanout_end(fanout, &err));
    OK(store_put_new(store, "data/x", data, sizeof data, &err));
}

START_TEST(what_was_not_sent_is_read_back)
{
    finish();
    OK(fanout_check_skipped(fanout, "data/x", &err));
    memory_store_spoil(store, "data/x", PART); /* sent, so checked by the store */
    OK(fanout_check_skipped(fanout, "data/x", &err));
    memory_store_spoil(store, "data/x", PART - 1);
    ck_assert_int_lt(fanout_check_skipped(fanout, "data/x", &err), 0);
    ck_assert_int_eq(err.kind, ERR_CORRUPT);
    end();
}
END_TEST

START_TEST(what_cannot_be_read_back_is_not_believed)
{
    finish();
    memory_store_fail(store, (enum memory_step)_i, 1, "", ERR_TRANSIENT, false);
    ck_assert_int_lt(fanout_check_skipped(fanout, "data/x", &err), 0);
    ck_assert_int_eq(err.kind, ERR_TRANSIENT);
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fanout_resume");
    TCase *tests = tcase_create("fanout_resume");
    tcase_add_loop_test(tests, only_what_is_not_there_yet_is_sent, 0,
                        sizeof cases / sizeof *cases);
    tcase_add_test(tests, a_source_of_another_length_is_an_error);
    tcase_add_test(tests, what_does_not_fit_into_the_parts_of_a_store_is_never_cut);
    tcase_add_loop_test(tests, a_store_that_fails_a_part_ends_it, 1, 5);
    tcase_add_test(tests, a_small_budget_still_fills_one_part_while_one_is_sent);
    tcase_add_test(tests, what_was_not_sent_is_read_back);
    tcase_add_loop_test(tests, what_cannot_be_read_back_is_not_believed, MEMORY_DOWNLOAD,
                        MEMORY_READ + 1);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
