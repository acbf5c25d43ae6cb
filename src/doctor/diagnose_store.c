/*
 * Reached, its mark, then what a backup does there: a bucket by diagnose_s3.c, a folder by a
 * scratch object. A store gets no mark by being looked at.
 */
#include "doctor/diagnose_work.h"

#include "config/resolve.h"
#include "repository/unknown.h"
#include "repository/repository.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/ulid.h"
#include "catalog/artifact_list.h"

/* ---- what the catalog knows ---- */

/* *known: it has a row with a mark. Without a catalog: not known. */
static int find_row(struct diagnose *d, struct catalog_store *row, bool *known,
                    struct err *err)
{
    bool absent = true;
    /* A row without a mark is of a store that was named and never written to. */
    *known = false;
    if (d->catalog == NULL)
        return 0;
    /* By name, as the configuration has it; report_unknown looks for the mark. */
    if (catalog_store_find(d->catalog, d->name, row, &absent, err) < 0)
        return -1;
    *known = !absent && row->uuid[0] != '\0';
    return 0;
}

/* The mark is there and the catalog has no row of this name: perhaps one of another. */
static void report_unknown(struct diagnose *d, const char *uuid)
{
    struct catalog_store other = {0};
    struct err err = {0};
    bool absent = true;
    if (d->catalog != NULL &&
        catalog_store_find(d->catalog, uuid, &other, &absent, &err) < 0)
        diagnose_fail(d, DIAGNOSE_MARK, &err);
    else if (!absent)
        diagnose_report(d, DIAGNOSE_MARK, DIAGNOSE_OK, NULL,
                        "%s: the catalog knows it as \"%s\"", uuid, other.name);
    else
        diagnose_report(d, DIAGNOSE_MARK, DIAGNOSE_OK,
                        "to have what lies in it: pgkeep catalog sync",
                        "%s: a store that this catalog has not used yet", uuid);
    catalog_store_release(&other);
}

/* The mark against the row: the wrong disk under the right path is what it is there for. */
static void check_mark(struct diagnose *d, struct store *store,
                       const struct catalog_store *row, bool known)
{
    struct err err = {0};
    char uuid[37] = "";
    bool absent = false;
    if (store_identify(store, uuid, &absent, &err) < 0) {
        diagnose_fail(d, DIAGNOSE_MARK, &err);
    } else if (absent && !known) {
        diagnose_report(d, DIAGNOSE_MARK, DIAGNOSE_OK, NULL,
                        "none yet: the first backup writes one");
    } else if (absent) {
        err_set(&err, ERR_UNSAFE,
                "pgkeep-store.json is missing, though the catalog knows this store");
        err_hint(&err,
                 "is the disk mounted, is it the right bucket? If it was emptied on "
                 "purpose: pgkeep doctor --adopt %s",
                 d->name);
        diagnose_fail(d, DIAGNOSE_MARK, &err);
    } else if (!known) {
        report_unknown(d, uuid);
    } else if (strcmp(row->uuid, uuid) == 0) {
        diagnose_report(d, DIAGNOSE_MARK, DIAGNOSE_OK, NULL, "%s, as expected", uuid);
    } else {
        err_set(&err, ERR_UNSAFE, "%s: another store than expected (%s)", uuid, row->uuid);
        err_hint(&err,
                 "is the right disk mounted, the right bucket named? If it was replaced on "
                 "purpose: pgkeep doctor --adopt %s",
                 d->name);
        diagnose_fail(d, DIAGNOSE_MARK, &err);
    }
}

/* Backups that lie there and that nothing here knows; each manifest where there is no catalog. */
static void check_known(struct diagnose *d, struct store *store)
{
    struct err err = {0};
    char text[64];
    size_t count = 0;
    if (unknown_count(d->catalog, store, &count, &err) < 0)
        diagnose_fail(d, DIAGNOSE_KNOWN, &err);
    else if (count == 0)
        diagnose_report(d, DIAGNOSE_KNOWN, DIAGNOSE_OK, NULL, "the catalog knows them all");
    else
        diagnose_report(d, DIAGNOSE_KNOWN, DIAGNOSE_WARNING,
                        d->catalog != NULL
                            ? UNKNOWN_ADVICE
                            : "`pgkeep catalog rebuild` makes a catalog of them",
                        "%s that the catalog does not know",
                        text_count(text, count, "backup", "backups"));
}

/* ---- a folder ---- */

/* A scratch object through its life: made (temp file, fsync, rename, fsync of the folder),
 * read, not replaced, listed, removed. */
static int try_object(struct store *store, const char *key, struct err *err)
{
    static const char data[] = "pgkeep doctor\n";
    struct err refused = {0};
    struct text text;
    bool absent = false;
    if (store_put_new(store, key, data, sizeof data, err) < 0)
        return -1;

    /* Read back in full: a file system may take what it does not keep. */
    text_init(&text, 1024);
    int result = store_get(store, key, &text, &absent, err);
    if (result == 0 &&
        (absent || text.length != sizeof data || memcmp(text.data, data, sizeof data) != 0))
        result = err_set(err, ERR_CORRUPT, "what comes back is not what was written");
    text_release(&text);
    /* A second put must be refused: the mark and manifests rely on it. */
    if (result == 0 && store_put_new(store, key, data, sizeof data - 1, &refused) == 0)
        result = err_set(err, ERR_STORE,
                         "a file that exists is replaced, though it must "
                         "not be");
    return result;
}

