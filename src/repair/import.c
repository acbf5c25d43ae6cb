/*
 * Each batch is one transaction: a sync that is interrupted has taken in whole backups, and
 * goes on where it was.
 */
#include "repair/import.h"

#include "repository/state_sync.h"
#include "base/log.h"
#include "base/memory.h"
#include "catalog/artifact_list.h"
#include "catalog/verifications.h"

/* The latest time that the store names, for the clock's guard (catalog_time_seen). */
static void see(struct import *import, int64_t time)
{
    if (time > import->newest)
        import->newest = time;
}

/* One file that is damaged keeps nobody from the thousand others. */
static void pass_over(struct import *import, const char *why)
{
    import->damaged++;
    log_warning("store \"%s\": %s: passed over", import->repository->name, why);
}

/* May the row of this id get a copy by this manifest? A running one is being committed by
 * its own process at this moment. */
static int check_known(struct import *import, const struct catalog_artifact *found,
                       bool *fits, struct err *err)
{
    struct catalog_artifact known = {0};
    *fits = false;
    int result = catalog_artifact_load(import->catalog, found->id, 0, &known, err);
    if (result == 0 && known.status != CATALOG_RUNNING) {
        char *why = NULL;
        if (known.status != CATALOG_COMPLETE && known.status != CATALOG_DELETED)
            why = memory_format("manifest of %s, which is %s here", found->id,
                                catalog_status_name(known.status));
        else if (known.stored_bytes != found->stored_bytes || known.sha256 == NULL ||
                 strcmp(known.sha256, found->sha256) != 0)
            why = memory_format("manifest of %s says another hash or size than the catalog",
                                found->id);
        if (why)
            pass_over(import, why);
        *fits = why == NULL;
        free(why);
    }
    catalog_artifact_release(&known);
    return result;
}

static int add_copy(struct import *import, const struct metadata_item *item,
                    struct catalog_copy *copy, struct err *err)
{
    bool existed = false;
    const struct manifest *manifest = &item->manifest;
    /* Keys are the manifest's, which was held against the id when it was read. */
    memcpy(copy->artifact, manifest->artifact.id, ULID_SIZE);
    copy->store_id = import->repository->id;
    copy->key = memory_strdup(manifest->facts.key);
    copy->index_key = memory_strdup(manifest->facts.index_key);
    copy->bytes = manifest->artifact.stored_bytes;
    /* Nobody here saw it become complete; the manifest is written last, so its date is
     * that. */
    copy->completed = item->want->modified;
    /* One that was deleted here stays deleted: it existed. */
    if (catalog_copy_import(import->catalog, copy, &existed, err) < 0)
        return -1;
    import->copies += !existed;

    /* Somebody found it broken, and nobody found it good since: it is no good copy here
     * either. */
    if (existed || copy->verified_error == NULL ||
        copy->verified_level == CATALOG_LEVEL_NONE)
        return 0;
    struct catalog_verification found = {.copy = copy->id,
                                         .time = copy->verified,
                                         .level = copy->verified_level,
                                         .result = CATALOG_FOUND_DAMAGED,
                                         .message = copy->verified_error};
    return catalog_verification_add(import->catalog, &found, err);
}

static int take_manifest(struct import *import, struct metadata_item *item, bool *known,
                         struct err *err)
{
    struct catalog_copy copy = {0};
    struct catalog_artifact *artifact = &item->manifest.artifact;
    bool fits = true;
    /* A new artifact comes with its pins and marks, so that it is never without them here. */
    if (item->has_state)
        state_file_to(&item->state, artifact, &copy);
    int result = catalog_artifact_import(import->catalog, artifact, known, err);
    /* Of a known one this store may hold one copy more; the row stays as it is. */
    if (result == 0 && *known)
        result = check_known(import, artifact, &fits, err);
    if (result == 0 && fits) {
        import->artifacts += !*known;
        result = add_copy(import, item, &copy, err);
    }
    catalog_copy_release(&copy);
    return result;
}

static int take_one(struct import *import, struct metadata_item *item, struct err *err)
{
    bool known = true, changed = false;
    /* One file of the two may be damaged; the other is still taken. */
    if (item->problem.kind != ERR_NONE)
        pass_over(import, item->problem.text);
    if (item->has_manifest) {
        see(import, item->manifest.artifact.time);
        see(import, item->manifest.artifact.finished);
    }
    if (item->has_state) {
        see(import, item->state.changed);
        see(import, item->state.pin_changed);
        see(import, item->state.verified);
    }
    if (item->has_manifest && take_manifest(import, item, &known, err) < 0)
        return -1;
    /* Of a new one the state came with the rows. Where the manifest was wanted and could not
     * be read there is no row to apply it to. */
    if (!item->has_state || !known || (item->want->manifest && !item->has_manifest))
        return 0;
    if (state_sync_apply(import->catalog, import->repository->id, &item->state, &changed,
                         err) < 0)
        return -1;
    import->states += changed;
    return 0;
}

int import_take(void *context, struct metadata_item *items, size_t count, struct err *err)
{
    struct import *import = context;
    /* A batch at a time: a million rows in one transaction would keep every other process
     * from writing. */
    if (catalog_begin(import->catalog, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (take_one(import, &items[i], err) < 0) {
            catalog_rollback(import->catalog);
            return -1;
        }
    }
    return catalog_commit(import->catalog, err);
}
