/*
 * From the root to a key, one openat per segment with O_NOFOLLOW: a path given to open as a
 * whole would follow a symbolic link in its middle, and whoever can make one there would
 * have us write or remove files elsewhere.
 *
 * Folders come and go: an upload makes them, a removal takes them along when they are
 * empty. Nothing is locked for that. rmdir fails on a folder that is not empty, so the
 * worst that happens is that a folder is gone between two steps of somebody who is about to
 * use it; he sees ENOENT and makes it again.
 */
#include "store/store_dir.h"

#include "base/file.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* ROUNDS: a race may be lost to a clean-up now and then, but not a hundred times in
 * turn. */
enum { SEGMENT_SIZE = 256, ROUNDS = 100 };

/* What a person can do about it; the reason itself is strerror's. */
static const struct {
    int number;
    const char *hint;
} hints[] = {
    {ENOSPC, "the disk is full: free some space, or let retention remove old backups"},
    {EDQUOT, "the quota of this user is used up there"},
    {EROFS, "it is mounted read-only"},
    {EACCES, "the folder and all in it must belong to the user that runs pgkeep"},
    {EPERM, "the folder and all in it must belong to the user that runs pgkeep"},
    /* O_DIRECTORY with O_NOFOLLOW answers ENOTDIR for a symbolic link. */
    {ENOTDIR,
     "a file or a symbolic link, which is not followed, stands where a folder should be"},
    {ELOOP, "no symbolic link is followed inside of a store"},
    {EFBIG, "the file system or a limit (ulimit -f) allows no file of this size"},
};

int store_dir_fail(const struct store_dir *dir, const char *what, const char *key,
                   struct err *err)
{
    /* Kept, because some callers ask what it was, and what is called here may change it. */
    int number = errno;
    err_errno(err, ERR_STORE, "cannot %s %s%s%s", what, dir->path, *key ? "/" : "", key);
    for (size_t i = 0; i < sizeof hints / sizeof *hints; i++) {
        if (hints[i].number == number)
            err_hint(err, "%s", hints[i].hint);
    }
    errno = number;
    return -1;
}

/* Without O_NOFOLLOW: that the root is a link is the user's affair (store_dir.h). */
int store_dir_open_root(const struct store_dir *dir, struct err *err)
{
    int fd = open(dir->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        store_dir_fail(dir, "open folder", "", err);
        err_hint(err, "is the disk mounted?");
    }
    return fd;
}

const char *store_dir_leaf(const char *key)
{
    const char *slash = strrchr(key, '/');
    return slash == NULL ? key : slash + 1;
}

/* Opens one folder in `parent`. -1 with errno; ENOENT when it is absent and not to be
 * made. */
static int open_segment(int parent, const char *segment, bool make)
{
    int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(parent, segment, flags);
    if (fd >= 0 || errno != ENOENT || !make)
        return fd;
    /* EEXIST: another upload made it a moment ago, which is as good. */
    if (mkdirat(parent, segment, 0700) < 0 && errno != EEXIST)
        return -1;
    return openat(parent, segment, flags);
}

/* One step down: *fd becomes the folder named by the first segment of *rest. */
static int descend(int *fd, const char **rest, bool make)
{
    char segment[SEGMENT_SIZE];
    size_t length = strcspn(*rest, "/");
    if (length >= sizeof segment) {
        errno = ENAMETOOLONG;
        return -1;
    }
    /* The one above is closed only when the one below is open: it is the way to it. */
    memcpy(segment, *rest, length);
    segment[length] = '\0';
    int next = open_segment(*fd, segment, make);
    if (next < 0)
        return -1;
    file_close(fd);
    *fd = next;
    *rest += length + 1;
    return 0;
}

int store_dir_open_folder(const struct store_dir *dir, const char *key, bool make, int *fd,
                          struct err *err)
{
    const char *leaf = store_dir_leaf(key);
    const char *rest = key;
    *fd = store_dir_open_root(dir, err);
    if (*fd < 0)
        return -1;
    for (int round = 1; rest < leaf;) {
        if (descend(fd, &rest, make) == 0)
            continue;
        /* A folder that is not there is an answer, unless it should have been made just
         * now. */
        bool absent = errno == ENOENT && !make;
        bool raced = errno == ENOENT && make && round++ < ROUNDS;
        file_close(fd);
        if (absent)
            return 0;
        if (!raced)
            return store_dir_fail(dir, make ? "make the folder of" : "open the folder of",
                                  key, err);
        /* Somebody removed the empty folder between two steps: from the top again. */
        rest = key;
        *fd = store_dir_open_root(dir, err);
        if (*fd < 0)
            return -1;
    }
    return 0;
}

int store_dir_sync(const struct store_dir *dir, const char *key, struct err *err)
{
    const char *leaf = store_dir_leaf(key);
    const char *rest = key;
    int fd = store_dir_open_root(dir, err);
    int result = fd < 0 ? -1 : 0;
    /* All of them, also those that were there before: whoever made one may not have
     * synced it. */
    while (result == 0) {
        if (file_sync_folder(fd) < 0)
            result = store_dir_fail(dir, "write to disk the folder of", key, err);
        else if (rest >= leaf)
            break;
        else if (descend(&fd, &rest, false) < 0)
            result = store_dir_fail(dir, "open the folder of", key, err);
    }
    file_close(&fd);
    return result;
}

int store_dir_unlink(const struct store_dir *dir, const char *key, struct err *err)
{
    int folder = -1, number = 0;
    int result = store_dir_open_folder(dir, key, false, &folder, err);
    if (result == 0 && folder >= 0 && unlinkat(folder, store_dir_leaf(key), 0) < 0 &&
        errno != ENOENT) {
        result = store_dir_fail(dir, "remove", key, err);
        number = errno;
    }
    /* Also when it was gone: an earlier run may have died before this, and whoever hears
     * "removed" forgets the row that names it. */
    if (result == 0 && folder >= 0 && file_sync_folder(folder) < 0)
        result = store_dir_fail(dir, "write to disk the folder of", key, err);
    file_close(&folder);
    if (result == 0)
        store_dir_tidy(dir, key);
    errno = number;
    return result;
}

void store_dir_tidy(const struct store_dir *dir, const char *key)
{
    char *path = memory_strdup(key);
    struct err ignored = {0};
    /* From the innermost up, as far as they are empty. */
    for (char *slash = strrchr(path, '/'); slash != NULL; slash = strrchr(path, '/')) {
        int parent = -1;
        *slash = '\0';
        if (store_dir_open_folder(dir, path, false, &parent, &ignored) < 0)
            break;
        /* A folder with anything in it, also a temp file of an upload, is not removed by
         * this. */
        bool removed =
            parent >= 0 && unlinkat(parent, store_dir_leaf(path), AT_REMOVEDIR) == 0;
        /* One that is gone already may have left an empty one above it. */
        bool go_on = removed || parent < 0 || errno == ENOENT;
        if (removed && file_sync_folder(parent) < 0)
            go_on = false;
        file_close(&parent);
        if (!go_on)
            break;
    }
    free(path);
}
