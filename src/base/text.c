/*
 * A ceiling instead of an error after every call: building a text stays readable, and the
 * one text_check at its end catches all. Nothing is ever written beyond what was allotted.
 *
 * Nothing here asks the C library about characters: its answers depend on the locale, and a
 * key, a header or a name must be the same on every machine.
 */
#include "base/text.h"

#include "base/memory.h"

#include <stdarg.h>

/* Allocated at once, so that data is a string from the first moment on. */
void text_init(struct text *text, size_t ceiling)
{
    *text = (struct text){.data = memory_zalloc(16), .capacity = 16, .ceiling = ceiling};
}

void text_release(struct text *text)
{
    free(text->data);
    *text = (struct text){0};
}

void text_wipe(struct text *text)
{
    /* capacity and not length: what was cut off lies behind it. */
    if (text->data != NULL)
        memory_wipe(text->data, text->capacity);
    text_release(text);
}

void text_clear(struct text *text)
{
    text->length = 0;
    text->overflowed = false;
    text->data[0] = '\0';
}

void text_add(struct text *text, const char *string)
{
    text_add_bytes(text, string, strlen(string));
}

void text_add_bytes(struct text *text, const void *data, size_t size)
{
    /* What fits is kept: a cut message still says more than none. */
    size_t room = text->ceiling - text->length;
    if (size > room) {
        text->overflowed = true;
        size = room;
    }
    if (size == 0)
        return;
    memory_grow(&text->data, &text->capacity, text->length + size + 1, 1);
    memcpy(text->data + text->length, data, size);
    text->length += size;
    text->data[text->length] = '\0';
}

void text_add_char(struct text *text, char c)
{
    text_add_bytes(text, &c, 1);
}

void text_addf(struct text *text, const char *format, ...)
{
    /* Nearly all pieces are short: formatted once, on the stack. */
    char small[256];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(small, sizeof small, format, arguments);
    va_end(arguments);
    if (length < 0) {
        text->overflowed = true;
        return;
    }
    if ((size_t)length < sizeof small) {
        text_add_bytes(text, small, (size_t)length);
        return;
    }
    /* Only now is it known how long it is: formatted again where it fits. */
    char *large = memory_alloc((size_t)length + 1);
    va_start(arguments, format);
    vsnprintf(large, (size_t)length + 1, format, arguments);
    va_end(arguments);
    text_add_bytes(text, large, (size_t)length);
    free(large);
}

char *text_take(struct text *text)
{
    /* Usable at once: callers take a text in the middle of building the next. */
    char *taken = text->data;
    text_init(text, text->ceiling);
    return taken;
}

/* As text_take, for the last time: nothing is allocated for a text that will not come. */
char *text_finish(struct text *text)
{
    char *taken = text->data;
    *text = (struct text){0};
    return taken;
}

/* Once, at the end of what was built. */
int text_check(const struct text *text, const char *what, struct err *err)
{
    if (!text->overflowed)
        return 0;
    return err_set(err, ERR_SYSTEM, "%s is larger than %zu bytes", what, text->ceiling);
}

/* ---- UTF-8 ---- */

/* Length of the valid UTF-8 sequence at data (RFC 3629: shortest form, no surrogates), or
 * 0. */
static size_t utf8_sequence(const char *data, size_t size)
{
    const unsigned char *p = (const unsigned char *)data;
    if (p[0] < 0x80)
        return 1;
    /* C0 and C1 could only begin a form that is not the shortest; F5 and above are beyond
     * U+10FFFF. */
    size_t length = p[0] >= 0xF0 ? 4 : p[0] >= 0xE0 ? 3 : 2;
    if (p[0] < 0xC2 || p[0] > 0xF4 || length > size)
        return 0;
    /* Four first bytes narrow what the second may be: E0 and F0 against longer forms of
     * smaller characters, ED against surrogates, F4 against what is beyond the end. */
    unsigned char low = p[0] == 0xE0 ? 0xA0 : p[0] == 0xF0 ? 0x90 : 0x80;
    unsigned char high = p[0] == 0xED ? 0x9F : p[0] == 0xF4 ? 0x8F : 0xBF;
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < length; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    return length;
}

/* C0, DEL and C1, any of which may move a cursor or begin an escape sequence. */
static bool is_control(const char *data, size_t length)
{
    const unsigned char *p = (const unsigned char *)data;
    if (length == 1)
        return p[0] < 0x20 || p[0] == 0x7F;
    return length == 2 && p[0] == 0xC2 && p[1] < 0xA0; /* U+0080-U+009F: C1 */
}

