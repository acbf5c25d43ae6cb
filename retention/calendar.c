/*
 * Local time by arithmetic on the zone's spans. A span and a month are remembered, because
 * a plan asks for neighbouring times in order and nearly always stays within the last
 * answer.
 */
#include "retention/calendar.h"

#include "base/clock.h"
#include "base/zone/date.h"
#include "base/zone/zone.h"

/* Times that nobody means: beyond the limit arithmetic on months would overflow. */
static int64_t within_limit(int64_t time)
{
    if (time > ZONE_TIME_LIMIT)
        return ZONE_TIME_LIMIT;
    return time < -ZONE_TIME_LIMIT ? -ZONE_TIME_LIMIT : time;
}

void retention_calendar_init(struct retention_calendar *calendar, const struct zone *zone)
{
    memset(calendar, 0, sizeof(*calendar)); /* empty stretches: nothing is looked up yet */
    calendar->zone = zone;
}

/* Looked up again only outside of the span of the last time. */
static int64_t local_time(struct retention_calendar *calendar, int64_t time)
{
    if (time < calendar->span.from || time >= calendar->span.until)
        calendar->span = zone_span(calendar->zone, time);
    return time + calendar->span.offset;
}

/* 12 * year + month - 1 of a local day, looked up again only in another month. */
static int64_t local_month(struct retention_calendar *calendar, int64_t day)
{
    if (day < calendar->month_begin || day >= calendar->month_end) {
        struct date date = date_of(day);
        calendar->month = 12 * date.year + date.month - 1;
        calendar->month_begin = day - date.day + 1;
        calendar->month_end =
            calendar->month_begin + date_month_length(date.year, date.month);
    }
    return calendar->month;
}

/* 1970-01-01 was a Thursday, so Monday is three days before a multiple of seven. */
static int64_t week_of(int64_t day)
{
    return date_floor_div(day + 3, 7);
}

int64_t retention_calendar_key(struct retention_calendar *calendar,
                               enum retention_period period, int64_t time)
{
    time = within_limit(time);
    int64_t local = local_time(calendar, time);
    int64_t day = date_floor_div(local, DATE_DAY_SECONDS);
    switch (period) {
    case RETENTION_HOUR:
        /* Section 2: "the UTC second at which the local hour began, so the repeated hour of
         * a DST change is two periods". */
        return time - date_floor_mod(local, 3600);
    case RETENTION_DAY:
        return day;
    case RETENTION_WEEK:
        return week_of(day);
    case RETENTION_MONTH:
        return local_month(calendar, day);
    case RETENTION_YEAR:
        return date_floor_div(local_month(calendar, day), 12);
    case RETENTION_NO_PERIOD:
        break;
    }
    abort(); /* the caller must not ask */
}

void retention_calendar_name(struct retention_calendar *calendar,
                             enum retention_period period, int64_t time, struct text *out)
{
    /* As people write the period: in local time, an hour by its beginning. */
    int64_t local = local_time(calendar, within_limit(time));
    int64_t day = date_floor_div(local, DATE_DAY_SECONDS);
    struct date date = date_of(day);
    int year = (int)date.year;
    /* ISO 8601: week 1 is the one with the year's first Thursday. */
    if (period == RETENTION_WEEK) { /* the week belongs to the year of its Thursday */
        int64_t thursday = week_of(day) * 7;
        struct date first = {date_of(thursday).year, 1, 1};
        int64_t week = (thursday - date_day(first)) / 7 + 1;
        text_addf(out, "week %04d-W%02d", (int)first.year, (int)week);
    } else if (period == RETENTION_YEAR) {
        text_addf(out, "year %04d", year);
    } else if (period == RETENTION_MONTH) {
        text_addf(out, "month %04d-%02d", year, date.month);
    } else if (period == RETENTION_DAY) {
        text_addf(out, "day %04d-%02d-%02d", year, date.month, date.day);
    } else {
        int hour = (int)(date_floor_mod(local, DATE_DAY_SECONDS) / 3600);
        text_addf(out, "hour %04d-%02d-%02d %02d:00", year, date.month, date.day, hour);
    }
}

/* The same local time `months` later (or earlier), on the last day of a shorter month.
 * Returns false when that leaves the years 1 to 9999. */
static bool shift_months(const struct zone *zone, int64_t months, int64_t *time)
{
    int64_t local = *time + zone_span(zone, *time).offset;
    struct date date = date_of(date_floor_div(local, DATE_DAY_SECONDS));
    /* Section 2: calendar with clamping: 31 March - 1 month = 28/29 February. */
    int64_t month = 12 * date.year + date.month - 1 + months;
    date.year = date_floor_div(month, 12);
    date.month = (int)date_floor_mod(month, 12) + 1;
    if (date.year < 1 || date.year > 9999)
        return false;
    int length = date_month_length(date.year, date.month);
    if (date.day > length)
        date.day = length;
    int64_t target =
        date_day(date) * DATE_DAY_SECONDS + date_floor_mod(local, DATE_DAY_SECONDS);

    /* Section 9: a local time that the zone skips is read with the offset before the gap, one
     * that occurs twice as the side that the anchor is on, else the first. */
    struct zone_reading wanted = zone_read_local(zone, target);
    struct zone_reading own = zone_read_local(zone, local);
    bool is_second = own.count > 1 && *time > own.first;
    *time = wanted.count == 0 ? wanted.gap : is_second ? wanted.last : wanted.first;
    return true;
}

int64_t retention_calendar_before(const struct zone *zone, int64_t anchor,
                                  struct duration duration)
{
    const int64_t year_1 = clock_from_civil(1, 1, 1, 0);
    int64_t time = within_limit(anchor);
    /* Section 9: first years and months off the local date, then w, d, h as seconds. Before
     * year 1: keeps all. */
    if (duration.months > 0 && !shift_months(zone, -(int64_t)duration.months, &time))
        return INT64_MIN;
    if (time < year_1 || duration.seconds > time - year_1)
        return INT64_MIN;
    return time - duration.seconds;
}

int64_t retention_calendar_after(const struct zone *zone, int64_t time,
                                 struct duration duration)
{
    const int64_t year_10000 = clock_from_civil(10000, 1, 1, 0);
    int64_t end = within_limit(time);
    /* Beyond year 9999 nothing is ever over. */
    if (duration.months > 0 && !shift_months(zone, duration.months, &end))
        return INT64_MAX;
    if (end >= year_10000 || duration.seconds >= year_10000 - end)
        return INT64_MAX;
    return end + duration.seconds;
}
