/*
 * schedules - what is remembered of each job that runs by itself: up to which time it is dealt
 * with (schedule/due.h), and by which rule that was reckoned. Another rule begins anew.
 */
#ifndef PGKEEP_CATALOG_DB_SCHEDULES_H
#define PGKEEP_CATALOG_DB_SCHEDULES_H

#include "catalog/db/catalog.h"

/* job: its name, or "KIND NAME" of what it does by itself besides backups. *handled 0: nothing is
 * remembered by this rule. */
int catalog_schedule_get(struct catalog *catalog, const char *job, const char *rule,
                         int64_t *handled, struct err *err) MUST_USE;
int catalog_schedule_set(struct catalog *catalog, const char *job, const char *rule,
                         int64_t handled, struct err *err) MUST_USE;

#endif
