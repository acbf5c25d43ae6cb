/*
 * One row is a member, its type and its place; writing and reading both walk these tables,
 * so that a member cannot be written and forgotten when read. The order is that of the
 * file.
 */
#include "repository/manifest_field.h"

#include "repository/manifest.h"

#define ARTIFACT(field) offsetof(struct catalog_artifact, field)
#define FACTS(field) offsetof(struct manifest_facts, field)
#define PROPERTIES(field) offsetof(struct server_properties, field)

/* What it is, when, how large, by what; as `list` and retention need it. */
const struct manifest_field manifest_field_artifact[] = {
    {"seq", MANIFEST_COUNT, ARTIFACT(seq)},
    {"job", MANIFEST_BYTES, ARTIFACT(job)},
    {"source", MANIFEST_BYTES, ARTIFACT(source)},
    {"origin", MANIFEST_BYTES, ARTIFACT(origin)},
    {"database", MANIFEST_BYTES, ARTIFACT(database)},
    {"type", MANIFEST_BYTES, ARTIFACT(type)},
    {"format", MANIFEST_BYTES, ARTIFACT(format)},
    {"compression", MANIFEST_BYTES, ARTIFACT(compression)},
    {"level", MANIFEST_COUNT, ARTIFACT(level)},
    {"time", MANIFEST_TIME, ARTIFACT(time)},
    {"started", MANIFEST_TIME, ARTIFACT(started)},
    {"finished", MANIFEST_TIME, ARTIFACT(finished)},
    {"duration_ms", MANIFEST_COUNT, ARTIFACT(duration_ms)},
    {"tries", MANIFEST_COUNT, ARTIFACT(tries)},
    {"raw_bytes", MANIFEST_SIZE, ARTIFACT(raw_bytes)},
    {"stored_bytes", MANIFEST_SIZE, ARTIFACT(stored_bytes)},
    {"raw_sha256", MANIFEST_HASH, ARTIFACT(raw_sha256)},
    {"sha256", MANIFEST_HASH, ARTIFACT(sha256)},
    {"name", MANIFEST_BYTES_OR_NULL, ARTIFACT(name)},
    {"description", MANIFEST_BYTES_OR_NULL, ARTIFACT(description)},
    {"hostname", MANIFEST_BYTES_OR_NULL, ARTIFACT(hostname)},
    {"server_version", MANIFEST_BYTES_OR_NULL, ARTIFACT(server_version)},
    {"pg_dump_version", MANIFEST_BYTES_OR_NULL, ARTIFACT(pg_dump_version)},
    {"pgkeep_version", MANIFEST_BYTES_OR_NULL, ARTIFACT(pgkeep_version)},
    {"table_count", MANIFEST_COUNT, ARTIFACT(table_count)},
    {"row_count", MANIFEST_COUNT_OR_UNKNOWN, ARTIFACT(row_count)},
    {NULL, MANIFEST_BYTES, 0},
};

/* Where it lies and how it was taken: for restores. */
const struct manifest_field manifest_field_facts[] = {
    {"connection", MANIFEST_BYTES, FACTS(connection)},
    {"key", MANIFEST_BYTES, FACTS(key)},
    {"chunks", MANIFEST_SIZE, FACTS(chunks)},
    {NULL, MANIFEST_BYTES, 0},
};

/* In its place: what is written once more must be the same bytes. */
const struct manifest_field manifest_field_text[] = {
    {"encoding", MANIFEST_BYTES_OR_NULL, ARTIFACT(encoding)},
    {NULL, MANIFEST_BYTES, 0},
};

/* Of the database, which no dump of pg_dump's holds. */
const struct manifest_field manifest_field_properties[] = {
    {"encoding", MANIFEST_BYTES_OR_NULL, PROPERTIES(encoding)},
    {"collate", MANIFEST_BYTES_OR_NULL, PROPERTIES(collate)},
    {"ctype", MANIFEST_BYTES_OR_NULL, PROPERTIES(ctype)},
    {"locale_provider", MANIFEST_BYTES_OR_NULL, PROPERTIES(locale_provider)},
    {"icu_locale", MANIFEST_BYTES_OR_NULL, PROPERTIES(icu_locale)},
    {"owner", MANIFEST_BYTES_OR_NULL, PROPERTIES(owner)},
    {"comment", MANIFEST_BYTES_OR_NULL, PROPERTIES(comment)},
    {NULL, MANIFEST_BYTES, 0},
};
