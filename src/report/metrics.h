/*
 * metrics - what is known as text for Prometheus (its exposition format 0.0.4): `metrics` prints
 * it, an API serves it. Names begin with pgkeep_, units are seconds and bytes.
 *
 * Alert on the age of the last good backup (time() - pgkeep_backup_last_success_timestamp_seconds):
 * it rings also when nothing runs at all.
 */
#ifndef PGKEEP_REPORT_METRICS_H
#define PGKEEP_REPORT_METRICS_H

#include "catalog/db/totals.h"
#include "catalog/verifications.h"
#include "catalog/db/outbox.h"
#include "report/health.h"
#include "report/jobs.h"

struct metrics_input {
    const struct health *health;
    const struct jobs *jobs;
    const struct catalog_artifacts *artifacts; /* with copies */
    const struct catalog_totals *totals;
    const struct catalog_drills *drills;
    const struct settings *settings;
    const struct catalog_notifiers *notifiers; /* NULL: none are known */
};

void metrics_add(const struct metrics_input *input, struct text *out);

#endif
