/*
 * Statements are prepared once per connection, kept up to CACHE_LIMIT and found again by
 * their text. An error sticks to the struct sql, so that callers bind and step without a
 * check after every line and look once, at the end.
 *
 * Transactions nest by depth: the outermost is BEGIN IMMEDIATE, which takes the write lock
 * at once, because a reader that wants to become a writer later can lose to another one and
 * would have to start all over; inner ones are savepoints.
 */
#include "catalog/db/sql.h"

#include "base/cancel.h"
#include "base/clock.h"
#include "base/memory.h"

#include <assert.h>
#include <stdarg.h>
#include <errno.h>

#define WAIT_MS 30000
#define WAIT_CANCELLED_MS 1000 /* what was cancelled still wants to write that down */
#define CACHE_LIMIT 96

struct sql_cached {
    sqlite3_stmt *statement;
    bool busy;
};

int sql_wait(void *context, int count)
{
    /* Most transactions here are over in a few milliseconds, a prune of many rows is
     * not. */
    static const int steps_ms[] = {1, 2, 5, 10, 20, 25, 50};
    const int last = (int)(sizeof steps_ms / sizeof *steps_ms) - 1;
    struct catalog *catalog = context;
    int64_t now = clock_monotonic_ms();
    /* SQLite counts anew for each lock that it waits for. */
    if (count == 0)
        catalog->busy_since = now;
    int64_t limit = cancel_requested(catalog->cancel) ? WAIT_CANCELLED_MS : WAIT_MS;
    if (catalog->impatient || now - catalog->busy_since >= limit)
        return 0;
    struct timespec step = {.tv_nsec = steps_ms[count < last ? count : last] * 1000000L};
    nanosleep(&step, NULL);
    return 1;
}

/* A refused constraint is a move that another process made first, or one that the tables of
 * states forbid. */
enum err_kind sql_kind(int code)
{
    static const struct row {
        int code;
        enum err_kind kind;
    } rows[] = {
        /* may be over in a moment */
        {SQLITE_BUSY, ERR_BUSY},
        {SQLITE_LOCKED, ERR_BUSY},
        /* the file is to be made anew */
        {SQLITE_CORRUPT, ERR_CORRUPT},
        {SQLITE_NOTADB, ERR_CORRUPT},
        /* the row says no */
        {SQLITE_CONSTRAINT_TRIGGER, ERR_UNSAFE},
        {SQLITE_CONSTRAINT_UNIQUE, ERR_UNSAFE},
        {SQLITE_CONSTRAINT_PRIMARYKEY, ERR_UNSAFE},
        {SQLITE_CONSTRAINT_FOREIGNKEY, ERR_UNSAFE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].code == code || rows[i].code == (code & 0xFF))
            return rows[i].kind;
    return ERR_SYSTEM;
}

int sql_error(struct catalog *catalog, struct err *err)
{
    int code = sqlite3_extended_errcode(catalog->db);
    enum err_kind kind = sql_kind(code);
    /* A wait that was cut short by a signal is no lock that was held for 30 s. */
    if (kind == ERR_BUSY && cancel_check(catalog->cancel, err) < 0)
        return err_context(err, "catalog %s is locked", catalog->path);
    if (kind == ERR_BUSY)
        return err_set(err, kind, "catalog %s has been locked by another process for 30 s",
                       catalog->path);
    /* Of a file that cannot be opened the system knows more than SQLite: no descriptor,
     * no right. */
    errno = (code & 0xFF) == SQLITE_CANTOPEN ? sqlite3_system_errno(catalog->db) : 0;
    if (errno != 0)
        return err_errno(err, kind, "catalog %s: %s", catalog->path,
                         sqlite3_errmsg(catalog->db));
    err_set(err, kind, "catalog %s: %s", catalog->path, sqlite3_errmsg(catalog->db));
    if (kind == ERR_CORRUPT)
        err_hint(err, "move it away and make it anew from the stores: pgkeep catalog "
                      "rebuild");
    if ((code & 0xFF) == SQLITE_FULL)
        err_hint(err, "free some space in its folder");
    return -1;
}

/* The first failure of a statement is the cause; what follows it is not looked at. */
static int fail(struct sql *sql)
{
    if (!sql->failed)
        sql_error(sql->catalog, sql->err);
    sql->failed = true;
    return -1;
}

/* The kept statement of this text, unless it is being used. */
static bool find_cached(struct sql *sql, const char *text)
{
    struct catalog *catalog = sql->catalog;
    for (size_t i = 0; i < catalog->cached_count; i++) {
        struct sql_cached *cached = &catalog->cached[i];
        if (cached->busy || strcmp(sqlite3_sql(cached->statement), text) != 0)
            continue;
        cached->busy = true;
        sql->statement = cached->statement;
        sql->cached = i + 1;
        return true;
    }
    return false;
}

