/*
 * Only stores that the catalog has copies in are opened: a prune must not wait for, or
 * write a mark into, a store that it has nothing to do with.
 */
#include "prune/prune_steps.h"

#include "base/memory.h"

const char *prune_store_name(const struct prune *prune, int64_t store_id)
{
    for (size_t i = 0; i < prune->known.count; i++) {
        if (prune->known.items[i].id == store_id)
            return prune->known.items[i].name;
    }
    return "";
}

int prune_gather(struct prune *prune, struct err *err)
{
    const struct prune_spec *spec = &prune->spec;
    const struct catalog_plan_scope scope = {.job = spec->job, .now = spec->now};
    if (catalog_stores_list(prune->catalog, &prune->known, err) < 0 ||
        catalog_plan_rows(prune->catalog, &scope, &prune->rows, err) < 0)
        return -1;
    /* A typo should not read as "nothing to do". */
    if (session_require_store(spec->session, spec->store, err) < 0)
        return -1;
    return prune->rows.count > 0 ? 0 : session_require_job(spec->session, spec->job, err);
}

static bool has_rows(const struct prune *prune, int64_t store_id)
{
    for (size_t i = 0; i < prune->rows.count; i++) {
        if (prune->rows.items[i].store_id == store_id)
            return true;
    }
    return false;
}

/* Whatever is wrong with one store - away, another than expected, its password missing -
 * the others are pruned. */
int prune_open_stores(struct prune *prune, struct err *err)
{
    const char *only = prune->spec.store;
    for (size_t i = 0; i < prune->known.count; i++) {
        const struct catalog_store *row = &prune->known.items[i];
        struct session_store store = {
            .name = row->name, .id = row->id, .named = only != NULL};
        if ((only != NULL && strcmp(only, row->name) != 0) || !has_rows(prune, row->id))
            continue;
        if (cancel_check(session_cancel(prune->spec.session), err) < 0 ||
            session_add_repository(prune->spec.session, &store, &prune->stores, err) < 0)
            return -1;
    }
    return 0;
}
