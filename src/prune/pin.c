#include "prune/pin.h"

#include "repository/state_sync.h"
#include "base/log.h"
#include "base/memory.h"
#include "catalog/artifact_list.h"

/* The stores that hold the artifact, opened before anything is decided. */
struct pinning {
    const struct pin_spec *spec;
    /* as many as the artifact has copies; NULL: away, or no good copy */
    struct repository **stores;
    size_t count, untold;
};

/* What another machine decided there comes first. */
static int open_store(struct pinning *p, size_t i, const char *name, struct err *err)
{
    const struct pin_spec *spec = p->spec;
    struct err why = {0};
    p->stores[i] = session_repository(spec->session, name, false, &why);
    /* A damaged file is written anew. */
    if (p->stores[i] && (state_sync_pull(session_catalog(spec->session), p->stores[i],
                                         spec->id, &why) == 0 ||
                         why.kind == ERR_CORRUPT))
        return 0;
    p->stores[i] = NULL;
    /* The catalog, a cancel: then not even here is anything decided. */
    if (err_is_fatal(why.kind)) {
        *err = why;
        return -1;
    }
    /* The decision is made all the same: a pin that waits for a store would be none. */
    p->untold++;
    log_warning("store \"%s\" was not told (`pgkeep catalog sync` makes up for it): %s",
                name, why.text);
    return 0;
}

static int open_stores(struct pinning *p, const struct catalog_artifact *artifact,
                       struct err *err)
{
    p->stores = memory_array(artifact->copy_count, sizeof(struct repository *));
    /* By index of the copy; those that are not whole stay NULL. */
    p->count = artifact->copy_count;
    for (size_t i = 0; i < artifact->copy_count; i++) {
        const struct catalog_copy *copy = &artifact->copies[i];
        if (copy->state == CATALOG_COPY_COMPLETE && open_store(p, i, copy->store, err) < 0)
            return -1;
    }
    return 0;
}

/* One row; what it was before is known and older by now. */
static int change(const struct pin_spec *spec, struct err *err)
{
    struct catalog *catalog = session_catalog(spec->session);
    if (spec->accept)
        return catalog_artifact_accept(catalog, spec->id, spec->reason, err);
    return spec->pinned
               ? catalog_artifact_pin(catalog, spec->id, spec->until, spec->reason, err)
               : catalog_artifact_unpin(catalog, spec->id, err);
}

int pin_run(const struct pin_spec *spec, size_t *untold, struct err *err)
{
    struct pinning p = {.spec = spec};
    struct catalog_artifact artifact = {0};
    int result = catalog_artifact_load(session_catalog(spec->session), spec->id,
                                       CATALOG_WITH_COPIES, &artifact, err);
    /* Of another status the catalog says why it cannot be pinned. */
    if (result == 0 && artifact.status == CATALOG_COMPLETE)
        result = open_stores(&p, &artifact, err);
    if (result == 0)
        result = change(spec, err);
    for (size_t i = 0; i < p.count; i++) {
        if (result == 0 && p.stores[i] &&
            !state_sync_try_push(session_catalog(spec->session), p.stores[i], spec->id))
            p.untold++;
    }
    *untold = p.untold;
    free(p.stores);
    catalog_artifact_release(&artifact);
    return result;
}
