/*
 * plan_rows - what retention plans from: every copy that is not deleted, with what it needs
 * to know of its artifact, and who reads it.
 */
#ifndef PGKEEP_CATALOG_PLAN_ROWS_H
#define PGKEEP_CATALOG_PLAN_ROWS_H

#include "base/ulid.h"
#include "catalog/db/catalog.h"

/* A copy as the planner wants it; every state but deleted. */
struct catalog_plan_row {
    char artifact[ULID_SIZE];
    int64_t copy, store_id;
    char *group; /* artifact_group.h */
    char *job, *source;
    int64_t seq, time;
    uint64_t bytes;
    enum catalog_status status;
    enum catalog_copy_state state;
    bool proven; /* by a full verification or a drill */
    bool pinned; /* pin_until is still to be held against the time of the plan */
    int64_t pin_until;
    char *pin_reason;
    bool suspect, quarantined;
    char *lease; /* purpose of a lease in force; NULL: none */
    int64_t first_marked, locked_until;
    int64_t damaged_since; /* state damaged: the check that found it; 0: unknown */
};
struct catalog_plan_rows {
    struct catalog_plan_row *items;
    size_t count, capacity;
};
/* Which rows. */
struct catalog_plan_scope {
    int64_t store_id; /* 0: all */
    const char *job;  /* NULL: all */
    int64_t now;      /* for leases */
};
/* By group, store, time and seq, newest first. */
int catalog_plan_rows(struct catalog *catalog, const struct catalog_plan_scope *scope,
                      struct catalog_plan_rows *out, struct err *err) MUST_USE;
void catalog_plan_rows_release(struct catalog_plan_rows *rows);

#endif
