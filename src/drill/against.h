/*
 * against - a restored database beside a live one: rows of each table, counted and hashed on both
 * servers, in parallel. The hash does not depend on their order. What was written to the live one
 * since the backup differs, and should.
 */
#ifndef PGKEEP_DRILL_AGAINST_H
#define PGKEEP_DRILL_AGAINST_H

#include "base/cancel.h"
#include "drill/comparison.h"

struct against_spec {
    const char *restored, *live; /* conninfos */
    const char *encoding;        /* in which names are read on both; NULL: UTF-8 */
    unsigned workers; /* each has a session on either side; 0: one per core, at most 4 */
    const struct cancel *cancel;
};
/* Differences are told in `out`; names of the tables that differ, each on a line, in `tables`
 * (initialised by the caller). ERR_DATABASE: one of them cannot be read. */
int against_run(const struct against_spec *spec, struct comparison *out,
                struct text *tables, struct err *err) MUST_USE;

#endif
