/*
 * meter - counts of a running backup or restore, written by the stream's threads, read by
 * whoever draws progress. Fields are atomic; a reader takes a snapshot, no lock.
 */
#ifndef PGKEEP_STREAM_METER_H
#define PGKEEP_STREAM_METER_H

#include "base/err.h"

#include <stdatomic.h>

struct meter {
    atomic_uint_fast64_t raw_bytes;
    atomic_uint_fast64_t stored_bytes;
    atomic_uint_fast64_t rows;
    atomic_uint_fast64_t tables;
    uint64_t estimate;  /* raw bytes expected; 0 unknown; set before the threads start */
    int64_t started_ms; /* monotonic */
};

void meter_init(struct meter *meter, uint64_t estimate);

#endif
