/* PRODUCT section 2, and CONTRACT-NOTES 36: one number for the process, `runs` and JSON. */
#include "session/exit_status.h"

#include "tests/support/run_suite.h"

static const struct {
    enum err_kind kind;
    int status;
    bool fatal, of_store, of_object;
} kinds[] = {
    {ERR_USAGE, 2, false, true, false},     {ERR_CONFIG, 3, false, true, false},
    {ERR_SYSTEM, 1, true, false, false},    {ERR_DATABASE, 4, true, false, false},
    {ERR_TRANSIENT, 5, false, true, false}, {ERR_DENIED, 5, false, true, true},
    {ERR_STORE, 5, false, true, false},     {ERR_NOT_FOUND, 1, false, true, true},
    {ERR_CORRUPT, 6, false, true, true},    {ERR_UNSAFE, 9, false, true, false},
    {ERR_BUSY, 7, true, false, false},      {ERR_CANCELLED, 130, true, false, false},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

START_TEST(a_failure_has_the_status_of_its_kind)
{
    ck_assert_int_eq(exit_status_of(OUTCOME_FAILED, kinds[_i].kind, NULL),
                     kinds[_i].status);
}
END_TEST

START_TEST(a_kind_reaches_as_far_as_the_table_says)
{
    ck_assert_int_eq(err_is_fatal(kinds[_i].kind), kinds[_i].fatal);
    ck_assert_int_eq(err_is_of_store(kinds[_i].kind), kinds[_i].of_store);
    ck_assert_int_eq(err_is_of_object(kinds[_i].kind), kinds[_i].of_object);
}
END_TEST

START_TEST(the_other_outcomes_do_not_look_at_the_kind)
{
    enum err_kind kind = kinds[_i].kind;
    ck_assert_int_eq(exit_status_of(OUTCOME_DONE, kind, NULL), 0);
    ck_assert_int_eq(exit_status_of(OUTCOME_PARTIAL, kind, NULL), 8);
    ck_assert_int_eq(exit_status_of(OUTCOME_TOO_OLD, kind, NULL), 10);
}
END_TEST

static const struct {
    enum cancel_reason reason;
    int status;
} reasons[] = {{CANCEL_SIGINT, 130},
               {CANCEL_SIGTERM, 143},
               {CANCEL_SIGHUP, 143},
               {CANCEL_TIME_LIMIT, 1},
               {CANCEL_ASKED, 143}};
enum { REASONS = sizeof reasons / sizeof *reasons };

START_TEST(what_was_cancelled_says_by_what)
{
    struct err err = {0};
    struct cancel *cancel = cancel_new(NULL, 0, &err);
    ck_assert_ptr_nonnull(cancel);
    cancel_trip(cancel, reasons[_i].reason);
    ck_assert_int_eq(exit_status_of(OUTCOME_FAILED, ERR_CANCELLED, cancel),
                     reasons[_i].status);
    /* What failed for another reason is not renamed by a signal that came as well. */
    ck_assert_int_eq(exit_status_of(OUTCOME_FAILED, ERR_DATABASE, cancel), 4);
    cancel_free(cancel);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("exit_status");
    TCase *tcase = tcase_create("exit_status");
    tcase_add_loop_test(tcase, a_failure_has_the_status_of_its_kind, 0, KINDS);
    tcase_add_loop_test(tcase, a_kind_reaches_as_far_as_the_table_says, 0, KINDS);
    tcase_add_loop_test(tcase, the_other_outcomes_do_not_look_at_the_kind, 0, KINDS);
    tcase_add_loop_test(tcase, what_was_cancelled_says_by_what, 0, REASONS);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
