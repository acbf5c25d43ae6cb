/*
 * commit - from "every part is stored" to "the catalog says complete".
 *
 * The order, for all stores together (PRODUCT 5, CONTRACT-NOTES 2):
 *
 *     1 data      each upload is finished: the data object becomes visible, verified
 *     2 index     at the same time: round trips are what a small backup takes
 *     3 enough?   fewer than min_copies stores hold both: all is removed again, failed
 *     4 manifest  store by store; the first one makes the artifact complete
 *
 * So a manifest never names what is not there, and an artifact that failed leaves no
 * object. A store that fails on the way is dropped; what it holds by then is removed, or,
 * if even that fails, noted in the catalog for the next run.
 */
#ifndef PGKEEP_COPY_COMMIT_H
#define PGKEEP_COPY_COMMIT_H

#include "repository/repository.h"
#include "copy/fanout.h"
#include "repository/keys.h"
#include "catalog/artifacts.h"

/* All borrowed. copies[i] is the catalog's row for target i of the fanout. */
struct commit {
    struct catalog *catalog;
    /* filled in but for status; finish makes it complete */
    struct catalog_artifact *artifact;
    struct fanout *fanout;
    struct catalog_copy *copies;
    const struct text *index; /* gzipped */
    const char *manifest;     /* the document */
    const char *manifest_key;
    size_t min_copies;
    bool committed; /* out: a manifest was written, so the backup is there to stay */
};

/* 0: the artifact is complete in at least one store, see the copies for the others. -1:
 * nothing of it is visible in any store - unless `committed` is set: then the catalog could
 * not be written, its rows are still those of a backup under way, and recovery completes
 * them; the caller must not make them failed. */
int commit_run(struct commit *commit, struct err *err) MUST_USE;

/* Undoes a target: its upload, removes what became visible (manifest, index, data),
 * and tells the catalog why and whether anything may be left. Also for targets of a backup
 * that failed before commit. */
void commit_undo(struct commit *commit, size_t index, const struct err *why);

#endif
