/*
 * calendar - the periods of retention (hours, days, ISO weeks, months, years) in a time zone
 * (base/zone/zone.h), and the subtraction of months and years.
 *
 *     zone_load -> retention_calendar_init -> retention_calendar_key ... -> zone_free
 *
 * Arithmetic alone. Times are seconds since 1970 UTC, the calendar is the proleptic Gregorian
 * one for all years. A struct retention_calendar belongs to one thread.
 *
 * ISO 8601: weeks begin on Monday; the first week holds 4 January.
 */
#ifndef PGKEEP_RETENTION_CALENDAR_H
#define PGKEEP_RETENTION_CALENDAR_H

#include "base/err.h"
#include "base/parse.h"
#include "base/text.h"
#include "base/zone/zone.h"

enum retention_period {
    RETENTION_NO_PERIOD, /* every time is a period of its own */
    RETENTION_HOUR,
    RETENTION_DAY,
    RETENTION_WEEK,
    RETENTION_MONTH,
    RETENTION_YEAR
};

/* A zone with what was last looked up in it: neighbouring times cost next to nothing. */
struct retention_calendar {
    const struct zone *zone; /* borrowed */
    struct zone_span span;
    /* local days since 1970; the month of the last lookup */
    int64_t month_begin, month_end;
    int64_t month; /* 12 * year + month - 1 */
};

void retention_calendar_init(struct retention_calendar *calendar, const struct zone *zone);

/* The period a time falls into, as a number: equal in one period, and greater in later ones
 * except where local time is set back across its border. Hours: the UTC second at which the
 * local hour began, so that an hour which a change of the clock repeats is two. Others:
 * days, weeks (Monday), months or years of the local date. RETENTION_NO_PERIOD is not
 * allowed. */
int64_t retention_calendar_key(struct retention_calendar *calendar,
                               enum retention_period period, int64_t time);

/* Adds "hour 2026-11-07 13:00", "day 2026-11-07", "week 2026-W45", "month 2026-11" or "year
 * 2026", local to the zone. */
void retention_calendar_name(struct retention_calendar *calendar,
                             enum retention_period period, int64_t time, struct text *out);

/* anchor - duration: first the months off the local date (the day clamped to the month's
 * end, the same local time), then the seconds. A local time that the zone skips is read
 * with the offset before the gap; one that occurs twice as the second only if the anchor is
 * itself the second of a pair, else as the first. INT64_MIN ("no limit") when that is
 * before year 1. */
int64_t retention_calendar_before(const struct zone *zone, int64_t anchor,
                                  struct duration duration);
/* time + duration by the same rules; INT64_MAX when that is beyond year 9999. */
int64_t retention_calendar_after(const struct zone *zone, int64_t time,
                                 struct duration duration);

#endif
