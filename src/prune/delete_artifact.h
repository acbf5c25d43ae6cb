/*
 * delete_artifact - one artifact, or one copy of it, by somebody's wish: the protocol of prune
 * without its plan.
 *
 * Refused (ERR_UNSAFE): what is pinned, what is being read, and the last good one of its
 * group - the last complete copy anywhere of something that could be restored. Only the last of
 * these may be overridden, by the hash of what would go (a job or a database that was given up
 * has a last good backup, too). Asked inside
 * the transaction that marks; without `yes` that transaction is made and rolled back, so
 * that what is shown is what would be done.
 *
 * A store that does not answer now: the copy there is marked too, and goes with the next
 * prune or sweep. One thread.
 */
#ifndef PGKEEP_PRUNE_DELETE_ARTIFACT_H
#define PGKEEP_PRUNE_DELETE_ARTIFACT_H

#include "session/session.h"
#include "copy/remove.h"
#include "catalog/artifact_list.h"
#include "retention/guard.h"

struct delete_spec {
    struct session *session; /* of delete_session */
    const char *id;          /* whole */
    const char *store;       /* NULL: all copies; a name */
    bool yes;                /* do it */
    const char *force;       /* --force-unsafe: the hash that a refusal gave; NULL: none */
    int64_t now;
};

struct delete_outcome {
    struct catalog_artifact artifact; /* as it was before, with copies */
    struct repository_list stores;    /* that answered, and the failures */
    int64_t *copies;                  /* ids of those that go */
    size_t count;
    bool only_row; /* there is nothing to remove: the row alone goes */
    /* of what would go: 16 digits of SHA-256 over sorted lines "store-uuid id delete" */
    char hash[RETENTION_HASH_SIZE];
    bool last_good; /* it is refused because of that, or was forced although it is */
    struct remove_results removed;
};
void delete_outcome_release(struct delete_outcome *outcome);

/* The run: with `yes` it holds the lock of removals and is recorded. Settings, cancel and
 * observer are the caller's to add. */
struct session_spec delete_session(bool yes);
/* -1: ERR_UNSAFE, ERR_BUSY (its backup runs), ERR_NOT_FOUND (no such
 * copy; deleted already), ERR_CONFIG for an unknown store, the first store's error when
 * none answers. Release the outcome always. */
int delete_artifact(const struct delete_spec *spec, struct delete_outcome *outcome,
                    struct err *err) MUST_USE;
/* PARTIAL when a copy could not be removed yet. */
enum outcome delete_artifact_outcome(const struct delete_outcome *outcome);

#endif
