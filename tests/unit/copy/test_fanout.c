/* One stream into several stores, some of which fail. */
#include "copy/fanout.h"

#include "base/memory.h"
#include "tests/support/memory_store.h"
#include "tests/support/run_suite.h"

#include <check.h>

#define KEY "data/shop/shop.sql.gz"
#define BUDGET ((uint64_t)64 << 20)
enum { STORES = 3, MIB = 1 << 20, PIECE = 100003 };

static struct store *stores[STORES];
static const char *const names[STORES] = {"nas", "offsite", "third"};
static struct fanout *fanout;
static struct err err;

#define OK(call) ck_assert_msg((call) == 0, "%s", err.text)

static void add(size_t i, const struct store_part_rules *rules)
{
    struct fanout_target target = {.name = names[i]};
    struct store_upload_spec spec = {.key = KEY, .id = "01KC1E5T00ABCDEFGHJKMNPQRS"};
    stores[i] = target.store = memory_store_new(names[i], rules);
    target.upload = store_upload_begin(target.store, &spec, &err);
    ck_assert_ptr_nonnull(target.upload);
    fanout_add(fanout, &target);
}

static void begin(size_t count, size_t least, const struct store_part_rules *rules)
{
    err_clear(&err);
    fanout = fanout_new(0, BUDGET, least);
    for (size_t i = 0; i < count; i++)
        add(i, rules);
}

static void teardown(void)
{
    fanout_free(fanout);
    for (size_t i = 0; i < STORES; i++) {
        if (stores[i] != NULL)
            store_close(stores[i]);
        stores[i] = NULL;
    }
}

static unsigned char byte_at(uint64_t at)
{
    return (unsigned char)(at * 31 + (at >> 16));
}

/* `size` bytes in odd pieces, as they come from the codecs. */
static int write_stream(uint64_t size)
{
    unsigned char *piece = memory_alloc(PIECE);
    int result = 0;
    for (uint64_t at = 0; result == 0 && at < size; at += PIECE) {
        size_t now = size - at < PIECE ? (size_t)(size - at) : PIECE;
        for (size_t i = 0; i < now; i++)
            piece[i] = byte_at(at + i);
        result = fanout_write(fanout, piece, now, &err);
    }
    free(piece);
    return result;
}

static void assert_object(size_t i, uint64_t size)
{
    const struct text *bytes = memory_store_bytes(stores[i], KEY);
    ck_assert_ptr_nonnull(bytes);
    ck_assert_uint_eq(bytes->length, size);
    for (uint64_t at = 0; at < size; at++) {
        if ((unsigned char)bytes->data[at] != byte_at(at))
            ck_abort_msg("byte %llu differs", (unsigned long long)at);
    }
}

static void finish(size_t i)
{
    struct fanout_target *target = fanout_target(fanout, i);
    OK(store_upload_finish(target->upload, NULL, &err));
}

/* ---- tests ---- */

START_TEST(all_stores_get_the_same_bytes_and_only_the_last_part_is_marked)
{
    const struct memory_part *parts;
    struct store_part_rules rules = {.min_size = MIB, .max_size = MIB, .max_parts = 100};
    uint64_t size = 5 * (uint64_t)MIB + 17, total = 0;
    begin(2, 1, &rules);
    OK(fanout_start(fanout, NULL, &err));
    OK(write_stream(size));
    OK(fanout_end(fanout, &err));
    ck_assert_uint_eq(fanout_bytes(fanout), size);
    for (size_t i = 0; i < 2; i++) {
        finish(i);
        assert_object(i, size);
    }
    size_t count = memory_store_parts(stores[0], &parts);
    ck_assert_uint_gt(count, 1);
    ck_assert_uint_eq(count, fanout_part_count(fanout));
    for (size_t i = 0; i < count; i++) {
        ck_assert_uint_eq(parts[i].number, i + 1);
        ck_assert_uint_eq(parts[i].offset, total);
        ck_assert_int_eq(parts[i].last, i + 1 == count);
        ck_assert_uint_gt(parts[i].size, 0);
        ck_assert_uint_eq(parts[i].size, fanout_part_bytes(fanout, i));
        total += parts[i].size;
    }
    ck_assert_uint_eq(total, size);
}
END_TEST

