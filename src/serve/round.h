/*
 * round - one look at all jobs: what is due is asked for in the catalog, and what its processes
 * left open is settled. The decision itself is schedule/due.h's.
 *
 * Two rounds at one moment, of `serve`, of `run --due` or of both, ask for each due time once:
 * reading, deciding and writing are one transaction.
 */
#ifndef PGKEEP_SERVE_ROUND_H
#define PGKEEP_SERVE_ROUND_H

#include "catalog/runs.h"
#include "config/settings.h"

struct round {
    int64_t next; /* when to look again (wall clock); INT64_MAX: when something happens */
    /* What was asked for. */
    int64_t *requested;
    size_t requested_count, requested_capacity;
};
void round_release(struct round *round);

/* `out` is emptied first, but for its memory. */
int round_look(const struct settings *settings, struct catalog *catalog, int64_t now,
               struct round *out, struct err *err) MUST_USE;

#endif
