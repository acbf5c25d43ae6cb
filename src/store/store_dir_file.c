/*
 * A file that appears whole or not at all. The order makes it so, also when the power
 * fails:
 *
 *     write the temp file -> fsync it -> rename it -> fsync every folder up to the root
 *
 * The rename may reach the disk before the data unless the file was synced first; and a
 * folder that was made may be forgotten with all that is in it unless its parent was
 * synced. Folders that somebody else made a moment ago are synced as well: he may die
 * before he does it, and our object would be lost with them.
 */
#define _GNU_SOURCE /* renameat2 */
#include "store/store_dir.h"

#include "base/file.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEX_DIGITS = 8 };
#define TEMP_SUFFIX ".part"

/* ".", 26 characters, perhaps "." and 8 hex digits, ".part" */
bool store_dir_is_temp(const char *leaf)
{
    char id[ULID_SIZE];
    if (leaf[0] != '.' || strlen(leaf) < 1 + ULID_LENGTH)
        return false;
    /* Strictly: what looks like one is removed by a sweep. */
    memcpy(id, leaf + 1, ULID_LENGTH);
    id[ULID_LENGTH] = '\0';
    const char *rest = leaf + 1 + ULID_LENGTH;
    if (rest[0] == '.' && strspn(rest + 1, "0123456789abcdef") == HEX_DIGITS)
        rest += 1 + HEX_DIGITS;
    return ulid_is_valid(id) && strcmp(rest, TEMP_SUFFIX) == 0;
}

static void init(struct store_dir_file *file, const struct store_dir *dir, const char *key,
                 const char *temp)
{
    *file = (struct store_dir_file){.dir = dir, .folder = -1, .fd = -1};
    file->key = memory_strdup(key);
    file->temp = memory_strdup(temp);
}

int store_dir_file_create(const struct store_dir *dir, const char *key, const char *temp,
                          struct store_dir_file *file, struct err *err)
{
    init(file, dir, key, temp);
    do {
        /* ENOENT: a clean-up removed the folder while it was still empty. Make it again. */
        file_close(&file->folder);
        if (store_dir_open_folder(dir, key, true, &file->folder, err) < 0)
            break;
        /* O_EXCL: two that write one artifact would mix their bytes. */
        file->fd = openat(file->folder, temp,
                          O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (file->fd < 0 && errno != ENOENT)
            store_dir_fail(dir, "create the temp file of", key, err);
    } while (file->fd < 0 && errno == ENOENT);
    if (file->fd >= 0)
        return 0;
    /* Nothing is ours there: the temp name may be another's. */
    file->visible = true;
    store_dir_file_release(file);
    return -1;
}

int store_dir_file_reopen(const struct store_dir *dir, const char *key, const char *temp,
                          struct store_dir_file *file, struct err *err)
{
    struct stat status;
    init(file, dir, key, temp);
    int result = store_dir_open_folder(dir, key, false, &file->folder, err);
    /* O_APPEND: it goes on at the end, wherever that is. */
    if (result == 0 && file->folder >= 0)
        file->fd = openat(file->folder, temp, O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC);
    if (result == 0 && file->fd < 0)
        result = file->folder < 0 || errno == ENOENT
                     ? err_set(err, ERR_NOT_FOUND, "no upload of %s is open", key)
                     : store_dir_fail(dir, "open the temp file of", key, err);
    if (result == 0 && fstat(file->fd, &status) < 0)
        result = store_dir_fail(dir, "read the temp file of", key, err);
    if (result == 0)
        file->size = (uint64_t)status.st_size;
    /* A failed resume leaves what is there for the next try. */
    file->visible = result < 0;
    if (result < 0)
        store_dir_file_release(file);
    return result;
}

/* The folder of the key with the temp name in it: all that a later process needs to find
 * it. */
char *store_dir_file_handle(const struct store_dir_file *file)
{
    size_t folder = (size_t)(store_dir_leaf(file->key) - file->key);
    return memory_format("%.*s%s", (int)folder, file->key, file->temp);
}

int store_dir_file_write(struct store_dir_file *file, const void *data, size_t size,
                         struct err *err)
{
    if (file_write_all(file->fd, data, size) < 0)
        return store_dir_fail(file->dir, "write", file->key, err);
    return 0;
}

int store_dir_file_sync(struct store_dir_file *file, struct err *err)
{
    if (fsync(file->fd) < 0)
        return store_dir_fail(file->dir, "write to disk", file->key, err);
    return 0;
}

/* rename that refuses an existing name. -1 with errno, EEXIST if it is taken. */
static int rename_new(int folder, const char *from, const char *to)
{
    struct stat status;
    if (renameat2(folder, from, folder, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -1;
    /* File systems without it (NFS, some FUSE): a link refuses too, as long as there are
     * links. */
    if (linkat(folder, from, folder, to, 0) == 0)
        return unlinkat(folder, from, 0);
    if (errno == EEXIST)
        return -1;
    /* Neither (FAT, CIFS). Look, then rename: two processes would have to make one key in
     * the same moment, and keys hold an id of their own. */
    if (fstatat(folder, to, &status, AT_SYMLINK_NOFOLLOW) == 0) {
        errno = EEXIST;
        return -1;
    }
    return errno == ENOENT ? renameat(folder, from, folder, to) : -1;
}

int store_dir_file_commit(struct store_dir_file *file, bool overwrite, struct err *err)
{
    const char *leaf = store_dir_leaf(file->key);
    /* NFS reports some failed writes only here. */
    int closed = close(file->fd);
    file->fd = -1;
    if (closed < 0)
        return store_dir_fail(file->dir, "write", file->key, err);
    /* From here on it has its name, whether or not that is on disk yet. */
    int renamed = overwrite ? renameat(file->folder, file->temp, file->folder, leaf)
                            : rename_new(file->folder, file->temp, leaf);
    if (renamed < 0 && errno == EEXIST)
        return err_set(err, ERR_STORE, "%s/%s exists already", file->dir->path, file->key);
    if (renamed < 0)
        return store_dir_fail(file->dir, "rename the temp file to", file->key, err);
    if (store_dir_sync(file->dir, file->key, err) < 0) {
        /* A name that may be lost with the power is none. What was overwritten cannot be
         * brought back, so that there the new one stays. */
        if (!overwrite)
            unlinkat(file->folder, leaf, 0);
        return -1;
    }
    file->visible = true;
    return 0;
}

bool store_dir_file_release(struct store_dir_file *file)
{
    bool clean = true;
    /* Given up: the temp file goes, and the folders that were made for it alone. */
    if (!file->visible && file->folder >= 0 && file->temp != NULL) {
        clean = unlinkat(file->folder, file->temp, 0) == 0 || errno == ENOENT;
        store_dir_tidy(file->dir, file->key);
    }
    file_close(&file->fd);
    file_close(&file->folder);
    free(file->key);
    free(file->temp);
    file->key = NULL;
    file->temp = NULL;
    file->visible = true;
    return clean;
}
