/*
 * All stores get data and index before any gets a manifest: whether there are enough copies must
 * be known before the first manifest makes the artifact complete. Data and index need not wait
 * for each other, as neither says anything without the manifest.
 *
 * What is undone here is what this very run may have made visible. It is removed even when
 * the process was cancelled, in bounded time (store_cleaner).
 */
#include "copy/commit.h"

#include "repository/repository_object.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/thread.h"

/* Everything of this copy that may be visible, the commit mark first: as long as that may
 * be there, so must be what it names. True: nothing is left; else the row tells it (`clean`), and
 * the next run looks for it. */
static bool remove_objects(const struct commit *commit, struct store *store,
                           const struct catalog_copy *copy)
{
    const char *const keys[] = {commit->manifest_key, copy->index_key, copy->key};
    struct store *cleaner = store_cleaner(store);
    bool clean = true;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        struct err trouble = {0};
        if (repository_remove_object(cleaner, keys[i], &trouble) == 0)
            continue;
        log_debug("%s", trouble.text);
        clean = false;
        if (i == 0) /* a manifest that stays names data that must stay */
            break;
    }
    store_close(cleaner);
    return clean;
}

void commit_undo(struct commit *commit, size_t index, const struct err *why)
{
    /* It may be a backup that failed before there was any stream. */
    bool begun = commit->fanout && index < fanout_count(commit->fanout);
    struct fanout_target *target = begun ? fanout_target(commit->fanout, index) : NULL;
    struct catalog_copy *copy = &commit->copies[index];
    struct err trouble = {0};
    bool clean = true;
    /* In the reverse order of how it came to be: the open upload, then what may be visible */
    if (target && target->upload != NULL)
        fanout_undo(commit->fanout, index, why);
    if (target && target->began)
        clean = target->undone;
    /* An answer that was lost may have been a yes. */
    if (target && target->visible)
        clean = remove_objects(commit, target->store, copy) && clean;
    /* The row keeps whether anything may be left: sweep goes by that. */
    if (catalog_copy_fail(commit->catalog, copy->id,
                          target && target->failed.kind ? target->failed.text : why->text,
                          clean, &trouble) < 0)
        log_warning("%s", trouble.text);
    copy->state = CATALOG_COPY_FAILED;
}

/* One step for one store. */
typedef int (*commit_step)(struct commit *commit, size_t index, struct err *err);

/* One step for one store, as it runs. */
struct commit_work {
    struct commit *commit;
    commit_step step;
    size_t index;
    bool began; /* on a thread of its own */
    pthread_t thread;
    int result;
    struct err err;
};

static void *run_work(void *context)
{
    struct commit_work *work = context;
    work->result = work->step(work->commit, work->index, &work->err);
    return NULL;
}

/* All steps for all stores that are still in. Those of buckets beside each other, as each costs
 * round trips; those of a folder one after the other, up to the first that fails. */
static void run_all(struct commit_work *works, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct commit_work *work = &works[i];
        struct fanout_target *target = fanout_target(work->commit->fanout, work->index);
        struct err ignored = {0}; /* without a thread it runs on this one */
        work->began = store_is_remote(target->store) &&
                      thread_start(&work->thread, run_work, work, &ignored) == 0;
    }
    for (size_t i = 0; i < count; i++) {
        struct commit_work *work = &works[i];
        bool goes_on = i == 0 || works[i - 1].index != work->index || works[i - 1].began ||
                       works[i - 1].result == 0;
        if (!work->began && goes_on)
            run_work(work);
        else if (!work->began)
            work->result = -1;
    }
    for (size_t i = 0; i < count; i++)
        if (works[i].began)
            pthread_join(works[i].thread, NULL);
}

/* Who fails is out. Returns how many stores are left. */
static size_t for_each(struct commit *commit, const commit_step *steps, size_t step_count)
{
    size_t targets = fanout_count(commit->fanout), count = 0, left = 0;
    struct commit_work *works = memory_array(targets * step_count, sizeof *works);
    for (size_t i = 0; i < targets; i++) {
        if (commit->copies[i].state == CATALOG_COPY_FAILED ||
            fanout_target(commit->fanout, i)->failed.kind != ERR_NONE)
            continue;
        for (size_t s = 0; s < step_count; s++)
            works[count++] =
                (struct commit_work){.commit = commit, .step = steps[s], .index = i};
    }
    run_all(works, count);
    for (size_t i = 0; i < count; i += step_count) {
        const struct err *why = NULL;
        for (size_t s = 0; s < step_count && why == NULL; s++)
            why = works[i + s].result < 0 ? &works[i + s].err : NULL;
        left += why == NULL;
        /* The stream first, so that the store gets nothing more; then what it holds. */
        if (why != NULL) {
            fanout_drop(commit->fanout, works[i].index, why);
            commit_undo(commit, works[i].index, why);
        }
    }
    free(works);
    return left;
}

