/*
 * rows - the data of a COPY block in text format: counts its lines and finds its end, the
 * line `\.`.
 *
 * Backslash and newline inside values are escaped by the server, so a newline byte always
 * ends a row and the line `\.` is always the end (PostgreSQL manual, COPY, "Text Format").
 * Nothing here looks at single bytes of a row: this is the path that nearly all bytes of a
 * backup take.
 */
#ifndef PGKEEP_STREAM_SCAN_ROWS_H
#define PGKEEP_STREAM_SCAN_ROWS_H

#include "base/err.h"

enum rows_state { ROWS_LINE_START, ROWS_IN_LINE, ROWS_BACKSLASH, ROWS_DOT };

struct rows {
    enum rows_state state;
};

struct rows_span {
    size_t size;    /* bytes consumed */
    size_t border;  /* offset behind the last complete row in them; 0: none */
    uint64_t count; /* rows that ended in them */
    bool ended;     /* the line `\.` was the last of them */
};

void rows_init(struct rows *rows); /* at the first byte behind the COPY statement's line */
/* Consumes all `size` bytes, or up to and including the line `\.`. */
void rows_scan(struct rows *rows, const unsigned char *data, size_t size,
               struct rows_span *span);

#endif
