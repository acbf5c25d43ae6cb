/* Rows below a run; they go with it (ON DELETE CASCADE). */
#include "catalog/run_databases.h"

#include "base/memory.h"
#include "catalog/db/record.h"

static const char *const outcome_names[CATALOG_RUN_OUTCOMES] = {
    /* the first of every run; what stays so was never come to: the run was killed */
    [CATALOG_RUN_EXPECTED] = "expected",
    [CATALOG_RUN_DUMPED] = "dumped",
    [CATALOG_RUN_MISSED] = "missed",
    [CATALOG_RUN_GONE] = "gone", /* it had backups, and the server has it no more */
};

/* As catalog_run_databases_last asks for them. */
#define AT(field) offsetof(struct catalog_run_database, field)
static const struct record_column columns[] = {
    {"run", RECORD_INT, 0, AT(run), 0, NULL},
    {"job", RECORD_TEXT, 0, AT(job), 0, NULL},
    {"started", RECORD_INT, 0, AT(started), 0, NULL},
    {"ended", RECORD_INT, 0, AT(ended), 0, NULL},
    {"database", RECORD_TEXT, 0, AT(database), 0, NULL},
    {"type", RECORD_TEXT, 0, AT(type), 0, NULL},
    {"partial", RECORD_BOOL, 0, AT(partial), 0, NULL},
    {"outcome", RECORD_WORD, 0, AT(outcome), CATALOG_RUN_OUTCOMES, outcome_names},
    {"message", RECORD_TEXT, 0, AT(message), 0, NULL},
};
static const struct record record = {columns, sizeof columns / sizeof *columns};

void catalog_run_databases_release(struct catalog_run_databases *databases)
{
    for (size_t i = 0; i < databases->count; i++)
        record_release(&record, &databases->items[i]);
    free(databases->items);
    *databases = (struct catalog_run_databases){0};
}

int catalog_run_expect(struct catalog *catalog, const struct catalog_run_database *database,
                       struct err *err)
{
    struct sql sql;
    /* A source that names a database twice has it once. */
    sql_begin_change(&sql, catalog,
                     "INSERT INTO run_databases (run, database, type, partial, outcome)"
                     " VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
                     " partial = excluded.partial, outcome = excluded.outcome",
                     err);
    sql_bind(&sql, "%jd %s %s %d %s", database->run, database->database, database->type,
             database->partial, outcome_names[database->outcome]);
    return sql_end_change(&sql, sql_run(&sql, NULL));
}

int catalog_run_found(struct catalog *catalog, const struct catalog_run_database *database,
                      struct err *err)
{
    struct sql sql;
    /* What was not expected has no row, and gets none: it is no database of this run. */
    sql_begin_change(&sql, catalog,
                     "UPDATE run_databases SET outcome = ?, message = ?"
                     " WHERE run = ? AND database = ? AND type = ?",
                     err);
    sql_bind(&sql, "%s %s %jd %s %s", outcome_names[database->outcome], database->message,
             database->run, database->database, database->type);
    return sql_end_change(&sql, sql_run(&sql, NULL));
}

/* In the order of the columns above. */
static int read_all(struct sql *sql, struct catalog_run_databases *out)
{
    while (sql_row(sql)) {
        struct catalog_run_database *database =
            memory_append(&out->items, &out->count, &out->capacity, sizeof *database);
        record_read(sql, &record, database);
    }
    return sql_end(sql);
}

int catalog_run_databases_last(struct catalog *catalog, struct catalog_run_databases *out,
                               struct err *err)
{
    struct sql sql;
    /* Of each job the last run that has ended; one under way has not missed anything yet.
     * By type, since `--type schema` now and then is another run than the job's own. */
    sql_prepare(&sql, catalog,
                "WITH last AS (SELECT max(d.run) AS run, r.job AS job, d.type AS type"
                " FROM run_databases d JOIN runs r ON r.id = d.run"
                " WHERE d.partial = 0 AND r.ended > 0 GROUP BY r.job, d.type)"
                " SELECT d.run, r.job, r.started, r.ended, d.database, d.type, d.partial,"
                " d.outcome, d.message FROM last JOIN run_databases d"
                " ON d.run = last.run AND d.type = last.type AND d.partial = 0"
                " JOIN runs r ON r.id = d.run ORDER BY r.job, d.type, d.database",
                err);
    return read_all(&sql, out);
}

int catalog_run_databases_of(struct catalog *catalog, int64_t run,
                             struct catalog_run_databases *out, struct err *err)
{
    struct sql sql;
    sql_prepare(&sql, catalog,
                "SELECT d.run, r.job, r.started, r.ended, d.database, d.type, d.partial,"
                " d.outcome, d.message FROM run_databases d JOIN runs r ON r.id = d.run"
                " WHERE d.run = ? ORDER BY d.type, d.database",
                err);
    sql_bind_int(&sql, run);
    return read_all(&sql, out);
}
