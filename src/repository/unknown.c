/* One listing, and one look into the index of ids for each of it. */
#include "repository/unknown.h"

#include "base/memory.h"
#include "catalog/artifact_list.h"
#include "catalog/db/facts.h"
#include "repository/keys.h"

struct counting {
    struct catalog *catalog;
    size_t count;
};

/* An id is looked up by index: a bucket of a hundred thousand takes a second. */
static int count_one(void *context, const struct store_object *object, struct err *err)
{
    struct counting *counting = context;
    char id[ULID_SIZE];
    bool known = false;
    /* What somebody else put there is nobody's backup. */
    if (keys_parse(object->key, id) != KEYS_KIND_MANIFEST)
        return 0;
    if (counting->catalog != NULL &&
        catalog_artifact_is_known(counting->catalog, id, &known, err) < 0)
        return -1;
    counting->count += !known;
    return 0;
}

/* From the listing alone: no manifest is read for it. */
int unknown_count(struct catalog *catalog, struct store *store, size_t *count,
                  struct err *err)
{
    struct counting counting = {.catalog = catalog};
    int result = store_list(store, KEYS_MANIFESTS, count_one, &counting, err);
    *count = counting.count;
    return result;
}

/* By mark, so that a store which is renamed keeps its figure. */
static char *key_of(const char *uuid)
{
    return memory_format("unknown/%s", uuid);
}

int unknown_remember(struct catalog *catalog, const char *uuid,
                     const struct unknown *unknown, struct err *err)
{
    char *key = key_of(uuid);
    char *value = memory_format("%zu %lld", unknown->count, (long long)unknown->when);
    int result = catalog_setting_set(catalog, key, value, err);
    free(value);
    free(key);
    return result;
}

int unknown_remembered(struct catalog *catalog, const char *uuid, struct unknown *out,
                       struct err *err)
{
    char *key = key_of(uuid);
    char *value = NULL;
    int result = catalog_setting_get(catalog, key, &value, err);
    *out = (struct unknown){0};
    /* What cannot be read says nothing, and is counted again. */
    if (value != NULL) {
        char *end = value;
        out->count = (size_t)strtoull(value, &end, 10);
        out->when = (int64_t)strtoll(end, NULL, 10);
    }
    free(value);
    free(key);
    return result;
}
