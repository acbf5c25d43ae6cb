/*
 * manifests - documents of backups that never were, for tests of what reads them.
 */
#ifndef PGKEEP_TESTS_MANIFESTS_H
#define PGKEEP_TESTS_MANIFESTS_H

#include "base/ulid.h"

#define MANIFESTS_FIRST_TIME 1700000000 /* of number 0; one an hour */
#define MANIFESTS_BYTES 100             /* of its data object */

/* The n-th: its id, and the whole document with a few tables; heap. `hash_of`: a letter of
 * a-f, of which its hashes are made. */
void manifests_id(unsigned n, char id[ULID_SIZE]);
char *manifests_text(unsigned n, char hash_of) MUST_USE;
/* The key of its data object; heap. */
char *manifests_data_key(unsigned n) MUST_USE;

#endif
