/*
 * copy_reader - the bytes of one artifact out of one of its stores, every one checked on the
 * way.
 *
 *     copy_reader_open -> copy_reader_run -> copy_reader_close
 *
 * Opening chooses the copy and takes a lease on it, so that no prune removes it meanwhile.
 * The bytes are hashed as they come; in decoded form each chunk is held back until its own
 * SHA-256 (of the chunk index beside the data) was right, so that a restore is never fed
 * what was not checked. Only when copy_reader_run has returned 0 all of it was the artifact.
 *
 * One thread; the catalog handle is the caller's.
 */
#ifndef PGKEEP_COPY_COPY_READER_H
#define PGKEEP_COPY_COPY_READER_H

#include "session/session.h"
#include "catalog/artifacts.h"
#include "stream/stream.h"

enum copy_reader_form {
    COPY_READER_STORED, /* as it lies in the store */
    COPY_READER_DECODED /* as pg_dump wrote it */
};

/* All borrowed; the artifact with its copies. */
struct copy_reader_spec {
    struct session *session;
    const struct catalog_artifact *artifact;
    /* NULL: any that has a good copy, folders first; else this one, though it was found
     * broken */
    const char *store;
    bool for_url;        /* with store NULL: only buckets, folders have no URLs */
    const char *purpose; /* "being restored" … of the lease */
    bool broken_too;     /* also a copy that is known as missing or damaged (verify) */
    const struct text
        *index; /* its chunk index, checked already (verify); NULL: it is read */
};

struct copy_reader;

/* A store that does not answer is passed over with a warning while there is another.
 * ERR_NOT_FOUND: no copy to read; else the last store's error. */
struct copy_reader *copy_reader_open(const struct copy_reader_spec *spec,
                                     struct err *err) MUST_USE;
const struct catalog_copy *copy_reader_copy(const struct copy_reader *reader);
struct repository *copy_reader_repository(const struct copy_reader *reader);
const struct catalog_artifact *copy_reader_artifact(const struct copy_reader *reader);
/* Gives the sink all bytes in order. The meter (may be NULL) counts raw_bytes (decoded) and
 * stored_bytes. Decoded, a chunk that this copy does not have whole, or that its store does not
 * give, is read from another copy that may be read, with a warning, and so is a chunk index that is
 * not the manifest's; as stored, and without any index, the whole is, as long as no byte was given.
 * copy_reader_copy is the last one then. That its data is damaged or gone is recorded in catalog and store, unless broken_too.
 * ERR_CORRUPT: what came is not what was stored, in no copy; ERR_NOT_FOUND: it is gone. */
int copy_reader_run(struct copy_reader *reader, enum copy_reader_form form,
                    struct stream_sink sink, struct meter *meter, struct err *err) MUST_USE;
/* For who reads parts of the copy himself (chunk_reader): keeps the lease alive; after `why`
 * remembers what was found, and goes over to a copy that did not fail at this chunk (from 1) yet.
 * -1 with `why` when there is none, or another one would not help. One thread at a time. */
#define COPY_READER_INDEX (UINT64_MAX - 1) /* for a chunk: its index cannot be used */
void copy_reader_refresh(struct copy_reader *reader);
int copy_reader_fail_over(struct copy_reader *reader, uint64_t chunk,
                          struct err *why) MUST_USE;
void copy_reader_close(struct copy_reader *reader); /* NULL-safe; ends the lease */

#endif
