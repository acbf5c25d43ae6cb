/*
 * restore_all - everything that one run backed up, onto one server: roles first, then each
 * database under its own name.
 *
 * A run is a number of `runs`, "latest:JOB", or the id of anything it made; where the catalog knows
 * no runs (it was made from the stores) those backups of the job are taken for one run that were
 * taken one right after the other. A database that is on the server already is restored into when
 * it is empty, as restore.h has it; nothing is dropped. One that cannot be brought back does not
 * keep the others from it.
 *
 * One thread, the one that lives longest (base/process.h).
 */
#ifndef PGKEEP_BACKUP_RESTORE_ALL_H
#define PGKEEP_BACKUP_RESTORE_ALL_H

#include "backup/restore.h"

/* Between the end of one backup and the begin of the next of a run that nobody wrote down. */
#define RESTORE_ALL_GAP_S 60

/* What became of one database. */
struct restore_all_one {
    const char *database;                    /* "": the globals */
    const struct catalog_artifact *artifact; /* NULL: the run has no backup of it */
    const struct restore_done *done;         /* NULL: it could not be brought back */
    const struct err *err;                   /* why not; NULL: it was */
};

struct restore_all_spec {
    struct session *session;
    const char *run;      /* as somebody wrote it */
    const char *store;    /* name; NULL: whichever has a good copy */
    const char *conninfo; /* of the server; which database it names does not matter */
    bool no_owner, no_privileges, no_role_passwords;
    unsigned parallel;
    /* Told of each as soon as it is known; borrowed. */
    void (*done)(void *context, const struct restore_all_one *one);
    void *context;
};

struct restore_all_result {
    size_t restored, failed, missing;
    struct err first; /* of what could not be brought back first */
};

/* 0: each was tried. -1: ERR_NOT_FOUND, ERR_USAGE: no such run, or nothing of it is left;
 * ERR_CANCELLED; the catalog's errors. */
int restore_all(const struct restore_all_spec *spec, struct restore_all_result *result,
                struct err *err) MUST_USE;
/* PARTIAL when some are there and some not; *why is the first reason. */
enum outcome restore_all_outcome(const struct restore_all_result *result, struct err *why);

#endif
