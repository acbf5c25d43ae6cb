/*
 * utc - times as tests write them: "2026-11-21" and "2026-11-21 03:00" are in UTC, else RFC 3339. The
 * program itself takes them for local ones.
 */
#ifndef PGKEEP_TESTS_UTC_H
#define PGKEEP_TESTS_UTC_H

#include <stdint.h>

/* Seconds; ends the test program when the text is not a time. */
int64_t utc(const char *text);

#endif
