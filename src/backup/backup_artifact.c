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
#include "copy/commit.h"
#include "repository/keys.h"
#include "repository/manifest.h"
#include "repository/state_sync.h"
#include "backup/backup_facts.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "postgres/conninfo.h"
#include "stream/stream.h"

#include <unistd.h>

enum { THREADS_MAX = 4 };

struct pending {
    struct catalog *catalog;
    int64_t copy;
};

/* One backup under way. */
struct taking {
    const struct backup_artifact *take;
    struct catalog *catalog;
    struct catalog_artifact artifact;
    struct catalog_copy *copies; /* one per target of the fanout, same order */
    struct pending *pending;     /* one per open store: contexts of note_pending */
    char *data_key, *index_key, *manifest_key;
    struct manifest_facts facts;
    uint64_t stored_estimate;
    struct fanout *fanout;
    struct dump *dump;
    struct dump_check *check; /* custom format only */
    struct stream *stream;
    struct meter meter;
    struct commit commit;
    char *manifest;
};

static size_t copy_count(const struct taking *t)
{
    return t->take->stores->count + t->take->stores->failure_count;
}

/* ---- rows and uploads ---- */

static void name_keys(struct taking *t)
{
    const struct catalog_artifact *artifact = &t->artifact;
    struct keys_artifact names = {.source = artifact->source,
                                  .database = artifact->database,
                                  .type = artifact->type,
                                  .format = artifact->format,
                                  .compression = artifact->compression,
                                  .id = artifact->id,
                                  .started = artifact->started};
    t->data_key = keys_data(&names);
    t->index_key = keys_index(&names);
    t->manifest_key = keys_manifest(artifact->id);
}

static int insert_copy(struct taking *t, size_t index, int64_t store_id, struct err *err)
{
    struct catalog_copy *copy = &t->copies[index];
    memcpy(copy->artifact, t->artifact.id, ULID_SIZE);
    copy->store_id = store_id;
    copy->key = memory_strdup(t->data_key);
    copy->index_key = memory_strdup(t->index_key);
    copy->state = CATALOG_COPY_UPLOADING;
    return catalog_copy_insert(t->catalog, copy, err);
}

/* A store that is away has a copy too, a failed one: `list` shows which is missing. */
static int insert_failed(struct taking *t, size_t index,
                         const struct repository_failure *failure, struct err *err)
{
    struct catalog_store row = {0};
    bool absent = true;
    if (catalog_store_find(t->catalog, failure->name, &row, &absent, err) < 0)
        return -1;
    int result = absent ? 0 : insert_copy(t, index, row.id, err);
    if (result == 0 && !absent)
        result = catalog_copy_fail(t->catalog, t->copies[index].id, failure->err.text, true,
                                   err);
    t->copies[index].state = CATALOG_COPY_FAILED;
    catalog_store_release(&row);
    return result;
}

/* Artifact `running`, each copy `uploading`, as one transaction. */
static int begin_rows(struct taking *t, struct err *err)
{
    const struct repository_list *stores = t->take->stores;
    t->copies = memory_array(copy_count(t), sizeof *t->copies);
    if (catalog_begin(t->catalog, err) < 0)
        return -1;
    int result = catalog_artifact_insert(t->catalog, &t->artifact, err);
    for (size_t i = 0; result == 0 && i < stores->count; i++)
        result = insert_copy(t, i, stores->items[i]->id, err);
    for (size_t i = 0; result == 0 && i < stores->failure_count; i++)
        result = insert_failed(t, stores->count + i, &stores->failures[i], err);
    if (result == 0)
        return catalog_commit(t->catalog, err);
    catalog_rollback(t->catalog);
    return result;
}

/* Before the first byte goes out: what a crash leaves can be found again. */
static int note_pending(void *context, const char *handle, struct err *err)
{
    const struct pending *pending = context;
    return catalog_copy_begun(pending->catalog, pending->copy, handle, err);
}

static struct fanout_target begin_upload(struct taking *t, size_t index, struct err *err)
{
    struct repository *repository = t->take->stores->items[index];
    struct fanout_target target = {.name = repository->name, .store = repository->store};
    struct store_upload_spec spec = {.key = t->data_key,
                                     .content_type =
                                         codec_content_type(t->take->job->codec.kind),
                                     .id = t->artifact.id,
                                     .on_pending = note_pending,
                                     .context = &t->pending[index]};
    t->pending[index] =
        (struct pending){.catalog = t->catalog, .copy = t->copies[index].id};
    repository_be_patient(repository);
    /* Also for an object that goes out as one PUT, which has no handle. */
    if (note_pending(&t->pending[index], NULL, err) < 0)
        return target;
    target.upload = store_upload_begin(repository->store, &spec, &target.failed);
    return target;
}

