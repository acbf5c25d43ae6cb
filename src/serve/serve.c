/*
 * One thread, one poll: signals, the clock, children. Whatever wakes it, the answer is the same - one
 * look at everything (serve/round.h) - so no event needs a way of its own, and one that was missed
 * is made good by the next.
 */
#define _GNU_SOURCE /* signalfd, TFD_TIMER_CANCEL_ON_SET */
#include "serve/serve.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "config/include.h"
#include "notify/tell.h"
#include "report/jobs.h"
#include "serve/children.h"
#include "serve/round.h"
#include "serve/systemd.h"
#include "serve/teller.h"
#include "session/settle.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum {
    FOREIGN_MS = 2000, /* how often runs are looked at whose end nobody tells */
    SETTLE_MS = 500, /* so long a changed configuration must rest: an editor may be at it */
    TROUBLE_MS = 30000, /* a catalog that does not answer is asked again */
    ASKED_MS = 3000,    /* runs that were asked to end get a signal after this … */
    STOP_MS = 20000     /* … and are waited for so long in all */
};

struct serve {
    struct session *session;
    const struct config_args *args;
    struct settings own; /* read again; else empty */
    const struct settings *settings;
    struct children *children;
    struct teller teller;
    struct round round;
    size_t under_way, waiting;
    int signals, timer;
    int files; /* inotify; readable when something in the configuration's folders changed */
    uint64_t
        stamp; /* of the configuration as it was read, or tried to be (include_stamp) */
    uint64_t
        seen; /* another one that was seen: read when it is still the same SETTLE_MS later */
    int64_t seen_ms; /* monotonic */
    int wake;        /* -1: nobody wakes us */
    int64_t
        look_ms; /* monotonic: when to look though nothing was heard; INT64_MAX: never */
    int64_t watchdog_ms;
    bool stopping, cancelled, signalled;
    int64_t stop_ms; /* monotonic: when the next step of stopping is due */
};

static void fill_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGHUP);
}

int serve_block_signals(struct err *err)
{
    sigset_t set;
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    fill_signals(&set);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0 || sigaction(SIGPIPE, &ignore, NULL) < 0)
        return err_errno(err, ERR_SYSTEM, "cannot set signals up");
    return 0;
}

/* ---- the clock ---- */

/* Readable at a point of the wall clock, also when the machine slept meanwhile; and as soon as the
 * clock is set. */
static int arm(const struct serve *serve, int64_t at)
{
    struct itimerspec when = {.it_value = {.tv_sec = (time_t)at}};
    if (at <= 0 || at == INT64_MAX)
        when.it_value.tv_sec = INT32_MAX; /* in 2038, or when the clock is set */
    if (timerfd_settime(serve->timer, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &when,
                        NULL) == 0 ||
        errno == ECANCELED)
        return 0;
    return -1;
}

/* ---- the configuration ---- */

/* Its folders, so that a change is heard of without asking for it. Where that cannot be had, a change
 * is seen by the next look. */
static void watch_files(struct serve *serve)
{
    struct strlist folders = {0};
    (void)include_stamp(serve->settings, &folders);
    for (size_t i = 0; serve->files >= 0 && i < folders.count; i++) {
        const char *folder = *folders.items[i] != '\0' ? folders.items[i] : ".";
        if (inotify_add_watch(serve->files, folder,
                              IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE) < 0)
            log_debug("cannot watch %s for changes", folder);
    }
    strlist_release(&folders);
}

static void reload(struct serve *serve)
{
    /* Into settings of their own: until all of it is good, nothing has changed. */
    struct settings fresh;
    struct err err = {0};
    /* Before it is read: what changes meanwhile is another change. A bad file is tried once. */
    serve->stamp = serve->seen = include_stamp(serve->settings, NULL);
    systemd_notify("RELOADING=1\nMONOTONIC_USEC=%lld",
                   (long long)clock_monotonic_ms() * 1000);
    if (settings_load(&fresh, serve->args, &err) < 0) {
        err_context(&err, "the configuration stays as it was");
        log_err(&err);
        settings_release(&fresh);
    } else if (strcmp(fresh.catalog, session_settings(serve->session)->catalog) != 0) {
        log_error("the configuration stays as it was: another catalog needs a new start");
        settings_release(&fresh);
    } else {
        /* Children have read theirs already; nobody else holds on to these. */
        settings_release(&serve->own);
        serve->own = fresh;
        serve->settings = &serve->own;
        serve->teller.next = 0;
        log_info("read the configuration again: %zu jobs", fresh.job_count);
        watch_files(serve);
    }
    systemd_notify("READY=1");
}

