/*
 * catalog - the SQLite index of artifacts and their copies, of runs, and of intentions
 * (uploads and deletions under way). It is an index: the manifests in the stores are the
 * truth, and `pgkeep catalog rebuild` makes it anew from them.
 *
 *     catalog_open
 *     -> artifacts.h, artifact_list.h, copies.h, deletions.h, verifications.h, leases.h,
 *        runs.h, stores.h
 *     -> catalog_close
 *
 * All SQL lives in this folder; README.md shows the schema. Several processes may use one
 * catalog at once: WAL, every change is one short BEGIN IMMEDIATE transaction on disk
 * (synchronous=FULL) when the function returns 0. Who finds it locked waits up to 30 s, or
 * up to 1 s once cancelled (what was cancelled still wants to write that down); then
 * ERR_BUSY or ERR_CANCELLED.
 *
 * Threads: a handle belongs to one thread at a time; open one per thread, the first one
 * before the threads. After fork() a child must open its own and must not close its
 * parent's. Nothing else may open and close the file: that would drop SQLite's locks.
 *
 * Errors: ERR_SYSTEM (disk full, no rights), ERR_BUSY, ERR_CANCELLED, ERR_CORRUPT (with the
 * way out as a hint), ERR_NOT_FOUND (no such row), ERR_UNSAFE (a move that the tables below
 * forbid, because another process was there first). A function that failed changed nothing.
 *
 * Times are seconds UTC, 0: none. Texts are bytes: names that are no UTF-8 come back as
 * they went in. Lists are appended to and released by the caller, also after an error.
 *
 * ---- artifact: one backup of one database ----
 *
 *     running    being dumped by its owner; nothing of it is visible in a store
 *     complete   at least one copy was committed; its manifest says what it is
 *     failed     the dump or too many stores failed; no manifest anywhere
 *     cancelled  the same, because the user asked for it
 *     deleted    its last copy is gone; the row stays for a while (tombstone)
 *
 *     from       to
 *     ---------  ----------------------------
 *     running    complete  failed  cancelled
 *     complete   deleted
 *     failed     deleted
 *     cancelled  deleted
 *     deleted    complete                      (an import finds one more copy of it)
 *
 * ---- copy: an artifact in one store ----
 *
 *     uploading  data and index may lie there in part or whole, or an upload is open; no
 *                manifest, or one written a moment before a crash: then everything it
 *                names is there
 *     complete   manifest, index and data are there
 *     failed     gave up; no manifest; when `begun` is still set, remains of the upload may
 *                lie there
 *     missing    verify found the manifest or the data absent
 *     damaged    verify found other bytes than the manifest says
 *     deleting   decided: it goes. The manifest goes first, so what is left is no backup
 *                any more
 *     locked     the same; the store refuses until locked_until (object lock; 0: a legal
 *                hold)
 *     blocked    the same; the store refuses for another reason: a person must look
 *     deleted    nothing of it is left; the row stays for a while (tombstone)
 *
 *     from       to
 *     ---------  ---------------------------------------
 *     uploading  complete  failed  deleting             (deleting: its owner is dead)
 *     complete   missing  damaged  deleting
 *     missing    complete  damaged  uploading  deleting
 *     damaged    complete  missing  uploading  deleting
 *     failed     uploading  deleting  deleted           (deleted: nothing was ever begun)
 *     deleting   deleted  locked  blocked
 *     locked     deleting                               (a new try, when it is due)
 *     blocked    deleting
 *     deleted    uploading                              (`pgkeep copy` brings it back)
 *
 * Every move has one function; it names the states it starts from in the WHERE of its
 * UPDATE, so that two processes cannot both make it, and a trigger in the file, made from
 * the same tables in states.c, refuses all others.
 */
#ifndef PGKEEP_CATALOG_DB_CATALOG_H
#define PGKEEP_CATALOG_DB_CATALOG_H

#include "base/cancel.h"

struct catalog;

enum catalog_status {
    CATALOG_RUNNING,
    CATALOG_COMPLETE,
    CATALOG_FAILED,
    CATALOG_CANCELLED,
    CATALOG_DELETED,
    CATALOG_STATUSES
};

enum catalog_copy_state {
    CATALOG_COPY_UPLOADING,
    CATALOG_COPY_COMPLETE,
    CATALOG_COPY_FAILED,
    CATALOG_COPY_MISSING,
    CATALOG_COPY_DAMAGED,
    CATALOG_COPY_DELETING,
    CATALOG_COPY_LOCKED,
    CATALOG_COPY_BLOCKED,
    CATALOG_COPY_DELETED,
    CATALOG_COPY_STATES
};

/* The words above. From a name: false when it is none. */
const char *catalog_status_name(enum catalog_status status);
bool catalog_status_from_name(const char *name, enum catalog_status *out);
const char *catalog_copy_state_name(enum catalog_copy_state state);

/* Does the table above allow it? Staying in a status is no move: false. */
bool catalog_status_move_allowed(enum catalog_status from, enum catalog_status to);

enum catalog_mode {
    CATALOG_READ,  /* must exist (else ERR_NOT_FOUND); nothing can be written */
    CATALOG_WRITE, /* must exist */
    CATALOG_CREATE /* is made when absent: file 0600, folders 0700 */
};

/* CATALOG_READ of a file that may not be written (a read-only medium, somebody else's): makes no
 * file beside it, and refuses one of an older schema (ERR_SYSTEM).
 * Brings an older schema up to date, in one transaction, in every mode. A file of a newer
 * pgkeep, of another program or no SQLite file is refused and left as it is (ERR_SYSTEM,
 * ERR_CORRUPT). */
struct catalog *catalog_open(const char *path, enum catalog_mode mode,
                             struct err *err) MUST_USE;
void catalog_close(struct catalog *catalog); /* NULL-safe; rolls back what is open */
const char *catalog_path(const struct catalog *catalog);
/* What ends its waits for another writer from now on (borrowed); else it is the root. */
void catalog_set_cancel(struct catalog *catalog, const struct cancel *cancel);

/* Reads the whole file: structure, foreign keys. ERR_CORRUPT. Before a prune and by doctor. */
int catalog_check(struct catalog *catalog, struct err *err) MUST_USE;

/* Puts the content of the catalog file `with` in the place of the one at `path`, and keeps
 * what was there as the file `kept`, which must not exist yet. What is at `path` is
 * overwritten in one transaction of SQLite, so that whoever has it open sees the new rows
 * and nobody a part of them; what cannot be read as a catalog is moved to `kept` instead.
 * Nothing there: *absent, and nothing is kept but a log (PATH-wal) that lost its file.
 * `with` is closed, and gone afterwards. After an error `path` is as it was. */
int catalog_replace(const char *path, const char *with, const char *kept, bool *absent,
                    struct err *err) MUST_USE;
/* Removes a catalog file and what SQLite keeps beside it; absent is success. */
int catalog_remove_file(const char *path, struct err *err) MUST_USE;

/* Several calls as one transaction (BEGIN IMMEDIATE: no other writer comes between; what
 * was read inside is still so at the commit). Keep it short: no network, no waiting. They
 * do not nest; each function of this folder is a transaction of its own when none is open.
 * After a failed call inside, the transaction is still open and without that call's
 * changes. */
int catalog_begin(struct catalog *catalog, struct err *err) MUST_USE;
/* When it fails, all of it was rolled back. */
int catalog_commit(struct catalog *catalog, struct err *err) MUST_USE;
void catalog_rollback(struct catalog *catalog); /* nothing open: no-op */

#endif
