/*
 * The manifest decides, never the state of the row: a process may have died between the
 * manifest and the commit of the catalog, and then there is a backup that nobody knows.
 *
 * A copy of which the owner may still live is left alone, always: undoing it would abort an
 * upload under the hands of a running backup. Who holds the lock of the job vouches that
 * its owner is gone.
 */
#include "copy/recover.h"

#include "repository/keys.h"
#include "session/lock.h"
#include "repository/repository_object.h"
#include "base/log.h"
#include "base/memory.h"
#include "catalog/artifact_list.h"
#include "catalog/db/facts.h"
#include "catalog/runs.h"
#include "catalog/verifications.h"

#define ENDED_EARLY "its process ended before the backup was done"

/* One copy that somebody left. */
struct recovery {
    const struct recover_spec *spec;
    const struct catalog_copy *copy;
};

/* ---- its manifest is there ---- */

/* The catalog never heard the end: the manifest tells it. Artifact and copy in one transaction, as
 * in commit.c. */
static int complete(const struct recovery *r, enum catalog_status status,
                    struct manifest *manifest, struct err *err)
{
    /* Sizes are the manifest's: the row was written before they were known. */
    struct catalog_copy copy = *r->copy;
    copy.bytes = manifest->artifact.stored_bytes;
    manifest->artifact.status = CATALOG_COMPLETE;
    if (catalog_begin(r->spec->catalog, err) < 0)
        return -1;
    /* Another copy of it may have made the artifact complete already. */
    int result = status == CATALOG_COMPLETE
                     ? 0
                     : catalog_artifact_finish(r->spec->catalog, &manifest->artifact, err);
    /* A failed copy is no state that complete may follow: it is opened again first. */
    if (result == 0 && r->copy->state == CATALOG_COPY_FAILED)
        result = catalog_copy_reopen(r->spec->catalog, copy.id, err);
    if (result == 0)
        result = catalog_copy_complete(r->spec->catalog, &copy, err);
    if (result == 0)
        return catalog_commit(r->spec->catalog, err);
    catalog_rollback(r->spec->catalog);
    return -1;
}

/* Is what the manifest names there as well? It is written last and removed first, but a
 * bucket's lifecycle rules and other people's tools know nothing of that order. */
static int check_data(const struct recovery *r, const struct manifest *manifest,
                      bool *whole, struct err *err)
{
    bool exists = false;
    uint64_t bytes = 0;
    /* A manifest of this id that names another object was forged, or written by a mistake
     * of ours: neither is for a machine to mend. */
    if (manifest->facts.key == NULL || strcmp(manifest->facts.key, r->copy->key) != 0)
        return err_set(err, ERR_UNSAFE, "the manifest of %s names another object than %s",
                       r->copy->artifact, r->copy->key);
    int result = repository_object_exists(r->spec->repository->store, r->copy->key, &exists,
                                          &bytes, err);
    /* The size only: bytes are proven by verify. */
    *whole = exists && bytes == manifest->artifact.stored_bytes;
    return result;
}

/* ---- it is not ---- */

/* Whoever goes through a list comes late to its last row, and a store may take its time:
 * meanwhile a `copy` may have taken this one up again, and may even have completed it. */
static int is_as_it_was(const struct recovery *r, bool *same, struct err *err)
{
    struct catalog_copy now = {0};
    /* Owner and state together: a `copy` that took it up has another owner even in the same
     * state. */
    const char *owner = r->copy->owner ? r->copy->owner : "";
    if (catalog_copy_load(r->spec->catalog, r->copy->id, &now, err) < 0)
        return -1;
    *same = now.state == r->copy->state && strcmp(now.owner ? now.owner : "", owner) == 0;
    catalog_copy_release(&now);
    return 0;
}

/* Asked again before each removal: between two of them a store may take minutes. */
static int remove_object(const struct recovery *r, const char *key, struct err *err)
{
    bool same = false;
    if (key == NULL)
        return 0;
    if (is_as_it_was(r, &same, err) < 0)
        return -1;
    if (!same)
        return err_set(err, ERR_UNSAFE, "another process has taken up the copy of %s",
                       r->copy->artifact);
    return repository_remove_object(r->spec->repository->store, key, err);
}

static int clean(const struct recovery *r, struct err *err)
{
    /* Everything under names of this artifact, whether or not it was ever written: removing
     * what is not there is success. */
    char *manifest = keys_manifest(r->copy->artifact);
    struct store *store = r->spec->repository->store;
    int result = 0;
    /* By the handle that the catalog kept, then whatever else of it is open. */
    if (r->copy->upload)
        result = store_abort_pending(store, r->copy->key, r->copy->upload, err);
    if (result == 0)
        result =
            repository_abort_unfinished(store, r->copy->artifact, r->copy->key, NULL, err);
    /* The manifest first: at every instant one that is there names only what is there. */
    if (result == 0)
        result = remove_object(r, manifest, err);
    if (result == 0)
        result = remove_object(r, r->copy->index_key, err);
    if (result == 0)
        result = remove_object(r, r->copy->key, err);
    free(manifest);
    if (result < 0)
        return -1;
    /* Clean: nothing of it is left, so nobody need come back to this store. */
    return catalog_copy_fail(r->spec->catalog, r->copy->id,
                             r->copy->error ? r->copy->error : ENDED_EARLY, true, err);
}

