/*
 * A new catalog is made beside the old one and takes its place only at the end, so an
 * interruption costs nothing but time. All locks are held meanwhile: a backup that began
 * would write into the catalog that is about to be replaced.
 */
#include "repair/rebuild.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "catalog/artifact_list.h"
#include "catalog/db/facts.h"
#include "catalog/plan_rows.h"
#include "catalog/runs.h"

#define COMMAND "catalog rebuild"

/* Two catalogs at once: from the old one only what the stores do not have is taken. */
struct rebuilding {
    const struct settings *settings;
    const char *only;
    struct rebuild_result *result;
    struct session *session; /* whose catalog is the new one */
    struct catalog *old;     /* NULL: none, or it cannot be read */
    struct catalog *made;    /* the new one */
    char *path;              /* of the new one */
    int64_t newest;          /* latest time that the stores name */
};

void rebuild_result_release(struct rebuild_result *result)
{
    for (size_t i = 0; i < result->count; i++)
        free(result->stores[i].name);
    free(result->stores);
    free(result->kept);
    *result = (struct rebuild_result){0};
}

/* ---- nobody else at work ---- */

/* One that is damaged is a reason to rebuild; one that cannot be read for another reason (its
 * rights, a newer schema) is none to replace it. */
static int open_old(struct rebuilding *r, struct err *err)
{
    r->old = catalog_open(r->settings->catalog, CATALOG_WRITE, err);
    if (r->old != NULL)
        return 0;
    if (err->kind != ERR_NOT_FOUND && err->kind != ERR_CORRUPT)
        return -1;
    if (err->kind == ERR_CORRUPT)
        log_warning("the old catalog cannot be read and is only kept: %s", err->text);
    err_clear(err);
    return 0;
}

/* Which backup, and what with it: one can wait for that, or end it. */
static int busy(const char *what, const char *id, struct err *err)
{
    err_set(err, ERR_BUSY, "the catalog is in use: backup %s is %s", id, what);
    return err_hint(err, "try again when that has ended; `pgkeep status` shows it");
}

/* Backups of jobs are kept out by our locks. Ad-hoc backups, copies and whoever reads have no
 * lock that we could hold: the old catalog knows them. */
static int check_unused(struct rebuilding *r, struct err *err)
{
    struct catalog_copies copies = {0};
    struct catalog_artifacts running = {0};
    struct catalog_plan_rows rows = {0};
    struct catalog_copy_filter uploading = {.states = 1u << CATALOG_COPY_UPLOADING};
    const struct catalog_plan_scope all = {.now = clock_now()};
    int result = catalog_artifacts_running(r->old, &running, err);
    for (size_t i = 0; result == 0 && i < running.count; i++) {
        if (running.items[i].owner_state == OWNER_ALIVE)
            result = busy("being taken", running.items[i].id, err);
    }
    if (result == 0)
        result = catalog_copies_list(r->old, &uploading, &copies, err);
    for (size_t i = 0; result == 0 && i < copies.count; i++) {
        if (copies.items[i].owner_state == OWNER_ALIVE)
            result = busy("being uploaded", copies.items[i].artifact, err);
    }
    /* Leases: a restore, a verify, a download. */
    if (result == 0)
        result = catalog_plan_rows(r->old, &all, &rows, err);
    for (size_t i = 0; result == 0 && i < rows.count; i++) {
        if (rows.items[i].lease != NULL)
            result = busy(rows.items[i].lease, rows.items[i].artifact, err);
    }
    catalog_artifacts_release(&running);
    catalog_copies_release(&copies);
    catalog_plan_rows_release(&rows);
    return result;
}

/* ---- the stores ---- */

/* The new catalog has no rows of stores yet: an ad-hoc one goes by its URL. */
static char *name_of(struct rebuilding *r, const char *name, struct err *err)
{
    struct catalog_store row = {0};
    bool absent = true;
    char *found = NULL;
    if (settings_store(r->settings, name) == NULL && r->old != NULL &&
        catalog_store_find(r->old, name, &row, &absent, err) < 0)
        return NULL;
    found = repository_name(r->settings, r->made, absent ? name : row.url, err);
    catalog_store_release(&row);
    return found;
}

/* A pin that the store could not be told of is only in the old catalog. That one may be
 * damaged, which is no reason not to make another. */
