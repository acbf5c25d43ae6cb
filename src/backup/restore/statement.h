/*
 * statement - what one statement of pg_dump's text is: what it does, to what, which table it
 * belongs to, and which other things it names.
 *
 * All of it is read from the statement's tokens, never from the comment above it, which the name
 * of an object can forge (reference/POSTGRES.md 3). pg_dump qualifies every name it writes, so
 * each `a.b` outside of strings and bodies is a thing that must be there before; a few are not
 * (a column behind an alias), which only means that they name nothing of the dump. What no row
 * of the table of forms fits is STATEMENT_OTHER: it belongs to nothing, and whoever restores a
 * part leaves it out and says so.
 */
#ifndef PGKEEP_BACKUP_RESTORE_STATEMENT_H
#define PGKEEP_BACKUP_RESTORE_STATEMENT_H

#include "backup/restore/sql_name.h"
#include "stream/scan/section.h"

enum statement_action {
    STATEMENT_OTHER,  /* not understood */
    STATEMENT_STATE,  /* SET, set_config: holds for all that follows */
    STATEMENT_CREATE, /* makes what `subject` says */
    STATEMENT_ALTER,  /* changes it; belongs to it as its columns do */
    STATEMENT_ADD,    /* what a table has beside its rows: index, constraint, trigger ... */
    STATEMENT_FOREIGN_KEY,
    STATEMENT_ATTACH,     /* `of` becomes a partition of `other` */
    STATEMENT_OWNED_BY,   /* the sequence `of` belongs to the table `other` from now on */
    STATEMENT_DEFAULT,    /* a column's default; an identity, whose sequence is `other` */
    STATEMENT_COMMENT,    /* also security labels */
    STATEMENT_OWNER,      /* ... OWNER TO role */
    STATEMENT_PRIVILEGES, /* GRANT, REVOKE, ALTER DEFAULT PRIVILEGES */
    STATEMENT_REFRESH,    /* of a materialized view */
    STATEMENT_SEQUENCE_SET,
    STATEMENT_ROWS,    /* INSERT INTO `of` */
    STATEMENT_COPY,    /* COPY `of` FROM stdin; rows follow */
    STATEMENT_TRIGGERS /* ALTER TABLE `of` DISABLE / ENABLE TRIGGER ALL around its rows */
};

/* What `of` and `object` are names of. */
enum statement_subject {
    STATEMENT_OF_DATABASE, /* extensions, casts, publications, large objects ... */
    STATEMENT_OF_SCHEMA,   /* object.name is the schema's */
    STATEMENT_OF_RELATION, /* a table, view, sequence: `of` */
    STATEMENT_OF_INDEX, /* an index or a constraint's index: `of`, in the table's schema */
    STATEMENT_OF_OBJECT /* a type, function, operator ... of a schema: `of` */
};

struct statement {
    char
        *text; /* with its semicolon, without the comments in front of it; NUL-terminated */
    size_t size;
    enum section section;
    enum statement_action action;
    enum statement_subject subject;
    const char *type;   /* "table", "foreign key", "function"; for the reader; "" unknown */
    struct sql_name of; /* see subject */
    struct sql_name
        object;            /* what is made, where it is another thing than `of`: an index, a
                             * trigger, a policy; its name alone */
    struct sql_name other; /* see action; name NULL: none */
    struct sql_name *refs; /* all that is qualified in it, but pg_catalog's; each once */
    size_t ref_count, ref_capacity;
};

/* Takes `text` over, which ends at its semicolon. */
void statement_parse(struct statement *statement, char *text, size_t size);
void statement_release(struct statement *statement);
/* "foreign key orders_fk of public.orders", "view public.v", its first words when it is not
 * understood; heap, printable. */
char *statement_label(const struct statement *statement) MUST_USE;

#endif
