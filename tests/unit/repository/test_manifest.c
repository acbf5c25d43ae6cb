#include "repository/manifest.h"

#include "base/json.h"
#include "base/memory.h"
#include "tests/support/run_suite.h"

#include <check.h>

#define ID "01KC1E5T00ABCDEFGHJKMNPQRS"
#define OTHER "01KC1E5T00ABCDEFGHJKMNPQRT"
#define BASE "data/shop/shop/2026/shop-full-20261121T020000Z-" ID
#define HASH "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define OTHER_HASH "01ba4719c80b6fe911b091a7c05124b64eeece964e09c058ef8f9805daca546b"

static struct err err;

static void put(char **member, const char *text)
{
    free(*member);
    *member = memory_strdup(text);
}

static void fill_artifact(struct catalog_artifact *artifact)
{
    catalog_artifact_init(artifact);
    snprintf(artifact->id, sizeof artifact->id, "%s", ID);
    artifact->seq = 41;
    put(&artifact->job, "nightly");
    put(&artifact->source, "shop");
    put(&artifact->origin, "db.internal:5432");
    put(&artifact->database, "shop");
    put(&artifact->type, "full");
    put(&artifact->format, "plain");
    put(&artifact->compression, "gzip");
    artifact->level = 1;
    artifact->status = CATALOG_COMPLETE;
    artifact->time = 1795226401;
    artifact->started = 1795226400;
    artifact->finished = 1795226460;
    artifact->duration_ms = 60123;
    artifact->tries = 2;
    artifact->raw_bytes = 5000000000;
    artifact->stored_bytes = 1000;
    put(&artifact->sha256, HASH);
    put(&artifact->raw_sha256, OTHER_HASH);
    put(&artifact->encoding, "UTF8");
    put(&artifact->name, "before \"the\" upgrade\n\xc3\xbc");
    put(&artifact->hostname, "db1");
    put(&artifact->server_version, "15.18 (Debian 15.18-0+deb12u1)");
    put(&artifact->pgkeep_version, "0.1.0");
    catalog_pairs_add(&artifact->tags, "env", "prod");
    catalog_pairs_add(&artifact->tags, "latin1", "\xfc");
    catalog_pairs_add(&artifact->filters, "exclude_table_data", "public.\"Ses sions\"");
    catalog_artifact_add_table(artifact, "public", "orders", 12, 345);
    catalog_artifact_add_table(artifact, "\xff", "", 30, 0);
    artifact->table_count = 2;
    artifact->row_count = 42;
}

static void fill_facts(struct manifest_facts *facts)
{
    manifest_facts_init(facts);
    put(&facts->connection, "host=db.internal dbname=shop user=backup");
    put(&facts->key, BASE ".sql.gz");
    put(&facts->index_key, BASE ".index.gz");
    facts->index_bytes = 77;
    put(&facts->index_sha256, HASH);
    facts->chunks = 3;
    manifest_facts_add_part(facts, 400);
    manifest_facts_add_part(facts, 400);
    manifest_facts_add_part(facts, 200);
    facts->has_properties = true;
    put(&facts->properties.encoding, "UTF8");
    put(&facts->properties.owner, "o'wner");
    put(&facts->properties.icu_rules, "& V << w");
    facts->properties.allow_connections = true;
    facts->properties.connection_limit = -1;
    strlist_add(&facts->properties.settings, "\tsearch_path=a, b");
    strlist_add(&facts->properties.acl, "=Tc/\xfc");
}

static char *text_of(void)
{
    struct manifest manifest;
    fill_artifact(&manifest.artifact);
    fill_facts(&manifest.facts);
    char *text = manifest_text(&manifest.artifact, &manifest.facts);
    manifest_release(&manifest);
    return text;
}

static int parse(const char *text, struct manifest *out)
{
    return manifest_parse(text, strlen(text), ID, out, &err);
}

START_TEST(what_was_written_comes_back)
{
    struct manifest manifest;
    char *text = text_of();
    ck_assert_msg(parse(text, &manifest) == 0, "%s", err.text);
    const struct catalog_artifact *artifact = &manifest.artifact;
    const struct manifest_facts *facts = &manifest.facts;
    ck_assert_str_eq(artifact->id, ID);
    ck_assert_int_eq(artifact->seq, 41);
    ck_assert_int_eq(artifact->status, CATALOG_COMPLETE);
    ck_assert_int_eq(artifact->time, 1795226401);
    ck_assert_uint_eq(artifact->raw_bytes, 5000000000);
    ck_assert_str_eq(artifact->raw_sha256, OTHER_HASH);
    ck_assert_str_eq(artifact->encoding, "UTF8");
    ck_assert_str_eq(artifact->name, "before \"the\" upgrade\n\xc3\xbc");
    ck_assert_ptr_null(artifact->description);
    ck_assert_str_eq(artifact->tags.items[1].value, "\xfc");
    ck_assert_str_eq(artifact->filters.items[0].name, "exclude_table_data");
    ck_assert_uint_eq(artifact->tables_count, 2);
    ck_assert_str_eq(artifact->tables[1].schema, "\xff");
    ck_assert_int_eq(artifact->row_count, 42);
    ck_assert_str_eq(facts->key, BASE ".sql.gz");
    ck_assert_uint_eq(facts->part_count, 2);
    ck_assert_uint_eq(facts->parts[0].count, 2);
    ck_assert_str_eq(facts->properties.acl.items[0], "=Tc/\xfc");
    ck_assert_int_eq(facts->properties.connection_limit, -1);
    ck_assert_str_eq(facts->properties.icu_rules, "& V << w");
    manifest_release(&manifest);
    free(text);
}
END_TEST

