/*
 * facts - how each job is now, from the catalog and the configuration, as decide.h wants it.
 *
 *     facts_load (once) -> facts_of_job, decide -> facts_job_release for each job -> facts_release
 *
 * Only of what has ended anything is said: while a run is under way, or was cancelled, or will be tried
 * again, nobody knows whether it fails.
 */
#ifndef PGKEEP_NOTIFY_FACTS_H
#define PGKEEP_NOTIFY_FACTS_H

#include "notify/decide.h"
#include "report/health_input.h"

/* A retry that does not come in so long after its time is no reason to wait any more. */
#define FACTS_RETRY_S 900

struct facts {
    struct health_input input;
    struct catalog_runs backups; /* of each job the newest, if that has ended */
    struct catalog_runs prunes;  /* the same of `prune`; a job of NULL: of all jobs */
};
int facts_load(struct facts *facts, struct catalog *catalog, struct err *err) MUST_USE;
void facts_release(struct facts *facts); /* zeroed, loaded or half loaded */

struct facts_job {
    struct decide_now now;         /* borrows from what is below and from the facts */
    const struct catalog_run *run; /* the newest that has ended; NULL: none */
    int64_t next; /* when it may be another without anything else happening; INT64_MAX */
    struct decide_item *items;
    size_t count, capacity;
    struct health health;
    struct strlist texts;
};
/* All are borrowed until its release. */
void facts_of_job(const struct facts *facts, const struct settings *settings,
                  const struct job_settings *job, int64_t now, struct facts_job *out);
void facts_job_release(struct facts_job *job);

#endif
