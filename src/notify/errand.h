/*
 * errand - a courier as a process of its own, `pgkeep notify --deliver`, so that a service which hangs
 * or a library that fails is nobody else's trouble: not a backup's, not `serve`'s. It ends by itself
 * within its limit, goes on when we die, and whoever comes next finds in the outbox what it left.
 *
 *     errand_start -> (errand_fd is readable, errand_is_over) -> errand_finish or errand_leave
 *
 * One thread; the end is waited for by another.
 */
#ifndef PGKEEP_NOTIFY_ERRAND_H
#define PGKEEP_NOTIFY_ERRAND_H

#include "catalog/db/catalog.h"
#include "config/settings.h"

#define ERRAND_SHORT_S 10 /* of a command that somebody, or cron, waits for */
#define ERRAND_LONG_S 60  /* of one that nobody waits for */

struct errand;

struct errand *errand_start(const struct settings *settings, int64_t limit_s,
                            struct err *err) MUST_USE;
int errand_fd(const struct errand *errand); /* readable once it is over */
bool errand_is_over(const struct errand *errand);
/* NULL-safe. Waits for its end, which its limit bounds, unless we are to end: then it goes on alone. */
void errand_finish(struct errand *errand);
/* NULL-safe. It goes on alone. */
void errand_leave(struct errand *errand);

/* Is anything due to be sent now? */
int errand_is_due(struct catalog *catalog, int64_t now, bool *due,
                  struct err *err) MUST_USE;
/* Sends what is due, for ERRAND_SHORT_S at most; what goes wrong is a warning. Not after a signal:
 * then there are seconds left, and the next command sends it. */
void errand_run(const struct settings *settings);

#endif
