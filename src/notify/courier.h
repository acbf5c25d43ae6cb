/*
 * courier - carries what waits in the outbox to where it belongs: each notifier by a thread of its own,
 * so that one that hangs holds up nobody but itself; its messages one after the other, the oldest first.
 *
 * A message that is not taken is tried again after COURIER_FIRST_S, twice that, … up to COURIER_MOST_S
 * (or as the service asks by Retry-After), and given up, with an error in the log, after
 * COURIER_GIVE_UP_S; a begin of a run after COURIER_START_S, since nobody wants to hear of it later; one
 * that the service refuses for what it is at once. Those behind it wait.
 *
 * Any number of couriers may be under way: a message is claimed before it is sent (db/outbox.h).
 */
#ifndef PGKEEP_NOTIFY_COURIER_H
#define PGKEEP_NOTIFY_COURIER_H

#include "base/cancel.h"
#include "config/settings.h"

#define COURIER_FIRST_S 10
#define COURIER_MOST_S 3600
#define COURIER_GIVE_UP_S 86400
#define COURIER_START_S 900
#define COURIER_TRY_MS 15000 /* of one try, at most */

struct courier_spec {
    const struct settings *settings;
    int64_t limit_ms;      /* of all of it */
    bool early;            /* also what is not due yet */
    struct cancel *cancel; /* NULL: the root */
};
struct courier_result {
    size_t sent, failed, given_up;
};
/* Until nothing is due any more, or the time is over. What a service does is no error of ours: -1 is
 * the catalog's, or a thread that could not start. */
int courier_run(const struct courier_spec *spec, struct courier_result *result,
                struct err *err) MUST_USE;

/* When the next try is, after the n-th (from 1 on) that failed at `now`; retry_after 0: none. Pure. */
int64_t courier_next_try(int64_t tries, int64_t retry_after, int64_t now);
/* Is a message of this event, made at `created`, given up when a try fails at `now`? Pure. */
bool courier_gives_up(const char *event, int64_t created, int64_t now);

#endif
