/*
 * sync - takes into the catalog what other machines wrote into a shared store, and nothing
 * else: it deletes nothing, anywhere.
 *
 *     what is found                    what happens
 *     -------------------------------  ------------------------------------------------------
 *     manifest not known here          its artifact and copy (import.h)
 *     state file changed since the     pins, marks and checks of others (state_sync.h)
 *     last time
 *     copy whose manifest is gone      `missing`: another machine removed it, or somebody did.
 *                                      Never concluded from a listing that is incomplete or
 *                                      empty (RETENTION G10), and each is looked for by its
 *                                      name first
 *     copy missing or failed here,     looked at quickly, and complete again when it is all
 *     and its manifest is there        right
 *     pin a store was not told of      written there
 *     copy deleted here                stays deleted
 *
 * Two listings, and only what is new is fetched, several files at a time.
 */
#ifndef PGKEEP_REPAIR_SYNC_H
#define PGKEEP_REPAIR_SYNC_H

#include "session/session.h"

struct sync_result {
    size_t manifests;                          /* in the store */
    size_t artifacts, copies, states, damaged; /* struct import */
    size_t missing, healed;
    size_t told; /* state files written */
    bool empty;  /* no manifest at all, though the catalog knows copies there: a warning */
    int64_t newest; /* struct import */
};

/* One store of the session, into its catalog. */
int sync_store(struct session *session, struct repository *repository,
               struct sync_result *result, struct err *err) MUST_USE;
/* Writes to the store every pin, and end of one, that the catalog knows and the store does
 * not. */
int sync_push_pins(struct catalog *catalog, struct repository *repository, size_t *told,
                   struct err *err) MUST_USE;

#endif
