/*
 * Decoded, with a chunk index, reading goes on where a copy fails: chunks can be decoded each by
 * itself, so the chunk that one copy does not have whole is read from another store's, and the
 * next that this one lacks may come from the first again. Each chunk is asked of each copy once,
 * and only when none has it the whole fails. Without an index, and as stored, another copy is
 * taken as long as nothing was handed on: from its first byte.
 */
#include "copy/copy_reader_work.h"

#include "copy/chunk_check.h"
#include "copy/copy_index.h"
#include "base/log.h"
#include "base/memory.h"
#include "repository/repository_object.h"
#include "stream/index.h"

enum { PIECE = 1 << 20 };

/* Stored bytes from `offset` on, one piece after the other, to `each`. */
static int download(struct copy_reader *reader, uint64_t offset, struct stream_sink each,
                    struct meter *meter, struct err *err)
{
    uint64_t size = reader->spec->artifact->stored_bytes;
    /* To the end of the object, also for one chunk: what is lacking in the middle of a copy
     * is seldom one chunk alone. */
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
    /* One request, read as fast as the sink takes it: back-pressure reaches the store. */
    while (got > 0 && (got = store_download_read(from, piece, PIECE, err)) > 0) {
        if (meter)
            atomic_fetch_add(&meter->stored_bytes, (uint64_t)got);
        if (stream_sink_write(&each, piece, (size_t)got, err) != 0)
            got = -1;
        else
            /* A restore may take longer than a lease lasts. */
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
    if (stream_sink_write(next, data, size, err) != 0) {
        reader->sink_failed = true;
        return -1;
    }
    reader->given += size;
    return 0;
}

/* Both sums in the message: which of two copies is right can then be told by hand. */
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

/* Hashed on its way through, as there is nothing else to hold it against before its end. */
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
    struct stream_sink each = {.write = write_stored, .context = &sink};
    unsigned char sum[SHA256_SIZE];
    int result = -1;
    do {
        /* Anew with each copy: no sum may be of bytes of two. */
        digest_init(&sink.sha256, DIGEST_SHA256);
        result = download(reader, 0, each, meter, err);
        digest_finish(&sink.sha256, sum);
        if (result == 0)
            result = check_hash("stored bytes", sum, reader->spec->artifact->sha256, err);
        /* What was handed on cannot be taken back. */
    } while (result < 0 &&
             copy_reader_fail_over(reader, reader->given > 0 ? 0 : 1, err) == 0);
    return result;
}

/* ---- decoded ---- */

/* Stored bytes are pushed into the decoder; what comes out is held back by the check of its
 * chunk, counted, and handed on: push_stored -> unstream -> check_raw -> chunk_check ->
 * count_raw. */
struct decoded_sink {
    struct copy_reader *reader;
    struct unstream *unstream;
    struct chunk_check *check; /* NULL: the index cannot be used */
    bool resumed;              /* reading began behind the beginning */
    struct stream_sink next;
    struct meter *meter;
};

/* A stream_sink in front of the decoder. */
static int push_stored(void *context, const void *data, size_t size, struct err *err)
{
    const struct decoded_sink *sink = context;
    return unstream_push(sink->unstream, data, size, err);
}

/* Counted only when its chunk was right: the meter shows what was really handed on. */
static int count_raw(void *context, const void *data, size_t size, struct err *err)
{
    const struct decoded_sink *sink = context;
    if (sink->meter)
        atomic_fetch_add(&sink->meter->raw_bytes, size);
    return pass_on(sink->reader, &sink->next, data, size, err);
}

/* Behind the decoder; without an index straight on. */
static int check_raw(void *context, const void *data, size_t size, struct err *err)
{
    const struct decoded_sink *sink = context;
    return sink->check ? chunk_check_write(sink->check, data, size, err)
                       : count_raw(context, data, size, err);
}

/* Of this copy, else of another one that then is read; the one of whoever checked it already.
 * Without one an artifact can still be read; only the early check of each chunk falls away, the
 * hashes of the whole remain. */
static int read_index(struct copy_reader *reader, struct decoded_sink *sink,
                      struct text *index, struct err *err)
{
    const struct catalog_artifact *artifact = reader->spec->artifact;
    const struct text *known = reader->spec->index;
    struct stream_sink next = {.write = count_raw, .context = sink};
    struct err why = {0};
    /* Read to its end before any of it is believed: damage in its middle must not make the
     * data behind it unreadable. */
    bool fits = false;
    if (reader->copy->index_key == NULL)
        return 0;
    while (!fits) {
        int got =
            known ? 0 : copy_index_read(reader->repository, reader->copy, index, &why);
        fits = got == 0 &&
               chunk_check_index(known ? known : index, artifact->raw_bytes, &why) == 0;
        if (!fits && copy_reader_fail_over(reader, COPY_READER_INDEX, &why) < 0)
            break;
    }
    if (fits && known == NULL)
        known = index;
    if (fits)
        sink->check = chunk_check_new(known->data, known->length, next, &why);
    if (sink->check != NULL)
        return 0;
    /* A cancel, the catalog: no copy of an index would help. */
    if (err_is_fatal(why.kind)) {
        *err = why;
        return -1;
    }
    log_warning(
        "no chunk index of %s can be used (%.*s): chunks are not checked one by one, "
        "only the whole at the end",
        artifact->id, (int)strcspn(why.text, "\n"), why.text);
    /* The search may have ended at a copy that lacks more. */
    return reader->spec->broken_too ? 0 : copy_reader_choose_again(reader, err);
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

/* The hashes of the whole. Where reading went over to another copy behind its beginning, no one
 * stream had all of it: then every chunk was right by the index, and that was the manifest's. */
static int check_decoded(const struct copy_reader *reader, struct decoded_sink *sink,
                         struct err *err)
{
    const struct catalog_artifact *artifact = reader->spec->artifact;
    /* What was cut at a border of chunks looks whole to the decoder: the index knows where
     * it ends. */
    uint64_t raw = 0, stored = 0;
    unsigned char raw_sum[SHA256_SIZE], stored_sum[SHA256_SIZE];
    if (unstream_finish(sink->unstream, err) < 0 ||
        (sink->check && chunk_check_finish(sink->check, err) < 0))
        return -1;
    if (sink->resumed)
        return 0;
    unstream_sums(sink->unstream, &raw, raw_sum, &stored, stored_sum);
    /* Sizes before sums: they say what kind of damage it is. */
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
    text_init(&index, COPY_INDEX_MAX);
    /* By the catalog, never by the name of the object. */
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
        sink.resumed = offset > 0;
        result = download(reader, offset, each, meter, err);
        if (result == 0)
            result = check_decoded(reader, &sink, err);
        if (result == 0)
            break;
        /* Where the next copy has to go on: at the chunk that is lacking; without an index at
         * the beginning, as long as nothing was handed on; else nowhere (0). */
        if (sink.check == NULL) {
            chunk = reader->given == 0;
        } else if (!chunk_check_rewind(sink.check, &chunk, &offset)) {
            chunk = 0;
        }
    } while (copy_reader_fail_over(reader, chunk, err) == 0);
cleanup:
    unstream_free(sink.unstream);
    chunk_check_free(sink.check);
    text_release(&index);
    return result;
}

/* Two ways to read, and one promise: 0 means that all of it was the artifact. */
int copy_reader_run(struct copy_reader *reader, enum copy_reader_form form,
                    struct stream_sink sink, struct meter *meter, struct err *err)
{
    return form == COPY_READER_STORED ? run_stored(reader, sink, meter, err)
                                      : run_decoded(reader, sink, meter, err);
}
