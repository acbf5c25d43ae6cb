#include "base/memory.h"
#include "base/part.h"
#include "base/thread.h"
#include "tests/support/run_suite.h"

#include <check.h>

enum { SIZE = 64 };

static struct err err;

START_TEST(a_part_goes_idle_with_its_last_reference_and_is_used_again)
{
    struct part_pool *pool = part_pool_new(1, SIZE, NULL, &err);
    struct part *part = part_pool_get(pool, &err);
    ck_assert_ptr_nonnull(part);
    part->size = SIZE;
    part->number = 7;
    part->last = true;
    ck_assert_ptr_eq(part_ref(part), part);
    part_release(part);
    part_release(part);
    struct part *again = part_pool_get(pool, &err);
    ck_assert_ptr_eq(again, part);
    ck_assert_uint_eq(again->size, 0);
    ck_assert_uint_eq(again->number, 0);
    ck_assert(!again->last);
    part_release(again);
    part_release(NULL);
    part_pool_free(pool);
    part_pool_free(NULL);
}
END_TEST

static void *release(void *argument)
{
    part_release(argument);
    return NULL;
}

START_TEST(a_producer_waits_until_a_store_lets_go)
{
    struct part_pool *pool = part_pool_new(1, SIZE, NULL, &err);
    struct part *part = part_pool_get(pool, &err);
    pthread_t thread;
    ck_assert_int_eq(thread_start(&thread, release, part, &err), 0);
    struct part *next = part_pool_get(pool, &err);
    ck_assert_ptr_eq(next, part);
    pthread_join(thread, NULL);
    ck_assert_int_ge(part_pool_waited_ms(pool), 0);
    part_release(next);
    part_pool_free(pool);
}
END_TEST

START_TEST(a_cancel_ends_the_wait)
{
    struct cancel *cancel = cancel_new(NULL, 0, &err);
    struct part_pool *pool = part_pool_new(1, SIZE, cancel, &err);
    struct part *part = part_pool_get(pool, &err);
    cancel_trip(cancel, CANCEL_ASKED);
    ck_assert_ptr_null(part_pool_get(pool, &err));
    ck_assert_int_eq(err.kind, ERR_CANCELLED);
    part_release(part);
    part_pool_free(pool);
    cancel_free(cancel);
}
END_TEST

START_TEST(a_part_that_is_out_keeps_its_size_until_it_returns)
{
    struct part_pool *pool = part_pool_new(3, SIZE, NULL, &err);
    struct part *out = part_pool_get(pool, &err);
    struct part *idle = part_pool_get(pool, &err);
    part_release(idle);
    part_pool_resize(pool, 1, 2 * (size_t)SIZE);
    ck_assert_uint_eq(out->capacity, SIZE);
    part_release(out);
    struct part *grown = part_pool_get(pool, &err);
    ck_assert_uint_eq(grown->capacity, 2 * SIZE);
    part_release(grown);
    /* Fewer of the same size: the idle ones beyond them go at once. */
    part_pool_resize(pool, 2, 2 * (size_t)SIZE);
    struct part *first = part_pool_get(pool, &err);
    struct part *second = part_pool_get(pool, &err);
    part_release(first);
    part_release(second);
    part_pool_resize(pool, 1, 2 * (size_t)SIZE);
    part_pool_free(pool);
}
END_TEST

START_TEST(a_pool_that_cannot_be_is_an_ordinary_error)
{
    ck_assert_ptr_null(part_pool_new(0, SIZE, NULL, &err));
    ck_assert_ptr_null(part_pool_new(1, 0, NULL, &err));
    struct part_pool *pool = part_pool_new(1, SIZE_MAX - 5000, NULL, &err);
    ck_assert_ptr_nonnull(pool); /* made when first used */
    ck_assert_ptr_null(part_pool_get(pool, &err));
    ck_assert_int_eq(err.kind, ERR_SYSTEM);
    ck_assert_ptr_nonnull(strstr(err.text, "not enough memory"));
    part_pool_free(pool);
}
END_TEST

/* ---- digests ---- */

static struct part *fill(struct part_pool *pool, char with)
{
    struct part *part = part_pool_get(pool, &err);

    ck_assert_ptr_nonnull(part);
    memset(part->data, with, SIZE);
    part->size = SIZE;
    return part;
}

/* Two buckets take the same part: the second one finds it hashed. */
START_TEST(a_part_is_hashed_once_however_many_ask)
{
    struct part_pool *pool = part_pool_new(1, SIZE, NULL, &err);
    struct part *part = fill(pool, 'a');
    struct digests first = part_digests(part, DIGESTS_MD5);
    unsigned char md5[MD5_SIZE];

    digest_md5(part->data, SIZE, md5);
    ck_assert_uint_eq(first.known, DIGESTS_MD5);
    ck_assert_mem_eq(first.md5, md5, MD5_SIZE);

    /* Whatever is in it now: what is known is not computed again, what is not is added. */
    memset(part->data, 'b', SIZE);
    struct digests second = part_digests(part, DIGESTS_MD5 | DIGESTS_CRC64NVME);
    ck_assert_uint_eq(second.known, DIGESTS_MD5 | DIGESTS_CRC64NVME);
    ck_assert_mem_eq(second.md5, md5, MD5_SIZE);
    ck_assert_uint_eq(second.crc64nvme, digest_crc64nvme(0, part->data, SIZE));
    part_release(part);
    part_pool_free(pool);
}
END_TEST

START_TEST(the_next_to_use_a_buffer_gets_digests_of_its_own)
{
    struct part_pool *pool = part_pool_new(1, SIZE, NULL, &err);
    struct part *part = fill(pool, 'a');
    struct digests first = part_digests(part, DIGESTS_SHA256);

    part_release(part);
    part = fill(pool, 'b');
    struct digests second = part_digests(part, DIGESTS_SHA256);
    ck_assert_mem_ne(first.sha256, second.sha256, SHA256_SIZE);
    part_release(part);
    part_pool_free(pool);
}
END_TEST

START_TEST(an_empty_part_has_the_digests_of_nothing)
{
    struct part_pool *pool = part_pool_new(1, SIZE, NULL, &err);
    static const unsigned char md5[MD5_SIZE] = {0xd4, 0x1d, 0x8c, 0xd9, 0x8f, 0x00,
                                                0xb2, 0x04, 0xe9, 0x80, 0x09, 0x98,
                                                0xec, 0xf8, 0x42, 0x7e};
    struct part *part = fill(pool, 'a');

    part->size = 0;
    struct digests digests = part_digests(part, DIGESTS_MD5);
    ck_assert_mem_eq(digests.md5, md5, MD5_SIZE);
    part_release(part);
    part_pool_free(pool);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("part");
    TCase *tcase = tcase_create("part");
    tcase_add_test(tcase, a_part_goes_idle_with_its_last_reference_and_is_used_again);
    tcase_add_test(tcase, a_producer_waits_until_a_store_lets_go);
    tcase_add_test(tcase, a_cancel_ends_the_wait);
    tcase_add_test(tcase, a_part_that_is_out_keeps_its_size_until_it_returns);
    tcase_add_test(tcase, a_pool_that_cannot_be_is_an_ordinary_error);
    tcase_add_test(tcase, a_part_is_hashed_once_however_many_ask);
    tcase_add_test(tcase, the_next_to_use_a_buffer_gets_digests_of_its_own);
    tcase_add_test(tcase, an_empty_part_has_the_digests_of_nothing);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
