/*
 * import - manifests and state files of a store become rows of the catalog.
 *
 * What the catalog knows already stays as it is; of its artifacts only copies are added,
 * and decisions of other machines (state_sync.h). A copy that was deleted here is not brought
 * back. A manifest that cannot be read, or says another thing than the catalog, is a
 * warning and passed over.
 */
#ifndef PGKEEP_REPAIR_IMPORT_H
#define PGKEEP_REPAIR_IMPORT_H

#include "repository/repository.h"
#include "repository/metadata.h"

struct import {
    struct catalog *catalog;
    struct repository *repository;
    size_t artifacts; /* that the catalog did not know */
    size_t copies;    /* the same; in this store */
    size_t states;    /* artifacts about which another machine had decided something */
    size_t damaged;   /* files passed over; each was a warning */
    int64_t newest;   /* latest time that any of them names; seconds UTC */
};

/* A metadata_take: context is a struct import. Each batch is one transaction. */
int import_take(void *context, struct metadata_item *items, size_t count,
                struct err *err) MUST_USE;

#endif
