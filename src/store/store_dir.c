/*
 * A directory as a store: the handle, small objects, removing, reading. Nothing is cached
 * between calls, neither descriptors nor what exists: other processes write here as well,
 * and the root may be unmounted and mounted again.
 */
#include "store/store_dir.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

static void close_dir(struct store *store)
{
    struct store_dir *dir = (struct store_dir *)store;
    free(dir->path);
    free(store->name);
    free(dir);
}

/* ---- the check: in a thread, because a dead network file system answers no call at all
 * ---- */

struct check {
    struct store_dir dir; /* its own copy: the thread may outlive the caller's patience */
    bool create;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t done;
    bool finished;
    bool left; /* the caller gave up: the thread frees */
    int result;
    struct err err;
};

/* By the last of the two: the thread, or who waited for it. */
static void free_check(struct check *check)
{
    pthread_cond_destroy(&check->done);
    pthread_mutex_destroy(&check->lock);
    free(check->dir.path);
    free(check);
}

/* access and not a trial file: a check must leave nothing, and ask for as little as a
 * listing does. EACCESS: with the rights that we act with. */
static int try_root(const struct store_dir *dir, bool create, struct err *err)
{
    struct err reason = {0};
    /* Of this store, and not of this machine as the kinds of base/file.h say: others go
     * on. */
    if (create && !file_exists(dir->path) &&
        (file_make_folders(dir->path, &reason) < 0 ||
         file_sync_folder_of(dir->path, &reason) < 0))
        return err_set(err, ERR_STORE, "%s", reason.text);
    int fd = store_dir_open_root(dir, err);
    if (fd < 0)
        return -1;
    int mode = create ? R_OK | W_OK | X_OK : R_OK | X_OK;
    int result = faccessat(fd, ".", mode, AT_EACCESS);
    if (result < 0)
        store_dir_fail(dir, create ? "write to folder" : "read folder", "", err);
    file_close(&fd);
    return result;
}

static void *check_root(void *argument)
{
    struct check *check = argument;
    struct err err = {0};
    /* Without the lock: this is what may hang, and who waits must be able to leave. */
    int result = try_root(&check->dir, check->create, &err);
    pthread_mutex_lock(&check->lock);
    /* The answer, for whoever is still there to hear it. */
    check->result = result;
    check->err = err;
    check->finished = true;
    /* Asked under the lock: exactly one of the two frees. */
    bool left = check->left;
    pthread_cond_signal(&check->done);
    pthread_mutex_unlock(&check->lock);
    if (left)
        free_check(check);
    return NULL;
}

/* Waits for the thread. True when it has finished, false when it was left to itself: one
 * that hangs in the kernel cannot be ended; it frees what it has when it comes back. */
static bool wait_for(struct check *check, int64_t timeout_ms)
{
    /* Until a moment and not for a while: a wake-up without a reason would begin it
     * anew. */
    int64_t until = clock_monotonic_ms() + timeout_ms;
    bool in_time = true;
    pthread_mutex_lock(&check->lock);
    while (!check->finished && in_time)
        in_time = thread_cond_wait_until(&check->done, &check->lock, until);
    bool finished = check->finished;
    check->left = !finished;
    pthread_mutex_unlock(&check->lock);
    return finished;
}

static int check_dir(struct store *store, bool create, int64_t timeout_ms, struct err *err)
{
    struct store_dir *dir = (struct store_dir *)store;
    struct check *check = memory_zalloc(sizeof *check);
    pthread_t thread;
    check->dir.path = memory_strdup(dir->path);
    check->create = create;
    pthread_mutex_init(&check->lock, NULL);
    thread_cond_init(&check->done);
    if (thread_start(&thread, check_root, check, err) < 0) {
        free_check(check);
        return -1;
    }
    /* Left to itself: nobody will join it, and from here on `check` is its own. Away and
     * not broken: the mount may come back. */
    if (!wait_for(check, timeout_ms)) {
        pthread_detach(thread);
        return err_set(err, ERR_TRANSIENT, "%s does not answer within %lld ms", dir->path,
                       (long long)timeout_ms);
    }
    /* After the join nothing of it is shared any more. */
    pthread_join(thread, NULL);
    int result = check->result;
    if (result < 0)
        *err = check->err;
    free_check(check);
    return result;
}

/* ---- small objects ---- */

/* ".<id>.<8 hex digits>.part". The id is the last one that stands in the key, so that a
 * temp file that was left tells whose it is; a key without one (the mark) gets a new
 * one. */
