/*
 * Dates by arithmetic and not by libc: gmtime and friends keep hidden state, and mktime
 * knows the machine's time zone, which must not decide what a backup is called.
 */
#include "base/clock.h"

#include <errno.h>

#define DAY 86400

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
    bool good = hour >= 0 && hour <= 23 && minute >= 0 && minute <= 59 && second >= 0 &&
                second <= 60;
    return good ? hour * 3600 + minute * 60 + second : -1;
}

/* What follows the seconds of RFC 3339: a fraction, which is dropped, and "Z", "+02:00" or
 * "-00:00": seconds to subtract. */
static bool parse_offset(const char **text, int *offset)
{
    *offset = 0;
    if (take(text, '.')) {
        if (digits(text, 1) < 0)
            return false;
        *text += strspn(*text, "0123456789");
    }
    if (take(text, 'Z') || take(text, 'z'))
        return true;
    int sign = **text == '-' ? -1 : 1;
    if (!take(text, '+') && !take(text, '-'))
        return false;
    int hours = digits(text, 2);
    if (hours < 0 || hours > 23 || !take(text, ':'))
        return false;
    int minutes = digits(text, 2);
    *offset = sign * (hours * 3600 + minutes * 60);
    return minutes >= 0 && minutes <= 59;
}

static bool parse_any(const char *text, int64_t *seconds)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    /* The date. A day that its month does not have is a typing error, not a day of the next
     * month. */
    int year = digits(&text, 4);
    if (year < 0 || !take(&text, '-'))
        return false;
    int month = digits(&text, 2);
    if (month < 1 || month > 12 || !take(&text, '-'))
        return false;
    int day = digits(&text, 2);
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if (day < 1 || day > days[month - 1] + (leap && month == 2 ? 1 : 0))
        return false;

    /* The time. RFC 3339 must say where it is; what people write is UTC, as all that we
     * print. */
    int second_of_day = 0;
    int offset = 0;
    if (take(&text, 'T') || take(&text, 't')) {
        second_of_day = parse_time(&text, true);
        if (second_of_day < 0 || !parse_offset(&text, &offset))
            return false;
    } else if (take(&text, ' ')) {
        second_of_day = parse_time(&text, false);
    }
    *seconds = clock_from_civil(year, month, day, second_of_day) - offset;
    return second_of_day >= 0 && *text == '\0';
}

int clock_parse(const char *text, int64_t *seconds, struct err *err)
{
    int64_t parsed = 0;
    if (!parse_any(text, &parsed)) {
        err_set(err, ERR_USAGE, "\"%s\" is not a time", text);
        return err_hint(err,
                        "write 2026-11-21, \"2026-11-21 02:00\" or 2026-11-21T02:00:00Z");
    }
    *seconds = parsed;
    return 0;
}
