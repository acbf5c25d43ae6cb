/*
 * Signals are blocked everywhere and taken by one thread with sigwait, so no code of ours
 * runs in a signal handler and nothing has to be async-signal-safe.
 *
 * Each node has a timer descriptor that serves both ends: it is armed with the deadline, and
 * a trip lets it expire at once. Nobody reads it, so it stays readable for all who poll.
 * A node inherits the earlier deadline of its parent when it is made; so asking is one look
 * at the node itself and never a walk.
 */
#include "base/cancel.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { SAME_MS = 300 }; /* a signal so soon after the first is the same one */

struct cancel {
    _Atomic enum cancel_reason reason;
    int fd;
    /* Constant after cancel_new: monotonic ms, 0 none; and how long that was then. */
    int64_t deadline_ms, limit_ms;
    /* Guarded by tree_lock: */
    struct cancel *parent, *first_child, *next_sibling;
};

static pthread_mutex_t tree_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t root_once = PTHREAD_ONCE_INIT;
static struct cancel root = {.fd = -1};

/* On first use and not at start: programs of tests have no main of ours. */
static void make_root(void)
{
    root.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
}

struct cancel *cancel_root(void)
{
    (void)pthread_once(&root_once, make_root);
    return &root;
}

/* NULL is the root everywhere, so that code that runs outside of any run can be cancelled, too. */
static const struct cancel *node_of(const struct cancel *cancel)
{
    return cancel != NULL ? cancel : cancel_root();
}

/* Lets the descriptor become readable at this point of the monotonic clock. A point that has
 * passed is at once; zero would disarm it. */
static void arm(const struct cancel *cancel, int64_t at_ms)
{
    struct itimerspec when = {.it_value = {.tv_sec = (time_t)(at_ms / 1000),
                                           .tv_nsec = (long)(at_ms % 1000) * 1000000 + 1}};
    if (cancel->fd >= 0)
        (void)timerfd_settime(cancel->fd, TFD_TIMER_ABSTIME, &when, NULL);
}

/* Whoever was tripped before keeps its reason, and so does everything below it. */
static bool trip_all(struct cancel *cancel, enum cancel_reason reason)
{
    enum cancel_reason none = CANCEL_NONE;
    if (!atomic_compare_exchange_strong(&cancel->reason, &none, reason))
        return false;
    /* Downwards only: what ends a run does not end its parent. */
    arm(cancel, 0);
    for (struct cancel *child = cancel->first_child; child != NULL;
         child = child->next_sibling)
        (void)trip_all(child, reason);
    return true;
}

void cancel_trip(struct cancel *cancel, enum cancel_reason reason)
{
    assert(reason != CANCEL_NONE);
    pthread_mutex_lock(&tree_lock);
    (void)trip_all(cancel != NULL ? cancel : cancel_root(), reason);
    pthread_mutex_unlock(&tree_lock);
}

struct cancel *cancel_new(struct cancel *parent, int64_t deadline_ms, struct err *err)
{
    struct cancel *cancel = memory_zalloc(sizeof *cancel);
    cancel->parent = parent != NULL ? parent : cancel_root();
    cancel->deadline_ms = deadline_ms;
    cancel->limit_ms = deadline_ms > 0 ? deadline_ms - clock_monotonic_ms() : 0;
    cancel->fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (cancel->fd < 0) {
        err_errno(err, ERR_SYSTEM, "cannot make a cancel descriptor");
        free(cancel);
        return NULL;
    }
    /* The limit of a parent that ends earlier is the one that will be spoken of. */
    if (cancel->parent->deadline_ms > 0 &&
        (deadline_ms == 0 || cancel->parent->deadline_ms < deadline_ms)) {
        cancel->deadline_ms = cancel->parent->deadline_ms;
        cancel->limit_ms = cancel->parent->limit_ms;
    }
    if (cancel->deadline_ms > 0)
        arm(cancel, cancel->deadline_ms);
    /* In the tree under the lock: a parent that is tripped meanwhile either finds the child
     * here, or was seen by it. */
    pthread_mutex_lock(&tree_lock);
    cancel->next_sibling = cancel->parent->first_child;
    cancel->parent->first_child = cancel;
    enum cancel_reason already = atomic_load(&cancel->parent->reason);
    if (already != CANCEL_NONE)
        (void)trip_all(cancel, already);
    pthread_mutex_unlock(&tree_lock);
    return cancel;
}

void cancel_free(struct cancel *cancel)
{
    if (cancel == NULL)
        return;
    /* Children first: theirs would be a parent that is gone. */
    assert(cancel != &root && cancel->first_child == NULL);
    pthread_mutex_lock(&tree_lock);
    struct cancel **link = &cancel->parent->first_child;
    while (*link != cancel)
        link = &(*link)->next_sibling;
    *link = cancel->next_sibling;
    pthread_mutex_unlock(&tree_lock);
    file_close(&cancel->fd);
    free(cancel);
}

