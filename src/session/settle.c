/* A row alone cannot tell that its process died; the process's number, boot and start can, and of a
 * process elsewhere the lock that it held. */
#include "session/settle.h"

#include "base/log.h"
#include "session/lock.h"

#include <signal.h>
#include <sys/pidfd.h>
#include <unistd.h>

/* Which lock a run of this kind of a job holds while it is under way. False: none. */
static bool lock_of(const struct catalog_run *run, enum lock_kind *kind)
{
    static const struct {
        const char *kind;
        enum lock_kind lock;
    } rows[] = {{"backup", LOCK_JOB}, {"verify", LOCK_CHECK}, {"drill", LOCK_CHECK}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (strcmp(run->kind, rows[i].kind) != 0)
            continue;
        *kind = rows[i].lock;
        /* Ad hoc ones are named by their source, which the row does not say. */
        return run->job != NULL && strcmp(run->job, SETTINGS_ADHOC) != 0;
    }
    return false;
}

/* Is anybody at it? Of a process elsewhere its lock tells, which the kernel takes from the dead. */
static bool is_gone(const struct settings *settings, const struct catalog_run *run)
{
    enum lock_kind kind;
    if (run->owner_state != OWNER_UNKNOWN)
        return run->owner_state == OWNER_DEAD;
    if (!lock_of(run, &kind))
        return false;
    const struct lock_spec spec = {
        .catalog = settings->catalog, .kind = kind, .name = run->job, .command = "serve"};
    /* Taken and given back at once. A run that begins at this very moment would find it held; but
     * then the run that is asked about was gone, and the next due time comes. */
    struct err held = {0};
    struct lock *lock = lock_take(&spec, &held);
    lock_release(lock);
    return lock != NULL;
}

int settle_runs(const struct settings *settings, struct catalog *catalog, struct err *err)
{
    const struct catalog_run_filter running = {.states =
                                                   CATALOG_RUN_BIT(CATALOG_RUN_RUNNING)};
    struct catalog_runs runs = {0};
    int result = catalog_runs_list(catalog, &running, &runs, err);
    for (size_t i = 0; result == 0 && i < runs.count; i++) {
        const struct catalog_run *run = &runs.items[i];
        /* Told as a shell tells of kill -9; who was asked to end has ended, however. */
        if (!is_gone(settings, run))
            continue;
        result = catalog_run_settle(
            catalog, run->id, run->cancel != 0 ? 143 : 137,
            run->cancel != 0 ? "cancelled" : "its process was killed", err);
        if (result == 0)
            log_warning("run %lld (%s%s%s): its process is gone", (long long)run->id,
                        run->kind, run->job != NULL ? " " : "",
                        run->job != NULL ? run->job : "");
    }
    catalog_runs_release(&runs);
    return result;
}

bool settle_signal(const struct catalog_run *run)
{
    struct owner owner;
    if (run->owner == NULL || owner_parse(run->owner, &owner) < 0)
        return false;
    /* The descriptor first: what it names cannot become another process while it is checked. */
    int fd = pidfd_open((pid_t)owner.pid, 0);
    if (fd < 0)
        return false;
    bool sent = owner_state(&owner) == OWNER_ALIVE && owner.pid != getpid() &&
                pidfd_send_signal(fd, SIGTERM, NULL, 0) == 0;
    close(fd);
    return sent;
}
