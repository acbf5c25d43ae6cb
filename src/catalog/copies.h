/*
 * copies - the rows of copies: an artifact in one store. States and moves: catalog.h.
 *
 *     catalog_copy_insert (uploading)
 *     -> catalog_copy_begun (before the first byte goes out)
 *     -> catalog_copy_complete (after its manifest was written) or catalog_copy_fail
 *
 * Verification is verifications.h, deletion deletions.h, leases leases.h. A copy is named
 * by its `id`. Moves of copies whose state is another by now are ERR_UNSAFE and change
 * nothing.
 */
#ifndef PGKEEP_CATALOG_COPIES_H
#define PGKEEP_CATALOG_COPIES_H

#include "base/owner.h"
#include "base/ulid.h"
#include "catalog/db/catalog.h"

enum catalog_level { CATALOG_LEVEL_NONE, CATALOG_QUICK, CATALOG_FULL, CATALOG_DRILL };
/* "none" "quick" "full" "drill" */
const char *catalog_level_name(enum catalog_level level);

/* What has been removed physically, in this order. */
enum catalog_gone {
    CATALOG_GONE_MANIFEST = 1,
    CATALOG_GONE_INDEX = 2,
    CATALOG_GONE_DATA = 4,
    CATALOG_GONE_STATE = 8
};

struct catalog_copy {
    int64_t id;
    char artifact[ULID_SIZE];
    int64_t store_id;
    char *store;           /* its name; read only */
    char *key, *index_key; /* relative to the store; index_key NULL: none */
    enum catalog_copy_state state;
    bool begun;     /* an upload was begun, its remains may lie in the store */
    uint64_t bytes; /* of the data object */
    char *upload;   /* handle of the open upload; NULL: none */
    char *owner;    /* who uploads */
    char *etag, *version;
    int64_t created, updated, completed; /* of the row; when it became complete */
    char *error; /* why it failed, or the last trouble with removing it */

    int64_t verified;     /* last check, good or bad; 0: never */
    char *verified_error; /* NULL: it was good */
    int64_t proven; /* last good check of level full or drill since it was last broken */
    enum catalog_level verified_level, proven_level;
    /* when a plan first wanted it gone (delete_grace); 0: none does */
    int64_t first_marked;

    int64_t delete_run; /* of runs.h; 0: none */
    char *delete_reason;
    int64_t marked; /* since when it is on its way out */
    int64_t attempts;
    int64_t next_try;     /* 0: at once */
    int64_t locked_until; /* state locked; 0: a legal hold */
    unsigned gone;        /* enum catalog_gone */
    int64_t deleted;
    enum owner_state owner_state; /* read: of one that is uploading, now; else OWNER_DEAD */
};
void catalog_copy_release(struct catalog_copy *copy);

struct catalog_copies {
    struct catalog_copy *items;
    size_t count, capacity;
};
void catalog_copies_release(struct catalog_copies *copies);

/* A new row, uploading, owned by our process: artifact, store_id, key, index_key. Gives id.
 * ERR_UNSAFE when its artifact is neither running nor complete; the same holds for complete
 * and reopen. */
int catalog_copy_insert(struct catalog *catalog, struct catalog_copy *copy,
                        struct err *err) MUST_USE;
/* Before the first byte goes out: from now on something may lie in the store. handle NULL:
 * a plain PUT. */
int catalog_copy_begun(struct catalog *catalog, int64_t id, const char *handle,
                       struct err *err) MUST_USE;
/* uploading | missing | damaged -> complete, after its manifest was written: bytes, etag,
 * version (may be NULL). Clears handle, owner, and what checks said about older bytes. */
int catalog_copy_complete(struct catalog *catalog, const struct catalog_copy *copy,
                          struct err *err) MUST_USE;
/* uploading -> failed. clean: the upload was undone, nothing is left there. Of one that is
 * failed already: its remains have been removed since (clean). */
int catalog_copy_fail(struct catalog *catalog, int64_t id, const char *error, bool clean,
                      struct err *err) MUST_USE;
/* failed | missing | damaged | deleted -> uploading, now ours, for `pgkeep copy`; also an
 * uploading one whose owner is dead: its handle stays, to be resumed. */
int catalog_copy_reopen(struct catalog *catalog, int64_t id, struct err *err) MUST_USE;

/* From a manifest (rebuild, sync): complete, with bytes, etag, version, key, index_key,
 * first_marked and what is known of verifications. A row that is there stays as it is:
 * *existed, and copy->id and state tell. A new one makes a deleted artifact complete again. */
int catalog_copy_import(struct catalog *catalog, struct catalog_copy *copy, bool *existed,
                        struct err *err) MUST_USE;

/* What another machine found out about a complete copy (state_file_merge): verified*,
 * proven* and first_marked of `from`, as they are. changed: when that was decided; the row is as
 * late as that from now on. ERR_UNSAFE when it is not complete. */
int catalog_copy_merge_checks(struct catalog *catalog, const struct catalog_copy *from,
                              int64_t changed, struct err *err) MUST_USE;

/* When a plan first wanted it gone: sets it where it is not set; 0 clears. Complete copies
 * only. */
int catalog_copy_set_first_marked(struct catalog *catalog, int64_t id, int64_t time,
                                  struct err *err) MUST_USE;

/* One by id (ERR_NOT_FOUND); of an artifact, by name of the store; appended to `out`. */
int catalog_copy_load(struct catalog *catalog, int64_t id, struct catalog_copy *out,
                      struct err *err) MUST_USE;
int catalog_copies_of(struct catalog *catalog, const char *artifact,
                      struct catalog_copies *out, struct err *err) MUST_USE;
/* The copy in that store; out->id is 0 when there is none. */
int catalog_copy_find(struct catalog *catalog, const char *artifact, int64_t store_id,
                      struct catalog_copy *out, struct err *err) MUST_USE;

/* Which ones. Zero: all but the deleted. */
struct catalog_copy_filter {
    int64_t store_id; /* 0: all */
    const char *job;  /* NULL: all */
    unsigned states;  /* bits 1u << enum catalog_copy_state; 0: all but deleted */
};
/* By store, then id of the artifact. */
int catalog_copies_list(struct catalog *catalog, const struct catalog_copy_filter *filter,
                        struct catalog_copies *out, struct err *err) MUST_USE;
/* The row of this artifact in the list of one store; NULL: none. */
const struct catalog_copy *catalog_copies_find(const struct catalog_copies *copies,
                                               const char *artifact);
/* uploading, or failed with remains, and no owner that is alive; those of unknown owners
 * come too (owner_state says so). store_id 0: all. */
int catalog_copies_abandoned(struct catalog *catalog, int64_t store_id,
                             struct catalog_copies *out, struct err *err) MUST_USE;

#endif