/* Reads it again when it has changed. True: it is changing at this very moment, and nothing should
 * begin by either of both. */
static bool is_changing(struct serve *serve)
{
    uint64_t stamp = include_stamp(serve->settings, NULL);
    if (stamp == serve->stamp)
        return false;
    int64_t now_ms = clock_monotonic_ms();
    if (stamp != serve->seen) {
        serve->seen = stamp;
        serve->seen_ms = now_ms;
    }
    if (now_ms - serve->seen_ms >= SETTLE_MS) {
        reload(serve);
        return false;
    }
    /* What is due meanwhile is half a second late. */
    serve->look_ms = serve->seen_ms + SETTLE_MS;
    serve->round.next = INT64_MAX;
    return true;
}

/* ---- one look ---- */

static void tell_status(const struct serve *serve)
{
    char next[32];
    int64_t at = serve->round.next;
    systemd_notify("STATUS=%zu running, %zu waiting; next look %s", serve->under_way,
                   serve->waiting,
                   at == INT64_MAX ? "when something happens" : clock_local(next, at));
}

/* Between the steps of a look, too: each may wait half a minute for the catalog. */
static void alive(const struct serve *serve)
{
    if (serve->watchdog_ms > 0)
        systemd_notify("WATCHDOG=1");
}

/* What ended, what is due, what may begin. */
static int look(struct serve *serve, struct err *err)
{
    struct catalog *catalog = session_catalog(serve->session);
    size_t before = serve->under_way;
    serve->look_ms = INT64_MAX;
    serve->waiting = 0;
    if (children_reap(serve->children, catalog, &serve->under_way, err) < 0)
        return -1;
    if (serve->stopping || is_changing(serve))
        return 0;
    bool ended = serve->under_way < before;
    /* Who stops begins nothing more, but still reaps. */
    struct round *round = &serve->round;
    alive(serve);
    if (round_look(serve->settings, catalog, clock_now(), round, err) < 0)
        return -1;
    /* What this look asked for, and what somebody asked for who is not there any more. */
    struct children_wish wish = {.orphans = true};
    wish.mine = round->requested;
    wish.mine_count = round->requested_count;
    alive(serve);
    if (children_launch(serve->children, serve->settings, catalog, &wish, err) < 0 ||
        children_reap(serve->children, catalog, &serve->under_way, err) < 0)
        return -1;
    serve->waiting = wish.waiting;
    /* Runs of others end unheard, and make room for what waits. */
    if (wish.waiting > 0 || wish.foreign > 0)
        serve->look_ms = clock_monotonic_ms() + FOREIGN_MS;
    /* Whoever should know of what has ended is told by another process. */
    alive(serve);
    int64_t next = teller_look(&serve->teller, serve->settings, catalog, ended);
    if (next < round->next)
        round->next = next;
    tell_status(serve);
    return 0;
}

/* ---- signals ---- */

static void begin_to_stop(struct serve *serve, int number)
{
    int64_t grace_ms = serve->settings->stop_grace_s * 1000;
    /* Twice means at once. */
    if (serve->stopping)
        grace_ms = 0;
    serve->stop_ms = clock_monotonic_ms() + (serve->cancelled ? ASKED_MS : grace_ms);
    if (!serve->stopping)
        log_info("%s: nothing more is begun, %zu runs under way",
                 number == SIGINT ? "SIGINT" : "SIGTERM", serve->under_way);
    serve->stopping = true;
    systemd_notify("STOPPING=1\nSTATUS=waiting for %zu runs", serve->under_way);
}

static void take_signals(struct serve *serve)
{
    struct signalfd_siginfo info;
    while (read(serve->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGHUP)
            reload(serve);
        else
            begin_to_stop(serve, (int)info.ssi_signo);
    }
}

/* Step by step, each after its time: asked by their rows, by a signal, left alone. False: nobody is
 * left, or nobody is waited for any more. */
static bool still_stopping(struct serve *serve)
{
    struct catalog *catalog = session_catalog(serve->session);
    if (serve->under_way == 0)
        return false;
    if (clock_monotonic_ms() < serve->stop_ms)
        return true;
    if (serve->signalled) {
        log_warning("%zu runs have not ended; they go on by themselves", serve->under_way);
        return false;
    }
    /* First their rows, which they look at twice a second; who does not hear gets a signal. */
    children_cancel(serve->children, catalog, serve->cancelled);
    serve->signalled = serve->cancelled;
    serve->cancelled = true;
    serve->stop_ms = clock_monotonic_ms() + (serve->signalled ? STOP_MS : ASKED_MS);
    return true;
}

