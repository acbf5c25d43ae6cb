/*
 * A type is a row of types[]: what errors and help call it, what fits it, and the form in
 * which it lies in its struct. Many types share a form, so storing, printing and freeing go
 * by the form. A text that fits can be stored without another error: only the checks have to
 * say no.
 */
#include "config/value.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/parse.h"
#include "postgres/conninfo.h"
#include "schedule/cron.h"
#include "stream/codec/codec.h"

#include <assert.h>
#include <ctype.h>
#include <math.h>

enum { NAME_LENGTH = 63, BUCKET_LENGTH = 255 };

/* Lists of words are plain texts in the table, for rows that can be read. */
int value_word(const char *words, char separator, const char *word)
{
    size_t length = strlen(word);
    int place = 0;
    /* The place of the word among them; -1: it is none. Whole words: "s3" is not in
     * "s3x". */
    for (const char *at = words; at; place++) {
        const char *end = strchr(at, separator);
        size_t size = end ? (size_t)(end - at) : strlen(at);
        if (size == length && memcmp(at, word, size) == 0)
            return place;
        at = end ? end + 1 : NULL;
    }
    return -1;
}

/* ---- what a text must look like ---- */

/* Letters and digits of ASCII, whatever the locale of the process is: it is never set. */
static bool only_of(const char *text, const char *extra, size_t max)
{
    size_t length = strlen(text);
    if (length == 0 || length > max)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (!isalnum((unsigned char)text[i]) && !strchr(extra, text[i]))
            return false;
    }
    return true;
}

/* These end up in HTTP headers, file names and terminals: one line of UTF-8. */
static bool is_line(const char *text)
{
    return *text && !text_has_control(text) && text_is_utf8(text, strlen(text));
}

/* Texts of certain characters, by type. */
static bool fits_text(const struct option *option, const char *text, struct err *err)
{
    (void)err;
    /* As an int: the types that have a reader of their own never come here. */
    switch ((int)option->type) {
    case OPTION_NAME:
        return only_of(text, "-_", NAME_LENGTH);
    case OPTION_VARIABLE:
        return only_of(text, "_", NAME_LENGTH) && !isdigit((unsigned char)*text);
    case OPTION_BUCKET:
        return only_of(text, ".-_", BUCKET_LENGTH) && isalnum((unsigned char)*text);
    case OPTION_PATH:
        return *text == '/' && is_line(text);
    case OPTION_LIST: /* patterns and names of databases: PostgreSQL allows any character */
    case OPTION_STORE_URL: /* is taken apart later, with errors of its own */
        return *text != '\0';
    default:
        return is_line(text);
    }
}

/* "." and ".." as segments mean something else to file systems, proxies and some S3
 * services. */
static bool fits_prefix(const struct option *option, const char *text, struct err *err)
{
    (void)option;
    (void)err;
    if (*text == '\0')
        return true;
    /* One slash at the end is fine: it is added where it lacks. */
    if (*text == '/' || !is_line(text))
        return false;
    for (const char *at = text; *at;) {
        size_t size = strcspn(at, "/");
        if (size == 0 || (size <= 2 && strspn(at, ".") >= size))
            return false;
        at += size + (at[size] == '/');
    }
    return true;
}

/* CHOICE differs from WORD only in how it is stored. */
static bool fits_word(const struct option *option, const char *text, struct err *err)
{
    (void)err;
    return value_word(option->words, '|', text) >= 0;
}

/* strtod would also take hex, inf and nan. */
static bool read_percent(const char *text, double *value)
{
    char *end;
    if (!isdigit((unsigned char)*text) || strspn(text, "0123456789.") != strlen(text))
        return false;
    *value = strtod(text, &end);
    return *end == '\0' && isfinite(*value);
}

/* Numbers between the row's min and max. The parsers of base/ explain themselves, but the
 * phrase of the row says more about this option. */
