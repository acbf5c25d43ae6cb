/*
 * splitter - a dump's text as statements and rows, for whoever carries them out one by one.
 *
 *     splitter_new -> splitter_push (pieces of any size) ... -> splitter_finish -> splitter_free
 *
 * Borders are found by the lexer of stream/scan, as psql finds them: strings, dollar quotes,
 * nested comments, rules with several actions, BEGIN ATOMIC bodies (reference/POSTGRES.md 1, 2).
 * Comments and psql's own lines (\restrict, \unrestrict) are not handed on: what they are for,
 * nobody who sends statements one by one needs. Between pieces of table data anything may be left
 * out, as long as whole COPY blocks are.
 *
 * One thread. A statement is held in memory until its semicolon; rows are not.
 */
#ifndef PGKEEP_BACKUP_RESTORE_SPLITTER_H
#define PGKEEP_BACKUP_RESTORE_SPLITTER_H

#include "backup/restore/statement.h"

struct splitter_sink {
    /* The statement is the callee's to release (or keep). A COPY is followed by its rows. */
    int (*statement)(void *context, struct statement *statement, struct err *err);
    /* Rows in COPY's text format; pieces end anywhere. NULL: nobody wants them. */
    int (*rows)(void *context, const void *data, size_t size, struct err *err);
    /* The line `\.` was there. NULL as above. */
    int (*rows_end)(void *context, uint64_t rows, struct err *err);
    void *context;
};

struct splitter;
struct splitter *splitter_new(const struct splitter_sink *sink) MUST_USE;
/* What comes from now on is of this section: a chunk index says so. Without it sections are
 * told by the statements, as pg_dump's order lets. */
void splitter_section(struct splitter *splitter, enum section section);
int splitter_push(struct splitter *splitter, const void *data, size_t size,
                  struct err *err) MUST_USE;
/* ERR_CORRUPT when a statement or rows are open. */
int splitter_finish(struct splitter *splitter, struct err *err) MUST_USE;
void splitter_free(struct splitter *splitter); /* NULL-safe */

#endif