/* ---- the loop ---- */

/* What it was does not matter. */
static void drain_files(const struct serve *serve)
{
    char events[4096];
    while (read(serve->files, events, sizeof events) > 0)
        ;
}

static int wait_ms(const struct serve *serve)
{
    int64_t until = serve->look_ms;
    if (serve->stopping && serve->stop_ms < until)
        until = serve->stop_ms;
    int64_t wait = until == INT64_MAX ? -1 : until - clock_monotonic_ms();
    if (until != INT64_MAX && wait < 0)
        wait = 0;
    if (serve->watchdog_ms > 0 && (wait < 0 || wait > serve->watchdog_ms))
        wait = serve->watchdog_ms;
    return wait > INT32_MAX ? INT32_MAX : (int)wait;
}

static int loop(struct serve *serve, struct err *err)
{
    bool due = true;
    for (;;) {
        struct err why = {0};
        if (due && look(serve, &why) < 0) {
            if (why.kind == ERR_CORRUPT) {
                *err = why;
                return -1;
            }
            /* A catalog that is held, or a disk that is full: later. */
            log_err(&why);
            serve->look_ms = clock_monotonic_ms() + TROUBLE_MS;
            serve->round.next = INT64_MAX;
        }
        alive(serve);
        if (serve->stopping && !still_stopping(serve))
            return 0;
        if (arm(serve, serve->round.next) < 0)
            return err_errno(err, ERR_SYSTEM, "cannot set a timer");
        /* Idle, only these and the watchdog end the sleep. */
        struct pollfd fds[] = {{.fd = serve->signals, .events = POLLIN},
                               {.fd = serve->timer, .events = POLLIN},
                               {.fd = children_fd(serve->children), .events = POLLIN},
                               {.fd = serve->files, .events = POLLIN},
                               {.fd = serve->wake, .events = POLLIN},
                               {.fd = teller_fd(&serve->teller), .events = POLLIN}};
        int ready = poll(fds, sizeof fds / sizeof *fds, wait_ms(serve));
        if (ready < 0 && errno != EINTR)
            return err_errno(err, ERR_SYSTEM, "cannot wait");
        alive(serve);
        uint64_t ignored;
        /* It expired, the clock was set, or a run was asked for: all are a reason to look. */
        ssize_t size = read(serve->timer, &ignored, sizeof ignored);
        if (fds[4].revents != 0)
            size = read(serve->wake, &ignored, sizeof ignored);
        /* Not every look comes as far as the teller: what stayed readable would end each wait. */
        if (fds[5].revents != 0)
            size = read(fds[5].fd, &ignored, sizeof ignored);
        (void)size;
        if (fds[0].revents != 0)
            take_signals(serve);
        /* Of any file in those folders: it is the stamp that tells whether it is ours. */
        if (fds[3].revents != 0) {
            drain_files(serve);
            ready = fds[0].revents == 0 && fds[1].revents == 0 && fds[2].revents == 0 &&
                            fds[4].revents == 0 && fds[5].revents == 0 &&
                            include_stamp(serve->settings, NULL) == serve->stamp
                        ? 0
                        : ready;
        }
        /* By the clock, not by how long the wait was: waking for a sign of life alone is no
         * reason, and must not lose one. */
        due = ready > 0 || clock_monotonic_ms() >= serve->look_ms || serve->stopping;
    }
}

int serve_run(struct session *session, const struct config_args *args, int wake,
              struct err *err)
{
    struct serve serve = {.session = session,
                          .args = args,
                          .settings = session_settings(session),
                          .signals = -1,
                          .files = inotify_init1(IN_CLOEXEC | IN_NONBLOCK),
                          .wake = wake,
                          .look_ms = INT64_MAX,
                          .watchdog_ms = systemd_watchdog_ms()};
    sigset_t set;
    int result = -1;
    fill_signals(&set);
    serve.children = children_new(false, err);
    serve.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    serve.timer = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (serve.children != NULL && (serve.signals < 0 || serve.timer < 0))
        err_errno(err, ERR_SYSTEM, "cannot make descriptors");
    else if (serve.children != NULL) {
        log_info("serving %zu jobs of %s", serve.settings->job_count,
                 serve.settings->catalog);
        systemd_notify("READY=1");
        serve.stamp = serve.seen = include_stamp(serve.settings, NULL);
        watch_files(&serve);
        result = loop(&serve, err);
    }
    if (serve.children != NULL)
        teller_release(&serve.teller, serve.settings, session_catalog(session));
    /* What goes on by itself is not waited for: its thread ends with us. */
    if (serve.under_way == 0)
        children_free(serve.children);
    round_release(&serve.round);
    file_close(&serve.signals);
    file_close(&serve.timer);
    file_close(&serve.files);
    settings_release(&serve.own);
    return result;
}

