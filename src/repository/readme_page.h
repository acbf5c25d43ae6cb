/*
 * readme_page - RECOVERY.md, which lies in every store: how to restore by hand, without
 * pgkeep, with commands to copy. Written once by the caller, never read by pgkeep.
 */
#ifndef PGKEEP_REPOSITORY_README_PAGE_H
#define PGKEEP_REPOSITORY_README_PAGE_H

#include "base/err.h"

/* Where the store is, for the commands. No secrets. */
struct readme_page_place {
    const char *folder; /* dir: its path; NULL: a bucket */
    const char *bucket;
    const char *prefix;   /* "" "p" "p/"; NULL is "" */
    const char *endpoint; /* NULL: Amazon's */
    const char *region;   /* NULL: whatever the client has */
};
char *readme_page_text(const struct readme_page_place *place) MUST_USE; /* heap, Markdown */

#endif
