#include "base/err.h"
#include "base/text.h"
#include "tests/support/run_suite.h"

#include <check.h>
#include <errno.h>

static struct err err;

static void begin(void)
{
    memset(&err, 0, sizeof err);
}

START_TEST(an_error_grows_from_its_cause_to_a_sentence)
{
    ck_assert_int_eq(err_set(&err, ERR_TRANSIENT, "service answered %d", 503), -1);
    ck_assert_int_eq(err_context(&err, "part %d", 7), -1);
    ck_assert_int_eq(err_hint(&err, "try again"), -1);
    ck_assert_int_eq(err_context(&err, "store \"%s\"", "offsite"), -1);
    ck_assert_int_eq(err.kind, ERR_TRANSIENT);
    ck_assert_str_eq(err.text,
                     "store \"offsite\": part 7: service answered 503\nhint: try again");
    /* A noun that was known further down is said once. */
    ck_assert_int_eq(err_context(&err, "store \"%s\"", "offsite"), -1);
    ck_assert_str_eq(err.text,
                     "store \"offsite\": part 7: service answered 503\nhint: try again");
    /* The first hint knows the cause best. */
    ck_assert_int_eq(err_hint(&err, "reboot"), -1);
    ck_assert_ptr_null(strstr(err.text, "reboot"));
    err_clear(&err);
    ck_assert_int_eq(err.kind, ERR_NONE);
    ck_assert_str_eq(err.text, "");
}
END_TEST

START_TEST(errno_is_told_and_kept)
{
    errno = ENOENT;
    ck_assert_int_eq(err_errno(&err, ERR_SYSTEM, "cannot open %s", "/x"), -1);
    ck_assert_str_eq(err.text, "cannot open /x: No such file or directory");
    ck_assert_int_eq(errno, ENOENT);
    errno = 123456;
    ck_assert_int_eq(err_errno(&err, ERR_SYSTEM, "cannot open %s", "/x"), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "123456"));
}
END_TEST

START_TEST(too_few_descriptors_say_what_to_raise)
{
    errno = EMFILE;
    err_errno(&err, ERR_SYSTEM, "cannot open %s", "/x");
    ck_assert_ptr_nonnull(strstr(err.text, "\nhint: raise"));
    ck_assert_ptr_nonnull(strstr(err.text, "ulimit -n"));
    ck_assert_int_eq(errno, EMFILE);
}
END_TEST

START_TEST(the_arguments_may_point_into_the_old_text)
{
    err_set(&err, ERR_SYSTEM, "disk full");
    err_set(&err, ERR_STORE, "%s (again)", err.text);
    ck_assert_str_eq(err.text, "disk full (again)");
}
END_TEST

START_TEST(no_control_character_reaches_a_terminal)
{
    err_set(&err, ERR_CORRUPT, "a\nb\tc\x1B[31m d\r\n");
    ck_assert_str_eq(err.text, "a b c?[31m d");
}
END_TEST

/* ---- what does not fit ---- */

START_TEST(a_text_is_cut_at_a_character_and_never_overrun)
{
    char name[1000];
    for (size_t shift = 0; shift < 4; shift++) {
        /* Four bytes each, so that every cut lies inside of one for some shift. */
        memset(name, 'x', shift);
        for (size_t i = shift; i + 4 < sizeof name; i += 4)
            memcpy(name + i, "\xF0\x9F\x90\x98", 5);
        err_set(&err, ERR_SYSTEM, "%s", name);
        ck_assert_uint_lt(strlen(err.text), sizeof err.text);
        ck_assert(text_is_utf8(err.text, strlen(err.text)));
        err_context(&err, "%s", name);
        ck_assert_uint_lt(strlen(err.text), sizeof err.text);
        ck_assert(text_is_utf8(err.text, strlen(err.text)));
    }
}
END_TEST

START_TEST(the_reason_and_the_hint_survive_a_name_without_end)
{
    char name[1000];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    err_set(&err, ERR_DENIED, "the service refuses");
    err_hint(&err, "look at its rights");
    err_context(&err, "store \"%s\"", name);
    ck_assert_ptr_nonnull(
        strstr(err.text, "the service refuses\nhint: look at its rights"));
    errno = EACCES;
    err_errno(&err, ERR_SYSTEM, "cannot open %s", name);
    ck_assert_ptr_nonnull(strstr(err.text, ": Permission denied"));
}
END_TEST

/* ---- kinds ---- */

START_TEST(what_stops_one_object_stops_its_store_at_most)
{
    for (int kind = ERR_NONE; kind <= ERR_CANCELLED; kind++) {
        bool fatal = err_is_fatal((enum err_kind)kind);
        bool of_store = err_is_of_store((enum err_kind)kind);
        ck_assert_ptr_nonnull(err_kind_name((enum err_kind)kind));
        ck_assert(fatal != of_store);
        ck_assert(!err_is_of_object((enum err_kind)kind) || of_store);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("err");
    TCase *tcase = tcase_create("err");
    tcase_add_checked_fixture(tcase, begin, NULL);
    tcase_add_test(tcase, an_error_grows_from_its_cause_to_a_sentence);
    tcase_add_test(tcase, errno_is_told_and_kept);
    tcase_add_test(tcase, too_few_descriptors_say_what_to_raise);
    tcase_add_test(tcase, the_arguments_may_point_into_the_old_text);
    tcase_add_test(tcase, no_control_character_reaches_a_terminal);
    tcase_add_test(tcase, a_text_is_cut_at_a_character_and_never_overrun);
    tcase_add_test(tcase, the_reason_and_the_hint_survive_a_name_without_end);
    tcase_add_test(tcase, what_stops_one_object_stops_its_store_at_most);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