/* In a folder nothing but a try tells: rights, quotas and read-only mounts all look alike. */
static void check_writing(struct diagnose *d, struct store *store)
{
    /* Two errors: what went wrong first is told, and cleaning up must not hide it. */
    struct err err = {0}, left = {0};
    struct store_removed removed = {0};
    char id[ULID_SIZE];
    ulid_new(id, clock_now_ms());
    /* A name that is none of our keys: sweep, check and sync pass it over should it stay. */
    char *key = memory_format("pgkeep-probe-%s/object", id);
    int result = try_object(store, key, &err);
    /* Also after a failure: what was written for a test must not stay. */
    if (store_remove(store, key, &removed, result == 0 ? &err : &left) < 0)
        result = -1;
    else if (result == 0 && removed.result != STORE_GONE)
        result = err_set(&err, ERR_STORE, "what was written may not be removed: %s",
                         removed.reason);
    if (result < 0)
        diagnose_fail(d, DIAGNOSE_WRITE, &err);
    else
        diagnose_report(d, DIAGNOSE_WRITE, DIAGNOSE_OK, NULL,
                        "a scratch file came and went");
    free(key);
}

/* The stored bytes of the newest backup of each job that goes there. */
static uint64_t last_sizes(struct diagnose *d)
{
    const struct settings *settings = d->spec->settings;
    uint64_t sum = 0;
    for (size_t i = 0; d->catalog != NULL && i < settings->job_count; i++) {
        const struct job_settings *job = &settings->jobs[i];
        struct catalog_filter filter = {
            .job = job->name, .statuses = 1u << CATALOG_COMPLETE, .limit = 1};
        struct catalog_artifacts last = {0};
        struct err ignored = {0}; /* one job less in an estimate */
        if (strlist_has(&job->stores, d->name) &&
            catalog_artifacts_list(d->catalog, &filter, 0, &last, &ignored) == 0 &&
            last.count > 0)
            sum += last.items[0].stored_bytes;
        catalog_artifacts_release(&last);
    }
    return sum;
}

/* A folder that is not there: of a store that is known its disk is not mounted. */
static void check_absent(struct diagnose *d, const char *path, bool known)
{
    struct err err = {0};
    /* To make the folder of a known store would hide that its disk is away. */
    if (known) {
        err_set(&err, ERR_UNSAFE, "%s is not there, though the catalog knows this store",
                path);
        err_hint(&err, "is its disk mounted?");
    } else if (diagnose_can_make(path)) {
        diagnose_report(d, DIAGNOSE_REACHED, DIAGNOSE_WARNING, NULL,
                        "%s does not exist yet; the first backup makes it", path);
        return;
    } else {
        err_set(&err, ERR_STORE, "%s does not exist, and this user cannot make it", path);
        err_hint(&err, "make the folder and give it to this user");
    }
    diagnose_fail(d, DIAGNOSE_REACHED, &err);
}

/* ---- the store ---- */

/* Nothing is tried in a store that does not answer: one failure is enough to read. */
static void check_store(struct diagnose *d, struct store *store,
                        const struct store_settings *from, const struct catalog_store *row,
                        bool known)
{
    struct err err = {0};
    bool dir = from->type == STORE_DIR;
    /* Not longer than the configuration itself would wait. */
    int64_t patience_ms = REPOSITORY_TIMEOUT_MS;
    if (!dir && from->retry_time_s * 1000 < patience_ms)
        patience_ms = from->retry_time_s * 1000;
    /* A store that is away should not hold the others up for as long as a backup would wait. */
    store_set_retry_time(store, patience_ms);
    if (store_check(store, false, patience_ms, &err) < 0) {
        /* A folder that is missing has reasons of its own; anything else is told in the
         * store's words. */
        if (dir && !file_exists(from->path) && err.kind != ERR_TRANSIENT)
            check_absent(d, from->path, known);
        else
            diagnose_fail(d, DIAGNOSE_REACHED, &err);
        return;
    }
    /* The URL has no secrets in it. */
    char *url = store_settings_url(from);
    diagnose_report(d, DIAGNOSE_REACHED, DIAGNOSE_OK, NULL, "%s", url);
    free(url);
    check_mark(d, store, row, known);
    check_known(d, store);
    if (!dir) {
        diagnose_s3(d, store, row->id != 0 ? row : NULL);
        return;
    }
    /* A folder; what is free is held against what the next backups may take. */
    check_writing(d, store);
    diagnose_space(d, from->path, last_sizes(d));
}

void diagnose_store(struct diagnose *d, const char *name)
{
    const struct settings *settings = d->spec->settings;
    struct catalog_store row = {0};
    struct store *store = NULL;
    struct err err = {0};
    bool known = false;
    /* Opened without being identified (repository_open): its mark is a finding here, and none
     * is written. */
    store = repository_store(settings_store(settings, name), d->spec->cancel, &err);
    if (store == NULL)
        diagnose_fail(d, DIAGNOSE_SETTINGS, &err);
    else if (find_row(d, &row, &known, &err) < 0)
        diagnose_fail(d, DIAGNOSE_MARK, &err);
    else
        check_store(d, store, settings_store(settings, name), &row, known);
    store_close(store);
    catalog_store_release(&row);
}
