/*
 * thread - what takes several calls of POSIX threads and is wanted the same everywhere: a
 * thread that says why it could not start, and a condition that is waited for by the
 * monotonic clock, so that setting the wall clock neither ends a wait nor makes it endless.
 */
#ifndef PGKEEP_BASE_THREAD_H
#define PGKEEP_BASE_THREAD_H

#include "base/err.h"

#include <pthread.h>

/* 0, or -1 and ERR_SYSTEM "cannot start a thread: ...". Join it, or detach it. */
int thread_start(pthread_t *thread, void *(*routine)(void *), void *argument,
                 struct err *err) MUST_USE;
/* End it with pthread_cond_destroy. */
void thread_cond_init(pthread_cond_t *condition);
/* Like pthread_cond_timedwait, until clock_monotonic_ms() is until_ms; the condition must
 * come from thread_cond_init. False when that time came. It may also wake for no reason. */
bool thread_cond_wait_until(pthread_cond_t *condition, pthread_mutex_t *lock,
                            int64_t until_ms);

#endif
