/*
 * copy_statement - the one place where a table gets its name: `COPY schema.table (a, b)
 * FROM stdin;`.
 */
#ifndef PGKEEP_STREAM_COPY_STATEMENT_H
#define PGKEEP_STREAM_COPY_STATEMENT_H

#include "base/err.h"
#include "stream/chunk.h"

/* body: what follows the word COPY, to the semicolon or the end. A new table (one
 * reference, the caller's), or NULL when this is no COPY … FROM stdin. Quoted names are
 * unquoted, bare ones stay as they are. */
struct chunk_table *copy_statement_parse(const char *body, size_t size) MUST_USE;

#endif
