/* Chunks decoded by several threads: in order, every one checked, no further ahead than was said. */
#include "stream/decode.h"

#include "base/memory.h"
#include "base/text.h"
#include "tests/support/run_suite.h"

#include <check.h>

enum { CHUNKS = 40 };

/* An object in memory, and what came of it. */
static struct object {
    enum codec_kind codec;
    struct decode_chunk chunks[CHUNKS];
    struct text stored, raw, got;
    size_t at[CHUNKS + 1]; /* where each begins in stored */
    size_t count, next, filled, taken, most_ahead;
    size_t refuse_fill, refuse_take; /* numbers, from 1 */
} object;
static struct err err;

static void add_chunk(const char *raw, size_t size)
{
    struct codec_choice choice = {object.codec, 1};
    struct encoder *encoder = encoder_new(choice, size, &err);
    size_t bound = codec_bound(choice, size);
    unsigned char *room = memory_alloc(bound + 1);
    struct codec_io io = {(const unsigned char *)raw, size, room, bound};
    ck_assert_int_eq(encoder_chunk(encoder, &io, &err), 0);
    struct decode_chunk *chunk = &object.chunks[object.count];
    object.at[object.count++] = object.stored.length;
    chunk->number = object.count;
    chunk->raw_size = size;
    chunk->stored_size = bound - io.out_size;
    digest_sha256(raw, size, chunk->sha256);
    text_add_bytes(&object.stored, room, chunk->stored_size);
    text_add_bytes(&object.raw, raw, size);
    encoder_free(encoder);
    free(room);
}

/* Chunks of very different sizes, so that threads overtake each other; some are empty. */
static void make(enum codec_kind codec)
{
    object.codec = codec;
    for (unsigned i = 0; i < CHUNKS; i++) {
        struct text text;
        text_init(&text, 1 << 20);
        for (unsigned row = 0; row < i % 7 * (i % 7) * 80; row++)
            text_addf(&text, "%u\trow %u\t%u\n", i, row, row * 2654435761U);
        text_add(&text, "");
        add_chunk(text.data, text.length);
        text_release(&text);
    }
}

static void setup(void)
{
    object = (struct object){0};
    text_init(&object.stored, 1 << 27);
    text_init(&object.raw, 1 << 27);
    text_init(&object.got, 1 << 27);
    err = (struct err){0};
}

static void teardown(void)
{
    text_release(&object.stored);
    text_release(&object.raw);
    text_release(&object.got);
}

static int next(void *context, struct decode_chunk *chunk, struct err *failure)
{
    (void)context, (void)failure;
    if (object.next == object.count)
        return 0;
    *chunk = object.chunks[object.next++];
    return 1;
}

static int fill(void *context, const struct decode_chunk *chunk, unsigned char *stored,
                struct err *failure)
{
    (void)context;
    size_t number = (size_t)chunk->number;
    ck_assert_uint_eq(number, ++object.filled);
    if (number == object.refuse_fill)
        return err_set(failure, ERR_TRANSIENT, "the store is away");
    if (object.filled - object.taken > object.most_ahead)
        object.most_ahead = object.filled - object.taken;
    memcpy(stored, object.stored.data + object.at[number - 1], chunk->stored_size);
    return 0;
}

static int take(void *context, const struct decode_chunk *chunk, const unsigned char *raw,
                struct err *failure)
{
    (void)context;
    ck_assert_uint_eq(chunk->number, ++object.taken);
    if (chunk->number == object.refuse_take)
        return err_set(failure, ERR_SYSTEM, "the disk is full");
    text_add_bytes(&object.got, raw, chunk->raw_size);
    return 0;
}

static int decode(unsigned threads)
{
    struct decode_spec spec = {.codec = object.codec,
                               .threads = threads,
                               .next = next,
                               .fill = fill,
                               .take = take};
    object.next = object.filled = object.taken = 0;
    text_clear(&object.got);
    return decode_run(&spec, &err);
}

static void assert_begin_of_raw(size_t size)
{
    ck_assert_uint_eq(object.got.length, size);
    ck_assert(size == 0 || memcmp(object.got.data, object.raw.data, size) == 0);
}

/* Raw bytes of the chunks before this one. */
static size_t raw_before(size_t number)
{
    size_t size = 0;
    for (size_t i = 0; i + 1 < number; i++)
        size += object.chunks[i].raw_size;
    return size;
}

static const unsigned threads[] = {0, 1, 2, 3, 8};
enum { THREADS = sizeof threads / sizeof *threads };

START_TEST(chunks_come_in_their_order_whatever_the_number_of_threads)
{
    make((enum codec_kind)(_i % CODEC_COUNT));
    for (size_t i = 0; i < THREADS; i++) {
        ck_assert_msg(decode(threads[i]) == 0, "%s", err.text);
        assert_begin_of_raw(object.raw.length);
    }
}
END_TEST

START_TEST(nothing_at_all_is_read_and_taken)
{
    ck_assert_int_eq(decode(threads[_i]), 0);
    ck_assert_uint_eq(object.taken, 0);
}
END_TEST

START_TEST(a_damaged_chunk_ends_it_behind_all_that_came_before)
{
    for (unsigned codec = 0; codec < CODEC_COUNT; codec++) {
        teardown();
        setup();
        make((enum codec_kind)codec);
        const size_t bad = 11; /* the checksum at its end, or a raw byte */
        object.stored.data[object.at[bad] - 2] ^= 4;
        ck_assert_int_eq(decode(threads[_i]), -1);
        ck_assert_int_eq(err.kind, ERR_CORRUPT);
        ck_assert_ptr_nonnull(strstr(err.text, "chunk 11"));
        ck_assert_uint_eq(object.taken, 10);
        assert_begin_of_raw(raw_before(bad));
    }
}
END_TEST

