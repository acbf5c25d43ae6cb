/*
 * Whether the process that made one lives is asked by the reader, when it decides what to remove.
 */
#include "catalog/db/scratches.h"

#include "base/clock.h"
#include "base/memory.h"
#include "catalog/db/sql.h"

/* The words of the column `kind`, which its CHECK knows. */
static const char *const kinds[] = {
    [CATALOG_SCRATCH_CLUSTER] = "cluster",
    [CATALOG_SCRATCH_DATABASE] = "database",
};

void catalog_scratches_release(struct catalog_scratches *scratches)
{
    for (size_t i = 0; i < scratches->count; i++) {
        free(scratches->items[i].place);
        free(scratches->items[i].name);
        free(scratches->items[i].owner);
    }
    free(scratches->items);
    *scratches = (struct catalog_scratches){0};
}

int catalog_scratch_add(struct catalog *catalog, struct catalog_scratch *scratch,
                        struct err *err)
{
    struct sql sql;
    char owner[OWNER_SIZE];
    if (sql_begin_owned(catalog, owner, err) < 0)
        return -1;
    scratch->created = clock_now();
    sql_prepare(&sql, catalog,
                "INSERT INTO scratches (kind, place, name, owner, created)"
                " VALUES (?, ?, ?, ?, ?)",
                err);
    sql_bind(&sql, "%s %s %s %s %jd", kinds[scratch->kind], scratch->place, scratch->name,
             owner, scratch->created);
    int result = sql_run(&sql, NULL);
    scratch->id = sqlite3_last_insert_rowid(catalog->db);
    return sql_finish(catalog, result, err);
}

int catalog_scratch_forget(struct catalog *catalog, int64_t id, struct err *err)
{
    struct sql sql;
    sql_begin_change(&sql, catalog, "DELETE FROM scratches WHERE id = ?", err);
    sql_bind_int(&sql, id);
    return sql_end_change(&sql, sql_run(&sql, NULL));
}

int catalog_scratches_list(struct catalog *catalog, struct catalog_scratches *out,
                           struct err *err)
{
    struct sql sql;
    sql_prepare(&sql, catalog,
                "SELECT id, kind = 'database', place, name, owner, created FROM scratches"
                " ORDER BY id",
                err);
    while (sql_row(&sql)) {
        struct catalog_scratch *one =
            memory_append(&out->items, &out->count, &out->capacity, sizeof *one);
        /* In the order of the columns. */
        one->id = sql_int(&sql);
        one->kind = sql_int(&sql) != 0 ? CATALOG_SCRATCH_DATABASE : CATALOG_SCRATCH_CLUSTER;
        one->place = sql_text(&sql);
        one->name = sql_text(&sql);
        one->owner = sql_text(&sql);
        one->created = sql_int(&sql);
    }
    return sql_end(&sql);
}
