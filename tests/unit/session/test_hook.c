#include "session/hook.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "tests/support/captured.h"
#include "tests/support/run_suite.h"
#include "tests/support/scratch.h"

#include <check.h>
#include <stdlib.h>

static struct settings settings;
static struct source_settings source;
static struct strlist arguments, facts;
static char secret_name[] = "SHOP_SECRET";
static struct err err;

static void set_up(void)
{
    source = (struct source_settings){.password_env = secret_name};
    settings = (struct settings){.sources = &source, .source_count = 1};
    err_clear(&err);
}

static void tear_down(void)
{
    strlist_release(&arguments);
    strlist_release(&facts);
}

static int run(int64_t timeout_s, struct cancel *cancel)
{
    const struct hook_spec spec = {.name = "before",
                                   .arguments = &arguments,
                                   .facts = &facts,
                                   .document = "{\"job\":\"nightly\"}",
                                   .timeout_s = timeout_s,
                                   .settings = &settings,
                                   .cancel = cancel};
    return hook_run(&spec, &err);
}

static void shell(const char *script)
{
    strlist_add(&arguments, "sh");
    strlist_add(&arguments, "-c");
    strlist_add(&arguments, script);
}

START_TEST(without_arguments_all_is_well)
{
    ck_assert_int_eq(run(10, NULL), 0);
}
END_TEST

START_TEST(it_gets_facts_and_json_and_no_secret)
{
    struct text said;
    ck_assert_int_eq(setenv("SHOP_SECRET", "only-a-test", 1), 0);
    ck_assert_int_eq(setenv("PGPASSWORD", "only-a-test", 1), 0);
    strlist_add(&facts, "PGKEEP_JOB=nightly");
    shell("echo \"$PGKEEP_JOB $(cat) [$SHOP_SECRET$PGPASSWORD]\"; echo to stderr >&2");
    captured_begin();
    int result = run(10, NULL);
    captured_end(&said);
    ck_assert_msg(result == 0, "%s", err.text);
    ck_assert_msg(strstr(said.data, "hook before: nightly {\"job\":\"nightly\"} []\n") !=
                      NULL,
                  "%s", said.data);
    ck_assert_ptr_nonnull(strstr(said.data, "hook before: to stderr\n"));
    text_release(&said);
}
END_TEST

START_TEST(one_that_reads_nothing_is_not_waited_for)
{
    shell("exec <&-; exit 0");
    ck_assert_msg(run(10, NULL) == 0, "%s", err.text);
}
END_TEST

START_TEST(its_exit_status_is_told)
{
    shell("exit 3");
    ck_assert_int_eq(run(10, NULL), -1);
    ck_assert_int_eq(err.kind, ERR_SYSTEM);
    ck_assert_str_eq(err.text, "hook before: sh ended with exit status 3");
}
END_TEST

START_TEST(a_program_that_is_not_there_is_an_error)
{
    strlist_add(&arguments, "/nowhere/at/all");
    ck_assert_int_eq(run(10, NULL), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "hook before: /nowhere/at/all"));
}
END_TEST

START_TEST(after_its_time_it_is_ended_with_all_that_it_started)
{
    int64_t begun = clock_monotonic_ms();
    shell("sleep 60 & sleep 60");
    ck_assert_int_eq(run(1, NULL), -1);
    ck_assert_int_eq(err.kind, ERR_SYSTEM);
    ck_assert_ptr_nonnull(strstr(err.text, "hook before: the time limit of"));
    ck_assert_int_lt(clock_monotonic_ms() - begun, 10000);
}
END_TEST

START_TEST(the_end_of_the_run_is_its_end_and_no_failure)
{
    struct cancel *cancel = cancel_new(NULL, 0, &err);
    ck_assert_ptr_nonnull(cancel);
    cancel_trip(cancel, CANCEL_ASKED);
    shell("sleep 60");
    ck_assert_int_eq(run(60, cancel), -1);
    ck_assert_int_eq(err.kind, ERR_CANCELLED);
    cancel_free(cancel);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("hook");
    TCase *tcase = tcase_create("hook");
    tcase_set_timeout(tcase, 30);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, without_arguments_all_is_well);
    tcase_add_test(tcase, it_gets_facts_and_json_and_no_secret);
    tcase_add_test(tcase, one_that_reads_nothing_is_not_waited_for);
    tcase_add_test(tcase, its_exit_status_is_told);
    tcase_add_test(tcase, a_program_that_is_not_there_is_an_error);
    tcase_add_test(tcase, after_its_time_it_is_ended_with_all_that_it_started);
    tcase_add_test(tcase, the_end_of_the_run_is_its_end_and_no_failure);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
