/*
 * restore - an artifact back into a database.
 *
 * Nothing is ever dropped. The target must be empty of user tables unless into_nonempty;
 * with `create` it must not exist, and is made from template0 with the source's encoding,
 * locale, owner, comment, settings and rights (the manifest keeps them, pg_dump's text does
 * not). Bytes are checked chunk by chunk before psql or pg_restore sees them; only when the
 * last hash was right and the program ended well it was a restore.
 *
 * One thread, the one that lives longest (base/process.h).
 */
#ifndef PGKEEP_BACKUP_RESTORE_H
#define PGKEEP_BACKUP_RESTORE_H

#include "copy/copy_reader.h"

struct restore_spec {
    struct copy_reader_spec from; /* purpose is set here */
    const char *conninfo;         /* of the target, with password */
    bool create;
    bool into_nonempty;
    const struct strlist *tables, *schemas; /* custom format only; may be NULL */
    const char *section;                    /* custom format only; NULL: all */
    bool no_owner, no_privileges;           /* custom format only */
};

/* What was done; release it. */
struct restore_done {
    char *database; /* the target's name */
    char *store;    /* where the bytes came from */
};
void restore_done_release(struct restore_done *done);

/* ERR_USAGE: an option that this format cannot do; ERR_DATABASE: target missing, there
 * already, not empty, or psql's words; ERR_CORRUPT: the bytes are not what was stored, the
 * target is incomplete then, and the text says so. */
int restore_run(const struct restore_spec *spec, struct restore_done *done,
                struct err *err) MUST_USE;

#endif
