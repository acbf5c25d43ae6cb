/*
 * meter - counts of a running backup or restore, written by the stream's threads, read by
 * whoever draws progress.
 *
 * The counts are atomic and each is right by itself; a reader copies them without a lock,
 * so two of them may be some milliseconds apart. They never go back.
 */
#ifndef PGKEEP_STREAM_METER_H
#define PGKEEP_STREAM_METER_H

#include "base/err.h"

#include <stdatomic.h>

struct meter {
    atomic_uint_fast64_t raw_bytes;    /* read from the source */
    atomic_uint_fast64_t stored_bytes; /* taken by the sink */
    atomic_uint_fast64_t rows;         /* ended in what was read */
    atomic_uint_fast64_t tables;       /* begun */
    uint64_t estimate;  /* raw bytes expected; 0 unknown; set before the threads start */
    int64_t started_ms; /* clock_monotonic_ms of meter_init */
};

/* Before the threads that use it start. */
void meter_init(struct meter *meter, uint64_t estimate);

#endif
