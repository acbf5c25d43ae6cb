/*
 * artifact_list - reading artifacts: one by its id, many by filter.
 */
#ifndef PGKEEP_CATALOG_ARTIFACT_LIST_H
#define PGKEEP_CATALOG_ARTIFACT_LIST_H

#include "base/text.h"
#include "catalog/artifacts.h"

/* What to load besides the row, its tags and filters. */
enum catalog_with { CATALOG_WITH_COPIES = 1, CATALOG_WITH_TABLES = 2 };

struct catalog_artifacts {
    struct catalog_artifact *items;
    size_t count, capacity;
};
void catalog_artifacts_release(struct catalog_artifacts *artifacts);

/* By its full id; ERR_NOT_FOUND. `with`: bits of enum catalog_with. What *out held is not
 * looked at (catalog_artifact_init before it would leak). Release it also after an error. */
int catalog_artifact_load(struct catalog *catalog, const char *id, unsigned with,
                          struct catalog_artifact *out, struct err *err) MUST_USE;

/* Has it a row, in whatever status? */
int catalog_artifact_is_known(struct catalog *catalog, const char *id, bool *known,
                              struct err *err) MUST_USE;

/* What to list. Zero: everything but the deleted. */
struct catalog_filter {
    /* NULL: any; store: has a copy there that is not deleted */
    const char *job, *source, *database, *type, *store;
    unsigned statuses;    /* bits 1u << enum catalog_status; 0: all but deleted */
    int64_t since, until; /* since <= time < until; 0: open */
    const struct catalog_pair *tags; /* all of them */
    size_t tag_count;
    int64_t limit, offset; /* limit 0: all */
};
/* Newest first: time, seq, id. */
int catalog_artifacts_list(struct catalog *catalog, const struct catalog_filter *filter,
                           unsigned with, struct catalog_artifacts *out,
                           struct err *err) MUST_USE;
/* How many there are without limit and offset. */
int catalog_artifacts_count(struct catalog *catalog, const struct catalog_filter *filter,
                            int64_t *count, struct err *err) MUST_USE;
/* Status running, with copies; owner_state tells whether somebody is still at it. */
int catalog_artifacts_running(struct catalog *catalog, struct catalog_artifacts *out,
                              struct err *err) MUST_USE;

/* Adds the names of the databases that this job has complete artifacts of. */
int catalog_artifacts_databases(struct catalog *catalog, const char *job,
                                struct strlist *names, struct err *err) MUST_USE;
/* Adds the ids of those that were ever pinned or unpinned and have a complete copy in this
 * store. */
int catalog_artifacts_ever_pinned(struct catalog *catalog, int64_t store_id,
                                  struct strlist *ids, struct err *err) MUST_USE;

#endif
