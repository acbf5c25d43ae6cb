#include "base/cancel.h"

#include "base/clock.h"
#include "tests/support/run_suite.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static struct err err;

static bool is_readable(const struct cancel *cancel)
{
    struct pollfd fd = {.fd = cancel_fd(cancel), .events = POLLIN};
    return poll(&fd, 1, 0) == 1;
}

static struct cancel *child_of(struct cancel *parent, int64_t deadline_ms)
{
    struct cancel *cancel = cancel_new(parent, deadline_ms, &err);
    ck_assert_ptr_nonnull(cancel);
    return cancel;
}

START_TEST(a_trip_reaches_everything_below_and_nothing_beside)
{
    struct cancel *run = child_of(NULL, 0), *other = child_of(NULL, 0);
    struct cancel *step = child_of(run, 0);
    cancel_trip(run, CANCEL_ASKED);
    ck_assert_int_eq(cancel_reason(run), CANCEL_ASKED);
    ck_assert_int_eq(cancel_reason(step), CANCEL_ASKED);
    ck_assert(is_readable(run) && is_readable(step));
    ck_assert(!cancel_requested(other) && !is_readable(other));
    ck_assert(!cancel_requested(NULL) && !is_readable(NULL));
    cancel_free(step);
    cancel_free(run);
    cancel_free(other);
}
END_TEST

START_TEST(the_root_is_what_null_means)
{
    struct cancel *run = child_of(NULL, 0);
    cancel_trip(NULL, CANCEL_SIGINT);
    ck_assert_int_eq(cancel_reason(cancel_root()), CANCEL_SIGINT);
    ck_assert_int_eq(cancel_reason(NULL), CANCEL_SIGINT);
    ck_assert_int_eq(cancel_reason(run), CANCEL_SIGINT);
    cancel_free(run);
}
END_TEST

START_TEST(who_comes_into_a_tripped_tree_is_tripped)
{
    struct cancel *run = child_of(NULL, 0);
    cancel_trip(run, CANCEL_SIGTERM);
    struct cancel *late = child_of(run, 0);
    ck_assert_int_eq(cancel_reason(late), CANCEL_SIGTERM);
    ck_assert(is_readable(late));
    cancel_free(late);
    cancel_free(run);
}
END_TEST

START_TEST(the_first_reason_stays)
{
    struct cancel *run = child_of(NULL, 0);
    cancel_trip(run, CANCEL_ASKED);
    cancel_trip(NULL, CANCEL_SIGTERM);
    ck_assert_int_eq(cancel_reason(run), CANCEL_ASKED);
    cancel_free(run);
}
END_TEST

START_TEST(a_deadline_trips_by_itself)
{
    struct cancel *run = child_of(NULL, clock_monotonic_ms() + 20);
    struct pollfd fd = {.fd = cancel_fd(run), .events = POLLIN};
    ck_assert_int_eq(poll(&fd, 1, 60000), 1);
    ck_assert_int_eq(cancel_reason(run), CANCEL_TIME_LIMIT);
    cancel_free(run);
}
END_TEST

START_TEST(a_deadline_that_has_passed_is_at_once)
{
    struct cancel *run = child_of(NULL, 1);
    ck_assert(cancel_requested(run) && is_readable(run));
    cancel_free(run);
}
END_TEST

START_TEST(the_earlier_deadline_of_a_parent_counts)
{
    struct cancel *run = child_of(NULL, 1);
    struct cancel *step = child_of(run, clock_monotonic_ms() + 3600000);
    struct cancel *other = child_of(run, 0);
    ck_assert_int_eq(cancel_reason(step), CANCEL_TIME_LIMIT);
    ck_assert_int_eq(cancel_reason(other), CANCEL_TIME_LIMIT);
    ck_assert(is_readable(step) && is_readable(other));
    cancel_free(other);
    cancel_free(step);
    cancel_free(run);
}
END_TEST

static const struct {
    enum cancel_reason reason;
    const char *text;
} sentences[] = {
    {CANCEL_SIGINT, "interrupted by SIGINT"},
    {CANCEL_SIGTERM, "interrupted by SIGTERM"},
    {CANCEL_SIGHUP, "interrupted by SIGHUP"},
    {CANCEL_ASKED, "cancelled"},
};

START_TEST(a_check_says_why)
{
    struct cancel *run = child_of(NULL, 0);
    ck_assert_int_eq(cancel_check(run, &err), 0);
    cancel_trip(run, sentences[_i].reason);
    ck_assert_int_eq(cancel_check(run, &err), -1);
    ck_assert_int_eq(err.kind, ERR_CANCELLED);
    ck_assert_str_eq(err.text, sentences[_i].text);
    cancel_free(run);
}
END_TEST

START_TEST(a_check_names_the_time_limit)
{
    struct cancel *run = child_of(NULL, clock_monotonic_ms() + 3600000);
    struct cancel *step = child_of(run, 0);
    cancel_trip(step, CANCEL_TIME_LIMIT);
    ck_assert_int_eq(cancel_check(step, &err), -1);
    ck_assert_msg(strstr(err.text, "the time limit of 1h") != NULL ||
                      strstr(err.text, "the time limit of 59m") != NULL,
                  "%s", err.text);
    ck_assert(!cancel_requested(run));
    cancel_free(step);
    cancel_free(run);
}
END_TEST

