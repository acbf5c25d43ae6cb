/*
 * dice - numbers that look random and repeat from a seed, for properties.
 */
#ifndef PGKEEP_TESTS_DICE_H
#define PGKEEP_TESTS_DICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dice {
    uint64_t state;
};
/* The seed is PGKEEP_SEED or a fixed number; printed once per program as "seed N". */
uint64_t dice_seed(void);
/* How many cases a property looks at: PGKEEP_CASES, or `usual`. */
size_t dice_cases(size_t usual);
/* 0 .. limit - 1 */
uint64_t dice_below(struct dice *random, uint64_t limit);
bool dice_chance(struct dice *random, unsigned percent);

#endif
