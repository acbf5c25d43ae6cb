/*
 * Phase 1 reads everything again inside its transaction: between the plan and now another
 * machine may have pinned, another process may have begun to restore. What it then marks is
 * decided; the rest of this file only records what the store said.
 */
#include "catalog/deletions.h"

#include "base/clock.h"
#include "catalog/artifacts.h"
#include "catalog/copy_row.h"
#include "catalog/db/totals.h"
#include "catalog/leases.h"

/* What is on its way out already is resumed, not marked again. */
#define MARKABLE                                                                           \
    (1u << CATALOG_COPY_UPLOADING | 1u << CATALOG_COPY_COMPLETE |                          \
     1u << CATALOG_COPY_FAILED | 1u << CATALOG_COPY_MISSING | 1u << CATALOG_COPY_DAMAGED)

const char *catalog_skip_name(enum catalog_skip skip)
{
    static const char *const names[] = {
        [CATALOG_MARKED] = "marked",
        [CATALOG_SKIP_STATE] = "its state changed",
        [CATALOG_SKIP_PINNED] = "pinned",
        [CATALOG_SKIP_LEASED] = "in use",
        [CATALOG_SKIP_OWNED] = "being uploaded",
        [CATALOG_FORGOTTEN] = "nothing to remove",
    };
    return names[skip];
}

/* What may become of it, with everything read again. */
static int decide(struct catalog *catalog, const struct catalog_copy *copy, int64_t now,
                  struct catalog_deletion *deletion, struct err *err)
{
    struct sql sql;
    struct catalog_artifact artifact = {0};
    bool running = true;
    char *lease = NULL;
    /* What matters of its artifact, and who reads it (RETENTION section 4, G9). */
    sql_prepare(&sql, catalog,
                "SELECT status = 'running', pinned, pin_until FROM artifacts WHERE id = ?",
                err);
    sql_bind_text(&sql, copy->artifact);
    /* Without a row it counts as running: what is not understood is not deleted. */
    if (sql_row(&sql)) {
        running = sql_int(&sql) != 0;
        artifact.pinned = sql_int(&sql) != 0;
        artifact.pin_until = sql_int(&sql);
    }
    if (sql_end(&sql) < 0 || catalog_lease_of(catalog, copy->id, now, &lease, err) < 0)
        return -1;

    /* An upload is only taken from a process that is surely gone, or where the caller holds
     * the lock that it would hold. */
    bool owned = copy->state == CATALOG_COPY_UPLOADING &&
                 (copy->owner_state == OWNER_ALIVE ||
                  (copy->owner_state == OWNER_UNKNOWN && !deletion->vouched));
    /* A pin is a wish to keep what can be restored (CONTRACT-NOTES 23). */
    bool pinned =
        copy->state == CATALOG_COPY_COMPLETE && catalog_artifact_is_pinned(&artifact, now);
    bool forgotten = copy->state == CATALOG_COPY_FAILED && !copy->begun;

    /* From what is never right to what the user may change: the first that holds is the
     * reason. */
    if (running || copy->state != deletion->expected || (MARKABLE & 1u << copy->state) == 0)
        deletion->result = CATALOG_SKIP_STATE;
    else if (owned)
        deletion->result = CATALOG_SKIP_OWNED;
    else if (pinned)
        deletion->result = CATALOG_SKIP_PINNED;
    else if (lease != NULL)
        deletion->result = CATALOG_SKIP_LEASED;
    else
        deletion->result = forgotten ? CATALOG_FORGOTTEN : CATALOG_MARKED;
    free(lease);
    return 0;
}

/* From here on it goes: what a check or an upload said about it means nothing any more. */
static int mark(struct catalog *catalog, const struct catalog_deletion *deletion,
                const struct catalog_marking *marking, struct err *err)
{
    struct sql sql;
    bool forgotten = deletion->result == CATALOG_FORGOTTEN;
    /* uploading, complete, failed, missing, damaged -> deleting; a failed one that was
     * never begun has nothing to remove -> deleted. */
    sql_prepare(&sql, catalog,
                "UPDATE copies SET state = iif(?1, 'deleted', 'deleting'),"
                " deleted = iif(?1, ?2, 0), delete_run = nullif(?3, 0), delete_reason = ?4,"
                " marked = ?2, attempts = 0, next_try = 0, locked_until = 0, gone = 0,"
                " owner = NULL, error = NULL, updated = ?5"
                " WHERE id = ?6 AND state IN ('uploading', 'complete', 'failed', 'missing',"
                " 'damaged')",
                err);
    sql_bind(&sql, "%d %jd %jd %s %jd %jd", forgotten, marking->now, marking->run,
             deletion->reason, clock_now(), deletion->copy);
    if (copy_row_change(&sql, deletion->copy, "it cannot be deleted") < 0)
        return -1;
    return forgotten ? copy_row_end_artifact(catalog, deletion->copy, NULL, err) : 0;
}

