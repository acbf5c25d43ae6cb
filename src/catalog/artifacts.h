/*
 * artifacts - the rows of artifacts: one backup of one database.
 *
 *     catalog_artifact_init -> fill
 *     -> catalog_artifact_insert (status running, our process is the owner)
 *     -> catalog_artifact_progress … -> catalog_artifact_finish
 *
 * Reading is artifact_list.h. All pointers of a struct catalog_artifact are heap and its
 * own; catalog_artifact_release frees them. job, source, database, type, format and
 * compression are never NULL when read; other texts are NULL where they are unknown.
 */
#ifndef PGKEEP_CATALOG_ARTIFACTS_H
#define PGKEEP_CATALOG_ARTIFACTS_H

#include "base/owner.h"
#include "base/ulid.h"
#include "catalog/db/catalog.h"
#include "catalog/db/pairs.h"
#include "catalog/copies.h"

#define CATALOG_UNKNOWN_ROWS (-1) /* custom format: the rows are not counted */

struct catalog_table {
    char *schema, *name;
    int64_t rows; /* CATALOG_UNKNOWN_ROWS */
    uint64_t raw_bytes;
};

/* How far a running one is. */
struct catalog_progress {
    char *phase; /* "dump", "finish" … any word; borrowed in catalog_artifact_progress */
    uint64_t raw_bytes, stored_bytes;
    uint64_t estimate; /* of raw_bytes; 0: none */
    int64_t updated;   /* set by the catalog */
};

struct catalog_artifact {
    char id[ULID_SIZE];
    /* ascends in the order of insertion; breaks ties of time; 0: insert gives one */
    int64_t seq;
    char *job;               /* "" for none */
    char *source, *database; /* database "": globals */
    char *origin; /* "HOST:PORT" of the server; tells ad-hoc backups apart; "" unknown */
    char *type, *format; /* "full" "schema" "data" "globals"; "plain" "custom" */
    char *compression;   /* "gzip" "zstd" "bzip2" "none" */
    int64_t level;
    enum catalog_status status;
    int64_t time;              /* of the dump's snapshot; until that is known, the start */
    int64_t started, finished; /* finished 0: still running */
    int64_t created, updated;  /* of the row; set by the catalog */
    int64_t duration_ms;
    uint64_t raw_bytes, stored_bytes;
    char *sha256;     /* of the stored object, hex */
    char *raw_sha256; /* of the raw stream, hex */
    char *
        encoding; /* client_encoding of a plain dump, its tables' names too; NULL: not known */
    char *name, *description;
    char *error_code, *error_message; /* err_kind_name and one sentence; NULL: none */
    int64_t tries;
    char *server_version, *pg_dump_version, *pgkeep_version;
    char *hostname;
    struct catalog_progress progress;
    bool pinned;
    int64_t pin_until; /* the pin ends when now reaches it; 0: never */
    char *pin_reason;
    int64_t pin_changed; /* when it was last pinned or unpinned; the later of two wins */
    bool suspect;        /* by the anomaly gate */
    int64_t accepted;    /* when somebody said that it is as it should be; 0: never */
    char *accept_reason;
    bool quarantined; /* was from the future or of unknown time; only the user clears it */
    char *owner;      /* owner_text of the process that takes it */
    /* of `tables`; row_count CATALOG_UNKNOWN_ROWS if any is */
    int64_t table_count, row_count;

    struct catalog_pairs tags, filters;
    /* What is in it and what not, where the dump does not show it (of a Supabase project):
     * "extension" NAME VERSION, "left_out" and "elsewhere" a sentence. */
    struct catalog_pairs contents;
    char filters_hash[CATALOG_FILTERS_HASH_SIZE]; /* of filters; set by insert and import */
    struct catalog_table *tables;                 /* CATALOG_WITH_TABLES */
    size_t tables_count, tables_capacity;
    struct catalog_copy *copies; /* CATALOG_WITH_COPIES; by name of the store */
    size_t copy_count;
    /* read: of a running one, now; OWNER_DEAD for all others */
    enum owner_state owner_state;
};