static int begin_uploads(struct taking *t, struct err *err)
{
    const struct repository_list *stores = t->take->stores;
    t->pending = memory_array(stores->count, sizeof *t->pending);
    t->fanout =
        fanout_new(t->stored_estimate, session_settings(t->take->session)->part_budget,
                   (size_t)t->take->job->min_copies);
    t->commit.fanout = t->fanout;
    for (size_t i = 0; i < stores->count; i++) {
        struct fanout_target target = begin_upload(t, i, err);
        if (err->kind != ERR_NONE)
            return -1;
        fanout_add(t->fanout, &target);
    }
    for (size_t i = 0; i < stores->failure_count; i++) {
        const struct repository_failure *failure = &stores->failures[i];
        struct fanout_target target = {.name = failure->name, .failed = failure->err};
        fanout_add(t->fanout, &target);
    }
    return fanout_start(t->fanout, session_cancel(t->take->session), err);
}

/* ---- the dump and its way ---- */

static int start_dump(struct taking *t, struct err *err)
{
    const struct backup_artifact *take = t->take;
    const struct source_settings *source = take->source;
    bool globals = take->type == DUMP_GLOBALS;
    struct dump_spec spec = {.conninfo = take->conninfo,
                             .database = globals ? NULL : take->database,
                             .type = take->type,
                             .filters = globals ? NULL : &source->filters,
                             .lock_wait_timeout_ms = source->lock_wait_timeout_s * 1000,
                             .program = globals ? take->programs->pg_dumpall
                                                : take->programs->pg_dump,
                             .cancel = session_cancel(take->session)};
    if (!dump_format_from_name(t->artifact.format, &spec.format))
        return err_set(err, ERR_USAGE, "no such format: %s", t->artifact.format);
    if (spec.format == DUMP_CUSTOM) {
        t->check = dump_check_start(take->programs->pg_restore, err);
        if (t->check == NULL)
            return -1;
    }
    t->artifact.time = clock_now(); /* the snapshot is taken in the moment after this */
    t->dump = dump_start(&spec, err);
    return t->dump ? 0 : -1;
}

/* The raw bytes of a custom archive also go through pg_restore, which walks it to its end. */
static int check_raw(void *context, const void *data, size_t size, struct err *err)
{
    const struct taking *t = context;
    return dump_check_write(t->check, data, size, err);
}

/* Stored bytes: to all stores; and the figures into the catalog, which takes them once a
 * second. */
static int write_stored(void *context, const void *data, size_t size, struct err *err)
{
    static char dump_phase[] = "dump";
    struct taking *t = context;
    struct catalog_progress progress = {.phase = dump_phase,
                                        .raw_bytes = atomic_load(&t->meter.raw_bytes),
                                        .stored_bytes = atomic_load(&t->meter.stored_bytes),
                                        .estimate = t->meter.estimate};
    (void)catalog_artifact_progress(t->catalog, t->artifact.id, &progress);
    return fanout_write(t->fanout, data, size, err);
}

static unsigned codec_threads(const struct job_settings *job)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (job->parallel > 0)
        return (unsigned)job->parallel;
    return cores < 1 ? 1 : cores > THREADS_MAX ? THREADS_MAX : (unsigned)cores;
}

static void announce(const struct taking *t, const struct stream_spec *spec)
{
    char parts[32], buffers[32];
    log_info("%s: memory for buffers: %s for parts on their way, %s for %u threads",
             *t->artifact.database ? t->artifact.database : "globals",
             text_size(parts, fanout_memory(t->fanout)),
             text_size(buffers, stream_memory(spec)), spec->threads);
}

static int start_stream(struct taking *t, struct err *err)
{
    const struct job_settings *job = t->take->job;
    struct stream_spec spec = {.fd = dump_fd(t->dump),
                               .format = t->check ? STREAM_CUSTOM : STREAM_PLAIN,
                               .codec = job->codec,
                               .threads = codec_threads(job),
                               .stall_timeout_ms = t->take->source->stall_timeout_s * 1000,
                               .sink = {.write = write_stored, .context = t},
                               .meter = &t->meter,
                               .cancel = session_cancel(t->take->session)};
    if (t->check)
        spec.raw = (struct stream_sink){.write = check_raw, .context = t};
    t->stream = stream_new(&spec, err);
    if (t->stream == NULL)
        return -1;
    announce(t, &spec);
    return 0;
}

/* ---- how did it end? ---- */

/* An archive that pg_restore cannot walk is a dump that failed, not a damaged backup: there
 * is none yet. */
