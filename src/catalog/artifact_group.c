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

    /* A job is a history of its own, whatever server it asks. Without one the source is
     * "adhoc" for all, so that only the server tells them apart. */
    add_part(&text, artifact->job[0] != '\0' ? artifact->job : artifact->source);
    if (artifact->job[0] == '\0' && artifact->origin[0] != '\0') {
        text_add_char(&text, '@');
        add_part(&text, artifact->origin);
    }

    /* The database may hold any byte: job and type, which hold no '/', stand around it.
     * Globals are of none. */
    if (artifact->database[0] != '\0')
        text_addf(&text, "/%s", artifact->database);
    text_add_char(&text, '/');
    add_part(&text, artifact->type);

    /* A partial dump never takes the place of a full one (RETENTION section 3). */
    if (artifact->filters_hash[0] != '\0')
        text_addf(&text, " (filtered: %s)", artifact->filters_hash);
    return text_finish(&text);
}

bool catalog_artifact_is_partial(const struct catalog_artifact *artifact)
{
    /* An option of the command line; a key of the configuration is how this job always
     * is. */
    for (size_t i = 0; i < artifact->filters.count; i++)
        if (text_starts_with(artifact->filters.items[i].name, "--"))
            return true;
    return false;
}

/* For qsort; a difference of two int64_t could overflow. */
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
    /* (low + high) / 2 could overflow. */
    int64_t high = values[count / 2];
    int64_t low = values[(count - 1) / 2];
    return low + (high - low) / 2;
}

/* The history of one group: ?1 database, ?2 job, ?3 type, ?4 source, ?5 origin, ?6
 * filters_hash, ?7 before_seq. */
#define HISTORY                                                                            \
    "WITH history AS (SELECT * FROM artifacts WHERE database = ?1 AND job = ?2"            \
    " AND type = ?3 AND (?2 <> '' OR (source = ?4 AND origin = ?5))"                       \
    " AND filters_hash IS nullif(?6, '') AND seq < ?7"                                     \
    " AND status IN ('complete', 'deleted')) "

static void prepare_history(struct sql *sql, struct catalog *catalog, const char *text,
                            const struct catalog_group *group, struct err *err)
{
    /* In the order of the numbers above. */
    sql_prepare(sql, catalog, text, err);
    sql_bind(sql, "%s %s %s %s %s %s %jd", group->database, group->job, group->type,
             group->source, group->origin, group->filters_hash,
             group->before_seq == 0 ? INT64_MAX : group->before_seq);
}

int catalog_artifact_normal(struct catalog *catalog, const struct catalog_group *group,
                            size_t limit, struct catalog_normal *out, struct err *err)
{
    struct sql sql;
    *out = (struct catalog_normal){0};
    if (sql_begin_reading(catalog, err) < 0)
        return -1;
    /* Of all that ever were: a group that held tables once is not empty by nature. */
    prepare_history(&sql, catalog, HISTORY "SELECT max(table_count) FROM history", group,
                    err);
    if (sql_row(&sql))
        out->most_tables = sql_int(&sql); /* NULL of no row at all is 0 */
    int result = sql_end(&sql);

    /* Without the second half of the WHERE an accepted shrink would be found again every
     * night, until more than half of the last ones are as small. */
    prepare_history(&sql, catalog,
                    HISTORY
                    "SELECT raw_bytes, iif(format = 'plain', table_count, -1), row_count"
                    " FROM history WHERE status = 'complete' AND suspect = 0"
                    " AND seq >= coalesce((SELECT max(seq) FROM history"
                    " WHERE accepted > 0), 0) ORDER BY seq DESC LIMIT ?8",
                    group, err);
    sql_bind_int(&sql, (int64_t)limit);

    /* Three columns of figures. What was not counted is no figure. */
    int64_t *bytes = memory_array(3 * (limit + 1), sizeof *bytes);
    int64_t *tables = bytes + limit;
    int64_t *rows = tables + limit;
    size_t table_figures = 0, row_figures = 0;
    while (result == 0 && out->count < limit && sql_row(&sql)) {
        bytes[out->count++] = sql_int(&sql);
        tables[table_figures] = sql_int(&sql);
        table_figures += tables[table_figures] != CATALOG_UNKNOWN_ROWS ? 1 : 0;
        rows[row_figures] = sql_int(&sql);
        row_figures += rows[row_figures] != CATALOG_UNKNOWN_ROWS ? 1 : 0;
    }
    /* Medians: one night that was far off moves a mean, and none of these. */
    if (out->count > 0) {
        out->raw_bytes = (uint64_t)median(bytes, out->count, 0);
        out->table_count = median(tables, table_figures, CATALOG_UNKNOWN_ROWS);
        out->row_count = median(rows, row_figures, CATALOG_UNKNOWN_ROWS);
    }
    free(bytes);
    if (sql_end(&sql) < 0)
        result = -1;
    return sql_finish_reading(catalog, result, err);
}
