/*
 * A rebuilt catalog takes the place of the old one. Renaming it there would be wrong as
 * soon as another process has the old one open: that goes on writing into a file without a
 * name, and leaves its write-ahead log beside the new one. SQLite's own copying is one
 * transaction of the file that is overwritten.
 */
#include "catalog/db/catalog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "catalog/db/sql.h"

/* What SQLite keeps beside a file, and the file itself last. */
static const char *const suffixes[] = {"-wal", "-shm", "-journal", ""};
enum { SUFFIX_COUNT = sizeof suffixes / sizeof *suffixes };

int catalog_remove_file(const char *path, struct err *err)
{
    for (size_t i = 0; i < SUFFIX_COUNT; i++) {
        char *file = memory_format("%s%s", path, suffixes[i]);
        int result = unlink(file);
        if (result < 0 && errno != ENOENT)
            err_errno(err, ERR_SYSTEM, "cannot remove %s", file);
        else
            result = 0;
        free(file);
        if (result < 0)
            return -1;
    }
    return 0;
}

/* The log before the file it belongs to: a log without its file harms nobody. */
static int move_away(const char *path, const char *kept, struct err *err)
{
    for (size_t i = 0; i < SUFFIX_COUNT; i++) {
        char *from = memory_format("%s%s", path, suffixes[i]);
        char *to = memory_format("%s%s", kept, suffixes[i]);
        int result = rename(from, to);
        if (result < 0 && errno != ENOENT)
            err_errno(err, ERR_SYSTEM, "cannot move %s to %s", from, to);
        else
            result = 0;
        free(from);
        free(to);
        if (result < 0)
            return -1;
    }
    return 0;
}

/* Neither pragmas nor statements of ours: what is copied are pages, whatever schema they
 * hold. */
static int open_plain(const char *path, sqlite3 **db, struct err *err)
{
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2(path, db, flags, NULL) == SQLITE_OK) {
        sqlite3_busy_timeout(*db, 30000);
        return 0;
    }
    return err_set(err, ERR_SYSTEM, "cannot open %s: %s", path,
                   *db ? sqlite3_errmsg(*db) : "no memory");
}

/* All pages of one file into the other, in one transaction of the one that is overwritten.
 * Errors name the catalog `path`. */
static int copy_pages(const char *from, const char *to, const char *path, struct err *err)
{
    sqlite3 *source = NULL;
    sqlite3 *target = NULL;
    sqlite3_backup *backup = NULL;
    int result = open_plain(from, &source, err);
    if (result == 0)
        result = open_plain(to, &target, err);
    if (result == 0) {
        backup = sqlite3_backup_init(target, "main", source, "main");
        if (backup == NULL)
            result = err_set(err, sql_kind(sqlite3_errcode(target)), "catalog %s: %s", path,
                             sqlite3_errmsg(target));
    }
    if (result == 0) {
        /* The busy handler does not serve here: time enough for a short write of another
         * process, then it is busy. */
        int code = SQLITE_OK;
        for (int tries = 0; tries < 300; tries++) {
            code = sqlite3_backup_step(backup, -1);
            if (code != SQLITE_BUSY && code != SQLITE_LOCKED)
                break;
            sqlite3_sleep(100);
        }
        (void)sqlite3_backup_finish(backup);
        if (code != SQLITE_DONE)
            result =
                err_set(err, sql_kind(code), "catalog %s: %s", path, sqlite3_errstr(code));
    }
    sqlite3_close(source);
    sqlite3_close(target);
    return result;
}

/* What is at `path` into the new file `kept`, then the content of `with` over it. */
static int keep_and_overwrite(const char *path, const char *with, const char *kept,
                              struct err *err)
{
    struct err ignored = {0};
    /* Private from the start, and never over another file that is kept. */
    int fd = open(kept, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_errno(err, ERR_SYSTEM, "cannot make %s", kept);
    file_close(&fd);
    int result = copy_pages(path, kept, path, err);
    /* The copy is safe: now the other one may go over what was there. */
    if (result == 0)
        result = copy_pages(with, path, path, err);
    if (result < 0 && catalog_remove_file(kept, &ignored) < 0)
        err_hint(err, "%s is left over", kept);
    return result;
}

/* A disk that was full when `with` was closed left part of it in its log, which a rename
 * would leave behind: what the log holds goes into the file. */
static int empty_log(const char *with, struct err *err)
{
    char *log = memory_format("%s-wal", with);
    bool left = file_exists(log);
    free(log);
    if (!left)
        return 0;
    /* To be found only here: whoever closes a file as the last one has emptied it,
     * mostly. */
    sqlite3 *db = NULL;
    int result = open_plain(with, &db, err);
    /* The log is read at the first question, and only then there is anything to move. */
    if (result == 0 && (sqlite3_exec(db, "SELECT count(*) FROM sqlite_schema", NULL, NULL,
                                     NULL) != SQLITE_OK ||
                        sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_TRUNCATE,
                                                  NULL, NULL) != SQLITE_OK))
        result = err_set(err, sql_kind(sqlite3_errcode(db)), "catalog %s: %s", with,
                         sqlite3_errmsg(db));
    sqlite3_close(db);
    return result;
}

/* Where there is nothing, or nothing that SQLite could overwrite. Also then a log may lie
 * there, because somebody moved the file alone: it would be replayed into the new one. */
static int rename_new(const char *with, const char *path, const char *kept, struct err *err)
{
    if (empty_log(with, err) < 0 || move_away(path, kept, err) < 0)
        return -1;
    /* Nobody has it open: there was nothing, or nothing that SQLite could read. */
    if (rename(with, path) < 0)
        return err_errno(err, ERR_SYSTEM, "cannot move %s to %s", with, path);
    return file_sync_folder_of(path, err);
}

int catalog_replace(const char *path, const char *with, const char *kept, bool *absent,
                    struct err *err)
{
    *absent = !file_exists(path);
    if (*absent)
        return rename_new(with, path, kept, err);
    if (keep_and_overwrite(path, with, kept, err) == 0)
        return catalog_remove_file(with, err);

    /* Not a catalog any more: nothing can be copied out of it, so the file itself is
     * kept. */
    if (err->kind != ERR_CORRUPT)
        return -1;
    err_clear(err);
    return rename_new(with, path, kept, err);
}
