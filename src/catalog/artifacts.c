/*
 * The life of an artifact's row. Every change of a running one has `status = 'running'` in
 * its WHERE: when a recovery has taken this process for dead meanwhile, it finds no row,
 * and the backup must not be made complete behind its back.
 */
#include "catalog/artifacts.h"

#include <assert.h>

#include "base/clock.h"
#include "base/memory.h"
#include "catalog/artifact_row.h"
#include "catalog/facts.h"

#define TEXT_LIMIT 65536 /* of a statement */

void catalog_pairs_add(struct catalog_pairs *pairs, const char *name, const char *value)
{
    memory_grow(&pairs->items, &pairs->capacity, pairs->count + 1, sizeof *pairs->items);
    pairs->items[pairs->count++] =
        (struct catalog_pair){.name = memory_strdup(name), .value = memory_strdup(value)};
}

void catalog_pairs_release(struct catalog_pairs *pairs)
{
    for (size_t i = 0; i < pairs->count; i++) {
        free(pairs->items[i].name);
        free(pairs->items[i].value);
    }
    free(pairs->items);
    *pairs = (struct catalog_pairs){0};
}

void catalog_artifact_init(struct catalog_artifact *artifact)
{
    *artifact = (struct catalog_artifact){0};
    artifact->job = memory_strdup("");
    artifact->source = memory_strdup("");
    artifact->origin = memory_strdup("");
    artifact->database = memory_strdup("");
    artifact->type = memory_strdup("");
    artifact->format = memory_strdup("");
    artifact->compression = memory_strdup("");
}

void catalog_artifact_release(struct catalog_artifact *artifact)
{
    record_release(&artifact_row, artifact);
    catalog_pairs_release(&artifact->tags);
    catalog_pairs_release(&artifact->filters);
    for (size_t i = 0; i < artifact->tables_count; i++) {
        free(artifact->tables[i].schema);
        free(artifact->tables[i].name);
    }
    free(artifact->tables);
    for (size_t i = 0; i < artifact->copy_count; i++)
        catalog_copy_release(&artifact->copies[i]);
    free(artifact->copies);
    *artifact = (struct catalog_artifact){0};
}

void catalog_artifact_add_table(struct catalog_artifact *artifact, const char *schema,
                                const char *name, int64_t rows, uint64_t raw_bytes)
{
    memory_grow(&artifact->tables, &artifact->tables_capacity, artifact->tables_count + 1,
                sizeof *artifact->tables);
    artifact->tables[artifact->tables_count++] =
        (struct catalog_table){.schema = memory_strdup(schema),
                               .name = memory_strdup(name),
                               .rows = rows,
                               .raw_bytes = raw_bytes};
}

bool catalog_artifact_is_pinned(const struct catalog_artifact *artifact, int64_t now)
{
    return artifact->pinned && (artifact->pin_until == 0 || artifact->pin_until > now);
}

/* The row of `write` and what belongs to it. *existed (may be NULL): it was there. */
static int insert_row(struct catalog *catalog, struct catalog_artifact *artifact,
                      enum artifact_row_write write, bool *existed, struct err *err)
{
    struct sql sql;
    struct text text;
    int64_t changed = 0;
    text_init(&text, TEXT_LIMIT);
    record_add_insert(&text, &artifact_row, write, "artifacts");
    if (existed != NULL)
        text_add(&text, " ON CONFLICT (id) DO NOTHING");
    sql_prepare(&sql, catalog, text.data, err);
    record_bind(&sql, &artifact_row, write, artifact);
    int result = sql_run(&sql, &changed);
    int64_t number = sqlite3_last_insert_rowid(catalog->db);
    text_release(&text);
    if (existed != NULL)
        *existed = changed == 0;
    if (result < 0 || changed == 0)
        return result;
    if (artifact_row_add_tags(catalog, number, artifact, err) < 0)
        return -1;
    return write == ARTIFACT_ROW_IMPORT
               ? artifact_row_add_tables(catalog, number, artifact, err)
               : 0;
}

static int insert(struct catalog *catalog, struct catalog_artifact *artifact,
                  struct err *err)
{
    int64_t highest = 0;
    /* Not max(seq): the row with the highest may be a tombstone that is gone by now. */
    if (facts_number(catalog, FACTS_SEQ, &highest, err) < 0)
        return -1;
    if (artifact->seq == 0)
        artifact->seq = highest + 1;
    artifact->status = CATALOG_RUNNING;
    artifact->created = artifact->updated = clock_now();
    if (insert_row(catalog, artifact, ARTIFACT_ROW_INSERT, NULL, err) < 0)
        return err_context(err, "artifact %s", artifact->id);
    return facts_raise(catalog, FACTS_SEQ, artifact->seq, err);
}