static bool fits_number(const struct option *option, const char *text, struct err *err)
{
    struct err unsaid = {0};
    int64_t number = 0;
    uint64_t size = 0;
    double percent = 0;
    bool fits;
    (void)err;
    switch ((int)option->type) {
    case OPTION_PERCENT:
        return read_percent(text, &percent) && percent >= (double)option->min &&
               percent <= (double)option->max;
    case OPTION_SIZE: /* beyond INT64_MAX nothing of ours could count it */
        fits = parse_size(text, &size, &unsaid) == 0 && size <= INT64_MAX;
        number = (int64_t)size;
        break;
    case OPTION_SPAN: /* no months: how long they are would depend on the day */
        fits = parse_seconds(text, &number, &unsaid) == 0;
        break;
    case OPTION_COUNT:
        if (strcmp(text, "auto") == 0)
            return true;
        /* fall through */
    default:
        fits = parse_int(text, INT64_MIN, INT64_MAX, &number, &unsaid) == 0;
        break;
    }
    return fits && number >= option->min && (option->max == 0 || number <= option->max);
}

/* What base/ can parse and has no range. */
static bool fits_parser(const struct option *option, const char *text, struct err *err)
{
    struct err unsaid = {0};
    /* The values are thrown away: what is kept is the text, or it is parsed once more. */
    struct duration duration;
    int64_t time;
    bool truth;
    (void)err;
    if (option->type == OPTION_BOOL)
        return parse_bool(text, &truth, &unsaid) == 0;
    if (option->type == OPTION_PERIOD)
        return parse_duration(text, true, &duration, &unsaid) == 0;
    return clock_read(text, CLOCK_AGO, 0, &time, &unsaid) == 0;
}

/* glibc silently takes an unknown zone for UTC, so the database of zones is asked. No way
 * out of its folder: dots are not allowed. */
static bool fits_zone(const struct option *option, const char *text, struct err *err)
{
    (void)option;
    if (!only_of(text, "/_+-", BUCKET_LENGTH) || *text == '/')
        return false;
    if (strcmp(text, "UTC") == 0)
        return true;
    /* Where there is no database at all the answer is another one than "no such zone". */
    char *path = file_join("/usr/share/zoneinfo", text);
    bool fits = file_exists(path);
    free(path);
    if (!fits && !file_exists("/usr/share/zoneinfo"))
        err_set(err, ERR_USAGE, "no time zones on this machine\nhint: install tzdata");
    return fits;
}

/* What its own reader explains better than a phrase could. */
static bool fits_reader(const struct option *option, const char *text, struct err *err)
{
    struct codec_choice codec;
    struct cron cron;
    if (option->type == OPTION_SCHEDULE)
        return cron_parse(text, &cron, err) == 0;
    return option->type == OPTION_CODEC ? codec_parse(text, &codec, err) == 0
                                        : conninfo_check(text, err) == 0;
}

/* KEY=VALUE. A tag may be just a mark: its value may be empty. In a map both sides are
 * names of sections. */
static bool fits_pair(const struct option *option, const char *text, struct err *err)
{
    const char *equals = strchr(text, '=');
    (void)err;
    if (!equals)
        return false;
    /* The key is held to the letters that a shell, a URL and a JSON query take as they
     * are. */
    char *key = memory_strndup(text, (size_t)(equals - text));
    bool fits = only_of(key, "-_.", NAME_LENGTH);
    free(key);
    if (option->type == OPTION_MAP)
        return fits && only_of(equals + 1, "-_", NAME_LENGTH);
    return fits && (equals[1] == '\0' || is_line(equals + 1));
}

/* ---- the rows ---- */

/* How a value lies in its struct; the comments are the field's C type. */
enum form {
    FORM_TEXT,   /* char * */
    FORM_PREFIX, /* char *, "" or ending in '/' */
    FORM_CHOICE, /* an enum: the index of the word */
    FORM_BOOL,
    FORM_INT,   /* int64_t */
    FORM_COUNT, /* int64_t or OPTION_AUTO */
    FORM_SPAN,  /* int64_t of seconds */
    FORM_PERCENT,
    FORM_SIZE, /* uint64_t */
    FORM_CODEC,
    FORM_SECRET,
    FORM_LIST, /* struct strlist that grows */
    FORM_TAGS, /* the same, with one item per key */
    FORM_MAP,  /* two of them: keys and values */
};

