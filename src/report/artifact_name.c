/* What people see where the catalog has "": globals are of no database, an ad-hoc backup of no
 * job. */
#include "report/artifact_name.h"

const char *artifact_name_database(const struct catalog_artifact *artifact)
{
    return *artifact->database ? artifact->database : "(globals)";
}

const char *artifact_name_job(const struct catalog_artifact *artifact)
{
    return *artifact->job ? artifact->job : artifact->source;
}
