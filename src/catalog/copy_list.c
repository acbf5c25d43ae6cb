/* Reading copies: one, those of an artifact, those of a state. */
#include "catalog/copies.h"

#include "base/memory.h"
#include "catalog/copy_row.h"
#include "catalog/states.h"

#define TEXT_LIMIT 16384

static void prepare(struct sql *sql, struct catalog *catalog, const char *where,
                    struct err *err)
{
    struct text text;
    text_init(&text, TEXT_LIMIT);
    copy_row_add_select(&text);
    text_add(&text, where);
    sql_prepare(sql, catalog, text.data, err);
    text_release(&text);
}

int catalog_copy_load(struct catalog *catalog, int64_t id, struct catalog_copy *out,
                      struct err *err)
{
    struct sql sql;
    bool absent = false;
    prepare(&sql, catalog, "WHERE c.id = ?", err);
    sql_bind_int(&sql, id);
    if (copy_row_take(&sql, out, &absent) < 0)
        return -1;
    return absent ? err_set(err, ERR_NOT_FOUND, "the catalog knows no copy %lld",
                            (long long)id)
                  : 0;
}

int catalog_copies_of(struct catalog *catalog, const char *artifact,
                      struct catalog_copies *out, struct err *err)
{
    struct sql sql;
    prepare(&sql, catalog, "WHERE a.id = ? ORDER BY s.name", err);
    sql_bind_text(&sql, artifact);
    return copy_row_list(&sql, out);
}

int catalog_copy_find(struct catalog *catalog, const char *artifact, int64_t store_id,
                      struct catalog_copy *out, bool *absent, struct err *err)
{
    struct sql sql;
    prepare(&sql, catalog, "WHERE a.id = ? AND c.store = ?", err);
    sql_bind_text(&sql, artifact);
    sql_bind_int(&sql, store_id);
    return copy_row_take(&sql, out, absent);
}

int catalog_copy_find_key(struct catalog *catalog, int64_t store_id, const char *key,
                          struct catalog_copy *out, bool *absent, struct err *err)
{
    struct sql sql;
    prepare(&sql, catalog,
            "WHERE c.id IN (SELECT id FROM copies WHERE store = ?1 AND key = ?2"
            " UNION SELECT id FROM copies WHERE store = ?1 AND index_key = ?2)"
            " ORDER BY c.state = 'deleted', c.id DESC LIMIT 1",
            err);
    sql_bind_int(&sql, store_id);
    sql_bind_text(&sql, key);
    return copy_row_take(&sql, out, absent);
}

static void add_filter(struct text *text, const struct catalog_copy_filter *filter)
{
    const unsigned settled = 1u << CATALOG_COPY_COMPLETE | 1u << CATALOG_COPY_DELETED;
    if (filter->states == 0) {
        text_add(text, "WHERE c.state <> 'deleted'");
    } else {
        text_add(text, "WHERE c.state IN (");
        states_add_copies(text, filter->states);
        text_add(text, ")");
    }
    /* Said again so that the index of the unfinished ones can serve. */
    if (filter->states != 0 && (filter->states & settled) == 0)
        text_add(text, " AND c.state <> 'complete' AND c.state <> 'deleted'");
    if (filter->store_id != 0)
        text_add(text, " AND c.store = ?");
    if (filter->job != NULL)
        text_add(text, " AND a.job = ?");
}

int catalog_copies_list(struct catalog *catalog, const struct catalog_copy_filter *filter,
                        struct catalog_copies *out, struct err *err)
{
    struct sql sql;
    struct text text;
    text_init(&text, TEXT_LIMIT);
    copy_row_add_select(&text);
    add_filter(&text, filter);
    text_add(&text, " ORDER BY c.store, a.id");
    sql_prepare(&sql, catalog, text.data, err);
    text_release(&text);
    if (filter->store_id != 0)
        sql_bind_int(&sql, filter->store_id);
    if (filter->job != NULL)
        sql_bind_text(&sql, filter->job);
    return copy_row_list(&sql, out);
}

/* Drops those whose owner lives. */
static void keep_abandoned(struct catalog_copies *copies, size_t from)
{
    size_t kept = from;
    for (size_t i = from; i < copies->count; i++) {
        if (copies->items[i].owner_state == OWNER_ALIVE)
            catalog_copy_release(&copies->items[i]);
        else
            copies->items[kept++] = copies->items[i];
    }
    copies->count = kept;
}

int catalog_copies_abandoned(struct catalog *catalog, int64_t store_id,
                             struct catalog_copies *out, struct err *err)
{
    struct sql sql;
    size_t before = out->count;
    prepare(&sql, catalog,
            "WHERE c.state <> 'complete' AND c.state <> 'deleted'"
            " AND c.state IN ('uploading', 'failed')"
            " AND (c.state = 'uploading' OR c.begun = 1)"
            " AND (?1 = 0 OR c.store = ?1) ORDER BY c.store, a.id",
            err);
    sql_bind_int(&sql, store_id);
    if (copy_row_list(&sql, out) < 0)
        return -1;
    keep_abandoned(out, before);
    return 0;
}
