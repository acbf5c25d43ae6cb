/*
 * Both ways: what the catalog believes and the store lacks, what lies in the store and no
 * row speaks for. Rows first, listing second, and what seems new is asked for once more, so
 * that a backup that ends in between is in neither list.
 */
#include "repair/check.h"

#include "repository/inventory.h"
#include "base/memory.h"
#include "catalog/copies.h"

/* Both sides of one store, read once. */
struct comparing {
    struct catalog *catalog;
    struct repository *repository;
    int64_t now;
    struct check_result *result;
    struct catalog_copies rows; /* of this store, all states, by id */
    struct inventory there;
};

const char *check_kind_name(enum check_kind kind)
{
    /* A contract with scripts, as all words of JSON. */
    static const char *const names[CHECK_KINDS] = {
        "no_manifest", "no_data", "no_index", "wrong_size",  "known_broken",
        "unknown",     "remains", "orphan",   "open_upload",
    };
    return names[kind];
}

void check_result_release(struct check_result *result)
{
    for (size_t i = 0; i < result->count; i++) {
        free(result->items[i].key);
        free(result->items[i].note);
    }
    free(result->items);
    *result = (struct check_result){0};
}

/* Takes the note. */
static struct check_finding *add(struct comparing *c, enum check_kind kind, const char *id,
                                 const char *key, char *note)
{
    struct check_result *result = c->result;
    memory_grow(&result->items, &result->capacity, result->count + 1,
                sizeof *result->items);
    struct check_finding *finding = &result->items[result->count++];
    *finding =
        (struct check_finding){.kind = kind, .key = memory_strdup(key), .note = note};
    snprintf(finding->id, sizeof finding->id, "%s", id);
    return finding;
}

/* ---- from the catalog to the store ---- */

/* The object of this very key: of an artifact several of one kind may lie there, and only the
 * one that the row names counts. */
static const struct inventory_object *find(const struct comparing *c,
                                           const struct catalog_copy *row,
                                           enum keys_kind kind, const char *key)
{
    const struct inventory_object *object = inventory_find(&c->there, row->artifact, kind);
    const struct inventory_object *end = c->there.items + c->there.count;
    for (; object && object < end && object->kind == kind &&
           strcmp(object->id, row->artifact) == 0;
         object++) {
        if (strcmp(object->key, key) == 0)
            return object;
    }
    return NULL;
}

/* A copy that should be good: its manifest, its data in full, its chunk index. */
static void compare_good(struct comparing *c, const struct catalog_copy *row)
{
    c->result->copies++;

    /* Without a manifest it is no backup for any other machine. */
    char *manifest = keys_manifest(row->artifact);
    if (find(c, row, KEYS_KIND_MANIFEST, manifest) == NULL)
        add(c, CHECK_NO_MANIFEST, row->artifact, manifest,
            memory_strdup("the manifest is not there"));
    free(manifest);

    /* Names and sizes only: reading is `verify`. */
    const struct inventory_object *data = find(c, row, KEYS_KIND_DATA, row->key);
    if (data == NULL) {
        add(c, CHECK_NO_DATA, row->artifact, row->key,
            memory_strdup("the data object is not there"));
    } else if (data->size != row->bytes) {
        struct check_finding *finding = add(
            c, CHECK_WRONG_SIZE, row->artifact, row->key,
            memory_format("has %llu bytes, %llu were stored",
                          (unsigned long long)data->size, (unsigned long long)row->bytes));
        finding->expected = row->bytes;
        finding->found = data->size;
        finding->time = data->modified;
    }

    if (row->index_key && find(c, row, KEYS_KIND_INDEX, row->index_key) == NULL)
        add(c, CHECK_NO_INDEX, row->artifact, row->index_key,
            memory_strdup("the chunk index is not there"));
}

/* From the catalog: what it promises and the store does not hold. */
static void compare_rows(struct comparing *c)
{
    for (size_t i = 0; i < c->rows.count; i++) {
        const struct catalog_copy *row = &c->rows.items[i];
        /* What failed, is on its way out or is gone promises nothing; what lies there of it is
         * seen from the other side. */
        if (row->state == CATALOG_COPY_COMPLETE)
            compare_good(c, row);
        else if (row->state == CATALOG_COPY_MISSING || row->state == CATALOG_COPY_DAMAGED)
            add(c, CHECK_KNOWN_BROKEN, row->artifact, row->key,
                memory_format("is known as %s%s%s", catalog_copy_state_name(row->state),
                              row->verified_error ? ": " : "",
                              row->verified_error ? row->verified_error : ""));
        else if (row->state == CATALOG_COPY_UPLOADING)
            c->result->uploading++;
    }
}

/* ---- from the store to the catalog ---- */

/* Of what lies there, size and date are known. */
static void add_object(struct comparing *c, enum check_kind kind,
                       const struct inventory_object *object, char *note)
{
    /* What is there is told with its size and date: somebody has to decide about it. */
    struct check_finding *finding = add(c, kind, object->id, object->key, note);
    finding->found = object->size;
    finding->time = object->modified;
}

/* Nothing here knows its id. Where its manifest lies there, that is a whole backup, told
 * once. */
static int compare_unknown(struct comparing *c, const struct inventory_object *object,
                           struct err *err)
{
    /* A backup that began after the rows were read. */
    struct catalog_copy copy = {0};
    int result = catalog_copy_find(c->catalog, object->id, c->repository->id, &copy, err);
    bool new = copy.id != 0;
    catalog_copy_release(&copy);
    if (result < 0 || new)
        return result;

