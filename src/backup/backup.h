/*
 * backup - taking backups: the databases of one job, into all stores of the job at once.
 *
 *     backup_job -> results, one per database -> backup_results_release
 *
 * The order of events that keeps a backup honest (PRODUCT section 5) is one function,
 * `in_order` in backup_artifact.c. Nothing is visible in a store before the dump has ended
 * well; a manifest is written only when the data of min_copies stores is complete.
 *
 * One thread, which must be the one that lives longest (see base/process.h): the caller's.
 */
#ifndef PGKEEP_BACKUP_BACKUP_H
#define PGKEEP_BACKUP_BACKUP_H

#include "catalog/artifacts.h"
#include "config/settings.h"
#include "stream/meter.h"

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
/* Told while it goes on, on the thread of backup_job. Every pointer may be NULL. */
struct backup_observer {
    /* A dump begins; the meter counts until `end`. */
    void (*begin)(void *context, const struct catalog_artifact *artifact,
                  const struct meter *meter);
    void (*phase)(void *context, const char *phase); /* "dump" "finish" … */
    void (*end)(void *context);
    /* What became of one database, after its `end`; borrowed. */
    void (*done)(void *context, const struct backup_result *result);
    void *context;
};

struct backup_spec {
    struct settings *settings;
    struct catalog *catalog; /* CATALOG_CREATE */
    const char *job;         /* name of a job; SETTINGS_ADHOC for --source and --store */
    const char *name;        /* of the artifacts; NULL: none */
    struct backup_observer observer;
};

struct backup_results {
    struct backup_result *items;
    size_t count, capacity;
};
void backup_results_release(struct backup_results *results);

/* Takes them all, one after the other. 0: every database was tried, see the results. -1:
 * the job could not begin (ERR_BUSY, ERR_DATABASE, too few stores), or it was cancelled;
 * results then hold what came before. */
int backup_job(const struct backup_spec *spec, struct backup_results *results,
               struct err *err) MUST_USE;

#endif
