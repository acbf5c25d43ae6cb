/*
 * Nothing holds a lease but its row: no lock, no open file. A process that is killed leaves
 * it behind, so every question asks whether the owner lives, and rows that are void are
 * removed when somebody comes by.
 */
#include "catalog/leases.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/owner.h"
#include "catalog/copies.h"
#include "catalog/lease_row.h"
#include "catalog/sql.h"

bool lease_row_in_force(const char *owner, int64_t refreshed, int64_t now)
{
    switch (owner_text_state(owner)) {
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

/* The state of the copy, read in the transaction that makes the lease. */
static int check_readable(struct catalog *catalog, int64_t id, const char *purpose,
                          bool unbroken, struct err *err)
{
    const unsigned broken = 1u << CATALOG_COPY_MISSING | 1u << CATALOG_COPY_DAMAGED;
    unsigned allowed = 1u << CATALOG_COPY_COMPLETE | (unbroken ? 0 : broken);
    struct catalog_copy copy;
    int result = catalog_copy_load(catalog, id, &copy, err);
    if (result == 0 && (allowed & 1u << copy.state) == 0)
        result = err_set(err, ERR_UNSAFE,
                         "copy of %s in store \"%s\" is %s: it cannot be "
                         "read (%s)",
                         copy.artifact, copy.store, catalog_copy_state_name(copy.state),
                         purpose);
    catalog_copy_release(&copy);
    return result;
}

static int insert(struct catalog *catalog, int64_t copy, const char *purpose,
                  const char *owner, int64_t *lease, struct err *err)
{
    struct sql sql;
    sql_prepare(&sql, catalog,
                "INSERT INTO leases (copy, purpose, owner, taken, refreshed)"
                " VALUES (?1, ?2, ?3, ?4, ?4)",
                err);
    sql_bind_int(&sql, copy);
    sql_bind_text(&sql, purpose);
    sql_bind_text(&sql, owner);
    sql_bind_int(&sql, clock_now());
    int result = sql_run(&sql, NULL);
    *lease = sqlite3_last_insert_rowid(catalog->db);
    return result;
}

int catalog_lease_take(struct catalog *catalog, int64_t copy, const char *purpose,
                       bool unbroken, int64_t *lease, struct err *err)
{
    char owner[OWNER_SIZE];
    struct owner self;
    if (owner_self(&self, err) < 0 || sql_begin(catalog, err) < 0)
        return -1;
    owner_text(owner, &self);
    int result = check_readable(catalog, copy, purpose, unbroken, err);
    if (result == 0)
        result = insert(catalog, copy, purpose, owner, lease, err);
    return sql_finish(catalog, result, err);
}

int catalog_lease_refresh(struct catalog *catalog, int64_t lease, struct err *err)
{
    struct sql sql;
    int64_t changed = 0;
    if (sql_begin(catalog, err) < 0)
        return -1;
    sql_prepare(&sql, catalog, "UPDATE leases SET refreshed = ? WHERE id = ?", err);
    sql_bind_int(&sql, clock_now());
    sql_bind_int(&sql, lease);
    int result = sql_run(&sql, &changed);
    if (result == 0 && changed == 0)
        result = err_set(err, ERR_NOT_FOUND,
                         "the lease was not refreshed in time and has been removed");
    return sql_finish(catalog, result, err);
}

static int remove_lease(struct catalog *catalog, int64_t lease, struct err *err)
{
    struct sql sql;
    sql_prepare(&sql, catalog, "DELETE FROM leases WHERE id = ?", err);
    sql_bind_int(&sql, lease);
    return sql_run(&sql, NULL);
}

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
    sql_prepare(&sql, catalog,
                "SELECT owner, refreshed, purpose FROM leases WHERE copy = ? ORDER BY id",
                err);
    sql_bind_int(&sql, copy);
    while (*purpose == NULL && sql_row(&sql)) {
        char owner[OWNER_SIZE];
        sql_chars(&sql, owner, sizeof owner);
        if (lease_row_in_force(owner, sql_int(&sql), now))
            *purpose = sql_text(&sql);
    }
    return sql_end(&sql);
}

static void grow(struct lease_rows *rows)
{
    memory_grow(&rows->items, &rows->capacity, rows->count + 1, sizeof *rows->items);
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
        char owner[OWNER_SIZE];
        struct lease_row row = {.id = sql_int(&sql)};
        row.copy = sql_int(&sql);
        sql_chars(&sql, owner, sizeof owner);
        if (lease_row_in_force(owner, sql_int(&sql), now) != in_force)
            continue;
        row.purpose = sql_text(&sql);
        grow(out);
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

static int purge(struct catalog *catalog, int64_t now, struct err *err)
{
    struct lease_rows rows;
    int result = lease_rows_load(catalog, now, false, &rows, err);
    for (size_t i = 0; result == 0 && i < rows.count; i++)
        result = remove_lease(catalog, rows.items[i].id, err);
    lease_rows_release(&rows);
    return result;
}

int catalog_leases_purge(struct catalog *catalog, int64_t now, struct err *err)
{
    if (sql_begin(catalog, err) < 0)
        return -1;
    return sql_finish(catalog, purge(catalog, now, err), err);
}
