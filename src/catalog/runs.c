/*
 * A run is written when it is asked for, when it begins, with its owner, and when it ends. What
 * is between of a process that was killed is told by its artifacts and copies, not here.
 */
#include "catalog/runs.h"

#include "base/clock.h"
#include "base/memory.h"
#include "catalog/db/record.h"
#include "catalog/db/totals.h"

static const char *const state_names[CATALOG_RUN_STATES] = {
    [CATALOG_RUN_PENDING] = "pending",     [CATALOG_RUN_RUNNING] = "running",
    [CATALOG_RUN_COMPLETE] = "complete",   [CATALOG_RUN_FAILED] = "failed",
    [CATALOG_RUN_CANCELLED] = "cancelled",
};
static const char *const cause_names[CATALOG_RUN_CAUSES] = {
    [CATALOG_RUN_BY_CLI] = "cli",
    [CATALOG_RUN_BY_SCHEDULE] = "schedule",
    [CATALOG_RUN_BY_RETRY] = "retry",
    [CATALOG_RUN_BY_API] = "api",
};

const char *catalog_run_state_name(enum catalog_run_state state)
{
    return state_names[state];
}

const char *catalog_run_cause_name(enum catalog_run_cause cause)
{
    return cause_names[cause];
}

/* Only read by this table: each write is a statement of its own. */
#define AT(field) offsetof(struct catalog_run, field)
static const struct record_column columns[] = {
    {"id", RECORD_INT, 0, AT(id), 0, NULL},
    {"kind", RECORD_TEXT, 0, AT(kind), 0, NULL},
    {"job", RECORD_TEXT, 0, AT(job), 0, NULL},
    {"state", RECORD_WORD, 0, AT(state), CATALOG_RUN_STATES, state_names},
    {"cause", RECORD_WORD, 0, AT(cause), CATALOG_RUN_CAUSES, cause_names},
    {"requested", RECORD_INT, 0, AT(requested), 0, NULL},
    {"due", RECORD_INT, 0, AT(due), 0, NULL},
    {"retry", RECORD_INT, 0, AT(retry), 0, NULL},
    {"started", RECORD_INT, 0, AT(started), 0, NULL},
    {"ended", RECORD_INT, 0, AT(ended), 0, NULL},
    {"owner", RECORD_TEXT, 0, AT(owner), 0, NULL},
    {"exit_status", RECORD_INT, 0, AT(exit_status), 0, NULL},
    {"message", RECORD_TEXT, 0, AT(message), 0, NULL},
    {"cancel", RECORD_INT, 0, AT(cancel), 0, NULL},
    {"CASE WHEN ?5 THEN log END", RECORD_TEXT, 0, AT(log), 0, NULL},
};
static const struct record record = {columns, sizeof columns / sizeof *columns};

void catalog_runs_release(struct catalog_runs *runs)
{
    for (size_t i = 0; i < runs->count; i++)
        record_release(&record, &runs->items[i]);
    free(runs->items);
    *runs = (struct catalog_runs){0};
}

/* ---- begin and end ---- */

int catalog_run_begin(struct catalog *catalog, const char *kind, const char *job,
                      int64_t *id, struct err *err)
{
    struct sql sql;
    char owner[OWNER_SIZE];
    if (sql_begin_owned(catalog, owner, err) < 0)
        return -1;
    /* An exit status of -1 is none yet; ended 0: it has not. */
    sql_prepare(
        &sql, catalog,
        "INSERT INTO runs (kind, job, state, cause, requested, started, ended, owner,"
        " exit_status) VALUES (?1, ?2, 'running', 'cli', ?3, ?3, 0, ?4, -1)",
        err);
    sql_bind(&sql, "%s %s %jd %s", kind, job, clock_now(), owner);
    int result = sql_run(&sql, NULL);
    *id = sqlite3_last_insert_rowid(catalog->db);
    return sql_finish(catalog, result, err);
}

int catalog_run_request(struct catalog *catalog, const struct catalog_run *wish,
                        int64_t *id, struct err *err)
{
    struct sql sql;
    char owner[OWNER_SIZE];
    if (sql_begin_owned(catalog, owner, err) < 0)
        return -1;
    /* It has no begin; until then its owner is whoever asks: when that one dies, nobody begins
     * it. */
    sql_prepare(
        &sql, catalog,
        "INSERT INTO runs (kind, job, state, cause, requested, due, retry, started,"
        " ended, owner, exit_status) VALUES (?, ?, 'pending', ?, ?, ?, ?, 0, 0, ?, -1)",
        err);
    sql_bind(&sql, "%s %s %s %jd %jd %jd %s", wish->kind, wish->job,
             cause_names[wish->cause], clock_now(), wish->due, wish->retry, owner);
    int result = sql_run(&sql, NULL);
    *id = sqlite3_last_insert_rowid(catalog->db);
    return sql_finish(catalog, result, err);
}

