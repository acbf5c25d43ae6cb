#include "copy/copy_index.h"

#include "base/digest.h"
#include "repository/repository_object.h"

enum { CHUNK_MAX = 1 << 30 };

int copy_index_read(struct repository *repository, const struct catalog_copy *copy,
                    struct text *out, struct err *err)
{
    struct repository_manifest found;
    unsigned char sum[SHA256_SIZE];
    char hex[SHA256_HEX];
    bool absent = copy->index_key == NULL;
    text_clear(out);

    /* The manifest first: without it nobody says what the index should be. */
    int result =
        repository_require_manifest(repository->store, copy->artifact, &found, err);
    if (result == 0 && !absent)
        result = store_get(repository->store, copy->index_key, out, &absent, err);
    /* An old or foreign copy without one, or one that lost it: the caller may do without */
    if (result == 0 && absent)
        result = copy->index_key == NULL
                     ? err_set(err, ERR_NOT_FOUND, "%s has no chunk index", copy->artifact)
                     : err_set(err, ERR_NOT_FOUND, "the chunk index is missing: %s",
                               copy->index_key);
    if (result == 0) {
        /* Of the bytes as they lie there: no decoder has touched what is not made sure of */
        digest_sha256(out->data, out->length, sum);
        digest_hex(sum, SHA256_SIZE, hex);
        if (!text_equal(hex, found.manifest.facts.index_sha256))
            result = err_set(err, ERR_CORRUPT,
                             "SHA-256 of the chunk index is not what the manifest says");
    }
    repository_manifest_release(&found);
    return result;
}

int copy_index_check_chunk(const struct index_entry *entry, struct err *err)
{
    uint64_t raw = entry->raw.to - entry->raw.from;
    uint64_t stored = entry->stored.to - entry->stored.from;
    /* No codec makes noise larger than by 2 % (codec_bound). */
    if (raw <= CHUNK_MAX && stored <= CHUNK_MAX + CHUNK_MAX / 50)
        return 0;
    return err_set(err, ERR_CORRUPT,
                   "the chunk index has a chunk of %llu bytes, stored %llu",
                   (unsigned long long)raw, (unsigned long long)stored);
}

int copy_index_check(const struct text *index_gz, const struct catalog_artifact *artifact,
                     struct err *err)
{
    struct index_entry entry = {0};
    struct index_reader *reader = index_reader_new(index_gz->data, index_gz->length, err);
    uint64_t raw = 0, stored = 0;
    int got = reader ? 1 : -1;
    while (got == 1 && (got = index_reader_next(reader, &entry, err)) == 1) {
        raw = entry.raw.to;
        stored = entry.stored.to;
        if (copy_index_check_chunk(&entry, err) < 0)
            got = -1;
        index_entry_release(&entry);
    }
    index_reader_free(reader);
    if (got == 0 && (raw != artifact->raw_bytes || stored != artifact->stored_bytes))
        got = err_set(err, ERR_CORRUPT,
                      "that of %llu bytes, stored as %llu, not of %llu and %llu",
                      (unsigned long long)raw, (unsigned long long)stored,
                      (unsigned long long)artifact->raw_bytes,
                      (unsigned long long)artifact->stored_bytes);
    return got;
}

int copy_index_fill(struct store_download *download, const struct decode_chunk *chunk,
                    unsigned char *stored, struct err *err)
{
    ssize_t got = 1;
    /* Straight into the buffer that is decoded, in as few reads as the store gives it. */
    for (size_t at = 0; at < chunk->stored_size; at += (size_t)got) {
        got = download
                  ? store_download_read(download, stored + at, chunk->stored_size - at, err)
                  : 0;
        if (got < 0)
            return -1;
        if (got == 0)
            return err_set(err, ERR_CORRUPT, "it ends in chunk %llu",
                           (unsigned long long)chunk->number);
    }
    return 0;
}
