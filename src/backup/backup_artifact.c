/*
 * One backup. in_order is the contract (PRODUCT section 5); everything above it is one of
 * its steps and everything below it is what happens when a step failed.
 *
 * Rows come before deeds: a copy is in the catalog as `uploading`, with its key, before the
 * first byte may lie in a store, and with the handle of its upload before the first part
 * does. So whatever a crash leaves is found by recover.h from the catalog alone, without a
 * listing.
 */
#include "backup/backup_artifact.h"

#include "backup/anomaly.h"
#include "copy/ahead.h"
#include "copy/commit.h"
#include "repository/keys.h"
#include "repository/manifest.h"
#include "repository/state_sync.h"
#include "backup/backup_facts.h"
#include "backup/dump_run.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "postgres/conninfo.h"

struct pending {
    struct catalog *catalog;
    int64_t copy;
};

/* One backup under way. */
struct artifact_run {
    const struct backup_artifact *spec;
    struct catalog *catalog;
    struct catalog_artifact artifact;
    struct catalog_copy *copies; /* one per target of the fanout, same order */
    struct pending *pending;     /* one per open store: contexts of note_pending */
    char *data_key, *index_key, *manifest_key;
    struct manifest_facts facts;
    uint64_t stored_estimate;
    struct fanout *fanout;
    struct ahead *ahead;
    struct dump_run *dump;
    struct meter meter;
    struct commit commit;
    char *manifest;
};

static size_t copy_count(const struct artifact_run *r)
{
    return r->spec->stores->count + r->spec->stores->failure_count;
}

/* ---- rows and uploads ---- */

static int insert_copy(struct artifact_run *r, size_t index, int64_t store_id,
                       struct err *err)
{
    struct catalog_copy *copy = &r->copies[index];
    memcpy(copy->artifact, r->artifact.id, ULID_SIZE);
    copy->store_id = store_id;
    copy->key = memory_strdup(r->data_key);
    copy->index_key = memory_strdup(r->index_key);
    copy->state = CATALOG_COPY_UPLOADING;
    return catalog_copy_insert(r->catalog, copy, err);
}

/* A store that is away has a copy too, a failed one: `list` shows which is missing. */
static int insert_failed(struct artifact_run *r, size_t index,
                         const struct repository_failure *failure, struct err *err)
{
    struct catalog_store row = {0};
    bool absent = true;
    if (catalog_store_find(r->catalog, failure->name, &row, &absent, err) < 0)
        return -1;
    int result = absent ? 0 : insert_copy(r, index, row.id, err);
    if (result == 0 && !absent)
        result = catalog_copy_fail(r->catalog, r->copies[index].id, failure->err.text, true,
                                   err);
    r->copies[index].state = CATALOG_COPY_FAILED;
    catalog_store_release(&row);
    return result;
}

/* Artifact `running`, each copy `uploading`, as one transaction: nobody sees an artifact that
 * has only some of its copies. */
static int begin_rows(struct artifact_run *r, struct err *err)
{
    const struct repository_list *stores = r->spec->stores;
    const struct catalog_artifact *artifact = &r->artifact;
    struct keys_artifact names = {.source = artifact->source,
                                  .database = artifact->database,
                                  .type = artifact->type,
                                  .format = artifact->format,
                                  .compression = artifact->compression,
                                  .id = artifact->id,
                                  .started = artifact->started};
    /* The same keys in every store: they stand in the manifest, which is one for all. */
    r->data_key = keys_data(&names);
    r->index_key = keys_index(&names);
    r->manifest_key = keys_manifest(artifact->id);

    r->copies = memory_array(copy_count(r), sizeof *r->copies);
    if (catalog_begin(r->catalog, err) < 0)
        return -1;
    int result = catalog_artifact_insert(r->catalog, &r->artifact, err);
    for (size_t i = 0; result == 0 && i < stores->count; i++)
        result = insert_copy(r, i, stores->items[i]->id, err);
    for (size_t i = 0; result == 0 && i < stores->failure_count; i++)
        result = insert_failed(r, stores->count + i, &stores->failures[i], err);
    if (result == 0)
        return catalog_commit(r->catalog, err);
    catalog_rollback(r->catalog);
    return result;
}

/* Before the first byte goes out: what a crash leaves can be found again. */
static int note_pending(void *context, const char *handle, struct err *err)
{
    const struct pending *pending = context;
    return catalog_copy_begun(pending->catalog, pending->copy, handle, err);
}