static int mark_one(struct catalog *catalog, struct catalog_deletion *deletion,
                    const struct catalog_marking *marking, struct err *err)
{
    struct catalog_copy copy;
    struct err why = {0};
    /* Its row may be gone with the tombstones by now. */
    if (catalog_copy_load(catalog, deletion->copy, &copy, &why) < 0) {
        deletion->result = CATALOG_SKIP_STATE;
        if (why.kind == ERR_NOT_FOUND)
            return 0;
        *err = why;
        return -1;
    }
    /* The answer of this moment, and the mark in the same transaction. */
    int result = decide(catalog, &copy, marking->now, deletion, err);
    catalog_copy_release(&copy);
    if (result < 0)
        return -1;
    bool goes = deletion->result == CATALOG_MARKED || deletion->result == CATALOG_FORGOTTEN;
    return goes ? mark(catalog, deletion, marking, err) : 0;
}

/* Phase 1 (RETENTION section 5, no. 4). One that may not go is skipped and does not keep
 * the others; only the check of what would be left undoes all of it. */
int catalog_deletions_mark(struct catalog *catalog, struct catalog_marking *marking,
                           struct err *err)
{
    int result = 0;
    if (sql_begin(catalog, err) < 0)
        return -1;
    for (size_t i = 0; result == 0 && i < marking->count; i++)
        result = mark_one(catalog, &marking->items[i], marking, err);

    /* Floors are counted over what the marks leave, in the same transaction: two prunes at
     * once cannot each take what the other relies on. */
    if (result == 0 && marking->check != NULL)
        result = marking->check(marking->context, catalog, err);
    return sql_finish(catalog, result, err);
}

/* Phase 2 (section 5, no. 5): manifest first, then index and data. After a crash the
 * next try begins with what is still there. */
int catalog_deletion_gone(struct catalog *catalog, int64_t copy, unsigned what,
                          struct err *err)
{
    struct sql sql;
    sql_begin_change(&sql, catalog,
                     "UPDATE copies SET gone = gone | ?, updated = ? WHERE id = ?"
                     " AND state = 'deleting'",
                     err);
    sql_bind(&sql, "%d %jd %jd", what, clock_now(), copy);
    return sql_end_change(&sql, copy_row_change(&sql, copy, "it is not being deleted"));
}

/* By job and store: copies and their bytes. */
static int count_deleted(struct catalog *catalog, int64_t copy, struct err *err)
{
    struct sql sql;
    sql_prepare(&sql, catalog,
                "INSERT INTO totals (name, job, label, value)"
                " SELECT w.name, a.job, s.name, CASE w.name WHEN ?1 THEN 1 ELSE c.bytes END"
                " FROM copies c JOIN artifacts a ON a.number = c.artifact"
                " JOIN stores s ON s.id = c.store"
                " JOIN (SELECT ?1 AS name UNION ALL SELECT ?2) w WHERE c.id = ?3"
                " ON CONFLICT (name, job, label) DO UPDATE SET value = value +"
                " excluded.value",
                err);
    sql_bind(&sql, "%s %s %jd", TOTALS_DELETED, TOTALS_DELETED_BYTES, copy);
    return sql_run(&sql, NULL);
}

int catalog_deletion_done(struct catalog *catalog, int64_t copy, bool *last,
                          struct err *err)
{
    struct sql sql;
    /* deleting -> deleted */
    sql_begin_change(
        &sql, catalog,
        "UPDATE copies SET state = 'deleted', deleted = ?1, updated = ?1,"
        " upload = NULL, error = NULL, next_try = 0, locked_until = 0, begun = 0"
        " WHERE id = ?2 AND state = 'deleting'",
        err);
    sql_bind(&sql, "%jd %jd", clock_now(), copy);
    int result = copy_row_change(&sql, copy, "it is not being deleted");
    /* Its tombstone goes one day, too: what only grows is counted beside it. */
    if (result == 0)
        result = count_deleted(catalog, copy, err);

