/*
 * health - are there good backups, how old are they, and what needs somebody's eyes: what
 * `status` shows, from the rows of the catalog and the jobs of the configuration. No I/O,
 * no clock.
 *
 *     health_input_load, or lists made by hand -> health_init -> read -> health_release
 *
 * A *good* backup is complete, has at least one complete copy, is not suspect, and its time
 * is known and not in the future: everything else might be green and empty. Backups are
 * looked at by database of a job, as retention does, because one database that fails every
 * night must not hide behind another that does not.
 *
 * A *regular* backup is what the job itself would make: of its type (full, unless the
 * configuration says otherwise), and cut down by no filter of a command line. Only those can
 * be "the last good one" of a job (CONTRACT-NOTES 28); others are shown in rows of their own
 * and are never too old. Filters of the configuration may change from one night to the next
 * without making another row.
 *
 * Expected is every database that the last run of the job should have dumped, and what the
 * configuration names (CONTRACT-NOTES 28). Not green (`--max-age`, called too old) is a job
 * without a good backup, one whose last run failed before it began, and one with an expected
 * database whose last good backup is too old, or that the last run missed or never came to
 * (killed, timed out, cancelled). A database that has backups and is gone from the server is shown
 * as gone and does not ring.
 *
 * Of a job whose runs are not known (a catalog made from its stores, ad-hoc backups) a database is
 * expected whose backup is the newest of the job, or of which something newer did not turn out
 * well.
 */
#ifndef PGKEEP_REPORT_HEALTH_H
#define PGKEEP_REPORT_HEALTH_H

#include "catalog/artifact_list.h"
#include "catalog/run_databases.h"
#include "catalog/runs.h"
#include "config/settings.h"

#define HEALTH_NO_LIMIT (-1)
#define HEALTH_STUCK_S 3600 /* a deletion that takes longer is worth a line */
#define HEALTH_FUTURE_S 900 /* clocks may differ by this much */

/* Artifacts are borrowed from the list; NULL: there is none. */
struct health_group {
    const char *database, *type;
    const char *filters_hash; /* of those of a command line; "" for a regular one */
    bool regular;             /* or the globals of the job */
    bool expected;            /* it must be there and be new */
    bool gone;                /* the last run did not find it on the server */
    /* The last run has no backup of it; NULL: it has, or should not have. */
    const struct catalog_run_database *missed;
    const struct catalog_artifact *good;  /* the newest good one */
    const struct catalog_artifact *tried; /* the newest that is not running */
    bool too_old;
};

struct health_job {
    const char *name;
    bool configured; /* it stands in the configuration */
    const char
        *left; /* artifact_name_job_left: what rules its backups now; NULL: it did not */
    /* counts for --max-age: it is configured, or asked for by name, or nothing at all is
     * configured (ad-hoc backups) */
    bool watched;
    bool too_old;
    bool run_known;                      /* what its last run should have dumped */
    const char *type;                    /* of its regular backups */
    const struct catalog_artifact *good; /* the newest regular one of a database */
    /* Its newest run, when that failed before any artifact began: no server, no store. */
    const struct catalog_run *failed_run;
    struct health_group *groups;
    size_t group_count, group_capacity;
};

enum health_what {
    HEALTH_ABANDONED, /* running or uploading, and its process is gone */
    HEALTH_SUSPECT,
    HEALTH_QUARANTINED,
    HEALTH_FAILED, /* the newest good backup lacks this copy */
    HEALTH_MISSING,
    HEALTH_DAMAGED,
    HEALTH_DELETING, /* tried in vain, or for longer than HEALTH_STUCK_S */
    HEALTH_LOCKED,
    HEALTH_BLOCKED,
    HEALTH_WHATS
};

struct health_problem {
    enum health_what what;
    const struct catalog_artifact *artifact;
    const struct catalog_copy *copy; /* NULL: the artifact as a whole */
    int64_t since;                   /* 0: not known */
    const char *reason;              /* NULL: none */
    int64_t until;                   /* HEALTH_LOCKED; 0: a legal hold */
};

/* A store that left the configuration, and what lies in it still. */
struct health_store {
    const char *name;
    size_t copies; /* complete ones */
};

struct health {
    int64_t now, max_age_s;
    struct health_job *jobs; /* configured ones in their order, then the others */
    size_t job_count, job_capacity;
    const struct catalog_artifact **running;
    size_t running_count, running_capacity;
    struct health_problem *problems; /* newest artifact first */
    size_t problem_count, problem_capacity;
    struct health_store *stores_left;
    size_t store_count, store_capacity;
    bool any_configured; /* the configuration has jobs; else ad-hoc ones are all there is */
    bool too_old;        /* a watched job is, or there is none to watch */
};

struct health_spec {
    const struct settings *settings; /* its jobs */
    const char *job;                 /* only this one; NULL: all */
    int64_t max_age_s;               /* HEALTH_NO_LIMIT: nothing is too old */
    int64_t now;
    /* of `backup`, the last of each job (catalog_run_filter); outlives it; NULL: none */
    const struct catalog_runs *runs;
    /* catalog_run_databases_last; outlives it; NULL: none */
    const struct catalog_run_databases *run_databases;
};

/* `artifacts` newest first, as listed; they and the settings must outlive it. */
void health_init(struct health *health, const struct catalog_artifacts *artifacts,
                 const struct health_spec *spec);
void health_release(struct health *health);

/* Why the last run has no backup of it; of a group with `missed`. */
const char *health_missed_why(const struct health_group *group);
/* Was its newest one made with filters, wherever they came from? */
bool health_is_filtered(const struct health_group *group);
/* Why this one is no good backup, or NULL: it is. Of a complete one; of the others the status
 * says it. "suspect" "quarantined" "from the future" "of an unknown time" "without a good copy" */
const char *health_doubt(const struct health *health,
                         const struct catalog_artifact *artifact);
/* "abandoned" "suspect" … */
const char *health_what_name(enum health_what what);
/* now - its time, at least 0. */
int64_t health_age(const struct health *health, const struct catalog_artifact *artifact);

#endif
