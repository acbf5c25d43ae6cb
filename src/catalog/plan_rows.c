/*
 * The rows that the planner wants: every copy that is not deleted, with its artifact. Made for
 * a million of them: one statement, leases beside it, one sort.
 */
#include "catalog/plan_rows.h"

#include "base/memory.h"
#include "catalog/artifact_group.h"
#include "catalog/lease_row.h"
#include "catalog/db/record.h"
#include "catalog/db/states.h"

#define AT(field) offsetof(struct catalog_plan_row, field)

/* The first check that found it so since it became complete, and that no good one as
 * thorough has taken back. */
#define DAMAGED_SINCE                                                                      \
    "iif(c.state = 'damaged', coalesce((SELECT min(v.time) FROM verifications v"           \
    " WHERE v.copy = c.id AND v.result = 'damaged' AND v.time >= c.completed"              \
    " AND NOT EXISTS (SELECT 1 FROM verifications g WHERE g.copy = v.copy"                 \
    " AND g.id > v.id AND g.result = 'good' AND g.level >= v.level)), c.verified), 0)"

/* origin, database, type and filters, which the row itself does not keep, come behind. */
static const struct record_column columns[] = {
    {"a.id", RECORD_CHARS, 0, AT(artifact), ULID_SIZE, NULL},
    {"c.id", RECORD_INT, 0, AT(copy), 0, NULL},
    {"c.store", RECORD_INT, 0, AT(store_id), 0, NULL},
    {"a.job", RECORD_TEXT, 0, AT(job), 0, NULL},
    {"a.source", RECORD_TEXT, 0, AT(source), 0, NULL},
    {"a.seq", RECORD_INT, 0, AT(seq), 0, NULL},
    {"a.time", RECORD_INT, 0, AT(time), 0, NULL},
    {"c.bytes", RECORD_SIZE, 0, AT(bytes), 0, NULL},
    {"a.status", RECORD_WORD, 0, AT(status), CATALOG_STATUSES, states_statuses},
    {"c.state", RECORD_WORD, 0, AT(state), CATALOG_COPY_STATES, states_copies},
    {"c.proven > 0", RECORD_BOOL, 0, AT(proven), 0, NULL},
    {"a.pinned", RECORD_BOOL, 0, AT(pinned), 0, NULL},
    {"a.pin_until", RECORD_INT, 0, AT(pin_until), 0, NULL},
    {"a.pin_reason", RECORD_TEXT, 0, AT(pin_reason), 0, NULL},
    {"a.suspect", RECORD_BOOL, 0, AT(suspect), 0, NULL},
    {"a.quarantined", RECORD_BOOL, 0, AT(quarantined), 0, NULL},
    {"c.first_marked", RECORD_INT, 0, AT(first_marked), 0, NULL},
    {"c.locked_until", RECORD_INT, 0, AT(locked_until), 0, NULL},
    {DAMAGED_SINCE, RECORD_INT, 0, AT(damaged_since), 0, NULL},
};
static const struct record record = {columns, sizeof columns / sizeof *columns};

void catalog_plan_rows_release(struct catalog_plan_rows *rows)
{
    for (size_t i = 0; i < rows->count; i++) {
        record_release(&record, &rows->items[i]);
        free(rows->items[i].group);
        free(rows->items[i].lease);
    }
    free(rows->items);
    *rows = (struct catalog_plan_rows){0};
}

/* For bsearch in the leases, which are ordered by copy. */
static int compare_lease(const void *key, const void *item)
{
    int64_t copy = *(const int64_t *)key;
    const struct lease_row *lease = item;
    return (copy > lease->copy) - (copy < lease->copy);
}

static void read_row(struct sql *sql, const struct lease_rows *leases,
                     struct catalog_plan_row *out)
{
    *out = (struct catalog_plan_row){0};
    record_read(sql, &record, out);

    /* Its group, by parts that the row itself does not keep. */
    struct catalog_artifact parts = {.job = out->job, .source = out->source};
    parts.origin = sql_text(sql);
    parts.database = sql_text(sql);
    parts.type = sql_text(sql);
    sql_chars(sql, parts.filters_hash, sizeof parts.filters_hash);
    out->group = catalog_artifact_group(&parts);
    free(parts.origin);
    free(parts.database);
    free(parts.type);

    /* Who reads it. bsearch of no array at all is undefined. */
    const struct lease_row *lease = leases->count == 0
                                        ? NULL
                                        : bsearch(&out->copy, leases->items, leases->count,
                                                  sizeof *leases->items, compare_lease);
    out->lease = lease == NULL ? NULL : memory_strdup(lease->purpose);
}

/* By group, store, time and seq, newest first; ids decide where all else is equal. */
static int compare_rows(const void *a, const void *b)
{
    const struct catalog_plan_row *x = a;
    const struct catalog_plan_row *y = b;
    /* The planner takes a group of one store as one stretch of the list. */
    int order = strcmp(x->group, y->group);
    if (order == 0)
        order = (x->store_id > y->store_id) - (x->store_id < y->store_id);
    if (order == 0)
        order = (x->time < y->time) - (x->time > y->time);
    if (order == 0)
        order = (x->seq < y->seq) - (x->seq > y->seq);
    return order != 0 ? order : strcmp(y->artifact, x->artifact);
}

static int load(struct catalog *catalog, const struct catalog_plan_scope *scope,
                const struct lease_rows *leases, struct catalog_plan_rows *out,
                struct err *err)
{
    struct sql sql;
    struct text text;
    /* What makes a group comes behind the columns of the struct, as read_row reads it. */
    text_init(&text, 16384);
    text_add(&text, "SELECT ");
    record_add_columns(&text, &record, "");
    text_add(&text, ", a.origin, a.database, a.type, a.filters_hash FROM copies c"
                    " JOIN artifacts a ON a.number = c.artifact"
                    " WHERE c.state <> 'deleted'");
    /* The job stands in the text only when it is wanted, so that its index serves; that of
     * the store (hence the +) would be slower than reading all. */
    text_add(&text, scope->store_id != 0 ? " AND +c.store = ?" : "");
    text_add(&text, scope->job != NULL ? " AND a.job = ?" : "");
    sql_prepare(&sql, catalog, text.data, err);
    text_release(&text);
    if (scope->store_id != 0)
        sql_bind_int(&sql, scope->store_id);
    if (scope->job != NULL)
        sql_bind_text(&sql, scope->job);
    while (sql_row(&sql)) {
        read_row(
            &sql, leases,
            memory_append(&out->items, &out->count, &out->capacity, sizeof *out->items));
    }
    if (sql_end(&sql) < 0)
        return -1;

    /* By the name of the group, which SQL does not know. */
    if (out->count > 0)
        qsort(out->items, out->count, sizeof *out->items, compare_rows);
    return 0;
}

int catalog_plan_rows(struct catalog *catalog, const struct catalog_plan_scope *scope,
                      struct catalog_plan_rows *out, struct err *err)
{
    struct lease_rows leases = {0};
    *out = (struct catalog_plan_rows){0};
    /* One snapshot: a lease that is taken in between belongs to a copy of the same
     * moment. */
    if (sql_begin_reading(catalog, err) < 0)
        return -1;
    int result = lease_rows_load(catalog, scope->now, true, &leases, err);
    if (result == 0)
        result = load(catalog, scope, &leases, out, err);
    lease_rows_release(&leases);
    return sql_finish_reading(catalog, result, err);
}
