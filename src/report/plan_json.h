/*
 * plan_json - a plan of retention as JSON (CONTRACT-NOTES 11): what `prune --json` prints, and
 * what an API answers who asks for the plan. Keys as in artifact_json.h a contract.
 */
#ifndef PGKEEP_REPORT_PLAN_JSON_H
#define PGKEEP_REPORT_PLAN_JSON_H

#include "prune/prune.h"
#include "retention/explain.h"

#include <jansson.h>

/*     plan_hash dry_run
 *     groups[{group,store,policy,rules,anchor,complete,keep,prune,held,bytes,over_cap,
 *             guards[]}]
 *     copies[{id,group,store,time,bytes,verdict,reasons[],result,error}]
 *     skipped[{store,error}]
 *     refused
 *
 * verdict: "keep" "prune" "held" "ignore"; result: null in a dry run and where nothing was
 * done, else "deleted" "locked" "blocked" "later". A new reference. */
json_t *plan_json(const struct prune *prune, bool dry_run) MUST_USE;

/* The sums of all groups in all stores, and every guard that refuses somewhere. */
struct retention_summary plan_summary(const struct prune *prune);

#endif
