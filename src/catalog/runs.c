/*
 * A run is written twice: when it begins, with its owner, and when it ends. What is between
 * the two of a process that was killed is told by its artifacts and copies, not here.
 */
#include "catalog/runs.h"

#include "base/clock.h"
#include "base/memory.h"
#include "catalog/db/record.h"

/* Only read by this table: both writes are statements of their own. */
static const struct record_column columns[] = {
    {"id", RECORD_INT, 0, offsetof(struct catalog_run, id), 0, NULL},
    {"kind", RECORD_TEXT, 0, offsetof(struct catalog_run, kind), 0, NULL},
    {"job", RECORD_TEXT, 0, offsetof(struct catalog_run, job), 0, NULL},
    {"started", RECORD_INT, 0, offsetof(struct catalog_run, started), 0, NULL},
    {"ended", RECORD_INT, 0, offsetof(struct catalog_run, ended), 0, NULL},
    {"owner", RECORD_TEXT, 0, offsetof(struct catalog_run, owner), 0, NULL},
    {"exit_status", RECORD_INT, 0, offsetof(struct catalog_run, exit_status), 0, NULL},
    {"message", RECORD_TEXT, 0, offsetof(struct catalog_run, message), 0, NULL},
};
static const struct record record = {columns, sizeof columns / sizeof *columns};

void catalog_runs_release(struct catalog_runs *runs)
{
    for (size_t i = 0; i < runs->count; i++)
        record_release(&record, &runs->items[i]);
    free(runs->items);
    *runs = (struct catalog_runs){0};
}

int catalog_run_begin(struct catalog *catalog, const char *kind, const char *job,
                      int64_t *id, struct err *err)
{
    struct sql sql;
    char owner[OWNER_SIZE];
    if (sql_begin_owned(catalog, owner, err) < 0)
        return -1;
    /* An exit status of -1 is none yet; ended 0: it has not. */
    sql_prepare(&sql, catalog,
                "INSERT INTO runs (kind, job, started, ended, owner, exit_status)"
                " VALUES (?, ?, ?, 0, ?, -1)",
                err);
    sql_bind_text(&sql, kind);
    sql_bind_text(&sql, job);
    sql_bind_int(&sql, clock_now());
    sql_bind_text(&sql, owner);
    int result = sql_run(&sql, NULL);
    *id = sqlite3_last_insert_rowid(catalog->db);
    return sql_finish(catalog, result, err);
}

int catalog_run_end(struct catalog *catalog, int64_t id, int exit_status,
                    const char *message, struct err *err)
{
    struct sql sql;
    int64_t changed = 0;
    /* Never before its start, also when the clock was set back meanwhile. */
    sql_begin_change(&sql, catalog,
                     "UPDATE runs SET ended = max(?, started), exit_status = ?, message = ?"
                     " WHERE id = ? AND ended = 0",
                     err);
    sql_bind_int(&sql, clock_now());
    sql_bind_int(&sql, exit_status);
    sql_bind_text(&sql, message);
    sql_bind_int(&sql, id);
    /* Once: the first end is what became of it, and was told to whoever watched. */
    int result = sql_run(&sql, &changed);
    if (result == 0 && changed == 0)
        result = err_set(err, ERR_UNSAFE, "run %lld has ended already", (long long)id);
    return sql_end_change(&sql, result);
}

int catalog_runs_list(struct catalog *catalog, const struct catalog_run_filter *filter,
                      struct catalog_runs *out, struct err *err)
{
    struct sql sql;
    sql_prepare(&sql, catalog,
                "SELECT id, kind, job, started, ended, owner, exit_status, message"
                " FROM runs WHERE (?1 IS NULL OR kind = ?1) AND (?2 IS NULL OR job = ?2)"
                /* by id, not by time: a clock that went back does not hide the last run */
                " ORDER BY id DESC LIMIT ?3",
                err);
    /* A condition whose value is NULL is true for all rows: one text for every filter. */
    sql_bind_text(&sql, filter->kind);
    sql_bind_text(&sql, filter->job);
    sql_bind_int(&sql, filter->limit > 0 ? filter->limit : -1);
    while (sql_row(&sql)) {
        memory_grow(&out->items, &out->capacity, out->count + 1, sizeof *out->items);
        struct catalog_run *run = &out->items[out->count++];
        *run = (struct catalog_run){0};
        record_read(&sql, &record, run);
        /* One without an end whose owner is dead was killed. */
        run->owner_state = run->ended == 0 ? owner_text_state(run->owner) : OWNER_DEAD;
    }
    return sql_end(&sql);
}

int catalog_runs_purge(struct catalog *catalog, int64_t before, struct err *err)
{
    struct sql sql;
    /* One that is named by a tombstone or a check stays until that goes, too. */
    sql_begin_change(&sql, catalog,
                     "DELETE FROM runs WHERE ended > 0 AND ended < ?"
                     " AND NOT EXISTS (SELECT 1 FROM copies WHERE delete_run = runs.id)"
                     " AND NOT EXISTS (SELECT 1 FROM verifications WHERE run = runs.id)",
                     err);
    sql_bind_int(&sql, before);
    return sql_end_change(&sql, sql_run(&sql, NULL));
}
