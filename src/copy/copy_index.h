/*
 * copy_index - the chunk index of one copy, read and made sure of.
 *
 * An index that is whole may still be another's: believed, it would condemn good data. So it is
 * worth something only when its SHA-256 is the one that the manifest beside it names.
 */
#ifndef PGKEEP_COPY_COPY_INDEX_H
#define PGKEEP_COPY_COPY_INDEX_H

#include "repository/repository.h"
#include "catalog/artifacts.h"
#include "stream/decode.h"
#include "stream/index.h"

/* Bytes of an index that are taken into memory at most. */
#define COPY_INDEX_MAX ((size_t)1 << 30)

/* Fills `out` (text_init with COPY_INDEX_MAX) with the bytes as they lie there, gzipped.
 * ERR_NOT_FOUND: the manifest or the index is not there, or the copy has none; ERR_CORRUPT: it is
 * not what the manifest says; the store's own errors. Any thread. */
int copy_index_read(struct repository *repository, const struct catalog_copy *copy,
                    struct text *out, struct err *err) MUST_USE;
/* Before memory is asked for a chunk, as an index can be forged. ERR_CORRUPT: it is larger than
 * any that is written. */
int copy_index_check_chunk(const struct index_entry *entry, struct err *err) MUST_USE;
/* Reads an index to its end, before the first byte of data is believed because of it: damage in its
 * middle must not make the data behind it unreadable. ERR_CORRUPT, also when it is that of a dump
 * of another size. */
int copy_index_check(const struct text *index_gz, const struct catalog_artifact *artifact,
                     struct err *err) MUST_USE;
/* The stored bytes of one chunk from where the download is. ERR_CORRUPT when it ends before. */
int copy_index_fill(struct store_download *download, const struct decode_chunk *chunk,
                    unsigned char *stored, struct err *err) MUST_USE;

#endif