static int not_whole(struct err *err)
{
    if (err->kind != ERR_CORRUPT)
        return -1;
    err->kind = ERR_DATABASE;
    return err_context(err, "the dump is not whole");
}

/* pg_dump is asked only after it closed its end: one that still has something to say to
 * nobody, or is stalled, would be waited for for ever. */
static int run_stream(struct taking *t, struct err *err)
{
    if (stream_run(t->stream, err) < 0)
        return t->check ? not_whole(err) : -1;
    return dump_finish(t->dump, err);
}

static int check_end(struct taking *t, struct err *err)
{
    if (!stream_result(t->stream)->ended_well) {
        err_set(err, ERR_DATABASE,
                "the dump is cut: pg_dump ended with success but its text has no end");
        return err_hint(err, "a full disk or a wrapper around pg_dump can do that");
    }
    return t->check && dump_check_finish(t->check, err) < 0 ? not_whole(err) : 0;
}

/* ---- commit ---- */

static int write_manifest(struct taking *t, struct err *err)
{
    const struct stream_result *result = stream_result(t->stream);
    struct manifest_facts *facts = &t->facts;
    unsigned char sum[SHA256_SIZE];
    char hex[SHA256_HEX];
    free(facts->connection);
    /* A manifest lies in every store for years: nothing secret gets in. */
    facts->connection = conninfo_public(t->take->source->conninfo.text, err);
    if (facts->connection == NULL)
        return -1;
    facts->key = memory_strdup(t->data_key);
    facts->index_key = memory_strdup(t->index_key);
    facts->index_bytes = result->index_gz.length;
    digest_sha256(result->index_gz.data, result->index_gz.length, sum);
    facts->index_sha256 = memory_strdup(digest_hex(sum, sizeof sum, hex));
    facts->chunks = result->chunks;
    facts->encoding = memory_strdup(result->encoding);
    for (size_t i = 0; i < fanout_part_count(t->fanout); i++)
        manifest_facts_add_part(facts, fanout_part_bytes(t->fanout, i));
    t->manifest = manifest_text(&t->artifact, facts);
    if (strlen(t->manifest) <= MANIFEST_CEILING)
        return 0;
    return err_set(err, ERR_SYSTEM, "%lld tables are more than a manifest can list",
                   (long long)t->artifact.table_count);
}

static int commit(struct taking *t, struct err *err)
{
    backup_facts_of_stream(&t->artifact, stream_result(t->stream),
                           clock_monotonic_ms() - t->meter.started_ms);
    if (write_manifest(t, err) < 0)
        return -1;
    t->commit.index = &stream_result(t->stream)->index_gz;
    t->commit.manifest = t->manifest;
    return commit_run(&t->commit, err);
}

static void phase(const struct taking *t, const char *name)
{
    struct catalog_progress progress = {.phase = memory_strdup(name),
                                        .raw_bytes = atomic_load(&t->meter.raw_bytes),
                                        .stored_bytes = atomic_load(&t->meter.stored_bytes),
                                        .estimate = t->meter.estimate};
    (void)catalog_artifact_progress(t->catalog, t->artifact.id, &progress);
    free(progress.phase);
    observer_phase(session_observer(t->take->session), name);
}

/* The order of events that keeps a backup honest. Each line is a promise that the next one
 * relies on; whatever fails, nothing was made visible before it. */
static int in_order(struct taking *t, struct err *err)
{
    if (begin_uploads(t, err) < 0 || /* what is begun is in the catalog first */
        start_dump(t, err) < 0 || start_stream(t, err) < 0)
        return -1;
    phase(t, "dump");
    if (run_stream(t, err) < 0 || /* every byte was read, and pg_dump says it went well */
        check_end(t, err) < 0 ||  /* and its text ends as a whole dump does */
        fanout_end(t->fanout, err) < 0) /* every part is stored; nothing is visible yet */
        return -1;
    phase(t, "finish");
    /* data, index, then manifest, store by store; then the catalog */
    return commit(t, err);
}

/* ---- ends ---- */

/* First of all when it failed: undoing uploads may take a while, and meanwhile pg_dump
 * would hold its snapshot and its locks. */
static void stop_dump(struct taking *t)
{
    stream_free(t->stream);
    dump_check_free(t->check);
    dump_free(t->dump);
    t->stream = NULL;
    t->check = NULL;
    t->dump = NULL;
}

