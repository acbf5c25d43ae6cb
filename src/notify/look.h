/*
 * look - one look at all jobs: what has changed since the last one becomes messages in the outbox.
 * Reading, deciding (decide.h) and writing are one transaction: of two that look at once, of `serve`, of
 * runs, of a restart after kill -9, one tells.
 *
 * Nothing is sent here (courier.h), and no network is needed.
 */
#ifndef PGKEEP_NOTIFY_LOOK_H
#define PGKEEP_NOTIFY_LOOK_H

#include "catalog/db/catalog.h"
#include "config/settings.h"

/* Does any job of the settings tell anybody? Without one nothing of this folder needs to be asked. */
bool look_is_wanted(const struct settings *settings);

struct look {
    size_t queued; /* messages that were added */
    int64_t next;  /* when to look again though nothing happened; INT64_MAX: no need */
};
int look_at_jobs(const struct settings *settings, struct catalog *catalog, int64_t now,
                 struct look *out, struct err *err) MUST_USE;

/* A run of this job begins: for those that want to know. *queued: messages. */
int look_at_start(const struct settings *settings, struct catalog *catalog, const char *job,
                  int64_t run, size_t *queued, struct err *err) MUST_USE;

#endif
