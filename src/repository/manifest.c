/*
 * Writing a manifest. Plain members come from the rows of manifest_field.c, in their order;
 * the long ones, parts and tables, stand last, so that `head` on a manifest shows what it
 * is about.
 */
#include "repository/manifest.h"

#include "repository/manifest_field.h"
#include "base/json.h"
#include "base/memory.h"

/* Members that are never NULL have their empty value from the start. */
void manifest_facts_init(struct manifest_facts *facts)
{
    /* No connection is "", not null: the key stands in every manifest. */
    *facts = (struct manifest_facts){.connection = memory_strdup("")};
}

void manifest_facts_release(struct manifest_facts *facts)
{
    free(facts->connection);
    free(facts->key);
    free(facts->index_key);
    free(facts->index_sha256);
    free(facts->parts);
    server_properties_release(&facts->properties);
    *facts = (struct manifest_facts){0};
}

/* Runs of equal parts, as nearly all are: a dump of a terabyte has some thousand parts and a
 * handful of sizes. */
void manifest_facts_add_part(struct manifest_facts *facts, uint64_t bytes)
{
    if (facts->part_count > 0 && facts->parts[facts->part_count - 1].bytes == bytes) {
        facts->parts[facts->part_count - 1].count++;
        return;
    }
    memory_grow(&facts->parts, &facts->part_capacity, facts->part_count + 1,
                sizeof *facts->parts);
    facts->parts[facts->part_count++] = (struct manifest_parts){.bytes = bytes, .count = 1};
}

void manifest_release(struct manifest *manifest)
{
    catalog_artifact_release(&manifest->artifact);
    manifest_facts_release(&manifest->facts);
}

/* ---- writing ---- */

/* No object has 2^63 bytes. */
static json_t *size_value(uint64_t size)
{
    return json_integer((json_int_t)size);
}

/* Of a custom dump nobody counted the rows. */
static json_t *count_value(int64_t count)
{
    return count == CATALOG_UNKNOWN_ROWS ? json_null() : json_integer(count);
}

/* The mirror of read_field in manifest_parse.c: a type more needs a case in both. */
static json_t *field_value(const struct manifest_field *field, const void *base)
{
    /* Offset and type stand in one row of manifest_field.c: they cannot come apart. */
    const void *member = (const char *)base + field->offset;
    switch (field->type) {
    case MANIFEST_COUNT:
    case MANIFEST_COUNT_OR_UNKNOWN:
        return count_value(*(const int64_t *)member);
    case MANIFEST_SIZE:
        return size_value(*(const uint64_t *)member);
    case MANIFEST_TIME:
        return json_time(*(const int64_t *)member);
    case MANIFEST_BYTES:
    case MANIFEST_BYTES_OR_NULL:
    case MANIFEST_HASH:
        break;
    }
    return json_bytes(*(char *const *)member);
}

static void set_fields(json_t *object, const struct manifest_field *fields,
                       const void *base)
{
    for (const struct manifest_field *field = fields; field->key != NULL; field++)
        json_set(object, field->key, field_value(field, base));
}

/* As a list and not as an object: a key may come twice, and the order is the user's. */
static json_t *pairs_value(const struct catalog_pairs *pairs)
{
    json_t *array = json_array();
    for (size_t i = 0; i < pairs->count; i++) {
        json_t *object = json_object();
        json_set(object, "name", json_bytes(pairs->items[i].name));
        json_set(object, "value", json_bytes(pairs->items[i].value));
        json_array_append_new(array, object);
    }
    return array;
}

/* The longest part of most manifests, so it is written last. */
static json_t *tables_value(const struct catalog_artifact *artifact)
{
    json_t *array = json_array();
    for (size_t i = 0; i < artifact->tables_count; i++) {
        const struct catalog_table *table = &artifact->tables[i];
        json_t *object = json_object();
        json_set(object, "schema", json_bytes(table->schema));
        json_set(object, "name", json_bytes(table->name));
        json_set(object, "rows", count_value(table->rows));
        json_set(object, "raw_bytes", size_value(table->raw_bytes));
        json_array_append_new(array, object);
    }
    return array;
}

/* Runs of equal parts: what a tool needs to compute the ETag of a multipart object. */
static json_t *parts_value(const struct manifest_facts *facts)
{
    json_t *array = json_array();
    for (size_t i = 0; i < facts->part_count; i++) {
        json_t *object = json_object();
        json_set(object, "bytes", size_value(facts->parts[i].bytes));
        json_set(object, "count", size_value(facts->parts[i].count));
        json_array_append_new(array, object);
    }
    return array;
}

/* Null where the dump is of no database; else each member, also those that are at their
 * default. */
static json_t *properties_value(const struct manifest_facts *facts)
{
    const struct server_properties *properties = &facts->properties;
    /* Globals are of no database. */
    if (!facts->has_properties)
        return json_null();
    json_t *object = json_object();
    /* Plain members first, as in the manifest itself; then what has another type. */
    set_fields(object, manifest_field_properties, properties);
    /* Of one in a thousand databases; older versions read all the others. */
    if (properties->icu_rules != NULL)
        json_set(object, "icu_rules", json_bytes(properties->icu_rules));
    json_set(object, "is_template", json_boolean(properties->is_template));
    json_set(object, "allow_connections", json_boolean(properties->allow_connections));
    json_set(object, "connection_limit", json_integer(properties->connection_limit));
    json_set(object, "settings", json_strings(&properties->settings));
    json_set(object, "acl", json_strings(&properties->acl));
    return object;
}

/* The same bytes go to every store, so they are made once. */
char *manifest_text(const struct catalog_artifact *artifact,
                    const struct manifest_facts *facts)
{
    json_t *object = json_object();
    /* Version and id first: a reader of later versions looks at nothing before them. */
    json_set(object, MANIFEST_VERSION_KEY, json_integer(MANIFEST_VERSION));
    json_set(object, "id", json_bytes(artifact->id));
    set_fields(object, manifest_field_artifact, artifact);
    set_fields(object, manifest_field_facts, facts);
    set_fields(object, manifest_field_text, artifact);
    /* The one key that is left out: manifests from before it are of the other kind. */
    if (facts->raw_of_chunks)
        json_set(object, "raw_sha256_of", json_string("chunks"));

    /* Every key stands in every manifest; what does not apply is null. */
    json_t *index = facts->index_key != NULL ? json_object() : json_null();
    if (facts->index_key != NULL) {
        json_set(index, "key", json_bytes(facts->index_key));
        json_set(index, "bytes", size_value(facts->index_bytes));
        json_set(index, "sha256", json_bytes(facts->index_sha256));
    }
    json_set(object, "index", index);
    json_set(object, "tags", pairs_value(&artifact->tags));
    json_set(object, "filters", pairs_value(&artifact->filters));
    /* Of few backups; older versions read all the others. */
    if (artifact->contents.count > 0)
        json_set(object, "contents", pairs_value(&artifact->contents));
    json_set(object, "properties", properties_value(facts));
    json_set(object, "parts", parts_value(facts));
    json_set(object, "tables", tables_value(artifact));

    /* With a newline at its end: people cat these. */
    char *text = json_text(object, true);
    json_decref(object);
    char *lines = memory_format("%s\n", text);
    free(text);
    return lines;
}
