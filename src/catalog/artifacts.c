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
#include "catalog/db/facts.h"

#define TEXT_LIMIT 65536 /* of a statement */

/* The pin ends when `now` reaches its time; 0 is for ever. */
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
    /* Part of its group, so that it must be there with the row. */
    catalog_filters_hash(&artifact->filters, artifact->filters_hash);
    text_init(&text, TEXT_LIMIT);
    record_add_insert(&text, &artifact_row, write, "artifacts");

    /* An import of one that is there changes nothing; an insert of one is an error. */
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

    /* Its children name it by the number that the row was given. Tables of one that only
     * begins are not known yet. */
    if (artifact_row_add_tags(catalog, number, artifact, err) < 0)
        return -1;
    return write == ARTIFACT_ROW_IMPORT ? artifact_row_add_tables(catalog, artifact, err)
                                        : 0;
}

int catalog_artifact_insert(struct catalog *catalog, struct catalog_artifact *artifact,
                            struct err *err)
{
    char owner[OWNER_SIZE];
    int64_t highest = 0;
    assert(ulid_is_valid(artifact->id)); /* ours, made a moment ago */
    if (sql_begin_owned(catalog, owner, err) < 0)
        return -1;
    memory_replace(&artifact->owner, owner);

    /* Not max(seq): the row with the highest may be a tombstone that is gone by now. */
    int result = facts_number(catalog, FACTS_SEQ, &highest, err);
    if (artifact->seq == 0)
        artifact->seq = highest + 1;

    /* Ours while it runs: whoever finds it running asks whether we live. */
    artifact->status = CATALOG_RUNNING;
    artifact->created = artifact->updated = clock_now();
    if (result == 0 && insert_row(catalog, artifact, ARTIFACT_ROW_INSERT, NULL, err) < 0)
        result = err_context(err, "artifact %s", artifact->id);
    if (result == 0)
        result = facts_raise(catalog, FACTS_SEQ, artifact->seq, err);
    return sql_finish(catalog, result, err);
}

int catalog_artifact_import(struct catalog *catalog, struct catalog_artifact *artifact,
                            bool *existed, struct err *err)
{
    /* It comes out of a manifest that anybody may have written. */
    if (!ulid_is_valid(artifact->id))
        return err_set(err, ERR_CORRUPT, "\"%s\" is not an id of an artifact",
                       artifact->id);
    if (sql_begin(catalog, err) < 0)
        return -1;
    artifact->status = CATALOG_COMPLETE;
    artifact->created = artifact->updated = clock_now();
    artifact_row_count_tables(artifact);
    int result = insert_row(catalog, artifact, ARTIFACT_ROW_IMPORT, existed, err);
    if (result < 0)
        err_context(err, "artifact %s", artifact->id);

    /* What is taken next must sort behind what another machine has taken. */
    if (result == 0)
        result = facts_raise(catalog, FACTS_SEQ, artifact->seq, err);
    return sql_finish(catalog, result, err);
}

int catalog_artifact_finish(struct catalog *catalog, struct catalog_artifact *artifact,
                            struct err *err)
{
    struct sql sql;
    struct text text;
    assert(catalog_status_move_allowed(CATALOG_RUNNING, artifact->status));
    /* Unless the caller knows better when it ended. */
    if (artifact->finished == 0)
        artifact->finished = clock_now();
    artifact_row_count_tables(artifact);
    if (sql_begin(catalog, err) < 0)
        return -1;

    /* running -> complete, failed, cancelled: the row, if it is still ours to end. */
    artifact->updated = clock_now();
    text_init(&text, TEXT_LIMIT);
    text_add(&text, "UPDATE artifacts SET ");
    record_add_assignments(&text, &artifact_row, ARTIFACT_ROW_FINISH);
    text_add(&text, " WHERE id = ? AND status = 'running'");
    sql_prepare(&sql, catalog, text.data, err);
    record_bind(&sql, &artifact_row, ARTIFACT_ROW_FINISH, artifact);
    sql_bind_text(&sql, artifact->id);
    int result = artifact_row_change(&sql, artifact->id, "it is no longer running");
    text_release(&text);

    /* Its tables were counted in the dump's own stream: they are known only now. */
    if (result == 0)
        result = artifact_row_add_tables(catalog, artifact, err);
    return sql_finish(catalog, result, err);
}

/* Writes it when it is news: a new phase, or the second has changed (to either side: clocks
 * do jump). */
