/*
 * A part must be whole before it is sent and nobody knows how long the stream will be: sizes
 * begin small, so that little memory is needed and sending begins early, and double, so that
 * the store's number of parts carries a long stream too (reference S3.md 1.6).
 */
#include "store/store_parts.h"

#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)

/* Shares of the schedule in 10,000ths of the provider's number of parts. Without an
 * estimate: 960 parts of each size carry 5.06 TiB in 10,000 parts of at most 1 GiB. With
 * one: 7,000 parts hold what is expected; doubling every 300 parts then carries 5.37 TiB
 * whatever the estimate was, so that a wrong one costs memory and never the stream. */
enum {
    WHOLE = 10000,
    UNKNOWN_STEP = 960,
    EXPECTED = 7000,
    BEYOND_STEP = 300,
    UNIFORM = 6000
};

#define SMALLEST (16 * MIB)
#define LARGEST_UNKNOWN GIB
#define LARGEST_EXPECTED (5 * GIB)
/* Equal parts and no estimate: 625 GiB in 10,000 parts. */
#define UNIFORM_UNKNOWN (64 * MIB)
#define UNIFORM_LARGEST (256 * MIB)

/* Parts 1 .. first_count have the first size; from there on it doubles every step_count. */
struct schedule {
    uint64_t first_size;
    uint64_t largest;
    uint64_t first_count;
    uint64_t step_count;
    uint64_t count;
};

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* Limits may be absent: 0. */
static uint64_t tighter(uint64_t a, uint64_t b)
{
    if (a == 0 || b == 0)
        return a + b;
    return smaller(a, b);
}

struct store_part_rules store_parts_merge(struct store_part_rules a,
                                          struct store_part_rules b)
{
    return (struct store_part_rules){
        .min_size = larger(a.min_size, b.min_size),
        .max_size = tighter(a.max_size, b.max_size),
        .max_parts = (unsigned)tighter(a.max_parts, b.max_parts),
        .uniform = a.uniform || b.uniform,
    };
}

/* So many 10,000ths of all parts, at least one. */
static uint64_t share(uint64_t count, unsigned ten_thousandths)
{
    return larger(count * ten_thousandths / WHOLE, 1);
}

/* Size of `count` equal parts that hold `bytes`, in whole MiB. */
static uint64_t spread(uint64_t bytes, uint64_t count)
{
    uint64_t size = bytes / count + (bytes % count != 0);
    return (size / MIB + (size % MIB != 0)) * MIB;
}

/* What the sizes would be with no limit on the size of a part. */
static struct schedule wanted(const struct store_part_rules *rules, uint64_t estimate)
{
    uint64_t count = rules->max_parts != 0 ? rules->max_parts : UINT32_MAX;
    struct schedule s = {.count = count, .first_count = count, .step_count = 1};
    if (rules->uniform && estimate == 0) {
        /* One size for all, chosen before anything is known: a little memory for a long
         * reach. */
        s.first_size =
            smaller(larger(spread(UNIFORM_UNKNOWN * WHOLE, count), UNIFORM_UNKNOWN),
                    UNIFORM_LARGEST);
        s.largest = s.first_size;
    } else if (rules->uniform) {
        /* 1.5 times the estimate in 90 % of the parts. */
        s.first_size = spread(estimate, share(count, UNIFORM));
        s.largest = UINT64_MAX;
    } else if (estimate == 0) {
        /* Anything may come: begin with the least, and double while the numbers last. */
        s.first_size = SMALLEST;
        s.largest = LARGEST_UNKNOWN;
        s.first_count = s.step_count = share(count, UNKNOWN_STEP);
    } else {
        /* What is expected in equal parts, and doubling beyond it should it be wrong. */
        s.first_count = share(count, EXPECTED);
        s.step_count = share(count, BEYOND_STEP);
        s.first_size = spread(estimate, s.first_count);
        s.largest = LARGEST_EXPECTED;
    }
    return s;
}

/* False: no size of a part fits these rules. */
static bool schedule_of(const struct store_part_rules *rules, uint64_t estimate,
                        struct schedule *out)
{
    struct schedule s = wanted(rules, estimate);
    uint64_t most = rules->max_size != 0 ? rules->max_size : UINT64_MAX;
    if (rules->min_size > most)
        return false;
    /* Within the provider's limits; the largest is never below the first. */
    s.first_size = larger(s.first_size, larger(SMALLEST, rules->min_size));
    s.first_size = smaller(s.first_size, most);
    s.largest = smaller(larger(s.largest, s.first_size), most);
    *out = s;
    return true;
}

/* So many times, as far as the largest; halved before it is compared, since twice could
 * overflow. */
static uint64_t doubled(const struct schedule *s, uint64_t times)
{
    uint64_t size = s->first_size;
    for (; times > 0 && size < s->largest; times--)
        size = size > s->largest / 2 ? s->largest : size * 2;
    return size;
}

uint64_t store_parts_size(const struct store_part_rules *rules, uint64_t estimate,
                          unsigned number)
{
    struct schedule s;
    if (!schedule_of(rules, estimate, &s) || number < 1 || number > s.count)
        return 0;
    if (number <= s.first_count)
        return s.first_size;
    return doubled(&s, 1 + (number - s.first_count - 1) / s.step_count);
}
