/*
 * A copy is chosen by trying: open its store, take the lease, read. The lease is the
 * promise that no prune marks the copy meanwhile, so it is taken before the first byte and
 * in the same transaction that asks for the copy's state.
 *
 * Decoded, with a chunk index, reading goes on where a copy fails: chunks can be decoded each by
 * itself, so the chunk that one copy does not have whole is read from another store's, and the
 * next that this one lacks may come from the first again. Each chunk is asked of each copy once,
 * and only when none has it the whole fails.
 *
 * Folders come first because they cost neither money nor a network; beyond that the order
 * is that of the catalog, by name of the store.
 */
#include "copy/copy_reader.h"

#include "copy/chunk_check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "catalog/leases.h"
#include "catalog/verifications.h"
#include "repository/repository_object.h"
#include "repository/state_sync.h"
#include "catalog/stores.h"
#include "stream/index.h"

enum { PIECE = 1 << 20, INDEX_MAX = 1 << 30 };
#define NOT_THERE UINT64_MAX /* failed_at: no chunk of it can be read */

struct copy_reader {
    const struct copy_reader_spec *spec; /* a copy of the caller's, below */
    struct copy_reader_spec kept;
    const struct catalog_copy *copy; /* of the artifact */
    struct repository *repository;
    int64_t lease;
    int64_t refreshed_ms;
    uint64_t *failed_at; /* of each copy: the chunk it failed at, from 1; 0: none */
    bool changed;        /* more than one copy was read */
    bool sink_failed;    /* the error is not the store's */
};

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
    reader->repository = session_repository(spec->session, copy->store, false, err);
    if (reader->repository == NULL)
        return -1;
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
    if (!unbroken && !failed && !spec->broken_too)
        log_warning("the copy in store \"%s\" was found %s (%s); it is read because its "
                    "store was named",
                    copy->store, catalog_copy_state_name(copy->state),
                    copy->verified_error ? copy->verified_error : "no reason is known");
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

/* ---- its bytes ---- */

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

/* Stored bytes from `offset` on, one piece after the other, to `each`. */
static int download(struct copy_reader *reader, uint64_t offset, struct stream_sink each,
                    struct meter *meter, struct err *err)
{
    uint64_t size = reader->spec->artifact->stored_bytes;
    struct store_download *from =
        store_download_begin(reader->repository->store, reader->copy->key, offset, 0, err);
    unsigned char *piece = from ? memory_try(PIECE, err) : NULL;
    ssize_t got = piece ? 1 : -1;
    /* Cheaper than to read it all and find the hash wrong. */
    if (piece && store_download_size(from) != size) {
        err_set(err, ERR_CORRUPT, "%s has %llu bytes, %llu were stored", reader->copy->key,
                (unsigned long long)store_download_size(from), (unsigned long long)size);
        got = -1;
    }
    while (got > 0 && (got = store_download_read(from, piece, PIECE, err)) > 0) {
        if (meter)
            atomic_fetch_add(&meter->stored_bytes, (uint64_t)got);
        if (stream_sink_write(&each, piece, (size_t)got, err) != 0)
            got = -1;
        else
            copy_reader_refresh(reader);
    }
    free(piece);
    store_download_free(from);
    return got < 0 ? -1 : 0;
}

/* What whoever takes the bytes says is not the store's fault. */
static int pass_on(struct copy_reader *reader, const struct stream_sink *next,
                   const void *data, size_t size, struct err *err)
{
    if (stream_sink_write(next, data, size, err) == 0)
        return 0;
    reader->sink_failed = true;
    return -1;
}

static int check_hash(const char *what, const unsigned char is[SHA256_SIZE],
                      const char *expected, struct err *err)
{
    char hex[SHA256_HEX];
    digest_hex(is, SHA256_SIZE, hex);
    if (expected != NULL && strcmp(hex, expected) == 0)
        return 0;
    return err_set(err, ERR_CORRUPT, "SHA-256 of the %s is %s, the manifest says %s", what,
                   hex, expected ? expected : "nothing");
}

/* ---- when a copy fails ---- */

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

static void end_lease(struct copy_reader *reader)
{
    struct err trouble = {0};
    if (reader->lease != 0 && catalog_lease_end(session_catalog(reader->spec->session),
                                                reader->lease, &trouble) < 0)
        log_warning("%s", trouble.text);
    reader->lease = 0;
}

