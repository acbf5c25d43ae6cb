/*
 * copy_reader_work - what the two files of copy_reader.h share; private to them, but for the one
 * function that chunk_reader needs.
 *
 *     copy_reader.c        which copy: chosen, leased, given up for another
 *     copy_reader_bytes.c  its bytes: read, hashed, decoded, handed on
 */
#ifndef PGKEEP_COPY_COPY_READER_WORK_H
#define PGKEEP_COPY_COPY_READER_WORK_H

#include "copy/copy_reader.h"

struct copy_reader {
    const struct copy_reader_spec *spec; /* a copy of the caller's, below */
    struct copy_reader_spec kept;
    const struct catalog_copy *copy; /* of the artifact */
    struct repository *repository;
    int64_t lease;
    int64_t refreshed_ms;
    uint64_t *failed_at; /* of each copy: the chunk it failed at, from 1; 0: none */
    uint64_t given;      /* bytes that the sink has taken */
    bool sink_failed;    /* the error is not the store's */
};

/* Any copy that may be read, after all of them failed at something that can be done without.
 * -1 with the last store's error. */
int copy_reader_choose_again(struct copy_reader *reader, struct err *err) MUST_USE;

#endif
