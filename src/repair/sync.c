/*
 * Two listings are the cost of a sync that has nothing to do. State files are read again
 * only when the store's own clock says that they changed since the last time; a few seconds
 * too many rather than one too few.
 */
#include "repair/sync.h"

#include "repair/import.h"
#include "repository/unknown.h"
#include "repository/inventory.h"
#include "repository/repository_object.h"
#include "repository/state_sync.h"
#include "copy/recover.h"
#include "copy/verify.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/parse.h"
#include "catalog/artifact_list.h"
#include "catalog/db/facts.h"

/* Servers behind one address need not have the very same time. */
enum { SLACK_S = 10, WORTH_TELLING = 1000 };

/* One store on its way through the steps of sync_store. */
struct syncing {
    struct session *session;
    struct catalog *catalog; /* of the session */
    struct repository *repository;
    struct sync_result *result;
    /* of this store, all states, by id; read before the listing */
    struct catalog_copies rows;
    struct inventory there; /* manifests and state files */
    struct metadata_wants wants;
    int64_t since; /* time of the newest state file that was read last time */
};

/* By uuid: a store keeps it under whatever name it is configured. */
static char *setting_key(const struct repository *repository)
{
    return memory_format("sync/%s", repository->uuid);
}

/* What is no number there was written by nobody of us: then all state files are read. */
static int load_since(struct syncing *s, struct err *err)
{
    struct err ignored = {0};
    char *value = NULL;
    char *key = setting_key(s->repository);
    int result = catalog_setting_get(s->catalog, key, &value, err);
    s->since = 0;
    if (value && parse_int(value, 0, INT64_MAX, &s->since, &ignored) < 0)
        s->since = 0;
    free(value);
    free(key);
    return result;
}

/* By the store's own dates, never by our clock; and never backwards. */
static int save_since(struct syncing *s, struct err *err)
{
    int64_t newest = s->since;
    for (size_t i = 0; i < s->there.count; i++) {
        const struct inventory_object *object = &s->there.items[i];
        if (object->kind == KEYS_KIND_STATE && object->modified > newest)
            newest = object->modified;
    }
    char *key = setting_key(s->repository);
    char *value = memory_format("%lld", (long long)newest);
    int result = catalog_setting_set(s->catalog, key, value, err);
    free(value);
    free(key);
    return result;
}

/* ---- what is new there ---- */

/* From there to here: only what is new, or was decided since. */
static int take_in(struct syncing *s, struct err *err)
{
    struct import import = {.catalog = s->catalog, .repository = s->repository};
    /* Of each backup there: its manifest when no row knows it, its state file also when that
     * changed since the last time. */
    for (size_t i = 0; i < s->there.count; i++) {
        const struct inventory_object *manifest = &s->there.items[i];
        if (manifest->kind != KEYS_KIND_MANIFEST)
            continue;
        s->result->manifests++;
        struct metadata_want want = {.modified = manifest->modified};
        const struct inventory_object *state =
            inventory_find(&s->there, manifest->id, KEYS_KIND_STATE);
        /* A state file without its manifest is of a copy that is gone: not wanted. */
        memcpy(want.id, manifest->id, ULID_SIZE);
        want.manifest = catalog_copies_find(&s->rows, want.id) == NULL;
        want.state = state && (want.manifest || state->modified >= s->since - SLACK_S);
        if (want.manifest || want.state)
            metadata_wants_add(&s->wants, &want);
    }
    if (s->wants.count >= WORTH_TELLING)
        log_info("store \"%s\": reading what is known of %zu backups", s->repository->name,
                 s->wants.count);

    /* Fetched several at a time, and taken in batch by batch. What was taken before a failure
     * counts. */
    int result = metadata_run(s->repository, &s->wants, import_take, &import, err);
    s->result->artifacts = import.artifacts;
    s->result->copies = import.copies;
    s->result->states = import.states;
    s->result->damaged = import.damaged;
    s->result->newest = import.newest;
    return result;
}

/* ---- what is no longer there ---- */

