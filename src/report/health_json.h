/* health_json - what `status --json` prints; keys as in artifact_json.h a contract. */
#ifndef PGKEEP_REPORT_HEALTH_JSON_H
#define PGKEEP_REPORT_HEALTH_JSON_H

#include "report/health.h"

#include <jansson.h>

/*     time max_age_seconds too_old
 *     running[{id,job,source,database,type,started,
 *              phase,raw_bytes,stored_bytes,estimate_bytes,updated,owner}]
 *     jobs[{job,configured,too_old,last_good,age_seconds,
 *           failed_run{started,exit_status,message},
 *           databases[{database,type,id,last_good,age_seconds,stored_bytes,
 *                      last_tried,last_status,last_error,too_old,filtered,last_doubt,
 *                      expected,gone,missed}],left}]
 *     problems[{what,id,job,database,store,since,reason,until}]
 *     stores_left[{store,copies}]     not in the configuration any more, though copies remain
 *
 * left: which policy rules what a job left behind that is not configured any more; null: it is.
 * missed: why the last run has no backup of it; null: it has, or should not have one.
 * null: there is none; of a problem's store: it is of the artifact as a whole. owner: "alive"
 * "dead" "unknown". A new reference. */
json_t *health_json(const struct health *health) MUST_USE;

#endif
