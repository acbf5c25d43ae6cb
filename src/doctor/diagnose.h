/*
 * diagnose - can everything that must work, work? What `pgkeep doctor` asks.
 *
 * In this order: the configuration, the catalog (opened, whole, writable, free space, the
 * clock against the highest time seen), each source (server, pg_dump and its friends,
 * rights to read every row of each database, roles), each store (reached, its mark, writing
 * and removing, free space, the service against its row of s3/provider.h, uploads that the
 * service will soon sweep), each job (its retention).
 *
 * A failure is a finding, and the next thing is looked at. Nothing is changed: the catalog
 * gets no row, a folder that is missing is not made, a store gets no mark; scratch objects
 * are removed again. One thread.
 */
#ifndef PGKEEP_DOCTOR_DIAGNOSE_H
#define PGKEEP_DOCTOR_DIAGNOSE_H

#include "config/settings.h"

enum diagnose_verdict {
    DIAGNOSE_OK,
    DIAGNOSE_WARNING, /* works, but somebody should know */
    DIAGNOSE_FAILED,
    DIAGNOSE_SKIPPED, /* could not be looked at; found says why */
    DIAGNOSE_VERDICTS
};
/* "ok" "warning" "failed" "skipped" */
const char *diagnose_verdict_name(enum diagnose_verdict verdict);

/* Strings are borrowed for the call. */
struct diagnose_finding {
    const char *group; /* "configuration" "catalog" "source" "store" "job" */
    const char *name;  /* of the source, store, job; NULL */
    const char *check; /* stable: "free-space" */
    const char *title; /* for people: "free space" */
    enum diagnose_verdict verdict;
    enum err_kind kind;   /* of what failed; else ERR_NONE */
    const char *expected; /* NULL: nothing in particular */
    const char *found;
    const char *advice; /* what to do; NULL: nothing */
};

struct diagnose_result {
    size_t counts[DIAGNOSE_VERDICTS];
    enum err_kind first; /* kind of the first failure; ERR_NONE */
};

struct diagnose_spec {
    const struct settings *settings;
    const struct cancel *cancel; /* NULL: the root */
    bool adhoc;                  /* only the source and stores of the command line */
    void (*report)(void *context, const struct diagnose_finding *finding);
    void *context;
};

/* -1 only when cancelled: what was reported so far stands. */
int diagnose_run(const struct diagnose_spec *spec, struct diagnose_result *out,
                 struct err *err) MUST_USE;

#endif
