/*
 * Only shrinking is looked at: a database that grows is no sign of a dump that lost
 * something. Medians, not means, so that one odd backup among the last does not set what is
 * normal.
 */
#include "backup/anomaly.h"

#include "catalog/artifact_group.h"
#include "postgres/dump.h"

/* Several reasons stand in one line. */
static void join(struct text *why)
{
    if (why->length > 0)
        text_add(why, "; ");
}

/* More than `shrink` percent below normal? Nothing is normal while there is none. */
static bool shrank(double now, double normal, double shrink)
{
    return normal > 0 && now < normal * (1 - shrink / 100);
}

static void compare_bytes(uint64_t now, uint64_t normal, double shrink, struct text *why)
{
    char is[32], was[32];
    if (!shrank((double)now, (double)normal, shrink))
        return;
    join(why);
    text_addf(why, "%s of data, usually %s", text_size(is, now), text_size(was, normal));
}

static void compare_count(const char *what, int64_t now, int64_t normal, double shrink,
                          struct text *why)
{
    if (now < 0 || !shrank((double)now, (double)normal, shrink))
        return;
    join(why);
    text_addf(why, "%lld %s, usually %lld", (long long)now, what, (long long)normal);
}

/* A dump of rows without a single table; a schema has none. */
static bool is_empty(const struct catalog_artifact *artifact)
{
    enum dump_type type;
    return dump_type_from_name(artifact->type, &type) &&
           (type == DUMP_FULL || type == DUMP_DATA) && artifact->tables_count == 0;
}

int anomaly_find(struct catalog *catalog, const struct catalog_artifact *artifact,
                 double shrink, struct text *why, struct err *err)
{
    struct catalog_group group = {.job = artifact->job,
                                  .source = artifact->source,
                                  .database = artifact->database,
                                  .type = artifact->type,
                                  .origin = artifact->origin,
                                  .filters_hash = artifact->filters_hash,
                                  .before_seq = artifact->seq};
    struct catalog_normal normal = {0};
    enum dump_format format;
    if (catalog_artifact_normal(catalog, &group, ANOMALY_LAST, &normal, err) < 0)
        return -1;

    /* What the format does not tell is not compared (RETENTION section 6): a custom archive
     * is not read for its tables, and has no fewer for that. */
    bool counted = dump_format_from_name(artifact->format, &format) && format == DUMP_PLAIN;

    /* An empty dump, but of a group that has held something: the database `postgres` of a
     * server may be empty all its life. Once it was accepted it may stay empty. */
    bool always = normal.count > 0 && normal.table_count == 0;
    if (counted && is_empty(artifact) && normal.most_tables > 0 && !always) {
        join(why);
        text_add(why, "the dump holds no table");
    }
    /* Each of the others alone is reason enough. */
    compare_bytes(artifact->raw_bytes, normal.raw_bytes, shrink, why);
    compare_count("tables", counted ? artifact->table_count : -1, normal.table_count,
                  shrink, why);
    compare_count("rows", artifact->row_count, normal.row_count, shrink, why);
    return 0;
}