void sql_prepare(struct sql *sql, struct catalog *catalog, const char *text,
                 struct err *err)
{
    *sql = (struct sql){.catalog = catalog, .err = err};
    if (find_cached(sql, text))
        return;
    if (sqlite3_prepare_v3(catalog->db, text, -1, SQLITE_PREPARE_PERSISTENT,
                           &sql->statement, NULL) != SQLITE_OK) {
        fail(sql);
        return;
    }

    /* Kept for the next time. Beyond the limit, or while the same text is in use further
     * up, it is the caller's own and ends with sql_end. */
    if (catalog->cached_count >= CACHE_LIMIT)
        return;
    memory_grow(&catalog->cached, &catalog->cached_capacity, catalog->cached_count + 1,
                sizeof *catalog->cached);
    catalog->cached[catalog->cached_count++] =
        (struct sql_cached){.statement = sql->statement, .busy = true};
    sql->cached = catalog->cached_count;
}

void sql_bind_int(struct sql *sql, int64_t value)
{
    /* After a failure there may be no statement to bind to. */
    if (!sql->failed &&
        sqlite3_bind_int64(sql->statement, ++sql->parameter, value) != SQLITE_OK)
        fail(sql);
}

/* SQLite's integers are signed; no file is as large. */
void sql_bind_size(struct sql *sql, uint64_t value)
{
    sql_bind_int(sql, value > INT64_MAX ? INT64_MAX : (int64_t)value);
}

/* Not copied: the text must live until sql_run or sql_end. */
void sql_bind_text(struct sql *sql, const char *value)
{
    if (!sql->failed && sqlite3_bind_text(sql->statement, ++sql->parameter, value, -1,
                                          SQLITE_STATIC) != SQLITE_OK)
        fail(sql);
}

void sql_bind(struct sql *sql, const char *types, ...)
{
    va_list values;
    va_start(values, types);
    for (const char *type = types; (type = strchr(type, '%')) != NULL;) {
        /* By the letter that ends it. */
        type += strcspn(type, "jds");
        bool is_long = *type == 'j';
        type += is_long;
        if (*type == 's')
            sql_bind_text(sql, va_arg(values, const char *));
        else if (*type == 'u')
            sql_bind_size(sql, va_arg(values, uint64_t));
        else
            sql_bind_int(sql, is_long ? va_arg(values, int64_t) : va_arg(values, int));
    }
    va_end(values);
}

bool sql_row(struct sql *sql)
{
    if (sql->failed)
        return false;
    sql->column = 0; /* the columns of each row are read from the first on */
    int code = sqlite3_step(sql->statement);
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        fail(sql);
    return code == SQLITE_ROW;
}

int64_t sql_int(struct sql *sql)
{
    return sqlite3_column_int64(sql->statement, sql->column++);
}

char *sql_text(struct sql *sql)
{
    return memory_strdup((const char *)sqlite3_column_text(sql->statement, sql->column++));
}

/* For columns whose length the schema or this program knows. */
void sql_chars(struct sql *sql, char *out, size_t size)
{
    const char *text = (const char *)sqlite3_column_text(sql->statement, sql->column++);
    snprintf(out, size, "%s", text == NULL ? "" : text);
}

/* A kept statement is made ready for the next time, another one ends. */
int sql_end(struct sql *sql)
{
    if (sql->cached > 0) {
        /* Its result is that of the last step, which was looked at. */
        sqlite3_reset(sql->statement);
        sqlite3_clear_bindings(sql->statement);
        sql->catalog->cached[sql->cached - 1].busy = false;
    } else {
        sqlite3_finalize(sql->statement);
    }
    sql->statement = NULL;
    return sql->failed ? -1 : 0;
}

int sql_texts(struct sql *sql, struct strlist *out)
{
    while (sql_row(sql)) {
        char *text = sql_text(sql);
        strlist_add(out, text);
        free(text);
    }
    return sql_end(sql);
}

/* RETURNING is not used: rows of a change, if any, are of no interest. */
int sql_run(struct sql *sql, int64_t *changed)
{
    while (sql_row(sql))
        continue;
    if (changed != NULL)
        *changed = sql->failed ? 0 : sqlite3_changes64(sql->catalog->db);
    return sql_end(sql);
}

