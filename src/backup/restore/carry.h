/*
 * carry - a script carried out in a database: its statements in order and its rows, by one
 * session.
 *
 * Nothing but what the selection takes is read or sent. Each COPY is checked against the rows
 * that the index counted, or, for an archive, that its text was seen to hold. Errors name the statement, or table and chunk. parallel.h does the same
 * with several sessions.
 */
#ifndef PGKEEP_BACKUP_RESTORE_CARRY_H
#define PGKEEP_BACKUP_RESTORE_CARRY_H

#include "backup/restore/script.h"
#include "postgres/restore/ledger.h"

struct carry_spec {
    struct script *script;
    const struct selection_spec *chosen;
    struct loader_spec target;
    struct cancel *parent;   /* target.cancel, for nodes below it */
    const char *search_path; /* instead of the dump's empty one; NULL: that one */
    struct meter *meter;     /* may be NULL */
    unsigned
        threads; /* that decode for one session (decode_threads); 0: it does so itself */
    const struct ledger
        *ledger; /* steps are told to it; NULL: none. Of plain scripts only */
};

int carry_out(const struct carry_spec *spec, struct err *err) MUST_USE;

/* ---- the pieces of it, for parallel.h ---- */

/* Schemas that the dump does not make, because every new database has them. */
int carry_schemas(const struct carry_spec *spec, struct loader *loader,
                  struct err *err) MUST_USE;
/* What comes behind all else (selection.late). */
int carry_late(const struct carry_spec *spec, struct loader *loader,
               struct err *err) MUST_USE;
/* One statement; `context` of the error says which. */
int carry_statement(const struct carry_spec *spec, struct loader *loader,
                    const struct statement *statement, struct err *err) MUST_USE;
/* The same with this text instead of its own; `kind`: as what it is done. */
struct carry_text {
    const struct statement *statement; /* of the outline */
    const char *sql;
    enum ledger_kind kind;
};
int carry_text(const struct carry_spec *spec, struct loader *loader,
               const struct carry_text *text, struct err *err) MUST_USE;
/* Statements that follow each other and take no time, gathered into one query, which is one
 * transaction: a dump of many tables is not a round trip and a commit for each of them. What it does
 * not gather is carried out at once, behind what it has. carry_batch_end sends the rest. */
enum { CARRY_BATCH = 64 };
struct carry_batch {
    const struct carry_spec *spec;
    struct loader *loader;
    const struct statement *items[CARRY_BATCH];
    size_t count, bytes;
};
int carry_batch_add(struct carry_batch *batch, const struct statement *statement,
                    struct err *err) MUST_USE;
int carry_batch_end(struct carry_batch *batch, struct err *err) MUST_USE;
/* `count` chunks of one table, from a border on, in one COPY. */
int carry_rows(const struct carry_spec *spec, struct loader *loader, size_t first,
               size_t count, struct err *err) MUST_USE;
/* How many of these chunks (of one table, from a border on) make a piece of about `size` raw
 * bytes that ends at a border. */
size_t carry_piece(const struct script *script, size_t first, size_t count, uint64_t size);

#endif
