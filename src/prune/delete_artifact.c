/*
 * Choosing, asking and marking are the same with and without `yes`; without it the
 * transaction is rolled back at its end. So what is shown cannot differ from what would be
 * done.
 */
#include "prune/delete_artifact.h"

#include "repository/state_sync.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/memory.h"
#include "catalog/artifact_group.h"
#include "catalog/deletions.h"
#include "catalog/plan_rows.h"

#define WISH "deleted by hand"

/* One wish on its way through choosing, asking, marking and removing. */
struct deleting {
    const struct delete_spec *spec;
    struct delete_outcome *out;
    struct catalog_deletion *deletions; /* what is not on its way out yet */
    size_t count;
    bool takes_complete;
};

void delete_outcome_release(struct delete_outcome *outcome)
{
    catalog_artifact_release(&outcome->artifact);
    repository_list_release(&outcome->stores);
    remove_results_release(&outcome->removed);
    free(outcome->copies);
}

/* ---- what it is about ---- */

/* Deleted ones are history; of the others all, or those of one store. */
static bool is_chosen(const struct deleting *d, const struct catalog_copy *copy)
{
    return copy->state != CATALOG_COPY_DELETED &&
           (d->spec->store == NULL || strcmp(d->spec->store, copy->store) == 0);
}

static int check_status(const struct deleting *d, struct err *err)
{
    const struct catalog_artifact *artifact = &d->out->artifact;
    if (artifact->status == CATALOG_DELETED)
        return err_set(err, ERR_NOT_FOUND, "%s is deleted already", artifact->id);
    if (artifact->status != CATALOG_RUNNING)
        return 0;
    /* Its backup would write on into what we remove. */
    err_set(err, ERR_BUSY, "%s is being taken", artifact->id);
    if (artifact->owner_state == OWNER_ALIVE)
        return -1;
    return err_hint(err, "if its process is gone, `pgkeep sweep` ends it");
}

static int choose(struct deleting *d, struct err *err)
{
    struct catalog_artifact *artifact = &d->out->artifact;
    if (catalog_artifact_load(session_catalog(d->spec->session), d->spec->id,
                              CATALOG_WITH_COPIES, artifact, err) < 0 ||
        check_status(d, err) < 0)
        return -1;
    /* One more than needed: an array of nothing is no array. */
    d->out->copies = memory_array(artifact->copy_count + 1, sizeof *d->out->copies);
    d->deletions = memory_array(artifact->copy_count + 1, sizeof *d->deletions);
    for (size_t i = 0; i < artifact->copy_count; i++) {
        const struct catalog_copy *copy = &artifact->copies[i];
        if (!is_chosen(d, copy))
            continue;
        d->out->copies[d->out->count++] = copy->id;
        /* Only then has anything to be left of the group. */
        d->takes_complete |= copy->state == CATALOG_COPY_COMPLETE;
        /* Marked by an earlier command: only phase 2 is left to be done. */
        bool leaving = copy->state == CATALOG_COPY_DELETING ||
                       copy->state == CATALOG_COPY_LOCKED ||
                       copy->state == CATALOG_COPY_BLOCKED;
        if (!leaving)
            d->deletions[d->count++] = (struct catalog_deletion){
                .copy = copy->id, .reason = WISH, .expected = copy->state};
    }
    if (d->out->count > 0)
        return 0;
    /* Every copy is gone or never was: the row is all that is left to forget. */
    d->out->only_row = d->spec->store == NULL;
    if (d->out->only_row)
        return 0;
    /* A typo is told as one, before it is told that there is no copy. */
    if (session_require_store(d->spec->session, d->spec->store, err) < 0)
        return -1;
    return err_set(err, ERR_NOT_FOUND, "%s has no copy in store \"%s\"", artifact->id,
                   d->spec->store);
}

/* Makes the hash of what would go, which is shown in any case; what is forced must be what was
 * shown: these copies, in these very stores. */
