/*
 * pairs - names with values: the tags of an artifact (KEY, VALUE; a key once) and the filters
 * it was dumped with (PATTERN under the name of its option), and the one number that says
 * whether two dumps had the same filters.
 *
 * The name of a filter tells where it came from: as a key of the configuration ("tables",
 * "exclude_table_data"), or as an option of the command line ("--table").
 */
#ifndef PGKEEP_CATALOG_DB_PAIRS_H
#define PGKEEP_CATALOG_DB_PAIRS_H

#include "base/err.h"

struct catalog_pair {
    char *name, *value;
};
struct catalog_pairs {
    struct catalog_pair *items;
    size_t count, capacity;
};
void catalog_pairs_add(struct catalog_pairs *pairs, const char *name, const char *value);
void catalog_pairs_release(struct catalog_pairs *pairs);

#define CATALOG_FILTERS_HASH_SIZE 9 /* with the NUL */

/* Of a set of filters: equal for the same patterns in any order, given twice, and from
 * wherever (CONTRACT-NOTES 26, RETENTION section 3). The first 8 hex digits of SHA-256 over
 * the sorted lines "option=PATTERN"; "" for no filters. Returns out. */
const char *catalog_filters_hash(const struct catalog_pairs *filters,
                                 char out[CATALOG_FILTERS_HASH_SIZE]);

/* ---- for the catalog's own folders ---- */

struct catalog;
/* Adds the rows, name and value, of a question about the artifact of this number. */
int pairs_load(struct catalog *catalog, const char *question, int64_t number,
               struct catalog_pairs *pairs, struct err *err) MUST_USE;

#endif