static bool write_progress(struct catalog *catalog, const char *id,
                           const struct catalog_progress *progress, struct err *err)
{
    struct sql sql;
    int64_t now = clock_now();
    int64_t changed = 0;
    /* First a question, which takes no lock: nearly all calls end here. */
    sql_prepare(&sql, catalog,
                "SELECT 1 FROM artifacts WHERE id = ? AND status = 'running'"
                " AND (phase IS NOT ? OR progress_updated <> ?)",
                err);
    sql_bind(&sql, "%s %s %jd", id, progress->phase, now);
    bool news = sql_row(&sql);
    if (sql_end(&sql) < 0 || !news)
        return false;

    /* Not synced: what a power failure takes of it was only ever a figure on a screen. */
    if (sql_exec(catalog, "PRAGMA synchronous = NORMAL", err) < 0 ||
        sql_begin(catalog, err) < 0)
        return false;
    sql_prepare(&sql, catalog,
                "UPDATE artifacts SET phase = ?, progress_raw = ?, progress_stored = ?,"
                " progress_estimate = ?, progress_updated = ?"
                " WHERE id = ? AND status = 'running'",
                err);
    sql_bind(&sql, "%s %ju %ju %ju %jd %s", progress->phase, progress->raw_bytes,
             progress->stored_bytes, progress->estimate, now, id);
    int result = sql_run(&sql, &changed);
    return sql_finish(catalog, result, err) == 0 && changed > 0;
}

bool catalog_artifact_progress(struct catalog *catalog, const char *id,
                               const struct catalog_progress *progress)
{
    struct err ignored = {0};
    /* In a transaction of the caller's it would be rolled back with it, or hold its lock
     * longer. */
    if (catalog->depth > 0 || catalog->read_only)
        return false;

    /* Neither waiting for a lock nor for the disk: progress is worth neither. */
    catalog->impatient = true;
    bool written = write_progress(catalog, id, progress, &ignored);
    /* What comes next must be on disk again, else the row is better not believed. */
    if (sql_exec(catalog, "PRAGMA synchronous = FULL", &ignored) < 0)
        written = false;
    catalog->impatient = false;
    return written;
}

int catalog_artifact_abandon(struct catalog *catalog, const char *id, bool vouched,
                             const char *reason, struct err *err)
{
    struct sql sql;
    char owner[OWNER_SIZE] = "";
    if (sql_begin(catalog, err) < 0)
        return -1;

    /* Asked inside the transaction: nobody takes it over between the question and the
     * end. */
    sql_prepare(&sql, catalog, "SELECT owner FROM artifacts WHERE id = ?", err);
    sql_bind_text(&sql, id);
    if (sql_row(&sql))
        sql_chars(&sql, owner, sizeof owner);
    int result = sql_end(&sql);
    if (result < 0)
        return sql_finish(catalog, result, err);
    /* Of another machine or container nobody here can tell, unless the job's lock, which
     * both see, has told it. */
    enum owner_state state = owner_text_state(owner);
    if (state == OWNER_ALIVE || (state == OWNER_UNKNOWN && !vouched)) {
        result = artifact_row_refuse(
            catalog, id,
            state == OWNER_ALIVE
                ? "the process that takes it lives"
                : "it is not known whether the process that takes it lives",
            err);
        return sql_finish(catalog, result, err);
    }

    /* running -> failed. It ended, as far as anybody knows, when it was last heard of. */
    sql_prepare(&sql, catalog,
                "UPDATE artifacts SET status = 'failed', error_code = ?, error_message = ?,"
                " finished = max(started, updated, progress_updated), updated = ?"
                " WHERE id = ? AND status = 'running'",
                err);
    sql_bind(&sql, "%s %s %jd %s", err_kind_name(ERR_SYSTEM), reason, clock_now(), id);
    return sql_finish(catalog, artifact_row_change(&sql, id, "it is no longer running"),
                      err);
}

int catalog_artifact_forget(struct catalog *catalog, const char *id, struct err *err)
{
    struct sql sql;
    /* failed, cancelled -> deleted: nothing of it lies anywhere. */
    sql_begin_change(
        &sql, catalog,
        "UPDATE artifacts SET status = 'deleted', updated = ? WHERE id = ?"
        " AND status IN ('failed', 'cancelled') AND NOT EXISTS (SELECT 1"
        " FROM copies WHERE artifact = artifacts.number AND state <> 'deleted')",
        err);
    sql_bind(&sql, "%jd %s", clock_now(), id);
    int result = artifact_row_change(
        &sql, id, "only a failed or cancelled one without copies can be forgotten");
    return sql_end_change(&sql, result);
}
