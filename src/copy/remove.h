/*
 * remove - phase 2 of a deletion: what was marked `deleting` (catalog/deletions.h) is taken
 * out of its store.
 *
 * Outside any transaction, the manifest first: so at every instant a manifest that is there
 * names only what is there. Then the upload that may still be open, index, data, and the
 * state file. Each physical removal is recorded at once; repeating any step is harmless, so
 * whatever ends this process leaves something that the next run goes on with.
 *
 *     what the store says            the copy is then
 *     ---------------------------    ------------------------------------------------------
 *     gone, or was not there         deleted, when that holds for all of it
 *     refused by an object lock      locked until then, and tried again when it is due
 *     refused for another reason     blocked, tried again a day later
 *     no answer, too busy, no store  deleting, tried again later (a minute, two, four … an
 *                                    hour)
 *
 * A manifest that cannot be removed keeps index and data where they are. Nothing is taken
 * for gone in a store that is not the one it should be: its mark is read again before each
 * copy.
 *
 * One thread per repository; the caller holds LOCK_REMOVAL.
 */
#ifndef PGKEEP_COPY_REMOVE_H
#define PGKEEP_COPY_REMOVE_H

#include "repository/repository.h"
#include "catalog/copies.h"

enum remove_outcome { REMOVE_GONE, REMOVE_LOCKED, REMOVE_BLOCKED, REMOVE_LATER };
/* "deleted" "locked" "blocked" "later" */
const char *remove_outcome_name(enum remove_outcome outcome);

struct remove_result {
    int64_t copy;
    char artifact[ULID_SIZE];
    uint64_t bytes; /* of its data */
    enum remove_outcome outcome;
    int64_t locked_until; /* REMOVE_LOCKED; 0: a legal hold */
    char reason[480];     /* what the store said; "" when gone */
};
struct remove_results {
    struct remove_result *items;
    size_t count, capacity;
};
void remove_results_release(struct remove_results *results);

/* Where, by whose rows, and by which clock. Borrowed. */
struct remove_spec {
    struct catalog *catalog;
    struct repository *repository;
    int64_t now;
};

/* One copy that is deleting, locked or blocked, due or not. 0 with whatever the store
 * answered; -1 when the catalog cannot be written and when cancelled: it then stays as it
 * is. */
int remove_copy(const struct remove_spec *spec, int64_t copy, struct remove_result *result,
                struct err *err) MUST_USE;

/* All that are due in this store, one after the other; each result is appended. One that
 * fails does not stop the others, but a store that failed three times in a row is left
 * alone until the next run. `all`: also those whose next try is later, but for locked ones
 * and blocked ones. */
int remove_due(const struct remove_spec *spec, bool all, struct remove_results *results,
               struct err *err) MUST_USE;

#endif
