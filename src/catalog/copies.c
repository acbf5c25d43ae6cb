/*
 * The moves of copies that an upload makes. Each UPDATE names the states it starts from,
 * and those that make something restorable also ask that the artifact is still alive
 * (LIVE): a copy of what was deleted meanwhile would be a ghost.
 */
#include "catalog/copies.h"

#include "base/clock.h"
#include "base/memory.h"
#include "catalog/artifact_row.h"
#include "catalog/copy_row.h"

/* What a store may hold belongs to an artifact that is being made or is good. By its
 * number, not as a set: SQLite would collect all artifacts for that. */
#define LIVE                                                                               \
    " EXISTS (SELECT 1 FROM artifacts WHERE artifacts.number = copies.artifact"            \
    " AND artifacts.status IN ('running', 'complete'))"

/* In the order of enum catalog_level: each looks more closely than the one before. */
const char *catalog_level_name(enum catalog_level level)
{
    static const char *const names[] = {"none", "quick", "full", "drill"};
    return names[level];
}

int catalog_copy_insert(struct catalog *catalog, struct catalog_copy *copy, struct err *err)
{
    struct sql sql;
    char owner[OWNER_SIZE];
    int64_t changed = 0;
    /* -> uploading */
    if (sql_begin_owned(catalog, owner, err) < 0)
        return -1;
    copy->created = copy->updated = clock_now();

    /* From a SELECT, so that the artifact's status is asked in the statement that relies on
     * it: none is added to one that a recovery has just ended. */
    sql_prepare(&sql, catalog,
                "INSERT INTO copies (artifact, store, key, index_key, state, owner,"
                " created, updated) SELECT number, ?1, ?2, ?3, 'uploading', ?4, ?5, ?5"
                " FROM artifacts WHERE id = ?6 AND status IN ('running', 'complete')",
                err);
    sql_bind(&sql, "%jd %s %s %s %jd %s", copy->store_id, copy->key, copy->index_key, owner,
             copy->created, copy->artifact);
    int result = sql_run(&sql, &changed);
    copy->id = sqlite3_last_insert_rowid(catalog->db);
    if (result == 0 && changed == 0)
        result =
            artifact_row_refuse(catalog, copy->artifact, "it gets no more copies", err);
    /* The caller's struct follows only what is on disk. */
    if (sql_finish(catalog, result, err) < 0)
        return -1;
    memory_replace(&copy->owner, owner);
    copy->state = CATALOG_COPY_UPLOADING;
    copy->owner_state = OWNER_ALIVE;
    return 0;
}

/* Written before the first byte goes out: what lies in a store and is named by no row would
 * never be found again. */
int catalog_copy_begun(struct catalog *catalog, int64_t id, const char *handle,
                       struct err *err)
{
    struct sql sql;
    sql_begin_change(&sql, catalog,
                     "UPDATE copies SET begun = 1, upload = ?, updated = ? WHERE id = ?"
                     " AND state = 'uploading'",
                     err);
    sql_bind(&sql, "%s %jd %jd", handle, clock_now(), id);
    return sql_end_change(&sql, copy_row_change(&sql, id, "it is not being uploaded"));
}

int catalog_copy_complete(struct catalog *catalog, const struct catalog_copy *copy,
                          struct err *err)
{
    struct sql sql;
    /* uploading, missing, damaged -> complete. New bytes: what checks said about the old
     * ones is void. */
    sql_begin_change(
        &sql, catalog,
        "UPDATE copies SET state = 'complete', bytes = ?1, etag = ?2, version = ?3,"
        " completed = ?4, updated = max(?4, updated + 1), upload = NULL, owner = NULL,"
        " error = NULL, verified = 0, verified_level = 0, verified_error = NULL, proven = "
        "0,"
        " proven_level = 0, damage_level = 0, first_marked = 0"
        " WHERE id = ?5 AND state IN ('uploading', 'missing', 'damaged') AND" LIVE,
        err);
    sql_bind(&sql, "%ju %s %s %jd %jd", copy->bytes, copy->etag, copy->version, clock_now(),
             copy->id);
    return sql_end_change(&sql,
                          copy_row_change(&sql, copy->id, "it cannot become complete"));
}

/* Also of one that failed before: a sweep that has removed its remains says so (clean). */
int catalog_copy_fail(struct catalog *catalog, int64_t id, const char *error, bool clean,
                      struct err *err)
{
    struct sql sql;
    /* uploading -> failed. The handle stays unless nothing is left: a sweep wants it. */
    sql_begin_change(
        &sql, catalog,
        "UPDATE copies SET state = 'failed', error = ?1, updated = ?2,"
        " owner = NULL, begun = iif(?3, 0, begun), upload = iif(?3, NULL, upload)"
        " WHERE id = ?4 AND state IN ('uploading', 'failed')",
        err);
    sql_bind(&sql, "%s %jd %d %jd", error, clock_now(), clean, id);
    int result = copy_row_change(&sql, id, "it is not being uploaded");

    /* Nothing of it is left: it may have been the last that held its artifact up. */
    if (result == 0 && clean)
        result = copy_row_end_artifact(catalog, id, NULL, err);
    return sql_end_change(&sql, result);
}