int sql_exec(struct catalog *catalog, const char *text, struct err *err)
{
    if (sqlite3_exec(catalog->db, text, NULL, NULL, NULL) != SQLITE_OK)
        return sql_error(catalog, err);
    return 0;
}

int sql_number(struct catalog *catalog, const char *text, int64_t *out, struct err *err)
{
    struct sql sql;
    sql_prepare(&sql, catalog, text, err);
    *out = sql_row(&sql) ? sql_int(&sql) : 0;
    return sql_end(&sql);
}

/* Before the connection is closed, which would fail while a statement is open. */
void sql_release(struct catalog *catalog)
{
    for (size_t i = 0; i < catalog->cached_count; i++)
        sqlite3_finalize(catalog->cached[i].statement);
    free(catalog->cached);
    catalog->cached = NULL;
    catalog->cached_count = catalog->cached_capacity = 0;
}

/* A full disk makes SQLite roll everything back by itself. What is called afterwards must
 * not become a transaction of its own. */
static int check_open(struct catalog *catalog, struct err *err)
{
    if (catalog->depth == 0 || sqlite3_get_autocommit(catalog->db) == 0)
        return 0;
    return err_set(err, ERR_SYSTEM,
                   "catalog %s: an earlier error has ended the transaction", catalog->path);
}

/* BEGIN, COMMIT and their like, which are asked for often enough to be kept. */
static int step(struct catalog *catalog, const char *text, struct err *err)
{
    struct sql sql;
    sql_prepare(&sql, catalog, text, err);
    return sql_run(&sql, NULL);
}

int sql_begin(struct catalog *catalog, struct err *err)
{
    /* SQLite would say it, too, but only at the first change, and in its own words. */
    if (catalog->read_only)
        return err_set(err, ERR_SYSTEM, "catalog %s was opened for reading only",
                       catalog->path);
    if (check_open(catalog, err) < 0 ||
        step(catalog, catalog->depth == 0 ? "BEGIN IMMEDIATE" : "SAVEPOINT step", err) < 0)
        return -1;
    catalog->depth++;
    return 0;
}

/* The owner first: reading /proc is not for a transaction that others wait for. */
int sql_begin_owned(struct catalog *catalog, char owner[OWNER_SIZE], struct err *err)
{
    struct owner self;
    if (owner_self(&self, err) < 0 || sql_begin(catalog, err) < 0)
        return -1;
    owner_text(owner, &self);
    return 0;
}

/* ---- one change ---- */

void sql_begin_change(struct sql *sql, struct catalog *catalog, const char *text,
                      struct err *err)
{
    *sql = (struct sql){.catalog = catalog, .err = err, .failed = true};
    if (sql_begin(catalog, err) < 0)
        return;
    sql_prepare(sql, catalog, text, err);
    sql->begun = true;
}

int sql_end_change(struct sql *sql, int result)
{
    return sql->begun ? sql_finish(sql->catalog, result, sql->err) : -1;
}

/* Whatever goes wrong here is less than the error that led here. */
static void undo(struct catalog *catalog)
{
    struct err ignored = {0};
    if (sqlite3_get_autocommit(catalog->db) != 0)
        return;
    int result = catalog->depth == 0
                     ? step(catalog, "ROLLBACK", &ignored)
                     : sql_exec(catalog, "ROLLBACK TO step; RELEASE step", &ignored);
    (void)result;
}

int sql_finish(struct catalog *catalog, int result, struct err *err)
{
    /* Only the caller of the outermost one decides; an inner one that fails undoes its
     * own part. */
    assert(catalog->depth > 0);
    if (result == 0)
        result = check_open(catalog, err);
    catalog->depth--;
    /* A commit that fails (a full disk) leaves the transaction open: it is undone, too. */
    if (result == 0)
        result = step(catalog, catalog->depth == 0 ? "COMMIT" : "RELEASE step", err);
    if (result < 0)
        undo(catalog);
    return result;
}

int sql_begin_reading(struct catalog *catalog, struct err *err)
{
    /* In a transaction that is open already all questions agree anyway. */
    if (check_open(catalog, err) < 0 ||
        (catalog->depth == 0 && step(catalog, "BEGIN", err) < 0))
        return -1;
    catalog->depth++;
    return 0;
}

int sql_finish_reading(struct catalog *catalog, int result, struct err *err)
{
    assert(catalog->depth > 0);
    catalog->depth--;
    if (catalog->depth > 0)
        return result;

    /* Nothing was changed, so that a commit is only the end of the snapshot. */
    struct err ignored = {0};
    if (step(catalog, "COMMIT", result == 0 ? err : &ignored) == 0)
        return result;
    undo(catalog);
    return -1;
}
