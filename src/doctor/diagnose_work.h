/*
 * diagnose_work - what the files of diagnose.h share; private to them.
 *
 *     diagnose.c          the order
 *     diagnose_finding.c  what is found gets out
 *     diagnose_catalog.c  the catalog file, free space anywhere
 *     diagnose_source.c   servers, programs, rights
 *     diagnose_store.c    reached, mark, folder
 *     diagnose_s3.c       a service against its row, open uploads
 *     diagnose_job.c      retention, hooks
 */
#ifndef PGKEEP_DOCTOR_DIAGNOSE_WORK_H
#define PGKEEP_DOCTOR_DIAGNOSE_WORK_H

#include "doctor/diagnose.h"
#include "catalog/stores.h"
#include "store/store.h"

enum diagnose_what {
    DIAGNOSE_FILE,
    DIAGNOSE_CATALOG,
    DIAGNOSE_INTEGRITY,
    DIAGNOSE_SPACE,
    DIAGNOSE_CLOCK,
    DIAGNOSE_SETTINGS,
    DIAGNOSE_SERVER,
    DIAGNOSE_PROGRAMS,
    DIAGNOSE_DATABASES,
    DIAGNOSE_RIGHTS,
    DIAGNOSE_GLOBALS,
    DIAGNOSE_REACHED,
    DIAGNOSE_MARK,
    DIAGNOSE_KNOWN,
    DIAGNOSE_WRITE,
    DIAGNOSE_UPLOADS,
    DIAGNOSE_RETENTION,
    DIAGNOSE_HOOKS,
    DIAGNOSE_WHATS
};

struct diagnose {
    const struct diagnose_spec *spec;
    struct diagnose_result *result;
    struct catalog *catalog;  /* NULL: there is none, or it cannot be opened */
    const char *group, *name; /* what is being looked at */
};

/* Reports a finding; found as printf. advice NULL: none. */
void diagnose_report(struct diagnose *d, enum diagnose_what what,
                     enum diagnose_verdict verdict, const char *advice, const char *format,
                     ...) PRINTF(5, 6);
/* A failure with the words, kind and hint of err. */
void diagnose_fail(struct diagnose *d, enum diagnose_what what, const struct err *err);
/* One that has its own name and title: counts it and hands it on. */
void diagnose_emit(struct diagnose *d, struct diagnose_finding *finding);

/* Opens the catalog into d->catalog when it can. */
void diagnose_catalog(struct diagnose *d);
/* Bytes free below a path against what is needed (0: not known). */
void diagnose_space(struct diagnose *d, const char *path, uint64_t needed);
/* Whether what does not exist yet could be made: the nearest folder above is writable. */
bool diagnose_can_make(const char *path);
void diagnose_source(struct diagnose *d, const char *name);
void diagnose_store(struct diagnose *d, const char *name);
/* row NULL: the catalog does not know it. */
void diagnose_s3(struct diagnose *d, struct store *store, const struct catalog_store *row);
void diagnose_job(struct diagnose *d, const struct job_settings *job);

#endif
