/*
 * reader - from a descriptor to chunks: reads, scans, cuts. Runs on a thread of its own.
 *
 * Waits on the descriptor, on cancel_fd() and on a wake-up descriptor at once, so it ends
 * promptly. Waiting for an idle chunk (back-pressure) does not count as a stall of the
 * source.
 */
#ifndef PGKEEP_STREAM_READER_H
#define PGKEEP_STREAM_READER_H

#include "base/err.h"
#include "stream/chunk.h"
#include "stream/feed.h"
#include "stream/scan/scan.h"
#include "stream/stream.h"
#include "stream/tables.h"

enum { READER_BUFFER = 256 * 1024, READER_MAGIC_SIZE = 5 };

struct reader {
    const struct stream_spec *spec;
    struct feed *feed; /* where chunks come from and go to */
    bool large_pipe;
    int wake_fd; /* readable: stop */
    struct scan scan;
    unsigned char *buffer;
    struct chunk *chunk;  /* being filled */
    enum section section; /* of the chunk being filled */
    struct tables tables;
    char magic[READER_MAGIC_SIZE]; /* custom format: how the archive begins */
    size_t magic_size;
    bool is_cut; /* further sources wait for a place that never came */
};

int reader_init(struct reader *reader, const struct stream_spec *spec, struct feed *feed,
                int wake_fd, struct err *err) MUST_USE;
/* 0: end of input, last chunk handed over (an empty input makes one empty chunk). 1: woken
 * or a queue was closed, somebody else has the error. -1: an error. */
int reader_run(struct reader *reader, struct err *err) MUST_USE;
bool reader_ended_well(const struct reader *reader);
void reader_release(struct reader *reader); /* of a zeroed one too */

#endif
