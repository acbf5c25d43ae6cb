/* The marks on an artifact: pins, suspect and accepted, quarantined. */
#include "catalog/artifacts.h"

#include "base/clock.h"
#include "catalog/artifact_row.h"

int catalog_artifact_pin(struct catalog *catalog, const char *id, int64_t until,
                         const char *reason, struct err *err)
{
    struct sql sql;
    enum catalog_status status = CATALOG_STATUSES;
    int64_t changed = 0;
    /* pin_changed always grows, also when the clock was set back: of two machines that
     * changed a pin the later one wins (state_file.h). `updated` never goes back either:
     * it may be another machine's time, and that of a mark that is not in the stores
     * yet. */
    sql_begin_change(&sql, catalog,
                     "UPDATE artifacts SET pinned = 1, pin_until = ?1, pin_reason = ?2,"
                     " pin_changed = max(?3, pin_changed + 1), updated = max(?3, updated)"
                     " WHERE id = ?4 AND status = 'complete'",
                     err);
    sql_bind(&sql, "%jd %s %jd %s", until, reason, clock_now(), id);
    int result = sql_run(&sql, &changed);

    /* A pin on what cannot be restored would be a promise that nobody keeps. */
    if (result == 0 && changed == 0 &&
        (result = artifact_row_status(catalog, id, &status, err)) == 0)
        result =
            err_set(err, ERR_USAGE, "artifact %s is %s: only a complete one can be pinned",
                    id, catalog_status_name(status));
    return sql_end_change(&sql, result);
}

int catalog_artifact_unpin(struct catalog *catalog, const char *id, struct err *err)
{
    struct sql sql;
    enum catalog_status status = CATALOG_STATUSES;
    int64_t changed = 0;
    /* Unpinning is "retention alone decides again", so that quarantine ends, too. One
     * without either mark stays as it is: nothing changed that others should learn of. */
    sql_begin_change(
        &sql, catalog,
        "UPDATE artifacts SET pinned = 0, pin_until = 0, pin_reason = NULL,"
        " pin_changed = iif(pinned = 1, max(?1, pin_changed + 1), pin_changed),"
        " quarantined = 0, updated = max(?1, updated + 1)"
        " WHERE id = ?2 AND (pinned = 1 OR quarantined = 1)",
        err);
    sql_bind(&sql, "%jd %s", clock_now(), id);
    int result = sql_run(&sql, &changed);
    if (result == 0 && changed == 0)
        result = artifact_row_status(catalog, id, &status, err); /* is there such a one? */
    return sql_end_change(&sql, result);
}

/* One statement decides and writes: two machines that pull at once cannot both believe that
 * theirs was the later one. */
int catalog_artifact_merge_pin(struct catalog *catalog, const struct catalog_artifact *from,
                               bool *changed, struct err *err)
{
    struct sql sql;
    int64_t rows = 0;
    sql_begin_change(&sql, catalog,
                     "UPDATE artifacts SET pinned = ?1, pin_until = ?2, pin_reason = ?3,"
                     " pin_changed = ?4, updated = max(?5, updated)"
                     " WHERE id = ?6 AND pin_changed < ?4",
                     err);
    sql_bind(&sql, "%d %jd %s %jd %jd %s", from->pinned, from->pin_until, from->pin_reason,
             from->pin_changed, clock_now(), from->id);
    int result = sql_end_change(&sql, sql_run(&sql, &rows));
    /* No row: ours is as late or later, which is no error. */
    if (changed != NULL)
        *changed = result == 0 && rows > 0;
    return result;
}

int catalog_artifact_accept(struct catalog *catalog, const char *id, const char *reason,
                            struct err *err)
{
    struct sql sql;
    enum catalog_status status = CATALOG_STATUSES;
    int64_t changed = 0;
    /* Later than whatever was said before, also by a machine whose clock is ahead: its
     * word in the store would else undo this one. */
    sql_begin_change(&sql, catalog,
                     "UPDATE artifacts SET suspect = 0, accepted = ?1, accept_reason = ?2,"
                     " updated = max(?1, updated + 1) WHERE id = ?3 AND suspect = 1",
                     err);
    sql_bind(&sql, "%jd %s %s", clock_now(), reason, id);
    int result = sql_run(&sql, &changed);

    /* Said of the wrong one it would do nothing, and the right one would still hold its
     * group up. */
    if (result == 0 && changed == 0 &&
        (result = artifact_row_status(catalog, id, &status, err)) == 0)
        result = err_set(err, ERR_USAGE, "artifact %s is not suspect", id);
    return sql_end_change(&sql, result);
}

/* What a state file says, as of its own time: a row that is as late as the file is not told
 * the same again, and whatever is decided here from now on is later. */
int catalog_artifact_merge_marks(struct catalog *catalog,
                                 const struct catalog_artifact *from, int64_t changed,
                                 struct err *err)
{
    struct sql sql;
    sql_begin_change(&sql, catalog,
                     "UPDATE artifacts SET suspect = ?, quarantined = ?, accepted = ?,"
                     " accept_reason = ?, updated = max(?, updated) WHERE id = ?",
                     err);
    sql_bind(&sql, "%d %d %jd %s %jd %s", from->suspect, from->quarantined, from->accepted,
             from->accept_reason, changed, from->id);
    return sql_end_change(&sql, sql_run(&sql, NULL));
}

/* One flag of a row that must be there. `updated` tells the stores when it was decided
 * (state_file.h). */
static int set_mark(struct catalog *catalog, const char *text, const char *id, bool value,
                    struct err *err)
{
    struct sql sql;
    int64_t changed = 0;
    sql_begin_change(&sql, catalog, text, err);
    sql_bind(&sql, "%d %jd %s", value, clock_now(), id);
    int result = sql_run(&sql, &changed);
    if (result == 0 && changed == 0)
        result = err_set(err, ERR_NOT_FOUND, "the catalog knows no artifact %s", id);
    return sql_end_change(&sql, result);
}

int catalog_artifact_set_suspect(struct catalog *catalog, const char *id, bool suspect,
                                 struct err *err)
{
    return set_mark(catalog,
                    "UPDATE artifacts SET suspect = ?, updated = max(?, updated + 1)"
                    " WHERE id = ?",
                    id, suspect, err);
}

int catalog_artifact_set_quarantined(struct catalog *catalog, const char *id,
                                     bool quarantined, struct err *err)
{
    return set_mark(catalog,
                    "UPDATE artifacts SET quarantined = ?, updated = max(?, updated + 1)"
                    " WHERE id = ?",
                    id, quarantined, err);
}
