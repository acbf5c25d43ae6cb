/*
 * Nothing holds a lease but its row: no lock, no open file. A process that is killed leaves
 * it behind, so every question asks whether the owner lives, and rows that are void are
 * removed when a later run comes by.
 */
#include "catalog/leases.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/owner.h"
#include "catalog/copies.h"
#include "catalog/lease_row.h"
#include "catalog/db/sql.h"

/* Its owner lives, or may live and has refreshed it lately. */
static bool is_in_force(const char *owner, int64_t refreshed, int64_t now)
{
    switch (owner_text_state(owner)) {
    /* On this machine it is known for certain, and refreshing means nothing: a restore that
     * waits for hours for a lock in its database is still a restore. */
    case OWNER_DEAD:
        return false;
    case OWNER_ALIVE:
        return true;
    case OWNER_UNKNOWN:
        break;
    }
    /* Another machine or container: only its refreshing shows that it lives. */
    return now - refreshed < CATALOG_LEASE_VOID_S;
}

int catalog_lease_take(struct catalog *catalog, struct catalog_lease *lease,
                       struct err *err)
{
    /* A check may read what is broken: it might be well again. A restore may not. */
    const unsigned broken = 1u << CATALOG_COPY_MISSING | 1u << CATALOG_COPY_DAMAGED;
    unsigned allowed = 1u << CATALOG_COPY_COMPLETE | (lease->unbroken ? 0 : broken);
    struct sql sql;
    struct catalog_copy copy;
    char owner[OWNER_SIZE];
    if (sql_begin_owned(catalog, owner, err) < 0)
        return -1;

    /* The state is read in the transaction that makes the lease: a deletion that was marked
     * before is seen here, and one that comes later sees the lease. */
    int result = catalog_copy_load(catalog, lease->copy, &copy, err);
    if (result == 0 && (allowed & 1u << copy.state) == 0)
        result = err_set(
            err, ERR_UNSAFE, "copy of %s in store \"%s\" is %s: it cannot be read (%s)",
            copy.artifact, copy.store, catalog_copy_state_name(copy.state), lease->purpose);
    catalog_copy_release(&copy);
    if (result < 0)
        return sql_finish(catalog, result, err);

    /* From the commit on no deletion marks this copy (deletions.c asks again in its
     * own). */
    sql_prepare(&sql, catalog,
                "INSERT INTO leases (copy, purpose, owner, taken, refreshed)"
                " VALUES (?1, ?2, ?3, ?4, ?4)",
                err);
    sql_bind(&sql, "%jd %s %s %jd", lease->copy, lease->purpose, owner, clock_now());
    result = sql_run(&sql, NULL);
    lease->id = sqlite3_last_insert_rowid(catalog->db);
    return sql_finish(catalog, result, err);
}

/* By its id, which is never used again: a lease that was taken for void cannot be refreshed
 * into somebody else's. */
int catalog_lease_refresh(struct catalog *catalog, int64_t lease, struct err *err)
{
    struct sql sql;
    int64_t changed = 0;
    sql_begin_change(&sql, catalog, "UPDATE leases SET refreshed = ? WHERE id = ?", err);
    sql_bind(&sql, "%jd %jd", clock_now(), lease);
    int result = sql_run(&sql, &changed);
    if (result == 0 && changed == 0)
        result = err_set(err, ERR_NOT_FOUND,
                         "the lease was not refreshed in time and has been removed");
    return sql_end_change(&sql, result);
}

/* One that is gone already is removed, too. */
static int remove_lease(struct catalog *catalog, int64_t lease, struct err *err)
{
    struct sql sql;
    sql_prepare(&sql, catalog, "DELETE FROM leases WHERE id = ?", err);
    sql_bind_int(&sql, lease);
    return sql_run(&sql, NULL);
}

/* Its row, not a mark on it: leases have no history. */
int catalog_lease_end(struct catalog *catalog, int64_t lease, struct err *err)
{
    if (sql_begin(catalog, err) < 0)
        return -1;
    return sql_finish(catalog, remove_lease(catalog, lease, err), err);
}

int catalog_lease_of(struct catalog *catalog, int64_t copy, int64_t now, char **purpose,
                     struct err *err)
{
    struct sql sql;
    *purpose = NULL;
    /* Whether an owner lives is no question for SQL: all of them are read. */
    sql_prepare(&sql, catalog,
                "SELECT owner, refreshed, purpose FROM leases WHERE copy = ? ORDER BY id",
                err);
    sql_bind_int(&sql, copy);
    while (*purpose == NULL && sql_row(&sql)) {
        char owner[OWNER_SIZE];
        sql_chars(&sql, owner, sizeof owner);
        if (is_in_force(owner, sql_int(&sql), now))
            *purpose = sql_text(&sql);
    }
    return sql_end(&sql);
}

int lease_rows_load(struct catalog *catalog, int64_t now, bool in_force,
                    struct lease_rows *out, struct err *err)
{
    struct sql sql;
    *out = (struct lease_rows){0};
    sql_prepare(&sql, catalog,
                "SELECT id, copy, owner, refreshed, purpose FROM leases ORDER BY copy, id",
                err);
    while (sql_row(&sql)) {
        /* In the order of the columns. */
        char owner[OWNER_SIZE];
        struct lease_row row = {.id = sql_int(&sql)};
        row.copy = sql_int(&sql);
        sql_chars(&sql, owner, sizeof owner);
        if (is_in_force(owner, sql_int(&sql), now) != in_force)
            continue;
        row.purpose = sql_text(&sql);
        memory_grow(&out->items, &out->capacity, out->count + 1, sizeof *out->items);
        out->items[out->count++] = row;
    }
    return sql_end(&sql);
}

void lease_rows_release(struct lease_rows *rows)
{
    for (size_t i = 0; i < rows->count; i++)
        free(rows->items[i].purpose);
    free(rows->items);
    *rows = (struct lease_rows){0};
}

int catalog_leases_purge(struct catalog *catalog, int64_t now, struct err *err)
{
    /* In one transaction: none of them can be refreshed between the look and the
     * removal. */
    struct lease_rows rows;
    if (sql_begin(catalog, err) < 0)
        return -1;
    int result = lease_rows_load(catalog, now, false, &rows, err);
    for (size_t i = 0; result == 0 && i < rows.count; i++)
        result = remove_lease(catalog, rows.items[i].id, err);
    lease_rows_release(&rows);
    return sql_finish(catalog, result, err);
}
