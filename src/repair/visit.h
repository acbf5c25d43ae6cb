/*
 * visit - from store to store: `catalog sync` and `catalog check` of all of them. One that is
 * away is told and counted, and the others are visited.
 */
#ifndef PGKEEP_REPAIR_VISIT_H
#define PGKEEP_REPAIR_VISIT_H

#include "session/session.h"

struct visit {
    struct session *session;
    const char *only; /* one store, by name or URL; NULL: all */
    /* What is done with each; *doubtful: not all is as it should be. */
    int (*each)(void *context, struct repository *repository, bool *doubtful,
                struct err *err);
    /* One that could not be opened or read. May be NULL. */
    void (*failed)(void *context, const char *name, const struct err *why);
    void *context;

    /* out */
    size_t good, doubtful, missed; /* stores; missed: that somebody misses */
    struct err first;              /* why the first of these failed */
};

/* -1: ERR_CONFIG without any store or for an unknown one; what ends a run. */
int visit_stores(struct visit *visit, struct err *err) MUST_USE;
/* All failed: as the first did. Something is doubtful: a failure of this kind, or ERR_NONE:
 * partial. */
enum outcome visit_outcome(const struct visit *visit, enum err_kind doubtful,
                           struct err *why);

#endif
