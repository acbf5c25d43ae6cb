/*
 * artifact_find - which artifact somebody means: an id, a beginning of one, or the latest
 * (PRODUCT section 2, "Choosing an artifact").
 *
 * Nothing is guessed: when what is left of `latest` names more than one database, the answer
 * is an error that lists the choices.
 */
#ifndef PGKEEP_CATALOG_ARTIFACT_FIND_H
#define PGKEEP_CATALOG_ARTIFACT_FIND_H

#include "base/ulid.h"
#include "catalog/db/catalog.h"

/* What somebody wrote, and what narrows it. Texts are borrowed. */
struct catalog_choice {
    /* an id or any unique beginning of one, in either case; "latest", "latest:JOB",
     * "latest:JOB/DATABASE", "latest:/DATABASE". JOB "adhoc": of no job */
    const char *text;
    const char *database; /* NULL: any */
    const char *type;     /* NULL: of `latest` full, of an id any */
    const char *store;    /* `latest`: has a copy there, whole or broken; NULL: wherever */
    int64_t before;       /* taken before; 0: whenever */
    bool any_database;    /* of several databases the one with the newest; else ERR_USAGE */
};

/* The full id. `latest` is the newest complete one without filters of a command line, by time,
 * seq, id; one that is quarantined, whose time cannot be right, only where there is no other.
 * Databases of one name are one when they are of one job that is named, of one source, or on one
 * server. Deleted ones answer
 * to a beginning only where no other does. ERR_NOT_FOUND; ERR_USAGE when it is ambiguous, with
 * the choices in the text, and when an id is not what the rest of the choice says. */
int catalog_artifact_find(struct catalog *catalog, const struct catalog_choice *choice,
                          char id[ULID_SIZE], struct err *err) MUST_USE;
/* The shortest prefix that no other id has, at least 10 characters. */
int catalog_artifact_short(struct catalog *catalog, const char *id, char out[ULID_SIZE],
                           struct err *err) MUST_USE;

#endif
