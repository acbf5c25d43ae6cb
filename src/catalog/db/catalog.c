/*
 * Opening a file safely. SQLite's locks belong to the process, not to the handle: closing
 * any other descriptor of the same file would drop them, so nothing here opens an existing
 * one by itself.
 */
#include "catalog/db/catalog.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "catalog/db/schema.h"
#include "catalog/db/sql.h"

/* May we write the file, and beside it, where SQLite keeps log and index? Not on a
 * medium that is read-only, nor where somebody else owns it. With the rights that we act
 * with. */
static bool may_write(const char *path)
{
    char *folder = file_folder(path);
    bool may = faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0 &&
               faccessat(AT_FDCWD, folder, W_OK, AT_EACCESS) == 0;
    free(folder);
    return may;
}

/* Is there a file to open? Where the mode allows it, an empty one is made: SQLite takes it
 * as an empty database, and made by us it is private from the start. */
static int find_file(const char *path, enum catalog_mode mode, struct err *err)
{
    struct stat status;
    bool there = stat(path, &status) == 0;
    if (there && !S_ISREG(status.st_mode))
        return err_set(err, ERR_SYSTEM, "catalog %s is not a file", path);
    /* SQLite would open it all the same, and say so at the first change, in words of its
     * own. */
    if (there && mode != CATALOG_READ && !may_write(path)) {
        err_set(err, ERR_SYSTEM, "catalog %s may not be written", path);
        return err_hint(err,
                        "it is another user's, or on a medium that is read-only; list, "
                        "show and status work all the same");
    }
    if (there)
        return 0;
    if (errno != ENOENT)
        return err_errno(err, ERR_SYSTEM, "cannot reach the catalog %s", path);
    if (mode != CATALOG_CREATE)
        return err_set(err, ERR_NOT_FOUND, "there is no catalog %s", path);

    if (file_make_folders_of(path, err) < 0)
        return err_context(err, "catalog %s", path);
    /* O_EXCL: closing a file that another thread has open meanwhile would drop its
     * locks. */
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 && errno == EEXIST)
        return 0; /* another process was faster */
    if (fd < 0)
        return err_errno(err, ERR_SYSTEM, "cannot make the catalog %s", path);
    file_close(&fd);
    return file_sync_folder_of(path, err);
}

/* For who only reads and may not write: SQLite would make a log even then. */
static char *read_only_uri(const char *path, struct err *err)
{
    struct stat wal;
    struct text uri;
    char *log = memory_format("%s-wal", path);
    char *index = memory_format("%s-shm", path);
    bool has_log = stat(log, &wal) == 0;
    /* Somebody has it open: its index is there to be shared, and nothing has to be made. */
    bool shared = has_log && faccessat(AT_FDCWD, log, R_OK, AT_EACCESS) == 0 &&
                  faccessat(AT_FDCWD, index, R_OK, AT_EACCESS) == 0;
    free(log);
    free(index);
    if (!shared && has_log && wal.st_size > 0) {
        /* The newest changes stand there alone: without them it would be an old catalog. */
        err_set(err, ERR_SYSTEM,
                "catalog %s was not closed properly and may not be written", path);
        err_hint(err,
                 "let its owner run a pgkeep command, or copy it and its -wal file to a "
                 "folder of your own and name that with --catalog");
        return NULL;
    }
    /* Nobody has: as it lies there, without locks. What begins to write while we read
     * may give us rows of two moments, or an error; nothing is decided by what is read
     * here. */
    text_init(&uri, SIZE_MAX / 2);
    text_add(&uri, "file:");
    for (const char *p = path; *p != '\0'; p++) {
        if (strchr("%?#", *p) != NULL)
            text_addf(&uri, "%%%02X", (unsigned)*p);
        else
            text_add_char(&uri, *p);
    }
    text_add(&uri, shared ? "?mode=ro" : "?immutable=1");
    return text_finish(&uri);
}

/* The journal is WAL, so that readers and one writer do not wait for each other. The change
 * needs the whole file for a moment, and SQLite does not wait for that by itself. Where WAL
 * cannot be had (a network file system) the older journal does, only slower. */
