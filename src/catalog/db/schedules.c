/* Of a rule the last time that was dealt with, whether or not its run came to anything:
 * what is due is then a matter of the clock alone. */
#include "catalog/db/schedules.h"

#include "catalog/db/sql.h"

int catalog_schedule_get(struct catalog *catalog, const char *job, const char *rule,
                         int64_t *handled, struct err *err)
{
    struct sql sql;
    sql_prepare(&sql, catalog, "SELECT handled FROM schedules WHERE job = ? AND rule = ?",
                err);
    /* Another rule than the one that is kept: nothing of it was dealt with. */
    sql_bind(&sql, "%s %s", job, rule);
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
    sql_bind(&sql, "%s %s %jd", job, rule, handled);
    return sql_end_change(&sql, sql_run(&sql, NULL));
}
