#include "store/store_parts.h"
#include "tests/support/run_suite.h"

#include <check.h>

#define KIB ((uint64_t)1 << 10)
#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)
#define TIB ((uint64_t)1 << 40)

static const struct store_part_rules aws = {5 * MIB, 5 * GIB, 10000, false};
static const struct store_part_rules r2 = {5 * MIB, 5 * GIB, 10000, true};
static const struct store_part_rules scaleway = {5 * MIB, 5 * GIB, 1000, false};
static const struct store_part_rules r2_scaleway = {5 * MIB, 5 * GIB, 1000, true};
static const struct store_part_rules folder = {0, 0, 0, false};
static const struct store_part_rules tiny = {0, 100 * KIB, 5, false};
static const struct store_part_rules three = {5 * MIB, 5 * GIB, 3, false};
static const struct store_part_rules five = {5 * MIB, 5 * GIB, 5, false};
static const struct store_part_rules coarse = {20 * MIB, 64 * MIB, 10000, false};
static const struct store_part_rules impossible = {5 * MIB, 1 * MIB, 10000, false};

/* Bytes that all parts together can hold. */
static uint64_t capacity(const struct store_part_rules *rules, uint64_t estimate)
{
    uint64_t sum = 0;

    for (unsigned n = 1; n <= rules->max_parts; n++) {
        uint64_t size = store_parts_size(rules, estimate, n);
        sum = size > UINT64_MAX - sum ? UINT64_MAX : sum + size;
    }
    return sum;
}

