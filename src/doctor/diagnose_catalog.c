/*
 * Looking must leave nothing: no catalog is made, no row written; what a backup would have to
 * make is asked of the nearest folder that exists.
 */
#include "doctor/diagnose_work.h"

#include "base/clock.h"
#include "base/file.h"
#include "catalog/db/facts.h"
#include "retention/guard.h"

#include <errno.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define LITTLE_SPACE ((uint64_t)64 << 20) /* the catalog's log may need a few of these */

/* As far up as a path can reasonably go; whatever is above that is not ours to make. */
bool diagnose_can_make(const char *path)
{
    char *folder = file_folder(path);
    bool result = false;
    for (int depth = 0; depth < 64; depth++) {
        /* The nearest one that exists decides; those below it would be made. */
        if (access(folder, F_OK) == 0) {
            result = access(folder, W_OK | X_OK) == 0;
            break;
        }
        char *above = file_folder(folder);
        bool top = strcmp(above, folder) == 0;
        free(folder);
        folder = above;
        if (top)
            break;
    }
    free(folder);
    return result;
}

void diagnose_space(struct diagnose *d, const char *path, uint64_t needed)
{
    /* What is asked here is asked of catalog and folders alike. */
    struct statvfs space;
    char free_text[32], needed_text[32];
    if (statvfs(path, &space) < 0) {
        diagnose_report(d, DIAGNOSE_SPACE, DIAGNOSE_SKIPPED, NULL,
                        "cannot be asked for: %s", strerror(errno));
        return;
    }
    /* What a user may have, not root: some blocks are kept back for that one. */
    uint64_t bytes = (uint64_t)space.f_bavail * space.f_frsize;
    text_size(free_text, bytes);
    /* Some file systems have no fixed number of inodes and say 0 of 0. */
    if (space.f_files > 0 && space.f_favail == 0)
        diagnose_report(d, DIAGNOSE_SPACE, DIAGNOSE_FAILED,
                        "remove files, or make a new file "
                        "system with more inodes",
                        "no inode is free");
    else if (needed > 0 && bytes < needed)
        diagnose_report(d, DIAGNOSE_SPACE, DIAGNOSE_WARNING,
                        "make room before the next backup",
                        "%s, and the last backups of its jobs took %s", free_text,
                        text_size(needed_text, needed));
    else if (bytes < LITTLE_SPACE)
        diagnose_report(d, DIAGNOSE_SPACE, DIAGNOSE_WARNING, "make room", "only %s",
                        free_text);
    else
        diagnose_report(d, DIAGNOSE_SPACE, DIAGNOSE_OK, NULL, "%s", free_text);
}

/* The first backup makes it, if it may. */
static void check_absent(struct diagnose *d, const char *path)
{
    struct err err = {0};
    if (diagnose_can_make(path)) {
        diagnose_report(d, DIAGNOSE_CATALOG, DIAGNOSE_OK, NULL,
                        "%s: none yet, the first backup makes it", path);
        return;
    }
    err_set(&err, ERR_SYSTEM, "%s: there is none, and this user cannot make it", path);
    err_hint(&err, "make its folder and give it to this user, or set catalog");
    diagnose_fail(d, DIAGNOSE_CATALOG, &err);
}

void diagnose_catalog(struct diagnose *d)
{
    const char *path = d->spec->settings->catalog;
    struct err err = {0};
    /* CATALOG_WRITE and not CATALOG_CREATE: looking must not make one. */
    d->catalog = catalog_open(path, CATALOG_WRITE, &err);
    if (d->catalog == NULL && err.kind == ERR_NOT_FOUND) {
        check_absent(d, path);
        return;
    }
    /* Whether it can be written says a transaction, which is undone at once: it takes the lock
     * of a writer. */
    if (d->catalog == NULL || catalog_begin(d->catalog, &err) < 0) {
        diagnose_fail(d, DIAGNOSE_CATALOG, &err);
        return;
    }
    catalog_rollback(d->catalog);
    diagnose_report(d, DIAGNOSE_CATALOG, DIAGNOSE_OK, NULL, "%s: read and written", path);

    /* Damaged, it still serves the checks that follow. */
    if (catalog_check(d->catalog, &err) < 0)
        diagnose_fail(d, DIAGNOSE_INTEGRITY, &err);
    else
        diagnose_report(d, DIAGNOSE_INTEGRITY, DIAGNOSE_OK, NULL, "whole");

    /* The catalog grows by little; how little may be free is enough to know. */
    char *folder = file_folder(path);
    diagnose_space(d, folder, 0);
    free(folder);

    /* G4: a clock more than an hour behind the newest time that was recorded stops every prune. */
    int64_t highest = 0;
    char time[32];
    if (catalog_time_highest(d->catalog, &highest, &err) < 0 ||
        retention_guard_clock(clock_now(), highest, &err) < 0)
        diagnose_fail(d, DIAGNOSE_CLOCK, &err);
    else
        diagnose_report(d, DIAGNOSE_CLOCK, DIAGNOSE_OK, NULL, "%s",
                        clock_local(time, clock_now()));
}
