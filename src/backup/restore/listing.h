/*
 * listing - what a script with its selection would bring, for the reader: what is made, and rows.
 * Owners, rights and comments are part of what they speak of and have no lines of their own.
 */
#ifndef PGKEEP_BACKUP_RESTORE_LISTING_H
#define PGKEEP_BACKUP_RESTORE_LISTING_H

#include "backup/restore/script.h"

struct listing_item {
    const char *section; /* "pre-data" "data" "post-data" */
    const char *type;    /* "table" "index" "rows" ... */
    char *schema, *name; /* what it belongs to; NULL: to the database */
    char *object;        /* what it is, where that is another thing: an index; else NULL */
    bool counted;        /* rows and bytes are known */
    uint64_t rows, raw_bytes;
};
struct listing {
    struct listing_item *items;
    size_t count, capacity;
    struct strlist left_out, brought;
};

/* Adds the items; the two lists are the caller's to fill. chosen: what the
 * selection was made by. */
void listing_fill(struct listing *listing, const struct script *script,
                  const struct selection_spec *chosen);
void listing_release(struct listing *listing);

#endif
