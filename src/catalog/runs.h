/*
 * runs - what pgkeep did when: backups, prunes, sweeps, verifications; and the highest time
 * seen.
 *
 *     catalog_run_begin -> catalog_run_end
 */
#ifndef PGKEEP_CATALOG_RUNS_H
#define PGKEEP_CATALOG_RUNS_H

#include "base/owner.h"
#include "catalog/catalog.h"

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
/* Newest first. kind NULL, job NULL, limit 0: all. */
int catalog_runs_list(struct catalog *catalog, const char *kind, const char *job,
                      int64_t limit, struct catalog_runs *out, struct err *err) MUST_USE;
/* Removes those that ended before, and to which no copy and no verification refers. */
int catalog_runs_purge(struct catalog *catalog, int64_t before, struct err *err) MUST_USE;

/* The highest wall-clock time any run saw (guard G4); 0: none yet. It only grows. */
int catalog_time_highest(struct catalog *catalog, int64_t *highest,
                         struct err *err) MUST_USE;
int catalog_time_seen(struct catalog *catalog, int64_t now, struct err *err) MUST_USE;
/* The user says that the clock was wrong: sets it, also back. */
int catalog_time_reset(struct catalog *catalog, int64_t now, struct err *err) MUST_USE;

/* Small facts by name ("sync/<uuid>" …); *value heap, NULL when absent. Keys of the
 * catalog's own begin with "catalog."; a value NULL removes it. */
int catalog_setting_get(struct catalog *catalog, const char *key, char **value,
                        struct err *err) MUST_USE;
int catalog_setting_set(struct catalog *catalog, const char *key, const char *value,
                        struct err *err) MUST_USE;

#endif