    /* Data, index and state of a whole backup are part of its one finding. */
    bool whole = inventory_find(&c->there, object->id, KEYS_KIND_MANIFEST) != NULL;
    if (object->kind == KEYS_KIND_MANIFEST)
        add_object(c, CHECK_UNKNOWN, object,
                   memory_strdup("a backup that the catalog does not know (`pgkeep catalog "
                                 "sync` takes it in)"));
    else if (!whole)
        add_object(c, CHECK_ORPHAN, object,
                   memory_format("%s object that belongs to nothing",
                                 keys_kind_name(object->kind)));
    return 0;
}

/* One object of the store: whose is it, and may it be there? */
static int compare_object(struct comparing *c, const struct inventory_object *object,
                          struct err *err)
{
    const struct catalog_copy *row = catalog_copies_find(&c->rows, object->id);
    if (row == NULL)
        return compare_unknown(c, object, err);
    /* Manifest and state file have one name each; data and index have the one that the row
     * says. */
    bool claimed = object->kind == KEYS_KIND_MANIFEST || object->kind == KEYS_KIND_STATE ||
                   (row->key && strcmp(row->key, object->key) == 0) ||
                   (row->index_key && strcmp(row->index_key, object->key) == 0);
    if (!claimed)
        add_object(
            c, CHECK_ORPHAN, object,
            memory_strdup("is not the object that the catalog knows of this backup"));
    else if (row->state == CATALOG_COPY_DELETED)
        add_object(c, CHECK_ORPHAN, object,
                   memory_strdup("belongs to a copy that was deleted here"));
    else if (row->state == CATALOG_COPY_FAILED)
        add_object(
            c, CHECK_REMAINS, object,
            memory_strdup("belongs to a copy that failed (`pgkeep sweep` removes it)"));
    return 0;
}

static int compare_objects(struct comparing *c, struct err *err)
{
    for (size_t i = 0; i < c->there.count; i++) {
        const struct inventory_object *object = &c->there.items[i];
        /* Of the store, not of a backup. */
        if (object->kind == KEYS_KIND_MARK || object->kind == KEYS_KIND_RECOVERY)
            continue;
        c->result->objects++;
        if (compare_object(c, object, err) < 0)
            return -1;
    }
    /* Other people's objects: counted, so that a wrong prefix shows, and never told. */
    c->result->others = c->there.others;
    return 0;
}

/* ---- open uploads ---- */

static int compare_upload(void *context, const struct store_pending *pending,
                          struct err *err)
{
    struct comparing *c = context;
    char id[ULID_SIZE];
    (void)err;

    /* Whose it is says its key; the temp file of a folder, the id in its name. */
    enum keys_kind kind = keys_parse(pending->key, id);
    if ((kind != KEYS_KIND_DATA && kind != KEYS_KIND_TEMP) || id[0] == '\0')
        return 0; /* another program's */
    const struct catalog_copy *row = catalog_copies_find(&c->rows, id);

    /* One of ours counts with its copy; one that no copy owns may be another machine's until
     * it is old (CONTRACT-NOTES 18). */
    bool ours = row && row->state != CATALOG_COPY_DELETED;
    bool alive =
        ours && row->state == CATALOG_COPY_UPLOADING && row->owner_state != OWNER_DEAD;
    bool young = !ours && c->now - pending->initiated < CHECK_UPLOAD_AGE_S;
    if (alive || young) {
        c->result->uploading += !ours;
        return 0;
    }

    struct check_finding *finding =
        add(c, CHECK_OPEN_UPLOAD, id, pending->key,
            memory_strdup("an upload that nobody is at any more (`pgkeep sweep` ends it)"));
    finding->time = pending->initiated;
    return 0;
}

/* All findings of one backup stand together. */
static int by_id(const void *left, const void *right)
{
    const struct check_finding *a = left;
    const struct check_finding *b = right;
    int order = strcmp(a->id, b->id);
    if (order == 0)
        order = (a->kind > b->kind) - (a->kind < b->kind);
    return order != 0 ? order : strcmp(a->key, b->key);
}

/* Both sides are read in full before the first comparison: half of either would read as
 * loss. */
int check_store(struct catalog *catalog, struct repository *repository, int64_t now,
                struct check_result *result, struct err *err)
{
    struct comparing c = {
        .catalog = catalog, .repository = repository, .now = now, .result = result};
    struct catalog_copy_filter filter = {.store_id = repository->id,
                                         .states = (1u << CATALOG_COPY_STATES) - 1};
    int done = -1;
    *result = (struct check_result){0};
    repository_be_patient(repository);
    /* The catalog first: what was committed before the listing must be in it. */
    if (catalog_copies_list(catalog, &filter, &c.rows, err) < 0 ||
        inventory_list(&c.there, repository->store, "", err) < 0)
        goto cleanup;
    compare_rows(&c);
    if (compare_objects(&c, err) < 0)
        goto cleanup;
    done = store_list_pending(repository->store, "", compare_upload, &c, err);
    if (result->count > 0)
        qsort(result->items, result->count, sizeof *result->items, by_id);
cleanup:
    inventory_release(&c.there);
    catalog_copies_release(&c.rows);
    return done;
}
