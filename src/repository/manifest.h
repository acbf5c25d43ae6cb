/*
 * manifest - the JSON beside the data that says what it is: manifests/ID.json, the commit
 * mark of a copy.
 *
 *     backup         catalog_artifact and manifest_facts -> manifest_text -> store_put
 *     rebuild, sync  store_get -> manifest_parse -> catalog_artifact_import, catalog_copy_import
 *
 * Lossless: what manifest_text was given comes back, but for what belongs to a machine or
 * changes later (status, progress, owner, error, the row's times; pins and marks are
 * state_file.h), so that a rebuilt catalog decides as the old one. The same bytes go to
 * every store. Never a password.
 *
 * Version 1, in this order:
 *
 *     pgkeep_manifest                            1
 *     id seq job source
 *     origin                                     HOST:PORT of the server
 *     database type format compression level
 *     time                                       of the snapshot; decides retention
 *     started finished duration_ms tries
 *     raw_bytes stored_bytes
 *     raw_sha256                                 of the decoded stream, or
 *     raw_sha256_of                              "chunks": of the SHA-256 of each chunk as the
 *                                                index has it, 32 bytes each, one behind the
 *                                                other (dumps of several workers); absent else
 *     sha256                                     of the stored object
 *     name description hostname
 *     server_version pg_dump_version pgkeep_version
 *     table_count row_count                      row_count null: not counted
 *     connection                                 conninfo without secrets
 *     key                                        of the data object
 *     chunks
 *     encoding                                   client_encoding of a plain dump; or null
 *     index {key,bytes,sha256}                   null: none
 *     tags [{name,value}]
 *     filters [{name,value}]
 *     contents [{name,value}]                    of a Supabase project only: its extensions, what
 *                                                was left out, what no dump holds
 *     properties {...}                           of the database; null for globals; its
 *                                                icu_rules only where there are some
 *     parts [{bytes,count}]                      runs of equal parts, in order: from them
 *                                                follow MD5 and ETag of a multipart object
 *     tables [{schema,name,rows,raw_bytes}]      rows null: not counted
 *
 * Times are RFC 3339 UTC, sizes bytes, keys relative to the store; names that are no UTF-8 are
 * {"hex":"..."}. Read strictly: an unknown key or a missing one is ERR_CORRUPT. A
 * later version is no damage, but nothing that we may read: ERR_DENIED.
 */
#ifndef PGKEEP_REPOSITORY_MANIFEST_H
#define PGKEEP_REPOSITORY_MANIFEST_H

#include "catalog/artifacts.h"
#include "postgres/server.h"

/* Written, and the oldest that is still read. */
enum { MANIFEST_VERSION = 1, MANIFEST_OLDEST = 1 };
#define MANIFEST_CEILING ((size_t)128 << 20) /* bytes; some 800,000 tables */

struct manifest_parts {
    uint64_t bytes; /* of each */
    uint64_t count;
};

/* What a manifest holds beside the artifact. Strings are heap and its own. */
struct manifest_facts {
    char *connection; /* "" for none */
    char *key;
    char *index_key; /* NULL: no index, and the next two mean nothing */
    uint64_t index_bytes;
    char *index_sha256; /* hex, of the stored index */
    uint64_t chunks;
    bool raw_of_chunks; /* what the artifact's raw_sha256 is of, see raw_sha256_of */
    struct manifest_parts *parts;
    size_t part_count, part_capacity;
    bool has_properties; /* of the database; false for globals */
    struct server_properties properties;
};
void manifest_facts_init(struct manifest_facts *facts);
void manifest_facts_release(struct manifest_facts *facts);
/* One more part of this size behind the others. */
void manifest_facts_add_part(struct manifest_facts *facts, uint64_t bytes);

struct manifest {
    struct catalog_artifact artifact; /* status complete */
    struct manifest_facts facts;
};
void manifest_release(struct manifest *manifest);

/* The document, heap. The artifact is one that ended well: hashes, times and key are set. */
char *manifest_text(const struct catalog_artifact *artifact,
                    const struct manifest_facts *facts) MUST_USE;
/* Reads it and checks that its members fit together, that its id is `id` (NULL: any) and
 * that its keys are our own for that id - nobody shall have us read or remove other things
 * by a forged one. Release *out after 0. */
int manifest_parse(const void *data, size_t size, const char *id, struct manifest *out,
                   struct err *err) MUST_USE;

#endif
