/*
 * One row per type at the end; above it what the rows are made of. A text that `fits` can
 * be stored without another error, so only one function of each type has to say no.
 */
#include "config/value.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/parse.h"
#include "config/settings.h"
#include "postgres/conninfo.h"

#include <assert.h>
#include <ctype.h>
#include <math.h>

enum { NAME_LENGTH = 63, BUCKET_LENGTH = 255 };

int value_word(const char *words, char separator, const char *word)
{
    size_t length = strlen(word);
    int place = 0;
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

/* A check returns false; it fills err only when it knows better than the type's phrase. */

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

/* These end up in HTTP headers, file names and terminals. */
static bool fits_text(const struct option *option, const char *text, struct err *err)
{
    (void)option;
    (void)err;
    for (const char *at = text; *at; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            return false;
    }
    return *text && text_is_utf8(text, strlen(text));
}

/* Patterns and names of databases: PostgreSQL allows any character, newlines too. */
static bool fits_item(const struct option *option, const char *text, struct err *err)
{
    (void)option;
    (void)err;
    return *text != '\0';
}

static bool fits_name(const struct option *option, const char *text, struct err *err)
{
    (void)option;
    (void)err;
    return only_of(text, "-_", NAME_LENGTH);
}

static bool fits_variable(const struct option *option, const char *text, struct err *err)
{
    (void)option;
    (void)err;
    return only_of(text, "_", NAME_LENGTH) && !isdigit((unsigned char)*text);
}

static bool fits_bucket(const struct option *option, const char *text, struct err *err)
{
    (void)option;
    (void)err;
    return only_of(text, ".-_", BUCKET_LENGTH) && isalnum((unsigned char)*text);
}

/* "." and ".." as segments mean something else to file systems, proxies and some S3
 * services. */
static bool fits_prefix(const struct option *option, const char *text, struct err *err)
{
    if (*text == '\0')
        return true;
    if (*text == '/' || !fits_text(option, text, err))
        return false;
    for (const char *at = text; *at;) {
        size_t size = strcspn(at, "/");
        if (size == 0 || (size <= 2 && strspn(at, ".") >= size))
            return false;
        at += size + (at[size] == '/');
    }
    return true;
}

static bool fits_path(const struct option *option, const char *text, struct err *err)
{
    return *text == '/' && fits_text(option, text, err);
}

static bool fits_word(const struct option *option, const char *text, struct err *err)
{
    (void)err;
    return value_word(option->words, '|', text) >= 0;
}

/* The parsers of base/ explain themselves, but the phrase of the row says more about this
 * option. */
static bool fits_bool(const struct option *option, const char *text, struct err *err)
{
    bool value;
    (void)option;
    bool fits = parse_bool(text, &value, err) == 0;
    err_clear(err);
    return fits;
}

static bool in_range(const struct option *option, int64_t value)
{
    return value >= option->min && (option->max == 0 || value <= option->max);
}

static bool fits_int(const struct option *option, const char *text, struct err *err)
{
    int64_t value;
    bool fits = parse_int(text, INT64_MIN, INT64_MAX, &value, err) == 0;
    err_clear(err);
    return fits && in_range(option, value);
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

static bool fits_percent(const struct option *option, const char *text, struct err *err)
{
    double value;
    (void)err;
    return read_percent(text, &value) && value >= (double)option->min &&
           value <= (double)option->max;
}

/* Beyond INT64_MAX nothing of ours could count it. */
static bool fits_size(const struct option *option, const char *text, struct err *err)
{
    uint64_t value;
    bool fits = parse_size(text, &value, err) == 0;
    err_clear(err);
    return fits && value <= INT64_MAX && in_range(option, (int64_t)value);
}

static bool fits_span(const struct option *option, const char *text, struct err *err)
{
    int64_t value;
    bool fits = parse_seconds(text, &value, err) == 0;
    err_clear(err);
    return fits && in_range(option, value);
}

static bool fits_period(const struct option *option, const char *text, struct err *err)
{
    struct duration value;
    (void)option;
    bool fits = parse_duration(text, true, &value, err) == 0;
    err_clear(err);
    return fits;
}

static bool fits_time(const struct option *option, const char *text, struct err *err)
{
    int64_t value;
    (void)option;
    bool fits = clock_parse(text, &value, err) == 0;
    err_clear(err);
    return fits;
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
    char *path = file_join("/usr/share/zoneinfo", text);
    bool fits = file_exists(path);
    free(path);
    if (!fits && !file_exists("/usr/share/zoneinfo"))
        err_set(err, ERR_USAGE, "no time zones on this machine\nhint: install tzdata");
    return fits;
}

static bool fits_codec(const struct option *option, const char *text, struct err *err)
{
    struct codec_choice value;
    (void)option;
    return codec_parse(text, &value, err) == 0;
}

static bool fits_conninfo(const struct option *option, const char *text, struct err *err)
{
    (void)option;
    return conninfo_check(text, err) == 0;
}

/* An empty value is allowed: a tag may be just a mark. */
static bool fits_pair(const struct option *option, const char *text, struct err *err)
{
    const char *equals = strchr(text, '=');
    if (!equals)
        return false;
    char *key = memory_strndup(text, (size_t)(equals - text));
    bool fits = only_of(key, "-_.", NAME_LENGTH) &&
                (equals[1] == '\0' || fits_text(option, equals + 1, err));
    free(key);
    return fits;
}

/* Both sides are names of sections. */
static bool fits_map(const struct option *option, const char *text, struct err *err)
{
    const char *equals = strchr(text, '=');
    return equals && fits_pair(option, text, err) && fits_name(option, equals + 1, err);
}

/* ---- storing ---- */

static void *field_of(const struct option *option, void *target)
{
    return (char *)target + option->offset;
}

static const void *const_field_of(const struct option *option, const void *target)
{
    return (const char *)target + option->offset;
}

static struct strlist *values_of(const struct option *option, void *target)
{
    void *field = (char *)target + option->offset_values;
    return field;
}

/* The text fitted already: what these parsers could say was said. */
static void must(int result)
{
    assert(result == 0);
    (void)result;
}

static void store_string(const struct option *option, void *target, const char *text)
{
    memory_replace(field_of(option, target), text);
}

static void store_prefix(const struct option *option, void *target, const char *text)
{
    const char *end = *text && !text_ends_with(text, "/") ? "/" : "";
    memory_take(field_of(option, target), memory_format("%s%s", text, end));
}

static void store_choice(const struct option *option, void *target, const char *text)
{
    unsigned *field = field_of(option, target);
    *field = (unsigned)value_word(option->words, '|', text);
}

static void store_bool(const struct option *option, void *target, const char *text)
{
    struct err err = {0};
    must(parse_bool(text, field_of(option, target), &err));
}

static void store_int(const struct option *option, void *target, const char *text)
{
    struct err err = {0};
    must(parse_int(text, INT64_MIN, INT64_MAX, field_of(option, target), &err));
}

static void store_percent(const struct option *option, void *target, const char *text)
{
    bool read = read_percent(text, field_of(option, target));
    must(read ? 0 : -1);
}

static void store_size(const struct option *option, void *target, const char *text)
{
    struct err err = {0};
    must(parse_size(text, field_of(option, target), &err));
}

static void store_span(const struct option *option, void *target, const char *text)
{
    struct err err = {0};
    must(parse_seconds(text, field_of(option, target), &err));
}

static void store_codec(const struct option *option, void *target, const char *text)
{
    struct err err = {0};
    must(codec_parse(text, field_of(option, target), &err));
}

static void store_secret(const struct option *option, void *target, const char *text)
{
    secret_set(field_of(option, target), text);
}

static void store_item(const struct option *option, void *target, const char *text)
{
    strlist_add(field_of(option, target), text);
}

/* One value per key: the later one. */
static void store_tag(const struct option *option, void *target, const char *text)
{
    struct strlist *list = field_of(option, target);
    size_t key = strcspn(text, "=") + 1;
    for (size_t i = 0; i < list->count; i++) {
        if (strncmp(list->items[i], text, key) == 0) {
            free(list->items[i]);
            list->items[i] = memory_strdup(text);
            return;
        }
    }
    strlist_add(list, text);
}

static void store_map(const struct option *option, void *target, const char *text)
{
    const char *equals = strchr(text, '=');
    char *key = memory_strndup(text, (size_t)(equals - text));
    strlist_add(field_of(option, target), key);
    strlist_add(values_of(option, target), equals + 1);
    free(key);
}

/* ---- releasing ---- */

static void release_string(const struct option *option, void *target)
{
    char **field = field_of(option, target);
    free(*field);
    *field = NULL;
}

static void release_secret(const struct option *option, void *target)
{
    secret_release(field_of(option, target));
}

static void release_list(const struct option *option, void *target)
{
    struct strlist *list = field_of(option, target);
    strlist_release(list);
    *list = (struct strlist){0};
}

static void release_map(const struct option *option, void *target)
{
    struct strlist *values = values_of(option, target);
    release_list(option, target);
    strlist_release(values);
    *values = (struct strlist){0};
}

/* ---- printing ---- */

static void print_string(const struct option *option, const void *target, struct text *out)
{
    const char *const *field = const_field_of(option, target);
    if (*field)
        text_add(out, *field);
}

/* Back from the index to its word. */
static void print_choice(const struct option *option, const void *target, struct text *out)
{
    const char *word = option->words;
    for (unsigned i = *(const unsigned *)const_field_of(option, target); i > 0; i--)
        word = strchr(word, '|') + 1;
    text_add_bytes(out, word, strcspn(word, "|"));
}

static void print_bool(const struct option *option, const void *target, struct text *out)
{
    const bool *field = const_field_of(option, target);
    text_add(out, *field ? "true" : "false");
}

static void print_int(const struct option *option, const void *target, struct text *out)
{
    const int64_t *field = const_field_of(option, target);
    text_addf(out, "%lld", (long long)*field);
}

static void print_percent(const struct option *option, const void *target, struct text *out)
{
    const double *field = const_field_of(option, target);
    text_addf(out, "%g", *field);
}

static void print_size(const struct option *option, const void *target, struct text *out)
{
    const uint64_t *field = const_field_of(option, target);
    text_addf(out, "%llu", (unsigned long long)*field);
}

static void print_span(const struct option *option, const void *target, struct text *out)
{
    print_int(option, target, out);
    text_add_char(out, 's');
}

static void print_codec(const struct option *option, const void *target, struct text *out)
{
    const struct codec_choice *field = const_field_of(option, target);
    text_add(out, codec_name(field->kind));
    if (field->level != 0)
        text_addf(out, ":%d", field->level);
}

const struct value_type value_types[OPTION_TYPE_COUNT] = {
    [OPTION_TEXT] = {"a text on one line, not empty", "TEXT", fits_text, store_string,
                     release_string, print_string},
    [OPTION_NAME] = {"a name of letters, digits, - and _", "NAME", fits_name, store_string,
                     release_string, print_string},
    [OPTION_VARIABLE] = {"the name of an environment variable", "VARIABLE", fits_variable,
                         store_string, release_string, print_string},
    [OPTION_BUCKET] = {"the name of a bucket: letters, digits, ., - and _", "BUCKET",
                       fits_bucket, store_string, release_string, print_string},
    [OPTION_PREFIX] = {"names joined by /, without one at the beginning, . or ..", "PREFIX",
                       fits_prefix, store_prefix, release_string, print_string},
    [OPTION_PATH] = {"a path that begins with /", "PATH", fits_path, store_string,
                     release_string, print_string},
    [OPTION_URL] = {"a URL", "URL", fits_text, store_string, release_string, print_string},
    [OPTION_WORD] = {"one of", NULL, fits_word, store_string, release_string, print_string},
    [OPTION_CHOICE] = {"one of", NULL, fits_word, store_choice, NULL, print_choice},
    [OPTION_BOOL] = {"true or false", "true|false", fits_bool, store_bool, NULL,
                     print_bool},
    [OPTION_INT] = {"a whole number", "N", fits_int, store_int, NULL, print_int},
    [OPTION_PERCENT] = {"a number", "PERCENT", fits_percent, store_percent, NULL,
                        print_percent},
    [OPTION_SIZE] = {"a size as 512MiB or 20GiB", "SIZE", fits_size, store_size, NULL,
                     print_size},
    [OPTION_SPAN] = {"a duration as 90s, 15min, 12h or 30d", "DURATION", fits_span,
                     store_span, NULL, print_span},
    [OPTION_PERIOD] = {"a duration as 12h, 30d, 8w, 6mo or 1y6mo", "DURATION", fits_period,
                       store_string, release_string, print_string},
    [OPTION_TIME] = {"a time as 2026-11-21 or 2026-11-21T02:00:00Z", "TIME", fits_time,
                     store_string, release_string, print_string},
    [OPTION_ZONE] = {"a time zone as Europe/Berlin or UTC", "ZONE", fits_zone, store_string,
                     release_string, print_string},
    [OPTION_CODEC] = {"a compression", "CODEC[:LEVEL]", fits_codec, store_codec, NULL,
                      print_codec},
    [OPTION_CONNINFO] = {"a connection string", "CONNINFO", fits_conninfo, store_secret,
                         release_secret, NULL},
    [OPTION_SECRET] = {"a text on one line, not empty", "TEXT", fits_text, store_secret,
                       release_secret, NULL},
    [OPTION_STORE_URL] = {"s3://BUCKET/PREFIX or dir:/FOLDER", "URL", fits_item,
                          store_string, release_string, print_string},
    [OPTION_LIST] = {"not empty", "TEXT", fits_item, store_item, release_list, NULL},
    [OPTION_TAGS] = {"KEY=VALUE, with a KEY of letters, digits, ., - and _", "KEY=VALUE",
                     fits_pair, store_tag, release_list, NULL},
    [OPTION_MAP] = {"NAME = NAME", "NAME=NAME", fits_map, store_map, release_map, NULL},
};