void catalog_artifact_init(struct catalog_artifact *artifact); /* zero, "" where not NULL */
void catalog_artifact_release(struct catalog_artifact *artifact);
void catalog_artifact_add_table(struct catalog_artifact *artifact, const char *schema,
                                const char *name, int64_t rows, uint64_t raw_bytes);
/* Is the pin in force at `now`? */
bool catalog_artifact_is_pinned(const struct catalog_artifact *artifact, int64_t now);

/* A new row in status running, owned by our process: everything but what finish writes. id
 * must be set and new. Gives seq, created, updated, owner. Put it and its copies into one
 * transaction. */
int catalog_artifact_insert(struct catalog *catalog, struct catalog_artifact *artifact,
                            struct err *err) MUST_USE;

/* Cheap, and never a reason to fail a backup: at most once a second per artifact (a new
 * phase is written at once), not synced, and skipped when the catalog is busy or cannot be
 * written. True when it was written. Not inside a transaction of the caller: skipped. */
bool catalog_artifact_progress(struct catalog *catalog, const char *id,
                               const struct catalog_progress *progress);

/* The end: status complete, failed or cancelled, what has become known since (time, tries,
 * versions, hostname), finished, duration, sizes, hashes, tables, error_*. ERR_UNSAFE when it is no longer running (a recovery took
 * us for dead). */
int catalog_artifact_finish(struct catalog *catalog, struct catalog_artifact *artifact,
                            struct err *err) MUST_USE;

/* Ends a running one whose owner is gone: failed, with this error, finished when it was
 * last heard of. ERR_UNSAFE when its owner lives, or is unknown and the caller does not vouch
 * (because it holds the job's lock) that it is gone. */
int catalog_artifact_abandon(struct catalog *catalog, const char *id, bool vouched,
                             const char *reason, struct err *err) MUST_USE;

/* A failed or cancelled one without copies that are not deleted: deleted. (The others
 * become deleted with their last copy.) ERR_UNSAFE otherwise. */
int catalog_artifact_forget(struct catalog *catalog, const char *id,
                            struct err *err) MUST_USE;

/* From a manifest (rebuild, sync): a complete one, with its own id, seq, times, pins and
 * marks. One that is there already stays as it is: *existed. Later sequences go on behind
 * the highest seq imported. ERR_CORRUPT when the id is none. */
int catalog_artifact_import(struct catalog *catalog, struct catalog_artifact *artifact,
                            bool *existed, struct err *err) MUST_USE;

/* Pins a complete one (another status: ERR_USAGE). What is suspect stays so: a pinned dump of a
 * database that somebody emptied must not become the anchor of its group. reason may be NULL. */
int catalog_artifact_pin(struct catalog *catalog, const char *id, int64_t until,
                         const char *reason, struct err *err) MUST_USE;
/* Retention alone decides again: clears `quarantined`, too. */
int catalog_artifact_unpin(struct catalog *catalog, const char *id,
                           struct err *err) MUST_USE;
/* What a state file in a store says: pinned, pin_until, pin_reason, pin_changed of `from`
 * are taken when its pin_changed is later than ours. *changed may be NULL. */
int catalog_artifact_merge_pin(struct catalog *catalog, const struct catalog_artifact *from,
                               bool *changed, struct err *err) MUST_USE;

/* What a state file says of the marks: suspect, quarantined, accepted and accept_reason of `from`
 * as they are. changed: when they were decided; the row is as late as that from now on. */
int catalog_artifact_merge_marks(struct catalog *catalog,
                                 const struct catalog_artifact *from, int64_t changed,
                                 struct err *err) MUST_USE;

/* What made it suspect is as it should be: clears the mark, and what is normal for its group
 * begins anew with it (artifact_group.h). reason may be NULL. One that is not suspect: ERR_USAGE. */
int catalog_artifact_accept(struct catalog *catalog, const char *id, const char *reason,
                            struct err *err) MUST_USE;
int catalog_artifact_set_suspect(struct catalog *catalog, const char *id, bool suspect,
                                 struct err *err) MUST_USE;
int catalog_artifact_set_quarantined(struct catalog *catalog, const char *id,
                                     bool quarantined, struct err *err) MUST_USE;

#endif
