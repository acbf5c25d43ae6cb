/*
 * guard - refuses plans that look like an accident, and names a plan by its hash.
 *
 *     retention_plan_new         per store
 *     retention_guard_group      per group
 *     retention_guard_survivors  over all stores
 *     retention_hash_*           over all stores
 *     then show, or delete what is not refused
 *
 * Numbers as in the retention contract. Here are the guards that can be decided from facts alone:
 *
 *     G3   too many at once
 *     G4   a clock that went back, or disagrees with a store's
 *     G10  a listing that cannot be true
 *     G11  the newest backup looks wrong
 *
 * G1, G2, G5, G6 and G7 are part of the plan itself; G8 (identity of a store) and G9 (pins and
 * leases at deletion) need the store and the catalog. A refused group is still planned and
 * shown; other groups go on. Pure; any thread.
 */
#ifndef PGKEEP_RETENTION_GUARD_H
#define PGKEEP_RETENTION_GUARD_H

#include "base/err.h"
#include "base/text.h"
#include "retention/plan.h"

/* Guards, as bits. Of one group: MANY and SUSPECT; the others are for the caller's sum of
 * what refuses a plan. */
enum retention_guard {
    RETENTION_GUARD_MANY = 1,
    RETENTION_GUARD_SUSPECT = 2,
    RETENTION_GUARD_CLOCK = 4,
    RETENTION_GUARD_FLOORS = 8
};

/* Which of them refuse this group, or 0. MANY (G3): more than guard_min_count and more than
 * guard_percent of the complete copies would go in this run (those held by delete_grace do
 * not). SUSPECT (G11): something would go and the newest eligible one is marked suspect. */
unsigned retention_guard_group(const struct retention_plan *plan,
                               const struct retention_group *group);
/* "G3", "G11", "G4", "G2"; of exactly one guard. */
const char *retention_guard_name(enum retention_guard guard);
/* Adds one sentence per guard: what is refused and the figures behind it. */
void retention_guard_text(const struct retention_plan *plan,
                          const struct retention_group *group, unsigned guards,
                          struct text *out);

/* G4. `highest_seen`: the newest time the catalog has recorded, 0 when none: ERR_UNSAFE
 * when now is more than an hour before it. */
int retention_guard_clock(int64_t now, int64_t highest_seen, struct err *err) MUST_USE;
/* G4 for a store's Date header: ERR_UNSAFE when it is more than five minutes off. */
int retention_guard_store_clock(int64_t now, int64_t store_date, struct err *err) MUST_USE;
/* G10: no verdict may come from a listing that is incomplete, or empty where the catalog
 * knows of copies. ERR_UNSAFE. */
int retention_guard_listing(bool is_whole, size_t listed, size_t known,
                            struct err *err) MUST_USE;

/* The plans of all stores together: of each group the newest verified artifact, or the
 * newest complete one when none is verified, must keep a complete copy somewhere. The
 * plan's floors see to that; this asks independently, just before anything is deleted.
 * ERR_UNSAFE names the group. */
int retention_guard_survivors(const struct retention_plan *const *plans, size_t count,
                              struct err *err) MUST_USE;

/*
 * The hash of what would be done: the first 16 hex digits of SHA-256 over the sorted lines
 * "store-uuid id keep|prune\n" of all stores. No times, reasons or names; ignored copies
 * are left out; one that delete_grace still holds counts as kept. `--force-unsafe=HASH`
 * compares it, so that what is forced is what was shown.
 *
 *     retention_hash_init -> retention_hash_add per store, any order
 *     -> retention_hash_finish
 */
#define RETENTION_HASH_SIZE 17 /* with the NUL */

struct retention_hash {
    struct retention_hash_line *lines;
    size_t count, capacity;
};

void retention_hash_init(struct retention_hash *hash);
/* store_uuid and the plan's artifacts must outlive finish. */
void retention_hash_add(struct retention_hash *hash, const char *store_uuid,
                        const struct retention_plan *plan);
/* Writes the hash and releases. Returns out. */
const char *retention_hash_finish(struct retention_hash *hash,
                                  char out[RETENTION_HASH_SIZE]);
/* Abandons it; harmless after finish. */
void retention_hash_release(struct retention_hash *hash);

#endif
