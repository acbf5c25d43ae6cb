/*
 * zone - time zones of the IANA database: which local time it is at an instant, and which
 * instants show a local time.
 *
 *     zone_load -> zone_span, zone_read_local ... -> zone_free
 *
 * The zone file is read once, by zone_load; all else is arithmetic: no TZ variable, no tzset,
 * no libc state. Times are seconds since 1970 UTC, local times the same count as if local
 * clocks showed UTC; the calendar is the proleptic Gregorian one for all years. A zone never
 * changes and may be shared by threads.
 *
 * Sources:
 *     RFC 8536                  TZif 1 to 3
 *     POSIX.1-2008 section 8.3  the rule for times after the last transition (zone_rule.h)
 */
#ifndef PGKEEP_BASE_ZONE_ZONE_H
#define PGKEEP_BASE_ZONE_ZONE_H

#include "base/err.h"

struct zone;

/* The zone of an IANA name ("Europe/Berlin"). "UTC" needs no file. ERR_CONFIG when the name
 * could leave the database's folder, is no IANA name (posix/..., right/..., localtime) or
 * does not exist; glibc would silently give UTC. The caller frees it. */
struct zone *zone_load(const char *name, struct err *err) MUST_USE;
/* A zone from the bytes of a TZif file; ERR_CORRUPT when they are none. */
struct zone *zone_parse(const char *name, const void *data, size_t size,
                        struct err *err) MUST_USE;
void zone_free(struct zone *zone); /* NULL-safe */
const char *zone_name(const struct zone *zone);

/* Beyond +-30 million years arithmetic could overflow; such times are treated as the limit. */
#define ZONE_TIME_LIMIT 1000000000000000

/* The longest known stretch around a time in which local time is UTC + offset. */
struct zone_span {
    int64_t from, until; /* from <= time < until; INT64_MIN and INT64_MAX: no end */
    int32_t offset;      /* seconds east of Greenwich */
};
/* By the file or, behind its last transition, by the rule. */
struct zone_span zone_span(const struct zone *zone, int64_t time);

/* What a local time can mean: the instants that show it, or none, where clocks jump over it. */
struct zone_reading {
    int count;           /* of instants; 0: a gap */
    int64_t first, last; /* of them */
    int64_t change;      /* gap: the instant of the jump, the first behind it */
    int64_t gap;         /* gap: the local time read with the offset before it */
};
struct zone_reading zone_read_local(const struct zone *zone, int64_t local);

#endif
