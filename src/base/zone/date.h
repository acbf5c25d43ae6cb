/*
 * date - days and dates of the proleptic Gregorian calendar.
 *
 * Days count from 1970-01-01; years before 1 are 0, -1, … Pure; valid for years within
 * +-30,000,000, far more than a time that a zone lets through.
 */
#ifndef PGKEEP_BASE_ZONE_DATE_H
#define PGKEEP_BASE_ZONE_DATE_H

#include "base/err.h"

#define DATE_DAY_SECONDS 86400

struct date {
    int64_t year;
    int month, day; /* 1..12, 1..31 */
};

/* Towards minus infinity; divisor > 0. */
int64_t date_floor_div(int64_t dividend, int64_t divisor);
int64_t date_floor_mod(int64_t dividend, int64_t divisor);

struct date date_of(int64_t day);
int64_t date_day(struct date date);
int date_month_length(int64_t year, int month);
int date_weekday(int64_t day); /* 0 Sunday .. 6 Saturday */

#endif
