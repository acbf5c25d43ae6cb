/*
 * A rebuilt catalog takes the place of the old one. Renaming it there would be wrong as
 * soon as another process has the old one open: that goes on writing into a file without a
 * name, and leaves its write-ahead log beside the new one. SQLite's own copying is one
 * transaction of the file that is overwritten.
 */
#include "catalog/catalog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "catalog/sql.h"

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

static enum err_kind kind_of(int code)
{
    int primary = code & 0xFF;
    if (primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB)
        return ERR_CORRUPT;
    return primary == SQLITE_BUSY || primary == SQLITE_LOCKED ? ERR_BUSY : ERR_SYSTEM;
}

/* Time enough for a short write of somebody else; then it is busy. */
static int step_all(sqlite3_backup *backup)
{
    int code = SQLITE_OK;
    for (int tries = 0; tries < 300; tries++) {
        code = sqlite3_backup_step(backup, -1);
        if (code != SQLITE_BUSY && code != SQLITE_LOCKED)
            break;
        sqlite3_sleep(100);
    }
    return code;
}

static int copy_open(sqlite3 *from, sqlite3 *to, const char *path, struct err *err)
{
    sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");
    if (backup == NULL)
        return err_set(err, kind_of(sqlite3_errcode(to)), "catalog %s: %s", path,
                       sqlite3_errmsg(to));
    int code = step_all(backup);
    (void)sqlite3_backup_finish(backup);
    if (code == SQLITE_DONE)
        return 0;
    return err_set(err, kind_of(code), "catalog %s: %s", path, sqlite3_errstr(code));
}

/* All pages of one into the other, in one transaction. Errors name the catalog `path`. */
static int copy(const char *from, const char *to, const char *path, struct err *err)
{
    sqlite3 *source = NULL;
    sqlite3 *target = NULL;
    int result = open_plain(from, &source, err);
    if (result == 0)
        result = open_plain(to, &target, err);
    if (result == 0)
        result = copy_open(source, target, path, err);
    sqlite3_close(source);
    sqlite3_close(target);
    return result;
}

/* Private and new. */
static int make_kept(const char *kept, struct err *err)
{
    int fd = open(kept, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_errno(err, ERR_SYSTEM, "cannot make %s", kept);
    file_close(&fd);
    return 0;
}

static int keep_and_overwrite(const char *path, const char *with, const char *kept,
                              struct err *err)
{
    struct err ignored = {0};
    int result = make_kept(kept, err);
    if (result == 0) {
        result = copy(path, kept, path, err);
        if (result == 0)
            result = copy(with, path, path, err);
        if (result < 0 && catalog_remove_file(kept, &ignored) < 0)
            err_hint(err, "%s is left over", kept);
    }
    return result;
}

/* A disk that was full when `with` was closed left part of it in its log, which a rename
 * would leave behind. */
static int settle(const char *with, struct err *err)
{
    char *log = memory_format("%s-wal", with);
    bool left = file_exists(log);
    sqlite3 *db = NULL;
    free(log);
    int result = left ? open_plain(with, &db, err) : 0;
    if (result == 0 && left &&
        (sqlite3_exec(db, "SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL) !=
             SQLITE_OK ||
         sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL) !=
             SQLITE_OK))
        result = err_set(err, kind_of(sqlite3_errcode(db)), "catalog %s: %s", with,
                         sqlite3_errmsg(db));
    sqlite3_close(db);
    return result;
}

/* Where there is nothing, or nothing that SQLite could overwrite. Also then a log may lie
 * there, because somebody moved the file alone: it would be replayed into the new one. */
static int rename_new(const char *with, const char *path, const char *kept, struct err *err)
{
    if (settle(with, err) < 0 || move_away(path, kept, err) < 0)
        return -1;
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
    if (err->kind != ERR_CORRUPT)
        return -1;
    err_clear(err);
    return rename_new(with, path, kept, err);
}
