/*
 * All goes to stderr in one write for each line or group of lines, under one lock: lines of
 * several threads do not mix, nor do those of several processes on one terminal or file.
 *
 * The live line is not part of the log. It is erased, the log line written in its place, and
 * the live line drawn again below, so that it always is the last one on the screen.
 */
#define _DEFAULT_SOURCE /* struct winsize */

#include "base/log.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"

#include <pthread.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define MESSAGE_SIZE 8192
#define HINT_MARK "\nhint: "
#define ERASE_LINE "\r\033[K"

static const struct level_row {
    const char *name;
    const char *prefix;
    char priority; /* sd-daemon(3) */
} levels[] = {
    [LOG_LEVEL_ERROR] = {"error", "pgkeep: ", '3'},
    [LOG_LEVEL_WARNING] = {"warning", "pgkeep: warning: ", '4'},
    [LOG_LEVEL_INFO] = {"info", "pgkeep: ", '6'},
    [LOG_LEVEL_DEBUG] = {"debug", "pgkeep: debug: ", '7'},
};

/* level and format are set before threads start; lock guards the live line, what is kept, and the
 * writing. */
static struct {
    enum log_level level;
    enum log_format format;
    pthread_mutex_t lock;
    char *live;
    size_t keep; /* 0: nothing is kept */
    struct text kept;
} state = {.level = LOG_LEVEL_INFO, .lock = PTHREAD_MUTEX_INITIALIZER};

/* Once, from main: readers take no lock for what never changes again. */
void log_setup(enum log_level level, enum log_format format)
{
    state.level = level;
    state.format = format;
}

const char *log_format_name(enum log_format format)
{
    static const char *const names[LOG_FORMATS] = {[LOG_FORMAT_TEXT] = "text",
                                                   [LOG_FORMAT_JSON] = "json",
                                                   [LOG_FORMAT_JOURNAL] = "journal"};
    return names[format];
}

bool log_enabled(enum log_level level)
{
    return level <= state.level;
}

/* Asked each time: tests and wrappers change what descriptor 2 is. */
bool log_is_terminal(void)
{
    return isatty(STDERR_FILENO) == 1;
}

/* ---- what is kept ---- */

void log_keep(size_t size)
{
    pthread_mutex_lock(&state.lock);
    text_release(&state.kept);
    text_init(&state.kept, SIZE_MAX / 2);
    state.keep = size;
    pthread_mutex_unlock(&state.lock);
}

char *log_kept(void)
{
    pthread_mutex_lock(&state.lock);
    char *kept = state.keep > 0 ? memory_strdup(state.kept.data) : NULL;
    pthread_mutex_unlock(&state.lock);
    return kept;
}

/* Its time is our own, as the journal's is: records are read on other machines. */
static void keep_line(enum log_level level, const char *message)
{
    char time[32];
    pthread_mutex_lock(&state.lock);
    if (state.keep > 0) {
        text_addf(&state.kept, "%s %s: ", clock_rfc3339(time, clock_now()),
                  levels[level].name);
        text_add_printable(&state.kept, message, strlen(message));
        text_add_char(&state.kept, '\n');
    }
    /* Half is dropped when there is twice as much, so that not each line moves all others; at
     * the end of a line. */
    if (state.keep > 0 && state.kept.length > 2 * state.keep) {
        const char *from = state.kept.data + (state.kept.length - state.keep);
        const char *line = strchr(from, '\n');
        char *rest = memory_strdup(line != NULL ? line + 1 : from);
        text_clear(&state.kept);
        text_add(&state.kept, rest);
        free(rest);
    }
    pthread_mutex_unlock(&state.lock);
}

/* ---- writing ---- */

/* Called with the lock held. Counts characters, not bytes, and stops before the last column:
 * a line that wrapped could not be erased. */
static void add_live(struct text *out)
{
    struct winsize size = {0};
    size_t width = 80;
    size_t end = 0;
    if (state.live == NULL)
        return;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 2)
        width = size.ws_col;
    /* A column for each character: what is wider (CJK) makes the line a little too long. */
    for (width--; state.live[end] != '\0' && width > 0; width--) {
        end++;
        while (((unsigned char)state.live[end] & 0xC0) == 0x80)
            end++;
    }
    text_add_bytes(out, state.live, end);
}

/* Erase, log, draw again, in one write: no reader of the terminal sees it half done. */
static void write_lines(const char *lines)
{
    struct text out;
    text_init(&out, SIZE_MAX / 2);
    pthread_mutex_lock(&state.lock);
    if (state.live != NULL)
        text_add(&out, ERASE_LINE);
    text_add(&out, lines);
    add_live(&out);
    int ignored = file_write_all(STDERR_FILENO, out.data, out.length);
    (void)ignored; /* nobody is left to tell */
    pthread_mutex_unlock(&state.lock);
    text_release(&out);
}

/* ---- formats ---- */

/* What jansson takes: what is no UTF-8 is written as it would be on a terminal. */
static json_t *utf8_string(const char *string, size_t length)
{
    struct text clean;
    text_init(&clean, SIZE_MAX / 2);
    if (text_is_utf8(string, length))
        text_add_bytes(&clean, string, length);
    else
        text_add_printable(&clean, string, length);
    json_t *value = json_bytes(clean.data);
    text_release(&clean);
    return value;
}

