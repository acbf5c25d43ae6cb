/*
 * flock and not fcntl locks: those are lost as soon as the process closes any descriptor of
 * the file, and two threads of one process would both get them.
 */
#define _DEFAULT_SOURCE /* flock */
#include "session/lock.h"

#include "repository/keys.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

enum { HOLDER_CEILING = 4096 };

struct lock {
    int fd;
};

static char *lock_path(const struct lock_spec *spec)
{
    struct text path;
    text_init(&path, SIZE_MAX / 2);
    text_add(&path, spec->catalog);
    /* Beside the catalog, since that is what two runs would quarrel about. Names of jobs
     * may hold what a path may not: encoded as in keys. */
    if (spec->kind == LOCK_JOB || spec->kind == LOCK_CHECK) {
        text_add(&path, spec->kind == LOCK_JOB ? ".job-" : ".check-");
        keys_add_name(&path, spec->name);
    }
    text_add(&path, spec->kind == LOCK_SERVE ? ".serve.lock" : ".lock");
    return text_finish(&path);
}

/* One line: pid, since, command, with tabs between. */
static int write_holder(int fd, const char *path, const char *command, struct err *err)
{
    char since[32];
    clock_local(since, clock_now());
    char *line = memory_format("%lld\t%s\t%s\n", (long long)getpid(), since, command);
    int result = ftruncate(fd, 0);
    if (result == 0)
        result = file_write_all(fd, line, strlen(line));
    free(line);
    return result == 0 ? 0 : err_errno(err, ERR_SYSTEM, "cannot write %s", path);
}

/* The holder writes its line a moment after it has the lock: without one there is less to
 * tell. */
static int busy(int fd, const struct lock_spec *spec, struct err *err)
{
    char line[HOLDER_CEILING + 1];
    /* Through our own descriptor of the same file, from its beginning. */
    ssize_t size = file_read_all(fd, line, HOLDER_CEILING);
    line[size > 0 ? size : 0] = '\0';
    line[strcspn(line, "\n")] = '\0';
    char *since = strchr(line, '\t');
    char *command = since == NULL ? NULL : strchr(since + 1, '\t');
    if (command == NULL) {
        err_set(err, ERR_BUSY, "it is held by another pgkeep");
    } else {
        *since = *command = '\0';
        err_set(err, ERR_BUSY, "it is held by `pgkeep %s` (pid %s) since %s", command + 1,
                line, since + 1);
    }
    if (spec->kind == LOCK_JOB)
        return err_context(err, "job \"%s\" is being backed up already", spec->name);
    if (spec->kind == LOCK_CHECK)
        return err_context(err, "a backup of job \"%s\" is being verified already",
                           spec->name);
    if (spec->kind == LOCK_SERVE)
        return err_context(err, "`pgkeep serve` of %s runs already", spec->catalog);
    return err_context(err, "another command removes backups of %s", spec->catalog);
}

static int lock_file(int fd, const char *path, const struct lock_spec *spec,
                     struct err *err)
{
    int result;
    /* Not waited for: what holds it may take hours, and a cron job comes again. */
    do
        result = flock(fd, LOCK_EX | LOCK_NB);
    while (result < 0 && errno == EINTR);
    if (result == 0)
        return write_holder(fd, path, spec->command, err);
    if (errno == EWOULDBLOCK)
        return busy(fd, spec, err);
    err_errno(err, ERR_SYSTEM, "cannot lock %s", path);
    return err_hint(err, "the catalog has to lie on a file system that has locks");
}

struct lock *lock_take(const struct lock_spec *spec, struct err *err)
{
    char *path = lock_path(spec);
    int fd = -1;
    /* The first backup of all comes before there is a catalog, or its folder. */
    int result = file_make_folders_of(path, err);
    if (result == 0) {
        /* O_NOFOLLOW: who may write beside the catalog could have us make a file
         * elsewhere. */
        fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        result = fd >= 0 ? lock_file(fd, path, spec, err)
                         : err_errno(err, ERR_SYSTEM, "cannot open %s", path);
    }
    free(path);
    if (result < 0) {
        file_close(&fd);
        return NULL;
    }
    struct lock *lock = memory_zalloc(sizeof *lock);
    lock->fd = fd;
    return lock;
}

void lock_release(struct lock *lock)
{
    if (lock == NULL)
        return;
    /* So that nobody reads of a holder that is gone. If it fails, that line is only out of
     * date. */
    int emptied = ftruncate(lock->fd, 0);
    (void)emptied;
    file_close(&lock->fd);
    free(lock);
}
