/*
 * world - all that an operation of pgkeep needs, for tests of operations: a configuration, a
 * catalog, stores in memory that fail as told, a server and pg_dump, psql, pg_restore that
 * are none. Backups in it are really taken.
 *
 *     world_begin -> world_backup, world_copy, world_verify … -> world_end
 *
 * All calls into operations are in here (world.c, world_run.c), so that tests say what they
 * claim and nothing of how an operation is called today. What cannot fail in a test that is
 * right ends it with a line that says why. A folder of the test's own ("@" in the texts of its
 * configuration) goes with the program (scratch.h).
 *
 * Without more words there are the source "shop" (database "shop"), the stores "nas" (a
 * folder), "offsite" (a bucket) and "third" (a folder), all in memory with parts of 1000 bytes,
 * and the job "nightly" of shop into nas and offsite, not compressed.
 */
#ifndef PGKEEP_TESTS_WORLD_H
#define PGKEEP_TESTS_WORLD_H

#include "backup/backup.h"
#include "backup/copy_artifact.h"
#include "backup/restore.h"
#include "backup/verify_all.h"
#include "catalog/verifications.h"
#include "copy/copy_reader.h"
#include "copy/recover.h"
#include "repository/keys.h"
#include "session/lock.h"
#include "tests/support/catalogs.h"
#include "tests/support/fake_libpq.h"
#include "tests/support/memory_store.h"

/* Texts that are put into the configuration; NULL: nothing. */
struct world_spec {
    const char *top;    /* before the sections; policies too */
    const char *source; /* into source shop */
    const char *stores; /* more of them */
    /* into job nightly; with `stores` in it the job has those */
    const char *job;
    const char *jobs; /* more of them */
    /* of the command line behind "backup"; at most six, NULL behind the last */
    const char *words[8];
};

struct world {
    struct catalogs catalogs; /* the folder, too */
    struct catalog *catalog;
    struct settings settings;
    struct strlist kept; /* texts that were handed out */
    /* Told of a backup or a restore: "begin shop" "phase dump" "end" "done shop" … */
    struct strlist told;
    /* Called at each phase while it is under way; may be NULL. */
    void (*on_phase)(struct world *world, const char *phase);

    /* Of the last call that can fail; of no kind when it did not. */
    struct err err;
    struct backup_results backups;       /* world_backup */
    struct copy_artifact_result copied;  /* world_copy */
    struct catalog_verification checked; /* world_verify, */
    struct err why;                      /* with its reason */
    struct catalog_artifact artifact;    /* world_load, world_open */
    char *store, *database;              /* world_restore, world_export */
    int exit_status;                     /* of the last run, as it is recorded */
    struct session *reading;             /* of the reader of world_open */
    struct session *restoring;           /* of world_restore, while it is under way */
};

void world_begin(struct world *world, const struct world_spec *spec); /* NULL: as it is */
void world_end(struct world *world);

/* ---- what there is ---- */

struct store *world_store(struct world *world, const char *name);
/* "@/x" with the folder; valid until world_end. */
const char *world_path(struct world *world, const char *path);
/* What the programs do, in the words of fake_pg_dump; program NULL: all of them. */
void world_programs(const char *program, const char *words);
/* As if a signal had come: all further work of this process is cancelled. */
void world_cancel(struct world *world);

/* ---- what is done; 0 or -1 with world->err ---- */

int world_backup(struct world *world, const char *job);
/* Somebody else is at this job. To be released. */
struct lock *world_lock(struct world *world, const char *job);
/* The id of the last result of world_backup; "" when it never had one. */
const char *world_id(const struct world *world);
/* world_backup of nightly, which ends well in each of its stores: the id. */
const char *world_take(struct world *world);
int world_copy(struct world *world, const char *id, const char *from, const char *to);
int world_verify(struct world *world, const char *id, const char *store,
                 enum catalog_level level);
/* Many, as `verify` does: of these names, else by job and store (NULL: all). */
struct world_verify_all {
    const char *names[4]; /* NULL behind the last */
    const char *job, *store;
    enum catalog_level level;
};
int world_verify_all(struct world *world, const struct world_verify_all *what,
                     struct verify_all_result *result);
/* from and artifact of the spec are filled in here but for from.store. */
int world_restore(struct world *world, const char *id, const struct restore_spec *spec);
struct world_export {
    const char *store; /* NULL: any */
    enum copy_reader_form form;
    const char *output; /* NULL: into the descriptor */
    int fd;
    bool force;
};
int world_export(struct world *world, const char *id, const struct world_export *spec);
/* A reader of the artifact, which is loaded; NULL: world->err. settings, catalog, artifact and
 * purpose of the spec are filled in here. */
struct copy_reader *world_open(struct world *world, const char *id,
                               const struct copy_reader_spec *spec);
/* All bytes of it, and closes it. */
int world_read(struct world *world, struct copy_reader *reader, enum copy_reader_form form,
               struct text *out);
/* What a sweep does first; what a backup does first. */
int world_recover_store(struct world *world, const char *store, bool thorough,
                        struct recover_counts *counts);
void world_recover_job(struct world *world, const char *job);

/* Does it in a child process, which has a catalog handle of its own. True: it was killed (by
 * memory_store_kill), what it had is left. *result (may be NULL) of one that came to its end. */
bool world_killed(struct world *world, int (*act)(struct world *world), int *result);

/* ---- what came of it ---- */

/* With copies and tables, into world->artifact. */
struct catalog_artifact *world_load(struct world *world, const char *id);
enum catalog_status world_status(struct world *world, const char *id);
/* CATALOG_COPY_STATES: there is no such copy. */
/* The copy there, of world->artifact; NULL: there is none. */
const struct catalog_copy *world_copy_row(struct world *world, const char *id,
                                          const char *store);
enum catalog_copy_state world_state(struct world *world, const char *id, const char *store);
/* That state, said by its name when it is not; and the store holds all or nothing of it as
 * the state says. */
void world_assert_state(struct world *world, const char *id, const char *store,
                        enum catalog_copy_state wanted);
/* The key of the artifact's object of this kind; valid until world_end. */
const char *world_key(struct world *world, const char *id, enum keys_kind kind);
bool world_has(struct world *world, const char *id, const char *store, enum keys_kind kind);
/* A number out of the catalog; a statement on it with the triggers off. */
int64_t world_number(struct world *world, const char *sql);
void world_sql(struct world *world, const char *sql);
/* The processes that now own something have ended, or are another machine's. */
void world_owners_died(struct world *world);
void world_owners_are_elsewhere(struct world *world);

/* What is so at every moment, whatever failed or was killed: a manifest names what is there,
 * whole; what lies in a store has a row that accounts for it; a row says no more than what
 * lies there; no lease without its reader. */
void world_assert_honest(struct world *world);
/* … and nothing is under way or left over. */
void world_assert_settled(struct world *world);

#endif