static int begin_uploads(struct artifact_run *r, struct err *err)
{
    const struct repository_list *stores = r->spec->stores;
    r->pending = memory_array(stores->count, sizeof *r->pending);
    r->fanout =
        fanout_new(r->stored_estimate, session_settings(r->spec->session)->part_budget,
                   (size_t)r->spec->job->min_copies);
    r->commit.fanout = r->fanout;
    for (size_t i = 0; i < stores->count; i++) {
        struct repository *repository = stores->items[i];
        struct fanout_target target = {.name = repository->name,
                                       .store = repository->store};
        struct pending *pending = &r->pending[i];
        struct store_upload_spec upload = {.key = r->data_key,
                                           .content_type =
                                               codec_content_type(r->spec->job->codec.kind),
                                           .id = r->artifact.id,
                                           .on_pending = note_pending,
                                           .context = pending};
        *pending = (struct pending){.catalog = r->catalog, .copy = r->copies[i].id};
        repository_be_patient(repository);
        /* Also for an object that goes out as one PUT, which has no handle. */
        if (note_pending(pending, NULL, err) < 0)
            return -1;
        /* A store that fails here is a target that failed: min_copies decides below. */
        target.upload = store_upload_begin(repository->store, &upload, &target.failed);
        fanout_add(r->fanout, &target);
    }
    /* Those that did not open come last, as their rows do. */
    for (size_t i = 0; i < stores->failure_count; i++) {
        const struct repository_failure *failure = &stores->failures[i];
        struct fanout_target target = {.name = failure->name, .failed = failure->err};
        fanout_add(r->fanout, &target);
    }
    return fanout_start(r->fanout, session_cancel(r->spec->session), err);
}

/* ---- the dump and its way ---- */

/* Stored bytes: to all stores; and the figures into the catalog, which takes them once a
 * second. */
static int write_stored(void *context, const void *data, size_t size, struct err *err)
{
    static char dump_phase[] = "dump";
    struct artifact_run *r = context;
    struct catalog_progress progress = {.phase = dump_phase,
                                        .raw_bytes = atomic_load(&r->meter.raw_bytes),
                                        .stored_bytes = atomic_load(&r->meter.stored_bytes),
                                        .estimate = r->meter.estimate};
    (void)catalog_artifact_progress(r->catalog, r->artifact.id, &progress);
    return fanout_write(r->fanout, data, size, err);
}

static int start_dump(struct artifact_run *r, struct err *err)
{
    char parts[32], buffers[32];
    struct dump_run_spec spec = {.backup = r->spec,
                                 .format = r->artifact.format,
                                 .sink = {.write = write_stored, .context = r},
                                 .meter = &r->meter,
                                 .alone = r->artifact.tries > 1};
    r->dump = dump_run_start(&spec, &r->artifact.time, err);
    if (r->dump == NULL)
        return -1;
    /* What this run costs in memory, however large the database is. Once; a later database that
     * needs more, because its parts are larger, says so again. */
    uint64_t needed = fanout_memory(r->fanout) + dump_run_memory(r->dump);
    if (needed <= *r->spec->announced)
        return 0;
    log_info("memory for buffers: %s for parts on their way, %s for %u threads",
             text_size(parts, fanout_memory(r->fanout)),
             text_size(buffers, dump_run_memory(r->dump)), dump_run_threads(r->dump));
    *r->spec->announced = needed;
    return 0;
}

/* ---- commit ---- */

static int write_manifest(struct artifact_run *r, struct err *err)
{
    const struct stream_result *result = dump_run_result(r->dump);
    struct manifest_facts *facts = &r->facts; /* properties are there already */
    unsigned char sum[SHA256_SIZE];
    char hex[SHA256_HEX];
    free(facts->connection);
    /* A manifest lies in every store for years: nothing secret gets in. */
    facts->connection = conninfo_public(r->spec->source->conninfo.text, err);
    if (facts->connection == NULL)
        return -1;
    /* Where data and index lie, and how to know that they are what was sent. */
    facts->key = memory_strdup(r->data_key);
    facts->index_key = memory_strdup(r->index_key);
    facts->index_bytes = result->index_gz.length;
    digest_sha256(result->index_gz.data, result->index_gz.length, sum);
    facts->index_sha256 = memory_strdup(digest_hex(sum, sizeof sum, hex));
    facts->chunks = result->chunks;
    facts->raw_of_chunks = result->raw_of_chunks;
    for (size_t i = 0; i < fanout_part_count(r->fanout); i++)
        manifest_facts_add_part(facts, fanout_part_bytes(r->fanout, i));
    r->manifest = manifest_text(&r->artifact, facts);
    /* A larger one would be refused by whoever reads it: better no backup than such a one. */
    if (strlen(r->manifest) <= MANIFEST_CEILING)
        return 0;
    return err_set(err, ERR_SYSTEM, "%lld tables are more than a manifest can list",
                   (long long)r->artifact.table_count);
}

