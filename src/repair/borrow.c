/* The catalog of one command. */
#include "repair/borrow.h"

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "catalog/db/catalog.h"
#include "repair/sync.h"

#include <unistd.h>

/* A URL that the catalog of this machine knows is read by that one: it has pins and checks. */
bool borrow_is_needed(const struct settings *settings, const char *text)
{
    struct err ignored = {0};
    if (!repository_is_url(text))
        return false;
    struct catalog *catalog = catalog_open(settings->catalog, CATALOG_READ, &ignored);
    char *known = catalog != NULL ? repository_known_url(catalog, text) : NULL;
    catalog_close(catalog);
    free(known);
    return known == NULL;
}

int borrow_begin(struct borrow *borrow, const struct settings *settings, struct err *err)
{
    const char *place = getenv("TMPDIR");
    *borrow = (struct borrow){.settings = *settings};
    /* mkdtemp makes it ours alone. */
    char *folder =
        file_join(place != NULL && *place == '/' ? place : "/tmp", "pgkeep-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        err_errno(err, ERR_SYSTEM, "cannot make a folder %s for a catalog", folder);
        free(folder);
        return -1;
    }
    borrow->folder = folder;
    borrow->settings.catalog = file_join(folder, "catalog.db");
    return 0;
}

/* As `catalog sync` would: only manifests are fetched, no data. */
int borrow_read(struct session *session, const char *url, struct err *err)
{
    struct sync_result result = {0};
    char *name =
        repository_name(session_settings(session), session_catalog(session), url, err);
    struct repository *repository =
        name != NULL ? session_repository(session, name, false, err) : NULL;
    int done = -1;
    if (repository != NULL) {
        repository_be_patient(repository);
        done = sync_store(session, repository, &result, err);
    }
    if (done == 0)
        log_info("store \"%s\": %zu backups, read without a catalog", name,
                 result.artifacts);
    free(name);
    return done;
}

/* Nothing of it stays; what cannot be removed is told, as it names backups. */
void borrow_end(struct borrow *borrow)
{
    struct err trouble = {0};
    if (borrow->folder == NULL)
        return;
    if (catalog_remove_file(borrow->settings.catalog, &trouble) < 0)
        log_warning("%s", trouble.text);
    (void)rmdir(borrow->folder);
    free(borrow->settings.catalog);
    free(borrow->folder);
    borrow->folder = NULL;
}
