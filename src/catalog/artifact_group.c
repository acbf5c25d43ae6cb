/*
 * Groups: the history that an artifact belongs to, by the columns that make it.
 */
#include "catalog/artifact_group.h"

#include "base/memory.h"
#include "catalog/db/sql.h"

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

    /* A partial dump never takes the place of a full one (RETENTION section 3). */
    if (artifact->filters_hash[0] != '\0')
        text_addf(&text, " (filtered: %s)", artifact->filters_hash);
    char *group = text_take(&text);
    text_release(&text);
    return group;
}

bool catalog_artifact_is_partial(const struct catalog_artifact *artifact)
{
    for (size_t i = 0; i < artifact->filters.count; i++)
        if (text_starts_with(artifact->filters.items[i].name, "--"))
            return true;
    return false;
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

int catalog_artifact_normal(struct catalog *catalog, const struct catalog_group *group,
                            size_t limit, struct catalog_normal *out, struct err *err)
{
    struct sql sql;
    *out = (struct catalog_normal){0};
    sql_prepare(&sql, catalog,
                "SELECT raw_bytes, table_count, row_count FROM artifacts"
                " WHERE database = ?1 AND job = ?2 AND type = ?3"
                " AND (?2 <> '' OR (source = ?4 AND origin = ?5))"
                " AND filters_hash IS nullif(?8, '')"
                " AND status = 'complete' AND suspect = 0"
                " AND seq < ?6 ORDER BY seq DESC LIMIT ?7",
                err);
    sql_bind_text(&sql, group->database);
    sql_bind_text(&sql, group->job);
    sql_bind_text(&sql, group->type);
    sql_bind_text(&sql, group->source);
    sql_bind_text(&sql, group->origin);
    sql_bind_int(&sql, group->before_seq == 0 ? INT64_MAX : group->before_seq);
    sql_bind_int(&sql, (int64_t)limit);
    sql_bind_text(&sql, group->filters_hash);

    /* Three columns of figures. Rows that were not counted (custom format) are no figure. */
    int64_t *bytes = memory_array(3 * (limit + 1), sizeof *bytes);
    int64_t *tables = bytes + limit;
    int64_t *rows = tables + limit;
    size_t counted = 0;
    while (out->count < limit && sql_row(&sql)) {
        bytes[out->count] = sql_int(&sql);
        tables[out->count] = sql_int(&sql);
        rows[counted] = sql_int(&sql);
        counted += rows[counted] != CATALOG_UNKNOWN_ROWS ? 1 : 0;
        out->count++;
    }
    if (out->count > 0) {
        out->raw_bytes = (uint64_t)median(bytes, out->count, 0);
        out->table_count = median(tables, out->count, 0);
        out->row_count = median(rows, counted, CATALOG_UNKNOWN_ROWS);
    }
    free(bytes);
    return sql_end(&sql);
}
