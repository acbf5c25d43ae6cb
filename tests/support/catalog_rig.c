#include "tests/support/catalog_rig.h"

#include "catalog/artifact_list.h"

struct catalog_rig here;

void catalog_rig_begin_empty(void)
{
    here = (struct catalog_rig){0};
    catalogs_begin(&here.files);
    here.catalog = here.files.catalog;
}

void catalog_rig_begin(void)
{
    catalog_rig_begin_empty();
    here.store = catalogs_store(here.catalog, "nas");
}

void catalog_rig_end(void)
{
    here.files.catalog = here.catalog; /* a test may have opened it anew */
    catalogs_end(&here.files);
}

struct catalog_copy catalog_rig_copy(int64_t id)
{
    struct catalog_copy copy;
    OK(catalog_copy_load(here.catalog, id, &copy, &here.err));
    return copy;
}

struct catalog_artifact catalog_rig_artifact(unsigned n)
{
    struct catalog_artifact artifact;
    OK(catalog_artifact_load(here.catalog, catalogs_id(n),
                             CATALOG_WITH_COPIES | CATALOG_WITH_TABLES, &artifact,
                             &here.err));
    return artifact;
}

enum catalog_copy_state catalog_rig_copy_state(int64_t id)
{
    struct catalog_copy copy = catalog_rig_copy(id);
    enum catalog_copy_state state = copy.state;
    catalog_copy_release(&copy);
    return state;
}

enum catalog_status catalog_rig_status(unsigned n)
{
    struct catalog_artifact artifact = catalog_rig_artifact(n);
    enum catalog_status status = artifact.status;
    catalog_artifact_release(&artifact);
    return status;
}

void catalog_rig_set_owner(const char *owner)
{
    catalogs_sqlf(&here.files,
                  "UPDATE artifacts SET owner = '%s'; UPDATE copies SET owner = '%s';"
                  "UPDATE leases SET owner = '%s'",
                  owner, owner, owner);
}

int64_t catalog_rig_number(const char *sql)
{
    return catalogs_number(&here.files, sql);
}
