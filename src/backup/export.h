/*
 * export - an artifact into a file or to a descriptor, hash-checked.
 */
#ifndef PGKEEP_BACKUP_EXPORT_H
#define PGKEEP_BACKUP_EXPORT_H

#include "copy/copy_reader.h"

struct export_spec {
    struct copy_reader_spec from; /* purpose is set by fetch */
    enum copy_reader_form form;
    const char *output; /* path; NULL: descriptor `fd` */
    int fd;
    bool force; /* an existing file is replaced; else ERR_USAGE */
};

/* A file appears under its name only when it is whole and right (temp + fsync + rename,
 * 0600). On a descriptor wrong bytes may have gone out before ERR_CORRUPT says so. *store:
 * where it came from, heap; may be NULL. */
int export_run(const struct export_spec *spec, char **store, struct err *err) MUST_USE;

#endif
