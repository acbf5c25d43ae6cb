/*
 * backup - taking backups: the databases of one job, into all stores of the job at once.
 *
 *     backup_begin -> backup_job -> results, one per database -> backup_outcome
 *     -> session_end -> backup_results_release
 *
 * The order of events that keeps a backup honest (PRODUCT section 5) is one function,
 * `in_order` in backup_artifact.c. Nothing is visible in a store before the dump has ended
 * well; a manifest is written only when the data of min_copies stores is complete.
 *
 * One thread, which must be the one that lives longest (see base/process.h): the caller's.
 */
#ifndef PGKEEP_BACKUP_BACKUP_H
#define PGKEEP_BACKUP_BACKUP_H

#include "session/session.h"

enum backup_outcome {
    BACKUP_GOOD,    /* a copy in every store of the job */
    BACKUP_PARTIAL, /* complete, but not in every store */
    BACKUP_FAILED   /* no backup of this database; err says why */
};

struct backup_result {
    char id[ULID_SIZE]; /* "" when it never got so far as to have one */
    char *database;     /* "" for the globals */
    enum backup_outcome outcome;
    bool suspect;
    struct err err; /* BACKUP_FAILED; BACKUP_PARTIAL: of the first store that failed */
};
struct backup_spec {
    const char *job;  /* name of a job; SETTINGS_ADHOC for --source and --store */
    const char *name; /* of the artifacts; NULL: none */
    int64_t run;      /* the pending run that this is; 0: one of its own */
    /* What became of one database, as soon as it is known; borrowed. May be NULL. */
    void (*done)(void *context, const struct backup_result *result);
    void *context;
};

struct backup_results {
    struct backup_result *items;
    size_t count, capacity;
};
void backup_results_release(struct backup_results *results);

/* The run of this job: its lock, which is held until session_end, and its record. Of `base`
 * settings, cancel and observer are used; the time limit is the job's `timeout`. ERR_BUSY, ERR_CONFIG. */
struct session *backup_begin(const struct backup_spec *spec,
                             const struct session_spec *base, struct err *err) MUST_USE;
/* Takes them all, one after the other. 0: every database was tried, see the results. -1:
 * the job could not begin (ERR_DATABASE, too few stores), or it was cancelled; results then
 * hold what came before. */
int backup_job(struct session *session, const struct backup_spec *spec,
               struct backup_results *results, struct err *err) MUST_USE;

/* What one job, or several, came to. */
struct backup_tally {
    size_t good, partial, failed;
    struct err first; /* of what went wrong first; of no kind: nothing did */
    bool suspect;     /* one is, and its job says anomaly = "fail" */
};
/* job: of the results. why: of a job that could not begin or was cancelled; else NULL. */
void backup_tally_add(struct backup_tally *tally, const struct job_settings *job,
                      const struct backup_results *results, const struct err *why);
/* PARTIAL as soon as anything of it is good; *why is its first trouble. */
enum outcome backup_outcome(const struct backup_tally *tally, struct err *why);

#endif
