/*
 * Decoded, with a chunk index, several threads decode (stream/decode.h), and reading goes on where a copy fails: chunks can be decoded each by
 * itself, so the chunk that one copy does not have whole is read from another store's, and the
 * next that this one lacks may come from the first again. Each chunk is asked of each copy once,
 * and only when none has it the whole fails. Without an index, and as stored, another copy is
 * taken as long as nothing was handed on: from its first byte.
 */
#include "copy/copy_reader_work.h"

#include "copy/copy_index.h"
#include "base/log.h"
#include "base/memory.h"
#include "repository/repository_object.h"
#include "stream/decode.h"

enum { PIECE = 1 << 20 };

/* From `offset` to the end of the object, also for one chunk: what is lacking in the middle of a
 * copy is seldom one chunk alone. */
static struct store_download *begin(const struct copy_reader *reader, uint64_t offset,
                                    struct err *err)
{
    uint64_t size = reader->spec->artifact->stored_bytes;
    struct store_download *from =
        store_download_begin(reader->repository->store, reader->copy->key, offset, 0, err);
    /* Cheaper than to read it all and find the hash wrong. */
    if (from != NULL && store_download_size(from) != size) {
        err_set(err, ERR_CORRUPT, "%s has %llu bytes, %llu were stored", reader->copy->key,
                (unsigned long long)store_download_size(from), (unsigned long long)size);
        store_download_free(from);
        from = NULL;
    }
    return from;
}

/* All stored bytes, one piece after the other, to `each`. */
static int download(struct copy_reader *reader, struct stream_sink each,
                    struct meter *meter, struct err *err)
{
    struct store_download *from = begin(reader, 0, err);
    unsigned char *piece = from ? memory_try(PIECE, err) : NULL;
    ssize_t got = piece ? 1 : -1;
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
        result = download(reader, each, meter, err);
        digest_finish(&sink.sha256, sum);
        if (result == 0)
            result = check_hash("stored bytes", sum, reader->spec->artifact->sha256, err);
        /* What was handed on cannot be taken back. */
    } while (result < 0 &&
             copy_reader_fail_over(reader, reader->given > 0 ? 0 : 1, err) == 0);
    return result;
}

/* ---- decoded, without an index ---- */

/* Stored bytes are pushed into the decoder; what comes out is counted and handed on. */
struct whole_sink {
    struct copy_reader *reader;
    struct unstream *unstream;
    struct stream_sink next;
    struct meter *meter;
};

/* A stream_sink in front of the decoder. */
static int push_stored(void *context, const void *data, size_t size, struct err *err)
{
    const struct whole_sink *sink = context;
    return unstream_push(sink->unstream, data, size, err);
}

/* Behind it. */
static int count_raw(void *context, const void *data, size_t size, struct err *err)
{
    const struct whole_sink *sink = context;
    if (sink->meter)
        atomic_fetch_add(&sink->meter->raw_bytes, size);
    return pass_on(sink->reader, &sink->next, data, size, err);
}

/* Of the whole decoded stream; or of its chunks' digests, which nobody can compute without an index:
 * then the stored bytes, which were right by now, must do. Only the manifest tells which it is. */
static int check_raw_sum(const struct copy_reader *reader,
                         const unsigned char sum[SHA256_SIZE], struct err *err)
{
    const struct catalog_artifact *artifact = reader->spec->artifact;
    struct err ignored = {0};
    struct repository_manifest found;
    if (check_hash("decoded bytes", sum, artifact->raw_sha256, err) == 0)
        return 0;
    bool of_chunks = repository_require_manifest(reader->repository->store, artifact->id,
                                                 &found, &ignored) == 0 &&
                     found.manifest.facts.raw_of_chunks;
    repository_manifest_release(&found);
    if (!of_chunks)
        return -1;
    err_clear(err);
    return 0;
}

