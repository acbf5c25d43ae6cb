/*
 * artifact_diff - what changed between two artifacts, without a database.
 *
 * Of rows the manifests tell (how many, how many bytes) and the chunk indexes (do chunks of as
 * many rows and bytes hold others?); of definitions the texts around the rows, which are read by
 * ranges, or by pg_restore from an archive's head. No row is read. Statements that are not
 * definitions are passed over: settings, values of sequences, refreshes.
 *
 * Another pg_dump may write the same thing in other words: then it differs here, too.
 */
#ifndef PGKEEP_BACKUP_ARTIFACT_DIFF_H
#define PGKEEP_BACKUP_ARTIFACT_DIFF_H

#include "copy/copy_reader.h"

enum artifact_change {
    ARTIFACT_CAME,
    ARTIFACT_WENT,
    ARTIFACT_GREW,
    ARTIFACT_SHRANK,
    ARTIFACT_CHANGED /* as many rows and bytes, others; a definition in other words */
};
const char *artifact_change_name(enum artifact_change change); /* "came" "went" ... */

/* Rows of a table; those of one that is not there, or is empty, are 0. */
struct artifact_diff_table {
    char *schema, *name;
    enum artifact_change change;
    int64_t rows[2]; /* before, now; CATALOG_UNKNOWN_ROWS */
    uint64_t raw_bytes[2];
};

/* All statements about one thing; both texts, "" where it is not there. */
struct artifact_diff_definition {
    char *label;                 /* "index orders_state of sales.orders", printable */
    enum artifact_change change; /* came, went, changed */
    const char *section;
    const char *type;
    char *text[2];
};

struct artifact_diff {
    bool rows_compared, definitions_compared;
    struct artifact_diff_table *tables; /* by name; only those that differ */
    size_t table_count, table_capacity;
    /* In the order of the newer one, then those that went. */
    struct artifact_diff_definition *definitions;
    size_t definition_count, definition_capacity;
};

struct artifact_diff_spec {
    struct copy_reader_spec before, now; /* with tables; purpose is set here */
};

/* ERR_USAGE: globals. What one of the two does not hold is not compared: definitions, rows (those of an
 * archive are not counted); so are definitions where a program for an archive is missing, with a
 * warning. */
int artifact_diff_run(const struct artifact_diff_spec *spec, struct artifact_diff *out,
                      struct err *err) MUST_USE;
void artifact_diff_release(struct artifact_diff *diff);

#endif
