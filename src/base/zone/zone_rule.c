/*
 * The rule at the end of a TZif file says when summer time begins and ends for all years to
 * come. It is evaluated for the years around a time, as a change can lie days beyond its
 * own year.
 */
#include "base/zone/zone_rule.h"

#include "base/zone/date.h"

/* Years looked at on either side: hours up to 167 can push a change into the next year. */
#define YEARS_AROUND 2
#define CHANGES (2 * (2 * YEARS_AROUND + 1))

/* In no locale, as everywhere: the file is the same on every machine. */
static bool is_letter(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool skip_char(const char **at, char c)
{
    if (**at != c)
        return false;
    ++*at;
    return true;
}

/* A zone's abbreviation: letters, or anything of the set in angle brackets. */
static bool skip_name(const char **at)
{
    const char *begin = *at;
    if (skip_char(at, '<')) {
        begin = *at;
        while (is_letter(**at) || is_digit(**at) || **at == '+' || **at == '-')
            ++*at;
        return *at - begin >= 3 && skip_char(at, '>');
    }
    while (is_letter(**at))
        ++*at;
    return *at - begin >= 3;
}

/* Stops when it is above `max`, so that no length of digits overflows. */
static bool read_number(const char **at, int min, int max, int *out)
{
    if (!is_digit(**at))
        return false;
    int value = 0;
    while (is_digit(**at) && value <= max)
        value = 10 * value + (*(*at)++ - '0');
    *out = value;
    return value >= min && value <= max;
}

/* [+-]hh[:mm[:ss]] */
static bool read_time(const char **at, int max_hours, int32_t *seconds)
{
    /* The sign is of the whole, also of "-0:30". */
    bool negative = skip_char(at, '-');
    if (!negative)
        skip_char(at, '+');
    int part[3] = {0};
    if (!read_number(at, 0, max_hours, &part[0]))
        return false;
    for (int i = 1; i < 3 && skip_char(at, ':'); i++) {
        if (!read_number(at, 0, 59, &part[i]))
            return false;
    }
    *seconds = (part[0] * 60 + part[1]) * 60 + part[2];
    /* Seconds east or west, or before midnight for a change. */
    if (negative)
        *seconds = -*seconds;
    return true;
}

/* "Mm.w.d", "Jn" or "n" (POSIX 8.3). */
static bool read_day(const char **at, struct zone_change *change)
{
    if (skip_char(at, 'M')) {
        change->kind = CHANGE_WEEKDAY;
        return read_number(at, 1, 12, &change->month) && skip_char(at, '.') &&
               read_number(at, 1, 5, &change->week) && skip_char(at, '.') &&
               read_number(at, 0, 6, &change->day);
    }
    if (skip_char(at, 'J')) {
        change->kind = CHANGE_JULIAN;
        return read_number(at, 1, 365, &change->day);
    }
    change->kind = CHANGE_DAY;
    return read_number(at, 0, 365, &change->day);
}

/* ",M3.2.0/2": a day of the year, and the time of that day. */
static bool read_change(const char **at, struct zone_change *change)
{
    if (!skip_char(at, ',') || !read_day(at, change))
        return false;
    /* "The time of day when not given is 02:00:00"; RFC 8536 3.3.1 allows -167 to 167. */
    change->seconds = 2 * 3600;
    return !skip_char(at, '/') || read_time(at, 167, &change->seconds);
}

bool zone_rule_parse(const char *text, struct zone_rule *rule)
{
    memset(rule, 0, sizeof(*rule));
    /* An empty footer: the last transition holds for ever. */
    if (text[0] == '\0')
        return true;
    const char *at = text;
    int32_t west = 0; /* POSIX counts offsets westwards */
    if (!skip_name(&at) || !read_time(&at, 24, &west))
        return false;
    rule->exists = true;
    rule->standard = -west;
    if (*at == '\0')
        return true;

    /* A second name begins summer time; POSIX's default rule when none follows is a matter
     * of the implementation, so that it must follow (the database always has it). */
    rule->has_summer = true;
    if (!skip_name(&at))
        return false;
    /* POSIX: an hour ahead unless it is said. */
    rule->summer = rule->standard + 3600;
    if (*at != ',') {
        if (!read_time(&at, 24, &west))
            return false;
        rule->summer = -west;
    }
    return read_change(&at, &rule->begin) && read_change(&at, &rule->end) && *at == '\0';
}

/* Local seconds since 1970 of a change in that year. */
static int64_t change_time(const struct zone_change *change, int64_t year)
{
    struct date january = {year, 1, 1}; /* day 0 of CHANGE_DAY, 1 of JULIAN */
    int64_t day = date_day(january);
    if (change->kind == CHANGE_DAY) {
        day += change->day;
    } else if (change->kind == CHANGE_JULIAN) { /* 29 February has no number */
        bool leap = date_month_length(year, 2) == 29;
        day += change->day - 1 + (leap && change->day >= 60 ? 1 : 0);
    } else {
        /* The first such weekday of the month, then whole weeks. */
        struct date first = {year, change->month, 1};
        day = date_day(first);
        int skip = (change->day - date_weekday(day) + 7) % 7;
        skip += 7 * (change->week - 1);
        while (skip >= date_month_length(year, change->month))
            skip -= 7; /* week 5 is the last one */
        day += skip;
    }
    return day * DATE_DAY_SECONDS + change->seconds;
}

struct change_at {
    int64_t time; /* UTC */
    int32_t offset;
};

/* Keeps the list in order; of two at one instant the later added comes last and so decides. */
static void insert(struct change_at *changes, size_t *count, int64_t time, int32_t offset)
{
    size_t i = (*count)++;
    for (; i > 0 && changes[i - 1].time > time; i--)
        changes[i] = changes[i - 1];
    changes[i].time = time;
    changes[i].offset = offset;
}

struct zone_span zone_rule_span(const struct zone_rule *rule, int64_t time)
{
    struct zone_span span = {INT64_MIN, INT64_MAX, rule->standard};
    if (!rule->has_summer)
        return span;

    /* Each change is told in the time that holds before it: begin in standard time, end in
     * summer time. South of the equator the end comes first in a year. */
    int64_t year = date_of(date_floor_div(time + rule->standard, DATE_DAY_SECONDS)).year;
    struct change_at changes[CHANGES];
    size_t count = 0;
    for (int64_t y = year - YEARS_AROUND; y <= year + YEARS_AROUND; y++) {
        insert(changes, &count, change_time(&rule->begin, y) - rule->standard,
               rule->summer);
        insert(changes, &count, change_time(&rule->end, y) - rule->summer, rule->standard);
    }

    /* The span between the last change at or before the time and the next one. */
    size_t next = 0;
    while (next < count && changes[next].time <= time)
        next++;
    if (next > 0) {
        span.from = changes[next - 1].time;
        span.offset = changes[next - 1].offset;
    }
    if (next < count)
        span.until = changes[next].time;
    return span;
}
