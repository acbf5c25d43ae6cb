/*
 * Tables are collected before they are printed, since a column is as wide as its widest cell
 * and a terminal may not hold all of them. Writes are not checked one by one: stdio remembers a
 * failure, and output_finish asks once at the end, before the exit status says that all is
 * well.
 */
#define _DEFAULT_SOURCE /* struct winsize */
#include "cmd/output.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    CELL_MAX = 65536,
    GAP = 2,
    LABEL_WIDTH = 16,
    LAST_LEAST = 12, /* a remark of which less is left says nothing */
    NAME_LEAST = 8
};
#define LEFT_OUT SIZE_MAX /* the width of a column that is not printed */

/* The one gate between foreign text and the terminal. */
static void escape(struct text *out, const char *text)
{
    text_init(out, CELL_MAX);
    text_add_printable(out, text, strlen(text));
}

/* ---- tables ---- */

/* Columns are borrowed: they are static in every caller. */
void output_table_init(struct output_table *table, const struct output_column *columns,
                       size_t column_count)
{
    *table = (struct output_table){.columns = columns, .column_count = column_count};
}

/* Escaped when it comes in, so that widths are those of what is printed. */
void output_table_cell(struct output_table *table, const char *text)
{
    struct text escaped;
    escape(&escaped, text ? text : "-");
    strlist_add(&table->cells, escaped.data);
    text_release(&escaped);
}

/* The whole of it is escaped, also what is ours: it does no harm. */
void output_table_cellf(struct output_table *table, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    char *text = memory_vformat(format, list);
    va_end(list);
    output_table_cell(table, text);
    free(text);
}

/* Characters, not bytes: continuation bytes of UTF-8 are not counted. Double-width scripts
 * are a column off; a table of all of Unicode would not be worth that. */
static size_t width_of(const char *text)
{
    size_t width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xC0) != 0x80;
    return width;
}

/* Of a longer one its beginning; what is not made to be cut says that it was. */
static void print_cell(const char *text, size_t width, bool dots)
{
    /* Cut between characters: half of one would be no UTF-8 any more. */
    size_t characters = 0, size = 0, tail = dots && width > 3 ? 3 : 0;
    for (; text[size] != '\0'; size++) {
        characters += ((unsigned char)text[size] & 0xC0) != 0x80;
        if (characters > width - tail)
            break;
    }
    (void)printf("%.*s%.*s", (int)size, text, (int)tail, "...");
}

/* No blanks at the end of a line: they get into copied text. */
static void print_row(const struct output_table *table, const char *const *cells,
                      const size_t *widths)
{
    size_t count = table->column_count, gap = 0;
    /* From the end, as long as there is nothing to print. */
    while (count > 0 && (!*cells[count - 1] || widths[count - 1] == LEFT_OUT))
        count--;
    for (size_t i = 0; i < count; i++) {
        const struct output_column *column = &table->columns[i];
        size_t width = widths[i], is = width_of(cells[i]);
        if (width == LEFT_OUT)
            continue;
        size_t padding = is < width ? width - is : 0;
        /* The blanks behind a cell come with the next one, when there is one. */
        (void)printf("%*s", (int)(gap + (column->align == OUTPUT_RIGHT ? padding : 0)), "");
        if (is <= width)
            (void)fputs(cells[i], stdout);
        else /* only tables with `fit` have columns narrower than their cells */
            print_cell(cells[i], width, table->fit != NULL && table->fit[i].least == 0);
        gap = GAP + (column->align == OUTPUT_LEFT ? padding : 0);
    }
    (void)putchar('\n');
}

/* What a line takes, with the gaps between its columns. */
static size_t line_width(const size_t *widths, size_t count)
{
    size_t sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += widths[i] == LEFT_OUT ? 0 : widths[i] + GAP;
    return sum > 0 ? sum - GAP : 0;
}

/* One column narrower by what the line is too long, but not under `least`. */
static void cut(size_t *widths, size_t count, size_t column, size_t least, size_t limit)
{
    size_t is = line_width(widths, count), excess = is > limit ? is - limit : 0;
    if (widths[column] > least)
        widths[column] = widths[column] - least < excess ? least : widths[column] - excess;
}

/* The rule of output.h; other tables are short, or must not lose a letter. */
static void narrow(const struct output_table *table, size_t *widths, size_t limit)
{
    size_t count = table->column_count, spare = 0;
    for (size_t i = 0; i < count; i++)
        spare = table->fit[i].spare > spare ? table->fit[i].spare : spare;
    /* What loses least: the end of a remark, the seconds of a time. */
    cut(widths, count, count - 1, LAST_LEAST, limit);
    for (size_t i = 0; i < count; i++) {
        size_t least = table->fit[i].least; /* all the way: half a second says nothing */
        if (least > 0 && widths[i] > least && line_width(widths, count) > limit)
            widths[i] = least;
    }
    /* Whole columns, one after the other; what that gives back goes to the last one. */
    for (; spare > 0 && line_width(widths, count) > limit; spare--) {
        for (size_t i = 0; i < count; i++) {
            if (table->fit[i].spare == spare)
                widths[i] = LEFT_OUT;
        }
    }
    /* Names, from the left; there is nothing else left to take from. */
    for (size_t i = 1; i + 1 < count; i++) {
        if (widths[i] != LEFT_OUT && table->columns[i].align == OUTPUT_LEFT &&
            table->fit[i].least == 0)
            cut(widths, count, i, NAME_LEAST, limit);
    }
    size_t is = line_width(widths, count);
    widths[count - 1] += is < limit ? limit - is : 0;
}

