/*
 * metadata - fetches and reads the manifests and state files of many artifacts, several at a
 * time, in batches that bound the memory.
 *
 * One file that is damaged, refused or gone is not the end: it is told with its artifact. A
 * store that does not answer is.
 */
#ifndef PGKEEP_REPOSITORY_METADATA_H
#define PGKEEP_REPOSITORY_METADATA_H

#include "repository/manifest.h"
#include "repository/state_file.h"
#include "repository/repository.h"

enum { METADATA_THREADS = 16, METADATA_BATCH = 256 };

struct metadata_want {
    char id[ULID_SIZE];
    bool manifest, state; /* which of the two */
    int64_t modified;     /* of the manifest object, for the taker */
};
struct metadata_wants {
    struct metadata_want *items;
    size_t count, capacity;
};
void metadata_wants_add(struct metadata_wants *wants, const struct metadata_want *want);
void metadata_wants_release(struct metadata_wants *wants);

struct metadata_item {
    const struct metadata_want *want;
    bool has_manifest, has_state; /* was there and could be read */
    struct manifest manifest;
    struct state_file state;
    struct err problem; /* of a file that was there and could not be read; names its key */
};
/* Takes one batch, in the order of the wants, on the caller's thread; the items are
 * released afterwards. -1 ends the whole. */
typedef int (*metadata_take)(void *context, struct metadata_item *items, size_t count,
                             struct err *err);

int metadata_run(struct repository *repository, const struct metadata_wants *wants,
                 metadata_take take, void *context, struct err *err) MUST_USE;

#endif
