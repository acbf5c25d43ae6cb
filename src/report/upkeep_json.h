/*
 * upkeep_json - what the runs came to that keep the whole going, as JSON documents: sweep, the
 * three of `catalog`, doctor. Keys as in artifact_json.h a contract; each function gives a new
 * reference.
 */
#ifndef PGKEEP_REPORT_UPKEEP_JSON_H
#define PGKEEP_REPORT_UPKEEP_JSON_H

#include "doctor/diagnose.h"
#include "repair/check.h"
#include "repair/rebuild.h"
#include "repair/sweep.h"
#include "repair/sync.h"
#include "repository/adopt.h"

#include <jansson.h>

/* Of the stores that a run went on without: [{store,error}]. */
json_t *upkeep_json_skipped(const struct repository_list *stores) MUST_USE;

/* One figure of a sweep, in both forms of output. */
struct upkeep_figure {
    const char *key, *text; /* for programs; for people */
    size_t count;
};
enum { UPKEEP_SWEEP_FIGURES = 15 };
void upkeep_sweep_figures(const struct sweep_report *report,
                          struct upkeep_figure out[UPKEEP_SWEEP_FIGURES]);

/* {completed cleaned left ended deleted locked blocked later aborted foreign orphans
 *  young_orphans unknown failed orphan_bytes skipped[{store,error}]} */
json_t *upkeep_json_swept(const struct sweep_report *report) MUST_USE;

/* {catalog,kept,artifacts,damaged,stores[{store,artifacts,copies,damaged}]} */
json_t *upkeep_json_rebuilt(const struct rebuild_result *result,
                            const char *catalog) MUST_USE;

/* Of one store; the documents of sync and check are {"stores":[…]}.
 *
 *     {store,manifests,artifacts,copies,decisions,missing,healed,told,damaged,empty_listing,
 *      error}
 *     {store,copies,objects,others,uploading,findings[{kind,id,key,expected_bytes,found_bytes,
 *      time,note}],error}
 *     {store,error{code,message}}       one that could not be read
 *
 * error is null in the first two. */
json_t *upkeep_json_synced(const char *store, const struct sync_result *result) MUST_USE;
json_t *upkeep_json_checked(const char *store, const struct check_result *result) MUST_USE;
json_t *upkeep_json_missed(const char *store, const struct err *why) MUST_USE;

/* {group,name,check,title,verdict,kind,expected,found,advice}; kind null unless it failed. */
json_t *upkeep_json_finding(const struct diagnose_finding *finding) MUST_USE;
/* {checks[…],ok,warnings,failed,skipped}; takes the list. */
json_t *upkeep_json_diagnosed(json_t *checks,
                              const struct diagnose_result *result) MUST_USE;

/* {store,url,expected,found,mark,copies,bytes,newest,newest_time,dry_run}; before: the mark that
 * was found there; `mark` is the one from now on, in a dry run null where it would be a new one. */
json_t *upkeep_json_adopted(const struct adopt *adopt, const char *name, const char *before,
                            bool dry_run) MUST_USE;

#endif