int catalog_run_take(struct catalog *catalog, const struct catalog_run *seen, bool *taken,
                     struct err *err)
{
    struct sql sql;
    char owner[OWNER_SIZE];
    int64_t changed = 0;
    if (sql_begin_owned(catalog, owner, err) < 0)
        return -1;
    /* From the owner that was seen: of two that try, one finds no row. */
    sql_prepare(
        &sql, catalog,
        "UPDATE runs SET owner = ? WHERE id = ? AND state = 'pending' AND owner = ?", err);
    sql_bind(&sql, "%s %jd %s", owner, seen->id, seen->owner != NULL ? seen->owner : "");
    int result = sql_run(&sql, &changed);
    *taken = changed > 0;
    return sql_finish(catalog, result, err);
}

/* What state is it in? ERR_NOT_FOUND. */
static int read_state(struct catalog *catalog, int64_t id, enum catalog_run_state *state,
                      struct err *err)
{
    struct sql sql;
    char word[16] = ""; /* no row: no word is one of the states */
    sql_prepare(&sql, catalog, "SELECT state FROM runs WHERE id = ?", err);
    sql_bind_int(&sql, id);
    if (sql_row(&sql))
        sql_chars(&sql, word, sizeof word);
    if (sql_end(&sql) < 0)
        return -1;
    for (unsigned i = 0; i < CATALOG_RUN_STATES; i++) {
        if (strcmp(word, state_names[i]) == 0) {
            *state = (enum catalog_run_state)i;
            return 0;
        }
    }
    return err_set(err, ERR_NOT_FOUND, "there is no run %lld", (long long)id);
}

int catalog_run_start(struct catalog *catalog, int64_t id, struct err *err)
{
    struct sql sql;
    char owner[OWNER_SIZE];
    int64_t changed = 0;
    enum catalog_run_state state = CATALOG_RUN_PENDING;
    if (sql_begin_owned(catalog, owner, err) < 0)
        return -1;
    /* pending -> running: of two that try, one finds no row. */
    sql_prepare(&sql, catalog,
                "UPDATE runs SET state = 'running', started = ?, owner = ?"
                " WHERE id = ? AND state = 'pending'",
                err);
    sql_bind(&sql, "%jd %s %jd", clock_now(), owner, id);
    int result = sql_run(&sql, &changed);
    /* Somebody was faster, with the run or with its end. */
    if (result == 0 && changed == 0) {
        result = -1;
        if (read_state(catalog, id, &state, err) == 0)
            err_set(err, state == CATALOG_RUN_CANCELLED ? ERR_CANCELLED : ERR_UNSAFE,
                    "run %lld is %s already", (long long)id, state_names[state]);
    }
    return sql_finish(catalog, result, err);
}

/* It follows from the exit status, so that the two cannot differ: 130 and 143 are those of
 * somebody's wish. */
static enum catalog_run_state state_of(int exit_status)
{
    if (exit_status == 0)
        return CATALOG_RUN_COMPLETE;
    return exit_status == 130 || exit_status == 143 ? CATALOG_RUN_CANCELLED
                                                    : CATALOG_RUN_FAILED;
}

/* 1: it has ended by this; 0: it had ended before, and keeps that end. */
static int write_end(struct catalog *catalog, int64_t id, int exit_status,
                     const char *message, struct err *err)
{
    struct sql sql;
    int64_t changed = 0;
    /* Never before its start, also when the clock was set back meanwhile. */
    sql_begin_change(
        &sql, catalog,
        "UPDATE runs SET ended = max(?, started), exit_status = ?, message = ?, state = ?"
        " WHERE id = ? AND ended = 0",
        err);
    sql_bind(&sql, "%jd %d %s %s %jd", clock_now(), exit_status, message,
             state_names[state_of(exit_status)], id);
    int result = sql_end_change(&sql, sql_run(&sql, &changed));
    return result < 0 ? -1 : changed > 0;
}

int catalog_run_end(struct catalog *catalog, int64_t id, int exit_status,
                    const char *message, struct err *err)
{
    int ended = write_end(catalog, id, exit_status, message, err);
    /* Somebody took us for dead meanwhile, or ended us by name: not to be passed over. */
    if (ended == 0)
        return err_set(err, ERR_UNSAFE, "run %lld has ended already", (long long)id);
    return ended < 0 ? -1 : 0;
}

/* Somebody else writes how it ended. Whoever was asked to end has ended by that, however it
 * looks: a child that did not hear in time was killed. The owner, when there is one, is that of
 * the row as it was looked at: whoever has begun it since is not to be ended. */
