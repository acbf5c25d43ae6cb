/* The marks on an artifact: pins, suspect, quarantined; and what is normal for its group. */
#include "catalog/artifacts.h"

#include "base/clock.h"
#include "base/memory.h"
#include "catalog/sql.h"

/* A part of a group's name: '/' divides the parts, so that a part cannot hold one. */
static void add_part(struct text *text, const char *part)
{
    for (; *part != '\0'; part++) {
        if (*part == '/' || *part == '%')
            text_addf(text, "%%%02X", (unsigned)(unsigned char)*part);
        else
            text_add_char(text, *part);
    }
}

char *catalog_artifact_group(const struct catalog_artifact *artifact)
{
    struct text text;
    text_init(&text, SIZE_MAX / 2);
    add_part(&text, artifact->job[0] != '\0' ? artifact->job : artifact->source);
    if (artifact->job[0] == '\0' && artifact->origin[0] != '\0') {
        text_add_char(&text, '@');
        add_part(&text, artifact->origin);
    }
    text_addf(&text, "/%s/", artifact->database);
    add_part(&text, artifact->type);
    char *group = text_take(&text);
    text_release(&text);
    return group;
}

static int status_of(struct catalog *catalog, const char *id, char *out, size_t size,
                     struct err *err)
{
    struct sql sql;
    out[0] = '\0';
    sql_prepare(&sql, catalog, "SELECT status FROM artifacts WHERE id = ?", err);
    sql_bind_text(&sql, id);
    if (sql_row(&sql))
        sql_chars(&sql, out, size);
    if (sql_end(&sql) < 0)
        return -1;
    return out[0] != '\0'
               ? 0
               : err_set(err, ERR_NOT_FOUND, "the catalog knows no artifact %s", id);
}

/* pin_changed always grows, also when the clock was set back: the later of two wins. */
static int pin(struct catalog *catalog, const char *id, int64_t until, const char *reason,
               struct err *err)
{
    struct sql sql;
    char status[32];
    if (status_of(catalog, id, status, sizeof status, err) < 0)
        return -1;
    if (strcmp(status, "complete") != 0)
        return err_set(err, ERR_USAGE,
                       "artifact %s is %s: only a complete one can be pinned", id, status);
    sql_prepare(&sql, catalog,
                "UPDATE artifacts SET pinned = 1, pin_until = ?1, pin_reason = ?2,"
                " pin_changed = max(?3, pin_changed + 1), suspect = 0, updated = ?3"
                " WHERE id = ?4",
                err);
    sql_bind_int(&sql, until);
    sql_bind_text(&sql, reason);
    sql_bind_int(&sql, clock_now());
    sql_bind_text(&sql, id);
    return sql_run(&sql, NULL);
}

int catalog_artifact_pin(struct catalog *catalog, const char *id, int64_t until,
                         const char *reason, struct err *err)
{
    if (sql_begin(catalog, err) < 0)
        return -1;
    return sql_finish(catalog, pin(catalog, id, until, reason, err), err);
}

static int unpin(struct catalog *catalog, const char *id, struct err *err)
{
    struct sql sql;
    char status[32];
    if (status_of(catalog, id, status, sizeof status, err) < 0)
        return -1;
    sql_prepare(&sql, catalog,
                "UPDATE artifacts SET pinned = 0, pin_until = 0, pin_reason = NULL,"
                " pin_changed = iif(pinned = 1, max(?1, pin_changed + 1), pin_changed),"
                " quarantined = 0, updated = ?1"
                " WHERE id = ?2 AND (pinned = 1 OR quarantined = 1)",
                err);
    sql_bind_int(&sql, clock_now());
    sql_bind_text(&sql, id);
    return sql_run(&sql, NULL);
}

int catalog_artifact_unpin(struct catalog *catalog, const char *id, struct err *err)
{
    if (sql_begin(catalog, err) < 0)
        return -1;
    return sql_finish(catalog, unpin(catalog, id, err), err);
}

