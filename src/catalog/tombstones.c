/* Removing the rows of what was deleted long ago. */
#include "catalog/deletions.h"

#include "catalog/leases.h"
#include "catalog/sql.h"

static int run_before(struct catalog *catalog, const char *text, int64_t before,
                      int64_t *changed, struct err *err)
{
    struct sql sql;
    sql_prepare(&sql, catalog, text, err);
    sql_bind_int(&sql, before);
    return sql_run(&sql, changed);
}

#define OLD_COPIES "(SELECT id FROM copies WHERE state = 'deleted' AND deleted < ?)"
#define OLD_ARTIFACTS                                                                      \
    "(SELECT number FROM artifacts WHERE status = 'deleted' AND status <> 'complete'"      \
    " AND updated < ?"                                                                     \
    " AND NOT EXISTS (SELECT 1 FROM copies WHERE artifact = artifacts.number))"

static int purge(struct catalog *catalog, int64_t before, int64_t *count, struct err *err)
{
    static const char *const children[] = {
        "DELETE FROM leases WHERE copy IN " OLD_COPIES,
        "DELETE FROM verifications WHERE copy IN " OLD_COPIES,
        "DELETE FROM copies WHERE id IN " OLD_COPIES,
        "DELETE FROM tags WHERE artifact IN " OLD_ARTIFACTS,
        "DELETE FROM filters WHERE artifact IN " OLD_ARTIFACTS,
        "DELETE FROM tables WHERE artifact IN " OLD_ARTIFACTS,
        "DELETE FROM artifacts WHERE number IN " OLD_ARTIFACTS,
    };
    for (size_t i = 0; i < sizeof children / sizeof *children; i++)
        if (run_before(catalog, children[i], before, count, err) < 0)
            return -1;
    return 0;
}

int catalog_tombstones_purge(struct catalog *catalog, int64_t before, size_t *count,
                             struct err *err)
{
    int64_t removed = 0;
    if (sql_begin(catalog, err) < 0)
        return -1;
    int result = sql_finish(catalog, purge(catalog, before, &removed, err), err);
    if (count != NULL)
        *count = result == 0 ? (size_t)removed : 0;
    return result;
}
