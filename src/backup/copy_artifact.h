/*
 * copy_artifact - brings an artifact from one store into another: `pgkeep copy`.
 *
 * The order, by which a copy that is not whole never has its manifest:
 *
 *     lease on the source -> data, hashed on the way -> its SHA-256 is right -> visible
 *     -> chunk index -> manifest -> catalog -> state file
 *
 *     copy in the target    what happens
 *     --------------------  -----------------------------------------------------
 *     none, deleted         a new one
 *     complete              nothing: COPY_ARTIFACT_PRESENT
 *     missing, damaged      replaced, after the source was read to its end once
 *     failed                what is left of it is cleared first
 *     uploading, its        continued where it was; what lay there is read back
 *       process is dead     and held against the source
 *     uploading, else       ERR_BUSY
 *     being deleted         ERR_UNSAFE
 *
 * Of a copy that is replaced the manifest goes first - what lies there is no backup while
 * this goes on - and the old objects when the new bytes are whole.
 *
 * Killed, it leaves `uploading` with the handle of its upload, for the next `copy` or for
 * `sweep`; interrupted or failed, it undoes what it began.
 */
#ifndef PGKEEP_BACKUP_COPY_ARTIFACT_H
#define PGKEEP_BACKUP_COPY_ARTIFACT_H

#include "session/session.h"
#include "base/ulid.h"
#include "stream/meter.h"

struct copy_artifact_spec {
    struct session *session;
    const char *id;        /* full; a complete artifact */
    const char *from, *to; /* repository_name */
};

enum copy_artifact_outcome {
    COPY_ARTIFACT_COPIED,
    COPY_ARTIFACT_RESUMED,
    COPY_ARTIFACT_HEALED,
    COPY_ARTIFACT_PRESENT
};
/* "copied" "resumed" "healed" "present" */
const char *copy_artifact_outcome_name(enum copy_artifact_outcome outcome);

struct copy_artifact_result {
    enum copy_artifact_outcome outcome;
    uint64_t bytes;   /* of the data object */
    uint64_t resumed; /* of these were there already */
};

/* 0: the target has a complete copy. -1: it has not, and what was there before is no worse
 * but for a broken copy, whose remains may be gone. */
int copy_artifact_run(const struct copy_artifact_spec *spec,
                      struct copy_artifact_result *result, struct err *err) MUST_USE;

#endif
