/*
 * Signals are blocked everywhere and taken by one thread with sigwait, so no code of ours
 * runs in a signal handler and nothing has to be async-signal-safe.
 */
#include "base/cancel.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

static struct {
    atomic_int signal_number; /* 0: not cancelled */
    atomic_int fd;            /* eventfd plus one, so that zero means "none" */
} state;

int cancel_fd(void)
{
    return atomic_load(&state.fd) - 1;
}

bool cancel_requested(void)
{
    return atomic_load(&state.signal_number) != 0;
}

int cancel_signal(void)
{
    return atomic_load(&state.signal_number);
}

/* The descriptor is never read, so it stays readable for every thread that polls it. */
static bool request(int signal_number)
{
    int none = 0;
    if (!atomic_compare_exchange_strong(&state.signal_number, &none, signal_number))
        return false;
    static const uint64_t one = 1;
    ssize_t ignored = cancel_fd() < 0 ? 0 : write(cancel_fd(), &one, sizeof one);
    (void)ignored;
    return true;
}

void cancel_request(int signal_number)
{
    /* A lost terminal is a wish to end like any other; PRODUCT section 2 knows 130 and 143
     * only. */
    request(signal_number == SIGINT ? SIGINT : SIGTERM);
}

int cancel_check(struct err *err)
{
    if (!cancel_requested())
        return 0;
    return err_set(err, ERR_CANCELLED, "interrupted by %s",
                   cancel_signal() == SIGINT ? "SIGINT" : "SIGTERM");
}

static void fill_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGHUP);
}

static void *wait_for_signals(void *unused)
{
    sigset_t set;
    fill_signals(&set);
    for (;;) {
        int signal_number = 0;
        if (sigwait(&set, &signal_number) != 0)
            continue;
        /* Twice means at once: clean-up is left to the next run, which can do it. */
        if (cancel_requested())
            _exit(128 + cancel_signal());
        cancel_request(signal_number);
    }
    return unused;
}

int cancel_install(struct err *err)
{
    sigset_t set;
    pthread_t thread = 0;
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    fill_signals(&set);
    if (sigaction(SIGPIPE, &ignore, NULL) < 0)
        return err_errno(err, ERR_SYSTEM, "cannot ignore SIGPIPE");
    int fd = eventfd(cancel_requested() ? 1 : 0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0)
        return err_errno(err, ERR_SYSTEM, "cannot make a cancel descriptor");
    atomic_store(&state.fd, fd + 1);
    errno = pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (errno == 0)
        errno = pthread_create(&thread, NULL, wait_for_signals, NULL);
    if (errno != 0)
        return err_errno(err, ERR_SYSTEM, "cannot start the signal thread");
    pthread_detach(thread);
    return 0;
}
