/*
 * scratch - folders and files for tests, in memory where there is such a place, which are
 * gone when their program ends whatever became of its tests: Check runs each in a child, and
 * one that fails or hangs never comes to its teardown. They lie in one folder of the
 * program's own, made before main in $TMPDIR, else in /dev/shm where programs may be run from
 * it, else in /tmp, and removed by the process that made it.
 *
 * What cannot be made ends the program with a line that says why.
 */
#ifndef PGKEEP_TESTS_SCRATCH_H
#define PGKEEP_TESTS_SCRATCH_H

#include <stddef.h>

#define SCRATCH_SIZE 160

/* A new folder, a new file with this text; path: where. */
void scratch_folder(char path[SCRATCH_SIZE]);
void scratch_file(char path[SCRATCH_SIZE], const char *text);
/* These bytes under this name, whatever was there; only its owner may read it. */
void scratch_write(const char *path, const void *data, size_t size);
/* A file or a folder with all that is in it, also what may not be written to. Not needed at
 * the end of a test, but between two in one process. */
void scratch_remove(const char *path);

#endif
