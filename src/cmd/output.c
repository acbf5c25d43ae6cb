/*
 * Writes are not checked one by one: stdio remembers a failure, and output_finish asks once
 * at the end.
 */
#include "cmd/output.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>

enum { CELL_MAX = 65536, GAP = 2, LABEL_WIDTH = 16 };

static char *format_list(const char *format, va_list list) PRINTF(1, 0);

static char *format_list(const char *format, va_list list)
{
    va_list again;
    va_copy(again, list);
    int length = vsnprintf(NULL, 0, format, list);
    assert(length >= 0);
    char *result = memory_alloc((size_t)length + 1);
    (void)vsnprintf(result, (size_t)length + 1, format, again);
    va_end(again);
    return result;
}

/* The one gate between foreign text and the terminal. */
static void escape(struct text *out, const char *text)
{
    text_init(out, CELL_MAX);
    text_add_printable(out, text, strlen(text));
}

/* ---- tables ---- */

void output_table_init(struct output_table *table, const struct output_column *columns,
                       size_t column_count)
{
    *table = (struct output_table){columns, column_count, {0}};
}

void output_table_cell(struct output_table *table, const char *text)
{
    struct text escaped;
    escape(&escaped, text ? text : "-");
    strlist_add(&table->cells, escaped.data);
    text_release(&escaped);
}

void output_table_cellf(struct output_table *table, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    char *text = format_list(format, list);
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

static void print_padding(size_t count)
{
    for (; count > 0; count--)
        (void)putchar(' ');
}

static void print_cell(const struct output_column *column, const char *text, size_t width,
                       bool last)
{
    size_t padding = width - width_of(text);
    if (column->align == OUTPUT_RIGHT)
        print_padding(padding);
    (void)fputs(text, stdout);
    if (column->align == OUTPUT_LEFT && !last)
        print_padding(padding);
    if (!last)
        print_padding(GAP);
}

/* No blanks at the end of a line: they get into copied text. */
static void print_row(const struct output_table *table, const char *const *cells,
                      const size_t *widths)
{
    size_t count = table->column_count;
    while (count > 0 && !*cells[count - 1])
        count--;
    for (size_t i = 0; i < count; i++)
        print_cell(&table->columns[i], cells[i], widths[i], i + 1 == count);
    (void)putchar('\n');
}

void output_table_print(const struct output_table *table)
{
    size_t columns = table->column_count;
    assert(table->cells.count % columns == 0);
    if (table->cells.count == 0)
        return;
    size_t *widths = memory_array(columns, sizeof(*widths));
    for (size_t i = 0; i < columns; i++)
        widths[i] = width_of(table->columns[i].heading);
    for (size_t i = 0; i < table->cells.count; i++) {
        size_t width = width_of(table->cells.items[i]);
        if (width > widths[i % columns])
            widths[i % columns] = width;
    }
    const char **headings = memory_array(columns, sizeof(*headings));
    for (size_t i = 0; i < columns; i++)
        headings[i] = table->columns[i].heading;
    print_row(table, headings, widths);
    for (size_t i = 0; i < table->cells.count; i += columns)
        print_row(table, (const char *const *)&table->cells.items[i], widths);
    free(headings);
    free(widths);
}

void output_table_release(struct output_table *table)
{
    strlist_release(&table->cells);
    table->cells = (struct strlist){0};
}

/* ---- lines ---- */

void output_field(const char *label, const char *value)
{
    struct text escaped;
    if (!value || !*value)
        return;
    escape(&escaped, value);
    (void)printf("%-*s %s\n", LABEL_WIDTH, label, escaped.data);
    text_release(&escaped);
}

void output_fieldf(const char *label, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    char *text = format_list(format, list);
    va_end(list);
    output_field(label, text);
    free(text);
}

void output_linef(const char *format, ...)
{
    struct text escaped;
    va_list list;
    va_start(list, format);
    char *text = format_list(format, list);
    va_end(list);
    escape(&escaped, text);
    (void)printf("%s\n", escaped.data);
    text_release(&escaped);
    free(text);
}

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

void output_json(json_t *document)
{
    taken = true;
    char *text = json_text(document, true);
    (void)printf("%s\n", text);
    free(text);
    json_decref(document);
}

/* ---- values ---- */

const char *output_time(char out[32], int64_t seconds)
{
    if (seconds == 0) {
        (void)snprintf(out, 32, "-");
        return out;
    }
    return clock_local(out, seconds);
}

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

/* A result that did not arrive is a failure, whatever the command itself did. */
int output_finish(struct err *err)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    return err_errno(err, ERR_SYSTEM, "cannot write the result to stdout");
}
