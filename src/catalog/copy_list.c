/* Reading copies: those of an artifact, of a state, without an owner. */
#include "catalog/copies.h"

#include "catalog/copy_row.h"
#include "catalog/db/states.h"

int catalog_copies_of(struct catalog *catalog, const char *artifact,
                      struct catalog_copies *out, struct err *err)
{
    struct sql sql;
    /* By name, the order in which people see them. */
    copy_row_prepare(&sql, catalog, "WHERE a.id = ? ORDER BY s.name", err);
    sql_bind_text(&sql, artifact);
    return copy_row_list(&sql, out);
}

/* There is at most one: UNIQUE (artifact, store). */
int catalog_copy_find(struct catalog *catalog, const char *artifact, int64_t store_id,
                      struct catalog_copy *out, struct err *err)
{
    struct sql sql;
    copy_row_prepare(&sql, catalog, "WHERE a.id = ? AND c.store = ?", err);
    sql_bind(&sql, "%s %jd", artifact, store_id);
    return copy_row_read(&sql, out);
}

int catalog_copies_list(struct catalog *catalog, const struct catalog_copy_filter *filter,
                        struct catalog_copies *out, struct err *err)
{
    /* The states that copies_unfinished, a small index, leaves out. */
    const unsigned settled = 1u << CATALOG_COPY_COMPLETE | 1u << CATALOG_COPY_DELETED;
    struct sql sql;
    struct text where;
    /* Only what is asked for stands in the text, so that an index can serve. */
    text_init(&where, 4096);
    if (filter->states == 0) {
        text_add(&where, "WHERE c.state <> 'deleted'");
    } else {
        text_add(&where, "WHERE c.state IN (");
        states_add_copies(&where, filter->states);
        text_add(&where, ")");
    }
    /* Said again so that the index of the unfinished ones can serve. */
    if (filter->states != 0 && (filter->states & settled) == 0)
        text_add(&where, " AND c.state <> 'complete' AND c.state <> 'deleted'");
    if (filter->store_id != 0)
        text_add(&where, " AND c.store = ?");
    if (filter->job != NULL)
        text_add(&where, " AND a.job = ?");
    text_add(&where, " ORDER BY c.store, a.id");
    copy_row_prepare(&sql, catalog, where.data, err);
    text_release(&where);

    /* In the order of the question marks. */
    if (filter->store_id != 0)
        sql_bind_int(&sql, filter->store_id);
    if (filter->job != NULL)
        sql_bind_text(&sql, filter->job);
    return copy_row_list(&sql, out);
}

/* By halves: the list of one store is ordered by id, and a plan asks for each of a
 * million. */
const struct catalog_copy *catalog_copies_find(const struct catalog_copies *copies,
                                               const char *artifact)
{
    size_t low = 0, high = copies->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(copies->items[middle].artifact, artifact) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    bool found = low < copies->count && strcmp(copies->items[low].artifact, artifact) == 0;
    return found ? &copies->items[low] : NULL;
}

int catalog_copies_abandoned(struct catalog *catalog, int64_t store_id,
                             struct catalog_copies *out, struct err *err)
{
    struct sql sql;
    size_t kept = out->count;
    /* A failed one matters while remains of it may lie in the store. */
    copy_row_prepare(&sql, catalog,
                     "WHERE c.state <> 'complete' AND c.state <> 'deleted'"
                     " AND c.state IN ('uploading', 'failed')"
                     " AND (c.state = 'uploading' OR c.begun = 1)"
                     " AND (?1 = 0 OR c.store = ?1) ORDER BY c.store, a.id",
                     err);
    sql_bind_int(&sql, store_id);
    if (copy_row_list(&sql, out) < 0)
        return -1;

    /* Those whose owner lives are not abandoned; SQL cannot know. */
    for (size_t i = kept; i < out->count; i++) {
        if (out->items[i].owner_state == OWNER_ALIVE)
            catalog_copy_release(&out->items[i]);
        else
            out->items[kept++] = out->items[i];
    }
    out->count = kept;
    return 0;
}
