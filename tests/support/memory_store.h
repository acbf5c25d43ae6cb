/*
 * memory_store - a whole store in memory that fails where it is told, for tests of what the
 * steps of a backup do when one of their stores does not go along.
 *
 *     memory_store_new -> memory_store_share … -> memory_store_fail, _kill, _heal …
 *     -> store_close, once for each of new and share
 *
 * What it holds lies in memory that is shared with child processes: what one of them had
 * done when it was killed is there for its parent, as in a real store. store_get from any
 * thread, all else from one.
 *
 * As type "s3" it behaves as a bucket where the kinds differ: an unfinished upload is listed
 * under its final key, is there a moment before its handle is told, and a PUT of bytes that
 * are there already is no error. Else as a folder.
 */
#ifndef PGKEEP_TESTS_MEMORY_STORE_H
#define PGKEEP_TESTS_MEMORY_STORE_H

#include "store/store.h"

enum memory_step { /* what can fail */
                   MEMORY_CHECK,
                   MEMORY_BEGIN,
                   MEMORY_RESUME,
                   MEMORY_PART,
                   MEMORY_WAIT,
                   MEMORY_FINISH,
                   MEMORY_DISCARD, /* of an upload that is not finished */
                   MEMORY_PENDING, /* listing unfinished uploads, by prefix */
                   MEMORY_ABORT,
                   MEMORY_PUT,
                   MEMORY_GET,
                   MEMORY_STAT,
                   MEMORY_LIST, /* by prefix */
                   MEMORY_REMOVE,
                   MEMORY_DOWNLOAD, /* its begin */
                   MEMORY_READ,
                   MEMORY_ANY, /* each of them */
                   MEMORY_STEPS
};
/* "check" "begin" … */
const char *memory_step_name(enum memory_step step);

struct memory_part {
    unsigned number;
    size_t size;
    uint64_t offset;
    bool last;
};

struct store *memory_store_new(const char *name, const struct store_part_rules *rules);
/* "memory" from the start; "dir" or "s3" then. A literal. */
void memory_store_set_type(struct store *store, const char *type);
/* Of uploads from now on; NULL: none, parts are as large as can be. */
void memory_store_set_rules(struct store *store, const struct store_part_rules *rules);
/* The same once more; returns store. */
struct store *memory_store_share(struct store *store);

/* ---- faults ---- */

/* The n-th (from 1) such step on a key that contains `match` ("" any) fails with `kind`,
 * and so do all that follow. did: its effect takes place all the same (a lost answer).
 * ERR_CANCELLED does not hold up clean-up (store_cleaner). */
void memory_store_fail(struct store *store, enum memory_step step, unsigned n,
                       const char *match, enum err_kind kind, bool did);
/* Only the n-th: it is well again after that. */
void memory_store_stumble(struct store *store, enum memory_step step, unsigned n,
                          const char *match, enum err_kind kind, bool did);
/* The n-th step of this kind ends the process (SIGKILL), before or after its effect. */
void memory_store_kill(struct store *store, enum memory_step step, unsigned n, bool did);
/* Before the n-th step of this kind: what somebody else does meanwhile. Once. */
void memory_store_before(struct store *store, enum memory_step step, unsigned n,
                         void (*then)(void *context), void *context);
/* Has any failure happened since the last _heal? */
bool memory_store_failed(struct store *store);
/* Removing a key that contains `match` is answered so: STORE_LOCKED until then, or
 * STORE_REFUSED. One such rule at a time. */
void memory_store_refuse(struct store *store, const char *match, enum store_removal result,
                         int64_t until);
void memory_store_heal(struct store *store); /* nothing fails or refuses any more */

/* ---- what it holds ---- */

bool memory_store_has(struct store *store, const char *key);
size_t memory_store_count(struct store *store); /* of objects */
/* The key of the i-th object, in order of keys; NULL: there are fewer. */
const char *memory_store_key(struct store *store, size_t i);
/* The bytes of an object, to be read before the next call; NULL: there is none. */
const struct text *memory_store_bytes(struct store *store, const char *key);
unsigned memory_store_open_uploads(struct store *store);
/* As store_list_pending tells the i-th of them; borrowed. False: there are fewer. */
bool memory_store_upload(struct store *store, size_t i, struct store_pending *out);
/* The parts given to its uploads so far. */
size_t memory_store_parts(struct store *store, const struct memory_part **parts);
/* Steps of that kind so far. */
unsigned memory_store_steps(struct store *store, enum memory_step step);

/* ---- behind everybody's back ---- */

void memory_store_drop(struct store *store, const char *key);
/* Flips a bit of the byte at `offset`. */
void memory_store_spoil(struct store *store, const char *key, uint64_t offset);
/* The same in every upload that is open. */
void memory_store_spoil_uploads(struct store *store, uint64_t offset);
/* Only the first `size` bytes are left. */
void memory_store_cut(struct store *store, const char *key, uint64_t size);
/* The store has a clock of its own, that much ahead of ours. */
void memory_store_set_clock(struct store *store, int64_t offset);
/* All that is there is so much older. */
void memory_store_age(struct store *store, int64_t seconds);

#endif
