/*
 * recover - what a backup left that did not come to its end: a crash, kill -9, power.
 *
 * For each copy `uploading` whose owner is gone, or `failed` with remains, the store is
 * asked:
 *
 *     its manifest      then
 *     ----------------  ----------------------------------------------------------------
 *     is there, with    the copy, and with it the artifact, becomes complete
 *     the data it names
 *     is not            the open upload is aborted (by its handle, and any other of that
 *                       very key), index and data are removed; the copy is `failed` with
 *                       nothing left, the artifact `failed`
 *
 * Only what the catalog names by its key is touched. A store that does not answer keeps its
 * remains for the next time.
 */
#ifndef PGKEEP_COPY_RECOVER_H
#define PGKEEP_COPY_RECOVER_H

#include "repository/repository.h"
#include "catalog/copies.h"

enum recover_result {
    RECOVER_COMPLETED, /* a manifest was there */
    RECOVER_CLEANED,   /* nothing is left */
    RECOVER_LEFT_ALONE /* its owner lives, or may */
};

/* Whose copies, where. vouched: the caller holds the lock that their owner would hold. */
struct recover_spec {
    struct catalog *catalog;
    struct repository *repository;
    bool vouched;
};

/* One copy, as it was read from the catalog; one that is another by now is left alone. */
int recover_copy(const struct recover_spec *spec, const struct catalog_copy *copy,
                 enum recover_result *result, struct err *err) MUST_USE;

/* Before a backup of `job` ("" for ad hoc), under its lock: the copies of that job in these
 * stores, then its artifacts that nobody is at any more. Never fails: what goes wrong is a
 * warning. Interrupted `copy`s of complete artifacts are left to be resumed. */
void recover_job(struct catalog *catalog, const struct repository_list *stores,
                 const char *job);

/* What became of the copies of a store. */
struct recover_counts {
    size_t completed, cleaned, left, failed;
};
/* All copies of this store whose owner is surely dead. What goes wrong with one is a
 * warning (`failed`). thorough: also interrupted `copy`s, and those of owners that cannot
 * be seen from here (another machine or container) where the lock of their job is free. -1:
 * the catalog failed, or cancelled. counts may be NULL. */
int recover_store(struct catalog *catalog, struct repository *repository, bool thorough,
                  struct recover_counts *counts, struct err *err) MUST_USE;

/* Artifacts `running` whose owner is gone and that have no copy left to look after: failed.
 * job NULL: all, only those whose owner is surely dead. */
int recover_artifacts(struct catalog *catalog, const char *job, bool vouched, size_t *count,
                      struct err *err) MUST_USE;

/* What prune and sweep end with: runs and verifications older than CATALOG_HISTORY_S are
 * forgotten, but for the newest check of each copy. Counted from `now`, or from the highest time
 * that the catalog has seen where that is earlier. */
int recover_forget_history(struct catalog *catalog, int64_t now, struct err *err) MUST_USE;

#endif
