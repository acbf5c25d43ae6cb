/*
 * selection - what of a dump is restored: patterns, a section, owners and rights or not.
 *
 * Patterns are pg_dump's (server_pattern.h). A bare name is looked for in every schema, because
 * which search_path it was meant for nobody knows any more. --table chooses tables, views and
 * sequences; --schema all that lies in a schema; both together: tables that fit both. With a
 * table come its rows, indexes, constraints, triggers, policies, rules, rights, comments,
 * defaults, its partitions, the sequences it owns with their values, and of types, functions,
 * sequences and extensions those without which it could not be made. A schema is made where it is missing.
 * What hangs on something that neither comes along nor is in the target already is left out and
 * named: foreign keys to other tables, triggers and policies whose function is not there, views.
 * A partition whose parent is in the target already is attached at the very end, as part of
 * post-data: its own indexes and keys are there by then and become parts of the parent's.
 * What belongs to the whole database (extensions, publications, large objects) comes only when no
 * pattern is given. A section is where a statement stands in the dump, rights last.
 */
#ifndef PGKEEP_BACKUP_RESTORE_SELECTION_H
#define PGKEEP_BACKUP_RESTORE_SELECTION_H

#include "backup/restore/outline.h"

struct selection_spec {
    const struct strlist *tables, *schemas; /* patterns; NULL or empty: all */
    const char *section;                    /* NULL: all */
    bool no_owner, no_privileges;
    /* What the target has: (schema, name) of each relation, type, function and operator,
     * and (schema, "") of each schema. NULL: what an empty database has. */
    const struct sql_map *present;
};

struct selection {
    bool *statements;        /* of outline->items: is it carried out? */
    bool *late;              /* of outline->items: carried out behind all others */
    bool *rows;              /* of outline->rows: are they read? */
    bool *relations;         /* of outline->relations: do they come along? */
    bool partial;            /* by patterns */
    struct strlist left_out; /* "foreign key x of public.a needs public.b", printable */
    struct strlist brought;  /* what was not asked for but is needed: "type public.mood" */
    struct strlist schemas;  /* made though the dump has no CREATE SCHEMA of them */
};

/* Does this list of patterns (may be NULL) choose anything? */
bool selection_is_given(const struct strlist *list);

/* ERR_NOT_FOUND: a pattern fits nothing; names near ones. */
int selection_make(const struct outline *outline, const struct selection_spec *spec,
                   struct selection *out, struct err *err) MUST_USE;
/* Is this section wanted? */
bool selection_has_section(const struct selection_spec *spec, enum section section);
/* Whether a statement that stands in no outline (of the data section of an archive) comes. */
bool selection_takes(const struct selection *selection, const struct outline *outline,
                     const struct selection_spec *spec, const struct statement *statement);
void selection_release(struct selection *selection);

#endif
