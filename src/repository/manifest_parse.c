/*
 * Reading a manifest: from a store that others may write to, so nothing in it is believed
 * before it was looked at. First each member on its own (type, range, nothing missing,
 * nothing unknown), then the whole: the keys it names decide what a restore reads and what
 * a prune removes, so they must be keys that this very artifact would have.
 *
 * A failure is sticky in the reader; what was read up to there is released with the
 * manifest.
 */
#include "repository/manifest.h"

#include "repository/keys.h"
#include "repository/manifest_field.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/memory.h"
#include "stream/codec/codec.h"

/* Words of a later version come with a later number of its own. */
static const char *const types[] = {"full", "schema", "data", "globals", NULL};
static const char *const formats[] = {"plain", "custom", NULL};

static void read_hash(struct json_reader *reader, const char *key, char **member)
{
    /* What was there before is freed: members have their defaults. */
    memory_take(member, json_read_string(reader, key, false));
    /* Lower case, as we write and compare it: one form only. */
    bool hash = *member != NULL && strspn(*member, "0123456789abcdef") == SHA256_HEX - 1 &&
                (*member)[SHA256_HEX - 1] == '\0';
    if (!reader->failed && !hash)
        json_reader_fail(reader, key, "is no SHA-256");
}

/* null is CATALOG_UNKNOWN_ROWS. */
static int64_t read_count(struct json_reader *reader, const char *key)
{
    bool unknown = json_is_null(json_object_get(reader->object, key));
    int64_t count = json_read_int(reader, key, 0, INT64_MAX, unknown);
    return unknown ? CATALOG_UNKNOWN_ROWS : count;
}

/* json_read_ takes a missing key for null where that is allowed; here every key stands. */
static void require(struct json_reader *reader, const char *key)
{
    if (json_object_get(reader->object, key) == NULL)
        json_reader_fail(reader, key, "is missing");
}

/* By its row: what is written by manifest.c is read here, or the document is damaged. */
static void read_field(struct json_reader *reader, const struct manifest_field *field,
                       void *base)
{
    /* The mirror of field_value in manifest.c. */
    void *member = (char *)base + field->offset;
    require(reader, field->key);
    switch (field->type) {
    case MANIFEST_BYTES:
    case MANIFEST_BYTES_OR_NULL:
        memory_take(member,
                    json_read_bytes(reader, field->key, field->type != MANIFEST_BYTES));
        break;
    case MANIFEST_HASH:
        read_hash(reader, field->key, member);
        break;
    case MANIFEST_COUNT:
        *(int64_t *)member = json_read_int(reader, field->key, 0, INT64_MAX, false);
        break;
    case MANIFEST_COUNT_OR_UNKNOWN:
        *(int64_t *)member = read_count(reader, field->key);
        break;
    case MANIFEST_SIZE:
        *(uint64_t *)member =
            (uint64_t)json_read_int(reader, field->key, 0, INT64_MAX, false);
        break;
    case MANIFEST_TIME:
        *(int64_t *)member = json_read_time(reader, field->key, true);
        break;
    }
}

static void read_fields(struct json_reader *reader, const struct manifest_field *fields,
                        void *base)
{
    for (const struct manifest_field *field = fields; field->key != NULL; field++)
        read_field(reader, field, base);
}

/* ---- what is nested ---- */

/* Reads one object of an array. */
typedef void (*read_item)(struct json_reader *item, struct manifest *out);

/* Any array of objects: what is in an item is the caller's. */
static void read_items(struct json_reader *reader, const char *key, read_item read,
                       struct manifest *out)
{
    /* Bounded by the size of the whole document (MANIFEST_CEILING). */
    const json_t *array = json_read_array(reader, key, false);
    size_t count = json_array_size(array);
    for (size_t i = 0; i < count && !reader->failed; i++) {
        struct json_reader item;
        json_reader_init(&item, json_array_get(array, i), key, reader->err);
        read(&item, out);
        /* Also unknown keys: a member that we do not know may change what the others mean */
        if (json_reader_finish(&item, false) < 0) {
            err_context(reader->err, "manifest");
            reader->failed = true;
        }
    }
}

/* Tags and filters are both names with values; what they mean is the catalog's. */
static void read_pair(struct json_reader *item, struct catalog_pairs *pairs)
{
    char *name = json_read_bytes(item, "name", false);
    char *value = json_read_bytes(item, "value", false);
    if (!item->failed)
        catalog_pairs_add(pairs, name, value);
    free(name);
    free(value);
}

static void read_tag(struct json_reader *item, struct manifest *out)
{
    read_pair(item, &out->artifact.tags);
}

static void read_filter(struct json_reader *item, struct manifest *out)
{
    read_pair(item, &out->artifact.filters);
}

static void read_content(struct json_reader *item, struct manifest *out)
{
    read_pair(item, &out->artifact.contents);
}

