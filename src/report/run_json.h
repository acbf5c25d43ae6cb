/*
 * run_json - what a run did to artifacts, as JSON documents: what backup's neighbours print with
 * --json. Keys as in artifact_json.h a contract; each function gives a new reference.
 */
#ifndef PGKEEP_REPORT_RUN_JSON_H
#define PGKEEP_REPORT_RUN_JSON_H

#include "backup/copy_artifact.h"
#include "backup/export.h"
#include "backup/restore.h"
#include "prune/delete_artifact.h"
#include "catalog/verifications.h"

#include <jansson.h>

/* {id,database,from,to,outcome,bytes,resumed_bytes}; `database` is here and below that which was
 * backed up, "" of globals. */
json_t *run_json_copied(const struct catalog_artifact *artifact,
                        const struct copy_artifact_spec *spec,
                        const struct copy_artifact_result *result) MUST_USE;
/* {id,source_database,database,store,raw_bytes,duration_ms,left_out[],brought[]}: `database` is the
 * target's, `store` where the bytes came from; raw_bytes: of a part those of its rows, null where
 * they are not counted (a part of an archive); the lists hold lines (backup/restore.h). */
json_t *run_json_restored(const struct catalog_artifact *artifact,
                          const struct restore_done *done, int64_t duration_ms) MUST_USE;
/* {id,database,items[{section,type,schema,name,object,rows,raw_bytes}],left_out[],brought[]} of
 * restore --list; rows and raw_bytes null where they are not counted. */
json_t *run_json_listing(const struct catalog_artifact *artifact,
                         const struct listing *listing) MUST_USE;
/* {id,database,store,output,form,bytes,sha256} of `fetch` into a file; form "stored" "decoded". */
json_t *run_json_fetched(const struct export_spec *spec, const char *store) MUST_USE;
/* {id,database,url,expires} */
json_t *run_json_presigned(const struct catalog_artifact *artifact, const char *url,
                           int64_t expires) MUST_USE;
/* {id,database,store,level,result,duration_ms,bytes,message}; the command's document is
 * {"verifications":[…]} of these, in the order in which they were made. */
json_t *run_json_verified(const struct catalog_artifact *artifact,
                          const struct catalog_copy *copy,
                          const struct catalog_verification *verification) MUST_USE;
/* {id,database,pinned,until,reason,changed,stores_untold} */
json_t *run_json_pinned(const struct catalog_artifact *artifact, size_t untold) MUST_USE;
/* {id,database,suspect,accepted,reason,stores_untold} */
json_t *run_json_accepted(const struct catalog_artifact *artifact, size_t untold) MUST_USE;

/* What becomes of one copy of `delete`. */
struct run_deletion {
    const struct catalog_copy *copy;
    const char *result; /* "deleted" "locked" "blocked" "later" */
    const char *reason; /* what the store said; NULL: nothing */
};
/* Of the artifact's copy of this index; false: it stays. */
bool run_deletion_of(const struct delete_outcome *outcome, size_t index,
                     struct run_deletion *out);
/* {id,database,plan_hash,dry_run,last_good,refused,copies[{store,key,bytes,result,error}]}; result
 * null in a dry run. refused: why; NULL: it is not. */
json_t *run_json_deleted(const struct delete_outcome *outcome, bool dry_run,
                         const struct err *refused) MUST_USE;

#endif
