/*
 * repository_object - the four things that most operations do with an artifact's objects in a
 * store: read its manifest, ask for an object, remove one, abort what was never finished.
 *
 * They work on the bare store: who it is was made sure of by repository.h. Any thread.
 */
#ifndef PGKEEP_REPOSITORY_REPOSITORY_OBJECT_H
#define PGKEEP_REPOSITORY_REPOSITORY_OBJECT_H

#include "repository/manifest.h"
#include "store/store.h"

/* The commit mark of a copy, as it lies there and as it is read. */
struct repository_manifest {
    bool absent; /* there is none; the rest is empty then */
    struct text text;
    struct manifest manifest;
};
/* ERR_CORRUPT names the key, when it is damaged or another artifact's. Release *out always. */
int repository_read_manifest(struct store *store, const char *id,
                             struct repository_manifest *out, struct err *err) MUST_USE;
/* The same where it must be there: else ERR_NOT_FOUND. */
int repository_require_manifest(struct store *store, const char *id,
                                struct repository_manifest *out, struct err *err) MUST_USE;
void repository_manifest_release(struct repository_manifest *manifest);

/* *size (may be NULL): its bytes, 0 when it is not there. */
int repository_object_exists(struct store *store, const char *key, bool *exists,
                             uint64_t *size, struct err *err) MUST_USE;
int repository_manifest_exists(struct store *store, const char *id, bool *exists,
                               struct err *err) MUST_USE;

/* Gone afterwards, with all its versions; key NULL: nothing to do. ERR_STORE when the store
 * keeps it (a lock, a refusal), with its words. */
int repository_remove_object(struct store *store, const char *key,
                             struct err *err) MUST_USE;

/* Every unfinished upload of this artifact but `keep` (a handle; NULL: none): one that was
 * begun in the moment before a crash has a handle that nobody knows. A bucket is asked for the
 * very key, which is all that MinIO answers to; a folder has temp files beside the data and
 * beside the manifest. */
int repository_abort_unfinished(struct store *store, const char *id, const char *key,
                                const char *keep, struct err *err) MUST_USE;

#endif
