/*
 * In the order of the table in copy_artifact.h: source, row in the target, data, index,
 * manifest. claim decides what an earlier copy or try means; from then on the row is ours
 * (`reopened`), and whatever fails is undone or noted.
 */
#include "backup/copy_artifact.h"

#include "repository/keys.h"
#include "repository/repository_object.h"
#include "repository/state_sync.h"
#include "copy/recover.h"
#include "copy/fanout.h"
#include "copy/copy_reader.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "catalog/artifact_list.h"

#define INDEX_MAX ((size_t)1 << 30)

struct transfer {
    const struct copy_artifact_spec *spec;
    struct catalog *catalog;
    struct copy_artifact_result *result;
    struct meter meter;
    struct catalog_artifact artifact;
    struct copy_reader *retrieve; /* the source, leased */
    struct repository *target;
    struct store *store;      /* the target's; while undoing, its handle for that */
    struct catalog_copy copy; /* the row in the target */
    struct repository_manifest manifest; /* of the source */
    struct text index;
    bool has_index;
    bool replaces;   /* objects of an earlier copy or try may lie there under our keys */
    bool reopened;   /* the row is ours now */
    bool finishing;  /* our data may be visible: its upload was told to finish */
    bool committing; /* our manifest may be there */
    char *handle;    /* of the upload to be continued; NULL: none */
    struct fanout *fanout; /* has the upload; NULL: none was begun or taken up */
};

const char *copy_artifact_outcome_name(enum copy_artifact_outcome outcome)
{
    static const char *const names[] = {"copied", "resumed", "healed", "present"};
    return names[outcome];
}

/* ---- the source ---- */

/* The very bytes of the manifest go on, after they were read as ours. */
static int read_manifest(struct transfer *t, struct err *err)
{
    struct store *store = copy_reader_repository(t->retrieve)->store;
    unsigned char sum[SHA256_SIZE];
    char hex[SHA256_HEX];
    bool absent = false;
    if (repository_require_manifest(store, t->artifact.id, &t->manifest, err) < 0)
        return -1;
    const struct manifest_facts *facts = &t->manifest.manifest.facts;
    const struct catalog_artifact *says = &t->manifest.manifest.artifact;
    t->has_index = facts->index_key != NULL;
    memory_replace(&t->copy.key, facts->key);
    memory_replace(&t->copy.index_key, facts->index_key);
    /* Two descriptions of one backup: where they differ nobody can say which copy is good. */
    if (strcmp(says->sha256, t->artifact.sha256) != 0 ||
        says->stored_bytes != t->artifact.stored_bytes)
        return err_set(err, ERR_CORRUPT,
                       "the manifest says another hash or size than the catalog");
    if (!t->has_index)
        return 0;

    /* The index is small enough to be read before the data: a broken one is found early. */
    if (store_get(store, facts->index_key, &t->index, &absent, err) < 0)
        return -1;
    if (absent)
        return err_set(err, ERR_NOT_FOUND, "store \"%s\": the chunk index is missing: %s",
                       store_name(store), facts->index_key);
    digest_sha256(t->index.data, t->index.length, sum);
    if (strcmp(digest_hex(sum, sizeof sum, hex), facts->index_sha256) == 0)
        return 0;
    return err_set(err, ERR_CORRUPT, "the chunk index is not what was stored: %s",
                   facts->index_key);
}

/* Leased, so that no prune takes it away while it is read. */
static int open_source(struct transfer *t, struct err *err)
{
    struct copy_reader_spec from = {.session = t->spec->session,
                                    .artifact = &t->artifact,
                                    .store = t->spec->from,
                                    .purpose = "being copied"};
    t->retrieve = copy_reader_open(&from, err);
    if (t->retrieve == NULL)
        return -1;
    /* Asked for by its store, a copy is opened although it was found broken. */
    const struct catalog_copy *copy = copy_reader_copy(t->retrieve);
    if (copy->state != CATALOG_COPY_COMPLETE)
        return err_set(err, ERR_NOT_FOUND,
                       "the copy in store \"%s\" is %s: it is no source", t->spec->from,
                       catalog_copy_state_name(copy->state));
    return read_manifest(t, err);
}