static int push_pins(struct rebuilding *r, const struct repository *repository,
                     int64_t old_id, struct err *err)
{
    struct repository of_old = *repository; /* under the id that the old catalog gave it */
    size_t told = 0;
    of_old.id = old_id;
    repository_be_patient(&of_old);
    if (sync_push_pins(r->old, &of_old, &told, err) == 0)
        return 0;
    /* Not err_is_fatal: an old catalog that cannot be read is why there is a rebuild. */
    if (err->kind == ERR_CANCELLED)
        return -1;
    log_warning("store \"%s\": pins that only the old catalog knows may be lost: %s",
                repository->name, err->text);
    err_clear(err);
    return 0;
}

/* The old catalog knows who this is; a rebuild from another disk would forget all. What it
 * knows and the store does not is told there first. */
static int check_old(struct rebuilding *r, const struct repository *repository,
                     struct err *err)
{
    struct catalog_store row = {0};
    bool absent = true;
    if (r->old == NULL)
        return 0;
    int result = catalog_store_find(r->old, repository->name, &row, &absent, err);
    if (result == 0 && !absent && *row.uuid && strcmp(row.uuid, repository->uuid) != 0) {
        err_set(err, ERR_UNSAFE,
                "store \"%s\" is another store than the catalog knows: its mark is %s, not "
                "%s",
                repository->name, repository->uuid, row.uuid);
        result =
            err_hint(err, "is the right disk mounted, the right bucket named? If it was "
                          "replaced on purpose: pgkeep doctor --adopt");
    } else if (result == 0 && !absent) {
        result = push_pins(r, repository, row.id, err);
    }
    catalog_store_release(&row);
    return result;
}

/* A configured store that was never used has no mark, and nothing to read. One that the old
 * catalog has seen should have one. */
static int without_mark(struct rebuilding *r, const char *name, struct err *err)
{
    struct catalog_store row = {0};
    struct err ignored = {0};
    bool absent = true;
    bool known = r->old != NULL &&
                 catalog_store_find(r->old, name, &row, &absent, &ignored) == 0 &&
                 !absent && *row.uuid;
    catalog_store_release(&row);
    if (known) {
        err_set(err, ERR_UNSAFE,
                "store \"%s\": its mark pgkeep-store.json is missing, though the catalog "
                "knows this store",
                name);
        return err_hint(err, "is the disk mounted, is it the right bucket?");
    }
    if (r->only != NULL)
        return -1;
    log_info("%.*s: nothing to read there", (int)strcspn(err->text, "\n"), err->text);
    err_clear(err);
    r->result->unused++;
    return 0;
}

static int read_store(struct rebuilding *r, const char *given, struct err *err)
{
    struct rebuild_result *result = r->result;
    char *name = name_of(r, given, err);
    struct repository *repository =
        name ? session_repository(r->session, name, false, err) : NULL;
    int done = -1;
    if (repository == NULL) {
        /* Away is an error: a catalog without that store's backups would look like their
         * loss. */
        if (name && err->kind == ERR_NOT_FOUND)
            done = without_mark(r, given, err);
        goto cleanup;
    }
    /* In the list before it is read: a failure is told with what came before it. */
    memory_grow(&result->stores, &result->capacity, result->count + 1,
                sizeof *result->stores);
    struct rebuild_store *store = &result->stores[result->count++];
    *store = (struct rebuild_store){.name = memory_strdup(name)};

    /* The old catalog's pins first, so that the sync brings them into the new one. */
    done = check_old(r, repository, err);
    if (done == 0)
        done = sync_store(r->session, repository, &store->result, err);
    result->artifacts += store->result.artifacts;
    result->damaged += store->result.damaged;
    /* Over all stores: the clock's guard must know of the newest thing anywhere. */
    if (store->result.newest > r->newest)
        r->newest = store->result.newest;
cleanup:
    free(name);
    return done;
}

static int read_stores(struct rebuilding *r, struct err *err)
{
    struct strlist names = {0};
    /* The old catalog names ad-hoc stores too, which no configuration does. */
    int result =
        repository_names(r->settings, r->old ? r->old : r->made, r->only, &names, err);
    for (size_t i = 0; result == 0 && i < names.count; i++)
        result = read_store(r, names.items[i], err);
    if (result < 0 && names.count > 1)
        err_hint(err,
                 "every store must be read; with --store NAME one alone makes the "
                 "catalog, and `pgkeep catalog sync` adds the others when they answer");
    strlist_release(&names);
    return result;
}

