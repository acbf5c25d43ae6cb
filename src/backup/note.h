/*
 * note - keeps `<prefix>/state/<id>.json` in the stores up to date: what people and checks
 * decided about an artifact (pin, suspect, quarantined, verified, first marked), so that
 * another machine and a rebuilt catalog respect it (CONTRACT-NOTES 3).
 *
 * The catalog is written first; the note follows. A note that cannot be written is a
 * warning: the next change or `pgkeep catalog sync` writes it.
 */
#ifndef PGKEEP_BACKUP_NOTE_H
#define PGKEEP_BACKUP_NOTE_H

#include "backup/access.h"

/* Writes what the catalog says now of this artifact and its copy there. Warns. */
void note_write(struct catalog *catalog, struct access *access, const char *id);
/* The same into every store that holds a complete copy; *failed counts those that could not
 * be told. */
int note_write_all(struct settings *settings, struct catalog *catalog, const char *id,
                   size_t *failed, struct err *err) MUST_USE;

/* The other way, before a copy is removed: a pin that another machine noted in this store
 * is taken into the catalog. None there is success; the store's errors, ERR_CORRUPT. */
int note_merge_pin(struct catalog *catalog, struct access *access, const char *id,
                   struct err *err) MUST_USE;

#endif
