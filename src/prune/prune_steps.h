/*
 * prune_steps - the steps of prune.c that are files of their own. For prune only.
 */
#ifndef PGKEEP_PRUNE_PRUNE_STEPS_H
#define PGKEEP_PRUNE_PRUNE_STEPS_H

#include "prune/prune.h"

/* prune_plan.c: rows; then the stores that they lie in, opened. */
int prune_gather(struct prune *prune, struct err *err) MUST_USE;
int prune_open_stores(struct prune *prune, struct err *err) MUST_USE;
/* The catalog's name of a store; "" when unknown. */
const char *prune_store_name(const struct prune *prune, int64_t store_id);

/* prune_awaited.c: which complete copies another store still waits for (G7). Another store
 * waits when it belongs to the job, has no complete copy of the artifact, did not decide
 * against it, and its policy would keep it. Asks nobody: also for stores that are away. */
int prune_find_awaited(struct prune *prune, struct err *err) MUST_USE;

/* Parts, plans, guards, hash. */
int prune_plan(struct prune *prune, struct err *err) MUST_USE;
enum retention_state prune_state(const struct catalog_plan_row *row);

/* prune_mark.c: what the plan remembers (quarantined, first marked), then phase 1. */
int prune_remember(struct prune *prune, struct err *err) MUST_USE;
int prune_mark(struct prune *prune, struct err *err) MUST_USE;

/* Reasons of deletions. Those of `failed_keep` and `damaged_keep` are no decision against
 * an artifact: its store still waits for a copy. */
#define PRUNE_FAILED_KEEP "failed_keep is over"
#define PRUNE_DAMAGED_KEEP "damaged_keep is over"

#endif
