/*
 * notifier_event - what notifiers are told of, as words: of `on` in the configuration, of messages and
 * of the catalog. A folder of its own because both the configuration and what stands far above it know
 * them. Pure; any thread.
 */
#ifndef PGKEEP_CONFIG_EVENTS_NOTIFIER_EVENT_H
#define PGKEEP_CONFIG_EVENTS_NOTIFIER_EVENT_H

#include "base/text.h"

enum notifier_event {
    NOTIFIER_FAILURE,  /* a run of the job failed, in whole or in part */
    NOTIFIER_RECOVERY, /* what was told is over */
    NOTIFIER_SUCCESS,  /* a run went well; each of them */
    NOTIFIER_START,    /* a run begins; each of them */
    NOTIFIER_STALE,    /* no good backup for max_age */
    NOTIFIER_SUSPECT,  /* a backup is not as the ones before it */
    NOTIFIER_GUARD,    /* retention refused a plan */
    NOTIFIER_GONE,     /* a database with backups is gone from its server */
    NOTIFIER_DRILL,    /* a check or a drill found a copy missing or damaged */
    NOTIFIER_TEST,     /* `pgkeep notify NAME --test`; no word of `on` */
    NOTIFIER_EVENTS
};

const char *notifier_event_name(enum notifier_event event); /* "failure" … */
/* Of a word of `on`; false when it is none. */
bool notifier_event_from_name(const char *name, enum notifier_event *out);
/* The nearest word of `on`, or NULL. */
const char *notifier_event_nearest(const char *word);

#endif
