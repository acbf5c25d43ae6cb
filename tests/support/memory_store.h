/*
 * memory_store - a store in memory that fails where it is told, for tests of what the steps
 * of a backup do when one of their stores does not go along.
 *
 *     memory_store_new -> memory_store_fail, _refuse, _heal ... -> store_close
 *
 * One thread. What it holds outlives nothing.
 */
#ifndef PGKEEP_TESTS_MEMORY_STORE_H
#define PGKEEP_TESTS_MEMORY_STORE_H

#include "store/store.h"

enum memory_step { /* what can fail */
                   MEMORY_CHECK,
                   MEMORY_PART,
                   MEMORY_WAIT,
                   MEMORY_FINISH,
                   MEMORY_PUT,
                   MEMORY_REMOVE,
                   MEMORY_STEPS
};

struct memory_part {
    unsigned number;
    size_t size;
    uint64_t offset;
    bool last;
};

struct store *memory_store_new(const char *name, const struct s3_part_rules *rules);
/* The n-th (from 1) such step on a key that contains `match` ("" any) fails with `kind`,
 * and so do all that follow. did: its effect takes place all the same (a lost answer). */
void memory_store_fail(struct store *store, enum memory_step step, unsigned n,
                       const char *match, enum err_kind kind, bool did);
/* Removing a key that contains `match` is answered so: STORE_LOCKED until then, or
 * STORE_REFUSED. One such rule at a time. */
void memory_store_refuse(struct store *store, const char *match, enum store_removal result,
                         int64_t until);
void memory_store_heal(struct store *store); /* nothing fails or refuses any more */
bool memory_store_has(struct store *store, const char *key);
size_t memory_store_count(struct store *store); /* of objects */
/* The bytes of an object; NULL: there is none. */
const struct text *memory_store_bytes(struct store *store, const char *key);
void memory_store_drop(struct store *store, const char *key); /* behind everybody's back */
unsigned memory_store_open_uploads(struct store *store);
/* The parts given to its uploads so far. */
size_t memory_store_parts(struct store *store, const struct memory_part **parts);

#endif
