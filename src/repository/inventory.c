/*
 * Sorted by id, so that the objects of one artifact stand together and two sorted lists can
 * be walked side by side; a store may list in any order.
 */
#include "repository/inventory.h"

#include "base/memory.h"

/* Called for each object of a listing, page after page; nothing is sorted before its end. */
static int add(void *context, const struct store_object *object, struct err *err)
{
    struct inventory *inventory = context;
    char id[ULID_SIZE];
    /* Strict: what could not be ours is not counted as ours, and so never found missing or
     * too much. */
    enum keys_kind kind = keys_parse(object->key, id);
    (void)err;
    /* Not ours: counted, and forgotten. */
    if (kind == KEYS_KIND_OTHER) {
        inventory->others++;
        return 0;
    }
    /* Keys are copied: a listing of a million objects is read page by page. */
    memory_grow(&inventory->items, &inventory->capacity, inventory->count + 1,
                sizeof *inventory->items);
    struct inventory_object *item = &inventory->items[inventory->count++];
    *item = (struct inventory_object){.kind = kind,
                                      .key = memory_strdup(object->key),
                                      .size = object->size,
                                      .modified = object->modified};
    memcpy(item->id, id, ULID_SIZE);
    return 0;
}

/* By artifact, and within it by kind: inventory_find looks for both. */
static int compare(const struct inventory_object *a, const char *id, enum keys_kind kind)
{
    int order = strcmp(a->id, id);
    return order != 0 ? order : (a->kind > kind) - (a->kind < kind);
}

/* The key as well, so that of two objects of one kind the order is always the same. */
static int by_id(const void *left, const void *right)
{
    const struct inventory_object *a = left;
    const struct inventory_object *b = right;
    int order = compare(a, b->id, b->kind);
    return order != 0 ? order : strcmp(a->key, b->key);
}

/* Two prefixes may be added one after the other: it is sorted anew, which is quick on what
 * is sorted. */
int inventory_list(struct inventory *inventory, struct store *store, const char *prefix,
                   struct err *err)
{
    /* Whole or an error: half a listing would read as loss. */
    if (store_list(store, prefix, add, inventory, err) < 0)
        return -1;
    if (inventory->count > 0)
        qsort(inventory->items, inventory->count, sizeof *inventory->items, by_id);
    return 0;
}

/* By halving: sync asks for each of a hundred thousand. */
const struct inventory_object *inventory_find(const struct inventory *inventory,
                                              const char *id, enum keys_kind kind)
{
    size_t low = 0, high = inventory->count;
    /* To the first that is not before it: of several of one kind the first is meant. */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(&inventory->items[middle], id, kind) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == inventory->count || compare(&inventory->items[low], id, kind) != 0)
        return NULL;
    return &inventory->items[low];
}

void inventory_release(struct inventory *inventory)
{
    for (size_t i = 0; i < inventory->count; i++)
        free(inventory->items[i].key);
    free(inventory->items);
    *inventory = (struct inventory){0};
}
