/*
 * tables - the tables of a dump with their rows and bytes, in the order of the dump.
 *
 *     tables_init -> tables_begin, tables_add for the table begun last
 *     -> tables_merge -> tables_release
 *
 * pg_dump writes one COPY per table, but loads hash partitions on an enum through their
 * root: several COPY statements with one name. tables_merge makes them one.
 */
#ifndef PGKEEP_STREAM_TABLES_H
#define PGKEEP_STREAM_TABLES_H

#include "base/err.h"
#include "stream/stream.h"

struct tables {
    struct stream_table *items;
    size_t count, capacity;
};

void tables_init(struct tables *tables);
void tables_begin(struct tables *tables, const char *schema, const char *name); /* copies */
void tables_add(struct tables *tables, uint64_t rows, uint64_t raw_bytes);
/* Appends all entries of `from`, which is empty then. */
void tables_move(struct tables *tables, struct tables *from);
/* Entries of one name become the first of them, with their sums. */
void tables_merge(struct tables *tables);
void tables_release(struct tables *tables);

#endif
