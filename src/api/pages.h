/*
 * pages - the files of src/api/pages, as they were when this was built (scripts/embed-pages).
 */
#ifndef PGKEEP_API_PAGES_H
#define PGKEEP_API_PAGES_H

#include <stddef.h>

struct pages_file {
    const char *path; /* below pages, "/lib/dom.js"; NULL behind the last one */
    const unsigned char *data;
    size_t size;
};
extern const struct pages_file pages_files[];

#endif