/* All stored bytes, hashed on the way: what differs from the catalog ends it. */
static int read_source(struct transfer *t, struct stream_sink sink, struct meter *meter,
                       struct err *err)
{
    int result = copy_reader_run(t->retrieve, COPY_READER_STORED, sink, meter, err);
    if (result < 0 && err->kind == ERR_CORRUPT)
        err_hint(err, "`pgkeep verify %s` finds a copy that is good", t->artifact.id);
    return result;
}

/* ---- the row in the target ---- */

/* The manifest first, whatever goes: without it the copy is no backup any more. */
static int remove_manifest(struct transfer *t, struct err *err)
{
    char *key = keys_manifest(t->artifact.id);
    int result = repository_remove_object(t->store, key, err);
    free(key);
    return result == 0 ? 0 : err_context(err, "the copy there cannot be replaced");
}

static int insert_row(struct transfer *t, struct err *err)
{
    bool there = false;
    if (repository_manifest_exists(t->store, t->artifact.id, &there, err) < 0)
        return -1;
    /* Another machine's: overwritten, it would be gone before ours is proven. */
    if (there) {
        err_set(err, ERR_UNSAFE,
                "store \"%s\" holds a copy of %s already that this catalog does not know",
                t->target->name, t->artifact.id);
        return err_hint(err, "pgkeep catalog sync --store '%s'", t->target->name);
    }
    memcpy(t->copy.artifact, t->artifact.id, ULID_SIZE);
    t->copy.store_id = t->target->id;
    if (catalog_copy_insert(t->catalog, &t->copy, err) < 0)
        return -1;
    t->reopened = true;
    return 0;
}

/* The row says `uploading` and names this process as its owner. */
static int reopen(struct transfer *t, struct err *err)
{
    if (catalog_copy_reopen(t->catalog, t->copy.id, err) < 0)
        return -1;
    t->reopened = true;
    return 0;
}

/* A broken copy, or one that was deleted, gives way to a new one. */
static int replace(struct transfer *t, struct err *err)
{
    struct stream_sink nowhere = {0};
    bool broken = t->copy.state != CATALOG_COPY_DELETED, there = broken;
    /* Another machine may have put a copy there since ours was deleted, and it may be the
     * only good one. */
    if (!broken && repository_manifest_exists(t->store, t->artifact.id, &there, err) < 0)
        return -1;
    /* The source is read to its end before anything in the target is given up for it: of two
     * broken copies none is given up for the other. */
    if (there && read_source(t, nowhere, NULL, err) < 0)
        return -1;
    t->replaces = true;
    if (broken)
        t->result->outcome = COPY_ARTIFACT_HEALED;
    /* The manifest goes while the row still counts as broken: once it is `uploading`, a
     * manifest would mean that all is there (recover.h). */
    return remove_manifest(t, err) < 0 ? -1 : reopen(t, err);
}

/* Whole, it only has to be told. Else it begins anew once what is left of it is cleared, a
 * manifest without its data too. */
static int finish_or_clear(struct transfer *t, struct err *err)
{
    enum recover_result what = RECOVER_LEFT_ALONE;
    const struct recover_spec spec = {t->catalog, t->target, false};
    if (recover_copy(&spec, &t->copy, &what, err) < 0)
        return -1;
    if (what != RECOVER_COMPLETED)
        return reopen(t, err);
    t->result->outcome = COPY_ARTIFACT_PRESENT;
    return 0;
}

