/*
 * gather - fetches and reads the manifests and state files of many artifacts, several at a
 * time, in batches that bound the memory.
 *
 * One file that is damaged, refused or gone is not the end: it is told with its artifact. A
 * store that does not answer is.
 */
#ifndef PGKEEP_REPOSITORY_METADATA_H
#define PGKEEP_REPOSITORY_METADATA_H

#include "repository/manifest.h"
#include "repository/state_file.h"
#include "store/store.h"

enum { GATHER_THREADS = 16, GATHER_BATCH = 256 };

struct gather_want {
    char id[ULID_SIZE];
    bool manifest, state; /* which of the two */
    int64_t modified;     /* of the manifest object, for the taker */
};
struct gather_wants {
    struct gather_want *items;
    size_t count, capacity;
};
void gather_wants_add(struct gather_wants *wants, const struct gather_want *want);
void gather_wants_release(struct gather_wants *wants);

struct gather_item {
    const struct gather_want *want;
    bool has_manifest, has_state; /* was there and could be read */
    struct manifest manifest;
    struct state_file state;
    struct err problem; /* of a file that was there and could not be read; names its key */
};
/* Takes one batch, in the order of the wants, on the caller's thread; the items are
 * released afterwards. -1 ends the whole. */
typedef int (*gather_take)(void *context, struct gather_item *items, size_t count,
                           struct err *err);

int gather_run(struct store *store, const struct gather_wants *wants, gather_take take,
               void *context, struct err *err) MUST_USE;

#endif
