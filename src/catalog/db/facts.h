/*
 * facts - small facts by name ("sync/<uuid>" …), and the two numbers that only grow: the
 * highest sequence and the highest time seen.
 */
#ifndef PGKEEP_CATALOG_DB_FACTS_H
#define PGKEEP_CATALOG_DB_FACTS_H

#include "catalog/db/catalog.h"

/* *value heap, NULL when absent. Keys of the catalog's own begin with "catalog."; a value
 * NULL removes it. */
int catalog_setting_get(struct catalog *catalog, const char *key, char **value,
                        struct err *err) MUST_USE;
int catalog_setting_set(struct catalog *catalog, const char *key, const char *value,
                        struct err *err) MUST_USE;

/* The highest wall-clock time any run saw (guard G4); 0: none yet. It only grows. */
int catalog_time_highest(struct catalog *catalog, int64_t *highest,
                         struct err *err) MUST_USE;
int catalog_time_seen(struct catalog *catalog, int64_t now, struct err *err) MUST_USE;
/* The user says that the clock was wrong: sets it, also back. */
int catalog_time_reset(struct catalog *catalog, int64_t now, struct err *err) MUST_USE;

/* ---- for the catalog's own folders ---- */

#define FACTS_SEQ "catalog.seq" /* the highest sequence given or imported */

/* 0 when absent */
int facts_number(struct catalog *catalog, const char *key, int64_t *out,
                 struct err *err) MUST_USE;
/* Raises it to `value`; a higher one stays. Inside of a transaction. */
int facts_raise(struct catalog *catalog, const char *key, int64_t value,
                struct err *err) MUST_USE;

#endif