/* An earlier try that did not end. */
static int continue_upload(struct transfer *t, struct err *err)
{
    bool there = false;
    /* Not known to be dead is alive: a process on another machine cannot be asked. */
    if (t->copy.owner_state != OWNER_DEAD)
        return err_set(err, ERR_BUSY,
                       "store \"%s\": %s is being copied there already (its process: %s)",
                       t->target->name, t->artifact.id,
                       owner_state_name(t->copy.owner_state));
    if (repository_manifest_exists(t->store, t->artifact.id, &there, err) < 0)
        return -1;
    if (there) /* killed after it was written */
        return finish_or_clear(t, err);
    t->replaces = true;
    t->handle = memory_strdup(t->copy.upload);
    /* Killed between the beginning of an upload and the note of its handle, it left one that
     * nobody knows. */
    if (repository_abort_unfinished(t->store, t->artifact.id, t->copy.key, t->handle, err) <
        0)
        return -1;
    return reopen(t, err);
}

/* What an earlier copy or try in the target means, by the state of its row. */
static int claim(struct transfer *t, struct err *err)
{
    struct catalog_copy row = {0};
    if (copy_reader_repository(t->retrieve)->id == t->target->id)
        return err_set(err, ERR_USAGE, "\"%s\" and \"%s\" are the same store",
                       t->spec->from, t->spec->to);
    if (catalog_copy_find(t->catalog, t->artifact.id, t->target->id, &row, err) < 0)
        return -1;
    if (row.id == 0)
        return insert_row(t, err);
    /* The keys stand in the manifest, which is copied as it is; under others it would be a
     * lie. */
    bool same = strcmp(row.key, t->copy.key) == 0;
    catalog_copy_release(&t->copy);
    t->copy = row;
    if (!same)
        return err_set(err, ERR_CORRUPT, "the copies have different keys: %s", row.key);

    switch (t->copy.state) {
    case CATALOG_COPY_COMPLETE:
        t->result->outcome = COPY_ARTIFACT_PRESENT;
        return 0;
    case CATALOG_COPY_MISSING:
    case CATALOG_COPY_DAMAGED:
    case CATALOG_COPY_DELETED:
        return replace(t, err);
    case CATALOG_COPY_UPLOADING:
        return continue_upload(t, err);
    case CATALOG_COPY_FAILED:
        /* One that never began left nothing in the store. */
        return t->copy.begun ? finish_or_clear(t, err) : reopen(t, err);
    case CATALOG_COPY_DELETING:
    case CATALOG_COPY_LOCKED:
    case CATALOG_COPY_BLOCKED:
    case CATALOG_COPY_STATES:
        break;
    }
    /* What is being deleted is not called back: some of it may be gone already. */
    return err_set(err, ERR_UNSAFE, "the copy in store \"%s\" is %s: it is being deleted",
                   t->target->name, catalog_copy_state_name(t->copy.state));
}

/* ---- the data ---- */

/* Before the first byte goes out: what a crash leaves can be found again. */
static int note_pending(void *context, const char *handle, struct err *err)
{
    struct transfer *t = context;
    return catalog_copy_begun(t->catalog, t->copy.id, handle, err);
}

/* Takes the upload of an earlier try up, if it is there and may be one of ours. */
static int try_to_continue(struct transfer *t, const struct store_upload_spec *spec,
                           struct store_upload **upload, struct fanout_there *there,
                           struct err *err)
{
    /* The store says which parts it has: nothing is sent twice. */
    struct store_resumed at;
    *upload = store_upload_resume(t->store, spec, t->handle, &at, err);
    *there = (struct fanout_there){at.offset, at.next_number};
    if (*upload == NULL && err->kind != ERR_NOT_FOUND)
        return -1;
    err_clear(err);
    if (*upload && there->bytes <= t->artifact.stored_bytes) {
        t->result->resumed = there->bytes;
        t->result->outcome = COPY_ARTIFACT_RESUMED;
        return 0;
    }
    /* Gone, or nothing that we began: all of it is sent. */
    store_upload_free(*upload);
    *upload = NULL;
    *there = (struct fanout_there){0, 1};
    return store_abort_pending(t->store, t->copy.key, t->handle, err);
}

