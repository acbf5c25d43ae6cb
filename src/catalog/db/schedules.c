#include "catalog/db/schedules.h"

#include "catalog/db/sql.h"

int catalog_schedule_get(struct catalog *catalog, const char *job, const char *rule,
                         int64_t *handled, struct err *err)
{
    struct sql sql;
    sql_prepare(&sql, catalog, "SELECT handled FROM schedules WHERE job = ? AND rule = ?",
                err);
    sql_bind_text(&sql, job);
    sql_bind_text(&sql, rule);
    *handled = sql_row(&sql) ? sql_int(&sql) : 0;
    return sql_end(&sql);
}

int catalog_schedule_set(struct catalog *catalog, const char *job, const char *rule,
                         int64_t handled, struct err *err)
{
    struct sql sql;
    sql_begin_change(&sql, catalog,
                     "INSERT INTO schedules (job, rule, handled) VALUES (?, ?, ?)"
                     " ON CONFLICT (job) DO UPDATE SET rule = excluded.rule,"
                     " handled = excluded.handled",
                     err);
    sql_bind_text(&sql, job);
    sql_bind_text(&sql, rule);
    sql_bind_int(&sql, handled);
    return sql_end_change(&sql, sql_run(&sql, NULL));
}
