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

int copy_index_check_chunk(const struct index_range *raw, struct err *err)
{
    uint64_t size = raw->to - raw->from;
    if (size <= CHUNK_MAX)
        return 0;
    return err_set(err, ERR_CORRUPT, "the chunk index has a chunk of %llu bytes",
                   (unsigned long long)size);
}