START_TEST(a_stream_of_whole_parts_has_no_empty_last_one)
{
    const struct memory_part *parts;
    struct store_part_rules rules = {.min_size = MIB, .max_size = MIB, .max_parts = 10000};
    begin(1, 1, &rules);
    OK(fanout_start(fanout, NULL, &err));
    uint64_t size = 2 * store_parts_size(&rules, 0, 1);
    OK(write_stream(size));
    OK(fanout_end(fanout, &err));
    ck_assert_uint_eq(memory_store_parts(stores[0], &parts), 2);
    ck_assert(!parts[0].last);
    ck_assert(parts[1].last);
    ck_assert_uint_eq(parts[1].size, size / 2);
}
END_TEST

START_TEST(an_empty_stream_is_one_empty_part)
{
    const struct memory_part *parts;
    begin(1, 1, NULL);
    OK(fanout_start(fanout, NULL, &err));
    OK(fanout_end(fanout, &err));
    ck_assert_uint_eq(memory_store_parts(stores[0], &parts), 1);
    ck_assert(parts[0].last);
    ck_assert_uint_eq(parts[0].size, 0);
    finish(0);
    assert_object(0, 0);
}
END_TEST

START_TEST(a_store_that_fails_on_a_part_is_left_out_and_the_others_get_all)
{
    struct store_part_rules rules = {.min_size = MIB, .max_size = MIB, .max_parts = 100};
    uint64_t size = 3 * (uint64_t)MIB + 1;
    begin(2, 1, &rules);
    memory_store_fail(stores[0], MEMORY_PART, (unsigned)_i, "", ERR_DENIED, false);
    OK(fanout_start(fanout, NULL, &err));
    OK(write_stream(size));
    OK(fanout_end(fanout, &err));
    ck_assert_uint_eq(fanout_alive(fanout), 1);
    ck_assert_int_eq(fanout_target(fanout, 0)->failed.kind, ERR_DENIED);
    ck_assert(fanout_target(fanout, 0)->undone);
    ck_assert_uint_eq(memory_store_open_uploads(stores[0]), 0);
    ck_assert_uint_eq(memory_store_count(stores[0]), 0);
    finish(1);
    assert_object(1, size);
}
END_TEST

START_TEST(what_fails_while_waiting_is_left_out_too)
{
    begin(2, 1, NULL);
    memory_store_fail(stores[1], MEMORY_WAIT, 1, "", ERR_TRANSIENT, false);
    OK(fanout_start(fanout, NULL, &err));
    OK(write_stream(1000));
    OK(fanout_end(fanout, &err));
    ck_assert_ptr_null(fanout_target(fanout, 1)->upload);
    finish(0);
    assert_object(0, 1000);
}
END_TEST

START_TEST(fewer_than_least_end_the_stream_with_the_first_failure)
{
    struct store_part_rules rules = {.min_size = MIB, .max_size = MIB, .max_parts = 100};
    begin(3, 2, &rules);
    memory_store_fail(stores[2], MEMORY_PART, 1, "", ERR_DENIED, false);
    memory_store_fail(stores[0], MEMORY_PART, 2, "", ERR_TRANSIENT, false);
    OK(fanout_start(fanout, NULL, &err));
    ck_assert_int_eq(write_stream(4 * (uint64_t)MIB), -1);
    ck_assert_int_eq(err.kind, ERR_TRANSIENT);
    fanout_free(fanout);
    fanout = NULL;
    for (size_t i = 0; i < 3; i++)
        ck_assert_uint_eq(memory_store_open_uploads(stores[i]), 0);
}
END_TEST

START_TEST(a_cancel_is_no_fault_of_the_store)
{
    begin(2, 1, NULL);
    memory_store_fail(stores[0], MEMORY_PART, 1, "", ERR_CANCELLED, false);
    OK(fanout_start(fanout, NULL, &err));
    OK(write_stream(1000));
    ck_assert_int_eq(fanout_end(fanout, &err), -1);
    ck_assert_int_eq(err.kind, ERR_CANCELLED);
    ck_assert_uint_eq(fanout_alive(fanout), 2);
}
END_TEST

