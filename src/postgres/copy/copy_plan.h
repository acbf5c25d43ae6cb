/*
 * copy_plan - which tables of a database are copied by workers, and in what pieces.
 *
 *     copy_plan_ask -> copy_plan_cut -> read tables and tasks -> copy_plan_release
 *
 * pg_dump stays the authority for everything unusual. A table is a worker's only when all of
 * this holds: pg_dump would dump its rows (filters, extensions: see server_pattern.h); an
 * ordinary, permanent heap table that is in no extension, with at least one column that is not
 * generated; 2 MiB or more on disk with TOAST; row security does not apply to this role; no hash
 * partition on an enum or another type without a hash of its own, whose rows pg_dump sends
 * through the root. At most the 500 largest: pg_dump asks the server once for each table that it
 * is told to leave out.
 */
#ifndef PGKEEP_POSTGRES_COPY_COPY_PLAN_H
#define PGKEEP_POSTGRES_COPY_COPY_PLAN_H

#include "base/text.h"
#include "postgres/dump.h"
#include "postgres/server.h"

#define COPY_PLAN_OPEN UINT64_MAX

struct copy_table {
    char *oid;
    char *name;    /* schema.table, quoted as SQL wants it, in the session's encoding */
    char *columns; /* its own list: `a, "B"` */
    char *pattern; /* for --exclude-table-data: this table and no other */
    uint64_t heap_bytes; /* of the main fork, whole blocks */
    uint64_t bytes;      /* with TOAST */
};

/* Rows of one table: all of them, or those in the blocks from..to of its heap. */
struct copy_task {
    const struct copy_table *table;
    bool whole;
    uint64_t from, to; /* to COPY_PLAN_OPEN: to the end, also what was added meanwhile */
    uint64_t bytes;    /* the table's share of this task */
};

struct copy_plan {
    struct copy_table *tables; /* largest first */
    size_t table_count;
    uint64_t bytes; /* of all tables */
    uint64_t block_size;
    bool has_ranges;         /* the server scans ranges of row numbers: 14 and later */
    struct copy_task *tasks; /* largest first */
    size_t task_count;
};

/* Asks in the session's transaction. No table at all is no error. */
int copy_plan_ask(struct server *server, const struct dump_filters *filters,
                  struct copy_plan *plan, struct err *err) MUST_USE;
/* Cuts tables into tasks of 8 to 64 MiB, so that `workers` have several each: by heap blocks, but
 * weighed with TOAST, because a heap of 3 GiB may stand for 900 GiB. */
void copy_plan_cut(struct copy_plan *plan, unsigned workers);
void copy_plan_release(struct copy_plan *plan); /* of a zeroed one too */

#endif