static int prepare_for_writing(struct catalog *catalog, struct err *err)
{
    for (int count = 0;; count++) {
        int code = sqlite3_exec(catalog->db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
        if (code == SQLITE_OK)
            return 0;
        if ((code & 0xFF) != SQLITE_BUSY || sql_wait(catalog, count) == 0)
            return sql_error(catalog, err);
    }
}

/* Settings of the connection, then the schema, and only then what the mode forbids. */
static int prepare(struct catalog *catalog, enum catalog_mode mode, struct err *err)
{
    /* trusted_schema and cell_size_check: the file may come from elsewhere, or be damaged.
     * synchronous=FULL: a change that was reported is on disk (RETENTION section 5). */
    static const char settings[] = "PRAGMA foreign_keys = ON;"
                                   "PRAGMA synchronous = FULL;"
                                   "PRAGMA trusted_schema = OFF;"
                                   "PRAGMA cell_size_check = ON;"
                                   "PRAGMA cache_size = -16000;"
                                   "PRAGMA journal_size_limit = 16777216;";
    bool current = false;
    if (sql_exec(catalog, settings, err) < 0 || schema_check(catalog, &current, err) < 0)
        return -1;

    /* An older schema is brought up to date even for who only wants to read: all statements
     * here are written for the newest. */
    if (mode == CATALOG_READ && !current && sqlite3_db_readonly(catalog->db, "main") != 0) {
        err_set(
            err, ERR_SYSTEM,
            "catalog %s is of an older pgkeep, and may not be written to bring it up to "
            "date",
            catalog->path);
        return err_hint(err, "let its owner run a command of this pgkeep once, or copy it "
                             "to a folder of your own and name that with --catalog");
    }
    if ((mode != CATALOG_READ || !current) && prepare_for_writing(catalog, err) < 0)
        return -1;
    if (!current && schema_migrate(catalog, err) < 0)
        return -1;

    catalog->read_only = mode == CATALOG_READ;
    return catalog->read_only ? sql_exec(catalog, "PRAGMA query_only = ON", err) : 0;
}

struct catalog *catalog_open(const char *path, enum catalog_mode mode, struct err *err)
{
    /* A handle is one thread's at a time, so that SQLite need lock nothing inside. */
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    char *uri = NULL;
    if (find_file(path, mode, err) < 0)
        return NULL;
    if (mode == CATALOG_READ && !may_write(path)) {
        flags ^= SQLITE_OPEN_READWRITE | SQLITE_OPEN_READONLY | SQLITE_OPEN_URI;
        uri = read_only_uri(path, err);
        if (uri == NULL)
            return NULL;
    }
    struct catalog *catalog = memory_zalloc(sizeof *catalog);
    catalog->path = memory_strdup(path);
    int code = sqlite3_open_v2(uri != NULL ? uri : path, &catalog->db, flags, NULL);
    free(uri);
    if (code != SQLITE_OK) {
        if (catalog->db == NULL)
            err_set(err, ERR_SYSTEM, "cannot open the catalog %s: no memory", path);
        else
            sql_error(catalog, err);
        goto failed;
    }
    sqlite3_busy_handler(catalog->db, sql_wait, catalog);
    /* No statement, whatever is in the file, may write to SQLite's own tables. */
    sqlite3_db_config(catalog->db, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)NULL);
    if (prepare(catalog, mode, err) == 0)
        return catalog;
failed:
    catalog_close(catalog);
    return NULL;
}

void catalog_close(struct catalog *catalog)
{
    if (catalog == NULL)
        return;
    /* Statements first: with one open the connection would stay. The last one to close a
     * file moves its log into it. */
    sql_release(catalog);
    sqlite3_close(catalog->db);
    free(catalog->path);
    free(catalog);
}

const char *catalog_path(const struct catalog *catalog)
{
    return catalog->path;
}

void catalog_set_cancel(struct catalog *catalog, const struct cancel *cancel)
{
    catalog->cancel = cancel;
}

/* Both questions in one snapshot; the second is quick, the first reads the whole file. */
int catalog_check(struct catalog *catalog, struct err *err)
{
    static const struct {
        const char *pragma, *sound; /* its first answer, when all is well */
        const char *damage;         /* what another answer says */
    } checks[] = {
        {"PRAGMA integrity_check(1)", "ok", ""},
        {"PRAGMA foreign_key_check", "", "a row without the one it belongs to, in "},
    };
    if (sql_begin_reading(catalog, err) < 0)
        return -1;
    int result = 0;
    for (size_t i = 0; result == 0 && i < sizeof checks / sizeof *checks; i++) {
        struct sql sql;
        char found[200] = "";
        /* One row of trouble is enough to know that it is not sound. */
        sql_prepare(&sql, catalog, checks[i].pragma, err);
        if (sql_row(&sql))
            sql_chars(&sql, found, sizeof found);
        result = sql_end(&sql);
        if (result < 0 || strcmp(found, checks[i].sound) == 0)
            continue;
        err_set(err, ERR_CORRUPT, "catalog %s is damaged: %s%s", catalog->path,
                checks[i].damage, found);
        result = err_hint(
            err, "move it away and make it anew from the stores: pgkeep catalog rebuild");
    }
    return sql_finish_reading(catalog, result, err);
}

/* `callers` tells a transaction of the caller from one of a function here: only the
 * former is ended by catalog_commit and catalog_rollback. */
int catalog_begin(struct catalog *catalog, struct err *err)
{
    assert(catalog->depth == 0);
    if (sql_begin(catalog, err) < 0)
        return -1;
    catalog->callers = true;
    return 0;
}

int catalog_commit(struct catalog *catalog, struct err *err)
{
    /* Between begin and commit every function here was a savepoint, and each has ended. */
    assert(catalog->callers && catalog->depth == 1);
    catalog->callers = false;
    return sql_finish(catalog, 0, err);
}

void catalog_rollback(struct catalog *catalog)
{
    struct err ignored = {0};
    /* What led here is the error that counts; a rollback that fails has happened all the
     * same. */
    if (!catalog->callers)
        return;
    catalog->callers = false;
    int result = sql_finish(catalog, -1, &ignored);
    (void)result;
}
