/*
 * A field becomes a set of bits, so that "does it match" is one test and "the next one" a shift.
 */
#include "schedule/cron.h"

#include "base/text.h"
#include "base/zone/date.h"

/* The calendar repeats after 400 years: who found no day in them finds none. */
#define DAYS_OF_CALENDAR 146097

static const char *const month_names[] = {"jan", "feb", "mar", "apr", "may", "jun",
                                          "jul", "aug", "sep", "oct", "nov", "dec"};
static const char *const day_names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

static const struct field {
    const char *name;
    unsigned min, max;
    const char *const *names; /* of min, min + 1 …; NULL: numbers only */
    size_t name_count;
} fields[] = {
    {"minute", 0, 59, NULL, 0},          {"hour", 0, 23, NULL, 0},
    {"day of month", 1, 31, NULL, 0},    {"month", 1, 12, month_names, 12},
    {"day of week", 0, 7, day_names, 7},
};
enum { FIELDS = sizeof fields / sizeof *fields, NAME_LENGTH = 3, TEXT_MAX = 256 };

static const struct {
    const char *name, *line;
} nicknames[] = {
    {"@hourly", "0 * * * *"},   {"@daily", "0 0 * * *"},   {"@midnight", "0 0 * * *"},
    {"@weekly", "0 0 * * 0"},   {"@monthly", "0 0 1 * *"}, {"@yearly", "0 0 1 1 *"},
    {"@annually", "0 0 1 1 *"},
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* A number or a name at *at, which is moved behind it. False: neither. */
static bool read_value(const struct field *field, const char **at, unsigned *out)
{
    if (is_digit(**at)) {
        unsigned value = 0;
        /* Stops when it is beyond all fields, so that no length of digits overflows. */
        while (is_digit(**at) && value < 1000)
            value = value * 10 + (unsigned)(*(*at)++ - '0');
        *out = value;
        return true;
    }
    for (size_t i = 0; i < field->name_count; i++) {
        size_t letters = 0;
        while (letters < NAME_LENGTH &&
               text_lower_char((*at)[letters]) == field->names[i][letters])
            letters++;
        if (letters == NAME_LENGTH) {
            *at += NAME_LENGTH;
            *out = field->min + (unsigned)i;
            return true;
        }
    }
    return false;
}

/* One item of a list: all, a, a-b, or all or a-b by a step. */
static int read_item(const struct field *field, const char **at, uint64_t *bits,
                     struct err *err)
{
    unsigned from = field->min, to = field->max, step = 1;
    bool is_range = true;
    /* All of it, a value, or a range. */
    if (**at == '*') {
        ++*at;
    } else {
        if (!read_value(field, at, &from))
            return err_set(err, ERR_USAGE, "%s: a number%s or * is missing at \"%.20s\"",
                           field->name, field->names ? ", a name" : "", *at);
        to = from;
        is_range = **at == '-';
        if (is_range) {
            ++*at;
            if (!read_value(field, at, &to))
                return err_set(err, ERR_USAGE, "%s: a range has no end", field->name);
            /* Sunday closes the week as well as it opens it. */
            if (field->max == 7 && to == 0 && from > 0)
                to = 7;
        }
    }
    if (from < field->min || to > field->max || from > field->max)
        return err_set(err, ERR_USAGE, "%s: %u is not in %u-%u", field->name,
                       from < field->min || from > field->max ? from : to, field->min,
                       field->max);
    if (from > to)
        return err_set(err, ERR_USAGE, "%s: the range %u-%u goes backwards", field->name,
                       from, to);
    if (**at == '/') {
        ++*at;
        /* Vixie's cron refuses "5/10", others read it in two different ways. */
        if (!is_range)
            return err_set(err, ERR_USAGE, "%s: a step needs * or a range before it",
                           field->name);
        if (!is_digit(**at) || !read_value(field, at, &step) || step == 0)
            return err_set(err, ERR_USAGE, "%s: a step is a number from 1 on", field->name);
        /* It would match the first value alone, which is not what anybody means. */
        if (step > to - from && step > 1)
            return err_set(err, ERR_USAGE, "%s: the step %u is longer than its range",
                           field->name, step);
    }
    /* "*" of the weekdays is 0-7, where 7 is 0 once more: harmless but for a step. */
    if (field->max == 7 && from == 0 && to == 7)
        to = 6;
    for (unsigned value = from; value <= to; value += step)
        *bits |= UINT64_C(1) << value;
    return 0;
}

/* A whole field, up to the blank behind it. */
static int read_field(const struct field *field, const char **at, uint64_t *bits,
                      struct err *err)
{
    *bits = 0;
    for (;;) {
        if (read_item(field, at, bits, err) < 0)
            return -1;
        if (**at != ',')
            break;
        ++*at;
    }
    if (**at == '\0' || **at == ' ' || **at == '\t')
        return 0;
    return err_set(err, ERR_USAGE, "%s: \"%.20s\" cannot stand here", field->name, *at);
}

static int read_line(const char *at, struct cron *out, struct err *err)
{
    /* Whether a field began with a star is asked of its text: "*" and "0-59" have the same bits. */
    uint64_t bits[FIELDS];
    bool star[FIELDS];
    for (size_t i = 0; i < FIELDS; i++) {
        at += strspn(at, " \t");
        if (*at == '\0')
            return err_set(
                err, ERR_USAGE,
                "only %zu of the five fields minute, hour, day of month, month and "
                "day of week",
                i);
        star[i] = *at == '*';
        if (read_field(&fields[i], &at, &bits[i], err) < 0)
            return -1;
    }
    if (at[strspn(at, " \t")] != '\0')
        return err_set(err, ERR_USAGE, "more than five fields");
    *out = (struct cron){.minutes = bits[0],
                         .hours = (uint32_t)bits[1],
                         .days = (uint32_t)bits[2],
                         .months = (uint32_t)bits[3],
                         /* 7 is another word for 0 */
                         .days_of_week = (uint32_t)((bits[4] | bits[4] >> 7) & 0x7F),
                         .any_day = star[2],
                         .any_day_of_week = star[4]};
    return 0;
}

int cron_parse(const char *text, struct cron *out, struct err *err)
{
    /* A nickname is another spelling of a line, nothing more. */
    if (*text == '@') {
        const char *line = NULL;
        for (size_t i = 0; i < sizeof nicknames / sizeof *nicknames; i++) {
            if (strcmp(nicknames[i].name, text) == 0)
                line = nicknames[i].line;
        }
        if (line == NULL)
            return err_set(
                err, ERR_USAGE,
                "\"%.40s\" is none of @hourly, @daily, @weekly, @monthly, @yearly", text);
        return read_line(line, out, err);
    }
    if (strlen(text) > TEXT_MAX)
        return err_set(err, ERR_USAGE, "longer than %d bytes", TEXT_MAX);
    if (read_line(text, out, err) < 0)
        return -1;
    /* From any day will do: the calendar repeats. */
    if (cron_next(out, 0) == CRON_NEVER)
        return err_set(err, ERR_USAGE, "there is no such day in any year");
    return 0;
}

static bool day_matches(const struct cron *cron, int64_t day)
{
    struct date date = date_of(day);
    if ((cron->months >> date.month & 1) == 0)
        return false;
    /* Vixie: a free field decides nothing by itself, so both must agree; two that are restricted
     * are two wishes. */
    bool by_day = (cron->days >> date.day & 1) != 0;
    bool by_week = (cron->days_of_week >> date_weekday(day) & 1) != 0;
    return cron->any_day || cron->any_day_of_week ? by_day && by_week : by_day || by_week;
}

/* The lowest bit from `from` on, or -1. */
static int next_bit(uint64_t bits, int from, int count)
{
    for (int i = from; i < count; i++) {
        if (bits >> i & 1)
            return i;
    }
    return -1;
}

int64_t cron_next(const struct cron *cron, int64_t local)
{
    /* Up to the next full minute: seconds are not told. */
    int64_t minute = date_floor_div(local + 59, 60);
    int64_t day = date_floor_div(minute, 24 * 60);
    int64_t rest = date_floor_mod(minute, 24 * 60);
    for (int64_t i = 0; i <= DAYS_OF_CALENDAR; i++, day++, rest = 0) {
        if (!day_matches(cron, day))
            continue;
        /* Later in the hour that we are in, or the first minute of a later hour. */
        int hour = next_bit(cron->hours, (int)(rest / 60), 24);
        int first = hour == (int)(rest / 60) ? (int)(rest % 60) : 0;
        int at = hour < 0 ? -1 : next_bit(cron->minutes, first, 60);
        if (hour >= 0 && at < 0) {
            hour = next_bit(cron->hours, hour + 1, 24);
            at = next_bit(cron->minutes, 0, 60);
        }
        if (hour >= 0)
            return day * DATE_DAY_SECONDS + hour * 3600 + at * 60;
    }
    return CRON_NEVER;
}