int catalog_copy_reopen(struct catalog *catalog, int64_t id, struct err *err)
{
    struct sql sql;
    char owner[OWNER_SIZE];
    struct catalog_copy copy;
    if (sql_begin_owned(catalog, owner, err) < 0)
        return -1;

    /* An uploading one only when its owner is gone: two at one key would be a mixture. */
    int result = catalog_copy_load(catalog, id, &copy, err);
    if (result == 0 && copy.state == CATALOG_COPY_UPLOADING &&
        copy.owner_state != OWNER_DEAD)
        result = err_set(err, ERR_UNSAFE, "copy of %s in store \"%s\" is being uploaded",
                         copy.artifact, copy.store);
    catalog_copy_release(&copy);
    if (result < 0)
        return sql_finish(catalog, result, err);

    /* failed, missing, damaged, deleted, and its own -> uploading. What is missing or
     * damaged has left something in the store, so that remains are to be looked for
     * should this fail; what was deleted has not. A handle stays only where there was an
     * upload to resume. */
    sql_prepare(
        &sql, catalog,
        "UPDATE copies SET state = 'uploading', owner = ?1, updated = ?2, error = NULL,"
        " begun = CASE state WHEN 'deleted' THEN 0 WHEN 'missing' THEN 1"
        " WHEN 'damaged' THEN 1 ELSE begun END,"
        " upload = iif(state = 'uploading', upload, NULL), first_marked = 0,"
        " delete_run = NULL, delete_reason = NULL, marked = 0, attempts = 0, next_try = 0,"
        " locked_until = 0, gone = 0, deleted = 0"
        " WHERE id = ?3 AND state IN ('uploading', 'failed', 'missing', 'damaged',"
        " 'deleted') AND" LIVE,
        err);
    sql_bind(&sql, "%s %jd %jd", owner, clock_now(), id);
    return sql_finish(catalog, copy_row_change(&sql, id, "it cannot be uploaded again"),
                      err);
}

/* A row that is there stays: it may know more than the manifest (a deletion under way). */
static int import_row(struct catalog *catalog, const struct catalog_copy *copy,
                      int64_t *changed, struct err *err)
{
    struct sql sql;
    /* begun: something lies there, which a deletion has to take away. */
    sql_prepare(&sql, catalog,
                "INSERT INTO copies (artifact, store, key, index_key, state, bytes, begun,"
                " etag, version, created, updated, completed, verified, verified_level,"
                " verified_error, proven, proven_level, first_marked)"
                " SELECT number, ?1, ?2, ?3, 'complete', ?4, 1, ?5, ?6, ?7, ?7, ?8, ?9,"
                " ?10, ?11, ?12, ?13, ?14 FROM artifacts WHERE id = ?15"
                " ON CONFLICT (artifact, store) DO NOTHING",
                err);
    sql_bind(&sql, "%jd %s %s %ju %s %s %jd %jd %jd %d %s %jd %d %jd %s", copy->store_id,
             copy->key, copy->index_key, copy->bytes, copy->etag, copy->version,
             clock_now(), copy->completed, copy->verified, copy->verified_level,
             copy->verified_error, copy->proven, copy->proven_level, copy->first_marked,
             copy->artifact);
    return sql_run(&sql, changed);
}

int catalog_copy_import(struct catalog *catalog, struct catalog_copy *copy, bool *existed,
                        struct err *err)
{
    struct sql sql;
    int64_t changed = 0;
    if (sql_begin(catalog, err) < 0)
        return -1;
    int result = import_row(catalog, copy, &changed, err);
    *existed = changed == 0;
    if (result == 0 && !*existed) {
        copy->id = sqlite3_last_insert_rowid(catalog->db);
        copy->state = CATALOG_COPY_COMPLETE;

        /* An artifact whose last known copy was deleted, and another store has one after
         * all. */
        sql_prepare(&sql, catalog,
                    "UPDATE artifacts SET status = 'complete', updated = ? WHERE id = ?"
                    " AND status = 'deleted'",
                    err);
        sql_bind(&sql, "%jd %s", clock_now(), copy->artifact);
        result = sql_run(&sql, NULL);
    } else if (result == 0) {
        /* No row was made: one was there, or the artifact is not. Which one tells the
         * caller whether it is on its way out. */
        struct catalog_copy known;
        result = catalog_copy_find(catalog, copy->artifact, copy->store_id, &known, err);
        if (result == 0 && known.id == 0)
            result = err_set(err, ERR_NOT_FOUND, "the catalog knows no artifact %s",
                             copy->artifact);
        copy->id = known.id;
        copy->state = known.state;
        catalog_copy_release(&known);
    }
    return sql_finish(catalog, result, err);
}

int catalog_copy_set_first_marked(struct catalog *catalog, int64_t id, int64_t time,
                                  struct err *err)
{
    struct sql sql;
    sql_begin_change(&sql, catalog,
                     /* the first mark stays: delete_grace counts from it (RETENTION G6) */
                     "UPDATE copies SET first_marked = iif(?1 = 0 OR first_marked = 0, ?1,"
                     " first_marked), updated = max(?3, updated + 1)"
                     " WHERE id = ?2 AND state = 'complete'",
                     err);
    /* Later than the state file of before, whosever clock that is of: it would win else. */
    sql_bind(&sql, "%jd %jd %jd", time, id, clock_now());
    return sql_end_change(&sql, copy_row_change(&sql, id, "no plan is about it"));
}

/* As it was told, without moving a state: only a check of our own says missing or
 * damaged. */
int catalog_copy_merge_checks(struct catalog *catalog, const struct catalog_copy *from,
                              int64_t changed, struct err *err)
{
    struct sql sql;
    sql_begin_change(
        &sql, catalog,
        "UPDATE copies SET verified = ?, verified_level = ?, verified_error = ?,"
        " proven = ?, proven_level = ?, first_marked = ?, updated = max(?, updated)"
        " WHERE id = ? AND state = 'complete'",
        err);
    sql_bind(&sql, "%jd %d %s %jd %d %jd %jd %jd", from->verified, from->verified_level,
             from->verified_error, from->proven, from->proven_level, from->first_marked,
             changed, from->id);
    return sql_end_change(
        &sql, copy_row_change(&sql, from->id, "checks are about complete ones"));
}