/* After `why`: remembers it, and goes over to a copy that did not fail at this chunk yet. -1 with
 * `why` when there is none, when another copy would not help, and without a chunk (0). */
int copy_reader_fail_over(struct copy_reader *reader, uint64_t chunk, struct err *why)
{
    const struct catalog_artifact *artifact = reader->spec->artifact;
    struct err err = {0};
    if (reader->sink_failed || reader->spec->broken_too || err_is_fatal(why->kind))
        return -1;
    if (why->kind == ERR_CORRUPT || why->kind == ERR_NOT_FOUND) {
        /* What the store itself says begins with its name. */
        if (!text_starts_with(why->text, "store \""))
            err_context(why, "store \"%s\"", reader->copy->store);
        remember(reader, why);
    }
    if (chunk == 0)
        return -1;
    reader->failed_at[reader->copy - artifact->copies] =
        why->kind == ERR_NOT_FOUND ? NOT_THERE : chunk;
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
    log_warning("%s: chunk %llu is read from store \"%s\"", why->text,
                (unsigned long long)chunk, reader->copy->store);
    err_clear(why);
    reader->changed = true;
    return 0;
}

/* ---- as stored ---- */

struct stored_sink {
    struct copy_reader *reader;
    struct digest sha256;
    struct stream_sink next;
};

static int write_stored(void *context, const void *data, size_t size, struct err *err)
{
    struct stored_sink *sink = context;
    digest_add(&sink->sha256, data, size);
    return pass_on(sink->reader, &sink->next, data, size, err);
}

static int run_stored(struct copy_reader *reader, struct stream_sink next,
                      struct meter *meter, struct err *err)
{
    struct stored_sink sink = {.reader = reader, .next = next};
    unsigned char sum[SHA256_SIZE];
    digest_init(&sink.sha256, DIGEST_SHA256);
    struct stream_sink each = {.write = write_stored, .context = &sink};
    int result = download(reader, 0, each, meter, err);
    digest_finish(&sink.sha256, sum);
    if (result == 0)
        result = check_hash("stored bytes", sum, reader->spec->artifact->sha256, err);
    return result == 0 ? 0 : copy_reader_fail_over(reader, 0, err);
}

/* ---- decoded ---- */

struct decoded_sink {
    struct copy_reader *reader;
    struct unstream *unstream;
    struct chunk_check *check; /* NULL: the index cannot be used */
    struct stream_sink next;
    struct meter *meter;
};

static int push_stored(void *context, const void *data, size_t size, struct err *err)
{
    const struct decoded_sink *sink = context;
    return unstream_push(sink->unstream, data, size, err);
}

static int count_raw(void *context, const void *data, size_t size, struct err *err)
{
    const struct decoded_sink *sink = context;
    if (sink->meter)
        atomic_fetch_add(&sink->meter->raw_bytes, size);
    return pass_on(sink->reader, &sink->next, data, size, err);
}

static int check_raw(void *context, const void *data, size_t size, struct err *err)
{
    const struct decoded_sink *sink = context;
    return sink->check ? chunk_check_write(sink->check, data, size, err)
                       : count_raw(context, data, size, err);
}

/* Without its index an artifact can still be read; only the early check of each chunk falls
 * away, the hashes of the whole remain. */
static int read_index(struct copy_reader *reader, struct decoded_sink *sink,
                      struct text *index, struct err *err)
{
    bool absent = true;
    struct err why = {0};
    struct stream_sink next = {.write = count_raw, .context = sink};
    if (reader->copy->index_key != NULL &&
        store_get(reader->repository->store, reader->copy->index_key, index, &absent, err) <
            0)
        return -1;
    if (!absent && chunk_check_index(index, reader->spec->artifact->raw_bytes, &why) == 0)
        sink->check = chunk_check_new(index->data, index->length, next, &why);
    if (sink->check == NULL)
        log_warning("the chunk index of %s is %s: chunks are not checked one by one, only "
                    "the whole at the end",
                    reader->spec->artifact->id, absent ? "missing" : why.text);
    return 0;
}

/* Of the whole decoded stream, or of its chunks' digests, which were compared one by one. Without
 * an index only the manifest tells which it is, and the stored bytes were right by then. */
