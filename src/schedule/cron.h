/*
 * cron - the five fields of a crontab line on the local calendar, zones aside (schedule.h).
 *
 *     minute 0-59, hour 0-23, day of month 1-31, month 1-12, day of week 0-7 (0 and 7: Sunday)
 *
 * Each is a list, joined by commas, of *, a number, or a range a-b; a step /n may stand behind *
 * and a range. Months and days of the week may be named by their first three letters, in any
 * case, also in ranges; a range of days may end in Sunday (sat-sun). Instead of five fields:
 * @hourly, @daily or @midnight, @weekly, @monthly, @yearly or @annually.
 *
 * The rule for days is Vixie's (crontab(5), ISC cron 4.1): a field that begins with * is not
 * restricted. When both the day of month and the day of week are, a day matches that fits
 * either; else it has to fit both, of which one always or by its step does.
 *
 * Pure; const once parsed.
 */
#ifndef PGKEEP_SCHEDULE_CRON_H
#define PGKEEP_SCHEDULE_CRON_H

#include "base/err.h"

struct cron {
    uint64_t minutes;                           /* bit n: at n */
    uint32_t hours, days, months, days_of_week; /* likewise; days_of_week: 0 is Sunday */
    bool any_day, any_day_of_week;              /* the field began with * */
};

#define CRON_NEVER INT64_MAX

/* ERR_USAGE: one sentence that names the field. Also for days that never come (30 February). */
int cron_parse(const char *text, struct cron *out, struct err *err) MUST_USE;

/* The first matching minute at or after `local`, both in seconds as local clocks show them
 * (base/zone/zone.h); CRON_NEVER when there is none. */
int64_t cron_next(const struct cron *cron, int64_t local);

#endif