static int check_force(struct deleting *d, struct err *err)
{
    const struct catalog_artifact *artifact = &d->out->artifact;
    struct strlist lines = {0};
    struct digest digest;
    unsigned char whole[SHA256_SIZE];
    int result = 0;
    for (size_t i = 0; result == 0 && i < artifact->copy_count; i++) {
        struct catalog_store store = {0};
        if (!is_chosen(d, &artifact->copies[i]))
            continue;
        result = catalog_store_load(session_catalog(d->spec->session),
                                    artifact->copies[i].store_id, &store, err);
        if (result == 0)
            strlist_addf(&lines, "%s %s delete\n", store.uuid, artifact->id);
        catalog_store_release(&store);
    }
    strlist_sort(&lines);
    digest_init(&digest, DIGEST_SHA256);
    for (size_t i = 0; i < lines.count; i++)
        digest_add(&digest, lines.items[i], strlen(lines.items[i]));
    digest_finish(&digest, whole);
    digest_hex(whole, (sizeof d->out->hash - 1) / 2, d->out->hash);
    strlist_release(&lines);
    if (result == 0 && d->spec->force != NULL && strcmp(d->spec->force, d->out->hash) != 0)
        return err_set(err, ERR_UNSAFE,
                       "--force-unsafe: what would go is not what that hash was given for: "
                       "it is %s now",
                       d->out->hash);
    return result;
}

/* ---- the stores ---- */

static int open_stores(struct deleting *d, struct err *err)
{
    const struct catalog_artifact *artifact = &d->out->artifact;
    struct strlist names = {0};
    for (size_t i = 0; i < artifact->copy_count; i++) {
        if (is_chosen(d, &artifact->copies[i]))
            strlist_add(&names, artifact->copies[i].store);
    }
    int result =
        session_repositories(d->spec->session, &names, false, &d->out->stores, err);
    strlist_release(&names);
    /* Not even one: nothing could be done now, and a wish is not worth a mark that nobody
     * sees. */
    if (result == 0 && d->out->stores.count == 0 && d->out->stores.failure_count > 0) {
        *err = d->out->stores.failures[0].err;
        return -1;
    }
    return result;
}