static int begin_upload(struct transfer *t, struct err *err)
{
    enum codec_kind codec = CODEC_NONE;
    if (!codec_from_name(t->artifact.compression, &codec))
        return err_set(err, ERR_CORRUPT, "unknown compression \"%s\"",
                       t->artifact.compression);
    struct store_upload_spec spec = {.key = t->copy.key,
                                     .content_type = codec_content_type(codec),
                                     .id = t->artifact.id,
                                     .on_pending = note_pending,
                                     .context = t};
    /* An earlier try's upload, else a new one: the catalog knows of it before it exists. */
    struct fanout_target target = {.name = t->target->name, .store = t->store};
    struct fanout_there there = {0, 1};
    if (t->handle && try_to_continue(t, &spec, &target.upload, &there, err) < 0)
        return -1;
    if (target.upload == NULL && note_pending(t, NULL, err) < 0)
        return -1;
    if (target.upload == NULL)
        target.upload = store_upload_begin(t->store, &spec, err);
    if (target.upload == NULL)
        return -1;
    /* A fanout of one: the same parts, bounds of memory and retries as a backup. */
    t->fanout = fanout_new_object(t->artifact.stored_bytes,
                                  session_settings(t->spec->session)->part_budget, &there);
    fanout_add(t->fanout, &target);
    return fanout_start(t->fanout, session_cancel(t->spec->session), err);
}

/* Of an earlier copy or try: only now that the new bytes are whole. */
static int remove_replaced(struct transfer *t, struct err *err)
{
    if (!t->replaces)
        return 0;
    if (repository_remove_object(t->store, t->copy.index_key, err) == 0 &&
        repository_remove_object(t->store, t->copy.key, err) == 0)
        return 0;
    return err_context(err, "the copy there cannot be replaced");
}

/* From the first byte to a visible object. */
static int send_data(struct transfer *t, struct err *err)
{
    struct store_object object = {0};
    if (begin_upload(t, err) < 0)
        return -1;
    struct stream_sink sink = {.write = fanout_write, .context = t->fanout};
    /* All of the source was right and all of it is stored, before an earlier copy goes. */
    if (read_source(t, sink, &t->meter, err) < 0 || fanout_end(t->fanout, err) < 0 ||
        remove_replaced(t, err) < 0)
        return -1;
    /* Before the call, not after it: an answer that is lost leaves the object there. */
    t->finishing = true;
    if (store_upload_finish(fanout_target(t->fanout, 0)->upload, &object, err) < 0)
        return -1;
    t->finishing = false;
    t->replaces = true; /* from here on an object of ours is visible */
    t->copy.bytes = object.size;
    memory_replace(&t->copy.etag, object.etag);
    memory_replace(&t->copy.version, object.version);
    store_object_release(&object);
    /* Parts of an earlier try were not sent by us: are they what we would have sent? */
    return fanout_check_skipped(t->fanout, t->copy.key, err);
}

/* ---- the whole ---- */

static int put(struct transfer *t, const char *key, const struct text *text,
               struct err *err)
{
    return store_put_new(t->store, key, text->data, text->length, err);
}

/* Data, index, then the manifest, as in a backup; then the catalog. */
static int send_all(struct transfer *t, struct err *err)
{
    char *key = keys_manifest(t->artifact.id);
    int result = send_data(t, err);
    if (result == 0 && t->has_index)
        result = put(t, t->copy.index_key, &t->index, err);
    /* Before the manifest is sent: an answer that is lost leaves it there. */
    t->committing = result == 0;
    if (result == 0)
        result = put(t, key, &t->manifest.text, err);
    if (result == 0)
        result = catalog_copy_complete(t->catalog, &t->copy, err);
    free(key);
    return result;
}

/* True: nothing of this try, or of what it was to replace, is left. What another machine
 * may have put there is not ours to remove. */
