/*
 * expectation - what a backup says it holds, from its manifest and from the text around its rows:
 * the side of a comparison that was never in a database. Pure.
 */
#ifndef PGKEEP_DRILL_EXPECTATION_H
#define PGKEEP_DRILL_EXPECTATION_H

#include "backup/restore/outline.h"
#include "catalog/artifacts.h"
#include "drill/comparison.h"

struct expectation {
    struct comparison_side side;
    bool rows_told; /* of every table that the backup has rows of their number is known */
    /* what the side borrows */
    struct comparison_table *tables;
    struct inspect_sequences sequences;
};
/* artifact: of the manifest, with its tables; it and the outline must outlive the expectation.
 * outline NULL: there is none, and of things but rows nothing is known. complete: the outline has the statements of the data section, too (not of an archive). */
void expectation_make(const struct catalog_artifact *artifact,
                      const struct outline *outline, bool complete,
                      struct expectation *out);
/* Where the tables of the manifest are not those of the catalog, as differences. */
void expectation_compare_catalog(const struct catalog_artifact *manifest,
                                 const struct catalog_artifact *catalog,
                                 struct comparison *out);
void expectation_release(struct expectation *expectation);

#endif
