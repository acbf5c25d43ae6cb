/*
 * One function of base/clock turns a date into a day; the way back is an estimate that is put
 * right, which needs no table and has no exceptions.
 */
#include "base/zone/date.h"

#include "base/clock.h"

/* C rounds towards zero: -1 / 86400 is 0, and the day before 1970 would be the same day. */
int64_t date_floor_mod(int64_t dividend, int64_t divisor)
{
    int64_t rest = dividend % divisor;
    return rest < 0 ? rest + divisor : rest;
}

int64_t date_floor_div(int64_t dividend, int64_t divisor)
{
    return (dividend - date_floor_mod(dividend, divisor)) / divisor;
}

int64_t date_day(struct date date)
{
    return date_floor_div(clock_from_civil(date.year, date.month, date.day, 0),
                          DATE_DAY_SECONDS);
}

static int64_t month_begin(int64_t year, int month)
{
    struct date date = {year, month, 1};
    return date_day(date);
}

/* By the difference of two days, so that leap years have one place: base/clock. */
int date_month_length(int64_t year, int month)
{
    int64_t next = month == 12 ? month_begin(year + 1, 1) : month_begin(year, month + 1);
    return (int)(next - month_begin(year, month));
}

struct date date_of(int64_t day)
{
    /* 400 years are 146,097 days; the estimate is off by one at most. */
    int64_t year = 1970 + date_floor_div(day * 400, 146097);
    while (month_begin(year, 1) > day)
        year--;
    while (month_begin(year + 1, 1) <= day)
        year++;

    /* No month is longer than 31 days: the estimate is right, or one too low. */
    int month = 1 + (int)(day - month_begin(year, 1)) / 31;
    if (month < 12 && month_begin(year, month + 1) <= day)
        month++;
    struct date date = {year, month, 1 + (int)(day - month_begin(year, month))};
    return date;
}

int date_weekday(int64_t day)
{
    return (int)date_floor_mod(day + 4, 7); /* 1970-01-01 was a Thursday */
}
