/*
 * Thin, so that the surprises of the interface stand in one place: errors come as a return
 * value and not in errno, and a condition waits by the wall clock unless told otherwise.
 */
#include "base/thread.h"

#include <errno.h>
#include <time.h>

int thread_start(pthread_t *thread, void *(*routine)(void *), void *argument,
                 struct err *err)
{
    errno = pthread_create(thread, NULL, routine, argument);
    return errno == 0 ? 0 : err_errno(err, ERR_SYSTEM, "cannot start a thread");
}

void thread_cond_init(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    /* The default is CLOCK_REALTIME, which an administrator or NTP may set at any time. */
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

/* False when the time came; a true may also be for nothing: the caller looks anew. */
bool thread_cond_wait_until(pthread_cond_t *condition, pthread_mutex_t *lock,
                            int64_t until_ms)
{
    struct timespec deadline = {.tv_sec = (time_t)(until_ms / 1000),
                                .tv_nsec = (long)(until_ms % 1000) * 1000000};
    return pthread_cond_timedwait(condition, lock, &deadline) != ETIMEDOUT;
}