/* From here on the backup is described by what went through the stream, not by what was
 * planned. */
static int commit(struct artifact_run *r, struct err *err)
{
    backup_facts_of_stream(&r->artifact, dump_run_result(r->dump),
                           clock_monotonic_ms() - r->meter.started_ms);
    if (write_manifest(r, err) < 0)
        return -1;
    r->commit.index = &dump_run_result(r->dump)->index_gz;
    r->commit.manifest = r->manifest;
    return commit_run(&r->commit, err);
}

/* Into the catalog for `status`, and to who watches this process. */
static void set_phase(const struct artifact_run *r, const char *name)
{
    struct catalog_progress progress = {.phase = memory_strdup(name),
                                        .raw_bytes = atomic_load(&r->meter.raw_bytes),
                                        .stored_bytes = atomic_load(&r->meter.stored_bytes),
                                        .estimate = r->meter.estimate};
    (void)catalog_artifact_progress(r->catalog, r->artifact.id, &progress);
    free(progress.phase);
    observer_phase(session_observer(r->spec->session), name);
}

/* The order of events that keeps a backup honest. Each line is a promise that the next one
 * relies on; whatever fails, nothing was made visible before it. */
static int in_order(struct artifact_run *r, struct err *err)
{
    if (begin_uploads(r, err) < 0 || /* what is begun is in the catalog first */
        start_dump(r, err) < 0)
        return -1;
    set_phase(r, "dump");
    r->ahead = ahead_start(r->fanout, r->index_key, r->manifest_key);
    if (dump_run_read(r->dump, err) < 0 || /* to the end; all who wrote say it went well */
        dump_run_check_end(r->dump, err) < 0 || /* and the text ends as a whole dump does */
        fanout_end(r->fanout, err) < 0) /* every part is stored; nothing is visible yet */
        return -1;
    set_phase(r, "finish");
    ahead_finish(r->ahead);
    r->ahead = NULL;
    /* data, index, then manifest, store by store; then the catalog */
    return commit(r, err);
}

/* Once more where what another session did made the dump fail, from the first byte on: nothing
 * of it is visible before the commit, which never fails for that reason. By pg_dump alone,
 * which waits for locks that a worker must not wait for, and takes one connection. That one try
 * is there also with dump_retries = 0: workers must not cost a backup. */
static int in_order_again(struct artifact_run *r, struct err *err)
{
    int done = in_order(r, err);
    /* No dump at all: the workers come first, and theirs is the only ERR_AGAIN before it. */
    bool had_workers = r->dump == NULL || dump_run_has_workers(r->dump);
    int64_t tries = r->spec->job->dump_retries;
    if (tries == 0 && had_workers)
        tries = 1;
    while (done < 0 && err->kind == ERR_AGAIN && r->artifact.tries <= tries) {
        int64_t started_ms = r->meter.started_ms;
        log_warning("database \"%s\": %.*s: the dump is tried again", r->artifact.database,
                    (int)strcspn(err->text, "\n"), err->text);
        err_clear(err);
        /* The server first: meanwhile it holds locks for us. Then the uploads, all of them. */
        dump_run_free(r->dump);
        r->dump = NULL;
        ahead_finish(r->ahead);
        r->ahead = NULL;
        fanout_free(r->fanout);
        r->fanout = NULL;
        free(r->pending);
        r->pending = NULL;
        meter_init(&r->meter, r->artifact.progress.estimate);
        r->meter.started_ms = started_ms;
        r->artifact.tries++;
        done = in_order(r, err);
    }
    return done;
}

/* ---- ends ---- */

/* Every upload is undone before the row says so. */
static void record_failure(struct artifact_run *r, const struct err *why)
{
    struct err trouble = {0};
    struct catalog_artifact *artifact = &r->artifact;
    /* First of all: undoing uploads may take a while, and meanwhile pg_dump would hold its
     * snapshot and its locks. */
    dump_run_free(r->dump);
    r->dump = NULL;
    ahead_finish(r->ahead);
    r->ahead = NULL;
    /* Copies that failed on the way were undone then. */
    for (size_t i = 0; i < copy_count(r); i++) {
        if (r->copies[i].state == CATALOG_COPY_UPLOADING)
            commit_undo(&r->commit, i, why);
    }
    artifact->status = why->kind == ERR_CANCELLED ? CATALOG_CANCELLED : CATALOG_FAILED;
    artifact->finished = clock_now();
    artifact->duration_ms = clock_monotonic_ms() - r->meter.started_ms;
    artifact->raw_bytes = atomic_load(&r->meter.raw_bytes); /* how far it came */
    artifact->stored_bytes = 0;                             /* nothing of it is left */
    memory_replace(&artifact->error_code, err_kind_name(why->kind));
    memory_replace(&artifact->error_message, why->text);
    if (catalog_artifact_finish(r->catalog, artifact, &trouble) < 0)
        log_warning("%s", trouble.text);
}

