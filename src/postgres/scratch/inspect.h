/*
 * inspect - what is in a database, in figures: tables and their rows, how many of each kind of
 * thing, what sequences stand at.
 *
 * What belongs to an extension is not counted: a dump does not hold it. Names are in the encoding
 * that inspect_begin sets, which is that of the dump they are held against. On the caller's session;
 * errors as of server.h.
 */
#ifndef PGKEEP_POSTGRES_SCRATCH_INSPECT_H
#define PGKEEP_POSTGRES_SCRATCH_INSPECT_H

#include "postgres/server.h"

/* Things that a dump makes by one statement each. */
enum inspect_kind {
    INSPECT_TABLES,
    INSPECT_FOREIGN_TABLES,
    INSPECT_VIEWS,
    INSPECT_MATERIALIZED_VIEWS,
    INSPECT_INDEXES,     /* but for those of constraints */
    INSPECT_CONSTRAINTS, /* primary key, unique, exclusion */
    INSPECT_FOREIGN_KEYS,
    INSPECT_FUNCTIONS, /* procedures and aggregates, too */
    INSPECT_TRIGGERS,
    INSPECT_POLICIES,
    INSPECT_LARGE_OBJECTS,
    INSPECT_KINDS
};
/* "tables", "foreign keys" … */
const char *inspect_kind_name(enum inspect_kind kind);

struct inspect_table {
    char *schema, *name;
    bool root;      /* partitioned: its rows are those of its partitions */
    bool partition; /* of a root */
    bool extension; /* made by an extension, which may have put rows into it */
};
struct inspect_tables {
    struct inspect_table *items;
    size_t count, capacity;
};
struct inspect_sequence {
    char *schema, *name;
    int64_t value;
    bool called;
};
struct inspect_sequences {
    struct inspect_sequence *items;
    size_t count, capacity;
};

/* encoding NULL: as the session has it. */
int inspect_begin(struct server *server, const char *encoding, struct err *err) MUST_USE;
/* Largest first. */
int inspect_tables(struct server *server, struct inspect_tables *out,
                   struct err *err) MUST_USE;
void inspect_tables_release(struct inspect_tables *tables);
/* Of a root all of its partitions'. hash (may be NULL): of all rows, whatever their order; heap, ""
 * of none. */
int inspect_rows(struct server *server, const struct inspect_table *table, uint64_t *rows,
                 char **hash, struct err *err) MUST_USE;
/* Is there a table of that name? */
int inspect_has(struct server *server, const struct inspect_table *table, bool *known,
                struct err *err) MUST_USE;
int inspect_counts(struct server *server, int64_t counts[INSPECT_KINDS],
                   struct err *err) MUST_USE;
int inspect_sequences(struct server *server, struct inspect_sequences *out,
                      struct err *err) MUST_USE;
void inspect_sequences_release(struct inspect_sequences *sequences);
/* *truth: the SQL gave one row whose first column is true. */
int inspect_is_true(struct server *server, const char *sql, bool *truth,
                    struct err *err) MUST_USE;

#endif
