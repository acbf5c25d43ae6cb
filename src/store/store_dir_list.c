/*
 * A listing decides what is an orphan and what is missing, so a part of one must never look
 * like the whole: each folder that cannot be read is an error. What is removed while we
 * walk may or may not be in it.
 *
 * Only the way to the prefix is walked, not the whole tree. Folders are read in the order
 * of the file system; nothing is held in memory but the path.
 */
#include "store/store_dir.h"

#include "base/file.h"
#include "base/memory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Our keys have six segments; deeper trees are somebody else's, perhaps without an end. */
enum { DEPTH_MAX = 32, PATH_CEILING = 64 * 1024 };

struct walk {
    const struct store_dir *dir;
    const char *prefix;
    struct text path; /* relative, of where we are */
    unsigned depth;
    /* 0, or the value that ends the walk; which of the next two it calls is its affair */
    int (*each_file)(struct walk *walk, const struct stat *status, struct err *err);
    store_each each;
    store_each_pending each_pending;
    void *context;
};

static int walk_folder(struct walk *walk, int fd, struct err *err);

/* Does the subtree or file at the path belong to what was asked for, or lead there? */
static bool is_wanted(const struct walk *walk)
{
    size_t length = walk->path.length;
    size_t prefix = strlen(walk->prefix);
    /* As deep as the prefix or deeper: it is what was asked for, or nothing of it is. */
    if (length >= prefix)
        return store_prefix_matches(walk->prefix, walk->path.data);
    /* Above it: only the one folder that the way to it leads through. */
    return strncmp(walk->prefix, walk->path.data, length) == 0 &&
           walk->prefix[length] == '/';
}

static int enter(struct walk *walk, int parent, const char *name, struct err *err)
{
    /* Each level holds a descriptor open, and a file system may be mounted into itself. */
    if (walk->depth == DEPTH_MAX)
        return err_set(err, ERR_STORE, "%s/%s: folders in folders, deeper than %d",
                       walk->dir->path, walk->path.data, DEPTH_MAX);
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return 0; /* removed since */
    if (fd < 0)
        return store_dir_fail(walk->dir, "list folder", walk->path.data, err);
    /* A folder's path ends in '/', as prefixes do; the caller takes it off again. */
    text_add_char(&walk->path, '/');
    walk->depth++;
    int result = walk_folder(walk, fd, err);
    walk->depth--;
    return result;
}

static int visit(struct walk *walk, int parent, const char *name, struct err *err)
{
    struct stat status;
    /* Gone since readdir named it: another process removes as well. */
    if (fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0
                               : store_dir_fail(walk->dir, "read", walk->path.data, err);
    /* lost+found is made by mkfs for root alone, where the store is a whole file system:
     * that it cannot be read says nothing of ours. */
    if (S_ISDIR(status.st_mode))
        return strcmp(walk->path.data, "lost+found") == 0 ? 0
                                                          : enter(walk, parent, name, err);
    /* Links and devices are none of ours: we make only files. */
    bool ours =
        S_ISREG(status.st_mode) && store_prefix_matches(walk->prefix, walk->path.data);
    return ours ? walk->each_file(walk, &status, err) : 0;
}

static int walk_entry(struct walk *walk, int parent, const char *name, struct err *err)
{
    /* The path grows on the way down and is cut back here, on the way up. */
    size_t length = walk->path.length;
    int result = 0;
    text_add(&walk->path, name);
    if (text_check(&walk->path, "a path", err) < 0)
        result = -1;
    else if (is_wanted(walk))
        result = visit(walk, parent, name, err);
    walk->path.length = length;
    walk->path.data[length] = '\0';
    return result;
}

/* Takes fd. */
static int walk_folder(struct walk *walk, int fd, struct err *err)
{
    /* From here on fd is the stream's: closedir closes it. */
    DIR *folder = fdopendir(fd);
    int result = 0;
    if (folder == NULL) {
        store_dir_fail(walk->dir, "list folder", walk->path.data, err);
        file_close(&fd);
        return -1;
    }
    while (result == 0) {
        errno = 0;
        const struct dirent *entry = readdir(folder);
        if (entry == NULL) {
            /* The end and an error look the same but for errno: a cut listing must not
             * pass. */
            if (errno != 0 && errno != ENOENT)
                result = store_dir_fail(walk->dir, "list folder", walk->path.data, err);
            break;
        }
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            result = walk_entry(walk, fd, entry->d_name, err);
    }
    (void)closedir(folder);
    return result;
}

static int walk_all(struct walk *walk, struct err *err)
{
    /* A root that is gone is an error: an empty listing would read as "all is missing". */
    int fd = store_dir_open_root(walk->dir, err);
    if (fd < 0)
        return -1;
    text_init(&walk->path, PATH_CEILING);
    text_add(&walk->path, "");
    int result = walk_folder(walk, fd, err);
    text_release(&walk->path);
    return result;
}

/* All but the temp files: those are uploads under way, or what is left of one. */
static int give_object(struct walk *walk, const struct stat *status, struct err *err)
{
    struct store_object object = {.key = walk->path.data,
                                  .size = (uint64_t)status->st_size,
                                  .modified = status->st_mtime};
    return store_dir_is_temp(store_dir_leaf(walk->path.data))
               ? 0
               : walk->each(walk->context, &object, err);
}

int store_dir_list(struct store *store, const char *prefix, store_each each, void *context,
                   struct err *err)
{
    struct walk walk = {.dir = (const struct store_dir *)store,
                        .prefix = prefix,
                        .each_file = give_object,
                        .each = each,
                        .context = context};
    return walk_all(&walk, err);
}

/* The final name does not stand in a temp name: its own path is the key as well. */
static int give_pending(struct walk *walk, const struct stat *status, struct err *err)
{
    struct store_pending pending = {
        .key = walk->path.data, .handle = walk->path.data, .initiated = status->st_mtime};
    return store_dir_is_temp(store_dir_leaf(walk->path.data))
               ? walk->each_pending(walk->context, &pending, err)
               : 0;
}

int store_dir_list_pending(struct store *store, const char *prefix, store_each_pending each,
                           void *context, struct err *err)
{
    struct walk walk = {.dir = (const struct store_dir *)store,
                        .prefix = prefix,
                        .each_file = give_pending,
                        .each_pending = each,
                        .context = context};
    return walk_all(&walk, err);
}

int store_dir_abort_pending(struct store *store, const char *key, const char *handle,
                            struct err *err)
{
    /* It comes from a row of the catalog, and is a path: nothing but a temp file of ours
     * may be unlinked by it. */
    if (store_check_key(handle, false, err) < 0)
        return -1;
    if (!store_dir_is_temp(store_dir_leaf(handle)))
        return err_set(err, ERR_STORE, "%s: \"%s\" is no temp file of pgkeep", key, handle);
    return store_dir_unlink((const struct store_dir *)store, handle, err);
}
