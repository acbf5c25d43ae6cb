/*
 * verifications - the history of checks of each copy, and what a check does to the copy's
 * state.
 */
#ifndef PGKEEP_CATALOG_VERIFICATIONS_H
#define PGKEEP_CATALOG_VERIFICATIONS_H

#include "catalog/copies.h"

enum catalog_result {
    CATALOG_GOOD,          /* missing | damaged -> complete; complete stays; see below */
    CATALOG_FOUND_MISSING, /* complete | damaged -> missing */
    CATALOG_FOUND_DAMAGED, /* complete | missing -> damaged */
    CATALOG_UNDECIDED      /* could not be checked (store away): the state stays */
};
/* "good" "missing" "damaged" "undecided" */
const char *catalog_result_name(enum catalog_result result);

struct catalog_verification {
    int64_t id;
    int64_t copy;
    char *store;  /* its name; read only */
    int64_t run;  /* of runs.h; 0: none */
    int64_t time; /* when it ended */
    enum catalog_level level;
    enum catalog_result result;
    char *message; /* what was wrong; NULL: nothing */
    int64_t duration_ms;
    uint64_t bytes; /* read */
    char *report; /* of a drill: what was compared, JSON (drill/report.h); NULL: nothing */
    /* Written only: what is in it was held against what should be (`drill_checks`), so a good drill
     * clears `suspect`. */
    bool sense;
};
struct catalog_verifications {
    struct catalog_verification *items;
    size_t count, capacity;
};
void catalog_verifications_release(struct catalog_verifications *verifications);

/* A good check heals a copy only when it looks as closely as the one that found the damage:
 * after a full check found it damaged, a quick one that is content goes into the history
 * and changes nothing (new bytes, catalog_copy_complete, end that).
 *
 * Adds it to the history and, in the same transaction, updates the copy: state, verified*,
 * proven* (a good check of level full or drill proves it; being found missing or damaged
 * unproves it). A good drill that asked for sense clears `suspect` of the artifact, nothing else here does.
 * ERR_UNSAFE when the copy is neither complete, missing nor damaged any more. Gives id. */
int catalog_verification_add(struct catalog *catalog,
                             struct catalog_verification *verification,
                             struct err *err) MUST_USE;
/* All of an artifact's copies, newest first. limit 0: all. */
int catalog_verifications_of(struct catalog *catalog, const char *artifact, int64_t limit,
                             struct catalog_verifications *out, struct err *err) MUST_USE;
/* The complete artifact of a job whose bytes nobody looked at for the longest time, at this level or
 * a closer one: since its last check, whatever that found (or could not), of the copy that was
 * checked least lately; since it was made where there was none. `id` "": the job has none with a
 * copy to check. Of equal ones the oldest. */
int catalog_verification_longest(struct catalog *catalog, const char *job,
                                 enum catalog_level level, char id[ULID_SIZE],
                                 struct err *err) MUST_USE;
/* When a drill of it ended last, whatever it found; 0: never. */
int catalog_verification_drilled(struct catalog *catalog, const char *artifact,
                                 int64_t *time, struct err *err) MUST_USE;
/* When a backup of a database of a job last stood a drill. */
struct catalog_drill {
    char *job, *database;
    int64_t time;
};
struct catalog_drills {
    struct catalog_drill *items;
    size_t count, capacity;
};
void catalog_drills_release(struct catalog_drills *drills);
int catalog_drills_last(struct catalog *catalog, struct catalog_drills *out,
                        struct err *err) MUST_USE;
/* Forgets those made before, but for the newest of each copy. */
int catalog_verifications_purge(struct catalog *catalog, int64_t before,
                                struct err *err) MUST_USE;

#endif