bool text_has_control(const char *string)
{
    for (; *string != '\0'; string++)
        if ((unsigned char)*string < 0x20 || *string == 0x7F)
            return true;
    return false;
}

/* All of it or nothing: JSON and PostgreSQL take no half. */
bool text_is_utf8(const char *data, size_t size)
{
    while (size > 0) {
        size_t length = utf8_sequence(data, size);
        if (length == 0)
            return false;
        data += length;
        size -= length;
    }
    return true;
}

void text_add_printable(struct text *text, const char *data, size_t size)
{
    for (size_t i = 0; i < size;) {
        size_t length = utf8_sequence(data + i, size - i);
        if (length > 0 && !is_control(data + i, length)) {
            text_add_bytes(text, data + i, length);
            i += length;
            continue;
        }
        /* A control character whole, but of broken UTF-8 one byte only: the next may begin
         * a good sequence. */
        size_t bad = length > 0 ? length : 1;
        for (size_t end = i + bad; i < end; i++)
            text_addf(text, "\\x%02X", (unsigned)(unsigned char)data[i]);
    }
}

/* ---- percent-encoding, hex, shell words ---- */

/* RFC 3986, 2.3: the only characters that need no encoding anywhere in a URL. SigV4 wants all
 * others encoded, too. */
static bool is_unreserved(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           c == '-' || c == '.' || c == '_' || c == '~';
}

void text_add_percent(struct text *text, const char *data, size_t size, bool keep_slash)
{
    /* Upper case digits, as SigV4 and RFC 3986 (2.1) want them. */
    for (size_t i = 0; i < size; i++) {
        if (is_unreserved(data[i]) || (keep_slash && data[i] == '/'))
            text_add_char(text, data[i]);
        else
            text_addf(text, "%%%02X", (unsigned)(unsigned char)data[i]);
    }
}

