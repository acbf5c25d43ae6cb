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
/* For people: "2026-11-21 03:00:00+01", in the zone of TZ or the machine; "+05:30" where an offset
 * has minutes. clock_read takes it. */
const char *clock_local(char out[32], int64_t seconds);

/* Of a document: RFC 3339 with "Z" or an offset, fraction ignored. 0 or -1 with ERR_USAGE. */
int clock_parse(const char *text, int64_t *seconds, struct err *err) MUST_USE;

/* What a bare span of time counts from now. */
enum clock_direction { CLOCK_AGO, CLOCK_AHEAD };
/* What somebody typed (PRODUCT section 2): "2026-11-30", "2026-11-30 15:00[:SS]",
 * "2026-11-30T15:00[:SS]", each in the zone of TZ or the machine unless "Z", "+01", "+0100" or
 * "+01:00" stands behind the time; or "3d", "36h" and what else parse_seconds reads, that long
 * before or after `now`. 0 or -1 with ERR_USAGE. */
int clock_read(const char *text, enum clock_direction direction, int64_t now,
               int64_t *seconds, struct err *err) MUST_USE;
/* Proleptic Gregorian, no time zone, no libc state. */
int64_t clock_from_civil(int64_t year, int month, int day, int64_t second_of_day);

#endif
