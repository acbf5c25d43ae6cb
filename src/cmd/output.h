/*
 * output - results on stdout: padded text tables, lines of "label: value", one JSON
 * document.
 *
 * Everything that came from a database, a bucket or a user goes through output_table_cell
 * or output_field, which escape control characters and invalid UTF-8, so that a name cannot
 * drive the terminal. Errors and logs are base/log.h's, on stderr. stdout is flushed and
 * checked by cli.c at the end (output_finish). One thread.
 */
#ifndef PGKEEP_CMD_OUTPUT_H
#define PGKEEP_CMD_OUTPUT_H

#include "base/err.h"
#include "base/text.h"

#include <jansson.h>

enum output_align { OUTPUT_LEFT, OUTPUT_RIGHT };

/* A heading and how its column is padded; the last column of a table is never padded. */
struct output_column {
    const char *heading;
    enum output_align align;
};

/* What a column gives up where a terminal is too narrow. */
struct output_fit {
    unsigned char spare; /* 0: it stays; else the highest number is left out first */
    unsigned char least; /* characters that say enough, of a time its minutes; 0: all */
};

struct output_table {
    const struct output_column *columns; /* borrowed */
    size_t column_count;
    struct strlist cells;
    /* Of the columns of the same index; borrowed; NULL: nothing is cut. On a terminal the last
     * column and those with a `least` are cut first, then spare ones are left out, then names are
     * cut ("..."). A pipe or a file gets all of it, and so does --json. */
    const struct output_fit *fit;
};

/*     output_table_init -> output_table_cell, column after column, row after row
 *     -> output_table_print (whole rows only; asserted) -> output_table_release */
void output_table_init(struct output_table *table, const struct output_column *columns,
                       size_t column_count);
void output_table_cell(struct output_table *table, const char *text); /* NULL: "-" */
void output_table_cellf(struct output_table *table, const char *format, ...) PRINTF(2, 3);
/* Headings and rows; nothing at all when there is no row. Width counts UTF-8 characters. */
void output_table_print(const struct output_table *table);
/* The same for lines of so many characters; 0: however many it takes. */
void output_table_print_within(const struct output_table *table, size_t width);
void output_table_release(struct output_table *table);

/* "label            value"; nothing when the value is NULL or empty. */
void output_field(const char *label, const char *value);
void output_fieldf(const char *label, const char *format, ...) PRINTF(2, 3);
/* One line, escaped like a cell. */
void output_linef(const char *format, ...) PRINTF(1, 2);
/* Text that is already ours (help, examples), as it is. */
void output_text(const char *text);

/* One document, indented by 2, and a newline. Steals the reference. */
void output_json(json_t *document);
/* {"KEY": LIST}. Nothing when the list is empty because the command failed: then the error is the
 * document. Steals the list. */
void output_json_list(const char *key, json_t *list, bool failed);
/* What goes to stdout is no document of ours (a backup): nothing may stand behind it. */
void output_taken(void);
/* Is there a document on stdout, or is it taken? A second one would make it none. */
bool output_is_taken(void);

/* Times as "2026-11-21 03:00:07+01" (local), "-" when 0; sizes as "1.2 GiB (1288490189 bytes)"
 * with `exact`, else "1.2 GiB". Return out. For durations: text_duration. */
const char *output_time(char out[32], int64_t seconds);
const char *output_size(char out[64], uint64_t bytes, bool exact);

/* Flushes stdout. ERR_SYSTEM when something could not be written (disk full). A reader that has seen
 * enough (`| head`) is no failure. */
int output_finish(struct err *err) MUST_USE;

#endif
