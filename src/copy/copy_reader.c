/*
 * A copy is chosen by trying: open its store, take the lease, read. The lease is the
 * promise that no prune marks the copy meanwhile, so it is taken before the first byte and
 * in the same transaction that asks for the copy's state.
 *
 * Folders come first because they cost neither money nor a network; beyond that the order
 * is that of the catalog, by name of the store.
 */
#include "copy/copy_reader_work.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "catalog/leases.h"
#include "catalog/stores.h"
#include "catalog/verifications.h"
#include "repository/state_sync.h"

#define NOT_THERE UINT64_MAX /* failed_at: no chunk of it can be read */

/* ---- which copy ---- */

/* One that a check found broken may lack no more than its index: who names its store gets
 * what there is, every byte checked. Nobody else is given it. */
static bool may_read(const struct copy_reader_spec *spec, const struct catalog_copy *copy)
{
    bool broken =
        copy->state == CATALOG_COPY_MISSING || copy->state == CATALOG_COPY_DAMAGED;
    if (spec->store != NULL && strcmp(spec->store, copy->store) != 0)
        return false;
    return copy->state == CATALOG_COPY_COMPLETE ||
           (broken && (spec->broken_too || spec->store != NULL));
}

/* By its row: the store need not be opened to know. In doubt it comes later. */
static bool is_folder(struct catalog *catalog, const struct catalog_copy *copy)
{
    struct catalog_store row = {0};
    struct err ignored = {0};
    bool folder = catalog_store_load(catalog, copy->store_id, &row, &ignored) == 0 &&
                  strcmp(row.type, "dir") == 0;
    catalog_store_release(&row);
    return folder;
}

static int try_copy(struct copy_reader *reader, const struct catalog_copy *copy,
                    struct err *err)
{
    const struct copy_reader_spec *spec = reader->spec;
    /* Reading marks no store: one that has lost its mark is not to be trusted. */
    reader->repository = session_repository(spec->session, copy->store, false, err);
    if (reader->repository == NULL)
        return -1;
    /* It may have been open for hours, and another disk be mounted there by now. */
    if (session_check_again(spec->session, reader->repository, err) < 0) {
        reader->repository = NULL;
        return -1;
    }
    /* One that failed at a chunk before is marked by now, and may have this one all the same. */
    bool failed = reader->failed_at[copy - spec->artifact->copies] > 0;
    bool unbroken = !spec->broken_too && !failed && copy->state == CATALOG_COPY_COMPLETE;
    struct catalog_lease lease = {
        .copy = copy->id, .purpose = spec->purpose, .unbroken = unbroken};
    if (catalog_lease_take(session_catalog(spec->session), &lease, err) < 0) {
        reader->repository = NULL;
        return -1;
    }
    reader->lease = lease.id;
    /* Who names a broken copy is told what he gets. */
    if (!unbroken && !failed && !spec->broken_too)
        log_warning("the copy in store \"%s\" was found %s (%s); it is read because its "
                    "store was named",
                    copy->store, catalog_copy_state_name(copy->state),
                    copy->verified_error ? copy->verified_error : "no reason is known");
    /* From here on it may be asked for as long as the configuration allows: it has
     * answered. */
    repository_be_patient(reader->repository);
    reader->copy = copy;
    reader->refreshed_ms = clock_monotonic_ms();
    return 0;
}

/* Folders in the first round, then the rest; not one that failed at this chunk already. A store
 * that does not answer is passed over with a warning. */
static int choose(struct copy_reader *reader, uint64_t chunk, struct err *err)
{
    const struct catalog_artifact *artifact = reader->spec->artifact;
    /* A named store is what was asked for, whatever its kind. */
    bool folders = !reader->spec->for_url || reader->spec->store != NULL;
    for (int round = folders ? 0 : 1; round < 2; round++) {
        for (size_t i = 0; i < artifact->copy_count; i++) {
            const struct catalog_copy *copy = &artifact->copies[i];
            if (!may_read(reader->spec, copy) ||
                (chunk > 0 &&
                 (reader->failed_at[i] == chunk || reader->failed_at[i] == NOT_THERE)) ||
                is_folder(session_catalog(reader->spec->session), copy) != (round == 0))
                continue;
            if (err->kind != ERR_NONE)
                log_warning("%s", err->text);
            err_clear(err);
            if (try_copy(reader, copy, err) == 0)
                return 0;
            if (err_is_fatal(err->kind))
                return -1;
        }
    }
    return -1;
}

/* A backup of which only a broken copy is left is damage, not a name that does not exist
 * (CONTRACT-NOTES 31). */
static int nothing_to_read(const struct copy_reader_spec *spec, struct err *err)
{
    const struct catalog_artifact *artifact = spec->artifact;
    /* One word for nothing there at all, another for what there was and is broken. */
    enum err_kind kind = ERR_NOT_FOUND;
    for (size_t i = 0; i < artifact->copy_count; i++) {
        if (artifact->copies[i].state == CATALOG_COPY_MISSING ||
            artifact->copies[i].state == CATALOG_COPY_DAMAGED)
            kind = ERR_CORRUPT;
    }
    if (artifact->status != CATALOG_COMPLETE)
        err_set(err, ERR_NOT_FOUND, "backup %s is %s: there is nothing to read",
                artifact->id, catalog_status_name(artifact->status));
    else if (spec->store != NULL)
        err_set(err, ERR_NOT_FOUND, "backup %s has no good copy in store \"%s\"",
                artifact->id, spec->store);
    else
        err_set(err, spec->for_url ? ERR_NOT_FOUND : kind,
                "backup %s has no good copy in any %s", artifact->id,
                spec->for_url ? "bucket, and a folder has no URLs" : "store");
    return err_hint(err,
                    "`pgkeep show %s` lists its copies; --store NAME reads what is left of "
                    "one that is missing or damaged",
                    artifact->id);
}

