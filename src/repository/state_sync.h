/*
 * state_sync - keeps `<prefix>/state/<id>.json` in the stores and the catalog's rows together:
 * what people and checks decided about an artifact (pin, suspect, accepted, quarantined,
 * verified, first marked), so that another machine and a rebuilt catalog respect it (CONTRACT-NOTES
 * 3).
 *
 *     state_sync_pull -> the catalog is changed -> state_sync_try_push
 *
 * Whoever is about to decide reads first: what another machine decided meanwhile is then
 * known and older, so that this decision wins everywhere. The catalog is written before the
 * stores; a note that cannot be written is a warning, and `pgkeep catalog sync` makes up
 * for it. Copies that were found broken are told too, so that nobody believes an older check;
 * of those that never were complete nothing is read or written.
 */
#ifndef PGKEEP_REPOSITORY_STATE_SYNC_H
#define PGKEEP_REPOSITORY_STATE_SYNC_H

#include "repository/repository.h"
#include "repository/state_file.h"

/* Takes over what the state file in this store says and the catalog does not know yet (the
 * later decision wins, group by group: state_file_merge). No file: nothing changes.
 * ERR_CORRUPT: one that is damaged, so that nobody can say whether it holds a pin. */
int state_sync_pull(struct catalog *catalog, struct repository *repository, const char *id,
                    struct err *err) MUST_USE;
/* The same with a file that was read already, in a transaction of the caller's. *changed
 * (may be NULL): the rows are others now. */
int state_sync_apply(struct catalog *catalog, int64_t store_id,
                     const struct state_file *state, bool *changed,
                     struct err *err) MUST_USE;

/* Reads, and writes what the catalog then says of this artifact and its copy there; nothing
 * when the file says it already. A damaged one stays (a warning) unless the artifact was
 * ever pinned or unpinned here. */
int state_sync_push(struct catalog *catalog, struct repository *repository, const char *id,
                    bool *written, struct err *err) MUST_USE;
/* The same, where a failure is no more than a warning; then false. */
bool state_sync_try_push(struct catalog *catalog, struct repository *repository,
                         const char *id);

#endif
