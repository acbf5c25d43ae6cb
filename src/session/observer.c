/* Nobody need be there to watch, several may, and nobody need want to know everything.
 * In the order of the list, each to its end before the next: an observer that blocks
 * holds up the run. */
#include "session/observer.h"

void observer_begin(const struct observer *observer, const char *kind, const char *job,
                    int64_t run)
{
    for (; observer != NULL; observer = observer->next)
        if (observer->begin != NULL)
            observer->begin(observer->context, kind, job, run);
}

void observer_artifact(const struct observer *observer,
                       const struct catalog_artifact *artifact, const struct meter *meter)
{
    for (; observer != NULL; observer = observer->next)
        if (observer->artifact != NULL)
            observer->artifact(observer->context, artifact, meter);
}

void observer_phase(const struct observer *observer, const char *phase)
{
    for (; observer != NULL; observer = observer->next)
        if (observer->phase != NULL)
            observer->phase(observer->context, phase);
}

void observer_artifact_end(const struct observer *observer)
{
    for (; observer != NULL; observer = observer->next)
        if (observer->artifact_end != NULL)
            observer->artifact_end(observer->context);
}

void observer_skipped(const struct observer *observer, const char *store,
                      const struct err *why)
{
    for (; observer != NULL; observer = observer->next)
        if (observer->skipped != NULL)
            observer->skipped(observer->context, store, why);
}

void observer_end(const struct observer *observer, int exit_status, const struct err *why)
{
    for (; observer != NULL; observer = observer->next)
        if (observer->end != NULL)
            observer->end(observer->context, exit_status, why);
}
