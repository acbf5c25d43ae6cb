/*
 * A copy is chosen by trying: open its store, take the lease, read. The lease is the
 * promise that no prune marks the copy meanwhile, so it is taken before the first byte and
 * in the same transaction that asks for the copy's state.
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
#include "catalog/stores.h"
#include "stream/index.h"

enum { PIECE = 1 << 20, INDEX_MAX = 1 << 30 };

struct copy_reader {
    const struct copy_reader_spec *spec; /* a copy of the caller's, below */
    struct copy_reader_spec kept;
    const struct catalog_copy *copy; /* of the artifact */
    struct repository *repository;
    int64_t lease;
    int64_t refreshed_ms;
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

static int try_copy(struct copy_reader *retrieve, const struct catalog_copy *copy,
                    struct err *err)
{
    const struct copy_reader_spec *spec = retrieve->spec;
    retrieve->repository = session_repository(spec->session, copy->store, false, err);
    if (retrieve->repository == NULL)
        return -1;
    bool unbroken = !spec->broken_too && copy->state == CATALOG_COPY_COMPLETE;
    struct catalog_lease lease = {
        .copy = copy->id, .purpose = spec->purpose, .unbroken = unbroken};
    if (catalog_lease_take(session_catalog(spec->session), &lease, err) < 0) {
        retrieve->repository = NULL;
        return -1;
    }
    retrieve->lease = lease.id;
    if (!unbroken && !spec->broken_too)
        log_warning("the copy in store \"%s\" was found %s (%s); it is read because its "
                    "store was named",
                    copy->store, catalog_copy_state_name(copy->state),
                    copy->verified_error ? copy->verified_error : "no reason is known");
    repository_be_patient(retrieve->repository);
    retrieve->copy = copy;
    retrieve->refreshed_ms = clock_monotonic_ms();
    return 0;
}

static void tell_passed_over(const struct err *err)
{
    if (err->kind != ERR_NONE)
        log_warning("%s", err->text);
}

/* Folders in the first round, then the rest. */
static int choose(struct copy_reader *retrieve, struct err *err)
{
    const struct catalog_artifact *artifact = retrieve->spec->artifact;
    bool folders = !retrieve->spec->for_url || retrieve->spec->store != NULL;
    for (int round = folders ? 0 : 1; round < 2; round++) {
        for (size_t i = 0; i < artifact->copy_count; i++) {
            const struct catalog_copy *copy = &artifact->copies[i];
            if (!may_read(retrieve->spec, copy) ||
                is_folder(session_catalog(retrieve->spec->session), copy) != (round == 0))
                continue;
            tell_passed_over(err);
            err_clear(err);
            if (try_copy(retrieve, copy, err) == 0)
                return 0;
            if (err_is_fatal(err->kind))
                return -1;
        }
    }
    return -1;
}

static int nothing_to_read(const struct copy_reader_spec *spec, struct err *err)
{
    const struct catalog_artifact *artifact = spec->artifact;
    if (artifact->status != CATALOG_COMPLETE)
        err_set(err, ERR_NOT_FOUND, "backup %s is %s: there is nothing to read",
                artifact->id, catalog_status_name(artifact->status));
    else if (spec->store != NULL)
        err_set(err, ERR_NOT_FOUND, "backup %s has no good copy in store \"%s\"",
                artifact->id, spec->store);
    else
        err_set(err, ERR_NOT_FOUND, "backup %s has no good copy in any %s", artifact->id,
                spec->for_url ? "bucket, and a folder has no URLs" : "store");
    return err_hint(err,
                    "`pgkeep show %s` lists its copies; --store NAME reads what is left of "
                    "one that is missing or damaged",
                    artifact->id);
}

struct copy_reader *copy_reader_open(const struct copy_reader_spec *spec, struct err *err)
{
    struct copy_reader *retrieve = memory_zalloc(sizeof *retrieve);
    retrieve->kept = *spec;
    retrieve->spec = &retrieve->kept;
    err_clear(err);
    if (choose(retrieve, err) == 0)
        return retrieve;
    if (err->kind == ERR_NONE)
        nothing_to_read(spec, err);
    copy_reader_close(retrieve);
    return NULL;
}