/* Sizes before sums: they say what kind of damage it is. */
static int check_whole(const struct copy_reader *reader, struct unstream *unstream,
                       struct err *err)
{
    const struct catalog_artifact *artifact = reader->spec->artifact;
    uint64_t raw = 0, stored = 0;
    unsigned char raw_sum[SHA256_SIZE], stored_sum[SHA256_SIZE];
    if (unstream_finish(unstream, err) < 0)
        return -1;
    unstream_sums(unstream, &raw, raw_sum, &stored, stored_sum);
    if (raw != artifact->raw_bytes || stored != artifact->stored_bytes)
        return err_set(err, ERR_CORRUPT, "%llu bytes came out, %llu went in",
                       (unsigned long long)raw, (unsigned long long)artifact->raw_bytes);
    if (check_hash("stored bytes", stored_sum, artifact->sha256, err) < 0)
        return -1;
    return check_raw_sum(reader, raw_sum, err);
}

static int run_whole(struct copy_reader *reader, enum codec_kind codec,
                     struct stream_sink next, struct meter *meter, struct err *err)
{
    struct whole_sink sink = {.reader = reader, .next = next, .meter = meter};
    struct stream_sink raw = {.write = count_raw, .context = &sink};
    struct stream_sink each = {.write = push_stored, .context = &sink};
    int result = -1;
    do {
        unstream_free(sink.unstream);
        sink.unstream = unstream_new(codec, raw, err);
        if (sink.unstream == NULL)
            break;
        result = download(reader, each, meter, err);
        if (result == 0)
            result = check_whole(reader, sink.unstream, err);
        /* What was handed on cannot be taken back. */
    } while (result < 0 && copy_reader_fail_over(reader, reader->given == 0, err) == 0);
    unstream_free(sink.unstream);
    return result;
}

/* ---- decoded, by the index ---- */

struct by_index {
    struct copy_reader *reader;
    const struct text *index;
    struct index_reader *lines;
    struct store_download *from;
    uint64_t number; /* of the chunk that was read last, from 1 */
    uint64_t taken;  /* chunks that were handed on */
    bool resumed;    /* reading began behind the beginning */
    bool all_taken;
    struct digest sha256; /* of the stored bytes */
    struct stream_sink next;
    struct meter *meter;
};

static int next_line(void *context, struct decode_chunk *chunk, struct err *err)
{
    struct by_index *by = context;
    struct index_entry entry = {0};
    int got = index_reader_next(by->lines, &entry, err);
    if (got != 1)
        return got;
    /* Sizes fit into memory: the index was read to its end before (copy_index_check). */
    chunk->number = ++by->number;
    chunk->raw_size = (size_t)(entry.raw.to - entry.raw.from);
    chunk->stored_size = (size_t)(entry.stored.to - entry.stored.from);
    memcpy(chunk->sha256, entry.sha256, SHA256_SIZE);
    index_entry_release(&entry);
    return 1;
}

static int fill_stored(void *context, const struct decode_chunk *chunk,
                       unsigned char *stored, struct err *err)
{
    struct by_index *by = context;
    if (copy_index_fill(by->from, chunk, stored, err) < 0)
        return -1;
    digest_add(&by->sha256, stored, chunk->stored_size);
    if (by->meter)
        atomic_fetch_add(&by->meter->stored_bytes, chunk->stored_size);
    /* A restore may take longer than a lease lasts. */
    copy_reader_refresh(by->reader);
    return 0;
}

/* Counted only when its chunk was right: the meter shows what was really handed on. */
static int take_raw(void *context, const struct decode_chunk *chunk,
                    const unsigned char *raw, struct err *err)
{
    struct by_index *by = context;
    if (by->meter)
        atomic_fetch_add(&by->meter->raw_bytes, chunk->raw_size);
    if (chunk->raw_size > 0 &&
        pass_on(by->reader, &by->next, raw, chunk->raw_size, err) != 0)
        return -1;
    by->taken = chunk->number;
    return 0;
}