START_TEST(the_first_of_several_damaged_chunks_is_told)
{
    make(CODEC_GZIP);
    /* The large ones take longer to fail than the small ones behind them. */
    object.stored.data[object.at[14] - 2] ^= 4;
    object.stored.data[object.at[15] - 2] ^= 4;
    object.stored.data[object.at[17] - 2] ^= 4;
    ck_assert_int_eq(decode(threads[_i]), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "chunk 14"));
    ck_assert_uint_eq(object.taken, 13);
}
END_TEST

START_TEST(what_was_read_before_the_store_failed_is_taken_first)
{
    make(CODEC_GZIP);
    object.refuse_fill = 20;
    ck_assert_int_eq(decode(threads[_i]), -1);
    ck_assert_int_eq(err.kind, ERR_TRANSIENT);
    ck_assert_uint_eq(object.taken, 19);
    /* Damage in front of it counts more. */
    object.stored.data[object.at[19] - 2] ^= 4;
    ck_assert_int_eq(decode(threads[_i]), -1);
    ck_assert_int_eq(err.kind, ERR_CORRUPT);
    ck_assert_uint_eq(object.taken, 18);
}
END_TEST

START_TEST(who_refuses_a_chunk_is_not_asked_again)
{
    make(CODEC_ZSTD);
    for (object.refuse_take = 1; object.refuse_take <= CHUNKS; object.refuse_take++) {
        ck_assert_int_eq(decode(threads[_i]), -1);
        ck_assert_str_eq(err.text, "the disk is full");
        ck_assert_uint_eq(object.taken, object.refuse_take);
    }
}
END_TEST

START_TEST(no_more_is_read_ahead_than_was_announced)
{
    make(CODEC_GZIP);
    ck_assert_int_eq(decode(threads[_i]), 0);
    ck_assert_uint_le(object.most_ahead, threads[_i] > 1 ? 2 * threads[_i] + 1 : 1);
    ck_assert_uint_lt(decode_memory(CODEC_GZIP, 2), decode_memory(CODEC_GZIP, 4));
    ck_assert_uint_lt(decode_memory(CODEC_NONE, 2), decode_memory(CODEC_GZIP, 2));
    ck_assert_uint_le(decode_memory(CODEC_GZIP, 4), 96 << 20);
    ck_assert_uint_ge(decode_threads(), 1);
    ck_assert_uint_le(decode_threads(), 4);
}
END_TEST

/* No format of ours, but an index may say so: then it is decoded alone. */
START_TEST(a_chunk_larger_than_all_buffers_is_decoded_alone)
{
    enum { LARGE = 48 << 20 };
    char *zeroes = memory_zalloc(LARGE);
    object.codec = CODEC_ZSTD;
    add_chunk("first", 5);
    add_chunk(zeroes, LARGE);
    add_chunk("last", 4);
    ck_assert_msg(decode(threads[_i]) == 0, "%s", err.text);
    assert_begin_of_raw(object.raw.length);
    free(zeroes);
}
END_TEST

static const struct {
    int raw, stored;
    const char *says;
} lies[] = {
    {1, 0, "it is cut"},
    {-1, 0, "more than the chunk index knows"},
    {-200, 0, "more than the chunk index knows"},
    {0, 5, ""}, /* the begin of the next member */
    {0, -1, "it is cut"},
    {0, -30, "it is cut"},
};

START_TEST(a_chunk_of_another_size_than_the_index_says_is_damage)
{
    static const enum codec_kind kinds[] = {CODEC_GZIP, CODEC_ZSTD, CODEC_BZIP2};
    for (size_t i = 0; i < 3; i++) {
        teardown();
        setup();
        make(kinds[i]);
        object.chunks[3].raw_size += (size_t)lies[_i].raw;
        object.chunks[3].stored_size += (size_t)lies[_i].stored;
        ck_assert_int_eq(decode(2), -1);
        ck_assert_int_eq(err.kind, ERR_CORRUPT);
        ck_assert_msg(strstr(err.text, lies[_i].says) != NULL, "%s", err.text);
        ck_assert_uint_eq(object.taken, 3);
    }
}
END_TEST

START_TEST(without_compression_two_sizes_are_damage)
{
    make(CODEC_NONE);
    object.chunks[3].raw_size++;
    ck_assert_int_eq(decode(2), -1);
    ck_assert_int_eq(err.kind, ERR_CORRUPT);
    ck_assert_uint_eq(object.taken, 3);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("decode");
    TCase *tcase = tcase_create("decode");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, chunks_come_in_their_order_whatever_the_number_of_threads, 0,
                        CODEC_COUNT);
    tcase_add_loop_test(tcase, nothing_at_all_is_read_and_taken, 0, THREADS);
    tcase_add_loop_test(tcase, a_damaged_chunk_ends_it_behind_all_that_came_before, 0,
                        THREADS);
    tcase_add_loop_test(tcase, the_first_of_several_damaged_chunks_is_told, 0, THREADS);
    tcase_add_loop_test(tcase, what_was_read_before_the_store_failed_is_taken_first, 0,
                        THREADS);
    tcase_add_loop_test(tcase, who_refuses_a_chunk_is_not_asked_again, 0, THREADS);
    tcase_add_loop_test(tcase, no_more_is_read_ahead_than_was_announced, 0, THREADS);
    tcase_add_loop_test(tcase, a_chunk_larger_than_all_buffers_is_decoded_alone, 0,
                        THREADS);
    tcase_add_loop_test(tcase, a_chunk_of_another_size_than_the_index_says_is_damage, 0,
                        (int)(sizeof lies / sizeof *lies));
    tcase_add_test(tcase, without_compression_two_sizes_are_damage);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