/* Every upload is undone before the row says so. */
static void record_failure(struct taking *t, const struct err *why)
{
    struct err trouble = {0};
    struct catalog_artifact *artifact = &t->artifact;
    stop_dump(t);
    for (size_t i = 0; i < copy_count(t); i++) {
        if (t->copies[i].state == CATALOG_COPY_UPLOADING)
            commit_undo(&t->commit, i, why);
    }
    artifact->status = why->kind == ERR_CANCELLED ? CATALOG_CANCELLED : CATALOG_FAILED;
    artifact->finished = clock_now();
    artifact->duration_ms = clock_monotonic_ms() - t->meter.started_ms;
    artifact->raw_bytes = atomic_load(&t->meter.raw_bytes);
    artifact->stored_bytes = 0;
    memory_replace(&artifact->error_code, err_kind_name(why->kind));
    memory_replace(&artifact->error_message, why->text);
    if (catalog_artifact_finish(t->catalog, artifact, &trouble) < 0)
        log_warning("%s", trouble.text);
}

/* So that another machine's prune holds the group as well. */
static void tell_stores(const struct taking *t)
{
    for (size_t i = 0; i < t->take->stores->count; i++) {
        if (t->copies[i].state == CATALOG_COPY_COMPLETE)
            (void)state_sync_try_push(t->catalog, t->take->stores->items[i],
                                      t->artifact.id);
    }
}

/* After it is complete nothing may turn it into a failure any more. */
static void look_for_anomalies(struct taking *t, struct backup_result *result)
{
    struct text why;
    struct err trouble = {0};
    text_init(&why, 400);
    if (anomaly_find(t->catalog, &t->artifact, t->take->job->anomaly_shrink, &why,
                     &trouble) < 0) {
        log_warning("%s", trouble.text);
    } else if (why.length > 0) {
        result->suspect = true;
        log_warning("backup %s of \"%s\" is suspect: %s; prune holds its group until "
                    "`pgkeep accept` "
                    "clears it, or a normal one follows",
                    t->artifact.id, t->artifact.database, why.data);
        if (catalog_artifact_set_suspect(t->catalog, t->artifact.id, true, &trouble) < 0)
            log_warning("%s", trouble.text);
        else
            tell_stores(t);
    }
    text_release(&why);
}

static void tell_outcome(struct taking *t, struct backup_result *result)
{
    result->outcome = BACKUP_GOOD;
    for (size_t i = 0; i < fanout_count(t->fanout); i++) {
        const struct fanout_target *target = fanout_target(t->fanout, i);
        if (target->failed.kind == ERR_NONE)
            continue;
        if (result->outcome == BACKUP_GOOD)
            result->err = target->failed;
        result->outcome = BACKUP_PARTIAL;
    }
    look_for_anomalies(t, result);
}

static void release(struct taking *t)
{
    stop_dump(t);
    fanout_free(t->fanout);
    for (size_t i = 0; t->copies && i < copy_count(t); i++)
        catalog_copy_release(&t->copies[i]);
    free(t->copies);
    free(t->pending);
    free(t->manifest);
    free(t->data_key);
    free(t->index_key);
    free(t->manifest_key);
    manifest_facts_release(&t->facts);
    catalog_artifact_release(&t->artifact);
}

static void run(struct taking *t, struct backup_result *result)
{
    const struct observer *observer = session_observer(t->take->session);
    struct err *err = &result->err;
    result->outcome = BACKUP_FAILED;
    /* A server that cannot be asked costs no row: nothing was begun. */
    if (backup_facts_ask(t->take, &t->artifact, &t->facts.properties, &t->stored_estimate,
                         err) < 0)
        return;
    t->facts.has_properties = t->take->type != DUMP_GLOBALS;
    name_keys(t);
    if (begin_rows(t, err) < 0)
        return;
    memcpy(result->id, t->artifact.id, ULID_SIZE);
    meter_init(&t->meter, t->artifact.progress.estimate);
    t->commit = (struct commit){.catalog = t->catalog,
                                .artifact = &t->artifact,
                                .copies = t->copies,
                                .manifest_key = t->manifest_key,
                                .min_copies = (size_t)t->take->job->min_copies};
    observer_artifact(observer, &t->artifact, &t->meter);
    int done = in_order(t, err);
    observer_artifact_end(observer);
    if (done == 0)
        tell_outcome(t, result);
    /* A backup that its stores hold is never called failed: the catalog is behind, see
     * commit.h. */
    else if (!t->commit.committed)
        record_failure(t, err);
}

int backup_artifact(const struct backup_artifact *take, struct backup_result *result,
                    struct err *err)
{
    struct taking t = {.take = take, .catalog = session_catalog(take->session)};
    manifest_facts_init(&t.facts);
    backup_facts_describe(take, &t.artifact);
    result->database = memory_strdup(take->database);
    run(&t, result);
    release(&t);
    if (result->outcome != BACKUP_FAILED || result->err.kind != ERR_CANCELLED)
        return 0;
    *err = result->err;
    return -1;
}
