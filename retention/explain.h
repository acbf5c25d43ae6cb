/*
 * explain - a plan in words: why each copy stays or goes, who won its period, and the lines
 * of the plan table. Nothing is decided here; texts are made on demand from the bits of the
 * decisions.
 *
 * Words that other programs may rely on:
 *
 *     "last 1/3"   and likewise "hourly" "daily" "weekly" "monthly" "yearly"
 *     "newest verified" "pinned" "leased" "pending" "quarantined"
 *     "max_total_size" "no rule keeps it"
 *     the names of states
 *
 * Times are of the machine's zone, whose offset stands in the header; periods are of the policy's.
 */
#ifndef PGKEEP_RETENTION_EXPLAIN_H
#define PGKEEP_RETENTION_EXPLAIN_H

#include "base/text.h"
#include "retention/guard.h"
#include "retention/plan.h"

/* How texts name things. add_id may be NULL: then ids are written whole; else it adds the
 * short form of an id. */
struct retention_style {
    void (*add_id)(void *context, const char *id, struct text *out);
    void *context;
};

/* The reasons of one copy, at least one, each a text of its own, in the order of the plan's
 * steps. The floors "min_keep 1/2" and "newest by sequence" are named where no rule keeps
 * it anyway. */
void retention_explain_list(const struct retention_plan *plan, size_t index,
                            const struct retention_style *style, struct strlist *out);
/* The same joined by "; ". */
void retention_explain_text(const struct retention_plan *plan, size_t index,
                            const struct retention_style *style, struct text *out);
/* "KEEP", "PRUNE", "HELD" (delete_grace), "LOCKED", "IGNORE". */
const char *retention_explain_verdict(const struct retention_plan *plan, size_t index);

/* "group nightly/shop/full  store offsite  policy standard (daily=7 min_keep=1 UTC)  anchor …" */
void retention_explain_header(const struct retention_plan *plan,
                              const struct retention_group *group, const char *store,
                              const char *policy_name, struct text *out);
/* "PRUNE   01JC…P2  2026-11-07 02:00  1.1 GiB  no rule keeps it (week 2026-W45 is 01JC…Q7)" */
void retention_explain_row(const struct retention_plan *plan, size_t index,
                           const struct retention_style *style, struct text *out);

/* Sums over any number of plans, for the last line. */
struct retention_summary {
    size_t complete, kept, pruned, held;
    uint64_t freed_bytes;
    unsigned guards; /* of all groups together; the caller adds CLOCK and FLOORS */
};
void retention_summary_add(struct retention_summary *summary,
                           const struct retention_plan *plan);
/* "plan 6f1c…  keep 18  prune 4 (18 %)  frees 4.4 GiB  guards ok" */
void retention_explain_summary(const struct retention_summary *summary, const char *hash,
                               struct text *out);

#endif
