/* A repository is known by its mark, and by what lies in its folder of manifests. */
#include "repository/nearby.h"

#include "base/memory.h"

enum { SHOWN = 5, HINT_CEILING = 300 };

/* Prefixes, not objects: a few of them are enough to choose from. */
struct looking {
    struct strlist found; /* what stands in front of "manifests/" */
    size_t seen;
};

/* Non-zero ends the listing: enough was found, or enough was looked at. */
static int look_at(void *context, const struct store_object *object, struct err *err)
{
    static const char *const signs[] = {"/manifests/", "/pgkeep-store.json"};
    struct looking *looking = context;
    (void)err;
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        const char *at = strstr(object->key, signs[i]);
        if (at == NULL)
            continue;
        /* What stands in front is what a user writes behind the bucket. */
        char *prefix = memory_strndup(object->key, (size_t)(at - object->key));
        if (!strlist_has(&looking->found, prefix))
            strlist_add(&looking->found, prefix);
        free(prefix);
    }
    return ++looking->seen >= NEARBY_OBJECTS || looking->found.count > SHOWN;
}

/* A hint and nothing more: what cannot be listed leaves the error as it is. */
void nearby_hint(struct store *whole, const struct store_settings *from, struct err *err)
{
    struct looking looking = {0};
    struct err ignored = {0};
    struct text hint;
    /* Whatever the end of the listing: what was seen is there. */
    int result = store_list(whole, "", look_at, &looking, &ignored);
    (void)result;

    text_init(&hint, HINT_CEILING);
    for (size_t i = 0; i < looking.found.count && i < SHOWN; i++) {
        if (from->type == STORE_DIR)
            text_addf(&hint, "%sdir:%s/%s", i > 0 ? ", " : "", from->path,
                      looking.found.items[i]);
        else
            text_addf(&hint, "%ss3://%s/%s", i > 0 ? ", " : "", from->bucket,
                      looking.found.items[i]);
    }
    if (looking.found.count > 0)
        err_hint(err, "there are backups in %s%s", hint.data,
                 looking.found.count > SHOWN ? " and more" : "");
    text_release(&hint);
    strlist_release(&looking.found);
}
