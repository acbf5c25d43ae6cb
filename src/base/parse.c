/*
 * strtol and its like take what they can and stop; here a text is a value from its first to
 * its last character or it is refused, because "10G" read as 10 would be a quiet mistake.
 */
#include "base/parse.h"

#include "base/text.h"

#include <strings.h>

#define HOUR 3600
#define DAY (24 * HOUR)
/* Of one number of a duration; the sum of all units then fits in 64 bits. */
#define DURATION_MAX 1000000000000

/* Decimal digits at *text; false when there are none or the value passes `max`. */
static bool take_number(const char **text, uint64_t max, uint64_t *out)
{
    const char *p = *text;
    uint64_t value = 0;
    for (; *p >= '0' && *p <= '9'; p++) {
        /* Asked before it is added: afterwards it would have overflowed. */
        unsigned digit = (unsigned)(*p - '0');
        if (value > (max - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    /* No digit is no number, not 0. */
    if (p == *text)
        return false;
    *text = p;
    *out = value;
    return true;
}

/* INT64_MIN itself is refused; nobody has it. */
int parse_int(const char *text, int64_t min, int64_t max, int64_t *out, struct err *err)
{
    const char *p = text;
    bool negative = *p == '-';
    uint64_t value = 0;
    if (negative)
        p++;
    /* "5 " and "5x" are no numbers either. */
    bool whole = take_number(&p, INT64_MAX, &value) && *p == '\0';
    int64_t number = negative ? -(int64_t)value : (int64_t)value;
    if (!whole || number < min || number > max)
        return err_set(err, ERR_USAGE, "\"%s\" is not a whole number from %lld to %lld",
                       text, (long long)min, (long long)max);
    *out = number;
    return 0;
}

int parse_size(const char *text, uint64_t *out, struct err *err)
{
    static const struct unit {
        const char *name;
        uint64_t bytes;
    } units[] = {
        {"", 1},
        {"B", 1},
        {"KiB", UINT64_C(1) << 10},
        {"MiB", UINT64_C(1) << 20},
        {"GiB", UINT64_C(1) << 30},
        {"TiB", UINT64_C(1) << 40},
        {"KB", 1000},
        {"MB", 1000000},
        {"GB", 1000000000},
        {"TB", 1000000000000},
    };
    /* The empty unit is bytes. What does not fit in 63 bits is no size: other programs and
     * SQLite count with a sign. */
    const char *p = text;
    uint64_t value = 0;
    if (take_number(&p, INT64_MAX, &value))
        for (size_t i = 0; i < sizeof units / sizeof *units; i++)
            if (strcasecmp(p, units[i].name) == 0 && value <= INT64_MAX / units[i].bytes) {
                *out = value * units[i].bytes;
                return 0;
            }
    return err_set(err, ERR_USAGE, "\"%s\" is not a size such as 512MiB or 10GB", text);
}

/* All the words that people use for it; anything else is a mistake and not "false". */
int parse_bool(const char *text, bool *out, struct err *err)
{
    static const struct word {
        const char *name;
        bool value;
    } words[] = {{"true", true},   {"yes", true}, {"on", true},   {"1", true},
                 {"false", false}, {"no", false}, {"off", false}, {"0", false}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcasecmp(text, words[i].name) == 0) {
            *out = words[i].value;
            return 0;
        }
    return err_set(err, ERR_USAGE, "\"%s\" is neither true nor false", text);
}

/* One unit of a duration: months and seconds are kept apart, as a month has no fixed length. */
struct step {
    const char *name;
    int64_t months;
    int64_t seconds;
    bool small;
};

/* In the order in which they must stand. */
static const struct step steps[] = {
    {"y", 12, 0, false},  {"mo", 1, 0, false},   {"w", 0, 7 * DAY, false},
    {"d", 0, DAY, false}, {"h", 0, HOUR, false}, {"min", 0, 60, true},
    {"s", 0, 1, true},
};

/* `small`: minutes and seconds are taken, too; retention thinks in hours and more. */
static bool read_duration(const char *text, bool small, struct duration *out)
{
    const size_t count = sizeof steps / sizeof *steps;
    int64_t months = 0;
    int64_t seconds = 0;
    size_t row = 0;
    do {
        uint64_t number = 0;
        if (!take_number(&text, DURATION_MAX, &number))
            return false;
        /* The unit by its whole name: "m" alone must not be read as months or minutes. Looked
         * for behind the one before, so that each stands once and in order. */
        size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyz");
        while (row < count && (strlen(steps[row].name) != length ||
                               strncmp(steps[row].name, text, length) != 0 ||
                               (steps[row].small && !small)))
            row++;
        if (row == count)
            return false;
        text += length;
        months += (int64_t)number * steps[row].months;
        seconds += (int64_t)number * steps[row].seconds;
        row++;
    } while (*text != '\0');
    /* Months beyond the field reach before every date anyway. */
    out->months = months > INT32_MAX ? INT32_MAX : (int32_t)months;
    out->seconds = seconds;
    return true;
}

int parse_duration(const char *text, bool small, struct duration *out, struct err *err)
{
    if (read_duration(text, small, out))
        return 0;
    return err_set(err, ERR_USAGE, "\"%s\" is not a duration such as %s", text,
                   small ? "30min, 36h or 7d" : "36h, 7d or 1y6mo");
}

int parse_seconds(const char *text, int64_t *out, struct err *err)
{
    /* A month has no length of its own: who wants one says 30d. */
    struct duration duration = {0};
    if (!read_duration(text, true, &duration) || duration.months != 0)
        return err_set(err, ERR_USAGE,
                       "\"%s\" is not a length of time such as 90s, 30min or 36h", text);
    *out = duration.seconds;
    return 0;
}
