#define _GNU_SOURCE /* ST_NOEXEC */
#include "tests/support/scratch.h"

#include "base/file.h"
#include "base/memory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static char root[96]; /* "": there is none */
static pid_t maker;

static void fail(const char *what)
{
    fprintf(stderr, "scratch: %s: %s\n", what, strerror(errno));
    abort();
}

/* In memory nothing waits for a disk; but containers often forbid programs there. */
static const char *choose_place(void)
{
    const char *place = getenv("TMPDIR");
    struct statvfs memory;
    if (place != NULL && *place != '\0')
        return place;
    if (access("/dev/shm", W_OK | X_OK) < 0 || statvfs("/dev/shm", &memory) < 0 ||
        (memory.f_flag & ST_NOEXEC) != 0)
        return "/tmp";
    return "/dev/shm";
}

__attribute__((constructor)) static void make_root(void)
{
    const char *place = choose_place();
    maker = getpid();
    snprintf(root, sizeof root, "%s/pgkeep-unit-XXXXXX", place);
    if (mkdtemp(root) == NULL)
        fail(root);
}

/* The children of Check end here too; what is theirs goes with the rest. */
__attribute__((destructor)) static void remove_root(void)
{
    if (getpid() == maker)
        scratch_remove(root);
}

void scratch_folder(char path[SCRATCH_SIZE])
{
    snprintf(path, SCRATCH_SIZE, "%s/XXXXXX", root);
    if (mkdtemp(path) == NULL)
        fail(path);
}

void scratch_write(const char *path, const void *data, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || file_write_all(fd, data, size) < 0)
        fail(path);
    file_close(&fd);
}

void scratch_file(char path[SCRATCH_SIZE], const char *text)
{
    snprintf(path, SCRATCH_SIZE, "%s/XXXXXX", root);
    int fd = mkstemp(path);
    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) || close(fd) < 0)
        fail(path);
}

void scratch_remove(const char *path)
{
    struct stat status;
    if (lstat(path, &status) < 0)
        return;
    if (!S_ISDIR(status.st_mode)) {
        (void)unlink(path);
        return;
    }
    /* A test may have taken its own rights away. */
    (void)chmod(path, 0700);
    DIR *folder = opendir(path);
    for (struct dirent *e = NULL; folder != NULL && (e = readdir(folder)) != NULL;) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        char *below = memory_format("%s/%s", path, e->d_name);
        scratch_remove(below);
        free(below);
    }
    if (folder != NULL)
        (void)closedir(folder);
    (void)rmdir(path);
}
