/*
 * sweep_steps - steps 3 and 4 of sweep.h, each for one store. For sweep only.
 */
#ifndef PGKEEP_REPAIR_SWEEP_STEPS_H
#define PGKEEP_REPAIR_SWEEP_STEPS_H

#include "repair/sweep.h"

struct sweep {
    const struct sweep_spec *spec;
    struct repository *repository;
    struct sweep_report *report;
    int64_t store_now; /* by the store's clock, which dates objects and uploads */
    bool settled;      /* steps 1 to 3 were taken */
    size_t open;       /* uploads that stay there */
};

/* sweep_uploads.c: *open counts those that stay. */
int sweep_uploads(const struct sweep *sweep, size_t *open, struct err *err) MUST_USE;

/* sweep_orphans.c: only when nothing is being uploaded. */
int sweep_orphans(const struct sweep *sweep, struct err *err) MUST_USE;

#endif
