/*
 * verify_all - many copies, one after the other: `verify` of ids, of a job, of everything. A
 * copy that is broken, or whose store is away, does not keep the others from being checked;
 * each store is opened once (session.h).
 */
#ifndef PGKEEP_BACKUP_VERIFY_ALL_H
#define PGKEEP_BACKUP_VERIFY_ALL_H

#include "catalog/artifact_find.h"
#include "copy/verify.h"

struct verify_all_spec {
    struct session *session;     /* of verify_all_session */
    const struct strlist *names; /* artifacts as somebody typed them; empty: by filter */
    const char *job;             /* filter; NULL: all */
    /* of the job, only the artifact that was longest unverified at this level */
    bool longest;
    int64_t run; /* the pending row that this run answers; 0: none */
    /* database, type, before and store: filter, and narrow what a name may mean; no text */
    struct catalog_choice among;
    enum catalog_level level;
    /* Told of each copy when it was checked; borrowed. */
    void (*checked)(void *context, const struct catalog_artifact *artifact,
                    const struct catalog_copy *copy,
                    const struct catalog_verification *verification);
    void *context;
};
struct verify_all_result {
    size_t checked, good, undecided; /* copies; the rest are missing or damaged */
};

/* The run: it is recorded, and the verifications with it; of `longest` it is one of the job, which
 * has one at a time. Settings, cancel and observer are the caller's to add. */
struct session_spec verify_all_session(const struct verify_all_spec *spec);
/* 0 with whatever was found; by filter that may be nothing (checked 0). -1: ERR_NOT_FOUND for a
 * name that nobody knows or that has no copy to check (a typo must not read as "it is good"), ERR_CONFIG for an unknown job or store; what ends a run;
 * *result then has what came before. */
int verify_all(const struct verify_all_spec *spec, struct verify_all_result *result,
               struct err *err) MUST_USE;
/* Broken weighs more than unknown: 6 says that something must be done, 5 that one can ask
 * again. */
enum outcome verify_all_outcome(const struct verify_all_result *result, struct err *why);

#endif