/* What width a line may have is the caller's to know: tests have no terminal. */
void output_table_print_within(const struct output_table *table, size_t width)
{
    size_t columns = table->column_count;
    assert(table->cells.count % columns == 0);
    if (table->cells.count == 0)
        return;
    /* Every cell is looked at before the first is printed: that is why a table is
     * collected. */
    size_t *widths = memory_array(columns, sizeof(*widths));
    const char **headings = memory_array(columns, sizeof(*headings));
    for (size_t i = 0; i < columns; i++) {
        headings[i] = table->columns[i].heading;
        widths[i] = width_of(headings[i]);
    }
    for (size_t i = 0; i < table->cells.count; i++) {
        size_t is = width_of(table->cells.items[i]);
        if (is > widths[i % columns])
            widths[i % columns] = is;
    }
    if (table->fit != NULL && width > 0)
        narrow(table, widths, width);
    print_row(table, headings, widths);
    for (size_t i = 0; i < table->cells.count; i += columns)
        print_row(table, (const char *const *)&table->cells.items[i], widths);
    free(headings);
    free(widths);
}

/* As wide as the terminal is now; it may be made wider before the next call. */
void output_table_print(const struct output_table *table)
{
    struct winsize size;
    /* Not a terminal, or one that does not know: nothing is cut for a pipe. */
    bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;
    output_table_print_within(table, known ? size.ws_col : 0);
}

/* Also of a table that was never printed. */
void output_table_release(struct output_table *table)
{
    strlist_release(&table->cells);
    table->cells = (struct strlist){0};
}

/* ---- lines ---- */

/* Labels of one width, so that values stand below each other; a field without a value says
 * nothing. */
void output_field(const char *label, const char *value)
{
    struct text escaped;
    if (!value || !*value)
        return;
    escape(&escaped, value);
    (void)printf("%-*s %s\n", LABEL_WIDTH, label, escaped.data);
    text_release(&escaped);
}

/* As a cell: formatted first, escaped then. */
void output_fieldf(const char *label, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    char *text = memory_vformat(format, list);
    va_end(list);
    output_field(label, text);
    free(text);
}

/* A name in a sentence goes through the same gate as one in a cell. */
void output_linef(const char *format, ...)
{
    struct text escaped;
    va_list list;
    va_start(list, format);
    char *text = memory_vformat(format, list);
    va_end(list);
    escape(&escaped, text);
    (void)printf("%s\n", escaped.data);
    text_release(&escaped);
    free(text);
}

/* Ours, so it may hold newlines; nothing from outside comes here. */
void output_text(const char *text)
{
    (void)fputs(text, stdout);
}

static bool taken;

void output_taken(void)
{
    taken = true;
}

bool output_is_taken(void)
{
    return taken;
}

/* The one document of a command: nothing else may go to stdout with --json. */
void output_json(json_t *document)
{
    taken = true;
    /* Indented: people read it too, and jq does not mind. */
    char *text = json_text(document, true);
    (void)printf("%s\n", text);
    free(text);
    json_decref(document);
}

void output_json_list(const char *key, json_t *list, bool failed)
{
    if (failed && json_array_size(list) == 0)
        json_decref(list);
    else
        output_json(json_pack("{s:o}", key, list));
}

/* ---- values ---- */

/* In the local zone with its offset (PRODUCT 2), by base/clock. */
const char *output_time(char out[32], int64_t seconds)
{
    if (seconds == 0) {
        (void)snprintf(out, 32, "-");
        return out;
    }
    return clock_local(out, seconds);
}

/* Exact where somebody may compare; rounded where somebody only looks. */
const char *output_size(char out[64], uint64_t bytes, bool exact)
{
    char size[32];
    text_size(size, bytes);
    if (exact)
        (void)snprintf(out, 64, "%s (%llu bytes)", size, (unsigned long long)bytes);
    else
        (void)snprintf(out, 64, "%s", size);
    return out;
}

/* A result that did not arrive is a failure, whatever the command itself did; but not one that
 * nobody wanted to the end. */
int output_finish(struct err *err)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    int reason = errno; /* 0: it failed earlier, and stdio has not kept why */
    struct pollfd out = {.fd = STDOUT_FILENO};
    if (poll(&out, 1, 0) == 1 && (out.revents & POLLERR) != 0)
        return 0;
    errno = reason;
    return reason != 0 ? err_errno(err, ERR_SYSTEM, "cannot write the result to stdout")
                       : err_set(err, ERR_SYSTEM, "cannot write the result to stdout");
}