char text_lower_char(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* ASCII alone: tolower() would make another letter of an I in Turkish. */
char *text_lower(char *string)
{
    for (char *p = string; *p != '\0'; p++)
        *p = text_lower_char(*p);
    return string;
}

int text_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = text_lower_char(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int text_percent_byte(const char *data, size_t size)
{
    if (size < 3 || data[0] != '%')
        return -1;
    int high = text_hex_digit(data[1]);
    int low = text_hex_digit(data[2]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* Goes on after what it cannot decode: callers that must refuse it look at the result, those
 * that only search the text see as much of it as there is. */
bool text_add_decoded(struct text *text, const char *data, size_t size)
{
    bool clean = true;
    for (size_t i = 0; i < size; i++) {
        int byte = text_percent_byte(data + i, size - i);
        if (byte == 0 || (byte < 0 && data[i] == '%'))
            clean = false;
        text_add_char(text, byte < 0 ? data[i] : (char)byte);
        i += byte < 0 ? 0 : 2;
    }
    return clean;
}

void text_add_hex(struct text *text, const void *data, size_t size)
{
    const unsigned char *bytes = data;
    for (size_t i = 0; i < size; i++)
        text_addf(text, "%02x", (unsigned)bytes[i]);
}

void text_add_quoted(struct text *text, const char *string)
{
    /* In single quotes a shell takes everything as it is but the quote itself, which is
     * written outside of them: 'it'\''s'. */
    text_add_char(text, '\'');
    for (; *string != '\0'; string++) {
        if (*string == '\'')
            text_add(text, "'\\''");
        else
            text_add_char(text, *string);
    }
    text_add_char(text, '\'');
}

/* ---- comparing, byte by byte and in no locale ---- */

bool text_equal(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

bool text_is_any(const char *string, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(string, words[i]) == 0)
            return true;
    return false;
}

bool text_starts_with(const char *string, const char *prefix)
{
    return strncmp(string, prefix, strlen(prefix)) == 0;
}

bool text_ends_with(const char *string, const char *suffix)
{
    size_t length = strlen(string);
    size_t suffix_length = strlen(suffix);
    return length >= suffix_length && strcmp(string + length - suffix_length, suffix) == 0;
}

/* ---- for people ---- */

/* Binary units, as the options take them; with one digit that means something. */
const char *text_size(char out[32], uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    size_t unit = 0;
    double value = (double)bytes;
    /* 1023.95 and more would be printed as "1024.0". */
    while (value >= 1023.95 && unit + 1 < sizeof units / sizeof *units) {
        value /= 1024;
        unit++;
    }
    snprintf(out, 32, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
    return out;
}

const char *text_duration(char out[32], int64_t milliseconds)
{
    /* Two units at most, the second one always with two digits, so that a column of them can
     * be read. A clock that was set back gives no negative duration. */
    int64_t seconds = milliseconds / 1000;
    if (milliseconds < 0)
        snprintf(out, 32, "0.0s");
    else if (milliseconds < 9950)
        snprintf(out, 32, "%.1fs", (double)milliseconds / 1000);
    else if (seconds < 60)
        snprintf(out, 32, "%ds", (int)seconds);
    else if (seconds < 3600)
        snprintf(out, 32, "%dm%02ds", (int)(seconds / 60), (int)(seconds % 60));
    else if (seconds < 2 * 86400)
        snprintf(out, 32, "%dh%02dm", (int)(seconds / 3600), (int)(seconds / 60 % 60));
    else
        snprintf(out, 32, "%lldd%02dh", (long long)(seconds / 86400),
                 (int)(seconds / 3600 % 24));
    return out;
}

const char *text_count(char out[64], size_t count, const char *one, const char *many)
{
    snprintf(out, 64, "%zu %s", count, count == 1 ? one : many);
    return out;
}

/* ---- "did you mean" ---- */

#define NEAREST_WORD 64 /* longer words are no misspelt names */

/* No macro: it would compute one of them twice. */
static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Levenshtein distance: the least number of characters to add, drop or change. With one row of
 * its table, which holds the distances of the last character of a; both words are shorter
 * than NEAREST_WORD. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t row[NEAREST_WORD];
    size_t length = strlen(b);
    /* From nothing to the first j characters of b: j additions. */
    for (size_t j = 0; j <= length; j++)
        row[j] = j;
    for (size_t i = 0; a[i] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < length; j++) {
            size_t above = row[j + 1];
            size_t change = diagonal + (a[i] == b[j] ? 0 : 1);
            row[j + 1] = smaller(change, smaller(above, row[j]) + 1);
            diagonal = above;
        }
    }
    return row[length];
}

const char *text_nearest(const char *word, const char *const *names, size_t count)
{
    const char *nearest = NULL;
    size_t length = strlen(word);
    /* Below four, and not as many changes as the word is long: then nothing of it is left. */
    size_t limit = smaller(4, length);
    /* What fits into no row of the table is no misspelt name. */
    if (length >= NEAREST_WORD)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        if (strlen(names[i]) >= NEAREST_WORD)
            continue;
        /* The first of several that are as near: tables stand in an order of meaning. */
        size_t distance = edit_distance(word, names[i]);
        if (distance < limit) {
            limit = distance;
            nearest = names[i];
        }
    }
    return nearest;
}

/* ---- lists of strings ---- */

/* Copied in and freed with the list: nobody has to know where one came from. */

static void append(struct strlist *list, char *owned)
{
    memory_grow(&list->items, &list->capacity, list->count + 1, sizeof *list->items);
    list->items[list->count++] = owned;
}

void strlist_add(struct strlist *list, const char *string)
{
    append(list, memory_strdup(string));
}

void strlist_addf(struct strlist *list, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    append(list, memory_vformat(format, arguments));
    va_end(arguments);
}

bool strlist_has(const struct strlist *list, const char *string)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i], string) == 0)
            return true;
    return false;
}

static int compare_strings(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void strlist_sort(struct strlist *list)
{
    /* An empty list has no array, and qsort must not be given NULL. */
    if (list->count > 1)
        qsort(list->items, list->count, sizeof *list->items, compare_strings);
}

void strlist_release(struct strlist *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
    *list = (struct strlist){0};
}

/* For headers and arguments, any of which may hold a key. */
void strlist_wipe(struct strlist *list)
{
    for (size_t i = 0; i < list->count; i++)
        memory_wipe(list->items[i], strlen(list->items[i]));
    strlist_release(list);
}

/* The NULL is not counted, so that the list can go on growing. */
char **strlist_argv(struct strlist *list)
{
    memory_grow(&list->items, &list->capacity, list->count + 1, sizeof *list->items);
    list->items[list->count] = NULL;
    return list->items;
}