static int check_raw_sum(const struct copy_reader *reader, struct decoded_sink *sink,
                         const unsigned char sum[SHA256_SIZE], struct err *err)
{
    const struct catalog_artifact *artifact = reader->spec->artifact;
    struct err ignored = {0};
    unsigned char of_chunks[SHA256_SIZE];
    if (check_hash("decoded bytes", sum, artifact->raw_sha256, err) == 0)
        return 0;
    struct repository_manifest found;
    bool right;
    if (sink->check != NULL) {
        chunk_check_sum(sink->check, of_chunks);
        right = check_hash("chunks", of_chunks, artifact->raw_sha256, &ignored) == 0;
    } else {
        right = repository_require_manifest(reader->repository->store, artifact->id, &found,
                                            &ignored) == 0 &&
                found.manifest.facts.raw_of_chunks;
        repository_manifest_release(&found);
    }
    if (!right)
        return -1;
    err_clear(err);
    return 0;
}

/* The hashes of the whole. Where several copies were read, no one stream had all of it: every
 * chunk was right by the index then, and the index must be the one that the manifest names. */
static int check_decoded(const struct copy_reader *reader, struct decoded_sink *sink,
                         const struct text *index, struct err *err)
{
    const struct catalog_artifact *artifact = reader->spec->artifact;
    uint64_t raw = 0, stored = 0;
    unsigned char raw_sum[SHA256_SIZE], stored_sum[SHA256_SIZE];
    if (unstream_finish(sink->unstream, err) < 0 ||
        (sink->check && chunk_check_finish(sink->check, err) < 0))
        return -1;
    if (reader->changed) {
        struct repository_manifest found;
        int result = repository_require_manifest(reader->repository->store, artifact->id,
                                                 &found, err);
        digest_sha256(index->data, index->length, raw_sum);
        if (result == 0)
            result =
                check_hash("chunk index", raw_sum, found.manifest.facts.index_sha256, err);
        repository_manifest_release(&found);
        return result;
    }
    unstream_sums(sink->unstream, &raw, raw_sum, &stored, stored_sum);
    if (raw != artifact->raw_bytes || stored != artifact->stored_bytes)
        return err_set(err, ERR_CORRUPT, "%llu bytes came out, %llu went in",
                       (unsigned long long)raw, (unsigned long long)artifact->raw_bytes);
    if (check_hash("stored bytes", stored_sum, artifact->sha256, err) < 0)
        return -1;
    return check_raw_sum(reader, sink, raw_sum, err);
}

static int run_decoded(struct copy_reader *reader, struct stream_sink next,
                       struct meter *meter, struct err *err)
{
    struct decoded_sink sink = {.reader = reader, .next = next, .meter = meter};
    struct stream_sink raw = {.write = check_raw, .context = &sink};
    struct stream_sink each = {.write = push_stored, .context = &sink};
    struct text index;
    enum codec_kind codec = CODEC_NONE;
    uint64_t chunk = 1, offset = 0; /* where reading begins: at the chunk that is lacking */
    int result = -1;
    text_init(&index, INDEX_MAX);
    if (!codec_from_name(reader->spec->artifact->compression, &codec)) {
        err_set(err, ERR_CORRUPT, "unknown compression \"%s\"",
                reader->spec->artifact->compression);
        goto cleanup;
    }
    if (read_index(reader, &sink, &index, err) < 0)
        goto cleanup;
    do {
        /* From a border of chunks a stream of its own: members stand each by itself. */
        unstream_free(sink.unstream);
        sink.unstream = unstream_new(codec, raw, err);
        if (sink.unstream == NULL)
            goto cleanup;
        result = download(reader, offset, each, meter, err);
        if (result == 0)
            result = check_decoded(reader, &sink, &index, err);
        if (result == 0)
            break;
        /* Without an index, and behind its last chunk, there is no place to go on from. */
        if (!sink.check || !chunk_check_rewind(sink.check, &chunk, &offset))
            chunk = 0;
    } while (copy_reader_fail_over(reader, chunk, err) == 0);
cleanup:
    unstream_free(sink.unstream);
    chunk_check_free(sink.check);
    text_release(&index);
    return result;
}

int copy_reader_run(struct copy_reader *reader, enum copy_reader_form form,
                    struct stream_sink sink, struct meter *meter, struct err *err)
{
    return form == COPY_READER_STORED ? run_stored(reader, sink, meter, err)
                                      : run_decoded(reader, sink, meter, err);
}

void copy_reader_close(struct copy_reader *reader)
{
    if (reader == NULL)
        return;
    end_lease(reader);
    free(reader->failed_at);
    free(reader);
}
