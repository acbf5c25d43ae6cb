/* Which stores: the names for repository_open. */
#include "repository/repository.h"

#include "base/memory.h"
#include "catalog/copies.h"

/* The catalog finds an ad-hoc store by its whole URL, whatever it is called; its row has
 * the name. */
static char *declare(struct catalog *catalog, const char *url, struct err *err)
{
    struct store_settings from = {0};
    struct catalog_store row = {0};
    struct catalog_store known = {0};
    char *name = NULL;
    if (store_settings_from_url(url, &from, err) < 0)
        goto cleanup;
    row.name = memory_strdup(from.name);
    row.type = memory_strdup(from.type == STORE_DIR ? "dir" : "s3");
    row.url = store_settings_url(&from);
    row.adhoc = true;
    if (catalog_store_declare(catalog, &row, err) == 0 &&
        catalog_store_load(catalog, row.id, &known, err) == 0)
        name = memory_strdup(known.name);
cleanup:
    store_settings_release(&from);
    catalog_store_release(&row);
    catalog_store_release(&known);
    return name;
}

bool repository_is_url(const char *text)
{
    return text_starts_with(text, "s3://") || text_starts_with(text, "dir:");
}

/* By the URL as we would write it, so that the order of its options does not matter.
 * Without options the place alone decides: then it means the store that was used there
 * before. A row without a mark was named once and never written to. */
char *repository_known_url(struct catalog *catalog, const char *text)
{
    struct catalog_stores stores = {0};
    struct store_settings from = {0};
    struct err ignored = {0};
    char *name = NULL;
    if (!repository_is_url(text) || store_settings_from_url(text, &from, &ignored) < 0)
        return NULL;
    char *url = store_settings_url(&from);
    bool listed = catalog_stores_list(catalog, &stores, &ignored) == 0;
    for (size_t i = 0; listed && name == NULL && i < stores.count; i++) {
        const struct catalog_store *store = &stores.items[i];
        bool same = strcmp(store->url, url) == 0 ||
                    (strchr(text, '?') == NULL && strcmp(store->name, from.name) == 0);
        if (same && store->uuid[0] != '\0')
            name = memory_strdup(store->name);
    }
    catalog_stores_release(&stores);
    store_settings_release(&from);
    free(url);
    return name;
}

/* Three places where a name can mean something, in this order: configuration, catalog, the
 * URL itself. */
char *repository_name(const struct settings *settings, struct catalog *catalog,
                      const char *text, struct err *err)
{
    struct catalog_store row = {0};
    bool absent = true;
    /* The configuration before the catalog: a name that is in both means the configured one. */
    if (settings_store(settings, text) != NULL)
        return memory_strdup(text);
    if (catalog_store_find(catalog, text, &row, &absent, err) < 0)
        return NULL;
    char *name = absent ? NULL : memory_strdup(row.name);
    catalog_store_release(&row);
    if (name != NULL)
        return name;
    /* A URL nobody knows yet gets its row now; any other word is a slip of the pen. */
    if (repository_is_url(text))
        return declare(catalog, text, err);
    return settings_require_store(settings, text, err) ? memory_strdup(text) : NULL;
}

/* What left the configuration is not visited: it may be a disk in a drawer. Who wants it
 * names it. */
static int add_adhoc(struct catalog *catalog, struct strlist *names, struct err *err)
{
    struct catalog_stores stores = {0};
    int result = catalog_stores_list(catalog, &stores, err);
    /* Those of the configuration are in the list already; what left it is named by hand
     * only. */
    for (size_t i = 0; result == 0 && i < stores.count; i++) {
        const struct catalog_store *store = &stores.items[i];
        /* Without a mark it was named once and never written to. */
        if (store->adhoc && *store->uuid && !strlist_has(names, store->name))
            strlist_add(names, store->name);
    }
    catalog_stores_release(&stores);
    return result;
}

/* Once each, however it is called. */
int repository_names(const struct settings *settings, struct catalog *catalog,
                     const char *only, struct strlist *names, struct err *err)
{
    if (only != NULL) {
        /* As the catalog knows it, also where a URL was given. */
        char *name = repository_name(settings, catalog, only, err);
        if (name != NULL)
            strlist_add(names, name);
        free(name);
        return name != NULL ? 0 : -1;
    }
    /* Those of the configuration first, in its order. */
    for (size_t i = 0; i < settings->store_count; i++)
        strlist_add(names, settings->stores[i].name);
    if (add_adhoc(catalog, names, err) < 0)
        return -1;
    if (names->count > 0)
        return 0;
    err_set(err, ERR_CONFIG,
            "there are no stores: none is configured, and the catalog knows "
            "none");
    return err_hint(err, "--store NAME-OR-URL names one");
}

/* Copies on their way in or out: somebody has to come back to that store. */
static int has_unfinished(struct catalog *catalog, int64_t store_id, bool *unfinished,
                          struct err *err)
{
    struct catalog_copies copies = {0};
    struct catalog_copy_filter filter = {
        .store_id = store_id,
        .states = 1u << CATALOG_COPY_UPLOADING | 1u << CATALOG_COPY_FAILED |
                  1u << CATALOG_COPY_DELETING | 1u << CATALOG_COPY_LOCKED |
                  1u << CATALOG_COPY_BLOCKED};
    int result = catalog_copies_list(catalog, &filter, &copies, err);
    /* A failed copy of which nothing began leaves nothing behind. */
    *unfinished = false;
    for (size_t i = 0; i < copies.count; i++)
        *unfinished |=
            copies.items[i].state != CATALOG_COPY_FAILED || copies.items[i].begun;
    catalog_copies_release(&copies);
    return result;
}

/* Decides between exit status 8 and 0 for a store that is away: an error in both directions
 * has been met. A disk of long ago must not fail every night; one that holds half an upload
 * must not be forgotten. */
int repository_is_required(const struct settings *settings, struct catalog *catalog,
                           const char *name, bool *missed, struct err *err)
{
    struct catalog_store row = {0};
    bool absent = true;
    *missed = true;
    /* One of the configuration always; one that was taken out of it only while work is left
     * there. */
    if (settings_store(settings, name) != NULL)
        return 0;
    /* A name that nobody knows is missed: somebody just asked for it. */
    int result = catalog_store_find(catalog, name, &row, &absent, err);
    if (result == 0 && !absent)
        result = has_unfinished(catalog, row.id, missed, err);
    catalog_store_release(&row);
    return result;
}