/* After it is complete nothing may turn it into a failure any more. */
static void check_anomalies(struct artifact_run *r, struct backup_result *result)
{
    struct text why;
    struct err trouble = {0};
    text_init(&why, 400);
    if (anomaly_find(r->catalog, &r->artifact, r->spec->job->anomaly_shrink, &why,
                     &trouble) < 0) {
        log_warning("%s", trouble.text);
    } else if (why.length > 0) {
        result->suspect = true;
        log_warning("backup %s of \"%s\" is suspect: %s; prune holds its group until "
                    "`pgkeep accept` "
                    "clears it, or a normal one follows",
                    r->artifact.id, r->artifact.database, why.data);
        if (catalog_artifact_set_suspect(r->catalog, r->artifact.id, true, &trouble) < 0)
            log_warning("%s", trouble.text);
        /* Into the stores too, so that another machine's prune holds the group as well. */
        for (size_t i = 0; trouble.kind == ERR_NONE && i < r->spec->stores->count; i++) {
            if (r->copies[i].state == CATALOG_COPY_COMPLETE)
                (void)state_sync_try_push(r->catalog, r->spec->stores->items[i],
                                          r->artifact.id);
        }
    }
    text_release(&why);
}

/* Fewer copies than the job has stores: partial, and the first store that failed says why. */
static void report_outcome(struct artifact_run *r, struct backup_result *result)
{
    result->outcome = BACKUP_GOOD;
    for (size_t i = 0; i < fanout_count(r->fanout); i++) {
        const struct fanout_target *target = fanout_target(r->fanout, i);
        if (target->failed.kind == ERR_NONE)
            continue;
        if (result->outcome == BACKUP_GOOD)
            result->err = target->failed;
        result->outcome = BACKUP_PARTIAL;
    }
    check_anomalies(r, result);
}

static void release(struct artifact_run *r)
{
    dump_run_free(r->dump);
    ahead_finish(r->ahead);
    fanout_free(r->fanout);
    for (size_t i = 0; r->copies && i < copy_count(r); i++)
        catalog_copy_release(&r->copies[i]);
    free(r->copies);
    free(r->pending);
    free(r->manifest);
    free(r->data_key);
    free(r->index_key);
    free(r->manifest_key);
    manifest_facts_release(&r->facts);
    catalog_artifact_release(&r->artifact);
}

static void run(struct artifact_run *r, struct backup_result *result)
{
    const struct observer *observer = session_observer(r->spec->session);
    struct err *err = &result->err;
    result->outcome = BACKUP_FAILED;
    /* A server that cannot be asked costs no row: nothing was begun. */
    if (backup_facts_ask(r->spec, &r->artifact, &r->facts.properties, &r->stored_estimate,
                         err) < 0)
        return;
    r->facts.has_properties = r->spec->type != DUMP_GLOBALS;
    /* From here on there is a row, and every end of this run is written into it. */
    if (begin_rows(r, err) < 0)
        return;
    memcpy(result->id, r->artifact.id, ULID_SIZE);
    meter_init(&r->meter, r->artifact.progress.estimate);
    r->commit = (struct commit){.catalog = r->catalog,
                                .artifact = &r->artifact,
                                .copies = r->copies,
                                .manifest_key = r->manifest_key,
                                .min_copies = (size_t)r->spec->job->min_copies};
    observer_artifact(observer, &r->artifact, &r->meter);
    int done = in_order_again(r, err);
    observer_artifact_end(observer);
    if (done == 0)
        report_outcome(r, result);
    /* A backup that its stores hold is never called failed: the catalog is behind, see
     * commit.h. */
    else if (!r->commit.committed)
        record_failure(r, err);
}

int backup_artifact(const struct backup_artifact *spec, struct backup_result *result,
                    struct err *err)
{
    struct artifact_run r = {.spec = spec, .catalog = session_catalog(spec->session)};
    manifest_facts_init(&r.facts);
    backup_facts_describe(spec, &r.artifact);
    result->database = memory_strdup(spec->database);
    run(&r, result);
    release(&r);
    /* One backup that fails is the caller's result, not its end; a cancel ends the whole job. */
    if (result->outcome != BACKUP_FAILED || result->err.kind != ERR_CANCELLED)
        return 0;
    *err = result->err;
    return -1;
}
