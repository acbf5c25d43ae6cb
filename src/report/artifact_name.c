/* What people see where the catalog has "": globals are of no database, an ad-hoc backup of no
 * job. */
#include "report/artifact_name.h"

#include "base/memory.h"
#include "prune/policies.h"

/* For people; programs get the "" as it is. */
const char *artifact_name_of_database(const char *database)
{
    return *database ? database : "(globals)";
}

const char *artifact_name_database(const struct catalog_artifact *artifact)
{
    return artifact_name_of_database(artifact->database);
}

const char *artifact_name_job(const struct catalog_artifact *artifact)
{
    return *artifact->job ? artifact->job : SETTINGS_ADHOC;
}

/* Where no configuration names any store nothing can have left it. */
bool artifact_name_store_left(const struct settings *settings, const char *store)
{
    return settings != NULL && settings->store_count > 0 && strchr(store, ':') == NULL &&
           settings_store(settings, store) == NULL;
}

/* Names the database in every message (PRODUCT 2): an id alone tells nobody what is about
 * to be restored. */
char *artifact_name_of(const struct catalog_artifact *artifact)
{
    return *artifact->database
               ? memory_format("%s (database \"%s\")", artifact->id, artifact->database)
               : memory_format("%s (globals)", artifact->id);
}

/* As for stores, but told in a word: there are no URLs among jobs. */
const char *artifact_name_job_left(const struct settings *settings, const char *job)
{
    if (settings == NULL || settings->job_count == 0 || *job == '\0' ||
        strcmp(job, SETTINGS_ADHOC) == 0 || settings_job(settings, job) != NULL)
        return NULL;
    return settings_policy(settings, POLICIES_DEFAULT) != NULL
               ? "the job left the configuration; policy " POLICIES_DEFAULT
               : "policy none: kept for ever; the job left the configuration";
}
