/*
 * teller - what `serve` does so that changes are told (notify/): looks at all jobs when a run has ended
 * and when one may have become stale, and starts an errand when a message is due. Trouble of it is a
 * warning, never serve's. One thread.
 */
#ifndef PGKEEP_SERVE_TELLER_H
#define PGKEEP_SERVE_TELLER_H

#include "notify/errand.h"

struct teller {
    struct errand *errand; /* under way; NULL: none */
    int64_t next;          /* wall clock: when to look again; 0: at once */
    int64_t looked_ms;     /* monotonic */
};

/* ended: a run has ended since the last time. When to be called again: wall clock, INT64_MAX. */
int64_t teller_look(struct teller *teller, const struct settings *settings,
                    struct catalog *catalog, bool ended);
/* Readable once the errand is over; -1: there is none. */
int teller_fd(const struct teller *teller);
/* The last look; what is due goes on alone. */
void teller_release(struct teller *teller, const struct settings *settings,
                    struct catalog *catalog);

#endif