/* ---- one round ---- */

static void add_run(struct serve_once *once, int64_t run)
{
    int64_t *last = memory_append(&once->runs, &once->count, &once->capacity, sizeof *last);
    *last = run;
}

static int request_jobs(struct session *session, const struct strlist *jobs,
                        struct serve_once *once, struct err *err)
{
    /* As serve would ask for them, but by hand: no retry, and no waiting for room. */
    char kind[] = "backup";
    for (size_t i = 0; i < jobs->count; i++) {
        struct catalog_run wish = {
            .kind = kind, .job = jobs->items[i], .cause = CATALOG_RUN_BY_CLI};
        int64_t id = 0;
        if (catalog_run_request(session_catalog(session), &wish, &id, err) < 0)
            return -1;
        add_run(once, id);
    }
    return 0;
}

/* What others asked for who were killed before they began it. */
static int adopt(struct catalog *catalog, struct serve_once *once, struct err *err)
{
    const struct catalog_run_filter pending = {.states =
                                                   CATALOG_RUN_BIT(CATALOG_RUN_PENDING)};
    enum jobs_kind kind;
    struct catalog_runs runs = {0};
    int result = catalog_runs_list(catalog, &pending, &runs, err);
    for (size_t i = 0; result == 0 && i < runs.count; i++) {
        const struct catalog_run *run = &runs.items[i];
        bool known = run->owner_state != OWNER_DEAD || !jobs_kind_find(run->kind, &kind);
        for (size_t j = 0; j < once->count && !known; j++)
            known = once->runs[j] == run->id;
        if (!known)
            add_run(once, run->id);
    }
    catalog_runs_release(&runs);
    return result;
}

static int request_due(struct session *session, struct serve_once *once, struct err *err)
{
    /* What another round asked for at this moment is that one's to run. */
    struct round round = {0};
    int result = round_look(session_settings(session), session_catalog(session),
                            clock_now(), &round, err);
    for (size_t i = 0; result == 0 && i < round.requested_count; i++)
        add_run(once, round.requested[i]);
    round_release(&round);
    return result == 0 ? adopt(session_catalog(session), once, err) : -1;
}

int serve_once(struct session *session, struct serve_once *once, struct err *err)
{
    struct catalog *catalog = session_catalog(session);
    const struct settings *settings = session_settings(session);
    struct children *children = children_new(once->results, err);
    size_t under_way = 0;
    bool asked = false;
    if (children == NULL)
        return -1;
    int result = once->jobs != NULL ? request_jobs(session, once->jobs, once, err)
                                    : request_due(session, once, err);
    while (result == 0) {
        struct children_wish wish = {.mine = once->runs, .mine_count = once->count};
        bool cancelled = cancel_requested(session_cancel(session));
        /* Who ends us ends what we began; what has not begun never does. */
        if (cancelled && !asked) {
            enum catalog_run_state state;
            for (size_t i = 0; i < once->count; i++) {
                struct err ignored = {0};
                if (catalog_run_cancel(catalog, once->runs[i], &state, &ignored) < 0)
                    log_err(&ignored);
            }
            children_cancel(children, catalog, true);
            asked = true;
        }
        if (!cancelled)
            result = children_launch(children, settings, catalog, &wish, err);
        /* A run of ours that another process took: its end is waited for, and written when that
         * process dies. */
        if (result == 0 && wish.taken > 0)
            result = settle_runs(settings, catalog, err);
        size_t waiting = wish.waiting + wish.taken;
        if (result == 0)
            result = children_reap(children, catalog, &under_way, err);
        if (result < 0 || (under_way == 0 && (waiting == 0 || cancelled)))
            break;
        /* The end of a child, a cancel; runs of others end unheard. */
        struct pollfd fds[2] = {
            {.fd = children_fd(children), .events = POLLIN},
            {.fd = cancelled ? -1 : cancel_fd(session_cancel(session)), .events = POLLIN}};
        poll(fds, 2, waiting > 0 ? FOREIGN_MS : -1);
    }
    children_free(children);
    return result;
}
