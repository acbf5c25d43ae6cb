/*
 * The one SELECT of copies, with the names of artifact and store in it: whoever reads a
 * copy wants to say which one it is.
 */
#include "catalog/copy_row.h"

#include "base/clock.h"
#include "base/memory.h"
#include "catalog/db/states.h"

#define AT(field) offsetof(struct catalog_copy, field)

/* Only read by this table: each move of a copy writes the columns that it is about. */
static const struct record_column columns[] = {
    {"c.id", RECORD_INT, 0, AT(id), 0, NULL},
    {"a.id", RECORD_CHARS, 0, AT(artifact), ULID_SIZE, NULL},
    {"c.store", RECORD_INT, 0, AT(store_id), 0, NULL},
    {"s.name", RECORD_TEXT, 0, AT(store), 0, NULL},
    /* what lies in the store */
    {"c.key", RECORD_TEXT, 0, AT(key), 0, NULL},
    {"c.index_key", RECORD_TEXT, 0, AT(index_key), 0, NULL},
    {"c.state", RECORD_WORD, 0, AT(state), CATALOG_COPY_STATES, states_copies},
    {"c.bytes", RECORD_SIZE, 0, AT(bytes), 0, NULL},
    {"c.begun", RECORD_BOOL, 0, AT(begun), 0, NULL},
    /* who brings it there, by which upload */
    {"c.upload", RECORD_TEXT, 0, AT(upload), 0, NULL},
    {"c.owner", RECORD_TEXT, 0, AT(owner), 0, NULL},
    {"c.etag", RECORD_TEXT, 0, AT(etag), 0, NULL},
    {"c.version", RECORD_TEXT, 0, AT(version), 0, NULL},
    {"c.created", RECORD_INT, 0, AT(created), 0, NULL},
    {"c.updated", RECORD_INT, 0, AT(updated), 0, NULL},
    {"c.completed", RECORD_INT, 0, AT(completed), 0, NULL},
    {"c.error", RECORD_TEXT, 0, AT(error), 0, NULL},
    /* what checks found */
    {"c.verified", RECORD_INT, 0, AT(verified), 0, NULL},
    {"c.verified_level", RECORD_ENUM, 0, AT(verified_level), 0, NULL},
    {"c.verified_error", RECORD_TEXT, 0, AT(verified_error), 0, NULL},
    {"c.proven", RECORD_INT, 0, AT(proven), 0, NULL},
    {"c.proven_level", RECORD_ENUM, 0, AT(proven_level), 0, NULL},
    /* how far its removal is */
    {"c.first_marked", RECORD_INT, 0, AT(first_marked), 0, NULL},
    {"c.delete_run", RECORD_INT, 0, AT(delete_run), 0, NULL},
    {"c.delete_reason", RECORD_TEXT, 0, AT(delete_reason), 0, NULL},
    {"c.marked", RECORD_INT, 0, AT(marked), 0, NULL},
    {"c.attempts", RECORD_INT, 0, AT(attempts), 0, NULL},
    {"c.next_try", RECORD_INT, 0, AT(next_try), 0, NULL},
    {"c.locked_until", RECORD_INT, 0, AT(locked_until), 0, NULL},
    {"c.gone", RECORD_ENUM, 0, AT(gone), 0, NULL},
    {"c.deleted", RECORD_INT, 0, AT(deleted), 0, NULL},
};
static const struct record record = {columns, sizeof columns / sizeof *columns};

void catalog_copy_release(struct catalog_copy *copy)
{
    record_release(&record, copy);
}

void catalog_copies_release(struct catalog_copies *copies)
{
    for (size_t i = 0; i < copies->count; i++)
        catalog_copy_release(&copies->items[i]);
    free(copies->items);
    *copies = (struct catalog_copies){0};
}

void copy_row_prepare(struct sql *sql, struct catalog *catalog, const char *where,
                      struct err *err)
{
    struct text text;
    /* Columns in the order in which record_read reads them. */
    text_init(&text, 16384);
    text_add(&text, "SELECT ");
    record_add_columns(&text, &record, "");
    text_add(&text, " FROM copies c JOIN artifacts a ON a.number = c.artifact"
                    " JOIN stores s ON s.id = c.store ");
    text_add(&text, where);
    sql_prepare(sql, catalog, text.data, err);
    text_release(&text);
}

