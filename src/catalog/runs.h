/*
 * runs - what pgkeep did when: backups, prunes, sweeps, verifications.
 *
 *     catalog_run_begin -> catalog_run_end
 */
#ifndef PGKEEP_CATALOG_RUNS_H
#define PGKEEP_CATALOG_RUNS_H

#include "base/owner.h"
#include "catalog/db/catalog.h"

struct catalog_run {
    int64_t id;
    char *kind; /* the command: "backup" "prune" "delete" "sweep" "verify" "copy" … */
    char *job;  /* NULL: none in particular */
    int64_t started, ended; /* ended 0: running, or its process died: owner_state */
    char *owner;
    int64_t exit_status;          /* -1: none yet */
    char *message;                /* the error, or a summary; NULL: none */
    enum owner_state owner_state; /* read: of one without end, now; else OWNER_DEAD */
};
struct catalog_runs {
    struct catalog_run *items;
    size_t count, capacity;
};
void catalog_runs_release(struct catalog_runs *runs);

/* Our process runs it. job may be NULL. */
int catalog_run_begin(struct catalog *catalog, const char *kind, const char *job,
                      int64_t *id, struct err *err) MUST_USE;
/* message may be NULL. Ends once: a second end is ERR_UNSAFE. */
int catalog_run_end(struct catalog *catalog, int64_t id, int exit_status,
                    const char *message, struct err *err) MUST_USE;
struct catalog_run_filter {
    const char *kind, *job; /* NULL: any */
    int64_t limit;          /* 0: all */
};
/* Newest first. */
int catalog_runs_list(struct catalog *catalog, const struct catalog_run_filter *filter,
                      struct catalog_runs *out, struct err *err) MUST_USE;
/* How long runs and verifications are kept (as tombstones are, deletions.h). */
#define CATALOG_HISTORY_S (INT64_C(400) * 86400)
/* Removes those that ended before, and to which no copy and no verification refers. */
int catalog_runs_purge(struct catalog *catalog, int64_t before, struct err *err) MUST_USE;

#endif