static bool undo(struct transfer *t, const struct err *why)
{
    struct err trouble = {0};
    /* One that was never taken up is still open, and nobody else knows its handle. */
    bool given_up = t->fanout == NULL && t->handle != NULL;
    bool clean = true;
    /* The upload, unless the fanout dropped and undid it already. */
    if (t->fanout) {
        if (fanout_alive(t->fanout) > 0)
            fanout_undo(t->fanout, 0, why);
        clean = fanout_target(t->fanout, 0)->undone;
    }
    /* A handle of its own, whose calls a cancel does not stop. */
    struct store *store = t->store;
    t->store = store_cleaner(store);
    if (given_up && store_abort_pending(t->store, t->copy.key, t->handle, &trouble) < 0) {
        log_debug("undoing the copy: %s", trouble.text);
        clean = false;
    }
    /* Did finishing the upload fail before or after it had its effect? Data that is there may
     * as well be another machine's: it stays for recovery, which looks for a manifest first. */
    if (t->finishing && !t->replaces) {
        bool exists = true;
        if (repository_object_exists(t->store, t->copy.key, &exists, NULL, &trouble) < 0 ||
            exists)
            clean = false;
    }
    if ((t->committing && remove_manifest(t, &trouble) < 0) ||
        remove_replaced(t, &trouble) < 0) {
        log_debug("undoing the copy: %s", trouble.text);
        clean = false;
    }
    store_close(t->store);
    t->store = store;
    return clean;
}

/* Everything that can be refused, before anything is sent. */
static int prepare(struct transfer *t, struct err *err)
{
    if (catalog_artifact_load(t->catalog, t->spec->id, CATALOG_WITH_COPIES, &t->artifact,
                              err) < 0)
        return -1;
    if (t->artifact.status != CATALOG_COMPLETE)
        return err_set(err, ERR_USAGE, "backup %s is %s: only a complete one can be copied",
                       t->artifact.id, catalog_status_name(t->artifact.status));
    if (open_source(t, err) < 0)
        return -1;
    t->target = session_repository(t->spec->session, t->spec->to, true, err);
    if (t->target == NULL)
        return -1;
    t->store = t->target->store;
    repository_be_patient(t->target);
    return claim(t, err);
}

static void release(struct transfer *t)
{
    fanout_free(t->fanout);
    copy_reader_close(t->retrieve);
    catalog_copy_release(&t->copy);
    catalog_artifact_release(&t->artifact);
    repository_manifest_release(&t->manifest);
    text_release(&t->index);
    free(t->handle);
}

int copy_artifact_run(const struct copy_artifact_spec *spec,
                      struct copy_artifact_result *result, struct err *err)
{
    struct transfer t = {
        .spec = spec, .catalog = session_catalog(spec->session), .result = result};
    struct err trouble = {0};
    *result = (struct copy_artifact_result){.outcome = COPY_ARTIFACT_COPIED};
    t.manifest.absent = true;
    text_init(&t.index, INDEX_MAX);
    int done = prepare(&t, err);
    /* Not reopened: what is there is whole already. */
    if (done == 0 && t.reopened) {
        const struct observer *observer = session_observer(spec->session);
        /* No estimate: only stored bytes move, and the percentage is one of raw bytes. */
        meter_init(&t.meter, 0);
        observer_artifact(observer, &t.artifact, &t.meter);
        observer_phase(observer, spec->to);
        done = send_all(&t, err);
        observer_artifact_end(observer);
        if (done < 0) {
            /* The row says whether anything of this try is left. */
            bool clean = undo(&t, err);
            if (catalog_copy_fail(t.catalog, t.copy.id, err->text, clean, &trouble) < 0)
                log_warning("%s", trouble.text);
        }
        /* The catalog in the store learns of the copy now, not with the next backup. */
        if (done == 0)
            (void)state_sync_try_push(t.catalog, t.target, t.artifact.id);
    }
    result->bytes = t.artifact.stored_bytes;
    release(&t);
    return done;
}