int catalog_artifact_insert(struct catalog *catalog, struct catalog_artifact *artifact,
                            struct err *err)
{
    struct owner self;
    assert(ulid_is_valid(artifact->id));
    if (owner_self(&self, err) < 0 || sql_begin(catalog, err) < 0)
        return -1;
    free(artifact->owner);
    artifact->owner = memory_alloc(OWNER_SIZE);
    owner_text(artifact->owner, &self);
    return sql_finish(catalog, insert(catalog, artifact, err), err);
}

static int import(struct catalog *catalog, struct catalog_artifact *artifact, bool *existed,
                  struct err *err)
{
    artifact->status = CATALOG_COMPLETE;
    artifact->created = artifact->updated = clock_now();
    artifact_row_count_tables(artifact);
    if (insert_row(catalog, artifact, ARTIFACT_ROW_IMPORT, existed, err) < 0)
        return err_context(err, "artifact %s", artifact->id);
    return facts_raise(catalog, FACTS_SEQ, artifact->seq, err);
}

int catalog_artifact_import(struct catalog *catalog, struct catalog_artifact *artifact,
                            bool *existed, struct err *err)
{
    if (!ulid_is_valid(artifact->id))
        return err_set(err, ERR_CORRUPT, "\"%s\" is no id of an artifact", artifact->id);
    if (sql_begin(catalog, err) < 0)
        return -1;
    return sql_finish(catalog, import(catalog, artifact, existed, err), err);
}

/* Why a change of an artifact found no row to change. */
static int refuse(struct catalog *catalog, const char *id, const char *what,
                  struct err *err)
{
    struct sql sql;
    char status[32] = "";
    sql_prepare(&sql, catalog, "SELECT status FROM artifacts WHERE id = ?", err);
    sql_bind_text(&sql, id);
    if (sql_row(&sql))
        sql_chars(&sql, status, sizeof status);
    if (sql_end(&sql) < 0)
        return -1;
    if (status[0] == '\0')
        return err_set(err, ERR_NOT_FOUND, "the catalog knows no artifact %s", id);
    return err_set(err, ERR_UNSAFE, "artifact %s is %s: %s", id, status, what);
}

/* A change that must find one row. */
static int run_one(struct sql *sql, const char *id, const char *what)
{
    int64_t changed = 0;
    struct catalog *catalog = sql->catalog;
    struct err *err = sql->err;
    if (sql_run(sql, &changed) < 0)
        return -1;
    return changed > 0 ? 0 : refuse(catalog, id, what, err);
}

/* Writes the columns of `write` of a running one. */
static int write_running(struct catalog *catalog, struct catalog_artifact *artifact,
                         enum artifact_row_write write, struct err *err)
{
    struct sql sql;
    struct text text;
    artifact->updated = clock_now();
    text_init(&text, TEXT_LIMIT);
    text_add(&text, "UPDATE artifacts SET ");
    record_add_assignments(&text, &artifact_row, write);
    text_add(&text, " WHERE id = ? AND status = 'running'");
    sql_prepare(&sql, catalog, text.data, err);
    record_bind(&sql, &artifact_row, write, artifact);
    sql_bind_text(&sql, artifact->id);
    int result = run_one(&sql, artifact->id, "it is no longer running");
    text_release(&text);
    return result;
}

int catalog_artifact_update(struct catalog *catalog, struct catalog_artifact *artifact,
                            struct err *err)
{
    if (sql_begin(catalog, err) < 0)
        return -1;
    int result = write_running(catalog, artifact, ARTIFACT_ROW_UPDATE, err);
    return sql_finish(catalog, result, err);
}

static int finish(struct catalog *catalog, struct catalog_artifact *artifact,
                  struct err *err)
{
    int64_t number = 0;
    artifact_row_count_tables(artifact);
    if (write_running(catalog, artifact, ARTIFACT_ROW_FINISH, err) < 0 ||
        artifact_row_number(catalog, artifact->id, &number, err) < 0)
        return -1;
    return artifact_row_add_tables(catalog, number, artifact, err);
}

int catalog_artifact_finish(struct catalog *catalog, struct catalog_artifact *artifact,
                            struct err *err)
{
    assert(catalog_status_move_allowed(CATALOG_RUNNING, artifact->status));
    if (artifact->finished == 0)
        artifact->finished = clock_now();
    if (sql_begin(catalog, err) < 0)
        return -1;
    return sql_finish(catalog, finish(catalog, artifact, err), err);
}

/* Is it worth writing? A new phase, or the second has changed (to either side: clocks do
 * jump). */
