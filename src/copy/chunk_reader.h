/*
 * chunk_reader - single chunks of one artifact by ranged reads, each checked before it is passed
 * on: what restores of a part, parallel restores and `cat` read.
 *
 *     chunk_reader_open -> chunk_reader_chunks, chunk_reader_run ... -> chunk_reader_close
 *
 * The chunk index tells where each lies and what its SHA-256 is; the index itself is checked
 * against the manifest, so that every byte that comes out is the artifact's. Only the wanted
 * bytes are fetched.
 */
#ifndef PGKEEP_COPY_CHUNK_READER_H
#define PGKEEP_COPY_CHUNK_READER_H

#include "copy/copy_reader.h"
#include "stream/index.h"
#include "stream/scan/dump_table.h"

/* One line of the index. Chunks of one table share its struct. */
struct chunk_place {
    enum section section;
    const struct dump_table *table; /* NULL: no table data */
    uint64_t rows;
    struct index_range raw, stored, data;
    unsigned flags; /* enum chunk_flag */
    unsigned char sha256[SHA256_SIZE];
};

struct chunk_reader;
/* Borrows the copy_reader, which must outlive it and is not to be used otherwise meanwhile.
 * ERR_NOT_FOUND: the artifact has no index in any copy; ERR_CORRUPT: none that is right;
 * the copy_reader can be used all the same. */
struct chunk_reader *chunk_reader_open(struct copy_reader *reader,
                                       struct err *err) MUST_USE;
/* All of them, in the order of the dump. */
const struct chunk_place *chunk_reader_chunks(const struct chunk_reader *reader,
                                              size_t *count);

/* Gets each chunk whole, after its hash was right; number counts from 0. Its rows (data of
 * chunk_place) lie within it. */
struct chunk_sink {
    int (*chunk)(void *context, size_t number, const unsigned char *data, size_t size,
                 struct err *err);
    void *context;
    unsigned
        threads; /* that decode beside the caller's (decode_threads); 0: its own alone */
};
/* `count` chunks that follow each other, in one request. A copy that fails is made up for by
 * another, as in copy_reader_run. The meter (may be NULL) counts raw and stored bytes. Any
 * thread, several at once; each holds decode_memory bytes of chunks. The sink is called on the
 * caller's own thread. */
int chunk_reader_run(struct chunk_reader *reader, size_t first, size_t count,
                     struct chunk_sink sink, struct meter *meter, struct err *err) MUST_USE;
/* Bytes of chunks that one run holds at most, with so many threads that decode for it. */
uint64_t chunk_reader_memory(const struct chunk_reader *reader, unsigned threads);
void chunk_reader_close(struct chunk_reader *reader); /* NULL-safe */

#endif
