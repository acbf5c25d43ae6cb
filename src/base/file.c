/*
 * System calls with what all callers would have to add: interrupted calls go on, short reads
 * and writes are made whole, and an error says which path it was.
 */
#include "base/file.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_STEP 65536

int file_read(const char *path, struct text *out, bool *absent, struct err *err)
{
    /* 1: as if something had come, so that the loop begins. */
    char buffer[READ_STEP];
    ssize_t received = 1;
    if (absent != NULL)
        *absent = false;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        if (absent == NULL)
            return err_set(err, ERR_NOT_FOUND, "%s does not exist", path);
        *absent = true;
        return 0;
    }
    if (fd < 0)
        return err_errno(err, ERR_SYSTEM, "cannot open %s", path);
    /* Read to its end and not to the size that stat tells: files of /proc have none, and
     * others may grow. The ceiling of the text bounds it. */
    while (received != 0 && !out->overflowed) {
        received = read(fd, buffer, sizeof buffer);
        if (received > 0)
            text_add_bytes(out, buffer, (size_t)received);
        if (received < 0 && errno != EINTR)
            break;
    }
    if (received < 0)
        err_errno(err, ERR_SYSTEM, "cannot read %s", path);
    file_close(&fd);
    return received < 0 ? -1 : text_check(out, path, err);
}

/* Network and FUSE file systems answer with one of these where they have nothing to write: the
 * name is as safe as it gets there. */
int file_sync_folder(int fd)
{
    if (fsync(fd) == 0 || errno == EINVAL || errno == ENOTSUP || errno == ENOSYS)
        return 0;
    return -1;
}

/* A name lies in its folder: without this a file may be on disk and not be found after a power
 * failure. */
int file_sync_folder_of(const char *path, struct err *err)
{
    char *folder = file_folder(path);
    int result = 0;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        result = err_errno(err, ERR_SYSTEM, "cannot open folder %s", folder);
    else if (file_sync_folder(fd) < 0)
        result = err_errno(err, ERR_SYSTEM, "cannot write folder %s to disk", folder);
    file_close(&fd);
    free(folder);
    return result;
}

/* For us alone: what is made on the way to a store or a catalog is nobody else's business. */
static int make_one(const char *path, struct err *err)
{
    struct stat status;
    if (mkdir(path, 0700) == 0)
        return 0;
    /* It may exist, and it may be a folder that we could not make here (a read-only parent):
     * both are good. */
    int reason = errno;
    if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
        return 0;
    /* Something is there, and it is no folder: EEXIST alone would not say so. */
    errno = reason == EEXIST ? ENOTDIR : reason;
    return err_errno(err, ERR_SYSTEM, "cannot make folder %s", path);
}

int file_make_folders(const char *path, struct err *err)
{
    /* Cut at one slash after the other, from the left; slashes in a row are one. */
    char *partial = memory_strdup(path);
    int result = 0;
    for (char *p = partial; result == 0 && *p != '\0'; p++) {
        if (*p != '/' || p == partial || p[-1] == '/')
            continue;
        *p = '\0';
        result = make_one(partial, err);
        *p = '/';
    }
    if (result == 0)
        result = make_one(partial, err);
    free(partial);
    return result;
}

/* The folder that a file is to lie in. */
int file_make_folders_of(const char *path, struct err *err)
{
    char *folder = file_folder(path);
    int result = file_make_folders(folder, err);
    free(folder);
    return result;
}

/* Pipes and full disks take what they can; only the whole is done. */
int file_write_all(int fd, const void *data, size_t size)
{
    const char *p = data;
    while (size > 0) {
        ssize_t written = write(fd, p, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -1;
        p += written;
        size -= (size_t)written;
    }
    return 0;
}

ssize_t file_read_all(int fd, void *data, size_t size)
{
    char *p = data;
    size_t done = 0;
    while (done < size) {
        ssize_t received = read(fd, p + done, size - done);
        if (received < 0 && errno == EINTR)
            continue;
        if (received < 0)
            return -1;
        /* Shorter than asked for is an answer: the caller compares. */
        if (received == 0)
            break;
        done += (size_t)received;
    }
    return (ssize_t)done;
}

/* Written beside it, then renamed over it: who reads finds the old one or the new one. */
int file_replace(const char *path, const struct file_content *content, struct err *err)
{
    /* A name of this process: two that write at once do not mix. One of ours that died is written
     * over; O_NOFOLLOW and the rights of the folder keep others out. */
    char *temp = memory_format("%s.%lld", path, (long long)getpid());
    int result = -1;
    int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        err_errno(err, ERR_SYSTEM, "cannot write %s", temp);
    /* Its bytes before its name, or a power failure could leave an empty file under it. */
    else if (fchmod(fd, content->mode) < 0 ||
             file_write_all(fd, content->data, content->size) < 0 ||
             (content->durable && fsync(fd) < 0) || rename(temp, path) < 0)
        err_errno(err, ERR_SYSTEM, "cannot write %s", path);
    else
        result = content->durable ? file_sync_folder_of(path, err) : 0;
    if (fd >= 0 && result < 0)
        (void)unlink(temp);
    file_close(&fd);
    free(temp);
    return result;
}

/* Whether there is something to look at; what may be done with it only the attempt can tell. */
bool file_exists(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0;
}

/* As dirname(3), which may write into its argument. */
char *file_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        return memory_strdup(".");
    return slash == path ? memory_strdup("/")
                         : memory_strndup(path, (size_t)(slash - path));
}

/* An empty folder is none: the name stays relative, or absolute, as it is. */
char *file_join(const char *folder, const char *name)
{
    bool slash = folder[0] == '\0' || text_ends_with(folder, "/");
    return memory_format("%s%s%s", folder, slash ? "" : "/", name);
}

/* For what is remembered: a later run may begin elsewhere. */
char *file_absolute(const char *path, struct err *err)
{
    char folder[PATH_MAX];
    if (*path == '/')
        return memory_strdup(path);
    if (getcwd(folder, sizeof folder) != NULL)
        return file_join(folder, path);
    err_errno(err, ERR_SYSTEM, "current folder");
    return NULL;
}

void file_close(int *fd)
{
    /* Called on the way out of failures, whose errno is still to be told. */
    int reason = errno;
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
    errno = reason;
}

char *file_own_program(struct err *err)
{
    char path[PATH_MAX] = "";
    if (readlink("/proc/self/exe", path, sizeof path - 1) <= 0) {
        err_errno(err, ERR_SYSTEM, "cannot find our own program");
        return NULL;
    }
    /* The kernel says so of a file that was replaced while we run. */
    char *gone = strstr(path, " (deleted)");
    if (gone != NULL)
        *gone = '\0';
    return memory_strdup(path);
}

char *file_find_program(const char *name)
{
    const char *path = getenv("PATH");
    /* As for execvp and every shell. */
    if (strchr(name, '/') != NULL)
        return access(name, X_OK) == 0 ? memory_strdup(name) : NULL;
    while (path != NULL && *path != '\0') {
        size_t length = strcspn(path, ":");
        char *folder = memory_strndup(path, length);
        char *candidate = file_join(length > 0 ? folder : ".", name);
        free(folder);
        if (access(candidate, X_OK) == 0)
            return candidate;
        free(candidate);
        path += length + (path[length] == ':' ? 1 : 0);
    }
    return NULL;
}