START_TEST(stores_that_are_away_from_the_start_count_as_failed)
{
    struct fanout_target away = {.name = "away"};
    err_set(&away.failed, ERR_TRANSIENT, "store \"away\": refused");
    begin(1, 2, NULL);
    fanout_add(fanout, &away);
    ck_assert_int_eq(fanout_start(fanout, NULL, &err), -1);
    ck_assert_int_eq(err.kind, ERR_TRANSIENT);
    ck_assert_str_eq(err.text,
                     "1 of 2 stores are left, min_copies is 2: store \"away\": refused");
}
END_TEST

START_TEST(parts_grow_by_the_schedule_of_the_tightest_rules)
{
    /* The shortest schedule there is: one part of the least size, one that has grown, and the
     * two limits to it come from two stores. */
    enum { PARTS = 2, GROWN = 20 * MIB };
    const struct memory_part *parts;
    const uint64_t estimate = 6 * MIB;
    struct store_part_rules low = {.max_size = GROWN};
    struct store_part_rules few = {.min_size = MIB, .max_parts = PARTS};
    fanout = fanout_new(estimate, BUDGET, 1);
    add(0, &low);
    add(1, &few);
    OK(fanout_start(fanout, NULL, &err));
    struct store_part_rules both = store_parts_merge(low, few);
    uint64_t size = 0;
    for (unsigned n = 1; n <= PARTS; n++)
        size += store_parts_size(&both, estimate, n);
    ck_assert_uint_lt(store_parts_size(&both, estimate, 1), GROWN);
    ck_assert_uint_eq(store_parts_size(&both, estimate, PARTS), GROWN);
    OK(write_stream(size));
    OK(fanout_end(fanout, &err));
    ck_assert_uint_eq(memory_store_parts(stores[0], &parts), PARTS);
    for (unsigned n = 1; n <= PARTS; n++)
        ck_assert_uint_eq(parts[n - 1].size, store_parts_size(&both, estimate, n));
    finish(0);
    finish(1);
    assert_object(0, size);
    assert_object(1, size);
}
END_TEST

START_TEST(a_stream_beyond_the_last_part_fails_and_is_never_cut)
{
    struct store_part_rules rules = {.min_size = MIB, .max_size = MIB, .max_parts = 3};
    begin(1, 1, &rules);
    OK(fanout_start(fanout, NULL, &err));
    ck_assert_int_eq(write_stream(3 * (uint64_t)MIB + 1), -1);
    ck_assert_int_eq(err.kind, ERR_STORE);
    ck_assert_ptr_nonnull(strstr(err.text, "larger than 3 parts"));
}
END_TEST

static Suite *suite(void)
{
    Suite *suite = suite_create("fanout");
    TCase *tcase = tcase_create("fanout");
    tcase_add_checked_fixture(tcase, NULL, teardown);
    tcase_set_timeout(tcase, 60); /* some MB each, on a machine that may be busy */
    tcase_add_test(tcase, all_stores_get_the_same_bytes_and_only_the_last_part_is_marked);
    tcase_add_test(tcase, a_stream_of_whole_parts_has_no_empty_last_one);
    tcase_add_test(tcase, an_empty_stream_is_one_empty_part);
    tcase_add_loop_test(
        tcase, a_store_that_fails_on_a_part_is_left_out_and_the_others_get_all, 1, 4);
    tcase_add_test(tcase, what_fails_while_waiting_is_left_out_too);
    tcase_add_test(tcase, fewer_than_least_end_the_stream_with_the_first_failure);
    tcase_add_test(tcase, a_cancel_is_no_fault_of_the_store);
    tcase_add_test(tcase, stores_that_are_away_from_the_start_count_as_failed);
    tcase_add_test(tcase, parts_grow_by_the_schedule_of_the_tightest_rules);
    tcase_add_test(tcase, a_stream_beyond_the_last_part_fails_and_is_never_cut);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return run_suite(suite());
}
