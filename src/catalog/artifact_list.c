/*
 * Lists by filter. A condition stands in the text of the statement only when it is wanted, so
 * that the index of what is wanted can serve; values are always bound.
 */
#include "catalog/artifact_list.h"

#include "base/memory.h"
#include "catalog/artifact_row.h"
#include "catalog/db/states.h"

#define TEXT_LIMIT 65536 /* of a statement: all columns, and a condition per tag */

void catalog_artifacts_release(struct catalog_artifacts *artifacts)
{
    for (size_t i = 0; i < artifacts->count; i++)
        catalog_artifact_release(&artifacts->items[i]);
    free(artifacts->items);
    *artifacts = (struct catalog_artifacts){0};
}

/* The row a question stands on: number, then all columns. */
static int64_t read_row(struct sql *sql, struct catalog_artifact *out)
{
    /* Of all but the running ones nobody asks who made them. */
    *out = (struct catalog_artifact){.owner_state = OWNER_DEAD};
    int64_t number = sql_int(sql);
    record_read(sql, &artifact_row, out);
    /* Asked now, once, so that all who look at this row see the same. */
    if (out->status == CATALOG_RUNNING)
        out->owner_state = owner_text_state(out->owner);
    return number;
}

/* What read_row reads. */
static void add_select(struct text *text)
{
    text_add(text, "SELECT number, ");
    record_add_columns(text, &artifact_row, "");
    text_add(text, " FROM artifacts a");
}

int catalog_artifact_load(struct catalog *catalog, const char *id, unsigned with,
                          struct catalog_artifact *out, struct err *err)
{
    struct sql sql;
    struct text text;
    int64_t number = 0;
    *out = (struct catalog_artifact){0};
    /* Row and children of one moment. */
    if (sql_begin_reading(catalog, err) < 0)
        return -1;
    /* The text is always the same, so that the statement is kept (sql.h). */
    text_init(&text, TEXT_LIMIT);
    add_select(&text);
    text_add(&text, " WHERE id = ?");
    sql_prepare(&sql, catalog, text.data, err);
    sql_bind_text(&sql, id);
    if (sql_row(&sql))
        number = read_row(&sql, out);
    int result = sql_end(&sql);
    text_release(&text);

    /* Numbers begin at 1: 0 is no row. */
    if (result == 0 && number == 0)
        result = err_set(err, ERR_NOT_FOUND, "the catalog knows no artifact %s", id);
    if (result == 0)
        result = artifact_row_load_children(catalog, number, with, out, err);
    return sql_finish_reading(catalog, result, err);
}

int catalog_artifact_is_known(struct catalog *catalog, const char *id, bool *known,
                              struct err *err)
{
    struct sql sql;
    sql_prepare(&sql, catalog, "SELECT 1 FROM artifacts WHERE id = ?", err);
    sql_bind_text(&sql, id);
    *known = sql_row(&sql);
    return sql_end(&sql);
}

/* One condition of a filter on a text column: added when the text is there, bound in the
 * same order. */
struct condition {
    const char *sql;
    size_t offset; /* of the text in struct catalog_filter */
};
static const struct condition conditions[] = {
    {" AND a.job = ?", offsetof(struct catalog_filter, job)},
    {" AND a.source = ?", offsetof(struct catalog_filter, source)},
    {" AND a.database = ?", offsetof(struct catalog_filter, database)},
    {" AND a.type = ?", offsetof(struct catalog_filter, type)},
    {" AND EXISTS (SELECT 1 FROM copies c JOIN stores s ON s.id = c.store"
     " WHERE c.artifact = a.number AND c.state <> 'deleted' AND s.name = ?)",
     offsetof(struct catalog_filter, store)},
};
#define CONDITIONS (sizeof conditions / sizeof *conditions)

/* By its offset; memcpy because a field is found by its address. */
static const char *value_of(const struct catalog_filter *filter, size_t condition)
{
    const char *value;
    memcpy(&value, (const char *)filter + conditions[condition].offset, sizeof value);
    return value;
}

/* Question marks in the order of bind_where, which repeats every condition of this one. */
static void add_where(struct text *text, const struct catalog_filter *filter)
{
    /* Tombstones only for who asks for them by name (CONTRACT-NOTES 9). */
    if (filter->statuses == 0) {
        text_add(text, " WHERE a.status <> 'deleted'");
    } else {
        text_add(text, " WHERE a.status IN (");
        states_add_statuses(text, filter->statuses);
        text_add(text, ")");
    }
    /* Said again so that the small index of the others can serve. */
    if (filter->statuses != 0 && (filter->statuses & 1u << CATALOG_COMPLETE) == 0)
        text_add(text, " AND a.status <> 'complete'");
    for (size_t i = 0; i < CONDITIONS; i++)
        if (value_of(filter, i) != NULL)
            text_add(text, conditions[i].sql);

    /* since <= time < until: two lists beside each other have no row twice. */
    if (filter->since != 0)
        text_add(text, " AND a.time >= ?");
    if (filter->until != 0)
        text_add(text, " AND a.time < ?");

    /* All of them: each narrows further. */
    for (size_t i = 0; i < filter->tag_count; i++)
        text_add(text, " AND EXISTS (SELECT 1 FROM tags t WHERE t.artifact = a.number"
                       " AND t.name = ? AND t.value = ?)");
}

