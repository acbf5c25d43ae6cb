/*
 * dump_table - the target of one COPY statement, and the one place where a table gets its
 * name: `COPY schema.table (a, b) FROM stdin;`.
 *
 * Counted references: a table is named once, and all the chunks of its rows hold it.
 */
#ifndef PGKEEP_STREAM_SCAN_DUMP_TABLE_H
#define PGKEEP_STREAM_SCAN_DUMP_TABLE_H

#include "base/err.h"
#include "base/text.h"

#include <stdatomic.h>

/* Names unquoted, in the dump's encoding. */
struct dump_table {
    char *schema; /* "" when the statement names none */
    char *name;
    struct strlist columns; /* empty: the statement has no column list */
    atomic_uint references;
};

/* One reference. Takes the contents of columns over. */
struct dump_table *dump_table_new(const char *schema, const char *name,
                                  struct strlist *columns) MUST_USE;
/* body: what follows the word COPY, to the semicolon or the end. A new table, or NULL when
 * this is no COPY … FROM stdin. Quoted names are unquoted, bare ones stay as they are. */
struct dump_table *dump_table_parse(const char *body, size_t size) MUST_USE;
struct dump_table *dump_table_ref(struct dump_table *table);
void dump_table_release(struct dump_table *table); /* NULL-safe; any thread */

#endif
