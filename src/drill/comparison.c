/*
 * Both sides are walked by a map of the other one's names: a database may have 100,000 tables.
 */
#include "drill/comparison.h"

#include "base/memory.h"

#include <stdarg.h>

void comparison_add(struct comparison *comparison, const char *format, ...)
{
    va_list arguments;
    comparison->differences++;
    if (comparison->told.count >= COMPARISON_TOLD)
        return;
    va_start(arguments, format);
    char *line = memory_vformat(format, arguments);
    va_end(arguments);
    /* Names come from a database: they must not drive a terminal. */
    struct text printable;
    text_init(&printable, 4096);
    text_add_printable(&printable, line, strlen(line));
    strlist_add(&comparison->told, printable.data);
    text_release(&printable);
    free(line);
}

/* Rows of one table that both sides have. */
static void compare_rows(const struct comparison_table *expected,
                         const struct comparison_table *found, struct comparison *out)
{
    if (expected->rows == COMPARISON_UNKNOWN || found->rows == COMPARISON_UNKNOWN)
        return;
    out->tables++;
    out->rows += (uint64_t)found->rows;
    /* Of an extension's table a dump holds what was added to what the extension brings. */
    bool equal =
        found->extension ? found->rows >= expected->rows : found->rows == expected->rows;
    if (equal)
        return;
    char *name = sql_name_text(found->schema, found->name);
    comparison_add(out, "table %s has %lld rows, the backup has %lld", name,
                   (long long)found->rows, (long long)expected->rows);
    free(name);
}

/* Several entries of one name are one table whose rows come in pieces. */
static void compare_tables(const struct comparison_side *expected,
                           const struct comparison_side *found, bool rows_told,
                           struct comparison *out)
{
    struct sql_map map = {0};
    bool *met = memory_array(expected->table_count + 1, sizeof *met);
    for (size_t i = 0; i < expected->table_count; i++)
        (void)sql_map_add(&map, expected->tables[i].schema, expected->tables[i].name, i);
    for (size_t i = 0; i < found->table_count; i++) {
        const struct comparison_table *table = &found->tables[i];
        const size_t *at = sql_map_find(&map, table->schema, table->name);
        if (at != NULL) {
            met[*at] = true;
            compare_rows(&expected->tables[*at], table, out);
        } else if (rows_told && !table->extension) {
            /* Its definition came without rows. */
            struct comparison_table none = {table->schema, table->name, 0, false};
            compare_rows(&none, table, out);
        }
    }
    for (size_t i = 0; i < expected->table_count; i++) {
        if (met[i])
            continue;
        char *name = sql_name_text(expected->tables[i].schema, expected->tables[i].name);
        comparison_add(out, "table %s is missing", name);
        free(name);
    }
    free(met);
    sql_map_release(&map);
}

static void compare_counts(const struct comparison_side *expected,
                           const struct comparison_side *found, struct comparison *out)
{
    for (size_t i = 0; i < INSPECT_KINDS; i++) {
        bool known = expected->counts[i] != COMPARISON_UNKNOWN;
        out->counts[i] = known ? found->counts[i] : COMPARISON_UNKNOWN;
        if (known && found->counts[i] != expected->counts[i])
            comparison_add(out, "there are %lld %s, the backup makes %lld",
                           (long long)found->counts[i], inspect_kind_name(i),
                           (long long)expected->counts[i]);
    }
}

/* Only those whose value the backup sets. */
static void compare_sequences(const struct comparison_side *expected,
                              const struct comparison_side *found, struct comparison *out)
{
    struct sql_map map = {0};
    for (size_t i = 0; i < found->sequence_count; i++)
        (void)sql_map_add(&map, found->sequences[i].schema, found->sequences[i].name, i);
    for (size_t i = 0; i < expected->sequence_count; i++) {
        const struct inspect_sequence *wanted = &expected->sequences[i];
        const size_t *at = sql_map_find(&map, wanted->schema, wanted->name);
        char *name = sql_name_text(wanted->schema, wanted->name);
        out->sequences++;
        if (at == NULL)
            comparison_add(out, "sequence %s is missing", name);
        else if (found->sequences[*at].value != wanted->value ||
                 found->sequences[*at].called != wanted->called)
            comparison_add(out, "sequence %s stands at %lld%s, the backup sets %lld%s",
                           name, (long long)found->sequences[*at].value,
                           found->sequences[*at].called ? " (used)" : "",
                           (long long)wanted->value, wanted->called ? " (used)" : "");
        free(name);
    }
    sql_map_release(&map);
}

void comparison_make(const struct comparison_side *expected,
                     const struct comparison_side *found, bool rows_told,
                     struct comparison *out)
{
    /* From what matters most: only the first differences are told. */
    compare_tables(expected, found, rows_told, out);
    compare_counts(expected, found, out);
    compare_sequences(expected, found, out);
}

void comparison_release(struct comparison *comparison)
{
    strlist_release(&comparison->told);
}
