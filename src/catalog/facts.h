/*
 * facts - numbers among the small facts of runs.h (table settings). For this folder only.
 */
#ifndef PGKEEP_CATALOG_FACTS_H
#define PGKEEP_CATALOG_FACTS_H

#include "catalog/sql.h"

#define FACTS_SEQ "catalog.seq"           /* the highest sequence given or imported */
#define FACTS_TIME "catalog.highest_time" /* guard G4 */

/* 0 when absent */
int facts_number(struct catalog *catalog, const char *key, int64_t *out,
                 struct err *err) MUST_USE;
/* Raises it to `value`; a higher one stays. Inside of a transaction. */
int facts_raise(struct catalog *catalog, const char *key, int64_t value,
                struct err *err) MUST_USE;

#endif