int recover_copy(const struct recover_spec *spec, const struct catalog_copy *copy,
                 enum recover_result *result, struct err *err)
{
    struct recovery r = {spec, copy};
    struct repository_manifest found;
    struct catalog_artifact row = {0};
    bool whole = false, same = false;
    /* A failed copy is nobody's. Of another machine or container nothing can be seen from here:
     * then only who holds the lock of its job knows. */
    bool gone = copy->state == CATALOG_COPY_FAILED || copy->owner_state == OWNER_DEAD ||
                (spec->vouched && copy->owner_state == OWNER_UNKNOWN);
    *result = RECOVER_LEFT_ALONE;
    if (!gone)
        return 0;
    if (is_as_it_was(&r, &same, err) < 0)
        return -1;
    if (!same)
        return 0;

    /* An artifact that is failed by now (the other copies were cleaned first), or was deleted by
     * somebody's decision, cannot become complete again; its manifest then is one more thing to
     * remove. */
    int done = catalog_artifact_load(spec->catalog, copy->artifact, 0, &row, err);
    enum catalog_status status = row.status;
    bool may = status == CATALOG_RUNNING || status == CATALOG_COMPLETE;
    catalog_artifact_release(&row);
    if (done < 0)
        return -1;

    /* A manifest without its data is no backup: it is removed with the rest. */
    done = repository_read_manifest(spec->repository->store, copy->artifact, &found, err);
    if (done == 0 && !found.absent)
        done = check_data(&r, &found.manifest, &whole, err);
    if (done == 0) {
        *result = whole && may ? RECOVER_COMPLETED : RECOVER_CLEANED;
        done = whole && may ? complete(&r, status, &found.manifest, err) : clean(&r, err);
    }
    repository_manifest_release(&found);
    return done;
}

/* ---- a whole job ---- */

/* Once for each, whoever called: a user should not wonder where remains went. */
static void tell(const struct catalog_copy *copy, enum recover_result result)
{
    if (result == RECOVER_COMPLETED)
        log_info(
            "backup %s turned out complete in store \"%s\": only its process had ended "
            "too early",
            copy->artifact, copy->store);
    else if (result == RECOVER_CLEANED)
        log_info("removed what backup %s had left in store \"%s\" (%s)", copy->artifact,
                 copy->store, copy->error ? copy->error : ENDED_EARLY);
}

/* A copy that `copy` is bringing to a complete artifact, not one that its backup left: that
 * has the owner of the artifact. */
static bool is_later_copy(const struct catalog_artifact *artifact,
                          const struct catalog_copy *copy)
{
    bool same_owner = artifact->owner != NULL && copy->owner != NULL &&
                      strcmp(artifact->owner, copy->owner) == 0;
    return artifact->status == CATALOG_COMPLETE && copy->state == CATALOG_COPY_UPLOADING &&
           !same_owner;
}

/* The copies of one job; they have none of their own, their artifact has it. */
static int recover_of_job(struct catalog *catalog, struct repository *repository,
                          const char *job, struct err *err)
{
    const struct recover_spec spec = {catalog, repository, *job != '\0'};
    struct catalog_copies copies = {0};
    int result = catalog_copies_abandoned(catalog, repository->id, &copies, err);
    for (size_t i = 0; result == 0 && i < copies.count; i++) {
        const struct catalog_copy *copy = &copies.items[i];
        enum recover_result what = RECOVER_LEFT_ALONE;
        struct catalog_artifact row = {0};
        struct err ignored = {0};
        /* An interrupted `copy` is left to be resumed: its owner is not this job. */
        bool mine =
            catalog_artifact_load(catalog, copy->artifact, 0, &row, &ignored) == 0 &&
            strcmp(row.job, job) == 0 && !is_later_copy(&row, copy);
        catalog_artifact_release(&row);
        if (!mine)
            continue;
        /* Under the lock of the job, if it is one: nobody else is at its copies. */
        result = recover_copy(&spec, copy, &what, err);
        if (result == 0)
            tell(copy, what);
    }
    catalog_copies_release(&copies);
    return result;
}