/* Names of any bytes; a schema is "" where pg_dump told none. */
static void read_table(struct json_reader *item, struct manifest *out)
{
    char *schema = json_read_bytes(item, "schema", false);
    char *name = json_read_bytes(item, "name", false);
    /* null: an archive that nobody read for its rows. */
    int64_t rows = read_count(item, "rows");
    int64_t bytes = json_read_int(item, "raw_bytes", 0, INT64_MAX, false);
    if (!item->failed)
        catalog_artifact_add_table(&out->artifact, schema, name, rows, (uint64_t)bytes);
    free(schema);
    free(name);
}

/* Runs, as they were written (manifest_facts_add_part). */
static void read_part(struct json_reader *item, struct manifest *out)
{
    struct manifest_facts *facts = &out->facts;
    int64_t bytes = json_read_int(item, "bytes", 0, INT64_MAX, false);
    /* A run of none would let parts seem to fit that do not. */
    int64_t count = json_read_int(item, "count", 1, INT64_MAX, false);
    if (item->failed)
        return;
    memory_grow(&facts->parts, &facts->part_capacity, facts->part_count + 1,
                sizeof *facts->parts);
    facts->parts[facts->part_count++] =
        (struct manifest_parts){.bytes = (uint64_t)bytes, .count = (uint64_t)count};
}

/* Null: an archive of custom format, or globals. */
static void read_index(struct json_reader *reader, struct manifest_facts *facts)
{
    struct json_reader index;
    require(reader, "index");
    const json_t *object = json_read_object(reader, "index", true);
    if (object == NULL)
        return;
    json_reader_init(&index, object, "manifest: index", reader->err);
    /* Its bytes are believed only by this sum (copy_index.h). */
    facts->index_key = json_read_bytes(&index, "key", false);
    facts->index_bytes = (uint64_t)json_read_int(&index, "bytes", 0, INT64_MAX, false);
    read_hash(&index, "sha256", &facts->index_sha256);
    if (json_reader_finish(&index, false) < 0)
        reader->failed = true;
}

/* What `restore --create` makes the database with. */
static void read_properties(struct json_reader *reader, struct manifest_facts *facts)
{
    struct server_properties *out = &facts->properties;
    struct json_reader properties;
    require(reader, "properties");
    const json_t *object = json_read_object(reader, "properties", true);
    if (object == NULL)
        return;
    /* A restore with --create asks for them; without it they are of no use. */
    facts->has_properties = true;
    json_reader_init(&properties, object, "manifest: properties", reader->err);
    read_fields(&properties, manifest_field_properties, out);
    out->icu_rules = json_read_bytes(&properties, "icu_rules", true);
    out->is_template = json_read_bool(&properties, "is_template", false);
    out->allow_connections = json_read_bool(&properties, "allow_connections", false);
    out->connection_limit =
        (int)json_read_int(&properties, "connection_limit", INT32_MIN, INT32_MAX, false);
    json_read_list(&properties, "settings", false, &out->settings);
    json_read_list(&properties, "acl", false, &out->acl);
    if (json_reader_finish(&properties, false) < 0)
        reader->failed = true;
}

/* ---- does it fit together ---- */

/* Words of a later version come with a later MANIFEST_VERSION; others were never ours. */
static void check_word(struct json_reader *reader, const char *key, const char *word,
                       const char *const *words)
{
    for (; *words != NULL; words++) {
        if (strcmp(word, *words) == 0)
            return;
    }
    json_reader_fail(reader, key, "is none that this version knows");
}

/* The last line against a forged manifest: it may name only what is this artifact's by its
 * own name. */
static void check_key(struct json_reader *reader, const char *what, const char *key,
                      enum keys_kind wanted, const char *id)
{
    char found[ULID_SIZE];
    /* A forged key would have us read, or remove, what is not of this artifact. */
    if (keys_parse(key, found) != wanted || strcmp(found, id) != 0)
        json_reader_fail(reader, what, "is no key of this artifact");
}

/* Divided, not multiplied: a count from the outside may be anything. No parts at all: a
 * single PUT, or not known. */
static void check_parts(struct json_reader *reader, const struct manifest *manifest)
{
    const struct manifest_facts *facts = &manifest->facts;
    uint64_t left = manifest->artifact.stored_bytes;
    for (size_t i = 0; i < facts->part_count; i++) {
        const struct manifest_parts *parts = &facts->parts[i];
        if (parts->bytes != 0 && parts->count > left / parts->bytes) {
            json_reader_fail(reader, "parts", "are more than the stored bytes");
            return;
        }
        left -= parts->bytes * parts->count;
    }
    if (facts->part_count > 0 && left != 0)
        json_reader_fail(reader, "parts", "are less than the stored bytes");
}

/* What fits by itself must fit together, too: each member may be right and the manifest
 * wrong. */
