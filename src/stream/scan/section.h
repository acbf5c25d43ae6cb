/*
 * section - the three parts of a dump, as pg_dump's --section knows them.
 */
#ifndef PGKEEP_STREAM_SCAN_SECTION_H
#define PGKEEP_STREAM_SCAN_SECTION_H

#include "base/err.h"

/* SECTION_NONE: an opaque stream (custom format). */
enum section {
    SECTION_NONE,
    SECTION_PRE_DATA,
    SECTION_DATA,
    SECTION_POST_DATA,
    SECTION_COUNT
};
const char *section_name(enum section section); /* "pre-data"; NULL for SECTION_NONE */
bool section_from_name(const char *name, enum section *out);

#endif