START_TEST(writing_what_was_read_gives_the_same_bytes)
{
    struct manifest manifest;
    char *text = text_of();
    ck_assert_int_eq(parse(text, &manifest), 0);
    char *again = manifest_text(&manifest.artifact, &manifest.facts);
    ck_assert_str_eq(again, text);
    manifest_release(&manifest);
    free(again);
    free(text);
}
END_TEST

START_TEST(rows_that_were_not_counted_stay_unknown)
{
    struct manifest manifest;
    fill_artifact(&manifest.artifact);
    fill_facts(&manifest.facts);
    manifest.artifact.tables[0].rows = CATALOG_UNKNOWN_ROWS;
    manifest.artifact.row_count = CATALOG_UNKNOWN_ROWS;
    char *text = manifest_text(&manifest.artifact, &manifest.facts);
    manifest_release(&manifest);
    ck_assert_ptr_nonnull(strstr(text, "\"rows\": null"));
    ck_assert_msg(parse(text, &manifest) == 0, "%s", err.text);
    ck_assert_int_eq(manifest.artifact.tables[0].rows, CATALOG_UNKNOWN_ROWS);
    ck_assert_int_eq(manifest.artifact.tables[1].rows, 30);
    ck_assert_int_eq(manifest.artifact.row_count, CATALOG_UNKNOWN_ROWS);
    manifest_release(&manifest);
    free(text);
}
END_TEST

/* Globals: no database, no properties, no tables, one PUT, no index. */
START_TEST(a_manifest_with_little_in_it_is_read_as_well)
{
    struct manifest manifest;
    catalog_artifact_init(&manifest.artifact);
    manifest_facts_init(&manifest.facts);
    struct catalog_artifact *artifact = &manifest.artifact;
    snprintf(artifact->id, sizeof artifact->id, "%s", ID);
    put(&artifact->source, "shop");
    put(&artifact->type, "globals");
    put(&artifact->format, "plain");
    put(&artifact->compression, "none");
    artifact->started = artifact->finished = 1795226400;
    put(&artifact->sha256, HASH);
    put(&artifact->raw_sha256, HASH);
    put(&manifest.facts.key, "data/shop/globals/2026/globals-20261121T020000Z-" ID ".sql");
    char *text = manifest_text(artifact, &manifest.facts);
    manifest_release(&manifest);
    ck_assert_msg(parse(text, &manifest) == 0, "%s", err.text);
    ck_assert_str_eq(manifest.artifact.database, "");
    ck_assert_int_eq(manifest.artifact.time, 0);
    ck_assert_ptr_null(manifest.facts.index_key);
    ck_assert(!manifest.facts.has_properties);
    manifest_release(&manifest);
    free(text);
}
END_TEST

/* The document with `path` ("a" or "a.b", array items by number) set to the JSON `value`,
 * or without it when that is NULL. */
static char *edited(const char *path, const char *value)
{
    char *text = text_of();
    char step[64];
    json_t *root = json_parse(text, strlen(text), &err);
    json_t *at = root;
    const char *rest = path;
    while (strchr(rest, '.') != NULL) {
        snprintf(step, sizeof step, "%.*s", (int)strcspn(rest, "."), rest);
        at = json_is_array(at) ? json_array_get(at, (size_t)strtoul(step, NULL, 10))
                               : json_object_get(at, step);
        rest += strlen(step) + 1;
    }
    ck_assert(json_is_object(at));
    if (value == NULL)
        json_object_del(at, rest);
    else
        json_object_set_new(at, rest, json_loads(value, JSON_DECODE_ANY, NULL));
    free(text);
    text = json_text(root, true);
    json_decref(root);
    return text;
}

static void refused(const char *path, const char *value)
{
    struct manifest manifest;
    char *text = edited(path, value);
    int result = parse(text, &manifest);
    ck_assert_msg(result == -1, "%s = %s", path, value != NULL ? value : "(absent)");
    ck_assert_int_eq(err.kind, ERR_CORRUPT);
    ck_assert_str_ne(err.text, "");
    free(text);
}