const struct catalog_copy *copy_reader_copy(const struct copy_reader *retrieve)
{
    return retrieve->copy;
}

struct repository *copy_reader_repository(const struct copy_reader *retrieve)
{
    return retrieve->repository;
}

/* ---- its bytes ---- */

/* A catalog that is busy or full is no reason to break off a restore of hours: every byte
 * is checked whatever happens to the copy. */
static void refresh_lease(struct copy_reader *retrieve)
{
    struct err trouble = {0};
    int64_t now = clock_monotonic_ms();
    if (now - retrieve->refreshed_ms < (int64_t)CATALOG_LEASE_REFRESH_S * 1000)
        return;
    retrieve->refreshed_ms = now;
    if (catalog_lease_refresh(session_catalog(retrieve->spec->session), retrieve->lease,
                              &trouble) < 0)
        log_warning("a prune may remove the copy while it is read: %s", trouble.text);
}

/* Stored bytes one piece after the other to `each`. */
static int download(struct copy_reader *retrieve, struct stream_sink each,
                    struct meter *meter, struct err *err)
{
    uint64_t size = retrieve->spec->artifact->stored_bytes;
    struct store_download *from =
        store_download_begin(retrieve->repository->store, retrieve->copy->key, 0, 0, err);
    unsigned char *piece = from ? memory_try(PIECE, err) : NULL;
    ssize_t got = piece ? 1 : -1;
    /* Cheaper than to read it all and find the hash wrong. */
    if (piece && store_download_size(from) != size) {
        err_set(err, ERR_CORRUPT, "%s has %llu bytes, %llu were stored",
                retrieve->copy->key, (unsigned long long)store_download_size(from),
                (unsigned long long)size);
        got = -1;
    }
    while (got > 0 && (got = store_download_read(from, piece, PIECE, err)) > 0) {
        if (meter)
            atomic_fetch_add(&meter->stored_bytes, (uint64_t)got);
        if (stream_sink_write(&each, piece, (size_t)got, err) != 0)
            got = -1;
        else
            refresh_lease(retrieve);
    }
    free(piece);
    store_download_free(from);
    return got < 0 ? -1 : 0;
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

/* ---- as stored ---- */

struct stored_sink {
    struct digest sha256;
    struct stream_sink next;
};

static int write_stored(void *context, const void *data, size_t size, struct err *err)
{
    struct stored_sink *sink = context;
    digest_add(&sink->sha256, data, size);
    return stream_sink_write(&sink->next, data, size, err);
}

static int run_stored(struct copy_reader *retrieve, struct stream_sink next,
                      struct meter *meter, struct err *err)
{
    struct stored_sink sink = {.next = next};
    unsigned char sum[SHA256_SIZE];
    digest_init(&sink.sha256, DIGEST_SHA256);
    struct stream_sink each = {.write = write_stored, .context = &sink};
    int result = download(retrieve, each, meter, err);
    digest_finish(&sink.sha256, sum);
    if (result == 0)
        result = check_hash("stored bytes", sum, retrieve->spec->artifact->sha256, err);
    return result;
}

/* ---- decoded ---- */

struct decoded_sink {
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
    return stream_sink_write(&sink->next, data, size, err);
}

static int check_raw(void *context, const void *data, size_t size, struct err *err)
{
    const struct decoded_sink *sink = context;
    return sink->check ? chunk_check_write(sink->check, data, size, err)
                       : count_raw(context, data, size, err);
}

/* To its end, before the first byte is believed because of it: damage in its middle must
 * not make the data behind it unreadable. */
static bool is_usable(const struct text *index, uint64_t raw_bytes, struct err *why)
{
    struct index_entry entry = {0};
    struct index_reader *reader = index_reader_new(index->data, index->length, why);
    uint64_t end = 0;
    int got = reader ? 1 : -1;
    while (got == 1 && (got = index_reader_next(reader, &entry, why)) == 1) {
        end = entry.raw.to;
        index_entry_release(&entry);
    }
    index_reader_free(reader);
    if (got == 0 && end != raw_bytes)
        got = err_set(why, ERR_CORRUPT, "that of %llu bytes, not %llu",
                      (unsigned long long)end, (unsigned long long)raw_bytes);
    return got == 0;
}

/* Without its index an artifact can still be read; only the early check of each chunk falls
 * away, the hashes of the whole remain. */
static int read_index(struct copy_reader *retrieve, struct decoded_sink *sink,
                      struct text *index, struct err *err)
{
    bool absent = true;
    struct err why = {0};
    struct stream_sink next = {.write = count_raw, .context = sink};
    if (retrieve->copy->index_key != NULL &&
        store_get(retrieve->repository->store, retrieve->copy->index_key, index, &absent,
                  err) < 0)
        return -1;
    if (!absent && is_usable(index, retrieve->spec->artifact->raw_bytes, &why))
        sink->check = chunk_check_new(index->data, index->length, next, &why);
    if (sink->check == NULL)
        log_warning("the chunk index of %s is %s: chunks are not checked one by one, only "
                    "the whole at the end",
                    retrieve->spec->artifact->id, absent ? "missing" : why.text);
    return 0;
}

static int check_decoded(const struct copy_reader *retrieve, struct decoded_sink *sink,
                         struct err *err)
{
    const struct catalog_artifact *artifact = retrieve->spec->artifact;
    uint64_t raw = 0, stored = 0;
    unsigned char raw_sum[SHA256_SIZE], stored_sum[SHA256_SIZE];
    if (unstream_finish(sink->unstream, err) < 0 ||
        (sink->check && chunk_check_finish(sink->check, err) < 0))
        return -1;
    unstream_sums(sink->unstream, &raw, raw_sum, &stored, stored_sum);
    if (raw != artifact->raw_bytes || stored != artifact->stored_bytes)
        return err_set(err, ERR_CORRUPT, "%llu bytes came out, %llu went in",
                       (unsigned long long)raw, (unsigned long long)artifact->raw_bytes);
    if (check_hash("stored bytes", stored_sum, artifact->sha256, err) < 0)
        return -1;
    return check_hash("decoded bytes", raw_sum, artifact->raw_sha256, err);
}

static int run_decoded(struct copy_reader *retrieve, struct stream_sink next,
                       struct meter *meter, struct err *err)
{
    struct decoded_sink sink = {.next = next, .meter = meter};
    struct text index;
    enum codec_kind codec = CODEC_NONE;
    int result = -1;
    text_init(&index, INDEX_MAX);
    if (!codec_from_name(retrieve->spec->artifact->compression, &codec)) {
        err_set(err, ERR_CORRUPT, "unknown compression \"%s\"",
                retrieve->spec->artifact->compression);
        goto cleanup;
    }
    sink.unstream = unstream_new(
        codec, (struct stream_sink){.write = check_raw, .context = &sink}, err);
    if (sink.unstream == NULL || read_index(retrieve, &sink, &index, err) < 0)
        goto cleanup;
    struct stream_sink each = {.write = push_stored, .context = &sink};
    result = download(retrieve, each, meter, err);
    if (result == 0)
        result = check_decoded(retrieve, &sink, err);
cleanup:
    unstream_free(sink.unstream);
    chunk_check_free(sink.check);
    text_release(&index);
    return result;
}

int copy_reader_run(struct copy_reader *retrieve, enum copy_reader_form form,
                    struct stream_sink sink, struct meter *meter, struct err *err)
{
    return form == COPY_READER_STORED ? run_stored(retrieve, sink, meter, err)
                                      : run_decoded(retrieve, sink, meter, err);
}

void copy_reader_close(struct copy_reader *retrieve)
{
    struct err trouble = {0};
    if (retrieve == NULL)
        return;
    if (retrieve->lease != 0 && catalog_lease_end(session_catalog(retrieve->spec->session),
                                                  retrieve->lease, &trouble) < 0)
        log_warning("%s", trouble.text);
    free(retrieve);
}