static void check_whole(struct json_reader *reader, const struct manifest *manifest)
{
    const struct catalog_artifact *artifact = &manifest->artifact;
    const struct manifest_facts *facts = &manifest->facts;
    if (reader->failed)
        return;
    /* What a restore goes by. */
    check_word(reader, "type", artifact->type, types);
    check_word(reader, "format", artifact->format, formats);
    enum codec_kind codec;
    if (!reader->failed && !codec_from_name(artifact->compression, &codec))
        json_reader_fail(reader, "compression", "is none that this version knows");
    if (artifact->started == 0 || artifact->finished == 0)
        json_reader_fail(reader, "finished", "or \"started\" is missing");
    /* What a restore reads and a prune removes: only keys that this very artifact would have. */
    check_key(reader, "key", facts->key, KEYS_KIND_DATA, artifact->id);
    if (facts->index_key != NULL)
        check_key(reader, "index", facts->index_key, KEYS_KIND_INDEX, artifact->id);
    check_parts(reader, manifest);
    /* Without tables the number may still be known: a custom dump lists none. */
    if (artifact->tables_count > 0 &&
        artifact->table_count != (int64_t)artifact->tables_count)
        json_reader_fail(reader, "table_count", "is not the number of tables");
}

/* Of the wrong artifact it would be a whole, valid manifest. */
static void read_id(struct json_reader *reader, const char *wanted,
                    struct catalog_artifact *artifact)
{
    /* Asked for by its name in the store, so it must be that very one. */
    char *id = json_read_string(reader, "id", false);
    if (id != NULL && !ulid_is_valid(id))
        json_reader_fail(reader, "id", "is none");
    else if (id != NULL && wanted != NULL && strcmp(id, wanted) != 0)
        json_reader_fail(reader, "id", "is that of another artifact");
    else if (id != NULL)
        memcpy(artifact->id, id, ULID_SIZE);
    free(id);
}

/* A later version may mean other things by the same words, so it is not read at all. That is no
 * damage: a check must not condemn what a newer pgkeep on another machine has written. */
static int check_version(const json_t *object, json_int_t *version, struct err *err)
{
    const json_t *member = json_object_get(object, MANIFEST_VERSION_KEY);
    *version = json_integer_value(member);
    if (!json_is_integer(member) || *version < MANIFEST_OLDEST)
        return err_set(err, ERR_CORRUPT, "this is no manifest of pgkeep");
    if (*version <= MANIFEST_VERSION)
        return 0;
    err_set(
        err, ERR_DENIED,
        "manifest: written by a newer pgkeep: version %lld, and this one reads %d to %d",
        (long long)*version, MANIFEST_OLDEST, MANIFEST_VERSION);
    return err_hint(err, "use that pgkeep, or a newer one, on this machine too");
}

/* Absent: of the decoded stream. */
static void read_raw_of(struct json_reader *reader, struct manifest_facts *facts)
{
    char *of = json_read_string(reader, "raw_sha256_of", true);
    facts->raw_of_chunks = of != NULL;
    if (of != NULL && strcmp(of, "chunks") != 0 && !reader->failed) {
        reader->failed = true;
        err_set(reader->err, ERR_CORRUPT, "manifest: \"raw_sha256_of\" is not known: %s",
                of);
    }
    free(of);
}

/* Version and id first: without them nothing else is worth reading. Then in the order of
 * the file. */
static int read_manifest(const json_t *object, const char *id, struct manifest *out,
                         struct err *err)
{
    struct json_reader reader;
    json_int_t version;
    if (check_version(object, &version, err) < 0)
        return -1;
    json_reader_init(&reader, object, "manifest", err);
    (void)json_read_int(&reader, MANIFEST_VERSION_KEY, version, version, false);
    read_id(&reader, id, &out->artifact);
    read_fields(&reader, manifest_field_artifact, &out->artifact);
    read_fields(&reader, manifest_field_facts, &out->facts);
    read_fields(&reader, manifest_field_text, &out->artifact);
    read_raw_of(&reader, &out->facts);
    read_index(&reader, &out->facts);
    read_items(&reader, "tags", read_tag, out);
    read_items(&reader, "filters", read_filter, out);
    if (json_object_get(object, "contents") != NULL)
        read_items(&reader, "contents", read_content, out);
    read_properties(&reader, &out->facts);
    read_items(&reader, "parts", read_part, out);
    read_items(&reader, "tables", read_table, out);
    check_whole(&reader, out);
    return json_reader_finish(&reader, false);
}

/* Released after success only by the caller; after a failure here. */
int manifest_parse(const void *data, size_t size, const char *id, struct manifest *out,
                   struct err *err)
{
    json_t *object = json_parse(data, size, err);
    if (object == NULL)
        return err_context(err, "manifest");
    /* Empty and not zero, so that it can be released wherever reading it ends. */
    catalog_artifact_init(&out->artifact);
    manifest_facts_init(&out->facts);
    /* That it lies there is the commit mark. */
    out->artifact.status = CATALOG_COMPLETE;
    int result = read_manifest(object, id, out, err);
    json_decref(object);
    if (result < 0)
        manifest_release(out);
    return result;
}