static void small_temp(const char *key, char temp[STORE_DIR_TEMP_SIZE])
{
    char id[ULID_SIZE];
    unsigned char random[4];
    struct text hex;
    size_t length = strlen(key);
    /* From the end: names of databases stand before it, and may look like one. */
    size_t at = length < ULID_LENGTH ? 0 : length - ULID_LENGTH + 1;
    bool found = false;
    while (at > 0 && !found) {
        at--;
        memcpy(id, key + at, ULID_LENGTH);
        id[ULID_LENGTH] = '\0';
        found = ulid_is_valid(id);
    }
    if (!found)
        ulid_new(id, clock_now_ms());
    /* Two processes may write one state file at once, each its own temp file. */
    ulid_random(random, sizeof random);
    text_init(&hex, 2 * sizeof random);
    text_add_hex(&hex, random, sizeof random);
    snprintf(temp, STORE_DIR_TEMP_SIZE, ".%s.%s.part", id, hex.data);
    text_release(&hex);
}

/* Whole or not at all (store_dir_file.c): the data is on disk before the name is. */
static int put(struct store *store, const struct store_put *object, struct err *err)
{
    struct store_dir_file file;
    char temp[STORE_DIR_TEMP_SIZE];
    small_temp(object->key, temp);
    if (store_dir_file_create((struct store_dir *)store, object->key, temp, &file, err) < 0)
        return -1;
    int result = store_dir_file_write(&file, object->data, object->size, err);
    if (result == 0)
        result = store_dir_file_sync(&file, err);
    if (result == 0)
        result = store_dir_file_commit(&file, object->overwrite, err);
    store_dir_file_release(&file);
    return result;
}

