/*
 * restore - an artifact back into a database, all of it or a part.
 *
 * Nothing is ever dropped. The target must be empty of user tables unless into_nonempty;
 * with `create` it must not exist, and is made from template0 with the source's encoding,
 * locale, owner, comment, settings and rights (the manifest keeps them, pg_dump's text does
 * not). Settings are in force before the content comes. Bytes are checked chunk by chunk before
 * the server sees them; only when the last one was right and all went well it was a restore.
 *
 * A restore by several connections writes into the target what of it is done (restore/resume.h), until
 * all is: then it can go on after any failure.
 *
 * All of a backup on one connection is psql's or pg_restore's work. Whatever that cannot do - a
 * part, several connections, another search_path - goes statement by statement (restore/).
 *
 * One thread, the one that lives longest (base/process.h).
 */
#ifndef PGKEEP_BACKUP_RESTORE_H
#define PGKEEP_BACKUP_RESTORE_H

#include "backup/restore/listing.h"
#include "copy/copy_reader.h"

enum { RESTORE_MAX_PARALLEL = 64 };

struct restore_spec {
    struct copy_reader_spec from; /* purpose is set here */
    const char *conninfo; /* of the target, with password; restore_list: not asked for */
    bool create;
    bool into_nonempty;
    const struct strlist *tables,
        *schemas;        /* patterns (restore/selection.h); may be NULL */
    const char *section; /* NULL: all */
    bool no_owner, no_privileges;
    bool no_role_passwords; /* of globals: they are made without */
    bool project;           /* the target is a Supabase project (restore/project.h) */
    bool disable_triggers;
    const char *search_path; /* of the session, as SQL takes it; NULL: the dump's, empty */
    unsigned parallel;       /* connections; 0: as many as pay off */
    bool resume;             /* go on with the one that failed, with the same options */
    uint64_t memory; /* bytes of all sessions together, for making indexes; 0: 512 MiB */
};

/* What was done; release it. */
struct restore_done {
    char *database;          /* the target's name */
    char *store;             /* where the bytes came from */
    bool counted;            /* is raw_bytes known? Not of a part of an archive */
    uint64_t raw_bytes;      /* brought: of a part those of its rows */
    struct strlist left_out; /* what hangs on things that were not chosen; one line each */
    struct strlist brought;  /* what was not chosen but needed */
};
void restore_done_release(struct restore_done *done);

/* ERR_USAGE: options that do not go together; ERR_NOT_FOUND: a pattern that fits nothing, before
 * anything is touched; ERR_DATABASE: target missing, there already, not empty, nothing to go on
 * with, or the server's words; ERR_CORRUPT: the bytes are not what was stored, the target is incomplete then, and the
 * text says so. */
int restore_run(const struct restore_spec *spec, struct restore_done *done,
                struct err *err) MUST_USE;

/* What restore_run would bring, without a target: an empty database is thought of. */
int restore_list(const struct restore_spec *spec, struct listing *listing,
                 struct err *err) MUST_USE;

#endif
