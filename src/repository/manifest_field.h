/*
 * manifest_field - the plain members of a manifest, one row each, for writing and for
 * reading: in the order in which they stand there. What is nested has functions of its own
 * in manifest.c and manifest_parse.c. Private to these.
 */
#ifndef PGKEEP_REPOSITORY_MANIFEST_FIELD_H
#define PGKEEP_REPOSITORY_MANIFEST_FIELD_H

#include "base/err.h"

#define MANIFEST_VERSION_KEY "pgkeep_manifest"

enum manifest_field_type {
    MANIFEST_BYTES, /* char *, never NULL */
    MANIFEST_BYTES_OR_NULL,
    MANIFEST_HASH,             /* char *, 64 hex digits */
    MANIFEST_COUNT,            /* int64_t, >= 0 */
    MANIFEST_COUNT_OR_UNKNOWN, /* the same or CATALOG_UNKNOWN_ROWS, which is null */
    MANIFEST_SIZE,             /* uint64_t */
    MANIFEST_TIME              /* int64_t; 0 is null */
};

struct manifest_field {
    const char *key;
    enum manifest_field_type type;
    size_t offset;
};

/* Offsets into struct catalog_artifact, struct manifest_facts, struct server_properties. A
 * row without key ends each. */
extern const struct manifest_field manifest_field_artifact[];
extern const struct manifest_field manifest_field_facts[];
extern const struct manifest_field
    manifest_field_text[]; /* of the artifact, behind the facts */
extern const struct manifest_field manifest_field_properties[];

#endif
