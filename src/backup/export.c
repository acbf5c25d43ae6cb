#define _GNU_SOURCE /* mkostemp */
#include "backup/export.h"

#include "base/file.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where the bytes go; its descriptor is the caller's. */
struct target {
    int fd;
    const char *name; /* for errors */
};

static int write_fd(void *context, const void *data, size_t size, struct err *err)
{
    const struct target *target = context;
    if (file_write_all(target->fd, data, size) == 0)
        return 0;
    /* Whoever reads it may be content; a backup that was cut must not look like a whole one. */
    if (errno == EPIPE)
        return err_set(err, ERR_SYSTEM,
                       "%s was closed by its reader: the backup was not written to its end",
                       target->name);
    return err_errno(err, ERR_SYSTEM, "writing %s", target->name);
}

/* The copy through its hashes into the target; *store tells which one was read. */
static int run(const struct export_spec *spec, struct target *target, char **store,
               struct err *err)
{
    struct copy_reader_spec from = spec->from;
    struct stream_sink sink = {.write = write_fd, .context = target};
    const struct observer *observer = session_observer(from.session);
    struct meter meter;
    from.purpose = "being fetched";
    struct copy_reader *retrieve = copy_reader_open(&from, err);
    if (retrieve == NULL)
        return -1;
    /* Of stored bytes there is no estimate in the unit that progress counts. */
    meter_init(&meter, spec->form == COPY_READER_DECODED ? from.artifact->raw_bytes : 0);
    observer_artifact(observer, from.artifact, &meter);
    observer_phase(observer, "read");
    int result = copy_reader_run(retrieve, spec->form, sink, &meter, err);
    observer_artifact_end(observer);
    if (result == 0 && store)
        *store = memory_strdup(copy_reader_copy(retrieve)->store);
    copy_reader_close(retrieve);
    return result;
}

static int refuse_existing(const char *path, struct err *err)
{
    err_set(err, ERR_USAGE, "%s exists already", path);
    return err_hint(err, "--force replaces it");
}

/* Under its final name only now. A link fails where a file is, so that without force nothing is
 * replaced, not even what came while we were reading; not every filesystem has links. */
static int publish(const char *temp, const struct export_spec *spec, struct err *err)
{
    if (!spec->force && link(temp, spec->output) == 0)
        return unlink(temp) == 0 ? file_sync_folder_of(spec->output, err)
                                 : err_errno(err, ERR_SYSTEM, "%s", temp);
    if (!spec->force && file_exists(spec->output))
        return refuse_existing(spec->output, err);
    if (rename(temp, spec->output) < 0)
        return err_errno(err, ERR_SYSTEM, "%s", spec->output);
    return file_sync_folder_of(spec->output, err);
}

/* Into a file beside the final one, on the same filesystem: half a backup never has its name. */
static int run_file(const struct export_spec *spec, char **store, struct err *err)
{
    char *temp = memory_format("%s.XXXXXX", spec->output);
    struct target target = {.fd = mkostemp(temp, O_CLOEXEC), .name = spec->output};
    int result = -1;
    if (target.fd < 0) {
        err_errno(err, ERR_SYSTEM, "%s", spec->output);
        free(temp);
        return -1;
    }
    result = run(spec, &target, store, err);
    /* On the disk before it gets its name, else a crash could leave the name without data. */
    if (result == 0 && fsync(target.fd) < 0)
        result = err_errno(err, ERR_SYSTEM, "%s", spec->output);
    if (close(target.fd) < 0 && result == 0)
        result = err_errno(err, ERR_SYSTEM, "%s", spec->output);
    if (result == 0)
        result = publish(temp, spec, err);
    if (result < 0)
        (void)unlink(temp);
    free(temp);
    return result;
}

/* What is there already: said before hours of download, not after them. *special: a pipe,
 * /dev/null, a device; there is nothing to rename to. A disk holds something, as a file
 * does. */
static int check_output(const struct export_spec *spec, bool *special, struct err *err)
{
    struct stat info;
    *special = false;
    if (stat(spec->output, &info) < 0)
        return 0;
    if (S_ISDIR(info.st_mode))
        return err_set(err, ERR_USAGE, "%s is a folder", spec->output);
    if (!spec->force && (S_ISREG(info.st_mode) || S_ISBLK(info.st_mode)))
        return refuse_existing(spec->output, err);
    *special = !S_ISREG(info.st_mode);
    return 0;
}

/* Straight into it: nothing can be renamed over a device. */
static int run_special(const struct export_spec *spec, char **store, struct err *err)
{
    struct target target = {.fd = open(spec->output, O_WRONLY | O_CLOEXEC),
                            .name = spec->output};
    if (target.fd < 0)
        return err_errno(err, ERR_SYSTEM, "%s", spec->output);
    int result = run(spec, &target, store, err);
    /* A disk tells of failed writes only here; pipes and terminals have nothing to sync. */
    if (result == 0 && file_sync_folder(target.fd) < 0 && errno != EROFS)
        result = err_errno(err, ERR_SYSTEM, "%s", spec->output);
    file_close(&target.fd);
    return result;
}

int export_run(const struct export_spec *spec, char **store, struct err *err)
{
    struct target target = {.fd = spec->fd, .name = "the output"};
    bool special = false;
    if (spec->output == NULL)
        return run(spec, &target, store, err);
    if (check_output(spec, &special, err) < 0)
        return -1;
    return special ? run_special(spec, store, err) : run_file(spec, store, err);
}
