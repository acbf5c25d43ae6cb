/*
 * store_parts - which size part n of a stream has.
 *
 * The schedule is computed once per stream and shared by all stores of a job, of the
 * tightest of their rules, so that one buffer serves them all. Pure arithmetic; any thread.
 */
#ifndef PGKEEP_STORE_STORE_PARTS_H
#define PGKEEP_STORE_STORE_PARTS_H

#include <stdbool.h>
#include <stdint.h>

struct store_part_rules {
    uint64_t min_size;  /* of a part that is not the last; bytes */
    uint64_t max_size;  /* 0: none */
    unsigned max_parts; /* 0: none */
    bool uniform;       /* all parts but the last of equal size (R2) */
};

/* Rules that hold both. */
struct store_part_rules store_parts_merge(struct store_part_rules a,
                                          struct store_part_rules b);
/* Size of part `number` (from 1) for an estimate of the stored bytes (0: unknown). 0:
 * there is no such part, the stream is too long for these rules: fail and abort, never
 * finish short. */
uint64_t store_parts_size(const struct store_part_rules *rules, uint64_t estimate,
                          unsigned number);

#endif
