/*
 * Only stores that the catalog has copies in are opened: a prune must not wait for, or
 * write a mark into, a store that it has nothing to do with.
 */
#include "prune/prune_steps.h"

#include "base/cancel.h"
#include "base/log.h"
#include "base/memory.h"

const char *prune_store_name(const struct prune *prune, int64_t store_id)
{
    for (size_t i = 0; i < prune->known.count; i++) {
        if (prune->known.items[i].id == store_id)
            return prune->known.items[i].name;
    }
    return "";
}

static int add_failure(struct prune *prune, const char *name, const struct err *why,
                       struct err *err)
{
    struct repository_list *list = &prune->stores;
    bool missed = true;
    if (prune->spec.store == NULL &&
        repository_is_required(prune->spec.settings, prune->spec.catalog, name, &missed,
                               err) < 0)
        return -1;
    memory_grow(&list->failures, &list->failure_capacity, list->failure_count + 1,
                sizeof *list->failures);
    list->failures[list->failure_count++] = (struct repository_failure){
        .name = memory_strdup(name), .err = *why, .excused = !missed};
    log_warning("skipped: %s", why->text);
    return 0;
}

/* Whatever is wrong with one store - away, another than expected, its password missing -
 * the others are pruned. */
static int open_store(struct prune *prune, const struct catalog_store *row, struct err *err)
{
    struct repository_list *list = &prune->stores;
    struct err why = {0};
    struct repository *repository =
        repository_open(prune->spec.settings, prune->spec.catalog, row->name, false, &why);
    /* The name of the configuration leads elsewhere by now; its rows are not about what
     * lies there. */
    if (repository != NULL && repository->id != row->id) {
        err_set(&why, ERR_UNSAFE, "store \"%s\" is another one by now", row->name);
        repository_close(repository);
        repository = NULL;
    }
    if (repository == NULL && err_is_fatal(why.kind)) {
        *err = why;
        return -1;
    }
    if (repository == NULL)
        return add_failure(prune, row->name, &why, err);
    memory_grow(&list->items, &list->capacity, list->count + 1, sizeof *list->items);
    list->items[list->count++] = repository;
    return 0;
}

static bool has_rows(const struct prune *prune, int64_t store_id)
{
    for (size_t i = 0; i < prune->rows.count; i++) {
        if (prune->rows.items[i].store_id == store_id)
            return true;
    }
    return false;
}

static bool is_asked_for(const struct prune *prune, const struct catalog_store *row)
{
    return prune->spec.store == NULL || strcmp(prune->spec.store, row->name) == 0;
}

static int open_stores(struct prune *prune, struct err *err)
{
    for (size_t i = 0; i < prune->known.count; i++) {
        const struct catalog_store *row = &prune->known.items[i];
        if (is_asked_for(prune, row) && has_rows(prune, row->id) &&
            (cancel_check(NULL, err) < 0 || open_store(prune, row, err) < 0))
            return -1;
    }
    return 0;
}

/* A typo should not read as "nothing to do". */
static int check_store(const struct prune *prune, struct err *err)
{
    const char *name = prune->spec.store;
    if (name == NULL || settings_store(prune->spec.settings, name) != NULL)
        return 0;
    for (size_t i = 0; i < prune->known.count; i++) {
        if (strcmp(prune->known.items[i].name, name) == 0)
            return 0;
    }
    return settings_require_store(prune->spec.settings, name, err) ? 0 : -1;
}

static int check_job(const struct prune *prune, struct err *err)
{
    const char *job = prune->spec.job;
    if (job == NULL || prune->rows.count > 0 || settings_job(prune->spec.settings, job))
        return 0;
    return settings_require_job(prune->spec.settings, job, err) ? 0 : -1;
}

int prune_gather(struct prune *prune, struct err *err)
{
    struct catalog *catalog = prune->spec.catalog;
    const struct catalog_plan_scope scope = {.job = prune->spec.job,
                                             .now = prune->spec.now};
    if (catalog_stores_list(catalog, &prune->known, err) < 0 ||
        catalog_plan_rows(catalog, &scope, &prune->rows, err) < 0)
        return -1;
    if (check_store(prune, err) < 0 || check_job(prune, err) < 0)
        return -1;
    return open_stores(prune, err);
}
