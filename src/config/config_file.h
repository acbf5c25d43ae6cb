/*
 * config_file - reads a configuration file (libconfig syntax) into a layer, or says what is
 * wrong with it: "FILE:LINE: sentence", ERR_CONFIG, with the nearest known name as a hint.
 *
 * Errors are: unreadable, larger than 1 MiB, syntax, unknown or doubled keys, wrong types,
 * values out of range, names that are no names, @include (libconfig ends the process on
 * some included files), and a file that every user can read (mode & 004) while it holds a
 * secret.
 */
#ifndef PGKEEP_CONFIG_CONFIG_FILE_H
#define PGKEEP_CONFIG_CONFIG_FILE_H

#include "config/layer.h"

/* `out` is initialised by the caller and filled; on an error its content is of no use. */
int config_file_read(const char *path, struct layer *out, struct err *err) MUST_USE;
/* The same for text in memory; `path` only stands in errors and origins, `mode` is the
 * file's. */
int config_file_parse(const char *path, const char *text, unsigned mode, struct layer *out,
                      struct err *err) MUST_USE;
/* Where the file is: `given` (from --config) or $PGKEEP_CONFIG as they are; else the first
 * that exists of $XDG_CONFIG_HOME/pgkeep/pgkeep.conf (~/.config) and
 * SYSCONFDIR/pgkeep/pgkeep.conf. Heap; NULL when there is none. */
char *config_file_locate(const char *given) MUST_USE;

#endif