/* phrase: behind "must be"; name: what help calls a value, NULL where the words say it. */
static const struct type {
    const char *phrase, *name;
    bool (*fits)(const struct option *option, const char *text, struct err *err);
    enum form form;
} types[OPTION_TYPE_COUNT] = {
    [OPTION_TEXT] = {"a text on one line, not empty", "TEXT", fits_text, FORM_TEXT},
    [OPTION_NAME] = {"a name of letters, digits, - and _", "NAME", fits_text, FORM_TEXT},
    [OPTION_VARIABLE] = {"the name of an environment variable", "VARIABLE", fits_text,
                         FORM_TEXT},
    [OPTION_BUCKET] = {"the name of a bucket: letters, digits, ., - and _", "BUCKET",
                       fits_text, FORM_TEXT},
    [OPTION_PREFIX] = {"names joined by /, without one at the beginning, . or ..", "PREFIX",
                       fits_prefix, FORM_PREFIX},
    [OPTION_PATH] = {"a path that begins with /", "PATH", fits_text, FORM_TEXT},
    [OPTION_URL] = {"a URL", "URL", fits_text, FORM_TEXT},
    [OPTION_WORD] = {"one of", NULL, fits_word, FORM_TEXT},
    [OPTION_CHOICE] = {"one of", NULL, fits_word, FORM_CHOICE},
    [OPTION_BOOL] = {"true or false", "true|false", fits_parser, FORM_BOOL},
    [OPTION_INT] = {"a whole number", "N", fits_number, FORM_INT},
    [OPTION_COUNT] = {"auto or a whole number", "N|auto", fits_number, FORM_COUNT},
    [OPTION_PERCENT] = {"a number", "PERCENT", fits_number, FORM_PERCENT},
    [OPTION_SIZE] = {"a size as 512MiB or 20GiB", "SIZE", fits_number, FORM_SIZE},
    [OPTION_SPAN] = {"a duration as 90s, 15min, 12h or 30d", "DURATION", fits_number,
                     FORM_SPAN},
    [OPTION_PERIOD] = {"a duration as 12h, 30d, 8w, 6mo or 1y6mo", "DURATION", fits_parser,
                       FORM_TEXT},
    [OPTION_TIME] = {"a time as 2026-11-21, \"2026-11-21 02:00\" or 36h", "TIME",
                     fits_parser, FORM_TEXT},
    [OPTION_SCHEDULE] = {"a schedule", "SCHEDULE", fits_reader, FORM_TEXT},
    [OPTION_ZONE] = {"a time zone as Europe/Berlin or UTC", "ZONE", fits_zone, FORM_TEXT},
    [OPTION_CODEC] = {"a compression", "CODEC[:LEVEL]", fits_reader, FORM_CODEC},
    [OPTION_CONNINFO] = {"a connection string", "CONNINFO", fits_reader, FORM_SECRET},
    [OPTION_SECRET] = {"a text on one line, not empty", "TEXT", fits_text, FORM_SECRET},
    [OPTION_STORE_URL] = {"s3://BUCKET/PREFIX or dir:/FOLDER", "URL", fits_text, FORM_TEXT},
    [OPTION_LIST] = {"not empty", "TEXT", fits_text, FORM_LIST},
    [OPTION_TAGS] = {"KEY=VALUE, with a KEY of letters, digits, ., - and _", "KEY=VALUE",
                     fits_pair, FORM_TAGS},
    [OPTION_MAP] = {"NAME = NAME", "NAME=NAME", fits_pair, FORM_MAP},
};

const char *value_phrase(enum option_type type)
{
    return types[type].phrase;
}

const char *value_name(enum option_type type)
{
    return types[type].name;
}

/* Of a list each item by itself. */
bool value_fits(const struct option *option, const char *text, struct err *err)
{
    return types[option->type].fits(option, text, err);
}

/* ---- fields ---- */