static bool is_news(struct catalog *catalog, const char *id,
                    const struct catalog_progress *progress, int64_t now, struct err *err)
{
    struct sql sql;
    sql_prepare(&sql, catalog,
                "SELECT 1 FROM artifacts WHERE id = ? AND status = 'running'"
                " AND (phase IS NOT ? OR progress_updated <> ?)",
                err);
    sql_bind_text(&sql, id);
    sql_bind_text(&sql, progress->phase);
    sql_bind_int(&sql, now);
    bool news = sql_row(&sql);
    return sql_end(&sql) == 0 && news;
}

static int write_progress(struct catalog *catalog, const char *id,
                          const struct catalog_progress *progress, int64_t now,
                          struct err *err)
{
    struct sql sql;
    if (sql_begin(catalog, err) < 0)
        return -1;
    sql_prepare(&sql, catalog,
                "UPDATE artifacts SET phase = ?, progress_raw = ?, progress_stored = ?,"
                " progress_estimate = ?, progress_updated = ?"
                " WHERE id = ? AND status = 'running'",
                err);
    sql_bind_text(&sql, progress->phase);
    sql_bind_size(&sql, progress->raw_bytes);
    sql_bind_size(&sql, progress->stored_bytes);
    sql_bind_size(&sql, progress->estimate);
    sql_bind_int(&sql, now);
    sql_bind_text(&sql, id);
    int64_t changed = 0;
    int result = sql_run(&sql, &changed);
    if (sql_finish(catalog, result, err) < 0)
        return -1;
    return changed > 0 ? 0 : -1;
}

bool catalog_artifact_progress(struct catalog *catalog, const char *id,
                               const struct catalog_progress *progress)
{
    struct err ignored = {0};
    int64_t now = clock_now();
    if (catalog->depth > 0 || catalog->read_only)
        return false;
    /* Neither waiting for a lock nor for the disk: progress is worth neither. */
    catalog->impatient = true;
    bool written = is_news(catalog, id, progress, now, &ignored) &&
                   sql_exec(catalog, "PRAGMA synchronous = NORMAL", &ignored) == 0 &&
                   write_progress(catalog, id, progress, now, &ignored) == 0;
    if (sql_exec(catalog, "PRAGMA synchronous = FULL", &ignored) < 0)
        written = false;
    catalog->impatient = false;
    return written;
}

static int check_abandoned(struct catalog *catalog, const char *id, bool vouched,
                           struct err *err)
{
    struct sql sql;
    char owner[OWNER_SIZE] = "";
    sql_prepare(&sql, catalog, "SELECT owner FROM artifacts WHERE id = ?", err);
    sql_bind_text(&sql, id);
    if (sql_row(&sql))
        sql_chars(&sql, owner, sizeof owner);
    if (sql_end(&sql) < 0)
        return -1;
    enum owner_state state = owner_text_state(owner);
    if (state == OWNER_DEAD || (state == OWNER_UNKNOWN && vouched))
        return 0;
    return refuse(catalog, id,
                  state == OWNER_ALIVE ? "the process that takes it lives"
                                       : "it is not known whether the process that takes "
                                         "it lives",
                  err);
}

/* It ended, as far as anybody knows, when it was last heard of. */
static int abandon(struct catalog *catalog, const char *id, const char *reason,
                   struct err *err)
{
    struct sql sql;
    sql_prepare(&sql, catalog,
                "UPDATE artifacts SET status = 'failed', error_code = ?, error_message = ?,"
                " finished = max(started, updated, progress_updated), updated = ?"
                " WHERE id = ? AND status = 'running'",
                err);
    sql_bind_text(&sql, err_kind_name(ERR_SYSTEM));
    sql_bind_text(&sql, reason);
    sql_bind_int(&sql, clock_now());
    sql_bind_text(&sql, id);
    return run_one(&sql, id, "it is no longer running");
}

int catalog_artifact_abandon(struct catalog *catalog, const char *id, bool vouched,
                             const char *reason, struct err *err)
{
    if (sql_begin(catalog, err) < 0)
        return -1;
    int result = check_abandoned(catalog, id, vouched, err);
    if (result == 0)
        result = abandon(catalog, id, reason, err);
    return sql_finish(catalog, result, err);
}

int catalog_artifact_forget(struct catalog *catalog, const char *id, struct err *err)
{
    struct sql sql;
    if (sql_begin(catalog, err) < 0)
        return -1;
    sql_prepare(&sql, catalog,
                "UPDATE artifacts SET status = 'deleted', updated = ? WHERE id = ?"
                " AND status IN ('failed', 'cancelled') AND NOT EXISTS (SELECT 1"
                " FROM copies WHERE artifact = artifacts.number AND state <> 'deleted')",
                err);
    sql_bind_int(&sql, clock_now());
    sql_bind_text(&sql, id);
    int result = run_one(&sql, id,
                         "only a failed or cancelled one without copies can be "
                         "forgotten");
    return sql_finish(catalog, result, err);
}
