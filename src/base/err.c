/*
 * One fixed buffer: an error must be tellable when memory is what ran out. What does not fit
 * is cut at a character.
 */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>

/* How far a failure reaches: what may go on all the same. */
enum scope {
    FATAL,    /* nothing: no other store or object would fare better */
    OF_STORE, /* the other stores */
    OF_OBJECT /* the other stores, and the other objects of this one */
};

static const struct kind_row {
    const char *name;
    enum scope scope;
} kinds[] = {
    [ERR_NONE] = {"none", OF_OBJECT},
    [ERR_USAGE] = {"usage", OF_STORE},
    [ERR_CONFIG] = {"config", OF_STORE}, /* a region or a secret of one store */
    [ERR_SYSTEM] = {"system", FATAL}, /* memory, threads, descriptors, the catalog's disk */
    [ERR_DATABASE] = {"database", FATAL},
    [ERR_AGAIN] = {"database", FATAL}, /* who may not try again sees no difference */
    [ERR_TRANSIENT] = {"transient", OF_STORE},
    [ERR_DENIED] = {"denied", OF_OBJECT}, /* rights may differ from key to key */
    [ERR_STORE] = {"store", OF_STORE},
    [ERR_NOT_FOUND] = {"not-found", OF_OBJECT},
    [ERR_CORRUPT] = {"corrupt", OF_OBJECT},
    [ERR_UNSAFE] = {"unsafe", OF_STORE}, /* another mark than the catalog expects */
    [ERR_BUSY] = {"busy", FATAL},        /* the catalog is held by another process */
    [ERR_CANCELLED] = {"cancelled", FATAL},
};

#define HINT_MARK "\nhint: "
#define HINT_MARK_LENGTH (sizeof HINT_MARK - 1)
#define ROOM (sizeof((struct err *)NULL)->text - 1)

/* A text cut in the middle of a UTF-8 sequence would be no UTF-8 any more, and JSON needs
 * it. */
static size_t utf8_cut(const char *text, size_t length)
{
    /* Back to the byte that begins the last character, three at most. */
    size_t start = length;
    while (start > 0 && length - start < 4 &&
           ((unsigned char)text[start - 1] & 0xC0) == 0x80)
        start--;
    if (start == 0 || (unsigned char)text[start - 1] < 0xC0)
        return length;
    unsigned char lead = (unsigned char)text[start - 1];
    size_t wanted = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    return length - (start - 1) < wanted ? start - 1 : length;
}

/* Texts of servers, paths and names of databases come from elsewhere and end on terminals: one
 * line, no escapes. */
static void clean(char *text)
{
    for (char *p = text; *p != '\0'; p++) {
        unsigned char c = (unsigned char)*p;
        if (c >= 0x20 && c != 0x7F)
            continue;
        if (c == '\n' && strncmp(p, HINT_MARK, HINT_MARK_LENGTH) == 0)
            continue;
        *p = c == '\n' || c == '\t' || c == '\r' ? ' ' : '?';
    }
    /* Servers end their sentences with a line feed, which is a blank by now. */
    size_t length = strlen(text);
    while (length > 0 && text[length - 1] == ' ')
        text[--length] = '\0';
}

/* Formats into a buffer of its own, so that the arguments may point into the old text. */
static void format_into(char *out, size_t size, const char *format, va_list arguments)
    PRINTF(3, 0);
static void format_into(char *out, size_t size, const char *format, va_list arguments)
{
    int length = vsnprintf(out, size, format, arguments);
    /* A bad multibyte sequence in %ls would be -1; what was cut ends at a whole character. */
    if (length < 0)
        out[0] = '\0';
    else if ((size_t)length >= size)
        out[utf8_cut(out, size - 1)] = '\0';
    clean(out);
}

/*
 * Writes head and tail into `room` bytes and a NUL. When both do not fit, the head is cut
 * first, but to no less than half of the room: the reason or the hint at the end is worth
 * more than the end of a long name.
 */