/* The index is read again up to the chunk that is lacking: where it lies. */
static int seek_chunk(struct by_index *by, uint64_t *offset, struct err *err)
{
    struct index_entry entry = {0};
    index_reader_free(by->lines);
    by->lines = index_reader_new(by->index->data, by->index->length, err);
    int got = by->lines ? 1 : -1;
    *offset = 0;
    for (by->number = 0; got == 1 && by->number < by->taken; by->number++) {
        got = index_reader_next(by->lines, &entry, err);
        *offset = entry.stored.to;
        index_entry_release(&entry);
    }
    return got == 1 ? 0 : -1;
}

/* From the chunk that is lacking to the end, all of it from the copy that is read now. */
static int read_on(struct by_index *by, const struct decode_spec *decode, struct err *err)
{
    uint64_t offset;
    unsigned char sum[SHA256_SIZE];
    if (seek_chunk(by, &offset, err) < 0)
        return -1;
    by->resumed = offset > 0;
    by->from = begin(by->reader, offset, err);
    digest_init(&by->sha256, DIGEST_SHA256);
    int result = by->from != NULL ? decode_run(decode, err) : -1;
    digest_finish(&by->sha256, sum);
    store_download_free(by->from);
    /* Every chunk was right by the index, and the index is the manifest's and covers the whole: so
     * are the raw bytes, without one more hash of them. Of a stream that came from two copies no
     * sum can be told. */
    by->all_taken = result == 0;
    if (result == 0 && !by->resumed)
        result = check_hash("stored bytes", sum, by->reader->spec->artifact->sha256, err);
    return result;
}

static int run_by_index(struct copy_reader *reader, struct by_index *by,
                        enum codec_kind codec, struct err *err)
{
    char memory[32];
    const struct decode_spec decode = {.codec = codec,
                                       .threads = decode_threads(),
                                       .context = by,
                                       .next = next_line,
                                       .fill = fill_stored,
                                       .take = take_raw};
    int result = -1;
    /* Who verifies many copies says it once for all of them. */
    if (!reader->spec->broken_too)
        log_info("memory for buffers: %s at most, for %u threads that decode",
                 text_size(memory, decode_memory(codec, decode.threads)), decode.threads);
    do {
        result = read_on(by, &decode, err);
        /* The next copy goes on at the chunk that is lacking. Nothing is, when only the sum of the
         * stored bytes was wrong: another copy could give nothing better. */
    } while (result < 0 &&
             copy_reader_fail_over(reader, by->all_taken ? 0 : by->taken + 1, err) == 0);
    index_reader_free(by->lines);
    return result;
}

/* Of this copy, else of another one that then is read; the one of whoever checked it already. NULL
 * without an error: an artifact can be read without one, too; only the early check of each chunk
 * falls away, the hashes of the whole remain. */
static int read_index(struct copy_reader *reader, struct text *index,
                      const struct text **usable, struct err *err)
{
    const struct catalog_artifact *artifact = reader->spec->artifact;
    const struct text *known = reader->spec->index;
    struct err why = {0};
    *usable = NULL;
    if (reader->copy->index_key == NULL)
        return 0;
    do {
        int got =
            known ? 0 : copy_index_read(reader->repository, reader->copy, index, &why);
        const struct text *read = known ? known : index;
        if (got == 0 && copy_index_check(read, artifact, &why) == 0) {
            *usable = read;
            return 0;
        }
    } while (copy_reader_fail_over(reader, COPY_READER_INDEX, &why) == 0);
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

static int run_decoded(struct copy_reader *reader, struct stream_sink next,
                       struct meter *meter, struct err *err)
{
    struct by_index by = {.reader = reader, .next = next, .meter = meter};
    struct text index;
    enum codec_kind codec = CODEC_NONE;
    /* By the catalog, never by the name of the object. */
    if (!codec_from_name(reader->spec->artifact->compression, &codec))
        return err_set(err, ERR_CORRUPT, "unknown compression \"%s\"",
                       reader->spec->artifact->compression);
    text_init(&index, COPY_INDEX_MAX);
    int result = read_index(reader, &index, &by.index, err);
    if (result == 0)
        result = by.index ? run_by_index(reader, &by, codec, err)
                          : run_whole(reader, codec, next, meter, err);
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
