/*
 * fanout - the one stream of stored bytes, into every store at once.
 *
 *     fanout_new -> fanout_add per store -> fanout_start -> fanout_write ... -> fanout_end
 *     -> (the caller commits each upload that is still alive) -> fanout_free
 *
 *     fanout_new_object ... -> the same, with one store that may hold the beginning of the
 *     object already -> (the upload is finished) -> fanout_check_skipped -> fanout_free
 *
 * Bytes are copied once, into fixed part buffers that all uploads share by reference; the
 * part sizes follow the tightest rules of all stores (store/store.h). When every buffer is on its
 * way, fanout_write waits: back-pressure up to the server. An upload that fails for good is
 * dropped with a warning and the others go on, as long as `least` of them are left.
 *
 * Nothing becomes visible in any store here; freeing it undoes every upload that was not
 * finished. One thread.
 */
#ifndef PGKEEP_COPY_FANOUT_H
#define PGKEEP_COPY_FANOUT_H

#include "store/store.h"

#define FANOUT_PARTS_MIN 2
#define FANOUT_PARTS_MAX 16

struct fanout;

/* One store of the job. */
struct fanout_target {
    const char *name; /* of the store; borrowed */
    struct store *store;
    struct store_upload *upload; /* NULL once it was dropped or never began */
    struct err failed;           /* why; ERR_NONE while all is well */
    bool began;                  /* it had an upload */
    bool visible; /* its object may be: finishing was begun; set by commit.c */
    bool undone;  /* dropped, and surely nothing of the upload is left */
};

/* estimate: stored bytes expected, 0 unknown. budget: bytes for part buffers. least: fewer
 * living uploads than this end the stream (>= 1). */
struct fanout *fanout_new(uint64_t estimate, uint64_t budget, size_t least) MUST_USE;
/* What an earlier try left in the upload: so many bytes, and the number of the part that
 * follows them. {0, 1}: nothing. */
struct fanout_there {
    uint64_t bytes;
    unsigned next_part;
};
/* For an object whose size is known, written from its beginning into one target. What is there
 * already is not sent again, only hashed; more or fewer bytes than `size` are ERR_CORRUPT. */
struct fanout *fanout_new_object(uint64_t size, uint64_t budget,
                                 const struct fanout_there *there) MUST_USE;
/* A target, in the order of the job's stores; its name, store and upload are the caller's
 * until here, from now on the fanout frees the upload. upload NULL with failed set: one
 * that is away from the start. */
void fanout_add(struct fanout *fanout, const struct fanout_target *target);
/* Allocates the pool; cancel (NULL: the root) ends the waits for a buffer. */
int fanout_start(struct fanout *fanout, const struct cancel *cancel,
                 struct err *err) MUST_USE;
/* Bytes that the part buffers hold at most, as long as parts keep the size of the first. */
uint64_t fanout_memory(const struct fanout *fanout);
/* A stream_sink (stream/stream.h); context is the fanout. */
int fanout_write(void *context, const void *data, size_t size, struct err *err) MUST_USE;
/* Hands over the last part, which is empty when nothing was written, and waits until
 * every living upload has stored all of its parts. ERR_STORE and friends: too few are left,
 * with the first failure. */
int fanout_end(struct fanout *fanout, struct err *err) MUST_USE;
/* After the upload of an object was finished as this key: what was skipped is read back and
 * must be the bytes of the source, as nobody checked those. ERR_CORRUPT. */
int fanout_check_skipped(const struct fanout *fanout, const char *key,
                         struct err *err) MUST_USE;
uint64_t fanout_bytes(const struct fanout *fanout); /* written so far */
/* The parts of each object, in order; after fanout_end. */
size_t fanout_part_count(const struct fanout *fanout);
uint64_t fanout_part_bytes(const struct fanout *fanout, size_t index);
size_t fanout_alive(const struct fanout *fanout);
size_t fanout_count(const struct fanout *fanout);
struct fanout_target *fanout_target(struct fanout *fanout, size_t index);
/* Takes a failure of one target down, undoes and frees its upload, warns. */
void fanout_drop(struct fanout *fanout, size_t index, const struct err *why);
/* The same for one that did nothing wrong: the whole backup failed. No warning. */
void fanout_undo(struct fanout *fanout, size_t index, const struct err *why);
/* The failure to tell when too few are left: a cancel, else that of the first target that
 * failed. */
int fanout_too_few(const struct fanout *fanout, struct err *err);
void fanout_free(struct fanout *fanout); /* NULL-safe */

#endif
