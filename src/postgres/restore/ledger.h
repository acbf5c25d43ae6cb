/*
 * ledger - what of a restore is done, kept in the target itself, so that a restore that was broken
 * off can go on.
 *
 *     ledger_open -> ledger_find (it goes on) or ledger_begin -> ledger_join for each session,
 *     ledger_add in front of each step ... -> ledger_end (all is done) -> ledger_free
 *
 * A schema of ours, pgkeep_restore_ID, has a row for each step that is done. The row is written by
 * the statement that is sent with the step, in one query: the server makes one transaction of it,
 * so a step is done and told, or neither, whatever is lost in between: our process, the
 * connection, the server (what it forgets of commits that were not flushed is forgotten whole).
 * The schema goes when all is done; a restore that failed leaves it.
 *
 * Sessions of a restore hold advisory locks: who goes on first waits until what the earlier one
 * left running on the server has ended. One thread; ledger_has and ledger_add of any.
 */
#ifndef PGKEEP_POSTGRES_RESTORE_LEDGER_H
#define PGKEEP_POSTGRES_RESTORE_LEDGER_H

#include "postgres/restore/loader.h"

enum ledger_kind {
    LEDGER_STATEMENT, /* of the outline, by number */
    LEDGER_HALF,      /* of one that is carried out in two; the second is the statement */
    LEDGER_ROWS,      /* chunks: of the index, by number */
    LEDGER_KINDS
};

struct ledger_spec {
    const char *conninfo;        /* of the target, with password */
    const char *id;              /* of the artifact */
    const struct cancel *cancel; /* NULL: the root */
};

struct ledger;
/* ERR_BUSY: another restore of this artifact into this database is under way, or what it left
 * running has not ended within a minute; the text says which sessions. */
struct ledger *ledger_open(const struct ledger_spec *spec, struct err *err) MUST_USE;
/* Has one begun? Then what is done is read; counts[kind]: numbers end there (ERR_CORRUPT). */
int ledger_find(struct ledger *ledger, const size_t counts[LEDGER_KINDS], bool *found,
                struct err *err) MUST_USE;
/* What ledger_begin was given; NULL: none was found. */
const char *ledger_options(const struct ledger *ledger);
const char *ledger_choice(const struct ledger *ledger);
/* Begins it anew; what an earlier restore of this artifact left of its own is forgotten. */
int ledger_begin(struct ledger *ledger, const char *options, const char *choice,
                 struct err *err) MUST_USE;
/* How many user tables the target has (server_user_tables), those of other ledgers among them. */
int ledger_user_tables(struct ledger *ledger, uint64_t *count, struct err *err) MUST_USE;

/* Was it done before? NULL-safe: then nothing was. */
bool ledger_has(const struct ledger *ledger, enum ledger_kind kind, size_t number);
/* How many steps were done before. */
uint64_t ledger_count(const struct ledger *ledger);
/* The statement that tells of a step of `count` numbers from `number` on, to be sent in front of it
 * in the same query. NULL-safe: adds nothing. */
void ledger_add(const struct ledger *ledger, struct text *sql, enum ledger_kind kind,
                size_t number, size_t count);
/* A session of the restore. NULL-safe. */
int ledger_join(const struct ledger *ledger, struct loader *loader,
                struct err *err) MUST_USE;
/* All is done: what it kept is removed. */
int ledger_end(struct ledger *ledger, struct err *err) MUST_USE;
void ledger_free(struct ledger *ledger); /* NULL-safe */

#endif
