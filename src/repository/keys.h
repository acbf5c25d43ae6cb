/*
 * keys - the names of everything that pgkeep keeps in a store, and back from a name to what
 * it is.
 *
 *     data/SOURCE/DATABASE/YYYY/DATABASE-TYPE-TIME-ID.sql.gz    a dump (also .sql .dump, .zst .bz2)
 *     data/SOURCE/DATABASE/YYYY/DATABASE-TYPE-TIME-ID.index.gz  its chunk index
 *     data/SOURCE/globals/YYYY/globals-TIME-ID.sql.gz           pg_dumpall --globals-only
 *     manifests/ID.json                                         the commit mark of a copy
 *     state/ID.json                                             pin, verification, marks
 *     pgkeep-store.json                                         the mark of the store
 *     RECOVERY.md                                               a page for people
 *
 * TIME is YYYYMMDDTHHMMSSZ. Keys are relative to the store, unique by the ULID, and never
 * overwritten but for the state. SOURCE and DATABASE are percent-encoded: all but A-Za-z0-9_-.
 * becomes %XX, and so do names of dots only; so no name leaves its folder. An encoded name
 * longer than 189 bytes (63 bytes, PostgreSQL's longest, all encoded) is cut and ends in '-' and
 * 16 hex digits of its SHA-256: no segment is over 255 bytes. No state; any thread.
 */
#ifndef PGKEEP_REPOSITORY_KEYS_H
#define PGKEEP_REPOSITORY_KEYS_H

#include "base/err.h"
#include "base/text.h"
#include "base/ulid.h"

#define KEYS_DATA "data/"
#define KEYS_MANIFESTS "manifests/"
#define KEYS_STATE "state/"
#define KEYS_MARK "pgkeep-store.json"
#define KEYS_RECOVERY "RECOVERY.md"

enum { KEYS_NAME_MAX = 189 };

/* All but compression as in struct catalog_artifact. Type "globals": database is not looked
 * at. */
struct keys_artifact {
    const char *source;
    const char *database;
    const char *type;        /* "full" "schema" "data" "globals" */
    const char *format;      /* "plain" "custom" */
    const char *compression; /* "gzip" "zstd" "bzip2" "none" */
    const char *id;          /* a valid ULID */
    int64_t started;         /* seconds UTC */
};
/* Heap. */
char *keys_data(const struct keys_artifact *artifact) MUST_USE;
char *keys_index(const struct keys_artifact *artifact) MUST_USE;
char *keys_manifest(const char *id) MUST_USE;
char *keys_state(const char *id) MUST_USE;

/* What a key is. Strict: what could not have been made above is KEYS_KIND_OTHER, and nobody
 * removes it. */
enum keys_kind {
    KEYS_KIND_OTHER,
    KEYS_KIND_DATA,
    KEYS_KIND_INDEX,
    KEYS_KIND_MANIFEST,
    KEYS_KIND_STATE,
    KEYS_KIND_MARK,
    KEYS_KIND_RECOVERY,
    /* of a directory: ".ID.part", ".ID.<8 hex digits>.part", in any folder */
    KEYS_KIND_TEMP
};
/* id: of the artifact; "" where there is none (other, mark, recovery). */
enum keys_kind keys_parse(const char *key, char id[ULID_SIZE]);
/* "data" "index" "manifest" "state" "mark" "recovery" "temp" "other" */
const char *keys_kind_name(enum keys_kind kind);

/* Appends the encoded name. */
void keys_add_name(struct text *out, const char *name);

#endif
