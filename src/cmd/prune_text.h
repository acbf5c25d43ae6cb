/*
 * prune_text - a plan for people (RETENTION section 7) and as JSON (CONTRACT-NOTES 11).
 */
#ifndef PGKEEP_CMD_PRUNE_TEXT_H
#define PGKEEP_CMD_PRUNE_TEXT_H

#include "prune/prune.h"

#include <jansson.h>

/* Per group and store a header and one line per copy, then the last line with hash, sums
 * and guards. all false: only what goes, is held or is locked. */
void prune_text_print(const struct prune *prune, bool all);

/*     plan_hash dry_run
 *     groups[{group,store,policy,rules,anchor,complete,keep,prune,held,bytes,over_cap,
 *             guards[]}]
 *     copies[{id,group,store,time,bytes,verdict,reasons[],result,error}]
 *     skipped[{store,error}]
 *     refused
 *
 * verdict: "keep" "prune" "held" "ignore"; result: null in a dry run and where nothing was
 * done, else "deleted" "locked" "blocked" "later". */
json_t *prune_json(const struct prune *prune, bool dry_run) MUST_USE;

#endif
