/*
 * The only place that removes what the catalog does not know, and therefore the most
 * careful one: on request only, a whole listing or nothing, no backup under way, seven days
 * old by the store's clock, and a last look for the manifest in front of each removal.
 */
#include "repair/sweep_steps.h"

#include "repository/repository_object.h"
#include "repository/keys.h"
#include "base/cancel.h"
#include "base/log.h"
#include "base/memory.h"
#include "catalog/artifact_list.h"
#include "retention/guard.h"

/* An object of ours that is no manifest. */
struct candidate {
    char *key;
    char id[ULID_SIZE];
    uint64_t size;
    int64_t modified;
};

/* Ids of manifests and candidates apart: the one speaks for the others. */
struct listing {
    struct candidate *items;
    size_t count, capacity;
    char (*manifests)[ULID_SIZE]; /* ids */
    size_t manifest_count, manifest_capacity;
};

static int collect(void *context, const struct store_object *object, struct err *err)
{
    struct listing *listing = context;
    char id[ULID_SIZE];
    enum keys_kind kind = keys_parse(object->key, id);
    (void)err;
    /* A manifest speaks for all objects of its artifact. */
    if (kind == KEYS_KIND_MANIFEST) {
        memory_grow(&listing->manifests, &listing->manifest_capacity,
                    listing->manifest_count + 1, sizeof *listing->manifests);
        memcpy(listing->manifests[listing->manifest_count++], id, sizeof id);
    }
    /* The mark, RECOVERY.md, temp files and whatever is not ours never become orphans. */
    if (kind != KEYS_KIND_DATA && kind != KEYS_KIND_INDEX && kind != KEYS_KIND_STATE)
        return 0;
    memory_grow(&listing->items, &listing->capacity, listing->count + 1,
                sizeof *listing->items);
    struct candidate *candidate = &listing->items[listing->count++];
    *candidate = (struct candidate){.key = memory_strdup(object->key),
                                    .size = object->size,
                                    .modified = object->modified};
    memcpy(candidate->id, id, sizeof id);
    return 0;
}

/* Ids are text of one length: their order is that of time. */
static int compare_ids(const void *left, const void *right)
{
    return strcmp(left, right);
}

/* Does a row of ours speak for it? What was deleted has no objects any more. */
static int is_known(const struct sweep *sweep, const char *id, bool *known, struct err *err)
{
    struct catalog_copy copy = {0};
    int result = catalog_copy_find(session_catalog(sweep->spec->session), id,
                                   sweep->repository->id, &copy, err);
    /* A failed one of which remains were noted speaks for them: recovery removes those. */
    *known = result == 0 && copy.id != 0 && copy.state != CATALOG_COPY_DELETED &&
             (copy.state != CATALOG_COPY_FAILED || copy.begun);
    catalog_copy_release(&copy);
    return result;
}

/* One candidate through all that may still speak for it, the cheapest question first. */
static int check_candidate(const struct sweep *sweep, const struct listing *listing,
                           const struct candidate *candidate, struct err *err)
{
    struct store *store = sweep->repository->store;
    struct store_removed removed = {0};
    bool known = false, committed = false;
    /* A manifest in the listing, a row in the catalog. */
    if (listing->manifest_count > 0 &&
        bsearch(candidate->id, listing->manifests, listing->manifest_count,
                sizeof *listing->manifests, compare_ids) != NULL)
        return 0;
    if (cancel_check(sweep->repository->cancel, err) < 0 ||
        is_known(sweep, candidate->id, &known, err) < 0)
        return -1;
    if (known)
        return 0;

    /* Its age, by the store's clock: a backup of another machine has its manifest last. What
     * has no date is young. */
    if (candidate->modified == 0 || candidate->modified > sweep->store_now - SWEEP_AGE_S) {
        sweep->report->young_orphans++;
        return 0;
    }

    /* The listing is some moments old: a commit may have come between. */
    if (repository_manifest_exists(store, candidate->id, &committed, err) < 0)
        return -1;
    if (committed)
        return 0;

    /* Nobody. A store that keeps it (object lock) is no reason to stop. */
    if (store_remove(store, candidate->key, &removed, err) < 0)
        return -1;
    if (removed.result != STORE_GONE) {
        log_warning("store \"%s\": orphan %s stays: %s", sweep->repository->name,
                    candidate->key, removed.reason);
        sweep->report->failed++;
        return 0;
    }
    log_info("store \"%s\": removed orphan %s", sweep->repository->name, candidate->key);
    sweep->report->orphans++;
    sweep->report->orphan_bytes += candidate->size;
    return 0;
}

static int check_listing(const struct sweep *sweep, struct listing *listing,
                         struct err *err)
{
    /* G10: an empty listing where copies are known decides nothing. */
    struct catalog_copies copies = {0};
    struct catalog_copy_filter filter = {.store_id = sweep->repository->id,
                                         .states = 1u << CATALOG_COPY_COMPLETE};
    int result =
        catalog_copies_list(session_catalog(sweep->spec->session), &filter, &copies, err);
    if (result == 0)
        result = retention_guard_listing(true, listing->count + listing->manifest_count,
                                         copies.count, err);
    catalog_copies_release(&copies);
    if (result < 0)
        return -1;

    /* Backups that only the store knows: told, and never touched. */
    if (listing->manifest_count > 0)
        qsort(listing->manifests, listing->manifest_count, sizeof *listing->manifests,
              compare_ids);
    for (size_t i = 0; i < listing->manifest_count; i++) {
        bool known = false;
        if (is_known(sweep, listing->manifests[i], &known, err) < 0)
            return -1;
        sweep->report->unknown += !known;
    }

    for (size_t i = 0; i < listing->count; i++) {
        if (check_candidate(sweep, listing, &listing->items[i], err) < 0)
            return -1;
    }
    return 0;
}

int sweep_orphans(const struct sweep *sweep, struct err *err)
{
    struct listing listing = {0};
    struct catalog_artifacts running = {0};
    /* What a running backup has put there looks like an orphan until its manifest comes. */
    int result =
        catalog_artifacts_running(session_catalog(sweep->spec->session), &running, err);
    size_t count = 0;
    /* One of a dead process counts no more: its row still speaks for what it has put here. It
     * can be left over when another store than this one has still to be cleared. */
    for (size_t i = 0; i < running.count; i++)
        count += running.items[i].owner_state != OWNER_DEAD;
    catalog_artifacts_release(&running);
    if (result < 0)
        return -1;
    if (count > 0) {
        log_warning("store \"%s\": a backup is running: orphans are not looked for",
                    sweep->repository->name);
        return 0;
    }

    /* The whole listing comes before the first removal; one that breaks off decides nothing. */
    result = store_list(sweep->repository->store, "", collect, &listing, err);
    if (result == 0)
        result = check_listing(sweep, &listing, err);
    for (size_t i = 0; i < listing.count; i++)
        free(listing.items[i].key);
    free(listing.items);
    free(listing.manifests);
    return result;
}
