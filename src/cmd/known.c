#include "cmd/known.h"

#include "catalog/artifact_list.h"
#include "catalog/stores.h"

/* A job that was taken out of the configuration still has its backups. */
int known_job(const struct settings *settings, struct catalog *catalog, const char *name,
              struct err *err)
{
    struct catalog_filter filter = {.job = name, .statuses = (1u << CATALOG_STATUSES) - 1};
    int64_t count = 0;
    if (name == NULL || settings_job(settings, name) != NULL)
        return 0;
    if (catalog_artifacts_count(catalog, &filter, &count, err) < 0)
        return -1;
    return count > 0 || settings_require_job(settings, name, err) ? 0 : -1;
}

int known_store(const struct settings *settings, struct catalog *catalog, const char *name,
                struct err *err)
{
    struct catalog_store row = {0};
    bool absent = false;
    if (name == NULL || settings_store(settings, name) != NULL)
        return 0;
    if (catalog_store_find(catalog, name, &row, &absent, err) < 0)
        return -1;
    catalog_store_release(&row);
    return !absent || settings_require_store(settings, name, err) ? 0 : -1;
}