START_TEST(parts_have_the_size_of_the_schedule)
{
    static const struct {
        const struct store_part_rules *rules;
        uint64_t estimate;
        unsigned number;
        uint64_t size;
    } cases[] = {
        {&aws, 0, 0, 0},
        {&aws, 0, 1, 16 * MIB},
        {&aws, 0, 960, 16 * MIB},
        {&aws, 0, 961, 32 * MIB},
        {&aws, 0, 1920, 32 * MIB},
        {&aws, 0, 1921, 64 * MIB},
        {&aws, 0, 5760, 512 * MIB},
        {&aws, 0, 5761, GIB},
        {&aws, 0, 10000, GIB},
        {&aws, 0, 10001, 0},
        {&aws, 1, 1, 16 * MIB},
        {&aws, 500 * GIB, 1, 74 * MIB},
        {&aws, 500 * GIB, 7000, 74 * MIB},
        {&aws, 500 * GIB, 7001, 148 * MIB},
        {&aws, 500 * GIB, 7301, 296 * MIB},
        {&aws, 500 * GIB, 10000, 5 * GIB},
        {&aws, 500 * GIB, 10001, 0},
        {&aws, TIB, 1, 150 * MIB},
        {&aws, 2 * TIB, 1, 300 * MIB},
        {&aws, UINT64_MAX, 1, 5 * GIB},
        {&r2, 0, 1, 64 * MIB},
        {&r2, 0, 10000, 64 * MIB},
        {&r2, 0, 10001, 0},
        {&r2, 1, 1, 16 * MIB},
        {&r2, 600 * GIB, 1, 103 * MIB},
        {&r2, 600 * GIB, 10000, 103 * MIB},
        {&r2, UINT64_MAX, 10000, 5 * GIB},
        {&scaleway, 0, 96, 16 * MIB},
        {&scaleway, 0, 97, 32 * MIB},
        {&scaleway, 0, 1000, GIB},
        {&scaleway, 0, 1001, 0},
        {&scaleway, 70 * GIB, 700, 103 * MIB},
        {&scaleway, 70 * GIB, 701, 206 * MIB},
        {&r2_scaleway, 0, 1000, 256 * MIB},
        {&folder, 0, 1, 16 * MIB},
        {&folder, 0, 1000000, 16 * MIB},
        {&folder, 900 * TIB, 1, 16 * MIB},
        {&tiny, 0, 1, 100 * KIB},
        {&tiny, 0, 5, 100 * KIB},
        {&tiny, 0, 6, 0},
        {&three, 0, 3, 64 * MIB},
        {&three, 0, 4, 0},
        {&five, 0, 1, 16 * MIB},
        {&five, 0, 5, 256 * MIB},
        {&five, 0, 6, 0},
        {&five, 60 * MIB, 3, 20 * MIB},
        {&five, 60 * MIB, 5, 80 * MIB},
        {&coarse, 0, 1, 20 * MIB},
        {&coarse, 0, 961, 40 * MIB},
        {&coarse, 0, 1921, 64 * MIB},
        {&impossible, 0, 1, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t size =
            store_parts_size(cases[i].rules, cases[i].estimate, cases[i].number);
        ck_assert_msg(size == cases[i].size, "case %zu: part %u has %llu bytes, not %llu",
                      i, cases[i].number, (unsigned long long)size,
                      (unsigned long long)cases[i].size);
    }
}
END_TEST

START_TEST(rules_without_a_number_of_parts_have_no_end)
{
    unsigned number = UINT32_MAX / 11;

    ck_assert_uint_eq(store_parts_size(&folder, 0, number), 16 * MIB);
    ck_assert_uint_ge(16 * MIB * number, 5000 * TIB);
    ck_assert_uint_gt(store_parts_size(&folder, 0, UINT32_MAX), 0);
}
END_TEST

/* 5 TiB is what AWS took for an object for most of its life, and others still do. */
START_TEST(five_tebibytes_fit_whatever_was_expected)
{
    ck_assert_uint_ge(capacity(&aws, 0), 5 * TIB);
    for (uint64_t estimate = 1; estimate < 100 * TIB; estimate += estimate / 3 + 1)
        ck_assert_uint_ge(capacity(&aws, estimate), 5 * TIB + 370 * GIB);
}
END_TEST

START_TEST(a_thousand_parts_carry_half_a_tebibyte_unforeseen)
{
    ck_assert_uint_ge(capacity(&scaleway, 0), 500 * GIB);
    ck_assert_uint_ge(capacity(&r2_scaleway, 0), 250 * GIB);
    ck_assert_uint_ge(capacity(&scaleway, TIB), 2 * TIB);
}
END_TEST

START_TEST(equal_parts_hold_one_and_a_half_times_the_estimate)
{
    for (uint64_t estimate = 1; estimate < 30 * TIB; estimate += estimate / 3 + 1)
        ck_assert_uint_ge(capacity(&r2, estimate), estimate + estimate / 2);
}
END_TEST

START_TEST(parts_never_shrink_and_keep_the_limits)
{
    static const struct store_part_rules *const rules[] = {&aws, &r2, &scaleway, &five,
                                                           &coarse};

    for (size_t r = 0; r < sizeof rules / sizeof *rules; r++)
        for (uint64_t estimate = 0; estimate < 10 * TIB; estimate = estimate * 7 + GIB) {
            uint64_t before = rules[r]->min_size;
            for (unsigned n = 1; n <= rules[r]->max_parts; n++) {
                uint64_t size = store_parts_size(rules[r], estimate, n);
                ck_assert(size >= before && size <= rules[r]->max_size);
                ck_assert(!rules[r]->uniform || n == 1 || size == before);
                before = size;
            }
        }
}
END_TEST

START_TEST(one_store_with_equal_parts_makes_all_stores_of_the_job_equal)
{
    struct store_part_rules uneven = {.min_size = 5 << 20, .max_parts = 10000};
    struct store_part_rules equal = {
        .min_size = 5 << 20, .max_parts = 9000, .uniform = true};
    struct store_part_rules both = store_parts_merge(uneven, equal);

    ck_assert(both.uniform);
    ck_assert_uint_eq(both.max_parts, 9000);
    ck_assert_uint_eq(store_parts_size(&both, 0, 1), store_parts_size(&both, 0, 9000));
    ck_assert_uint_eq(store_parts_size(&both, 0, 9001), 0);
}
END_TEST

START_TEST(the_tighter_rule_wins)
{
    static const struct {
        struct store_part_rules a, b, merged;
    } cases[] = {
        {{5, 50, 10000, false}, {6, 40, 1000, true}, {6, 40, 1000, true}},
        {{5, 50, 10000, true}, {0, 0, 0, false}, {5, 50, 10000, true}},
        {{0, 0, 0, false}, {0, 0, 0, false}, {0, 0, 0, false}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int swapped = 0; swapped < 2; swapped++) {
            struct store_part_rules got = swapped
                                              ? store_parts_merge(cases[i].b, cases[i].a)
                                              : store_parts_merge(cases[i].a, cases[i].b);
            ck_assert_uint_eq(got.min_size, cases[i].merged.min_size);
            ck_assert_uint_eq(got.max_size, cases[i].merged.max_size);
            ck_assert_uint_eq(got.max_parts, cases[i].merged.max_parts);
            ck_assert(got.uniform == cases[i].merged.uniform);
        }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store_parts");
    TCase *tcase = tcase_create("store_parts");

    tcase_add_test(tcase, parts_have_the_size_of_the_schedule);
    tcase_add_test(tcase, rules_without_a_number_of_parts_have_no_end);
    tcase_add_test(tcase, one_store_with_equal_parts_makes_all_stores_of_the_job_equal);
    tcase_add_test(tcase, five_tebibytes_fit_whatever_was_expected);
    tcase_add_test(tcase, a_thousand_parts_carry_half_a_tebibyte_unforeseen);
    tcase_add_test(tcase, equal_parts_hold_one_and_a_half_times_the_estimate);
    tcase_add_test(tcase, parts_never_shrink_and_keep_the_limits);
    tcase_add_test(tcase, the_tighter_rule_wins);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
