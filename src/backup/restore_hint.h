/*
 * restore_hint - what to do about a restore that failed for what the target lacks: a role, a name
 * that was found at the source by its search_path. hint.h knows what needs no more than the
 * message; here the artifact and its catalog are asked, too.
 */
#ifndef PGKEEP_BACKUP_RESTORE_HINT_H
#define PGKEEP_BACKUP_RESTORE_HINT_H

#include "backup/restore.h"

/* Adds a hint to the error where it has one to give, instead of a general one. */
void restore_hint(const struct restore_spec *spec, struct err *err);

#endif
