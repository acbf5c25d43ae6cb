/*
 * name_text - names out of a dump as somebody reads them. A dump's text, and so the names in its
 * index and manifest, is in the encoding that it declares (POSTGRES.md 5); documents keep those
 * bytes as they are, people want to read them.
 */
#ifndef PGKEEP_REPORT_NAME_TEXT_H
#define PGKEEP_REPORT_NAME_TEXT_H

#include "base/err.h"

/* The name in UTF-8, heap. The same bytes when the encoding (a name of PostgreSQL's; NULL: not known)
 * is none that this machine can convert, or when they are not in it: whoever prints them escapes
 * what is left. */
char *name_text(const char *name, const char *encoding) MUST_USE;

#endif
