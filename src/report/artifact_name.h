/*
 * artifact_name - what an artifact is called where people read of it: by its database and its job.
 */
#ifndef PGKEEP_REPORT_ARTIFACT_NAME_H
#define PGKEEP_REPORT_ARTIFACT_NAME_H

#include "catalog/artifacts.h"

/* "shop", "(globals)"; borrowed. */
const char *artifact_name_database(const struct catalog_artifact *artifact);
/* The job's name; the source's where there is none; borrowed. */
const char *artifact_name_job(const struct catalog_artifact *artifact);
/* What messages of something that is done to it call it, so that nobody takes it for another:
 * `01JD… (database "shop")`, `01JD… (globals)`. Heap. */
char *artifact_name_of(const struct catalog_artifact *artifact) MUST_USE;

#endif