/* One object a line; the kind of an error is a field, so that nobody has to parse sentences. */
static void write_json(enum log_level level, const char *kind, const char *message)
{
    /* An error brings its hint behind a mark; here each is a field of its own. */
    char time[32];
    const char *hint = strstr(message, HINT_MARK);
    size_t length = hint == NULL ? strlen(message) : (size_t)(hint - message);
    json_t *line = json_object();
    json_object_set_new(line, "time", json_bytes(clock_rfc3339_ms(time, clock_now_ms())));
    json_object_set_new(line, "level", json_bytes(levels[level].name));
    if (kind != NULL)
        json_object_set_new(line, "kind", json_bytes(kind));
    json_object_set_new(line, "message", utf8_string(message, length));
    if (hint != NULL) {
        hint += sizeof HINT_MARK - 1;
        json_object_set_new(line, "hint", utf8_string(hint, strlen(hint)));
    }
    /* No terminal reads these, so there is nothing to escape beyond JSON's own. */
    char *text = json_text(line, false);
    log_raw(text);
    free(text);
    json_decref(line);
}

/* For people and journals: the sentence, and the hint, if there is one, behind `between`. */
static void write_text(enum log_level level, const char *message, const char *between)
{
    const char *hint = strstr(message, HINT_MARK);
    struct text line;
    text_init(&line, (size_t)8 * MESSAGE_SIZE);
    if (state.format == LOG_FORMAT_JOURNAL)
        text_addf(&line, "<%c>", levels[level].priority);
    text_add(&line, levels[level].prefix);
    text_add_printable(&line, message,
                       hint == NULL ? strlen(message) : (size_t)(hint - message));
    /* The mark's line feed is the caller's to say. */
    if (hint != NULL) {
        text_add(&line, between);
        text_add_printable(&line, hint + 1, strlen(hint + 1));
    }
    text_add_char(&line, '\n');
    write_lines(line.data);
    text_release(&line);
}

/* Kept for the run's record before it is written: what cannot be written is remembered. */
static void write_message(enum log_level level, const char *format, va_list arguments)
    PRINTF(2, 0);
static void write_message(enum log_level level, const char *format, va_list arguments)
{
    /* Cut at the buffer's end: a message of 8 KiB says nothing more in a ninth. */
    char message[MESSAGE_SIZE];
    if (!log_enabled(level))
        return;
    if (vsnprintf(message, sizeof message, format, arguments) < 0)
        return;
    keep_line(level, message);
    if (state.format == LOG_FORMAT_JSON) {
        write_json(level, NULL, message);
        return;
    }
    /* One line, whatever happens: a hint is put behind a semicolon, and what would move the
     * cursor of a terminal is escaped. */
    write_text(level, message, "; ");
}

/* ---- the calls ---- */

void log_error(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    write_message(LOG_LEVEL_ERROR, format, arguments);
    va_end(arguments);
}

void log_warning(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    write_message(LOG_LEVEL_WARNING, format, arguments);
    va_end(arguments);
}

void log_info(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    write_message(LOG_LEVEL_INFO, format, arguments);
    va_end(arguments);
}

void log_debug(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    write_message(LOG_LEVEL_DEBUG, format, arguments);
    va_end(arguments);
}

void log_err(const struct err *err)
{
    keep_line(LOG_LEVEL_ERROR, err->text);
    if (state.format == LOG_FORMAT_JSON) {
        write_json(LOG_LEVEL_ERROR, err_kind_name(err->kind), err->text);
        return;
    }
    /* The one message that has two lines: the journal wants its mark on each. */
    write_text(LOG_LEVEL_ERROR, err->text,
               state.format == LOG_FORMAT_JOURNAL ? "\n<3>" : "\n");
}

void log_live(const char *line)
{
    /* In a file or a journal a line that is drawn over and over is only noise. */
    struct text clean;
    if (!log_is_terminal())
        return;
    text_init(&clean, MESSAGE_SIZE);
    if (line != NULL)
        text_add_printable(&clean, line, strlen(line));
    /* When there was none and is none, nothing is written. */
    pthread_mutex_lock(&state.lock);
    bool was = state.live != NULL;
    free(state.live);
    state.live = clean.length > 0 ? memory_strdup(clean.data) : NULL;
    /* The old one goes and the new one comes in one write: no flicker. */
    text_clear(&clean);
    if (was || state.live != NULL)
        text_add(&clean, ERASE_LINE);
    add_live(&clean);
    int ignored = file_write_all(STDERR_FILENO, clean.data, clean.length);
    (void)ignored;
    pthread_mutex_unlock(&state.lock);
    text_release(&clean);
}

/* For lines that are made already, JSON of others among them. */
void log_raw(const char *line)
{
    struct text out;
    text_init(&out, SIZE_MAX / 2);
    text_add(&out, line);
    text_add_char(&out, '\n');
    write_lines(out.data);
    text_release(&out);
}
