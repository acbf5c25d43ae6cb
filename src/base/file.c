#include "base/file.h"

#include "base/memory.h"
#include "base/ulid.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_STEP 65536

static int read_into(int fd, struct text *out)
{
    char buffer[READ_STEP];
    for (;;) {
        ssize_t got = read(fd, buffer, sizeof buffer);
        if (got > 0)
            text_add_bytes(out, buffer, (size_t)got);
        if (got == 0 || out->overflowed)
            return 0;
        if (got < 0 && errno != EINTR)
            return -1;
    }
}

int file_read(const char *path, struct text *out, bool *absent, struct err *err)
{
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
    int result = read_into(fd, out);
    if (result < 0)
        err_errno(err, ERR_SYSTEM, "cannot read %s", path);
    file_close(&fd);
    return result < 0 ? -1 : text_check(out, path, err);
}

int file_sync_folder_of(const char *path, struct err *err)
{
    char *folder = file_folder(path);
    int result = 0;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        result = err_errno(err, ERR_SYSTEM, "cannot open folder %s", folder);
    else if (fsync(fd) < 0 &&
             errno != EINVAL) /* EINVAL: the file system knows no such thing */
        result = err_errno(err, ERR_SYSTEM, "cannot write folder %s to disk", folder);
    file_close(&fd);
    free(folder);
    return result;
}

static int write_temporary(const char *path, const void *data, size_t size, struct err *err)
{
    /* O_EXCL: a temp name that exists is somebody else's file, or a link laid there. */
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_errno(err, ERR_SYSTEM, "cannot create %s", path);
    int result = file_write_all(fd, data, size);
    if (result == 0)
        result = fsync(fd);
    if (result < 0)
        err_errno(err, ERR_SYSTEM, "cannot write %s", path);
    /* Some network file systems say only now that something went wrong. */
    if (close(fd) < 0 && result == 0)
        result = err_errno(err, ERR_SYSTEM, "cannot write %s", path);
    return result;
}

int file_write(const char *path, const void *data, size_t size, struct err *err)
{
    unsigned char random[8];
    struct text temporary;
    ulid_random(random, sizeof random);
    text_init(&temporary, SIZE_MAX / 2);
    text_addf(&temporary, "%s.", path);
    text_add_hex(&temporary, random, sizeof random);
    text_add(&temporary, ".part");
    int result = write_temporary(temporary.data, data, size, err);
    if (result == 0 && rename(temporary.data, path) < 0)
        result = err_errno(err, ERR_SYSTEM, "cannot rename %s to %s", temporary.data, path);
    if (result == 0)
        result = file_sync_folder_of(path, err);
    else
        unlink(temporary.data);
    text_release(&temporary);
    return result;
}

static int make_one(const char *path, struct err *err)
{
    struct stat status;
    if (mkdir(path, 0700) == 0)
        return 0;
    int reason = errno;
    if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
        return 0;
    /* Something is there, and it is no folder: EEXIST alone would not say so. */
    errno = reason == EEXIST ? ENOTDIR : reason;
    return err_errno(err, ERR_SYSTEM, "cannot make folder %s", path);
}

int file_make_folders(const char *path, struct err *err)
{
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

int file_make_folders_of(const char *path, struct err *err)
{
    char *folder = file_folder(path);
    int result = file_make_folders(folder, err);
    free(folder);
    return result;
}

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
        ssize_t got = read(fd, p + done, size - done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        done += (size_t)got;
    }
    return (ssize_t)done;
}

bool file_exists(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0;
}

char *file_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        return memory_strdup(".");
    return slash == path ? memory_strdup("/")
                         : memory_strndup(path, (size_t)(slash - path));
}

char *file_join(const char *folder, const char *name)
{
    bool slash = folder[0] == '\0' || text_ends_with(folder, "/");
    return memory_format("%s%s%s", folder, slash ? "" : "/", name);
}

void file_close(int *fd)
{
    int reason = errno;
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
    errno = reason;
}
