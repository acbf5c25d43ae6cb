/*
 * Rows are counted for the table that was begun last, because COPY statements do not nest.
 * Which entries are of one table is asked only at the end, once, when the names can be
 * sorted.
 */
#include "stream/tables.h"

#include "base/memory.h"

void tables_init(struct tables *tables)
{
    *tables = (struct tables){0};
}

void tables_begin(struct tables *tables, const char *schema, const char *name)
{
    memory_grow(&tables->items, &tables->capacity, tables->count + 1,
                sizeof *tables->items);
    tables->items[tables->count++] = (struct stream_table){
        .schema = memory_strdup(schema),
        .name = memory_strdup(name),
    };
}

void tables_add(struct tables *tables, uint64_t rows, uint64_t raw_bytes)
{
    /* That of the COPY statement which was begun last; its rows come right behind it. */
    struct stream_table *table = &tables->items[tables->count - 1];
    table->rows += rows;
    table->raw_bytes += raw_bytes;
}

void tables_move(struct tables *tables, struct tables *from)
{
    for (size_t i = 0; i < from->count; i++) {
        memory_grow(&tables->items, &tables->capacity, tables->count + 1,
                    sizeof *tables->items);
        tables->items[tables->count++] = from->items[i];
    }
    free(from->items);
    tables_init(from);
}

static int compare_names(const struct stream_table *a, const struct stream_table *b)
{
    int order = strcmp(a->schema, b->schema);
    return order != 0 ? order : strcmp(a->name, b->name);
}

static int compare(const void *left, const void *right)
{
    const struct stream_table *a = *(struct stream_table *const *)left;
    const struct stream_table *b = *(struct stream_table *const *)right;
    int order = compare_names(a, b);
    /* Of one name the first in the dump comes first. */
    return order != 0 ? order : (a > b) - (a < b);
}

static void free_names(struct stream_table *table)
{
    free(table->schema);
    free(table->name);
    table->schema = table->name = NULL;
}

void tables_merge(struct tables *tables)
{
    /* Sorted by pointers: the order of the dump is the one to keep, and comparing each with
     * each is no way for 100,000 tables. */
    struct stream_table **sorted = memory_array(tables->count + 1, sizeof *sorted);
    size_t first = 0, kept = 0;
    for (size_t i = 0; i < tables->count; i++)
        sorted[i] = &tables->items[i];
    qsort(sorted, tables->count, sizeof *sorted, compare);
    /* Several statements of one name (tables.h): all counted under the first. */
    for (size_t i = 1; i < tables->count; i++) {
        if (compare_names(sorted[first], sorted[i]) != 0) {
            first = i;
            continue;
        }
        sorted[first]->rows += sorted[i]->rows;
        sorted[first]->raw_bytes += sorted[i]->raw_bytes;
        free_names(sorted[i]);
    }
    /* What was added to another entry has no name any more. */
    for (size_t i = 0; i < tables->count; i++) {
        if (tables->items[i].name != NULL)
            tables->items[kept++] = tables->items[i];
    }
    tables->count = kept;
    free(sorted);
}

void tables_release(struct tables *tables)
{
    for (size_t i = 0; i < tables->count; i++)
        free_names(&tables->items[i]);
    free(tables->items);
    tables_init(tables);
}
