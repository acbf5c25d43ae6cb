/*
 * drill_all - which backups are drilled, one after the other: those that were named, the newest of
 * each group, or all of them for as long as a budget lasts. One that does not restore does not keep
 * the others from it.
 */
#ifndef PGKEEP_DRILL_DRILL_ALL_H
#define PGKEEP_DRILL_DRILL_ALL_H

#include "catalog/artifact_find.h"
#include "drill/drill.h"

struct drill_all_spec {
    struct session *session;     /* of drill_all_session */
    const struct strlist *names; /* artifacts as somebody typed them; empty: by filter */
    const char *job;             /* filter; NULL: all */
    /* every complete one, the longest undrilled first; else the newest of each job, database and
     * filters */
    bool all;
    int64_t budget_s; /* no drill is begun after it; 0: none */
    /* database, type, before and store: filter, and narrow what a name may mean; no text */
    struct catalog_choice among;
    const char *to, *against; /* as drill.h has them */
    int64_t run;              /* the pending row that this run answers; 0: none */
    /* Told of each one when it is done; borrowed. */
    void (*drilled)(void *context, const struct catalog_artifact *artifact,
                    const struct drill_result *result);
    void *context;
};
struct drill_all_result {
    size_t drilled, good, undecided; /* the rest is damaged or missing */
    size_t other;                    /* of the good ones: differ from the live database */
    size_t left;                     /* not begun, because the budget was used up */
    struct err first;                /* why nothing was decided, of the first such one */
};

/* The run: recorded, of kind "drill". With a job it is one of the job, which has one proof at a time.
 * Settings, cancel and observer are the caller's to add. */
struct session_spec drill_all_session(const struct drill_all_spec *spec);
/* 0 with whatever was found. -1: as verify_all has it; a cancel. */
int drill_all(const struct drill_all_spec *spec, struct drill_all_result *result,
              struct err *err) MUST_USE;
/* CORRUPT where something is damaged or missing, else the reason why nothing was decided, else
 * CORRUPT where a live database differs. */
enum outcome drill_all_outcome(const struct drill_all_result *result, struct err *why);

#endif