/* Step 1, the data: the object becomes visible under its key, whole or not at all. */
static int finish_data(struct commit *commit, size_t index, struct err *err)
{
    struct fanout_target *target = fanout_target(commit->fanout, index);
    struct catalog_copy *copy = &commit->copies[index];
    struct store_object object = {0};
    /* Before the call, not after it: an answer that is lost leaves the object there. */
    target->visible = true;
    if (store_upload_finish(target->upload, &object, err) < 0)
        return -1;
    /* By the store's own words; version and etag let a later removal name exactly this
     * object. */
    copy->bytes = object.size;
    free(copy->etag);
    free(copy->version);
    copy->etag = memory_strdup(object.etag);
    copy->version = memory_strdup(object.version);
    store_object_release(&object);
    return 0;
}

/* Beside it. Small, so that a failure here costs a moment. */
static int put_index(struct commit *commit, size_t index, struct err *err)
{
    return store_put_new(fanout_target(commit->fanout, index)->store,
                         commit->copies[index].index_key, commit->index->data,
                         commit->index->length, err);
}

/* The first manifest makes the artifact complete; what fails from here on is one store. */
static int put_manifest(struct commit *commit, size_t index, struct err *err)
{
    struct catalog_copy *copy = &commit->copies[index];
    if (store_put_new(fanout_target(commit->fanout, index)->store, commit->manifest_key,
                      commit->manifest, strlen(commit->manifest), err) < 0)
        return -1;
    copy->state = CATALOG_COPY_COMPLETE;
    return 0;
}

/* The stores hold it already: a catalog that cannot be written is told, not undone. The
 * next run finds the manifest and completes the rows (recover.h). */
static int record(struct commit *commit, struct err *err)
{
    int result = catalog_begin(commit->catalog, err);
    /* One transaction for artifact and copies: nobody ever sees one without the other. */
    commit->artifact->status = CATALOG_COMPLETE;
    if (result == 0)
        result = catalog_artifact_finish(commit->catalog, commit->artifact, err);
    for (size_t i = 0; result == 0 && i < fanout_count(commit->fanout); i++) {
        if (commit->copies[i].state == CATALOG_COPY_COMPLETE)
            result = catalog_copy_complete(commit->catalog, &commit->copies[i], err);
    }
    if (result == 0)
        result = catalog_commit(commit->catalog, err);
    if (result == 0)
        return 0;
    catalog_rollback(commit->catalog);
    return err_context(err, "the backup is complete in its stores, but the catalog is not "
                            "up to date (the next run mends that)");
}

/* Those that the stream dropped. */
static void settle_dropped(struct commit *commit)
{
    for (size_t i = 0; i < fanout_count(commit->fanout); i++) {
        const struct fanout_target *target = fanout_target(commit->fanout, i);
        if (target->failed.kind != ERR_NONE &&
            commit->copies[i].state == CATALOG_COPY_UPLOADING)
            commit_undo(commit, i, &target->failed);
    }
}

int commit_run(struct commit *commit, struct err *err)
{
    settle_dropped(commit);
    /* Whether there are enough must be known before the first manifest. */
    static const commit_step parts[] = {finish_data, put_index}, marks[] = {put_manifest};
    size_t stored = for_each(commit, parts, 2);
    size_t manifests = stored >= commit->min_copies ? for_each(commit, marks, 1) : 0;
    /* One manifest is enough, whatever min_copies says: a backup that can be found and
     * restored is not taken back because its second mark could not be written. */
    commit->committed = manifests > 0;
    if (commit->committed)
        return record(commit, err);
    /* The first failure is the cause; what comes of undoing must not hide it. */
    fanout_too_few(commit->fanout, err);
    /* No store did anything wrong by itself here, so there is no warning for each. */
    for (size_t i = 0; i < fanout_count(commit->fanout); i++) {
        if (commit->copies[i].state == CATALOG_COPY_UPLOADING)
            commit_undo(commit, i, err);
    }
    return -1;
}
