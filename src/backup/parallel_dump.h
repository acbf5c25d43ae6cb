/*
 * parallel_dump - several connections copy the large tables of a database in the snapshot in
 * which pg_dump writes all the rest.
 *
 *     parallel_dump_begin -> pg_dump with its snapshot, encoding and patterns
 *     -> a stream with its sources -> parallel_dump_finish -> parallel_dump_free
 *
 *     leader     snapshot, locks, tasks; then copies like any worker, and holds the snapshot
 *                until the last of them has ended
 *     workers    connect when pg_dump is connected, join the snapshot, take tasks from one queue,
 *                largest first; one that gets no connection leaves its share to the others
 *     chunks     of each task enter the stream's feed as whole COPY statements, between the
 *                pre-data and the post-data of pg_dump's text
 *
 * Whatever fails ends all: the stream wakes every worker, and freeing ends every session.
 */
#ifndef PGKEEP_BACKUP_PARALLEL_DUMP_H
#define PGKEEP_BACKUP_PARALLEL_DUMP_H

#include "postgres/copy/copy_session.h"
#include "stream/stream.h"

struct parallel_spec {
    struct copy_session_spec session;
    const struct dump_filters *filters;
    int64_t connections; /* 0: none; OPTION_AUTO: as many as pay off */
};

struct parallel_dump;
/* *out NULL: no table is worth it, or this server cannot do it, which is said once in the log.
 * Blocks until the tables are locked. */
int parallel_dump_begin(const struct parallel_spec *spec, struct parallel_dump **out,
                        struct err *err) MUST_USE;
/* For pg_dump: its --snapshot, --encoding and patterns for --exclude-table-data. */
const char *parallel_dump_snapshot(const struct parallel_dump *parallel);
const char *parallel_dump_encoding(const struct parallel_dump *parallel);
const struct strlist *parallel_dump_patterns(const struct parallel_dump *parallel);
/* For the stream; of one. */
const struct stream_source *parallel_dump_sources(const struct parallel_dump *parallel,
                                                  unsigned *count);
/* After the stream has ended well: did the snapshot hold to the end? */
int parallel_dump_finish(struct parallel_dump *parallel, struct err *err) MUST_USE;
void parallel_dump_free(struct parallel_dump *parallel); /* NULL-safe */

#endif
