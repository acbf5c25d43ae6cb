/*
 * ulid - 26 characters of Crockford base 32: 48 bits of milliseconds, 80 random bits
 * (github.com/ulid/spec). Sorts by time; ids of one millisecond in one process still ascend.
 */
#ifndef PGKEEP_BASE_ULID_H
#define PGKEEP_BASE_ULID_H

#include "base/err.h"

#define ULID_LENGTH 26
#define ULID_SIZE 27

void ulid_new(char out[ULID_SIZE], int64_t now_ms); /* any thread */
bool ulid_is_valid(const char *text);               /* exactly 26 characters, upper case */
void ulid_random(unsigned char *out, size_t size);  /* from the kernel */

#endif
