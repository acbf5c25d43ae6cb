/*
 * artifact_name - what an artifact is called where people read of it: by its database and its job.
 */
#ifndef PGKEEP_REPORT_ARTIFACT_NAME_H
#define PGKEEP_REPORT_ARTIFACT_NAME_H

#include "catalog/artifacts.h"
#include "config/settings.h"

/* What people see of the catalog's name of a database: "" is "(globals)". Borrowed. */
const char *artifact_name_of_database(const char *database);
/* The same of an artifact; borrowed. */
const char *artifact_name_database(const struct catalog_artifact *artifact);
/* The job's name, and SETTINGS_ADHOC for all that have none: no job may be called so. */
const char *artifact_name_job(const struct catalog_artifact *artifact);
/* What messages of something that is done to it call it, so that nobody takes it for another:
 * `01JD… (database "shop")`, `01JD… (globals)`. Heap. */
char *artifact_name_of(const struct catalog_artifact *artifact) MUST_USE;

/* A store that stood in the configuration and does so no more, though copies may lie there: its
 * name is none of these settings'. False for ad-hoc stores, which never did (their names are
 * URLs), and where the configuration names no store at all. settings NULL: false. */
bool artifact_name_store_left(const struct settings *settings, const char *store);
/* A job that left the configuration: which policy rules its backups now, as a sentence; NULL: it
 * is there, the configuration names no job at all, or it was ad hoc. Borrowed. */
const char *artifact_name_job_left(const struct settings *settings, const char *job);

#endif
