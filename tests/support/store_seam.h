/*
 * store_seam - whoever opens a store by its settings gets one in memory, where a test wants
 * that. Unit tests are linked with store_open_dir and store_open_s3 led through here
 * (Makefile: SEAMS); for all other stores these do what they always do.
 *
 *     store_seam_place -> (the product opens and closes it, any number of times)
 *     -> store_seam_end
 */
#ifndef PGKEEP_TESTS_STORE_SEAM_H
#define PGKEEP_TESTS_STORE_SEAM_H

#include "tests/support/memory_store.h"

/* A folder at this path, a bucket of this name, are in memory from now on; borrowed until
 * store_seam_end. Opening one that is in memory already is the same again. */
struct store *store_seam_place(const char *place, const struct store_part_rules *rules);
/* The one in memory; NULL: it is none. */
struct store *store_seam_find(const char *place);
/* How often it was opened by the product. */
unsigned store_seam_opened(const char *place);
/* Opening this place fails so (ERR_NONE: no more). */
void store_seam_refuse(const char *place, enum err_kind kind, const char *text);
/* Forgets all; what the product has open it may still close. */
void store_seam_end(void);

#endif
