/*
 * artifact_json - an artifact as JSON: what `list`, `backup` and `show` print with --json.
 *
 * The keys are a contract with scripts: none is ever left out (absent is null, [] or {}),
 * none changes its meaning; new ones may come. Times are RFC 3339 UTC, sizes bytes. A name
 * that is no UTF-8 is {"hex": "<bytes>"} (base/json.h). One thread; new references.
 */
#ifndef PGKEEP_REPORT_ARTIFACT_JSON_H
#define PGKEEP_REPORT_ARTIFACT_JSON_H

#include "catalog/artifact_list.h"
#include "catalog/verifications.h"

#include <jansson.h>

/* What an artifact looks like depends on. */
struct artifact_view {
    int64_t now;                     /* pins end */
    const struct settings *settings; /* which stores are configured; NULL: not known */
};

/*     id seq job source database type format compression level status time started finished
 *     raw_bytes stored_bytes sha256 raw_sha256 name description tags{} pinned suspect
 *     error{code,message} copies[{store,state,key,bytes,verified,error,store_left}] filtered
 *     pin{until,reason,changed}
 *
 * job is null for none; database is "" for globals. Sizes and hashes are null while nothing
 * is known of them. pinned: in force at `now`. verified: when the stored bytes were last
 * proven by a full check or a drill, null when never or found broken since; a quick look
 * does not count. store_left: its store left the configuration. error of a copy: what the last check found, else why it failed or could
 * not be removed. Loaded with CATALOG_WITH_COPIES. */
json_t *artifact_json(const struct catalog_artifact *artifact,
                      const struct artifact_view *view) MUST_USE;

/* {"artifacts": […]}, in the order of the list: what `list` and `backup` print. */
json_t *artifact_json_list(const struct catalog_artifacts *artifacts,
                           const struct artifact_view *view) MUST_USE;

/* The same and the rest of what is known:
 *
 *     created updated duration_ms tries hostname quarantined
 *     versions{server,pg_dump,pgkeep}
 *     filters[{option,pattern}]
 *     contents[{kind,text}]                    kind: extension, left_out, elsewhere
 *     progress{phase,raw_bytes,stored_bytes,estimate_bytes,updated,owner}  null unless running
 *     table_count row_count
 *     tables[{schema,name,rows,raw_bytes}]
 *     verifications[{time,store,level,result,message,duration_ms,bytes}]   newest first
 *
 * and of each copy:
 *
 *     index_key verified_level checked checked_level version etag
 *     created completed first_marked
 *     uploading{owner,handle}
 *     deletion{reason,since,attempts,next_try,locked_until,deleted}
 *
 * Rows are null where they were not counted. Loaded with copies and tables. */
json_t *artifact_json_detail(const struct catalog_artifact *artifact,
                             const struct catalog_verifications *verifications,
                             const struct artifact_view *view) MUST_USE;

/* What a drill compared; null of another level. New reference. */
json_t *artifact_json_drill(const struct catalog_verification *verification) MUST_USE;
/* What differed in it, the first ones; adds nothing where nothing did. */
void artifact_drill_differences(const struct catalog_verification *verification,
                                struct strlist *out);
/* The same as one sentence, heap; NULL of another level. */
char *artifact_drill_text(const struct catalog_verification *verification) MUST_USE;

#endif
