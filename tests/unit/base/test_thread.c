#include "base/clock.h"
#include "base/thread.h"
#include "tests/support/run_suite.h"

#include <check.h>

struct meeting {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool arrived;
};

static void *arrive(void *argument)
{
    struct meeting *meeting = argument;
    pthread_mutex_lock(&meeting->lock);
    meeting->arrived = true;
    pthread_cond_signal(&meeting->changed);
    pthread_mutex_unlock(&meeting->lock);
    return NULL;
}

START_TEST(a_wait_ends_with_the_signal_or_with_the_time)
{
    struct meeting meeting = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct err err = {0};
    pthread_t thread;
    thread_cond_init(&meeting.changed);
    pthread_mutex_lock(&meeting.lock);
    /* A time that has passed, of the clock whose zero is the machine's start. */
    bool in_time = true;
    while (in_time)
        in_time =
            thread_cond_wait_until(&meeting.changed, &meeting.lock, clock_monotonic_ms());
    ck_assert(!meeting.arrived);
    /* Far away: only the signal can end it within the test's own time. */
    ck_assert_int_eq(thread_start(&thread, arrive, &meeting, &err), 0);
    while (!meeting.arrived)
        ck_assert(thread_cond_wait_until(&meeting.changed, &meeting.lock,
                                         clock_monotonic_ms() + 3600000));
    pthread_mutex_unlock(&meeting.lock);
    pthread_join(thread, NULL);
    pthread_cond_destroy(&meeting.changed);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("thread");
    TCase *tcase = tcase_create("thread");
    tcase_add_test(tcase, a_wait_ends_with_the_signal_or_with_the_time);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