static int mark_missing(struct syncing *s, const struct catalog_copy *row, struct err *err)
{
    static char reason[] =
        "its manifest is gone from the store: another machine removed it, "
        "or somebody did";
    struct catalog_verification verification = {.copy = row->id,
                                                .time = clock_now(),
                                                .level = CATALOG_QUICK,
                                                .result = CATALOG_FOUND_MISSING,
                                                .message = reason};
    bool there = false;
    /* Looked for by its name: the listing is some moments old. */
    if (repository_manifest_exists(s->repository->store, row->artifact, &there, err) < 0)
        return -1;
    if (there)
        return 0;
    /* The way every finding of a broken copy takes: the row becomes `missing` by it. */
    if (catalog_verification_add(s->catalog, &verification, err) < 0) {
        /* This machine is removing it by now. */
        if (err->kind != ERR_UNSAFE)
            return -1;
        err_clear(err);
        return 0;
    }
    log_info("backup %s is no longer in store \"%s\"", row->artifact, s->repository->name);
    s->result->missing++;
    return 0;
}

/* Only whole copies can go missing; what failed or was deleted here promised nothing. */
static int find_missing(struct syncing *s, struct err *err)
{
    /* G10: an empty listing where copies are known decides nothing. */
    size_t known = 0;
    for (size_t i = 0; i < s->rows.count; i++)
        known += s->rows.items[i].state == CATALOG_COPY_COMPLETE;
    s->result->empty = known > 0 && s->result->manifests == 0;
    if (s->result->empty) {
        log_warning("store \"%s\" lists no manifest at all, though the catalog knows %zu "
                    "backups there: nothing is concluded from that",
                    s->repository->name, known);
        return 0;
    }
    for (size_t i = 0; i < s->rows.count; i++) {
        const struct catalog_copy *row = &s->rows.items[i];
        if (row->state == CATALOG_COPY_COMPLETE &&
            inventory_find(&s->there, row->artifact, KEYS_KIND_MANIFEST) == NULL &&
            mark_missing(s, row, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- what is there again ---- */

/* As `verify --quick` would: that there is a manifest does not say that there is the data. */
static int check_missing(struct syncing *s, const struct catalog_copy *row, bool *good,
                         struct err *err)
{
    struct catalog_artifact artifact = {0};
    struct catalog_verification verification = {0};
    struct err why = {0};
    int result = catalog_artifact_load(s->catalog, row->artifact, CATALOG_WITH_COPIES,
                                       &artifact, err);
    struct verify_spec spec = {
        .session = s->session, .artifact = &artifact, .copy = row, .level = CATALOG_QUICK};
    if (result == 0)
        result = verify_copy(&spec, &verification, &why, err);
    *good = result == 0 && verification.result == CATALOG_GOOD;
    verify_release(&verification);
    catalog_artifact_release(&artifact);
    return result;
}

/* Of a complete artifact only: of a failed one recover_copy would remove the manifest, and so
 * it would where the data is not there; nothing is removed here. */
static int check_failed(struct syncing *s, const struct catalog_copy *row, bool *good,
                        struct err *err)
{
    const struct recover_spec spec = {s->catalog, s->repository, false};
    struct catalog_artifact artifact = {0};
    struct store *store = s->repository->store;
    enum recover_result what = RECOVER_LEFT_ALONE;
    bool committed = false, there = false;
    uint64_t bytes = 0;
    int result = catalog_artifact_load(s->catalog, row->artifact, 0, &artifact, err);
    if (result == 0 && artifact.status == CATALOG_COMPLETE)
        result = repository_manifest_exists(store, row->artifact, &committed, err);
    if (result == 0 && committed)
        result = repository_object_exists(store, row->key, &there, &bytes, err);
    bool whole = result == 0 && there && bytes == artifact.stored_bytes;
    catalog_artifact_release(&artifact);
    if (!whole)
        return result;

    /* One manifest that is damaged, or names another object, keeps nobody from the rest. */
    result = recover_copy(&spec, row, &what, err);
    *good = result == 0 && what == RECOVER_COMPLETED;
    if (result == 0 || (err->kind != ERR_CORRUPT && err->kind != ERR_UNSAFE))
        return result;
    log_warning("store \"%s\": manifest of %s: %s: passed over", s->repository->name,
                row->artifact, err->text);
    s->result->damaged++;
    err_clear(err);
    return 0;
}

/* What was missing or failed here and lies there whole is a good copy again. */
static int heal(struct syncing *s, const struct catalog_copy *row, struct err *err)
{
    bool good = false;
    /* A missing one was whole once; a failed one may have become whole in the moment of a
     * crash. */
    int result = row->state == CATALOG_COPY_MISSING ? check_missing(s, row, &good, err)
                                                    : check_failed(s, row, &good, err);
    if (result < 0 || !good)
        return result;
    s->result->healed++;

    /* What others decided about it was not looked at while it was no good copy. A state file
     * that cannot be read is a warning. */
    if (state_sync_pull(s->catalog, s->repository, row->artifact, err) == 0)
        return 0;
    if (err->kind != ERR_CORRUPT)
        return -1;
    log_warning("%s", err->text);
    err_clear(err);
    return 0;
}

static int heal_all(struct syncing *s, struct err *err)
{
    for (size_t i = 0; i < s->rows.count; i++) {
        const struct catalog_copy *row = &s->rows.items[i];
        /* Not a damaged one: only `verify` reads it in full and may say that it is good. */
        bool broken =
            row->state == CATALOG_COPY_MISSING || row->state == CATALOG_COPY_FAILED;
        if (broken && inventory_find(&s->there, row->artifact, KEYS_KIND_MANIFEST) &&
            heal(s, row, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- what the store was not told ---- */

/* Whether a store was told of a pin shows only in its file: each of these is read, every
 * time. They are few. */
int sync_push_pins(struct catalog *catalog, struct repository *repository, size_t *told,
                   struct err *err)
{
    struct strlist ids = {0};
    int result = catalog_artifacts_ever_pinned(catalog, repository->id, &ids, err);
    for (size_t i = 0; result == 0 && i < ids.count; i++) {
        bool written = false;
        result = state_sync_push(catalog, repository, ids.items[i], &written, err);
        *told += written;
    }
    strlist_release(&ids);
    return result;
}

int sync_store(struct session *session, struct repository *repository,
               struct sync_result *result, struct err *err)
{
    struct syncing s = {.session = session,
                        .catalog = session_catalog(session),
                        .repository = repository,
                        .result = result};
    struct catalog_copy_filter filter = {.store_id = repository->id,
                                         .states = (1u << CATALOG_COPY_STATES) - 1};
    *result = (struct sync_result){0};
    repository_be_patient(repository);
    int done = load_since(&s, err);

    /* The catalog first, then the two listings: see inventory.h. */
    if (done == 0)
        done = catalog_copies_list(s.catalog, &filter, &s.rows, err);
    if (done == 0)
        done = inventory_list(&s.there, repository->store, KEYS_MANIFESTS, err);
    if (done == 0)
        done = inventory_list(&s.there, repository->store, KEYS_STATE, err);

    /* From there to here, then from here to there. */
    if (done == 0)
        done = take_in(&s, err);
    if (done == 0)
        done = find_missing(&s, err);
    if (done == 0)
        done = heal_all(&s, err);
    if (done == 0)
        done = sync_push_pins(s.catalog, repository, &result->told, err);

    /* What is not known now either cannot be read: a later one may. */
    struct unknown unknown = {.when = clock_now()};
    if (done == 0)
        done = unknown_count(s.catalog, repository->store, &unknown.count, err);
    if (done == 0)
        done = unknown_remember(s.catalog, repository->uuid, &unknown, err);

    /* Last: a sync that broke off reads the same state files again. */
    if (done == 0)
        done = save_since(&s, err);
    metadata_wants_release(&s.wants);
    inventory_release(&s.there);
    catalog_copies_release(&s.rows);
    return done;
}
