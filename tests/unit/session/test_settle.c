/* Rows of runs as the dead, the living and those elsewhere leave them. */
#include "session/settle.h"

#include "session/lock.h"
#include "tests/support/catalogs.h"
#include "tests/support/run_suite.h"

#include <check.h>

static struct catalogs catalogs;
static struct settings settings;
static struct err err;

#define OK(call) ck_assert_msg((call) == 0, "%s", err.text)

static void set_up(void)
{
    catalogs_begin(&catalogs);
    settings = (struct settings){.catalog = catalogs.path};
    err_clear(&err);
}

static void tear_down(void)
{
    catalogs_end(&catalogs);
}

static void running(const char *kind, const char *owner, int64_t cancel)
{
    catalogs_sqlf(
        &catalogs,
        "INSERT INTO runs (kind, job, state, requested, started, ended, owner,"
        " exit_status, cancel) VALUES ('%s', 'daily', 'running', 1, 1, 0, '%s', -1,"
        " %lld)",
        kind, owner, (long long)cancel);
}

START_TEST(a_run_whose_process_is_dead_has_failed)
{
    running("backup", catalogs_dead_owner(), 0);
    running("backup", catalogs_dead_owner(), 77);
    OK(settle_runs(&settings, catalogs.catalog, &err));
    ck_assert_int_eq(
        catalogs_number(&catalogs, "SELECT exit_status FROM runs WHERE state = 'failed'"),
        137);
    ck_assert_int_eq(
        catalogs_number(&catalogs,
                        "SELECT exit_status FROM runs WHERE state = 'cancelled'"),
        143);
}
END_TEST

START_TEST(of_a_process_elsewhere_the_lock_of_the_job_tells)
{
    const struct lock_spec spec = {.catalog = catalogs.path,
                                   .kind = LOCK_JOB,
                                   .name = "daily",
                                   .command = "backup daily"};
    running("backup", catalogs_unknown_owner(), 0);
    running("prune", catalogs_unknown_owner(), 0); /* which has no lock of the job */
    struct lock *lock = lock_take(&spec, &err);
    ck_assert_msg(lock != NULL, "%s", err.text);
    OK(settle_runs(&settings, catalogs.catalog, &err));
    ck_assert_int_eq(
        catalogs_number(&catalogs, "SELECT count(*) FROM runs WHERE state = 'running'"), 2);
    lock_release(lock);
    OK(settle_runs(&settings, catalogs.catalog, &err));
    ck_assert_int_eq(
        catalogs_number(&catalogs, "SELECT count(*) FROM runs WHERE state = 'running'"), 1);
    ck_assert_int_eq(
        catalogs_number(&catalogs,
                        "SELECT count(*) FROM runs WHERE kind = 'prune' AND state ="
                        " 'running'"),
        1);
}
END_TEST

START_TEST(a_verification_elsewhere_is_told_by_a_lock_of_its_own)
{
    const struct lock_spec spec = {
        .catalog = catalogs.path, .kind = LOCK_CHECK, .name = "daily", .command = "verify"};
    running("verify", catalogs_unknown_owner(), 0);
    struct lock *lock = lock_take(&spec, &err);
    ck_assert_msg(lock != NULL, "%s", err.text);
    OK(settle_runs(&settings, catalogs.catalog, &err));
    ck_assert_int_eq(
        catalogs_number(&catalogs, "SELECT count(*) FROM runs WHERE state = 'running'"), 1);
    lock_release(lock);
    OK(settle_runs(&settings, catalogs.catalog, &err));
    ck_assert_int_eq(
        catalogs_number(&catalogs, "SELECT count(*) FROM runs WHERE state = 'failed'"), 1);
}
END_TEST

START_TEST(only_a_process_that_surely_has_the_run_gets_a_signal)
{
    char dead[512], unknown[512], nonsense[] = "x";
    (void)snprintf(dead, sizeof dead, "%s", catalogs_dead_owner());
    (void)snprintf(unknown, sizeof unknown, "%s", catalogs_unknown_owner());
    char *const owners[] = {dead, unknown, nonsense, NULL};
    for (size_t i = 0; i < sizeof owners / sizeof *owners; i++) {
        const struct catalog_run run = {.owner = owners[i]};
        ck_assert(!settle_signal(&run));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("settle");
    TCase *tcase = tcase_create("settle");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, a_run_whose_process_is_dead_has_failed);
    tcase_add_test(tcase, of_a_process_elsewhere_the_lock_of_the_job_tells);
    tcase_add_test(tcase, a_verification_elsewhere_is_told_by_a_lock_of_its_own);
    tcase_add_test(tcase, only_a_process_that_surely_has_the_run_gets_a_signal);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