int recover_artifacts(struct catalog *catalog, const char *job, bool vouched, size_t *count,
                      struct err *err)
{
    struct catalog_artifacts running = {0};
    int result = catalog_artifacts_running(catalog, &running, err);
    *count = 0;
    for (size_t i = 0; result == 0 && i < running.count; i++) {
        const struct catalog_artifact *artifact = &running.items[i];
        /* A vouching caller holds the lock of that job. */
        bool gone = artifact->owner_state == OWNER_DEAD ||
                    (vouched && artifact->owner_state == OWNER_UNKNOWN);
        /* Its manifest may lie in a store that does not answer now: then it is no failure yet. */
        bool unfinished = false;
        for (size_t j = 0; j < artifact->copy_count; j++)
            unfinished |= artifact->copies[j].state == CATALOG_COPY_UPLOADING;
        if (!gone || unfinished || (job && strcmp(artifact->job, job) != 0))
            continue;
        result = catalog_artifact_abandon(catalog, artifact->id, vouched, ENDED_EARLY, err);
        *count += result == 0;
    }
    catalog_artifacts_release(&running);
    return result;
}

void recover_job(struct catalog *catalog, const struct repository_list *stores,
                 const char *job)
{
    struct err err = {0};
    size_t count = 0;
    for (size_t i = 0; i < stores->count; i++) {
        err_clear(&err);
        if (recover_of_job(catalog, stores->items[i], job, &err) < 0)
            log_warning("what an earlier run left stays for now: %s", err.text);
    }
    err_clear(&err);
    /* After the copies: only then is it known which artifacts have none left to look after */
    if (recover_artifacts(catalog, job, *job != '\0', &count, &err) < 0)
        log_warning("%s", err.text);
}

/* ---- a whole store ---- */

static int recover_one(const struct recover_spec *of_store, const struct catalog_copy *copy,
                       bool thorough, enum recover_result *result, struct err *err)
{
    struct recover_spec spec = *of_store;
    struct catalog_artifact row = {0};
    struct lock *lock = NULL;
    *result = RECOVER_LEFT_ALONE;
    /* Whether it is a backup's or a `copy`'s decides what may be done to it. */
    int done = catalog_artifact_load(spec.catalog, copy->artifact, 0, &row, err);
    bool is_copy = is_later_copy(&row, copy);
    /* Nobody takes a backup of that job while we hold its lock; ad-hoc ones have none. */
    struct lock_spec of_job = {.catalog = catalog_path(spec.catalog),
                               .kind = LOCK_JOB,
                               .name = row.job,
                               .command = "sweep"};
    struct err ignored = {0};
    if (done == 0 && thorough && !is_copy && copy->owner_state == OWNER_UNKNOWN &&
        *row.job != '\0')
        lock = lock_take(&of_job, &ignored);
    spec.vouched = lock != NULL;
    if (done == 0 && (thorough || !is_copy))
        done = recover_copy(&spec, copy, result, err);
    /* Held for this one copy: a backup of that job may begin between two. */
    lock_release(lock);
    catalog_artifact_release(&row);
    return done;
}

int recover_store(struct catalog *catalog, struct repository *repository, bool thorough,
                  struct recover_counts *counts, struct err *err)
{
    const struct recover_spec spec = {.catalog = catalog, .repository = repository};
    struct catalog_copies copies = {0};
    struct recover_counts sums = {0};
    int result = catalog_copies_abandoned(catalog, repository->id, &copies, err);
    for (size_t i = 0; result == 0 && i < copies.count; i++) {
        enum recover_result what = RECOVER_LEFT_ALONE;
        struct err why = {0};
        if (recover_one(&spec, &copies.items[i], thorough, &what, &why) == 0) {
            tell(&copies.items[i], what);
            sums.completed += what == RECOVER_COMPLETED;
            sums.cleaned += what == RECOVER_CLEANED;
            sums.left += what == RECOVER_LEFT_ALONE;
            continue;
        }
        sums.failed++;
        /* These are the catalog's or ours; the next copy would meet the same. */
        if (err_is_fatal(why.kind)) {
            *err = why;
            result = -1;
        } else {
            log_warning("what backup %s left in store \"%s\" stays for now: %s",
                        copies.items[i].artifact, repository->name, why.text);
        }
    }
    catalog_copies_release(&copies);
    if (counts)
        *counts = sums;
    return result;
}

int recover_forget_history(struct catalog *catalog, int64_t now, struct err *err)
{
    int64_t highest = 0;
    if (catalog_time_highest(catalog, &highest, err) < 0)
        return -1;
    /* A clock that jumped ahead has not been seen by a backup or a prune yet: it forgets
     * nothing that is 400 days old by nobody's count but its own (RETENTION G4). */
    int64_t before = (highest == 0 || now < highest ? now : highest) - CATALOG_HISTORY_S;
    /* A run stays while a verification of it does. */
    if (catalog_verifications_purge(catalog, before, err) < 0)
        return -1;
    return catalog_runs_purge(catalog, before, err);
}
