#include "tests/support/dice.h"

#include <stdio.h>
#include <stdlib.h>

static uint64_t number_of(const char *variable, uint64_t usual)
{
    const char *text = getenv(variable);
    return text == NULL || text[0] == '\0' ? usual : strtoull(text, NULL, 10);
}

uint64_t dice_seed(void)
{
    uint64_t seed = number_of("PGKEEP_SEED", 20261121);
    printf("seed %llu\n", (unsigned long long)seed);
    fflush(stdout);
    return seed;
}

size_t dice_cases(size_t usual)
{
    return (size_t)number_of("PGKEEP_CASES", usual);
}

/* Marsaglia's xorshift with a multiplication behind it; good enough to vary cases. */
static uint64_t next(struct dice *random)
{
    uint64_t x = random->state + 0x9E3779B97F4A7C15;
    random->state = x;
    x ^= x >> 29;
    x *= 0xD6E8FEB86659FD93;
    x ^= x >> 32;
    x *= 0xD6E8FEB86659FD93;
    return x ^ x >> 32;
}

uint64_t dice_below(struct dice *random, uint64_t limit)
{
    return next(random) % limit;
}

bool dice_chance(struct dice *random, unsigned percent)
{
    return dice_below(random, 100) < percent;
}
