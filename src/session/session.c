/*
 * What a run is and how it ends. The stores are in session_stores.c, behind the one lock that
 * makes session_repository callable from any thread.
 */
#include "session/session_parts.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "catalog/runs.h"

/* ---- locks ---- */

static int take_lock(struct session *session, enum lock_kind kind, const char *name,
                     struct err *err)
{
    const struct session_spec *spec = &session->spec;
    struct lock_spec lock_spec = {.catalog = spec->settings->catalog,
                                  .kind = kind,
                                  .name = name,
                                  .command = spec->command ? spec->command : spec->kind};
    struct lock *lock = lock_take(&lock_spec, err);
    if (lock == NULL)
        return -1;
    /* Kept in order, to be given back in the other one. */
    memory_grow(&session->locks, &session->lock_capacity, session->lock_count + 1,
                sizeof(struct lock *));
    session->locks[session->lock_count++] = lock;
    return 0;
}

static int take_locks(struct session *session, struct err *err)
{
    const struct session_spec *spec = &session->spec;
    switch (spec->lock) {
    case SESSION_NO_LOCK:
        return 0;
    case SESSION_LOCK_JOB:
        /* What no job stands behind, an ad hoc backup, brings a name of its own. */
        return take_lock(session, LOCK_JOB, spec->lock_name ? spec->lock_name : spec->job,
                         err);
    case SESSION_LOCK_CHECK:
        return take_lock(session, LOCK_CHECK, spec->job, err);
    case SESSION_LOCK_SERVE:
        return take_lock(session, LOCK_SERVE, NULL, err);
    case SESSION_LOCK_REMOVAL:
    case SESSION_LOCK_ALL:
        break;
    }
    /* In one order everywhere, so that two rebuilds cannot hold half of them each. */
    if (take_lock(session, LOCK_REMOVAL, NULL, err) < 0)
        return -1;
    /* A rebuild puts another file in the catalog's place: no backup may write into the
     * old one. */
    for (size_t i = 0; spec->lock == SESSION_LOCK_ALL && i < spec->settings->job_count;
         i++) {
        if (take_lock(session, LOCK_JOB, spec->settings->jobs[i].name, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- begin ---- */

/* A row of its own, or the one that somebody asked for it by; and from then on it is
 * heard who wants it to end. What is said meanwhile belongs to it. */
static int begin_record(struct session *session, struct err *err)
{
    const struct session_spec *spec = &session->spec;
    int begun = spec->run != 0 ? catalog_run_start(session->catalog, spec->run, err)
                               : catalog_run_begin(session->catalog, spec->kind, spec->job,
                                                   &session->run, err);
    if (begun < 0)
        return -1;
    if (spec->run != 0)
        session->run = spec->run;
    log_keep(CATALOG_LOG_MAX);
    session->watch = session_watch_start(session, err);
    if (session->watch != NULL)
        return 0;
    /* Without a thread nobody could end it; it has begun, so it has to end here. */
    struct err ignored = {0};
    if (catalog_run_settle(session->catalog, session->run, 1, err->text, &ignored) < 0)
        log_warning("%s", ignored.text);
    return -1;
}

static int open_catalog(struct session *session, struct err *err)
{
    enum session_catalog mode = session->spec.catalog;
    static const enum catalog_mode modes[] = {[SESSION_READ] = CATALOG_READ,
                                              [SESSION_READ_IF_ANY] = CATALOG_READ,
                                              [SESSION_WRITE] = CATALOG_WRITE,
                                              [SESSION_CREATE] = CATALOG_CREATE};
    const char *path = session->spec.settings->catalog;
    /* Older schemas are brought up to date by this, in whatever mode. */
    session->catalog = catalog_open(path, modes[mode], err);
    if (session->catalog == NULL && err->kind == ERR_NOT_FOUND) {
        if (mode == SESSION_READ_IF_ANY) {
            err_clear(err);
            return 0;
        }
        /* The catalog's own words cannot know of options and commands. */
        err_set(err, ERR_NOT_FOUND, "there is no catalog at %s", path);
        err_hint(err, "--catalog FILE names another; `pgkeep catalog rebuild` makes it "
                      "anew from the stores, with --store URL where none is configured");
    }
    if (session->catalog == NULL)
        return -1;
    /* A wait for another writer ends with this run, and not with the process alone. */
    catalog_set_cancel(session->catalog, session->cancel);
    return 0;
}

static void release(struct session *session)
{
    session_watch_stop(session->watch);
    /* Stores before the catalog and the node: their clients still ask both. */
    session_stores_release(session);
    catalog_close(session->catalog);
    /* Last: whoever waits for the lock finds everything closed. */
    for (size_t i = session->lock_count; i-- > 0;)
        lock_release(session->locks[i]);
    free(session->locks);
    cancel_free(session->cancel);
    free(session->summary);
    free(session);
}

struct session *session_begin(const struct session_spec *spec, struct err *err)
{
    struct session *session = memory_zalloc(sizeof *session);
    int64_t deadline =
        spec->time_limit_ms > 0 ? clock_monotonic_ms() + spec->time_limit_ms : 0;
    session->spec = *spec;
    session_stores_init(session); /* first, so that release may be called at any point */

    /* First of all, so that every wait from here on can be ended. */
    session->cancel = cancel_new(spec->cancel, deadline, err);
    bool begun = session->cancel != NULL;

    /* The catalog before the lock: where there is none, no lock file is left beside it. */
    if (begun && spec->catalog != SESSION_NO_CATALOG)
        begun = open_catalog(session, err) == 0;
    if (begun)
        begun = take_locks(session, err) == 0;

    /* The record only now: who found the lock held did not run. */
    if (begun && spec->recorded)
        begun = begin_record(session, err) == 0;
    /* Nobody is told of it: a run that did not begin has no end either. */
    if (!begun) {
        release(session);
        return NULL;
    }
    observer_begin(spec->observer, spec->kind, spec->job, session->run);
    return session;
}

/* ---- end ---- */

void session_set_summary(struct session *session, const char *summary)
{
    memory_replace(&session->summary, summary);
}

int session_end(struct session *session, enum outcome outcome, const struct err *why)
{
    /* An error that was cleared is none, whatever pointer leads to it. */
    const struct err *told = why != NULL && why->kind != ERR_NONE ? why : NULL;
    int status =
        exit_status_of(outcome, told != NULL ? told->kind : ERR_NONE, session->cancel);
    session_stores_count(session);
    /* The record first: whoever hears of the end may read it. That it cannot be written
     * does not change what became of the run. */
    if (session->run != 0) {
        struct err trouble = {0};
        char *log = log_kept();
        if (log != NULL &&
            catalog_run_set_log(session->catalog, session->run, log, &trouble) < 0)
            log_warning("%s", trouble.text);
        log_keep(0);
        free(log);
        if (catalog_run_end(session->catalog, session->run, status,
                            told != NULL ? told->text : session->summary, &trouble) < 0)
            log_warning("%s", trouble.text);
    }
    /* Still under the lock: what hears of it may look at the catalog before the next
     * run. */
    observer_end(session->spec.observer, status, told);
    release(session);
    return status;
}

/* ---- what it has ---- */

const struct settings *session_settings(const struct session *session)
{
    return session->spec.settings;
}

struct catalog *session_catalog(const struct session *session)
{
    return session->catalog;
}

struct cancel *session_cancel(const struct session *session)
{
    return session->cancel;
}

const struct observer *session_observer(const struct session *session)
{
    return session->spec.observer;
}

int64_t session_run_id(const struct session *session)
{
    return session->run;
}