static void join(char *out, size_t room, const char *head, const char *tail)
{
    size_t head_length = strlen(head);
    size_t tail_length = strlen(tail);
    size_t head_least = head_length < room / 2 ? head_length : room / 2;
    /* Both at whole characters, the tail at its end. */
    if (tail_length > room - head_least)
        tail_length = utf8_cut(tail, room - head_least);
    if (head_length > room - tail_length)
        head_length = utf8_cut(head, room - tail_length);
    memcpy(out, head, head_length);
    memcpy(out + head_length, tail, tail_length);
    out[head_length + tail_length] = '\0';
}

void err_clear(struct err *err)
{
    err->kind = ERR_NONE;
    err->text[0] = '\0';
}

int err_set(struct err *err, enum err_kind kind, const char *format, ...)
{
    char text[sizeof err->text];
    va_list arguments;
    va_start(arguments, format);
    format_into(text, sizeof text, format, arguments);
    va_end(arguments);
    err->kind = kind;
    join(err->text, ROOM, text, "");
    return -1;
}

int err_errno(struct err *err, enum err_kind kind, const char *format, ...)
{
    /* First of all: whatever is called below may change it. */
    int number = errno;
    char text[sizeof err->text];
    char reason[128] = ": ";
    va_list arguments;
    va_start(arguments, format);
    format_into(text, sizeof text, format, arguments);
    va_end(arguments);
    if (strerror_r(number, reason + 2, sizeof reason - 2) != 0)
        snprintf(reason, sizeof reason, ": error %d", number);
    err->kind = kind;
    join(err->text, ROOM, text, reason);
    /* Wherever it is met: the words alone read as if a file were wrong. */
    if (number == EMFILE)
        err_hint(err, "raise the limit of open files of a process (ulimit -n)");
    /* Callers may want to look at it once more. */
    errno = number;
    return -1;
}

int err_context(struct err *err, const char *format, ...)
{
    char head[sizeof err->text];
    char body[sizeof err->text];
    char hint[sizeof err->text] = "";
    /* The hint is set aside: it stays the last, and a long name takes nothing of it. */
    char *mark = strstr(err->text, HINT_MARK);
    if (mark != NULL) {
        memcpy(hint, mark, strlen(mark) + 1);
        *mark = '\0';
    }
    if (strlen(hint) > ROOM / 2)
        hint[utf8_cut(hint, ROOM / 2)] = '\0';
    /* What was the sentence becomes its end; copied, as it is written over. */
    memcpy(body, err->text, strlen(err->text) + 1);
    va_list arguments;
    va_start(arguments, format);
    format_into(head, sizeof head - 2, format, arguments);
    va_end(arguments);
    memcpy(head + strlen(head), ": ", sizeof ": ");
    /* What the text begins with already - the noun was known further down, too - is said once. */
    if (strncmp(body, head, strlen(head)) == 0)
        head[0] = '\0';
    /* The hint has its room already, so names and reasons share what is left. */
    join(err->text, ROOM - strlen(hint), head, body);
    memcpy(err->text + strlen(err->text), hint, strlen(hint) + 1);
    return -1;
}

int err_hint(struct err *err, const char *format, ...)
{
    /* The one that was given first is nearest to the cause. */
    if (strstr(err->text, HINT_MARK) != NULL)
        return -1;
    char body[sizeof err->text];
    char hint[sizeof err->text] = HINT_MARK;
    va_list arguments;
    va_start(arguments, format);
    format_into(hint + HINT_MARK_LENGTH, sizeof hint - HINT_MARK_LENGTH, format, arguments);
    va_end(arguments);
    /* A sentence that fills the room gives way: what to do is worth more than its end. */
    memcpy(body, err->text, strlen(err->text) + 1);
    join(err->text, ROOM, body, hint);
    return -1;
}

bool err_is_fatal(enum err_kind kind)
{
    return kinds[kind].scope == FATAL;
}

bool err_is_of_store(enum err_kind kind)
{
    return kinds[kind].scope == OF_STORE || kinds[kind].scope == OF_OBJECT;
}

bool err_is_of_object(enum err_kind kind)
{
    return kinds[kind].scope == OF_OBJECT;
}

const char *err_kind_name(enum err_kind kind)
{
    return kinds[kind].name;
}
