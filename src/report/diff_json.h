/*
 * diff_json - what changed between two artifacts, as a JSON document. Keys as in artifact_json.h a
 * contract; a new reference.
 */
#ifndef PGKEEP_REPORT_DIFF_JSON_H
#define PGKEEP_REPORT_DIFF_JSON_H

#include "backup/artifact_diff.h"

#include <jansson.h>

/* {before{id,job,database,type,time,table_count,row_count,raw_bytes},now{the same},
 * tables[{schema,name,change,rows_before,rows_now,raw_bytes_before,raw_bytes_now}],
 * definitions[{name,type,section,change,before,now}]}: change "came" "went" "grew" "shrank"
 * "changed"; rows null where they are not counted; tables or definitions null where they were not
 * compared (rows of archives are not counted: then definitions tell which tables came and went); before and now of a definition: its statements, null where it is not there. */
json_t *diff_json(const struct catalog_artifact *before, const struct catalog_artifact *now,
                  const struct artifact_diff *diff) MUST_USE;

#endif
