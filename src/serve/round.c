/*
 * First what the dead left open is closed, since a job that looks busy would wait for ever; then, in
 * one transaction, every job is read, decided about and written. Two rounds at one moment are one
 * after the other, and the second finds the pending row of the first.
 */
#include "serve/round.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "catalog/db/schedules.h"
#include "report/jobs.h"
#include "session/lock.h"

#include <errno.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <unistd.h>

void round_release(struct round *round)
{
    free(round->requested);
    *round = (struct round){0};
}

/* ---- what was left open ---- */

/* Is anybody at it? Of a process elsewhere its lock tells, which the kernel takes from the dead. */
static bool is_gone(const struct settings *settings, const struct catalog_run *run)
{
    if (run->owner_state != OWNER_UNKNOWN)
        return run->owner_state == OWNER_DEAD;
    if (run->job == NULL || strcmp(run->kind, "backup") != 0 ||
        strcmp(run->job, SETTINGS_ADHOC) == 0)
        return false;
    const struct lock_spec spec = {.catalog = settings->catalog,
                                   .kind = LOCK_JOB,
                                   .name = run->job,
                                   .command = "serve"};
    /* Taken and given back at once. A backup that begins at this very moment would find it held;
     * but then the run that is asked about was gone, and the next due time comes. */
    struct err held = {0};
    struct lock *lock = lock_take(&spec, &held);
    lock_release(lock);
    return lock != NULL;
}

int round_settle(const struct settings *settings, struct catalog *catalog, struct err *err)
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

/* ---- what is due ---- */

/* A pending row, and a line that says why. */
static int request(struct catalog *catalog, const struct jobs_row *row,
                   const struct due *due, struct round *out, struct err *err)
{
    char kind[] = "backup", time[32];
    bool retry = due->what == DUE_RETRY && row->last != NULL;
    struct catalog_run wish = {.kind = kind,
                               .job = row->settings->name,
                               .cause =
                                   retry ? CATALOG_RUN_BY_RETRY : CATALOG_RUN_BY_SCHEDULE,
                               .due = due->time,
                               .retry = retry ? row->last->retry + 1 : 0};
    int64_t id = 0;
    if (catalog_run_request(catalog, &wish, &id, err) < 0)
        return -1;
    if (retry)
        log_info("job \"%s\": retry %lld of %lld, as run %lld", row->settings->name,
                 (long long)wish.retry, (long long)row->settings->retries, (long long)id);
    else
        log_info("job \"%s\" is due since %s: run %lld", row->settings->name,
                 clock_rfc3339(time, due->time), (long long)id);
    int64_t *last = memory_append(&out->requested, &out->requested_count,
                                  &out->requested_capacity, sizeof *last);
    *last = id;
    return 0;
}

static int look_at(struct catalog *catalog, const struct jobs_row *row, int64_t now,
                   struct round *out, struct err *err)
{
    char time[32];
    /* The decision is pure; all that is left to do here is to write it down. */
    struct due_job known = jobs_due(row);
    struct due due;
    due_decide(&known, now, &due);
    /* One that is off remembers just that: another rule, by which what it misses is nobody's. */
    if (!row->settings->enabled && row->handled == 0)
        due.handled = now;
    if (due.handled != row->handled &&
        catalog_schedule_set(catalog, row->settings->name, row->rule,
                             due.handled - jobs_delay(row), err) < 0)
        return -1;
    if (due.skipped != 0)
        log_warning("job \"%s\": missed at %s, left out (catch_up)", row->settings->name,
                    clock_rfc3339(time, due.skipped));
    if (due.next < out->next)
        out->next = due.next;
    return due.what == DUE_NOTHING ? 0 : request(catalog, row, &due, out, err);
}

int round_look(const struct settings *settings, struct catalog *catalog, int64_t now,
               struct round *out, struct err *err)
{
    struct jobs jobs = {0};
    out->next = INT64_MAX;
    out->requested_count = 0;
    if (round_settle(settings, catalog, err) < 0 || catalog_begin(catalog, err) < 0)
        return -1;
    int result = jobs_load(&jobs, settings, catalog, now, err);
    for (size_t i = 0; result == 0 && i < jobs.count; i++)
        result = look_at(catalog, &jobs.items[i], now, out, err);
    jobs_release(&jobs);
    /* Half a round is none: what was asked for and what is remembered belong together. */
    if (result == 0)
        return catalog_commit(catalog, err);
    catalog_rollback(catalog);
    return -1;
}

/* ---- a signal ---- */

bool round_signal(const struct catalog_run *run)
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
