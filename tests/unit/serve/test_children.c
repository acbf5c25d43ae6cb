/* Which rows may begin and whose they are; nothing is started, as there is room for none. */
#include "serve/children.h"

#include "base/memory.h"
#include "tests/support/catalogs.h"
#include "tests/support/run_suite.h"

#include <check.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static struct catalogs catalogs;
static struct children *children;
static char daily[] = "daily";
static struct job_settings job = {.name = daily, .enabled = true};
static struct settings settings;
static struct err err;

#define OK(call) ck_assert_msg((call) == 0, "%s", err.text)

static void set_up(void)
{
    catalogs_begin(&catalogs);
    settings = (struct settings){.catalog = catalogs.path, .jobs = &job, .job_count = 1};
    err_clear(&err);
    children = children_new(false, &err);
    ck_assert_ptr_nonnull(children);
}

static void tear_down(void)
{
    children_free(children);
    catalogs_end(&catalogs);
}

static int64_t request(void)
{
    char kind[] = "backup";
    int64_t id = 0;
    struct catalog_run wish = {
        .kind = kind, .job = daily, .cause = CATALOG_RUN_BY_SCHEDULE};
    OK(catalog_run_request(catalogs.catalog, &wish, &id, &err));
    return id;
}

/* As if it had been asked for an hour ago, by this one. */
static void asked_by(const char *owner)
{
    catalogs_sqlf(&catalogs, "UPDATE runs SET requested = requested - 3600, owner = '%s'",
                  owner);
}

static struct children_wish launch(bool orphans, const int64_t *mine)
{
    struct children_wish wish = {
        .mine = mine, .mine_count = mine != NULL ? 1 : 0, .orphans = orphans};
    OK(children_launch(children, &settings, catalogs.catalog, &wish, &err));
    return wish;
}

START_TEST(what_nobody_lives_for_may_begin)
{
    request();
    asked_by(catalogs_dead_owner());
    ck_assert_uint_eq(launch(true, NULL).waiting, 1);
    ck_assert_uint_eq(launch(false, NULL).waiting, 0);
    asked_by(catalogs_unknown_owner());
    ck_assert_uint_eq(launch(true, NULL).waiting, 1);
}
END_TEST

START_TEST(what_we_asked_for_earlier_is_ours)
{
    request();
    ck_assert_uint_eq(launch(true, NULL).waiting, 1);
}
END_TEST

START_TEST(what_another_process_waits_with_stays_that_ones_however_long)
{
    int ends[2];
    char owner[OWNER_SIZE] = "";
    ck_assert_int_eq(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct owner self;
        struct err ignored = {0};
        if (owner_self(&self, &ignored) == 0)
            owner_text(owner, &self);
        ssize_t sent = write(ends[1], owner, sizeof owner);
        _exit(sent > 0 ? pause() : 1);
    }
    ck_assert_int_eq(read(ends[0], owner, sizeof owner), (ssize_t)sizeof owner);
    int64_t id = request();
    asked_by(owner);
    struct children_wish wish = launch(true, NULL);
    ck_assert_uint_eq(wish.waiting, 0);
    ck_assert_uint_eq(wish.foreign, 1);
    /* Also of two that had the same orphan in mind. */
    wish = launch(false, &id);
    ck_assert_uint_eq(wish.waiting, 0);
    ck_assert_uint_eq(wish.taken, 1);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    ck_assert_uint_eq(launch(true, NULL).waiting, 1);
    close(ends[0]);
    close(ends[1]);
}
END_TEST

START_TEST(a_run_of_another_process_is_looked_at_again_while_it_runs)
{
    int64_t id = request();
    OK(catalog_run_start(catalogs.catalog, id, &err));
    ck_assert_uint_eq(launch(true, NULL).foreign, 1);
    OK(catalog_run_end(catalogs.catalog, id, 0, NULL, &err));
    ck_assert_uint_eq(launch(true, NULL).foreign, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("children");
    TCase *tcase = tcase_create("children");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, what_nobody_lives_for_may_begin);
    tcase_add_test(tcase, what_we_asked_for_earlier_is_ours);
    tcase_add_test(tcase, what_another_process_waits_with_stays_that_ones_however_long);
    tcase_add_test(tcase, a_run_of_another_process_is_looked_at_again_while_it_runs);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
