/* Sums, each in a row of its own; who adds to one reads it in the same statement. */
#include "catalog/db/totals.h"

#include "base/memory.h"
#include "catalog/db/record.h"

/* Written by statements of their own. */
#define AT(field) offsetof(struct catalog_total, field)
static const struct record_column columns[] = {
    {"name", RECORD_TEXT, 0, AT(name), 0, NULL},
    {"job", RECORD_TEXT, 0, AT(job), 0, NULL},
    {"label", RECORD_TEXT, 0, AT(label), 0, NULL},
    {"value", RECORD_INT, 0, AT(value), 0, NULL},
};
static const struct record record = {columns, sizeof columns / sizeof *columns};

void catalog_totals_release(struct catalog_totals *totals)
{
    for (size_t i = 0; i < totals->count; i++)
        record_release(&record, &totals->items[i]);
    free(totals->items);
    *totals = (struct catalog_totals){0};
}

int catalog_total_add(struct catalog *catalog, const struct catalog_total *total,
                      struct err *err)
{
    struct sql sql;
    if (total->value <= 0)
        return 0;
    /* One statement: two processes that add at one moment both count. */
    sql_begin_change(&sql, catalog,
                     "INSERT INTO totals (name, job, label, value) VALUES (?, ?, ?, ?)"
                     " ON CONFLICT (name, job, label) DO UPDATE SET value = value +"
                     " excluded.value",
                     err);
    sql_bind(&sql, "%s %s %s %jd", total->name, total->job, total->label, total->value);
    return sql_end_change(&sql, sql_run(&sql, NULL));
}

int catalog_totals_list(struct catalog *catalog, const char *name,
                        struct catalog_totals *out, struct err *err)
{
    struct sql sql;
    sql_prepare(&sql, catalog,
                "SELECT name, job, label, value FROM totals"
                " WHERE ?1 IS NULL OR name = ?1 ORDER BY name, job, label",
                err);
    sql_bind_text(&sql, name);
    while (sql_row(&sql)) {
        struct catalog_total *total =
            memory_append(&out->items, &out->count, &out->capacity, sizeof *total);
        record_read(&sql, &record, total);
    }
    return sql_end(&sql);
}
