/*
 * run_databases - what a backup run should have dumped, and what became of it. Artifacts alone
 * cannot tell: of a database that is missing there never is one (CONTRACT-NOTES 27, 28).
 *
 *     catalog_run_expect for each, before the first dump -> catalog_run_found for each
 *     -> catalog_run_databases_last, by whoever asks how the last run went
 */
#ifndef PGKEEP_CATALOG_RUN_DATABASES_H
#define PGKEEP_CATALOG_RUN_DATABASES_H

#include "catalog/db/catalog.h"

enum catalog_run_outcome {
    CATALOG_RUN_EXPECTED, /* it was not its turn, or its process ended meanwhile */
    CATALOG_RUN_DUMPED,   /* there is a complete artifact */
    CATALOG_RUN_MISSED,   /* there is none; the message says why */
    CATALOG_RUN_GONE,     /* it has backups, and the server has it no more */
    CATALOG_RUN_OUTCOMES
};

struct catalog_run_database {
    int64_t run;
    char *job;
    int64_t started, ended; /* of the run */
    char *database;         /* "": globals */
    char *type;
    bool partial; /* cut down by filters of a command line */
    enum catalog_run_outcome outcome;
    char *message; /* NULL: none */
};
struct catalog_run_databases {
    struct catalog_run_database *items;
    size_t count, capacity;
};
void catalog_run_databases_release(struct catalog_run_databases *databases);

/* run, database, type, partial and outcome are written; twice the same replaces. */
int catalog_run_expect(struct catalog *catalog, const struct catalog_run_database *database,
                       struct err *err) MUST_USE;
/* outcome and message of what was expected (run, database, type). */
int catalog_run_found(struct catalog *catalog, const struct catalog_run_database *database,
                      struct err *err) MUST_USE;
/* Adds, of each job and type, those of its newest run that has ended and was not partial. */
int catalog_run_databases_last(struct catalog *catalog, struct catalog_run_databases *out,
                               struct err *err) MUST_USE;

/* Adds those of one run. */
int catalog_run_databases_of(struct catalog *catalog, int64_t run,
                             struct catalog_run_databases *out, struct err *err) MUST_USE;

#endif