/* By the form alone: a new type that fits one of these forms needs only its row. */
void value_store(const struct option *option, void *target, const char *text)
{
    /* The row's offset leads to a field of the type that its form names (settings.h). */
    void *field = (char *)target + option->offset;
    struct strlist *list = field;
    size_t key = strcspn(text, "=");
    struct err err = {0};
    int result = 0; /* of a parser that has said yes already */
    switch (types[option->type].form) {
    case FORM_TEXT:
        memory_replace(field, text);
        break;
    case FORM_PREFIX:
        free(*(char **)field);
        /* Keys are made by putting a name behind it, so the slash belongs to it. */
        *(char **)field =
            memory_format("%s%s", text, *text && !text_ends_with(text, "/") ? "/" : "");
        break;
    case FORM_CHOICE:
        *(unsigned *)field = (unsigned)value_word(option->words, '|', text);
        break;
    case FORM_BOOL:
        result = parse_bool(text, field, &err);
        break;
    case FORM_COUNT:
        if (strcmp(text, "auto") == 0) {
            *(int64_t *)field = OPTION_AUTO;
            break;
        }
        /* fall through */
    case FORM_INT:
        result = parse_int(text, INT64_MIN, INT64_MAX, field, &err);
        break;
    case FORM_SPAN:
        result = parse_seconds(text, field, &err);
        break;
    case FORM_PERCENT:
        result = read_percent(text, field) ? 0 : -1;
        break;
    case FORM_SIZE:
        result = parse_size(text, field, &err);
        break;
    case FORM_CODEC:
        result = codec_parse(text, field, &err);
        break;
    case FORM_SECRET: /* wipes what was there before */
        secret_set(field, text);
        break;
    case FORM_TAGS: /* the later one of a key counts */
        for (size_t i = 0; i < list->count; i++) {
            if (strncmp(list->items[i], text, key + 1) == 0) {
                memory_replace(&list->items[i], text);
                return;
            }
        }
        strlist_add(list, text);
        break;
    case FORM_LIST:
        strlist_add(list, text);
        break;
    case FORM_MAP:
        strlist_addf(list, "%.*s", (int)key, text);
        /* The section, and beside it in the second list what it is given. */
        list = (struct strlist *)(void *)((char *)target + option->offset_values);
        strlist_add(list, text + key + 1);
        break;
    }
    assert(result == 0);
    (void)result;
}

void value_print(const struct option *option, const void *target, struct text *out)
{
    const void *field = (const char *)target + option->offset;
    const char *word = option->words;
    /* The reverse of value_store, for the URL of a store in the catalog. */
    const struct codec_choice *codec = field;
    switch (types[option->type].form) {
    case FORM_TEXT:
    case FORM_PREFIX:
        if (*(char *const *)field)
            text_add(out, *(char *const *)field);
        break;
    case FORM_CHOICE: /* back from the index to its word */
        for (unsigned i = *(const unsigned *)field; i > 0; i--)
            word = strchr(word, '|') + 1;
        text_add_bytes(out, word, strcspn(word, "|"));
        break;
    case FORM_BOOL:
        text_add(out, *(const bool *)field ? "true" : "false");
        break;
    case FORM_COUNT:
        if (*(const int64_t *)field == OPTION_AUTO) {
            text_add(out, "auto");
            break;
        }
        /* fall through */
    case FORM_INT:
        text_addf(out, "%lld", (long long)*(const int64_t *)field);
        break;
    case FORM_SPAN: /* in seconds, whatever unit it came in: one spelling for one value */
        text_addf(out, "%llds", (long long)*(const int64_t *)field);
        break;
    case FORM_PERCENT:
        text_addf(out, "%g", *(const double *)field);
        break;
    case FORM_SIZE:
        text_addf(out, "%llu", (unsigned long long)*(const uint64_t *)field);
        break;
    case FORM_CODEC:
        /* Without a level the codec's own is meant, also should a later version have
         * another. */
        text_add(out, codec_name(codec->kind));
        if (codec->level != 0)
            text_addf(out, ":%d", codec->level);
        break;
    case FORM_SECRET: /* never printed */
    case FORM_LIST:   /* no key of a store */
    case FORM_TAGS:
    case FORM_MAP:
        break;
    }
}

/* Fields are empty again afterwards, so that releasing twice does no harm. */
void value_release(const struct option *option, void *target)
{
    void *field = (char *)target + option->offset;
    struct strlist *values = (void *)((char *)target + option->offset_values);
    switch (types[option->type].form) {
    case FORM_TEXT:
    case FORM_PREFIX:
        memory_replace(field, NULL);
        break;
    case FORM_SECRET:
        secret_release(field);
        break;
    case FORM_MAP:
        strlist_release(values);
        strlist_release(field);
        break;
    case FORM_LIST:
    case FORM_TAGS:
        strlist_release(field);
        break;
    case FORM_CHOICE:
    case FORM_BOOL:
    case FORM_INT:
    case FORM_COUNT:
    case FORM_SPAN:
    case FORM_PERCENT:
    case FORM_SIZE:
    case FORM_CODEC:
        break; /* nothing on the heap */
    }
}
