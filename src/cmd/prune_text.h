/*
 * prune_text - a plan for people (RETENTION section 7); as JSON: report/plan_json.h.
 */
#ifndef PGKEEP_CMD_PRUNE_TEXT_H
#define PGKEEP_CMD_PRUNE_TEXT_H

#include "prune/prune.h"

/* Per group and store a header and one line per copy, then the last line with hash, sums
 * and guards. all false: only what goes, is held or is locked. */
void prune_text_print(const struct prune *prune, bool all);

#endif
