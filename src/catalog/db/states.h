/*
 * states - the moves of catalog.h as tables, and the triggers that refuse all others. For
 * the folders of the catalog only.
 */
#ifndef PGKEEP_CATALOG_DB_STATES_H
#define PGKEEP_CATALOG_DB_STATES_H

#include "base/text.h"
#include "catalog/db/catalog.h"

extern const char *const states_statuses[CATALOG_STATUSES];
extern const char *const states_copies[CATALOG_COPY_STATES];

/* Adds the statements CREATE TRIGGER artifact_moves and copy_moves. */
void states_add_triggers(struct text *sql);
/* "'a', 'b'": the states of copies whose bits 1u << state are set. */
void states_add_copies(struct text *sql, unsigned states);
/* The same for statuses of artifacts. */
void states_add_statuses(struct text *sql, unsigned statuses);

#endif
