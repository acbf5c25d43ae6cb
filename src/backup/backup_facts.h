/*
 * backup_facts - what an artifact is: before its dump begins, and when it has ended well.
 */
#ifndef PGKEEP_BACKUP_BACKUP_FACTS_H
#define PGKEEP_BACKUP_BACKUP_FACTS_H

#include "backup/backup_artifact.h"
#include "postgres/server.h"
#include "stream/stream.h"

/* Everything that the settings say of it, and a new id. Initialises the artifact. */
void backup_facts_describe(const struct backup_artifact *spec,
                           struct catalog_artifact *artifact);

/* What the server says of the database, and whether a dump of it would be whole
 * (server_preflight). Sets the server's version, origin and progress.estimate; *stored: bytes
 * expected in the stores, 0 unknown. Nothing of properties for globals. */
int backup_facts_ask(const struct backup_artifact *spec, struct catalog_artifact *artifact,
                     struct server_properties *properties, uint64_t *stored,
                     struct err *err) MUST_USE;

/* Sizes, hashes, tables; finished now. */
void backup_facts_of_stream(struct catalog_artifact *artifact,
                            const struct stream_result *result, int64_t duration_ms);

#endif
