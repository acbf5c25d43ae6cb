/*
 * catalogs - a catalog in a folder of its own, and short ways to fill it.
 *
 *     catalogs_begin -> catalogs_store, catalogs_artifact, catalogs_copy … -> catalogs_end
 *
 * Whatever fails here ends the test program with a line that says why.
 */
#ifndef PGKEEP_TESTS_CATALOGS_H
#define PGKEEP_TESTS_CATALOGS_H

#include "base/err.h"
#include "tests/support/scratch.h"

struct catalog;
struct catalog_artifact;

struct catalogs {
    char folder[SCRATCH_SIZE];
    char path[SCRATCH_SIZE + 16];
    struct catalog *catalog;
};

void catalogs_begin(struct catalogs *catalogs);
void catalogs_end(struct catalogs *catalogs); /* closes, removes the folder */
/* One more handle on the same file. */
struct catalog *catalogs_open(const struct catalogs *catalogs) MUST_USE;

/* A store of this name; its id. */
int64_t catalogs_store(struct catalog *catalog, const char *name);
/* A running artifact of job "nightly", database "shop", type "full", taken at `time`, with
 * the n-th id. */
void catalogs_fill(struct catalog_artifact *artifact, unsigned n, int64_t time);
void catalogs_artifact(struct catalog *catalog, unsigned n, int64_t time);
/* "01JCATALOG…" with n behind it; static buffers, eight in turn. */
const char *catalogs_id(unsigned n);
/* A copy of it in a store, uploading; its id. */
int64_t catalogs_copy(struct catalog *catalog, unsigned n, int64_t store);
/* Both complete: the copy's id. */
int64_t catalogs_complete(struct catalog *catalog, unsigned n, int64_t store, int64_t time);
/* Any statement, by a connection of its own with the triggers off: to make what pgkeep
 * itself does not make. */
void catalogs_sql(const struct catalogs *catalogs, const char *sql);
void catalogs_sqlf(const struct catalogs *catalogs, const char *format, ...) PRINTF(2, 3);
/* One number that a question answers. */
int64_t catalogs_number(const struct catalogs *catalogs, const char *sql);
/* Owners as texts: a process that has ended, one of another machine; static. */
const char *catalogs_dead_owner(void);
const char *catalogs_unknown_owner(void);

#endif
