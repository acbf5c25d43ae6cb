/*
 * What a check may conclude from: an answer of the store that says "not there" (missing),
 * bytes that are not what was stored (damaged). Everything else - no answer, no rights, a
 * cancel - leaves the state of the copy as it is: a verdict that is wrong lets prune keep
 * the wrong one.
 */
#include "copy/verify.h"

#include "copy/copy_index.h"

#include "repository/repository_object.h"
#include "repository/state_sync.h"
#include "base/clock.h"
#include "base/memory.h"
#include "stream/index.h"

/* The manifest is the commit mark, and what it says must be what the catalog knows. *of_chunks: its
 * raw_sha256 is that of the digests of the chunks. */
static int check_manifest(struct store *store, const struct verify_spec *spec,
                          bool *of_chunks, struct err *err)
{
    const struct catalog_artifact *artifact = spec->artifact;
    struct repository_manifest found;
    int result = repository_require_manifest(store, artifact->id, &found, err);
    /* Hashes, size and key: enough to know that it is this very dump, and what a restore by
     * hand goes by. */
    const struct catalog_artifact *says = &found.manifest.artifact;
    if (result == 0 && (strcmp(says->sha256, artifact->sha256) != 0 ||
                        strcmp(says->raw_sha256, artifact->raw_sha256) != 0 ||
                        says->stored_bytes != artifact->stored_bytes ||
                        strcmp(found.manifest.facts.key, spec->copy->key) != 0))
        result = err_set(err, ERR_CORRUPT,
                         "the manifest is not that of this backup: its hashes, size or key "
                         "differ from the catalog");
    *of_chunks = result == 0 && found.manifest.facts.raw_of_chunks;
    repository_manifest_release(&found);
    return result;
}

static int check_object(struct store *store, const char *what, const char *key,
                        const uint64_t *size, struct err *err)
{
    bool exists = false;
    uint64_t bytes = 0;
    if (repository_object_exists(store, key, &exists, &bytes, err) < 0)
        return -1;
    if (!exists)
        return err_set(err, ERR_NOT_FOUND, "the %s is missing: %s", what, key);
    /* NULL: a size that the catalog does not keep. */
    if (size == NULL || bytes == *size)
        return 0;
    return err_set(err, ERR_CORRUPT, "the %s has %llu bytes, %llu were stored: %s", what,
                   (unsigned long long)bytes, (unsigned long long)*size, key);
}

static int check_quick(struct store *store, const struct verify_spec *spec, bool *of_chunks,
                       struct err *err)
{
    const struct catalog_copy *copy = spec->copy;
    if (check_manifest(store, spec, of_chunks, err) < 0 ||
        check_object(store, "data", copy->key, &spec->artifact->stored_bytes, err) < 0)
        return -1;
    /* The size of an index is not in the catalog; a full check reads it to its end instead. */
    return copy->index_key ? check_object(store, "chunk index", copy->index_key, NULL, err)
                           : 0;
}

/* A stream_sink: all raw bytes, for the sum of the whole. */
static int add_raw(void *context, const void *data, size_t size, struct err *err)
{
    (void)err;
    digest_add(context, data, size);
    return 0;
}

/* The digests of all chunks, one behind the other. */
static int sum_chunks(const struct text *index, struct digest *sum, struct err *err)
{
    struct index_entry entry = {0};
    struct index_reader *lines = index_reader_new(index->data, index->length, err);
    int got = lines ? 1 : -1;
    while (got == 1 && (got = index_reader_next(lines, &entry, err)) == 1) {
        digest_add(sum, entry.sha256, SHA256_SIZE);
        index_entry_release(&entry);
    }
    index_reader_free(lines);
    return got;
}

/* Every byte. The index is worth as much as the data for reading parts: it must be the manifest's,
 * and whole. Its digests make the raw bytes sure, chunk by chunk; raw_sha256 of the manifest is what
 * other programs compare, so that it is true is looked at here and nowhere else. */
static int check_full(const struct verify_spec *spec, struct copy_reader *reader,
                      struct text *index, bool of_chunks, struct meter *meter,
                      struct err *err)
{
    const struct catalog_artifact *artifact = spec->artifact;
    struct digest raw;
    struct stream_sink sink = {0};
    unsigned char sum[SHA256_SIZE];
    char hex[SHA256_HEX];
    /* Without an index copy_reader compares it. */
    if (spec->copy->index_key == NULL)
        return copy_reader_run(reader, COPY_READER_DECODED, sink, meter, err);
    /* Not read a second time below: the reader is given these very bytes. */
    if (copy_index_read(copy_reader_repository(reader), spec->copy, index, err) < 0 ||
        copy_index_check(index, artifact, err) < 0)
        return -1;
    digest_init(&raw, DIGEST_SHA256);
    if (!of_chunks)
        sink = (struct stream_sink){.write = add_raw, .context = &raw};
    int result = of_chunks ? sum_chunks(index, &raw, err) : 0;
    if (result == 0)
        result = copy_reader_run(reader, COPY_READER_DECODED, sink, meter, err);
    digest_finish(&raw, sum);
    digest_hex(sum, SHA256_SIZE, hex);
    if (result == 0 && !text_equal(hex, artifact->raw_sha256))
        result = err_set(err, ERR_CORRUPT, "SHA-256 of the %s is %s, the manifest says %s",
                         of_chunks ? "chunks" : "decoded bytes", hex,
                         artifact->raw_sha256 ? artifact->raw_sha256 : "nothing");
    return result;
}

