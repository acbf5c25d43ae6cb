/*
 * lexer - the SQL that pg_dump writes, byte by byte: where statements, comments and psql
 * lines end.
 *
 * Follows psql's own rules (PostgreSQL manual 4.1 "Lexical Structure"; psql's way of telling a
 * semicolon that ends a statement from one that does not). One token each:
 *
 *     'it''s'
 *     E'it\'s'
 *     "a ""name"""
 *     $tag$ ... $tag$
 *     -- line
 *     / * nested * /
 *     \psql line
 *
 * A semicolon inside parentheses (rules with several actions) or inside BEGIN ATOMIC ... END
 * ends nothing.
 *
 * Push bytes in pieces of any size: the result is the same. No look-ahead, bounded memory.
 */
#ifndef PGKEEP_STREAM_SCAN_LEXER_H
#define PGKEEP_STREAM_SCAN_LEXER_H

#include "base/err.h"
#include "base/text.h"
#include "stream/scan/head.h"

enum lexer_event {
    LEXER_NOTHING, /* all bytes consumed */
    /* the last byte consumed is the `;` of a statement: head, and body if it is a COPY */
    LEXER_STATEMENT,
    /* the newline behind a `--` comment outside of statements; or the end of a block
     * comment there: line holds "/ *" */
    LEXER_COMMENT,
    LEXER_META,   /* the newline behind a backslash line outside of statements: line */
    LEXER_NEWLINE /* any other newline outside of statements */
};

enum { LEXER_LINE_SIZE = 256, LEXER_WORD_SIZE = 16 };

struct lexer {
    unsigned state; /* enum in lexer.c */
    enum lexer_event event;
    bool in_statement;
    bool standard_strings; /* standard_conforming_strings; the caller sets it */
    bool failed;           /* sticky: a COPY statement or a dollar tag beyond its ceiling */
    unsigned char quote;   /* of the quoted token: ' or " */
    bool escapes;          /* a backslash means something in it */
    unsigned parens;
    unsigned begins; /* BEGIN ATOMIC and CASE that are open */
    unsigned comment_depth;
    size_t tag_matched;
    struct text tag;            /* $tag$ of the dollar quote */
    struct head head;           /* of the statement */
    char word[LEXER_WORD_SIZE]; /* current or last word, upper case, cut */
    size_t word_size;
    bool after_begin;
    /* comment with its dashes, or psql line; without newline, cut */
    char line[LEXER_LINE_SIZE];
    size_t line_size;
    /* whole text of a COPY statement behind the word COPY, with the `;` */
    struct text body;
    bool in_copy;
};

void lexer_init(struct lexer *lexer);
void lexer_release(struct lexer *lexer);
/* Consumes at least one byte of size >= 1; returns how many. After an event call lexer_next
 * before the next step. */
size_t lexer_step(struct lexer *lexer, const unsigned char *data, size_t size,
                  enum lexer_event *event) MUST_USE;
void lexer_next(struct lexer *lexer); /* forgets the statement or line that was reported */
/* Whether the last byte was outside of everything: no statement, string, comment or line is
 * open. */
bool lexer_is_idle(const struct lexer *lexer);

#endif