struct copy_reader *copy_reader_open(const struct copy_reader_spec *spec, struct err *err)
{
    struct copy_reader *reader = memory_zalloc(sizeof *reader);
    /* The caller's may be gone by the time that it is read. */
    reader->kept = *spec;
    reader->spec = &reader->kept;
    reader->failed_at =
        memory_array(spec->artifact->copy_count + 1, sizeof *reader->failed_at);
    err_clear(err);
    if (choose(reader, 0, err) == 0)
        return reader;
    if (err->kind == ERR_NONE)
        nothing_to_read(spec, err);
    copy_reader_close(reader);
    return NULL;
}

const struct catalog_copy *copy_reader_copy(const struct copy_reader *reader)
{
    return reader->copy;
}

const struct catalog_artifact *copy_reader_artifact(const struct copy_reader *reader)
{
    return reader->spec->artifact;
}

struct repository *copy_reader_repository(const struct copy_reader *reader)
{
    return reader->repository;
}

/* ---- while it is read ---- */

/* A catalog that is busy or full is no reason to break off a restore of hours: every byte
 * is checked whatever happens to the copy. */
void copy_reader_refresh(struct copy_reader *reader)
{
    struct err trouble = {0};
    int64_t now = clock_monotonic_ms();
    if (now - reader->refreshed_ms < (int64_t)CATALOG_LEASE_REFRESH_S * 1000)
        return;
    reader->refreshed_ms = now;
    if (catalog_lease_refresh(session_catalog(reader->spec->session), reader->lease,
                              &trouble) < 0)
        log_warning("a prune may remove the copy while it is read: %s", trouble.text);
}

/* What reading found out about this copy: that it is damaged or gone. A check of its own
 * (verify) records that itself. */
static void remember(struct copy_reader *reader, const struct err *why)
{
    struct err trouble = {0};
    struct catalog_verification found = {
        .copy = reader->copy->id,
        .run = session_run_id(reader->spec->session),
        .time = clock_now(),
        .level = CATALOG_FULL,
        .result = why->kind == ERR_CORRUPT ? CATALOG_FOUND_DAMAGED : CATALOG_FOUND_MISSING,
        .message = memory_strdup(why->text)};
    /* In catalog and store, so that the next reader, here or on another machine, begins
     * with a better copy. */
    struct catalog *catalog = session_catalog(reader->spec->session);
    /* Of a place that is another one by now nothing is said. */
    if (repository_check_identity(reader->repository, &trouble) < 0)
        log_warning("%s", trouble.text);
    else if (catalog_verification_add(catalog, &found, &trouble) < 0)
        log_warning("%s", trouble.text);
    else
        state_sync_try_push(catalog, reader->repository, reader->spec->artifact->id);
    free(found.message);
}

/* One that cannot be ended runs out by itself, and holds a prune back for that long. */
static void end_lease(struct copy_reader *reader)
{
    struct err trouble = {0};
    if (reader->lease != 0 && catalog_lease_end(session_catalog(reader->spec->session),
                                                reader->lease, &trouble) < 0)
        log_warning("%s", trouble.text);
    reader->lease = 0;
}

int copy_reader_fail_over(struct copy_reader *reader, uint64_t chunk, struct err *why)
{
    const struct catalog_artifact *artifact = reader->spec->artifact;
    struct err err = {0};
    /* A disk that is full or a server that refuses is no fault of the copy; a check is
     * about this one alone. */
    if (reader->sink_failed || reader->spec->broken_too || err_is_fatal(why->kind))
        return -1;
    if (why->kind == ERR_CORRUPT || why->kind == ERR_NOT_FOUND) {
        /* What the store itself says begins with its name. */
        if (!text_starts_with(why->text, "store \""))
            err_context(why, "store \"%s\"", reader->copy->store);
        /* An index that cannot be used condemns no data, which may be whole: `verify` judges it. */
        if (chunk != COPY_READER_INDEX)
            remember(reader, why);
    }
    if (chunk == 0)
        return -1;
    /* Data that is gone is gone for every chunk; without its index it is there all the same. */
    reader->failed_at[reader->copy - artifact->copies] =
        why->kind == ERR_NOT_FOUND && chunk != COPY_READER_INDEX ? NOT_THERE : chunk;
    /* The old lease ends first: a copy that failed needs no protection from us. */
    struct repository *before = reader->repository;
    end_lease(reader);
    if (choose(reader, chunk, &err) < 0) {
        if (err_is_fatal(err.kind))
            *why = err;
        else if (err.kind != ERR_NONE)
            log_warning("%s", err.text);
        reader->repository = before;
        return -1;
    }
    char what[64] = "it";
    if (chunk == COPY_READER_INDEX)
        snprintf(what, sizeof what, "the chunk index");
    else if (reader->given > 0)
        snprintf(what, sizeof what, "chunk %llu", (unsigned long long)chunk);
    log_warning("%.*s: %s is read from store \"%s\"", (int)strcspn(why->text, "\n"),
                why->text, what, reader->copy->store);
    err_clear(why);
    return 0;
}

int copy_reader_choose_again(struct copy_reader *reader, struct err *err)
{
    end_lease(reader);
    err_clear(err);
    return choose(reader, 0, err);
}

/* The store stays open: it is the session's. */
void copy_reader_close(struct copy_reader *reader)
{
    if (reader == NULL)
        return;
    end_lease(reader);
    free(reader->failed_at);
    free(reader);
}
