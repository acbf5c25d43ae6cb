#include "stream/scan/rows.h"
#include "tests/support/run_suite.h"

#include <check.h>

/* What rows_scan must say, computed one byte at a time. */
static void reference(const unsigned char *data, size_t size, struct rows_span *span)
{
    size_t line = 0;
    *span = (struct rows_span){0};
    while (span->size < size) {
        if (data[span->size++] != '\n')
            continue;
        span->border = span->size;
        if (span->size - line == 3 && memcmp(data + line, "\\.\n", 3) == 0) {
            span->ended = true;
            return;
        }
        span->count++;
        line = span->size;
    }
}

static void scan_in_pieces(const unsigned char *data, size_t size, size_t piece,
                           struct rows_span *all)
{
    struct rows rows;
    rows_init(&rows);
    *all = (struct rows_span){0};
    while (all->size < size && !all->ended) {
        struct rows_span span;
        size_t left = size - all->size;
        rows_scan(&rows, data + all->size, left < piece ? left : piece, &span);
        ck_assert_uint_gt(span.size, 0);
        if (span.border > 0)
            all->border = all->size + span.border;
        all->size += span.size;
        all->count += span.count;
        all->ended = span.ended;
    }
}

static void check_same(const unsigned char *data, size_t size, size_t piece)
{
    struct rows_span want, got;
    reference(data, size, &want);
    scan_in_pieces(data, size, piece, &got);
    ck_assert_msg(got.size == want.size && got.border == want.border &&
                      got.count == want.count && got.ended == want.ended,
                  "size %zu in pieces of %zu: got %zu %zu %llu %d, want %zu %zu %llu %d",
                  size, piece, got.size, got.border, (unsigned long long)got.count,
                  got.ended, want.size, want.border, (unsigned long long)want.count,
                  want.ended);
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

/* Letters that make the end mark likely, so that it turns up at every place of a vector. */
START_TEST(random_data_in_pieces_of_any_size_gives_what_single_bytes_give)
{
    static const char letters[] = "\n\n\\\\..aaaaaaaaaaaaaaaaaaaaaaaa";
    unsigned char data[600];
    uint32_t seed = 20261124;
    for (int round = 0; round < 3000; round++) {
        size_t size = 1 + next_random(&seed) % sizeof data;
        for (size_t i = 0; i < size; i++)
            data[i] = (unsigned char)letters[next_random(&seed) % (sizeof letters - 1)];
        check_same(data, size, size);
        check_same(data, size, 1);
        check_same(data, size, 1 + next_random(&seed) % 100);
    }
}
END_TEST

START_TEST(the_end_is_found_at_every_offset_and_split)
{
    unsigned char data[120];
    for (size_t at = 0; at < 100; at++) {
        memset(data, 'x', sizeof data);
        if (at > 0)
            data[at - 1] = '\n';
        memcpy(data + at, "\\.\n", 3);
        for (size_t piece = 1; piece <= sizeof data; piece++)
            check_same(data, sizeof data, piece);
    }
}
END_TEST

static const struct {
    const char *data;
    size_t size;
    uint64_t count;
    bool ended;
} cases[] = {
    {"\\.\n", 3, 0, true},           /* a table without rows */
    {"\n\n\n\\.\n", 6, 3, true},     /* without columns: empty lines are rows */
    {"1\n\\\\.\n\\.\n", 9, 2, true}, /* a value `\.` is written `\\.` */
    {"\\N\n\\.\n", 6, 1, true},      /* NULL begins with a backslash too */
    {"a\\.\n\\.\n", 7, 1, true},     /* not at the begin of a line */
    {"\\.x\n\\.\n", 7, 1, true},     /* not the whole line */
    {"\\.\\.\n\\.\n", 8, 1, true},
    {"\\..\n", 4, 1, false},
    {"1\t2\n3\t4", 7, 1, false}, /* cut */
    {"1\n\\.", 4, 1, false},
    {"1\n\\.\n--\nrest", 5, 1, true}, /* what follows is not its business */
};

START_TEST(lines_are_counted_and_the_end_is_told_from_data)
{
    struct rows rows;
    struct rows_span span;
    rows_init(&rows);
    rows_scan(&rows, (const unsigned char *)cases[_i].data, strlen(cases[_i].data), &span);
    ck_assert_uint_eq(span.size, cases[_i].size);
    ck_assert_uint_eq(span.count, cases[_i].count);
    ck_assert_int_eq(span.ended, cases[_i].ended);
}
END_TEST

START_TEST(more_rows_than_a_lane_counts_are_counted)
{
    enum { SIZE = 1 << 20 };
    unsigned char *data = malloc(SIZE);
    struct rows rows;
    struct rows_span span;

    memset(data, '\n', SIZE);
    rows_init(&rows);
    rows_scan(&rows, data, SIZE, &span);
    ck_assert_uint_eq(span.count, SIZE);
    /* Inside a line first, so that the vectors are used. */
    data[0] = 'x';
    rows_init(&rows);
    rows_scan(&rows, data, SIZE, &span);
    ck_assert_uint_eq(span.count, SIZE - 1);
    free(data);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rows");
    TCase *tcase = tcase_create("rows");

    tcase_add_test(tcase, random_data_in_pieces_of_any_size_gives_what_single_bytes_give);
    tcase_add_test(tcase, the_end_is_found_at_every_offset_and_split);
    tcase_add_loop_test(tcase, lines_are_counted_and_the_end_is_told_from_data, 0,
                        (int)(sizeof cases / sizeof *cases));
    tcase_add_test(tcase, more_rows_than_a_lane_counts_are_counted);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