/* What stands in the text, and in its order. */
static void bind_where(struct sql *sql, const struct catalog_filter *filter)
{
    for (size_t i = 0; i < CONDITIONS; i++)
        if (value_of(filter, i) != NULL)
            sql_bind_text(sql, value_of(filter, i));
    if (filter->since != 0)
        sql_bind_int(sql, filter->since);
    if (filter->until != 0)
        sql_bind_int(sql, filter->until);
    for (size_t i = 0; i < filter->tag_count; i++) {
        sql_bind(sql, "%s %s", filter->tags[i].name, filter->tags[i].value);
    }
}

int catalog_artifacts_list(struct catalog *catalog, const struct catalog_filter *filter,
                           unsigned with, struct catalog_artifacts *out, struct err *err)
{
    struct sql sql;
    struct text text;
    if (sql_begin_reading(catalog, err) < 0)
        return -1;
    /* Rows and children of one moment: a list does not show a copy whose artifact has
     * just gone. */
    text_init(&text, TEXT_LIMIT);
    add_select(&text);
    add_where(&text, filter);
    text_add(&text, " ORDER BY a.time DESC, a.seq DESC, a.id DESC LIMIT ? OFFSET ?");
    sql_prepare(&sql, catalog, text.data, err);
    bind_where(&sql, filter);
    sql_bind_int(&sql,
                 filter->limit > 0 ? filter->limit : -1); /* -1: no limit, in SQLite */
    sql_bind_int(&sql, filter->offset);
    while (sql_row(&sql)) {
        struct catalog_artifact *artifact =
            memory_append(&out->items, &out->count, &out->capacity, sizeof *artifact);
        int64_t number = read_row(&sql, artifact);
        /* Children row by row: a join would repeat the row for each tag and each table. */
        if (!sql.failed &&
            artifact_row_load_children(catalog, number, with, artifact, err) < 0)
            sql.failed = true;
    }
    int result = sql_end(&sql);
    text_release(&text);
    return sql_finish_reading(catalog, result, err);
}

/* The same conditions, so that pages and their number agree. */
int catalog_artifacts_count(struct catalog *catalog, const struct catalog_filter *filter,
                            int64_t *count, struct err *err)
{
    struct sql sql;
    struct text text;
    text_init(&text, TEXT_LIMIT);
    /* Neither limit nor order: a number has neither. */
    text_add(&text, "SELECT count(*) FROM artifacts a");
    add_where(&text, filter);
    sql_prepare(&sql, catalog, text.data, err);
    bind_where(&sql, filter);
    *count = sql_row(&sql) ? sql_int(&sql) : 0;
    int result = sql_end(&sql);
    text_release(&text);
    return result;
}

int catalog_artifacts_running(struct catalog *catalog, struct catalog_artifacts *out,
                              struct err *err)
{
    struct catalog_filter filter = {.statuses = 1u << CATALOG_RUNNING};
    return catalog_artifacts_list(catalog, &filter, CATALOG_WITH_COPIES, out, err);
}

int catalog_artifacts_ever_pinned(struct catalog *catalog, int64_t store_id,
                                  struct strlist *ids, struct err *err)
{
    struct sql sql;
    /* pin_changed is never set back: one that was unpinned is still told to the stores. */
    sql_prepare(&sql, catalog,
                "SELECT a.id FROM artifacts a JOIN copies c ON c.artifact = a.number"
                " WHERE a.pin_changed > 0 AND c.store = ? AND c.state = 'complete'"
                " ORDER BY a.id",
                err);
    sql_bind_int(&sql, store_id);
    return sql_texts(&sql, ids);
}

int catalog_artifacts_databases(struct catalog *catalog, const char *job,
                                struct strlist *names, struct err *err)
{
    struct sql sql;
    /* Without the globals, whose database is "". */
    sql_prepare(&sql, catalog,
                "SELECT DISTINCT a.database FROM artifacts a WHERE a.job = ?"
                " AND a.status = 'complete' AND a.database <> '' ORDER BY a.database",
                err);
    sql_bind_text(&sql, job);
    return sql_texts(&sql, names);
}
