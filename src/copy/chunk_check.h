/*
 * chunk_check - a sink in front of a sink: raw bytes are passed on chunk by chunk, each
 * only after its SHA-256 was what the chunk index says.
 *
 *     chunk_check_new -> chunk_check_write ... -> chunk_check_finish -> chunk_check_free
 */
#ifndef PGKEEP_COPY_CHUNK_CHECK_H
#define PGKEEP_COPY_CHUNK_CHECK_H

#include "stream/stream.h"

struct chunk_check;

/* Reads a chunk index to its end, before the first byte is believed because of it: damage in its
 * middle must not make the data behind it unreadable. ERR_CORRUPT, also when it is that of a dump
 * of another size. */
int chunk_check_index(const struct text *index_gz, uint64_t raw_bytes,
                      struct err *err) MUST_USE;
/* index_gz must outlive it. ERR_CORRUPT when the index does not even begin as one. */
struct chunk_check *chunk_check_new(const void *index_gz, size_t size,
                                    struct stream_sink sink, struct err *err) MUST_USE;
/* A stream_sink; context is the chunk_check. ERR_CORRUPT names the chunk. */
int chunk_check_write(void *context, const void *data, size_t size,
                      struct err *err) MUST_USE;
/* ERR_CORRUPT when the index goes on or the last chunk is not whole. */
int chunk_check_finish(struct chunk_check *check, struct err *err) MUST_USE;
/* After chunk_check_finish returned 0, once: the SHA-256 of the digests of all chunks, one behind
 * the other (raw_sha256_of "chunks" of a manifest). */
void chunk_check_sum(struct chunk_check *check, unsigned char sum[SHA256_SIZE]);
/* Drops what came of the chunk that is not whole yet, so that it can be written again from its
 * begin: its number, from 1, and where it begins in the stored object. False: no chunk is
 * lacking, or the index cannot be read on. */
bool chunk_check_rewind(struct chunk_check *check, uint64_t *number,
                        uint64_t *stored_from) MUST_USE;
void chunk_check_free(struct chunk_check *check); /* NULL-safe */

#endif