int catalog_artifact_merge_pin(struct catalog *catalog, const struct catalog_artifact *from,
                               bool *changed, struct err *err)
{
    struct sql sql;
    int64_t rows = 0;
    if (sql_begin(catalog, err) < 0)
        return -1;
    sql_prepare(&sql, catalog,
                "UPDATE artifacts SET pinned = ?1, pin_until = ?2, pin_reason = ?3,"
                " pin_changed = ?4, updated = ?5 WHERE id = ?6 AND pin_changed < ?4",
                err);
    sql_bind_int(&sql, from->pinned ? 1 : 0);
    sql_bind_int(&sql, from->pin_until);
    sql_bind_text(&sql, from->pin_reason);
    sql_bind_int(&sql, from->pin_changed);
    sql_bind_int(&sql, clock_now());
    sql_bind_text(&sql, from->id);
    int result = sql_finish(catalog, sql_run(&sql, &rows), err);
    if (changed != NULL)
        *changed = result == 0 && rows > 0;
    return result;
}

static int set_mark(struct catalog *catalog, const char *text, const char *id, bool value,
                    struct err *err)
{
    struct sql sql;
    int64_t changed = 0;
    if (sql_begin(catalog, err) < 0)
        return -1;
    sql_prepare(&sql, catalog, text, err);
    sql_bind_int(&sql, value ? 1 : 0);
    sql_bind_int(&sql, clock_now());
    sql_bind_text(&sql, id);
    int result = sql_run(&sql, &changed);
    if (result == 0 && changed == 0)
        result = err_set(err, ERR_NOT_FOUND, "the catalog knows no artifact %s", id);
    return sql_finish(catalog, result, err);
}

int catalog_artifact_set_suspect(struct catalog *catalog, const char *id, bool suspect,
                                 struct err *err)
{
    return set_mark(catalog, "UPDATE artifacts SET suspect = ?, updated = ? WHERE id = ?",
                    id, suspect, err);
}

int catalog_artifact_set_quarantined(struct catalog *catalog, const char *id,
                                     bool quarantined, struct err *err)
{
    return set_mark(catalog,
                    "UPDATE artifacts SET quarantined = ?, updated = ? WHERE id = ?", id,
                    quarantined, err);
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* The middle one; of two in the middle their mean. */
static int64_t median(int64_t *values, size_t count, int64_t none)
{
    if (count == 0)
        return none;
    qsort(values, count, sizeof *values, compare);
    int64_t high = values[count / 2];
    int64_t low = values[(count - 1) / 2];
    return low + (high - low) / 2;
}

static void take_normal(struct sql *sql, int64_t *values, size_t limit,
                        struct catalog_normal *out)
{
    int64_t *bytes = values;
    int64_t *tables = values + limit;
    int64_t *rows = values + 2 * limit;
    size_t counted = 0;
    while (out->count < limit && sql_row(sql)) {
        bytes[out->count] = sql_int(sql);
        tables[out->count] = sql_int(sql);
        rows[counted] = sql_int(sql);
        counted += rows[counted] != CATALOG_UNKNOWN_ROWS ? 1 : 0;
        out->count++;
    }
    if (out->count == 0)
        return;
    out->raw_bytes = (uint64_t)median(bytes, out->count, 0);
    out->table_count = median(tables, out->count, 0);
    out->row_count = median(rows, counted, CATALOG_UNKNOWN_ROWS);
}

int catalog_artifact_normal(struct catalog *catalog, const struct catalog_group *group,
                            int64_t before_seq, size_t limit, struct catalog_normal *out,
                            struct err *err)
{
    struct sql sql;
    *out = (struct catalog_normal){0};
    sql_prepare(&sql, catalog,
                "SELECT raw_bytes, table_count, row_count FROM artifacts"
                " WHERE database = ?1 AND job = ?2 AND type = ?3"
                " AND (?2 <> '' OR (source = ?4 AND origin = ?5))"
                " AND status = 'complete' AND suspect = 0"
                " AND seq < ?6 ORDER BY seq DESC LIMIT ?7",
                err);
    sql_bind_text(&sql, group->database);
    sql_bind_text(&sql, group->job);
    sql_bind_text(&sql, group->type);
    sql_bind_text(&sql, group->source);
    sql_bind_text(&sql, group->origin);
    sql_bind_int(&sql, before_seq == 0 ? INT64_MAX : before_seq);
    sql_bind_int(&sql, (int64_t)limit);
    int64_t *values = memory_array(3 * (limit + 1), sizeof *values);
    take_normal(&sql, values, limit, out);
    free(values);
    return sql_end(&sql);
}