static int settle(struct catalog *catalog, int64_t id, const char *owner, int exit_status,
                  const char *message, struct err *err)
{
    struct sql sql;
    sql_begin_change(
        &sql, catalog,
        "UPDATE runs SET ended = max(?1, started), message = ?2,"
        " exit_status = CASE WHEN cancel <> 0 AND ?3 <> 0 THEN 143 ELSE ?3 END,"
        " state = CASE WHEN cancel <> 0 AND ?3 <> 0 THEN 'cancelled' ELSE ?4 END"
        " WHERE id = ?5 AND ended = 0 AND (?6 IS NULL OR owner = ?6)",
        err);
    sql_bind(&sql, "%jd %s %d %s %jd %s", clock_now(), message, exit_status,
             state_names[state_of(exit_status)], id, owner);
    return sql_end_change(&sql, sql_run(&sql, NULL));
}

int catalog_run_settle(struct catalog *catalog, int64_t id, int exit_status,
                       const char *message, struct err *err)
{
    return settle(catalog, id, NULL, exit_status, message, err);
}

int catalog_run_settle_seen(struct catalog *catalog, const struct catalog_run *seen,
                            int exit_status, const char *message, struct err *err)
{
    return settle(catalog, seen->id, seen->owner, exit_status, message, err);
}

int catalog_run_set_log(struct catalog *catalog, int64_t id, const char *log,
                        struct err *err)
{
    struct sql sql;
    size_t length = strlen(log);
    /* Of a long one the end: that is where it says what went wrong. */
    sql_begin_change(&sql, catalog, "UPDATE runs SET log = ? WHERE id = ?", err);
    sql_bind(&sql, "%s %jd",
             length > CATALOG_LOG_MAX ? log + (length - CATALOG_LOG_MAX) : log, id);
    return sql_end_change(&sql, sql_run(&sql, NULL));
}

/* ---- cancel ---- */

int catalog_run_cancel(struct catalog *catalog, int64_t id, enum catalog_run_state *state,
                       struct err *err)
{
    struct sql sql;
    if (sql_begin(catalog, err) < 0)
        return -1;
    /* One that nobody has begun ends here and now; whoever wanted to begin it finds
     * that. */
    sql_prepare(&sql, catalog,
                "UPDATE runs SET state = 'cancelled', ended = ?, exit_status = 143,"
                " message = 'cancelled before it began' WHERE id = ? AND state = 'pending'",
                err);
    sql_bind(&sql, "%jd %jd", clock_now(), id);
    int result = sql_run(&sql, NULL);
    /* One that runs is only asked: its own process sees the row, and ends it when it
     * has. */
    if (result == 0) {
        sql_prepare(&sql, catalog,
                    "UPDATE runs SET cancel = ? WHERE id = ? AND state = 'running'"
                    " AND cancel = 0",
                    err);
        sql_bind(&sql, "%jd %jd", clock_now(), id);
        result = sql_run(&sql, NULL);
    }
    /* What it is now, for whoever asked: cancelled, running, or over before. */
    if (result == 0)
        result = read_state(catalog, id, state, err);
    return sql_finish(catalog, result, err);
}

int catalog_run_cancel_asked(struct catalog *catalog, int64_t id, bool *asked,
                             struct err *err)
{
    struct sql sql;
    /* A row that is gone asks for nothing. */
    sql_prepare(&sql, catalog, "SELECT cancel FROM runs WHERE id = ?", err);
    sql_bind_int(&sql, id);
    *asked = sql_row(&sql) && sql_int(&sql) != 0;
    return sql_end(&sql);
}

int catalog_run_of_artifact(struct catalog *catalog, const char *artifact, int64_t *id,
                            struct err *err)
{
    struct sql sql;
    /* One process has one run at a time. */
    sql_prepare(&sql, catalog,
                "SELECT runs.id FROM artifacts JOIN runs ON runs.owner = artifacts.owner"
                " WHERE artifacts.id = ? AND artifacts.status = 'running'"
                " AND runs.state = 'running' ORDER BY runs.id DESC",
                err);
    sql_bind_text(&sql, artifact);
    *id = sql_row(&sql) ? sql_int(&sql) : 0;
    return sql_end(&sql);
}

/* ---- lists ---- */