/* ---- the whole ---- */

enum outcome rebuild_outcome(const struct rebuild_result *result)
{
    return result->damaged > 0 ? OUTCOME_PARTIAL : OUTCOME_DONE;
}

static int fill(struct rebuilding *r, struct err *err)
{
    if (read_stores(r, err) < 0)
        return -1;

    /* Stores that answer and are empty look like those of a new installation; but the old
     * catalog knows better. */
    struct catalog_filter filter = {.statuses = 1u << CATALOG_COMPLETE};
    /* Asked only where nothing was found: else the stores speak for themselves. */
    int64_t known = 0;
    if (r->result->artifacts == 0 && r->old != NULL &&
        catalog_artifacts_count(r->old, &filter, &known, err) < 0)
        return -1;
    if (known > 0) {
        err_set(err, ERR_UNSAFE,
                "no backup was found, though the catalog knows %lld: it stays as it is",
                (long long)known);
        return err_hint(err, "if all of them are gone indeed, move %s away first",
                        r->settings->catalog);
    }

    /* G4: a clock that was set back since the newest of these must still be noticed. */
    if (r->newest > 0 && catalog_time_seen(r->made, r->newest, err) < 0)
        return -1;
    return catalog_check(r->made, err);
}

/* A run of its own, with the new file for its catalog: the stores are opened for that one, and
 * the record of the rebuild is its first. */
static int make(struct rebuilding *r, struct cancel *cancel, struct err *err)
{
    struct settings made = *r->settings; /* borrows all but the path */
    made.catalog = r->path;
    struct session_spec spec = {.settings = &made,
                                .kind = COMMAND,
                                .catalog = SESSION_CREATE,
                                .recorded = true,
                                .cancel = cancel};
    /* What an interrupted rebuild left. */
    if (catalog_remove_file(r->path, err) < 0)
        return -1;
    r->session = session_begin(&spec, err);
    if (r->session == NULL)
        return -1;
    r->made = session_catalog(r->session);
    int result = fill(r, err);
    (void)session_end(r->session, result < 0 ? OUTCOME_FAILED : rebuild_outcome(r->result),
                      result < 0 ? err : NULL);
    return result;
}

/* The one moment in which anything changes; before it an interruption costs only time. */
static int put_in_place(struct rebuilding *r, struct err *err)
{
    char time[32];
    bool absent = false;
    /* The file is overwritten through a connection of its own: see catalog_replace. */
    catalog_close(r->old);
    r->old = NULL;
    /* By its time, so that a second rebuild does not overwrite what the first one kept. */
    char *kept = memory_format("%s.before-%s", r->settings->catalog,
                               clock_compact(time, clock_now()));
    int result = catalog_replace(r->settings->catalog, r->path, kept, &absent, err);
    if (result == 0 && !absent)
        r->result->kept = memory_strdup(kept);
    free(kept);
    return result;
}

struct session_spec rebuild_session(void)
{
    return (struct session_spec){.kind = COMMAND, .lock = SESSION_LOCK_ALL};
}

/* Every step leaves the old catalog as it was but the last. */
int rebuild_run(struct session *session, const char *only, struct rebuild_result *result,
                struct err *err)
{
    struct rebuilding r = {
        .settings = session_settings(session), .only = only, .result = result};
    struct err ignored = {0};
    *result = (struct rebuild_result){0};
    r.path = memory_format("%s.rebuild", r.settings->catalog);
    /* Nobody at work, the new file in full, and only then the change. */
    int done = open_old(&r, err);
    if (done == 0 && r.old != NULL)
        done = check_unused(&r, err);
    if (done == 0)
        done = make(&r, session_cancel(session), err);
    if (done == 0)
        done = put_in_place(&r, err);
    /* In place it is gone by this name; else it was for nothing. */
    catalog_close(r.old);
    if (catalog_remove_file(r.path, &ignored) < 0)
        log_warning("%s", ignored.text);
    free(r.path);
    return done;
}