static void read_row(struct sql *sql, struct catalog_copy *out)
{
    *out = (struct catalog_copy){.owner_state = OWNER_DEAD};
    record_read(sql, &record, out);
    /* Asked now, once, so that all who look at this row see the same. */
    if (out->state == CATALOG_COPY_UPLOADING)
        out->owner_state = owner_text_state(out->owner);
}

/* After an error, too, what was read is the caller's to release. */
int copy_row_list(struct sql *sql, struct catalog_copies *out)
{
    while (sql_row(sql)) {
        read_row(sql, memory_append(&out->items, &out->count, &out->capacity,
                                    sizeof *out->items));
    }
    return sql_end(sql);
}

int copy_row_read(struct sql *sql, struct catalog_copy *out)
{
    *out = (struct catalog_copy){0};
    if (sql_row(sql))
        read_row(sql, out);
    return sql_end(sql);
}

int catalog_copy_load(struct catalog *catalog, int64_t id, struct catalog_copy *out,
                      struct err *err)
{
    struct sql sql;
    copy_row_prepare(&sql, catalog, "WHERE c.id = ?", err);
    sql_bind_int(&sql, id);
    if (copy_row_read(&sql, out) < 0)
        return -1;
    if (out->id != 0)
        return 0;
    return err_set(err, ERR_NOT_FOUND, "the catalog knows no copy %lld", (long long)id);
}

int copy_row_change(struct sql *sql, int64_t id, const char *what)
{
    /* Kept: the statement has ended when it is asked why nothing was changed. */
    struct catalog *catalog = sql->catalog;
    struct err *err = sql->err;
    struct catalog_copy copy;
    int64_t changed = 0;
    if (sql_run(sql, &changed) < 0)
        return -1;
    if (changed > 0)
        return 0;

    /* No row was changed, because the WHERE named states: which one it is in now is the
     * message. */
    if (catalog_copy_load(catalog, id, &copy, err) == 0)
        err_set(err, ERR_UNSAFE, "copy of %s in store \"%s\" is %s: %s", copy.artifact,
                copy.store, catalog_copy_state_name(copy.state), what);
    catalog_copy_release(&copy);
    return -1;
}

/* Called wherever a copy comes to its end, in the same transaction: an artifact without
 * anything in any store must not be listed as complete for a moment. */
int copy_row_end_artifact(struct catalog *catalog, int64_t id, bool *last, struct err *err)
{
    struct sql sql;
    int64_t changed = 0;
    /* failed -> deleted. Of a complete artifact of which no copy has anything in a
     * store, the rows of those that failed go along. At least one copy must have been
     * deleted: else nothing was ever good, or it is still being taken. */
    sql_prepare(&sql, catalog,
                "UPDATE copies SET state = 'deleted', deleted = ?1, updated = ?1"
                " WHERE artifact = (SELECT artifact FROM copies WHERE id = ?2)"
                " AND state = 'failed' AND begun = 0"
                " AND (SELECT status FROM artifacts WHERE number = copies.artifact)"
                " = 'complete'"
                " AND EXISTS (SELECT 1 FROM copies d WHERE d.artifact = copies.artifact"
                " AND d.state = 'deleted')"
                " AND NOT EXISTS (SELECT 1 FROM copies o WHERE o.artifact = copies.artifact"
                " AND o.state <> 'deleted' AND NOT (o.state = 'failed' AND o.begun = 0))",
                err);
    sql_bind(&sql, "%jd %jd", clock_now(), id);
    if (sql_run(&sql, NULL) < 0)
        return -1;

    /* complete, failed, cancelled -> deleted: was this the last one? */
    sql_prepare(&sql, catalog,
                "UPDATE artifacts SET status = 'deleted', updated = ?1"
                " WHERE number = (SELECT artifact FROM copies WHERE id = ?2)"
                " AND status IN ('complete', 'failed', 'cancelled')"
                " AND NOT EXISTS (SELECT 1 FROM copies WHERE artifact = artifacts.number"
                " AND state <> 'deleted')",
                err);
    sql_bind(&sql, "%jd %jd", clock_now(), id);
    if (sql_run(&sql, &changed) < 0)
        return -1;
    if (last != NULL)
        *last = changed > 0;
    return 0;
}
