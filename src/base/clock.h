/*
 * clock - wall-clock time as int64 seconds or milliseconds since 1970 UTC, monotonic milliseconds,
 * and RFC 3339 texts. Any thread.
 */
#ifndef PGKEEP_BASE_CLOCK_H
#define PGKEEP_BASE_CLOCK_H

#include "base/err.h"

int64_t clock_now(void);          /* seconds, UTC */
int64_t clock_now_ms(void);       /* milliseconds, UTC */
int64_t clock_monotonic_ms(void); /* for durations and time-outs */
/* "2026-11-21T02:00:00Z"; years 0-9999. Returns out. */
const char *clock_rfc3339(char out[32], int64_t seconds);
/* "2026-11-21T02:00:00.123Z". */
const char *clock_rfc3339_ms(char out[32], int64_t milliseconds);
/* "20261121T020000Z", for keys and SigV4. */
const char *clock_compact(char out[32], int64_t seconds);
/* RFC 3339 with "Z" or an offset, fraction ignored; also "YYYY-MM-DD" (midnight UTC) and
 * "YYYY-MM-DD HH:MM[:SS]" (UTC). 0 or -1 with ERR_USAGE. */
int clock_parse(const char *text, int64_t *seconds, struct err *err) MUST_USE;
/* Proleptic Gregorian, no time zone, no libc state. */
int64_t clock_from_civil(int64_t year, int month, int day, int64_t second_of_day);

#endif