/* Opens the file of a key: *fd, -1 when it is absent. */
static int open_file(const struct store_dir *dir, const char *key, int *fd,
                     struct stat *status, struct err *err)
{
    int folder = -1;
    *fd = -1;
    if (store_dir_open_folder(dir, key, false, &folder, err) < 0)
        return -1;
    if (folder < 0)
        return 0;
    /* O_NONBLOCK: somebody may have put a FIFO there, and opening that would wait. */
    *fd =
        openat(folder, store_dir_leaf(key), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    int result = *fd >= 0 || errno == ENOENT ? 0 : store_dir_fail(dir, "open", key, err);
    file_close(&folder);
    if (*fd < 0)
        return result;
    /* What is not a file of ours would be read as one, or never end. */
    if (fstat(*fd, status) < 0)
        result = store_dir_fail(dir, "read", key, err);
    else if (!S_ISREG(status->st_mode))
        result = err_set(err, ERR_STORE, "%s/%s is no file", dir->path, key);
    if (result < 0)
        file_close(fd);
    return result;
}

static int get(struct store *store, const char *key, struct text *out, bool *absent,
               struct err *err)
{
    const struct store_dir *dir = (const struct store_dir *)store;
    char buffer[65536];
    struct stat status;
    int fd;
    /* "Absent" only where every folder above could be read: all else is an error. */
    if (open_file(dir, key, &fd, &status, err) < 0)
        return -1;
    *absent = fd < 0;
    if (fd < 0)
        return 0;
    /* In pieces, so that one that is far too large costs no more than the ceiling. */
    ssize_t size = 1;
    while (size > 0 && !out->overflowed) {
        size = file_read_all(fd, buffer, sizeof buffer);
        if (size > 0)
            text_add_bytes(out, buffer, (size_t)size);
    }
    int result =
        size < 0 ? store_dir_fail(dir, "read", key, err) : text_check(out, key, err);
    file_close(&fd);
    return result;
}

/* Opened and not only looked at: what cannot be read is not there for a restore either. */
static int stat_key(struct store *store, const char *key, struct store_object *out,
                    bool *absent, struct err *err)
{
    struct stat status;
    int fd;
    if (open_file((const struct store_dir *)store, key, &fd, &status, err) < 0)
        return -1;
    *absent = fd < 0;
    if (fd >= 0)
        *out = (struct store_object){.key = memory_strdup(key),
                                     .size = (uint64_t)status.st_size,
                                     .modified = status.st_mtime};
    file_close(&fd);
    return 0;
}

static int remove_key(struct store *store, const char *key, struct store_removed *out,
                      struct err *err)
{
    if (store_dir_unlink((const struct store_dir *)store, key, err) == 0) {
        out->result = STORE_GONE;
        return 0;
    }
    /* An immutable or append-only file (chattr), or one of another user in a sticky
     * folder: this one object, and no matter of time. All else is the store's, and may
     * be over tomorrow. */
    if (errno != EPERM && errno != EISDIR)
        return -1;
    out->result = STORE_REFUSED;
    snprintf(out->reason, sizeof out->reason, "%s", strerror(errno));
    err_clear(err);
    return 0;
}

/* ---- download ---- */

struct dir_download {
    struct store_download download;
    char *key;
    int fd;
    uint64_t size;       /* of the file, when it was opened */
    uint64_t offset, to; /* what is still to be read */
};

static void download_free(struct store_download *base)
{
    struct dir_download *download = (struct dir_download *)base;
    file_close(&download->fd);
    free(download->key);
    free(download);
}

static struct store_download *download_begin(struct store *store, const char *key,
                                             uint64_t offset, uint64_t length,
                                             struct err *err)
{
    struct stat status;
    int fd;
    if (open_file((const struct store_dir *)store, key, &fd, &status, err) < 0)
        return NULL;
    /* Here an absent one is an error: whoever reads believes that it is there. */
    if (fd < 0) {
        err_set(err, ERR_NOT_FOUND, "%s does not exist", key);
        return NULL;
    }
    /* The manifest says how long it is: a shorter one was cut, and that is told before
     * the first byte is used. */
    uint64_t size = (uint64_t)status.st_size;
    if (offset > size || length > size - offset) {
        err_set(err, ERR_CORRUPT, "%s has %llu bytes, too few for the range asked for", key,
                (unsigned long long)size);
        file_close(&fd);
        return NULL;
    }
    /* Backups are read once, from the front to the back: worth reading ahead. */
    (void)posix_fadvise(fd, (off_t)offset, (off_t)length, POSIX_FADV_SEQUENTIAL);
    struct dir_download *download = memory_zalloc(sizeof *download);
    download->download.store = store;
    download->key = memory_strdup(key);
    download->fd = fd;
    download->size = size;
    download->offset = offset;
    download->to = length == 0 ? size : offset + length;
    return &download->download;
}

static uint64_t download_size(const struct store_download *base)
{
    return ((const struct dir_download *)base)->size;
}

static ssize_t download_read(struct store_download *base, void *buffer, size_t size,
                             struct err *err)
{
    struct dir_download *download = (struct dir_download *)base;
    const struct store_dir *dir = (const struct store_dir *)base->store;
    uint64_t left = download->to - download->offset;
    size_t wanted = left < size ? (size_t)left : size;
    if (wanted == 0)
        return 0;
    /* At its own offset: the descriptor's is nobody's business. */
    ssize_t got;
    do
        got = pread(download->fd, buffer, wanted, (off_t)download->offset);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return store_dir_fail(dir, "read", download->key, err);
    /* Open files stay whole when they are removed: somebody wrote over this one. */
    if (got == 0)
        return err_set(err, ERR_CORRUPT, "%s was cut while it was being read",
                       download->key);
    download->offset += (uint64_t)got;
    return got;
}

static const struct store_ops ops;

/* Nothing is opened: the root is looked for in each call. */
static struct store *new_handle(const char *name, const char *path)
{
    struct store_dir *dir = memory_zalloc(sizeof *dir);
    dir->store.ops = &ops;
    dir->store.name = memory_strdup(name);
    dir->path = memory_strdup(path);
    return &dir->store;
}

/* No call here looks at the cancel, so that one more handle is all it takes. */
static struct store *cleaner(struct store *store)
{
    return new_handle(store->name, ((const struct store_dir *)store)->path);
}

static const struct store_ops ops = {
    .type = "dir",
    .close = close_dir,
    .cleaner = cleaner,
    .check = check_dir,
    .put = put,
    .get = get,
    .stat = stat_key,
    .list = store_dir_list,
    .remove = remove_key,
    .upload_begin = store_dir_upload_begin,
    .upload_resume = store_dir_upload_resume,
    .upload_part = store_dir_upload_part,
    .upload_wait = store_dir_upload_wait,
    .upload_finish = store_dir_upload_finish,
    .upload_discard = store_dir_upload_discard,
    .list_pending = store_dir_list_pending,
    .abort_pending = store_dir_abort_pending,
    .download_begin = download_begin,
    .download_size = download_size,
    .download_read = download_read,
    .download_free = download_free,
};

struct store *store_open_dir(const char *name, const char *path, struct err *err)
{
    /* An empty path would be the current folder of whoever runs it. */
    if (path == NULL || *path == '\0') {
        err_set(err, ERR_CONFIG, "store \"%s\": a dir store needs a path", name);
        return NULL;
    }
    return new_handle(name, path);
}