/* Another machine may have pinned it. */
static int read_notes(struct deleting *d, struct err *err)
{
    for (size_t i = 0; i < d->out->stores.count; i++) {
        if (state_sync_pull(session_catalog(d->spec->session), d->out->stores.items[i],
                            d->spec->id, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- phase 1 ---- */

static int refuse(const struct deleting *d, const struct catalog_deletion *deletion,
                  struct err *err)
{
    const char *id = d->spec->id;
    /* With the way on; a lease ends by itself. */
    if (deletion->result == CATALOG_SKIP_PINNED) {
        err_set(err, ERR_UNSAFE, "%s is pinned", id);
        return err_hint(err, "`pgkeep unpin %s` lets it go", id);
    }
    return err_set(err, deletion->result == CATALOG_SKIP_LEASED ? ERR_UNSAFE : ERR_BUSY,
                   "%s cannot be deleted now: %s", id, catalog_skip_name(deletion->result));
}

/* Something that can be restored has to be left of the group; if this one looks wrong
 * itself, any complete one will do. */
static int check_left(void *context, struct catalog *catalog, struct err *err)
{
    struct deleting *d = context;
    const struct catalog_artifact *artifact = &d->out->artifact;
    struct catalog_plan_rows rows = {0};
    size_t complete = 0, good = 0;
    if (!d->takes_complete)
        return 0;
    char *group = catalog_artifact_group(artifact);
    /* Over all stores: the last one anywhere is what is protected. */
    const struct catalog_plan_scope scope = {.job = artifact->job, .now = d->spec->now};
    int result = catalog_plan_rows(catalog, &scope, &rows, err);
    for (size_t i = 0; i < rows.count; i++) {
        const struct catalog_plan_row *row = &rows.items[i];
        /* What is marked by this transaction counts as gone already. */
        if (row->state != CATALOG_COPY_COMPLETE || row->status != CATALOG_COMPLETE ||
            strcmp(row->group, group) != 0)
            continue;
        complete++;
        good += !row->suspect && !row->quarantined;
    }
    catalog_plan_rows_release(&rows);
    /* One that is doubtful itself may go as long as anything complete stays. */
    size_t left = artifact->suspect || artifact->quarantined ? complete : good;
    d->out->last_good = result == 0 && left == 0;
    if (d->out->last_good && d->spec->force == NULL) {
        err_set(err, ERR_UNSAFE, "%s is the last good backup of %s", artifact->id, group);
        result = err_hint(err,
                          "take another one first; or, if it is to go for good: pgkeep "
                          "delete %s%s%s --force-unsafe=%s --yes",
                          artifact->id, d->spec->store != NULL ? " --store " : "",
                          d->spec->store != NULL ? d->spec->store : "", d->out->hash);
    }
    free(group);
    return result;
}

static int mark(struct deleting *d, struct err *err)
{
    /* The same function as phase 1 of prune: pins and leases are asked for once more in it */
    struct catalog_marking marking = {.items = d->deletions,
                                      .count = d->count,
                                      .run = session_run_id(d->spec->session),
                                      .now = d->spec->now,
                                      .check = check_left,
                                      .context = d};
    if (d->out->only_row)
        return catalog_artifact_forget(session_catalog(d->spec->session), d->spec->id, err);
    if (catalog_deletions_mark(session_catalog(d->spec->session), &marking, err) < 0)
        return -1;
    for (size_t i = 0; i < d->count; i++) {
        if (d->deletions[i].result != CATALOG_MARKED &&
            d->deletions[i].result != CATALOG_FORGOTTEN)
            return refuse(d, &d->deletions[i], err);
    }
    return 0;
}

/* All of it, or nothing; without `yes` nothing, after it was tried. */
static int mark_or_try(struct deleting *d, struct err *err)
{
    struct catalog *catalog = session_catalog(d->spec->session);
    if (catalog_begin(catalog, err) < 0)
        return -1;
    int result = mark(d, err);
    if (result == 0 && d->spec->yes)
        return catalog_commit(catalog, err);
    catalog_rollback(catalog);
    return result;
}

/* ---- phase 2 ---- */

/* Copy by copy, what was marked now and what was marked long ago. */
static int remove_all(struct deleting *d, struct err *err)
{
    const struct catalog_artifact *artifact = &d->out->artifact;
    struct remove_results *results = &d->out->removed;
    for (size_t i = 0; i < artifact->copy_count; i++) {
        const struct catalog_copy *copy = &artifact->copies[i];
        struct remove_spec spec = {session_catalog(d->spec->session),
                                   repository_list_find(&d->out->stores, copy->store_id),
                                   d->spec->now};
        struct remove_result one;
        /* Of a copy that never had a byte the row is all, and it is forgotten already. */
        bool forgotten = false;
        for (size_t j = 0; j < d->count; j++)
            forgotten |= d->deletions[j].copy == copy->id &&
                         d->deletions[j].result == CATALOG_FORGOTTEN;
        /* A store that is away: the mark stands, and the next prune or sweep goes on. */
        if (!is_chosen(d, copy) || spec.repository == NULL || forgotten)
            continue;
        if (remove_copy(&spec, copy->id, &one, err) < 0)
            return -1;
        memory_grow(&results->items, &results->capacity, results->count + 1,
                    sizeof *results->items);
        results->items[results->count++] = one;
    }
    return 0;
}

struct session_spec delete_session(bool yes)
{
    return (struct session_spec){.kind = "delete",
                                 .catalog = SESSION_WRITE,
                                 .lock = yes ? SESSION_LOCK_REMOVAL : SESSION_NO_LOCK,
                                 .recorded = yes};
}

int delete_artifact(const struct delete_spec *spec, struct delete_outcome *outcome,
                    struct err *err)
{
    struct deleting d = {.spec = spec, .out = outcome};
    *outcome = (struct delete_outcome){0};
    int result = -1;
    if (choose(&d, err) == 0 && check_force(&d, err) == 0 && open_stores(&d, err) == 0 &&
        read_notes(&d, err) == 0)
        result = mark_or_try(&d, err);
    if (result == 0 && spec->yes)
        result = remove_all(&d, err);
    free(d.deletions);
    return result;
}

enum outcome delete_artifact_outcome(const struct delete_outcome *outcome)
{
    /* Locked counts as undone here: somebody wanted it gone now. */
    bool undone = outcome->stores.failure_count > 0;
    for (size_t i = 0; i < outcome->removed.count; i++)
        undone |= outcome->removed.items[i].outcome != REMOVE_GONE;
    return undone ? OUTCOME_PARTIAL : OUTCOME_DONE;
}
