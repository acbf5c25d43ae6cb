#include "session/lock.h"

#include "base/file.h"
#include "base/memory.h"
#include "tests/support/run_suite.h"
#include "tests/support/scratch.h"

#include <check.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char base[SCRATCH_SIZE];
static char *catalog;
static struct err err;

static void setup(void)
{
    scratch_folder(base);
    catalog = memory_format("%s/new/catalog.db", base);
}

static void teardown(void)
{
    scratch_remove(base);
    free(catalog);
}

static struct lock *take(enum lock_kind kind, const char *name, const char *command)
{
    struct lock_spec spec = {
        .catalog = catalog, .kind = kind, .name = name, .command = command};
    return lock_take(&spec, &err);
}

START_TEST(a_second_backup_of_a_job_is_told_who_holds_it_since_when)
{
    char pid[64];
    struct lock *lock = take(LOCK_JOB, "nightly", "backup nightly");
    ck_assert_msg(lock != NULL, "%s", err.text);
    ck_assert_ptr_null(take(LOCK_JOB, "nightly", "backup nightly"));
    ck_assert_int_eq(err.kind, ERR_BUSY);
    snprintf(pid, sizeof pid, "held by `pgkeep backup nightly` (pid %lld) since 2",
             (long long)getpid());
    ck_assert_msg(strstr(err.text, pid) != NULL, "%s", err.text);
    ck_assert_ptr_nonnull(strstr(err.text, "job \"nightly\""));
    lock_release(lock);
    lock = take(LOCK_JOB, "nightly", "backup nightly");
    ck_assert_ptr_nonnull(lock);
    lock_release(lock);
}
END_TEST

START_TEST(jobs_and_removals_do_not_wait_for_each_other)
{
    struct lock *nightly = take(LOCK_JOB, "nightly", "backup nightly");
    struct lock *hourly = take(LOCK_JOB, "hourly", "backup hourly");
    struct lock *removal = take(LOCK_REMOVAL, NULL, "prune --yes");
    ck_assert_ptr_nonnull(nightly);
    ck_assert_ptr_nonnull(hourly);
    ck_assert_ptr_nonnull(removal);
    ck_assert_ptr_null(take(LOCK_REMOVAL, NULL, "sweep"));
    ck_assert_int_eq(err.kind, ERR_BUSY);
    ck_assert_ptr_nonnull(strstr(err.text, "`pgkeep prune --yes`"));
    lock_release(nightly);
    lock_release(hourly);
    lock_release(removal);
    lock_release(NULL);
}
END_TEST

START_TEST(the_names_of_jobs_stay_in_the_folder)
{
    struct lock *lock = take(LOCK_JOB, "../../x y", "backup");
    char *path = memory_format("%s.job-..%%2F..%%2Fx%%20y.lock", catalog);
    struct stat status;
    ck_assert_ptr_nonnull(lock);
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_uint_eq(status.st_mode & 07777U, 0600);
    lock_release(lock);
    free(path);
}
END_TEST

/* A process that takes the lock, says so, and waits to be killed. */
static pid_t start_holder(int *ready)
{
    int fds[2];
    char byte;
    ck_assert_int_eq(pipe(fds), 0);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        if (take(LOCK_JOB, "nightly", "backup nightly") == NULL)
            _exit(1);
        if (write(fds[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    close(fds[1]);
    ck_assert_int_eq(read(fds[0], &byte, 1), 1);
    *ready = fds[0];
    return pid;
}

START_TEST(a_killed_holder_holds_nothing)
{
    int ready, status;
    pid_t pid = start_holder(&ready);
    ck_assert_ptr_null(take(LOCK_JOB, "nightly", "backup nightly"));
    ck_assert_int_eq(err.kind, ERR_BUSY);
    kill(pid, SIGKILL);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    struct lock *lock = take(LOCK_JOB, "nightly", "backup nightly");
    ck_assert_msg(lock != NULL, "%s", err.text);
    lock_release(lock);
    close(ready);
}
END_TEST

START_TEST(a_child_that_was_executed_does_not_keep_the_lock)
{
    int status;
    struct lock *lock = take(LOCK_JOB, "nightly", "backup nightly");
    pid_t pid = fork();
    if (pid == 0) {
        execlp("sh", "sh", "-c", "read x", (char *)NULL);
        _exit(127);
    }
    lock_release(lock);
    /* The fork itself still has the descriptor until it executes. */
    for (lock = NULL; lock == NULL;)
        lock = take(LOCK_JOB, "nightly", "backup nightly");
    lock_release(lock);
    kill(pid, SIGKILL);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
}
END_TEST

START_TEST(what_stands_in_the_file_cannot_drive_a_terminal)
{
    struct lock *lock = take(LOCK_JOB, "n", "backup \x1b[31m\n\t`x`");
    ck_assert_ptr_nonnull(lock);
    ck_assert_ptr_null(take(LOCK_JOB, "n", "backup"));
    ck_assert_ptr_null(strchr(err.text, '\x1b'));
    lock_release(lock);
}
END_TEST

START_TEST(a_lock_that_cannot_be_made_is_an_error)
{
    char *file = memory_format("%s/new", base);
    scratch_write(file, "", 0);
    ck_assert_ptr_null(take(LOCK_REMOVAL, NULL, "prune"));
    ck_assert_int_eq(err.kind, ERR_SYSTEM);
    free(file);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lock");
    TCase *tcase = tcase_create("lock");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_second_backup_of_a_job_is_told_who_holds_it_since_when);
    tcase_add_test(tcase, jobs_and_removals_do_not_wait_for_each_other);
    tcase_add_test(tcase, the_names_of_jobs_stay_in_the_folder);
    tcase_add_test(tcase, a_killed_holder_holds_nothing);
    tcase_add_test(tcase, a_child_that_was_executed_does_not_keep_the_lock);
    tcase_add_test(tcase, what_stands_in_the_file_cannot_drive_a_terminal);
    tcase_add_test(tcase, a_lock_that_cannot_be_made_is_an_error);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