enum cancel_reason cancel_reason(const struct cancel *cancel)
{
    const struct cancel *node = node_of(cancel);
    /* Without the lock: this is asked between any two steps of everything. */
    enum cancel_reason reason = atomic_load(&node->reason);
    /* Its descriptor expires by itself; only the word for it has to be found. */
    if (reason == CANCEL_NONE && node->deadline_ms > 0 &&
        clock_monotonic_ms() >= node->deadline_ms)
        return CANCEL_TIME_LIMIT;
    return reason;
}

bool cancel_requested(const struct cancel *cancel)
{
    return cancel_reason(cancel) != CANCEL_NONE;
}

int cancel_fd(const struct cancel *cancel)
{
    return node_of(cancel)->fd;
}

int cancel_check(const struct cancel *cancel, struct err *err)
{
    char limit[32];
    switch (cancel_reason(cancel)) {
    case CANCEL_NONE:
        return 0;
    case CANCEL_SIGINT:
        return err_set(err, ERR_CANCELLED, "interrupted by SIGINT");
    case CANCEL_SIGTERM:
        return err_set(err, ERR_CANCELLED, "interrupted by SIGTERM");
    case CANCEL_SIGHUP:
        return err_set(err, ERR_CANCELLED, "interrupted by SIGHUP");
    case CANCEL_TIME_LIMIT:
        return err_set(err, ERR_CANCELLED, "the time limit of %s is over",
                       text_duration(limit, node_of(cancel)->limit_ms));
    case CANCEL_ASKED:
        break;
    }
    return err_set(err, ERR_CANCELLED, "cancelled");
}

bool cancel_sleep_ms(const struct cancel *cancel, int64_t milliseconds)
{
    /* A poll may end early for a signal of others; the clock decides, not the count. */
    int64_t end = clock_monotonic_ms() + milliseconds;
    struct pollfd fd = {.fd = cancel_fd(cancel), .events = POLLIN};
    for (;;) {
        if (cancel_requested(cancel))
            return false;
        int64_t left = end - clock_monotonic_ms();
        if (left <= 0)
            return true;
        /* Without a descriptor nothing can wake us. */
        int64_t step = fd.fd >= 0 ? 60000 : 50;
        poll(&fd, fd.fd >= 0 ? 1 : 0, (int)(left < step ? left : step));
    }
}

/* ---- signals ---- */

/* Those that somebody ignores on our behalf stay his: nohup means it, and a shell without job
 * control lets SIGINT of the terminal end what runs in front, not what runs beside it. */
static void fill_signals(sigset_t *set)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    sigemptyset(set);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct sigaction before;
        if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler == SIG_IGN)
            continue;
        sigaddset(set, numbers[i]);
    }
}

/* Said only when nobody has to wait for it: whoever writes to the same pipe that nobody reads
 * holds the log. */
static void say_that_we_leave(void)
{
    struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (poll(&out, 1, 0) == 1 && (out.revents & POLLOUT) != 0)
        log_warning("clean-up takes too long: what is left is for the next run or "
                    "`pgkeep sweep`");
}

static void *wait_for_signals(void *argument)
{
    const sigset_t *set = argument;
    int number = 0;
    while (sigwait(set, &number) != 0)
        continue;
    /* Told by its name: whoever lost a terminal looks for another cause than a service manager. */
    cancel_trip(NULL, number == SIGINT   ? CANCEL_SIGINT
                      : number == SIGHUP ? CANCEL_SIGHUP
                                         : CANCEL_SIGTERM);

    /* A second one means at once; nobody else can end a process whose threads wait for a disk, a
     * server or a service that does not answer. pg_dump goes with us (process.h). But timeout(1)
     * sends the first one twice, to its child and to the child's group. */
    int status = 128 + (cancel_reason(NULL) == CANCEL_SIGINT ? SIGINT : SIGTERM);
    int64_t begin = clock_monotonic_ms(), end = begin + CANCEL_END_MS;
    for (int64_t left; (left = end - clock_monotonic_ms()) > 0;) {
        struct timespec wait = {.tv_sec = (time_t)(left / 1000),
                                .tv_nsec = (long)(left % 1000) * 1000000};
        if (sigtimedwait(set, NULL, &wait) > 0 && clock_monotonic_ms() - begin > SAME_MS)
            _exit(status);
    }
    say_that_we_leave();
    _exit(status);
}

/* Before any other thread: each inherits the mask of the one that starts it. */
int cancel_install(struct err *err)
{
    static sigset_t set; /* outlives the thread that waits for them */
    static const int errors_of_writes[] = {SIGPIPE, SIGXFSZ};
    pthread_t thread = 0;
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    for (size_t i = 0; i < sizeof errors_of_writes / sizeof *errors_of_writes; i++)
        if (sigaction(errors_of_writes[i], &ignore, NULL) < 0)
            return err_errno(err, ERR_SYSTEM, "cannot ignore signal %d",
                             errors_of_writes[i]);
    if (cancel_root()->fd < 0)
        return err_errno(err, ERR_SYSTEM, "cannot make a cancel descriptor");
    fill_signals(&set);
    errno = pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (errno == 0)
        errno = pthread_create(&thread, NULL, wait_for_signals, &set);
    if (errno != 0)
        return err_errno(err, ERR_SYSTEM, "cannot start the signal thread");
    pthread_detach(thread);
    return 0;
}
