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
/* What a restore that failed behind its first step leaves: a database that is half there must not
 * look like one that is whole. Context of the error; returns -1. */
struct restore_left {
    const char *database;
    bool globals;
    bool resumable; /* what is done is kept in it */
    bool made;      /* by this restore */
};
int restore_hint_left(const struct restore_left *left, struct err *err);

#endif
