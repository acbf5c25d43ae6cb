/*
 * scan - understands pg_dump's plain text: sections, tables, rows, borders, and whether it
 * ended well.
 *
 *     scan_init -> scan_step over all bytes in order, in pieces of any size
 *     -> scan_ended_well -> scan_release
 *
 * What counts (reference/POSTGRES.md 1-8): borders come from a real lexer; table names come
 * from COPY statements, never from comments, which object names can forge; the closing
 * comment counts only at top level and as the last thing; a `\restrict` needs its
 * `\unrestrict`. The events do not depend on how the bytes were cut into pieces.
 *
 * INSERT-style dumps pass through as statements: no tables, no rows.
 */
#ifndef PGKEEP_STREAM_SCAN_SCAN_H
#define PGKEEP_STREAM_SCAN_SCAN_H

#include "base/err.h"
#include "stream/scan/dump_table.h"
#include "stream/scan/lexer.h"
#include "stream/scan/rows.h"
#include "stream/scan/section.h"

enum scan_event {
    SCAN_NOTHING,
    SCAN_SECTION, /* the statement that ends with this span begins scan->section */
    /* this span ends with the COPY statement's line; rows of scan->table follow */
    SCAN_TABLE,
    SCAN_TABLE_END, /* this span ends with the line `\.` */
    SCAN_CLOSING /* this span ends with the closing comment; so does the dump, if it is one */
};

enum scan_flag {
    SCAN_STATE = 2,   /* SET or set_config lines, which every restore must carry */
    SCAN_RESTRICT = 4 /* \restrict or \unrestrict lines */
};

struct scan_span {
    size_t size; /* bytes consumed, at least 1 */
    /* offset behind the last border in them, 0: none; for SCAN_SECTION and SCAN_TABLE
     * borders in front of that statement only */
    size_t border;
    uint64_t rows;  /* rows that ended in them, all in front of border */
    unsigned flags; /* enum scan_flag of what ended in them */
    enum scan_event event;
};

struct scan {
    struct lexer lexer;
    struct rows rows;
    unsigned state;   /* enum in scan.c */
    unsigned closing; /* how much of the closing comment was seen; enum in scan.c */
    /* a newline directly behind the last statement still belongs to it */
    bool border_grows;
    enum section section;
    bool in_transaction; /* between BEGIN and COMMIT of the dump */
    /* of the COPY statement last seen; take a reference to keep it */
    struct dump_table *table;
    char encoding[64];        /* client_encoding, "" if none is declared */
    char restrict_token[128]; /* "" when none is open */
};

void scan_init(struct scan *scan);
void scan_release(struct scan *scan);
/* size >= 1. ERR_DATABASE for text that cannot be followed (a client encoding whose letters
 * hold quotes). */
int scan_step(struct scan *scan, const unsigned char *data, size_t size,
              struct scan_span *span, struct err *err) MUST_USE;
/* Which section a statement belongs to, by its first words and where it stands. */
enum section scan_section(const struct head *head, enum section here);
/* At the end of the input: whether it is a whole dump, to the last newline. */
bool scan_ended_well(const struct scan *scan);

#endif