static void *trip_it(void *cancel)
{
    cancel_trip(cancel, CANCEL_ASKED);
    return NULL;
}

START_TEST(a_sleep_ends_with_the_trip)
{
    pthread_t thread;
    struct cancel *run = child_of(NULL, 0);
    ck_assert(cancel_sleep_ms(run, 1));
    ck_assert_int_eq(pthread_create(&thread, NULL, trip_it, run), 0);
    ck_assert(!cancel_sleep_ms(run, 3600000));
    pthread_join(thread, NULL);
    cancel_free(run);
}
END_TEST

static const struct {
    int signal;
    enum cancel_reason reason;
} signals[] = {{SIGINT, CANCEL_SIGINT}, {SIGTERM, CANCEL_SIGTERM}, {SIGHUP, CANCEL_SIGHUP}};

START_TEST(a_signal_trips_the_root)
{
    ck_assert_int_eq(cancel_install(&err), 0);
    ck_assert_int_eq(kill(getpid(), signals[_i].signal), 0);
    ck_assert(!cancel_sleep_ms(NULL, 3600000));
    ck_assert_int_eq(cancel_reason(NULL), signals[_i].reason);
}
END_TEST

START_TEST(a_second_signal_ends_the_process_at_once)
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        if (cancel_install(&err) < 0 || kill(getpid(), SIGINT) < 0)
            _exit(1);
        (void)cancel_sleep_ms(NULL, 3600000);
        for (;;) {
            poll(NULL, 0, 50);
            (void)kill(getpid(), SIGTERM);
        }
    }
    int64_t begin = clock_monotonic_ms();
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_lt(clock_monotonic_ms() - begin, CANCEL_END_MS - 1000);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), 130); /* of the first */
}
END_TEST

START_TEST(one_that_comes_twice_at_once_is_one)
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        if (cancel_install(&err) < 0 || kill(getpid(), SIGTERM) < 0)
            _exit(1);
        (void)cancel_sleep_ms(NULL, 3600000);
        (void)kill(getpid(), SIGTERM); /* timeout(1) does */
        poll(NULL, 0, 500);
        _exit(7); /* cleaned */
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), 7);
}
END_TEST

START_TEST(what_was_ignored_when_we_began_stays_ignored)
{
    signal(SIGHUP, SIG_IGN); /* nohup */
    signal(SIGINT, SIG_IGN); /* a job in the background of a script */
    ck_assert_int_eq(cancel_install(&err), 0);
    ck_assert_int_eq(kill(getpid(), SIGHUP), 0);
    ck_assert_int_eq(kill(getpid(), SIGINT), 0);
    ck_assert_int_eq(kill(getpid(), SIGTERM), 0);
    ck_assert(!cancel_sleep_ms(NULL, 3600000));
    ck_assert_int_eq(cancel_reason(NULL), CANCEL_SIGTERM);
}
END_TEST

START_TEST(a_write_beyond_a_limit_is_an_error_of_the_write)
{
    static const int numbers[] = {SIGPIPE, SIGXFSZ};
    struct sigaction now;
    ck_assert_int_eq(cancel_install(&err), 0);
    for (size_t i = 0; i < 2; i++) {
        ck_assert_int_eq(sigaction(numbers[i], NULL, &now), 0);
        ck_assert(now.sa_handler == SIG_IGN);
    }
}
END_TEST

START_TEST(who_is_stuck_is_ended)
{
    int status = 0;
    int64_t begin = clock_monotonic_ms();
    pid_t pid = fork();
    if (pid == 0) {
        if (cancel_install(&err) < 0 || kill(getpid(), SIGTERM) < 0)
            _exit(1);
        for (;;)
            pause();
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), 143);
    ck_assert_int_lt(clock_monotonic_ms() - begin, 8000);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cancel");
    TCase *tcase = tcase_create("cancel");
    tcase_add_test(tcase, a_trip_reaches_everything_below_and_nothing_beside);
    tcase_add_test(tcase, the_root_is_what_null_means);
    tcase_add_test(tcase, who_comes_into_a_tripped_tree_is_tripped);
    tcase_add_test(tcase, the_first_reason_stays);
    tcase_add_test(tcase, a_deadline_trips_by_itself);
    tcase_add_test(tcase, a_deadline_that_has_passed_is_at_once);
    tcase_add_test(tcase, the_earlier_deadline_of_a_parent_counts);
    tcase_add_loop_test(tcase, a_check_says_why, 0, 3);
    tcase_add_test(tcase, a_check_names_the_time_limit);
    tcase_add_test(tcase, a_sleep_ends_with_the_trip);
    tcase_add_loop_test(tcase, a_signal_trips_the_root, 0, 3);
    tcase_add_test(tcase, a_second_signal_ends_the_process_at_once);
    tcase_add_test(tcase, one_that_comes_twice_at_once_is_one);
    tcase_add_test(tcase, what_was_ignored_when_we_began_stays_ignored);
    tcase_add_test(tcase, a_write_beyond_a_limit_is_an_error_of_the_write);
    tcase_add_test(tcase, who_is_stuck_is_ended);
    tcase_set_timeout(tcase, 30); /* who is stuck is ended after CANCEL_END_MS */
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
