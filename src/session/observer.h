/*
 * observer - who watches a run while it goes on: progress today, notifications or an API's live
 * view later; hooks are not among them (hook.h): one of them may stop the run. Told on the
 * thread that runs the operation. Every pointer may be NULL; what is given is borrowed for the
 * call, a meter until artifact_end.
 *
 * Several are a list: each names the one that is told after it. The caller of session_begin owns
 * all of them and leaves the list as it is until session_end has returned.
 *
 *     begin -> (artifact -> phase … -> artifact_end) … -> skipped … -> end
 */
#ifndef PGKEEP_SESSION_OBSERVER_H
#define PGKEEP_SESSION_OBSERVER_H

#include "catalog/artifacts.h"
#include "stream/meter.h"

struct observer {
    /* The run has its locks and its record (id 0: none is kept). */
    void (*begin)(void *context, const char *kind, const char *job, int64_t run);
    /* Work on an artifact begins; the meter counts. */
    void (*artifact)(void *context, const struct catalog_artifact *artifact,
                     const struct meter *meter);
    void (*phase)(void *context, const char *phase); /* "dump" "finish", a store … */
    void (*artifact_end)(void *context);
    /* The run goes on without this store. */
    void (*skipped)(void *context, const char *store, const struct err *why);
    /* why: NULL when it went well. */
    void (*end)(void *context, int exit_status, const struct err *why);
    void *context;
    const struct observer *next; /* told after this one; NULL: nobody */
};

/* Tell this one and all behind it; NULL: nobody. */
void observer_begin(const struct observer *observer, const char *kind, const char *job,
                    int64_t run);
void observer_artifact(const struct observer *observer,
                       const struct catalog_artifact *artifact, const struct meter *meter);
void observer_phase(const struct observer *observer, const char *phase);
void observer_artifact_end(const struct observer *observer);
void observer_skipped(const struct observer *observer, const char *store,
                      const struct err *why);
void observer_end(const struct observer *observer, int exit_status, const struct err *why);

#endif
