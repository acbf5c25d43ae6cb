/*
 * The document of `diff`: both artifacts in short, then what differs, tables before definitions.
 */
#include "report/diff_json.h"

#include "base/json.h"

static json_t *count_json(int64_t count)
{
    return count < 0 ? json_null() : json_integer((json_int_t)count);
}

static json_t *side_json(const struct catalog_artifact *artifact)
{
    return json_pack("{s:s, s:o, s:o, s:s, s:o, s:I, s:o, s:I}", "id", artifact->id, "job",
                     json_bytes(artifact->job), "database", json_bytes(artifact->database),
                     "type", artifact->type, "time", json_time(artifact->time),
                     "table_count", (json_int_t)artifact->table_count, "row_count",
                     count_json(artifact->row_count), "raw_bytes",
                     (json_int_t)artifact->raw_bytes);
}

static json_t *tables_json(const struct artifact_diff *diff)
{
    json_t *tables = json_array();
    for (size_t i = 0; i < diff->table_count; i++) {
        const struct artifact_diff_table *table = &diff->tables[i];
        json_array_append_new(
            tables,
            json_pack("{s:o, s:o, s:s, s:o, s:o, s:I, s:I}", "schema",
                      json_bytes(table->schema), "name", json_bytes(table->name), "change",
                      artifact_change_name(table->change), "rows_before",
                      count_json(table->rows[0]), "rows_now", count_json(table->rows[1]),
                      "raw_bytes_before", (json_int_t)table->raw_bytes[0], "raw_bytes_now",
                      (json_int_t)table->raw_bytes[1]));
    }
    return tables;
}

static json_t *definitions_json(const struct artifact_diff *diff)
{
    json_t *definitions = json_array();
    for (size_t i = 0; i < diff->definition_count; i++) {
        const struct artifact_diff_definition *one = &diff->definitions[i];
        /* What is not there has no text; an empty one would be a text, too. */
        const char *text[2];
        for (int k = 0; k < 2; k++)
            text[k] = *one->text[k] != '\0' ? one->text[k] : NULL;
        json_array_append_new(definitions,
                              json_pack("{s:o, s:s, s:s, s:s, s:o, s:o}", "name",
                                        json_bytes(one->label), "type", one->type,
                                        "section", one->section, "change",
                                        artifact_change_name(one->change), "before",
                                        json_bytes(text[0]), "now", json_bytes(text[1])));
    }
    return definitions;
}

json_t *diff_json(const struct catalog_artifact *before, const struct catalog_artifact *now,
                  const struct artifact_diff *diff)
{
    return json_pack("{s:o, s:o, s:o, s:o}", "before", side_json(before), "now",
                     side_json(now), "tables",
                     diff->rows_compared ? tables_json(diff) : json_null(), "definitions",
                     diff->definitions_compared ? definitions_json(diff) : json_null());
}
