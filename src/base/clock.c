/*
 * Dates by arithmetic and not by libc: gmtime and friends keep hidden state, and mktime
 * knows the machine's time zone, which must not decide what a backup is called. Only what
 * people read and type is in the machine's zone, and only clock_local and clock_read ask it.
 */
#include "base/clock.h"

#include "base/parse.h"

#include <errno.h>

#define DAY 86400

/* Milliseconds in 64 bits reach further than any date we can write. */
static int64_t read_ms(clockid_t which)
{
    struct timespec now;
    clock_gettime(which, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t clock_now(void)
{
    return read_ms(CLOCK_REALTIME) / 1000;
}

int64_t clock_now_ms(void)
{
    return read_ms(CLOCK_REALTIME);
}

int64_t clock_monotonic_ms(void)
{
    return read_ms(CLOCK_MONOTONIC);
}

/* ---- the calendar ---- */

/* Days since 1970-01-01, counted in years that begin in March: the leap day comes last, so a
 * month's first day is a linear function of its number ((153 m + 2) / 5, the months from March
 * on have 31 30 31 30 31 days over and over). An era is the 400 years of 146,097 days after
 * which everything repeats; 719,468 is the 1st of January 1970 counted from the 1st of March
 * of the year 0. */
static int64_t days_from_civil(int64_t year, int month, int day)
{
    int64_t shifted = month <= 2 ? year - 1 : year;
    int64_t era = (shifted >= 0 ? shifted : shifted - 399) / 400;
    int64_t year_of_era = shifted - era * 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int64_t day_of_era =
        year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

int64_t clock_from_civil(int64_t year, int month, int day, int64_t second_of_day)
{
    return days_from_civil(year, month, day) * DAY + second_of_day;
}

struct civil {
    int year, month, day, hour, minute, second;
};

/* The same backwards: which of 400 years, then which day of it, then which month. */
static struct civil to_civil(int64_t seconds)
{
    int64_t days = seconds / DAY - (seconds % DAY < 0 ? 1 : 0);
    int64_t rest = seconds - days * DAY;
    int64_t shifted = days + 719468;
    int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    int64_t doe = shifted - era * 146097;
    /* Leap years are taken out first, so that the division by 365 is exact. */
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t month = (5 * doy + 2) / 153;
    /* March is month 0 here: from October on in this counting it is the next year. */
    struct civil civil = {
        .year = (int)(yoe + era * 400 + (month >= 10 ? 1 : 0)),
        .month = (int)(month < 10 ? month + 3 : month - 9),
        .day = (int)(doy - (153 * month + 2) / 5 + 1),
        .hour = (int)(rest / 3600),
        .minute = (int)(rest / 60 % 60),
        .second = (int)(rest % 60),
    };
    return civil;
}

/* ---- texts ---- */

/* Outside of the years 0-9999 the texts would not sort any more: clamp. */
static int64_t clamp(int64_t seconds)
{
    const int64_t first = -62167219200;
    const int64_t last = 253402300799;
    return seconds < first ? first : seconds > last ? last : seconds;
}

const char *clock_rfc3339(char out[32], int64_t seconds)
{
    struct civil c = to_civil(clamp(seconds));
    snprintf(out, 32, "%04d-%02d-%02dT%02d:%02d:%02dZ", c.year, c.month, c.day, c.hour,
             c.minute, c.second);
    return out;
}

const char *clock_rfc3339_ms(char out[32], int64_t milliseconds)
{
    /* Before 1970 the division must round down, as it does after it. */
    int64_t fraction = milliseconds % 1000;
    if (fraction < 0)
        fraction += 1000;
    struct civil c = to_civil(clamp((milliseconds - fraction) / 1000));
    snprintf(out, 32, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", c.year, c.month, c.day, c.hour,
             c.minute, c.second, (int)fraction);
    return out;
}

const char *clock_compact(char out[32], int64_t seconds)
{
    struct civil c = to_civil(clamp(seconds));
    snprintf(out, 32, "%04d%02d%02dT%02d%02d%02dZ", c.year, c.month, c.day, c.hour,
             c.minute, c.second);
    return out;
}

const char *clock_local(char out[32], int64_t seconds)
{
    struct tm local;
    time_t moment = (time_t)clamp(seconds);
    /* localtime_r need not look at TZ; a moment libc has no date for is told in UTC. */
    tzset();
    if (localtime_r(&moment, &local) == NULL)
        return clock_rfc3339(out, seconds);
    /* The same date read as UTC is as far away as the zone is; tm_gmtoff is not POSIX. */
    int64_t as_utc =
        clock_from_civil(local.tm_year + 1900, local.tm_mon + 1, local.tm_mday, 0) +
        local.tm_hour * 3600 + local.tm_min * 60 + local.tm_sec;
    int64_t minutes = (as_utc - (int64_t)moment) / 60;
    int64_t distance = minutes < 0 ? -minutes : minutes;
    int length = snprintf(out, 32, "%04d-%02d-%02d %02d:%02d:%02d%c%02d",
                          (local.tm_year + 1900) % 10000, local.tm_mon + 1, local.tm_mday,
                          local.tm_hour, local.tm_min, local.tm_sec,
                          minutes < 0 ? '-' : '+', (int)(distance / 60 % 100));
    /* Most zones are whole hours away; the few others need their minutes. */
    if (distance % 60 != 0 && length > 0 && length < 28)
        (void)snprintf(out + length, 32 - (size_t)length, ":%02d", (int)(distance % 60));
    return out;
}

/* ---- reading ---- */

/* Takes exactly `count` digits; -1 when they are not there. */
static int digits(const char **text, int count)
{
    int value = 0;
    for (int i = 0; i < count; i++, (*text)++) {
        if (**text < '0' || **text > '9')
            return -1;
        value = value * 10 + (**text - '0');
    }
    return value;
}

/* Steps behind it if it is there. */
static bool take(const char **text, char wanted)
{
    if (**text != wanted)
        return false;
    (*text)++;
    return true;
}

/* Seconds of the day, or -1. RFC 3339 allows second 60: it counts as the first of the next
 * minute. */
static int parse_time(const char **text, bool seconds_required)
{
    int second = 0;
    int hour = digits(text, 2);
    if (!take(text, ':'))
        return -1;
    int minute = digits(text, 2);
    if (take(text, ':'))
        second = digits(text, 2);
    else if (seconds_required)
        return -1;
    /* -1 is what digits() says of a digit that is missing. */
    bool good = hour >= 0 && hour <= 23 && minute >= 0 && minute <= 59 && second >= 0 &&
                second <= 60;
    return good ? hour * 3600 + minute * 60 + second : -1;
}

/* Where on earth the time is: "Z", "+02:00", as people write it also "+02" and "+0200":
 * seconds to subtract. */
static bool parse_offset(const char **text, bool exact, int *offset)
{
    *offset = 0;
    if (take(text, 'Z') || take(text, 'z'))
        return true;
    int sign = **text == '-' ? -1 : 1;
    int minutes = 0;
    if (!take(text, '+') && !take(text, '-'))
        return false;
    /* RFC 3339 wants both; people leave the colon out, or the minutes. */
    int hours = digits(text, 2);
    if (hours < 0 || hours > 23)
        return false;
    if (take(text, ':') || (!exact && **text != '\0'))
        minutes = digits(text, 2);
    else if (exact)
        return false;
    *offset = sign * (hours * 3600 + minutes * 60);
    return minutes >= 0 && minutes <= 59;
}

/* A day that its month does not have is a typing error, not a day of the next month. */
static bool parse_date(const char **text, struct civil *date)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    date->year = digits(text, 4);
    if (date->year < 0 || !take(text, '-'))
        return false;
    date->month = digits(text, 2);
    if (date->month < 1 || date->month > 12 || !take(text, '-'))
        return false;
    date->day = digits(text, 2);
    bool leap = date->year % 4 == 0 && (date->year % 100 != 0 || date->year % 400 == 0);
    return date->day >= 1 &&
           date->day <= days[date->month - 1] + (leap && date->month == 2 ? 1 : 0);
}

/* What programs write, RFC 3339 and nothing else; what people type is clock_read's. */
int clock_parse(const char *text, int64_t *seconds, struct err *err)
{
    struct civil date = {0};
    const char *at = text;
    int second_of_day = -1;
    int offset = 0;
    bool good = parse_date(&at, &date) && (take(&at, 'T') || take(&at, 't'));
    if (good)
        second_of_day = parse_time(&at, true);
    good = good && second_of_day >= 0;
    /* A fraction is dropped. */
    if (good && take(&at, '.')) {
        good = digits(&at, 1) >= 0;
        at += strspn(at, "0123456789");
    }
    if (!good || !parse_offset(&at, true, &offset) || *at != '\0') {
        err_set(err, ERR_USAGE, "\"%s\" is not a time", text);
        return err_hint(err, "write 2026-11-21T02:00:00Z");
    }
    *seconds =
        clock_from_civil(date.year, date.month, date.day, 0) + second_of_day - offset;
    return 0;
}

/* In the machine's zone. A time that a change of the clocks leaves out is taken for the moment
 * as long after the change; of one that comes twice libc decides. */
static int64_t local_to_utc(const struct civil *date, int second_of_day)
{
    /* -1: whether it is summer time is libc's to find out. */
    struct tm local = {.tm_year = date->year - 1900,
                       .tm_mon = date->month - 1,
                       .tm_mday = date->day,
                       .tm_hour = second_of_day / 3600,
                       .tm_min = second_of_day / 60 % 60,
                       .tm_sec = second_of_day % 60,
                       .tm_isdst = -1};
    return (int64_t)mktime(&local);
}

/* "3d", "36h": that long before or after `now`. */
static bool read_distance(const char *text, enum clock_direction direction, int64_t now,
                          int64_t *seconds)
{
    struct err unsaid = {0};
    int64_t distance = 0;
    if (parse_seconds(text, &distance, &unsaid) < 0)
        return false;
    *seconds = direction == CLOCK_AGO ? now - distance : now + distance;
    return true;
}

/* A date, then perhaps a time, then perhaps a zone. */
static bool read_moment(const char *text, int64_t *seconds)
{
    struct civil date = {0};
    int second_of_day = 0;
    int offset = 0;
    if (!parse_date(&text, &date))
        return false;
    if (take(&text, 'T') || take(&text, 't') || take(&text, ' '))
        second_of_day = parse_time(&text, false);
    else if (*text != '\0') /* a zone without a time says nothing */
        return false;
    if (second_of_day < 0)
        return false;
    /* Without a zone it is what the clock on the wall shows. */
    if (*text == '\0') {
        *seconds = local_to_utc(&date, second_of_day);
        return true;
    }
    *seconds = clock_from_civil(date.year, date.month, date.day, 0) + second_of_day;
    if (!parse_offset(&text, false, &offset) || *text != '\0')
        return false;
    *seconds -= offset;
    return true;
}

int clock_read(const char *text, enum clock_direction direction, int64_t now,
               int64_t *seconds, struct err *err)
{
    /* No text is both: distances end in a unit, dates have a dash behind the year. */
    int64_t read = 0;
    if (!read_distance(text, direction, now, &read) && !read_moment(text, &read)) {
        err_set(err, ERR_USAGE, "\"%s\" is not a time", text);
        return err_hint(err, "write 2026-11-30, \"2026-11-30 15:00\" (local time), "
                             "2026-11-30T15:00:00Z, or 36h");
    }
    *seconds = read;
    return 0;
}
