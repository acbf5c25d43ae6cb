/*
 * tell - what commands and `serve` do so that changes are told: looks, and sends what is due. Nothing
 * of it can fail or end what calls it: trouble is a warning.
 *
 *     a run         tell_init -> session_begin with its observer … session_end -> tell_finish
 *     a command     tell_now, at its end
 *
 * The look at the end of a run is made under its lock, so that the next run cannot hide how it ended.
 * Sending is another process (errand.h): a command waits ERRAND_SHORT_S for it, a run that another
 * process waits for (`serve`, `run --due`) not at all.
 */
#ifndef PGKEEP_NOTIFY_TELL_H
#define PGKEEP_NOTIFY_TELL_H

#include "config/settings.h"
#include "notify/errand.h"
#include "session/observer.h"

struct tell {
    struct observer observer; /* for session_spec.observer */
    const struct settings *settings;
    struct errand *errand; /* on its way since the begin; NULL: none */
};
/* next: the observers behind it. Stays where it is until tell_finish. */
void tell_init(struct tell *tell, const struct settings *settings,
               const struct observer *next);
/* After the run and what belongs to it (prune). waited_for: by a process that sends itself. */
void tell_finish(struct tell *tell, bool waited_for);

/* Looks, and sends what is due. */
void tell_now(const struct settings *settings);

#endif