int catalog_runs_list(struct catalog *catalog, const struct catalog_run_filter *filter,
                      struct catalog_runs *out, struct err *err)
{
    struct sql sql;
    struct text question;
    unsigned all_but_pending = CATALOG_RUN_ANY - CATALOG_RUN_BIT(CATALOG_RUN_PENDING);
    text_init(&question, 1 << 16);
    /* A condition whose value is NULL or 0 is true for all rows: one text for every
     * filter. */
    text_add(&question, "SELECT ");
    record_add_columns(&question, &record, "");
    text_add(&question,
             " FROM runs WHERE (?1 IS NULL OR kind = ?1) AND (?2 IS NULL OR job = ?2)"
             " AND (?3 = 0 OR id = ?3)"
             " AND (?4 >> CASE state WHEN 'pending' THEN 0 WHEN 'running' THEN 1"
             " WHEN 'complete' THEN 2 WHEN 'failed' THEN 3 ELSE 4 END) & 1"
             " AND (?7 = 0 OR NOT (started = 0 AND exit_status = 7 AND cause = 'cli'))"
             /* however many runs other jobs had since */
             " AND (NOT ?8 OR id IN (SELECT max(id) FROM runs WHERE kind = ?1"
             " AND state <> 'pending' AND exit_status <> 7"
             " AND NOT (state = 'cancelled' AND started = 0) GROUP BY job))"
             /* by id, not by time: a clock that went back does not hide the last run */
             " ORDER BY id DESC LIMIT ?6");
    sql_prepare(&sql, catalog, question.data, err);
    sql_bind(&sql, "%s %s %jd %d %d %jd %d %d", filter->kind, filter->job, filter->id,
             filter->states != 0 ? filter->states : all_but_pending, filter->with_log,
             filter->limit > 0 ? filter->limit : -1, filter->attempts,
             filter->last_of_jobs);
    while (sql_row(&sql)) {
        struct catalog_run *run =
            memory_append(&out->items, &out->count, &out->capacity, sizeof *run);
        record_read(&sql, &record, run);
        /* One without an end whose owner is dead was killed. */
        run->owner_state = run->ended == 0 ? owner_text_state(run->owner) : OWNER_DEAD;
    }
    text_release(&question);
    return sql_end(&sql);
}

int catalog_run_load(struct catalog *catalog, int64_t id, struct catalog_runs *out,
                     struct err *err)
{
    const struct catalog_run_filter filter = {.id = id, .states = CATALOG_RUN_ANY};
    catalog_runs_release(out);
    return catalog_runs_list(catalog, &filter, out, err);
}

int catalog_runs_count(struct catalog *catalog, const char *kind, const char *job,
                       struct catalog_run_counts *out, struct err *err)
{
    struct sql sql;
    *out = (struct catalog_run_counts){0};
    /* Without a row sum() is NULL, and what was never run is 0. Those that were purged stand as
     * "KIND STATE" beside the rows. */
    sql_prepare(&sql, catalog,
                "SELECT coalesce(sum(n), 0), coalesce(sum(n * (state = 'complete')), 0),"
                " coalesce(sum(n * (state = 'failed')), 0),"
                " coalesce(sum(n * (state = 'cancelled')), 0)"
                " FROM (SELECT state, 1 AS n FROM runs WHERE job = ?1 AND kind = ?2"
                " AND ended > 0 UNION ALL SELECT substr(label, length(?2) + 2), value"
                " FROM totals WHERE name = ?3 AND job = ?1 AND label LIKE ?2 || ' %')",
                err);
    sql_bind(&sql, "%s %s %s", job, kind, TOTALS_RUNS);
    if (sql_row(&sql)) {
        out->total = sql_int(&sql);
        out->complete = sql_int(&sql);
        out->failed = sql_int(&sql);
        out->cancelled = sql_int(&sql);
    }
    return sql_end(&sql);
}

/* What is about to be removed, and what is counted of it before: the same rows. */
#define PURGED                                                                             \
    "ended > 0 AND ended < ?1"                                                             \
    " AND NOT EXISTS (SELECT 1 FROM copies WHERE delete_run = runs.id)"                    \
    " AND NOT EXISTS (SELECT 1 FROM verifications WHERE run = runs.id)"

int catalog_runs_purge(struct catalog *catalog, int64_t before, struct err *err)
{
    struct sql sql;
    /* Statistics of a job are of all its runs. */
    sql_begin_change(&sql, catalog,
                     "INSERT INTO totals (name, job, label, value)"
                     " SELECT ?2, job, kind || ' ' || state, count(*) FROM runs"
                     " WHERE job IS NOT NULL AND " PURGED " GROUP BY job, kind, state"
                     " ON CONFLICT (name, job, label) DO UPDATE SET value = value +"
                     " excluded.value",
                     err);
    sql_bind(&sql, "%jd %s", before, TOTALS_RUNS);
    int result = sql_run(&sql, NULL);
    /* One that is named by a tombstone or a check stays until that goes, too. */
    if (result == 0) {
        struct sql purge;
        sql_prepare(&purge, catalog, "DELETE FROM runs WHERE " PURGED, err);
        sql_bind_int(&purge, before);
        result = sql_run(&purge, NULL);
    }
    return sql_end_change(&sql, result);
}
