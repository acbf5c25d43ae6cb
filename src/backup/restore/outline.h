/*
 * outline - everything a dump holds but its rows: its statements in order, where each table's
 * rows lie, and which relation each statement belongs to.
 *
 *     outline_add, outline_add_rows in the order of the dump -> outline_resolve
 *     -> outline_relation_of, outline_relation ... -> outline_release
 *
 * Memory is that of the dump without its rows.
 */
#ifndef PGKEEP_BACKUP_RESTORE_OUTLINE_H
#define PGKEEP_BACKUP_RESTORE_OUTLINE_H

#include "backup/restore/statement.h"

#define OUTLINE_NONE SIZE_MAX

/* The rows of one table: chunks that follow each other. A table may have several (hash partitions
 * on an enum are loaded through their root). */
struct outline_rows {
    struct sql_name name;
    size_t relation;    /* set by outline_resolve */
    size_t first_chunk; /* of the index, from 0 */
    size_t chunks;
    uint64_t rows, raw_bytes;
    size_t behind; /* so many statements stand in front of it */
};

/* A table, view or sequence that the dump makes, or has rows or a value of. */
struct outline_relation {
    struct sql_name name; /* borrowed */
    const char *type;     /* "table" "view" "sequence" ... */
    size_t parent;        /* the relation it is a partition of; OUTLINE_NONE */
    size_t owner;         /* of a sequence: its table; OUTLINE_NONE */
    bool created;         /* the dump holds its CREATE */
};

/* A type, function or the like; those of one name (overloaded functions) are one. */
struct outline_object {
    struct sql_name name; /* borrowed */
    const char *type;
};

struct outline {
    struct statement *items;
    size_t count, capacity;
    struct outline_rows *rows;
    size_t rows_count, rows_capacity;
    /* By outline_resolve. */
    struct outline_relation *relations;
    size_t relation_count, relation_capacity;
    struct outline_object *objects;
    size_t object_count, object_capacity;
    struct sql_map relation_map, object_map;
    struct sql_map index_map; /* indexes, constraints and statistics: their relations */
};

void outline_add(struct outline *outline, struct statement *statement); /* takes it over */
struct outline_rows *outline_add_rows(struct outline *outline, const char *schema,
                                      const char *name);
void outline_resolve(struct outline *outline);
void outline_release(struct outline *outline);

/* OUTLINE_NONE: to none. */
size_t outline_relation_of(const struct outline *outline,
                           const struct statement *statement);
/* By name; OUTLINE_NONE when the dump does not have it. */
size_t outline_relation(const struct outline *outline, const struct sql_name *name);
size_t outline_object(const struct outline *outline, const struct sql_name *name);
/* What `SET client_encoding` says, which is that of all names here; heap, NULL: nothing. */
char *outline_encoding(const struct outline *outline) MUST_USE;
/* The table (with its schema, if the text has one), or else the schema, whose name looks most like
 * this text; heap, NULL: none does. */
char *outline_nearest(const struct outline *outline, bool tables,
                      const char *text) MUST_USE;

#endif
