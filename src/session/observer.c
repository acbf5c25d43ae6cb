/* Nobody need be there to watch, and nobody need want to know everything. */
#include "session/observer.h"

void observer_begin(const struct observer *observer, const char *kind, const char *job,
                    int64_t run)
{
    if (observer != NULL && observer->begin != NULL)
        observer->begin(observer->context, kind, job, run);
}

void observer_artifact(const struct observer *observer,
                       const struct catalog_artifact *artifact, const struct meter *meter)
{
    if (observer != NULL && observer->artifact != NULL)
        observer->artifact(observer->context, artifact, meter);
}

void observer_phase(const struct observer *observer, const char *phase)
{
    if (observer != NULL && observer->phase != NULL)
        observer->phase(observer->context, phase);
}

void observer_artifact_end(const struct observer *observer)
{
    if (observer != NULL && observer->artifact_end != NULL)
        observer->artifact_end(observer->context);
}

void observer_skipped(const struct observer *observer, const char *store,
                      const struct err *why)
{
    if (observer != NULL && observer->skipped != NULL)
        observer->skipped(observer->context, store, why);
}

void observer_end(const struct observer *observer, int exit_status, const struct err *why)
{
    if (observer != NULL && observer->end != NULL)
        observer->end(observer->context, exit_status, why);
}
