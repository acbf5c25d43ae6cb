/*
 * comparison - what a backup says it holds against what a restore of it holds. Pure.
 *
 *     comparison_make -> read -> comparison_release
 *
 * A figure that the backup does not tell (COMPARISON_UNKNOWN) is not compared, and not counted as
 * compared either.
 */
#ifndef PGKEEP_DRILL_COMPARISON_H
#define PGKEEP_DRILL_COMPARISON_H

#include "backup/restore/sql_name.h"
#include "postgres/scratch/inspect.h"

#define COMPARISON_UNKNOWN (-1)
enum { COMPARISON_TOLD = 10 }; /* differences that are told; the rest is counted */

/* A table with its rows, of either side. */
struct comparison_table {
    const char *schema, *name; /* borrowed */
    int64_t rows;              /* COMPARISON_UNKNOWN */
    bool extension; /* found: an extension made it, and may have put rows of its own in */
};
/* Everything is borrowed. */
struct comparison_side {
    const struct comparison_table *tables;
    size_t table_count;
    int64_t counts[INSPECT_KINDS];
    const struct inspect_sequence *sequences;
    size_t sequence_count;
};

struct comparison {
    size_t tables;                 /* whose rows were compared */
    uint64_t rows;                 /* found in them */
    size_t sequences;              /* whose values were */
    int64_t counts[INSPECT_KINDS]; /* found; COMPARISON_UNKNOWN: not compared */
    size_t differences;
    struct strlist told; /* the first COMPARISON_TOLD, printable, one sentence each */
};
/* rows_told: of the backup every table's rows are known, so that a table it does not name has none. */
void comparison_make(const struct comparison_side *expected,
                     const struct comparison_side *found, bool rows_told,
                     struct comparison *out);
/* One more, found elsewhere; what it tells is made printable. */
void comparison_add(struct comparison *comparison, const char *format, ...) PRINTF(2, 3);
void comparison_release(struct comparison *comparison);

#endif