/* Only these two kinds are an answer about the copy itself. */
static enum catalog_result result_of(enum err_kind kind)
{
    if (kind == ERR_NONE)
        return CATALOG_GOOD;
    if (kind == ERR_NOT_FOUND)
        return CATALOG_FOUND_MISSING;
    return kind == ERR_CORRUPT ? CATALOG_FOUND_DAMAGED : CATALOG_UNDECIDED;
}

/* One that was removed while it was looked at has no state any more that a check could
 * change. */
static int record(const struct verify_spec *spec, struct catalog_verification *out,
                  struct err *why, struct err *err)
{
    if (catalog_verification_add(session_catalog(spec->session), out, err) == 0)
        return 0;
    if (err->kind != ERR_UNSAFE)
        return -1;
    *why = *err;
    err_clear(err);
    out->result = CATALOG_UNDECIDED;
    memory_replace(&out->message, why->text);
    return 0;
}

int verify_look(struct store *store, const struct verify_spec *spec, struct err *err)
{
    bool of_chunks;
    return check_quick(store, spec, &of_chunks, err);
}

void verify_doubt(struct copy_reader *reader, struct err *why)
{
    struct err other = {0};
    if ((why->kind == ERR_NOT_FOUND || why->kind == ERR_CORRUPT) &&
        repository_check_identity(copy_reader_repository(reader), &other) < 0)
        *why = other;
}

int verify_record(const struct verify_spec *spec, struct copy_reader *reader,
                  struct catalog_verification *found, struct err *why, struct err *err)
{
    int result = record(spec, found, why, err);
    /* Also for other machines that read this store. */
    if (result == 0 && reader != NULL && found->result != CATALOG_UNDECIDED)
        state_sync_try_push(session_catalog(spec->session), copy_reader_repository(reader),
                            spec->artifact->id);
    return result;
}

int verify_copy(const struct verify_spec *spec, struct catalog_verification *out,
                struct err *why, struct err *err)
{
    struct text index; /* filled by the full check before the reader asks for it */
    struct copy_reader_spec from = {.session = spec->session,
                                    .artifact = spec->artifact,
                                    .store = spec->copy->store,
                                    .purpose = "being verified",
                                    .broken_too = true,
                                    .index = &index};
    /* Shown like a restore: it takes as long. */
    const struct observer *observer = session_observer(spec->session);
    int64_t start = clock_monotonic_ms();
    struct meter meter;
    bool of_chunks = false;
    *out = (struct catalog_verification){
        .copy = spec->copy->id, .run = session_run_id(spec->session), .level = spec->level};
    /* What was wrong with the copy before says nothing of this one. */
    err_clear(why);
    text_init(&index, COPY_INDEX_MAX);
    meter_init(&meter, spec->artifact->raw_bytes);
    observer_artifact(observer, spec->artifact, &meter);
    observer_phase(observer, spec->copy->store);
    /* Under a lease, so that no prune removes it while it is looked at. */
    struct copy_reader *reader = copy_reader_open(&from, why);
    /* A store that cannot be opened says nothing of the copy. */
    out->result = reader == NULL ? CATALOG_UNDECIDED : CATALOG_GOOD;
    int checked =
        reader ? check_quick(copy_reader_repository(reader)->store, spec, &of_chunks, why)
               : 0;
    if (reader && checked == 0 && spec->level == CATALOG_FULL) {
        checked = check_full(spec, reader, &index, of_chunks, &meter, why);
        out->bytes = checked == 0 ? spec->artifact->stored_bytes : 0;
    }
    if (checked < 0) {
        verify_doubt(reader, why);
        out->result = result_of(why->kind);
    }
    observer_artifact_end(observer);
    /* The end of the check: what was read an hour ago was still good then. */
    out->time = clock_now();
    out->duration_ms = clock_monotonic_ms() - start;
    out->message = why->kind == ERR_NONE ? NULL : memory_strdup(why->text);
    int result = -1;
    /* A cancel, or the catalog: nothing was found out, so nothing is written down. */
    if (err_is_fatal(why->kind))
        *err = *why;
    else
        result = verify_record(spec, reader, out, why, err);
    copy_reader_close(reader);
    text_release(&index);
    return result;
}

void verify_release(struct catalog_verification *verification)
{
    free(verification->message);
    free(verification->store);
    free(verification->report);
    *verification = (struct catalog_verification){0};
}
