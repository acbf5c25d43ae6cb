/*
 * Facts are kept as text in one small table, so that a new one needs no new schema.
 */
#include "catalog/db/facts.h"

#include "base/memory.h"
#include "catalog/db/sql.h"

#define FACTS_TIME "catalog.highest_time" /* guard G4 */

/* ---- for the catalog's own folders ---- */

int facts_number(struct catalog *catalog, const char *key, int64_t *out, struct err *err)
{
    struct sql sql;
    /* What is no number reads as 0, as what is absent does. */
    sql_prepare(&sql, catalog, "SELECT CAST(value AS INTEGER) FROM settings WHERE key = ?",
                err);
    sql_bind_text(&sql, key);
    *out = sql_row(&sql) ? sql_int(&sql) : 0;
    return sql_end(&sql);
}

/* Inside of a transaction. */
static int write_text(struct catalog *catalog, const char *key, const char *value,
                      struct err *err)
{
    struct sql sql;
    sql_prepare(&sql, catalog,
                "INSERT INTO settings (key, value) VALUES (?, ?)"
                " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                err);
    sql_bind(&sql, "%s %s", key, value);
    return sql_run(&sql, NULL);
}

static int write_number(struct catalog *catalog, const char *key, int64_t value,
                        struct err *err)
{
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)value);
    return write_text(catalog, key, text, err);
}

/* Neither the sequence nor the highest time may ever go back: two rows would be equally
 * new, and a wrong clock would not be noticed. */
int facts_raise(struct catalog *catalog, const char *key, int64_t value, struct err *err)
{
    int64_t known = 0;
    if (facts_number(catalog, key, &known, err) < 0)
        return -1;
    return value > known ? write_number(catalog, key, value, err) : 0;
}

/* ---- for everybody ---- */

/* NULL is "never set", another thing than an empty text. */
int catalog_setting_get(struct catalog *catalog, const char *key, char **value,
                        struct err *err)
{
    struct sql sql;
    sql_prepare(&sql, catalog, "SELECT value FROM settings WHERE key = ?", err);
    sql_bind_text(&sql, key);
    *value = sql_row(&sql) ? sql_text(&sql) : NULL;
    return sql_end(&sql);
}

int catalog_setting_set(struct catalog *catalog, const char *key, const char *value,
                        struct err *err)
{
    struct sql sql;
    if (sql_begin(catalog, err) < 0)
        return -1;
    /* NULL takes it away: an empty value is a value. */
    if (value != NULL)
        return sql_finish(catalog, write_text(catalog, key, value, err), err);
    sql_prepare(&sql, catalog, "DELETE FROM settings WHERE key = ?", err);
    sql_bind_text(&sql, key);
    return sql_finish(catalog, sql_run(&sql, NULL), err);
}

int catalog_time_highest(struct catalog *catalog, int64_t *highest, struct err *err)
{
    return facts_number(catalog, FACTS_TIME, highest, err);
}

int catalog_time_seen(struct catalog *catalog, int64_t now, struct err *err)
{
    if (sql_begin(catalog, err) < 0)
        return -1;
    return sql_finish(catalog, facts_raise(catalog, FACTS_TIME, now, err), err);
}

/* The one way back, by the user's word. */
int catalog_time_reset(struct catalog *catalog, int64_t now, struct err *err)
{
    if (sql_begin(catalog, err) < 0)
        return -1;
    return sql_finish(catalog, write_number(catalog, FACTS_TIME, now, err), err);
}