START_TEST(every_member_is_required)
{
    static const char *const inner[] = {"index.key",
                                        "index.bytes",
                                        "index.sha256",
                                        "tags.0.name",
                                        "filters.0.value",
                                        "tables.0.schema",
                                        "tables.0.rows",
                                        "tables.1.raw_bytes",
                                        "parts.0.bytes",
                                        "parts.1.count",
                                        "properties.encoding",
                                        "properties.comment",
                                        "properties.is_template",
                                        "properties.connection_limit",
                                        "properties.settings",
                                        "properties.acl"};
    char *text = text_of();
    json_t *root = json_parse(text, strlen(text), &err);
    const char *key;
    json_t *value;
    size_t count = 0;
    json_object_foreach(root, key, value)
    {
        refused(key, NULL);
        count++;
    }
    ck_assert_uint_ge(count, 35);
    for (size_t i = 0; i < sizeof inner / sizeof *inner; i++)
        refused(inner[i], NULL);
    json_decref(root);
    free(text);
}
END_TEST

START_TEST(what_does_not_fit_is_refused)
{
    static const char *const rows[][2] = {
        {"pgkeep_manifest", "0"},
        {"pgkeep_manifest", "\"1\""},
        {"unknown", "1"},
        {"tables.0.unknown", "1"},
        {"index.unknown", "1"},
        {"properties.unknown", "null"},
        {"id", "\"" OTHER "\""},
        {"id", "\"x\""},
        {"seq", "-1"},
        {"seq", "1.5"},
        {"job", "null"},
        {"job", "1"},
        {"job", "{\"hex\":\"6\"}"},
        {"job", "{\"hex\":\"00\"}"},
        {"type", "\"half\""},
        {"format", "\"tar\""},
        {"compression", "\"lz4\""},
        {"time", "\"yesterday\""},
        {"started", "null"},
        {"finished", "null"},
        {"raw_bytes", "-1"},
        {"stored_bytes", "\"1000\""},
        {"sha256", "null"},
        {"sha256", "\"E3B0C44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\""},
        {"raw_sha256", "\"e3b0\""},
        {"tables", "{}"},
        {"tables.0.rows", "-1"},
        {"tables.0.name", "null"},
        {"table_count", "3"},
        {"tags", "null"},
        {"tags.0.value", "null"},
        {"parts.0.count", "0"},
        {"parts.0.count", "1"},
        {"parts.0.count", "9223372036854775807"},
        {"parts.1.bytes", "201"},
        {"properties.settings", "[null]"},
        {"properties.acl", "[[]]"},
        {"properties.connection_limit", "2147483648"},
        {"index", "[]"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        refused(rows[i][0], rows[i][1]);
}
END_TEST

START_TEST(a_manifest_names_no_objects_but_its_own)
{
    static const char *const keys[] = {
        "\"\"",
        "\"../../etc/passwd\"",
        "\"manifests/" ID ".json\"",
        "\"pgkeep-store.json\"",
        "\"" BASE ".index.gz\"",
        "\"data/shop/shop/2026/shop-full-20261121T020000Z-" OTHER ".sql.gz\"",
        "\"data/../x/2026/x-full-20261121T020000Z-" ID ".sql\"",
        "\"x/" BASE ".sql.gz\"",
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        refused("key", keys[i]);
    refused("index.key", "\"" BASE ".sql.gz\"");
    refused("index.key",
            "\"data/shop/shop/2026/shop-full-20261121T020000Z-" OTHER ".index.gz\"");
}
END_TEST

START_TEST(a_later_version_says_what_to_do)
{
    struct manifest manifest;
    char *text = edited("pgkeep_manifest", "2");
    ck_assert_int_eq(parse(text, &manifest), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "written by a newer pgkeep: version 2"));
    ck_assert_int_eq(err.kind, ERR_DENIED); /* no damage */
    free(text);
    text = edited("pgkeep_manifest", "0");
    ck_assert_int_eq(parse(text, &manifest), -1);
    ck_assert_int_eq(err.kind, ERR_CORRUPT);
    free(text);
}
END_TEST

START_TEST(what_is_no_manifest_is_refused)
{
    static const char *const texts[] = {
        "", "{", "[]", "null", "{}", "{\"id\":1}", "{\"pgkeep_manifest\":1}"};
    struct manifest manifest;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        ck_assert_int_eq(parse(texts[i], &manifest), -1);
        ck_assert_int_eq(err.kind, ERR_CORRUPT);
    }
    char *text = text_of();
    for (size_t cut = 0; cut < strlen(text) - 2; cut += 7)
        ck_assert_int_eq(manifest_parse(text, cut, NULL, &manifest, &err), -1);
    free(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("manifest");
    TCase *tcase = tcase_create("manifest");

    tcase_add_test(tcase, what_was_written_comes_back);
    tcase_add_test(tcase, writing_what_was_read_gives_the_same_bytes);
    tcase_add_test(tcase, rows_that_were_not_counted_stay_unknown);
    tcase_add_test(tcase, a_manifest_with_little_in_it_is_read_as_well);
    tcase_add_test(tcase, every_member_is_required);
    tcase_add_test(tcase, what_does_not_fit_is_refused);
    tcase_add_test(tcase, a_manifest_names_no_objects_but_its_own);
    tcase_add_test(tcase, a_later_version_says_what_to_do);
    tcase_add_test(tcase, what_is_no_manifest_is_refused);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
