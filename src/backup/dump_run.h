/*
 * dump_run - a dump from its first byte to the question how it ended: pg_dump or pg_dumpall,
 * workers that copy large tables beside it (parallel_dump.h), and the stream that both feed.
 *
 *     dump_run_start -> dump_run_read -> dump_run_check_end -> dump_run_result -> dump_run_free
 *
 * Freeing one that runs ends pg_dump and all sessions. Start it from a thread that outlives it
 * (see base/process.h).
 */
#ifndef PGKEEP_BACKUP_DUMP_RUN_H
#define PGKEEP_BACKUP_DUMP_RUN_H

#include "backup/backup_artifact.h"
#include "stream/stream.h"

struct dump_run_spec {
    const struct backup_artifact *backup; /* what, from where, with what */
    const char *format;                   /* of the artifact */
    struct stream_sink sink;              /* of the stored bytes */
    struct meter *meter;
    bool alone; /* pg_dump without workers, whatever the job says */
};

struct dump_run;
/* *time: just before the snapshot was taken. ERR_DATABASE, ERR_AGAIN (see err.h). */
struct dump_run *dump_run_start(const struct dump_run_spec *spec, int64_t *time,
                                struct err *err) MUST_USE;
/* Bytes that its buffers hold at most, and the threads that they are for. */
uint64_t dump_run_memory(const struct dump_run *run);
unsigned dump_run_threads(const struct dump_run *run);
/* Do others copy tables beside pg_dump? Then its failure may be theirs (ERR_AGAIN): it waits
 * for locks for a few seconds only, whatever the source's lock_wait_timeout. */
bool dump_run_has_workers(const struct dump_run *run);
/* To the end; then all who wrote are asked how it went: pg_dump, and the session that holds the
 * snapshot. */
int dump_run_read(struct dump_run *run, struct err *err) MUST_USE;
/* A last look at the bytes themselves: an exit status of 0 is not proof enough. */
int dump_run_check_end(struct dump_run *run, struct err *err) MUST_USE;
/* After dump_run_read returned 0. */
const struct stream_result *dump_run_result(const struct dump_run *run);
void dump_run_free(struct dump_run *run); /* NULL-safe */

#endif
