/*
 * check - holds the catalog and a store against each other, both ways, and tells what
 * does not fit. It changes nothing, in neither.
 *
 * The catalog is read before the store is listed, so that a backup which ends meanwhile is
 * no finding. Sizes and names are compared, not bytes: that is `verify`.
 */
#ifndef PGKEEP_REPAIR_CHECK_H
#define PGKEEP_REPAIR_CHECK_H

#include "repository/repository.h"
#include "base/ulid.h"

enum check_kind {
    CHECK_NO_MANIFEST,  /* copy that should be good, its manifest is not there */
    CHECK_NO_DATA,      /* … its data object is not there */
    CHECK_NO_INDEX,     /* … its chunk index is not there */
    CHECK_WRONG_SIZE,   /* … its data object has another size */
    CHECK_KNOWN_BROKEN, /* copy that is known as missing or damaged */
    CHECK_UNKNOWN,      /* manifest of a backup that the catalog does not know: sync */
    CHECK_REMAINS,      /* object of a copy that failed or was given up: sweep */
    CHECK_ORPHAN,       /* object under our names that no copy and no manifest claims */
    CHECK_OPEN_UPLOAD,  /* upload that nobody is at any more: sweep */
    CHECK_KINDS
};
/* "no_manifest" "no_data" … */
const char *check_kind_name(enum check_kind kind);

struct check_finding {
    enum check_kind kind;
    char id[ULID_SIZE]; /* "": of an unknown upload */
    char *key;
    uint64_t expected, found; /* bytes; CHECK_WRONG_SIZE, found of others where known */
    int64_t time;             /* object last modified, upload begun; 0: none */
    char *note;               /* one phrase for people */
};
struct check_result {
    struct check_finding *items; /* by id */
    size_t count, capacity;
    size_t copies;  /* that should be good */
    size_t objects; /* under our names */
    size_t others;  /* under other names: left alone and not told */
    /* copies on their way, and open uploads that may be another machine's */
    size_t uploading;
};
void check_result_release(struct check_result *result);

/* Uploads that the catalog does not know are another machine's until they are this old
 * (CONTRACT-NOTES 18). */
#define CHECK_UPLOAD_AGE_S (INT64_C(7) * 86400)

int check_store(struct catalog *catalog, struct repository *repository, int64_t now,
                struct check_result *result, struct err *err) MUST_USE;

#endif