    /* The row stays as a tombstone; the artifact becomes one with its last copy. */
    if (result == 0)
        result = copy_row_end_artifact(catalog, copy, last, err);
    return sql_end_change(&sql, result);
}

int catalog_deletion_delay(struct catalog *catalog, int64_t copy,
                           const struct catalog_delay *delay, struct err *err)
{
    struct sql sql;
    /* deleting -> locked, blocked, or stays */
    sql_begin_change(
        &sql, catalog,
        "UPDATE copies SET state = ?, error = ?, locked_until = ?, next_try = ?,"
        " attempts = attempts + 1, updated = ? WHERE id = ? AND state = 'deleting'",
        err);
    sql_bind(&sql, "%s %s %jd %jd %jd %jd", catalog_copy_state_name(delay->state),
             delay->error, delay->locked_until, delay->next_try, clock_now(), copy);
    return sql_end_change(&sql, copy_row_change(&sql, copy, "it is not being deleted"));
}

/* A lock may be lifted and a refusal mended before its time: whoever calls has decided. */
int catalog_deletion_resume(struct catalog *catalog, int64_t copy, struct err *err)
{
    struct sql sql;
    /* locked, blocked -> deleting */
    sql_begin_change(&sql, catalog,
                     "UPDATE copies SET state = 'deleting', updated = ? WHERE id = ?"
                     " AND state IN ('deleting', 'locked', 'blocked')",
                     err);
    sql_bind(&sql, "%jd %jd", clock_now(), copy);
    return sql_end_change(&sql, copy_row_change(&sql, copy, "it is not being deleted"));
}

int catalog_deletions_due(struct catalog *catalog, int64_t store_id, int64_t now,
                          struct catalog_copies *out, struct err *err)
{
    struct sql sql;
    copy_row_prepare(&sql, catalog,
                     "WHERE c.state <> 'complete' AND c.state <> 'deleted'"
                     " AND c.state IN ('deleting', 'locked', 'blocked')"
                     " AND c.next_try <= ?1 AND (?2 = 0 OR c.store = ?2)"
                     /* those tried least first: a few that never go hold nothing up */
                     " ORDER BY c.store, c.attempts, a.id",
                     err);
    sql_bind(&sql, "%jd %jd", now, store_id);
    return copy_row_list(&sql, out);
}

/* ---- tombstones ---- */

#define OLD_COPIES "(SELECT id FROM copies WHERE state = 'deleted' AND deleted < ?)"
/* `status <> 'complete'` says it again so that the small index of the unusual ones
 * serves. */
#define OLD_ARTIFACTS                                                                      \
    "(SELECT number FROM artifacts WHERE status = 'deleted' AND status <> 'complete'"      \
    " AND updated < ?"                                                                     \
    " AND NOT EXISTS (SELECT 1 FROM copies WHERE artifact = artifacts.number))"

int catalog_tombstones_purge(struct catalog *catalog, int64_t before, size_t *count,
                             struct err *err)
{
    /* Children first: the foreign keys are RESTRICT. The last one counts. */
    static const char *const removals[] = {
        "DELETE FROM leases WHERE copy IN " OLD_COPIES,
        "DELETE FROM verifications WHERE copy IN " OLD_COPIES,
        "DELETE FROM copies WHERE id IN " OLD_COPIES,
        "DELETE FROM tags WHERE artifact IN " OLD_ARTIFACTS,
        "DELETE FROM filters WHERE artifact IN " OLD_ARTIFACTS,
        "DELETE FROM contents WHERE artifact IN " OLD_ARTIFACTS,
        "DELETE FROM tables WHERE artifact IN " OLD_ARTIFACTS,
        "DELETE FROM artifacts WHERE number IN " OLD_ARTIFACTS,
    };
    int64_t removed = 0;
    int result = 0;
    /* In one transaction: what is counted is what is gone. */
    if (sql_begin(catalog, err) < 0)
        return -1;
    for (size_t i = 0; result == 0 && i < sizeof removals / sizeof *removals; i++) {
        struct sql sql;
        sql_prepare(&sql, catalog, removals[i], err);
        sql_bind_int(&sql, before);
        result = sql_run(&sql, &removed);
    }
    result = sql_finish(catalog, result, err);
    if (count != NULL)
        *count = result == 0 ? (size_t)removed : 0;
    return result;
}
