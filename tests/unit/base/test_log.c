#define _GNU_SOURCE /* posix_openpt */
#include "base/json.h"
#include "base/log.h"
#include "tests/support/run_suite.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Each test is a process of its own (Check forks), so its stderr is the test's to take. */
static int output; /* what was written to stderr is read here */

static void to_pipe(void)
{
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_ge(dup2(ends[1], STDERR_FILENO), 0);
    close(ends[1]);
    output = ends[0];
}

/* A terminal of `columns`, which leaves newlines as they are. */
static void to_terminal(unsigned short columns)
{
    struct winsize size = {.ws_col = columns, .ws_row = 24};
    output = posix_openpt(O_RDWR | O_NOCTTY);
    ck_assert_int_ge(output, 0);
    ck_assert_int_eq(grantpt(output), 0);
    ck_assert_int_eq(unlockpt(output), 0);
    int terminal = open(ptsname(output), O_RDWR | O_NOCTTY);
    ck_assert_int_ge(terminal, 0);
    ck_assert_int_eq(ioctl(terminal, TIOCSWINSZ, &size), 0);
    ck_assert_int_ge(dup2(terminal, STDERR_FILENO), 0);
    close(terminal);
}

/* What was written since, in one read: nothing of it is large. Not "\r\n" but "\n". */
static const char *written(void)
{
    static char text[32768];
    ssize_t size = read(output, text, sizeof text - 1);
    ck_assert_int_ge(size, 0);
    text[size] = '\0';
    char *to = text;
    for (char *from = text; *from != '\0'; from++)
        if (from[0] != '\r' || from[1] != '\n')
            *to++ = *from;
    *to = '\0';
    return text;
}

/* ---- text ---- */

START_TEST(what_is_above_the_level_is_not_written)
{
    to_pipe();
    log_setup(LOG_LEVEL_WARNING, LOG_FORMAT_TEXT);
    ck_assert(log_enabled(LOG_LEVEL_ERROR) && !log_enabled(LOG_LEVEL_INFO));
    log_debug("d");
    log_info("i");
    log_warning("w %d", 1);
    ck_assert_str_eq(written(), "pgkeep: warning: w 1\n");
    log_error("e");
    ck_assert_str_eq(written(), "pgkeep: e\n");
    log_setup(LOG_LEVEL_DEBUG, LOG_FORMAT_TEXT);
    log_debug("d");
    ck_assert_str_eq(written(), "pgkeep: debug: d\n");
}
END_TEST

START_TEST(a_name_in_a_message_cannot_drive_the_terminal)
{
    to_pipe();
    log_info("database \"%s\"", "\x1B[2J\nx");
    ck_assert_str_eq(written(), "pgkeep: database \"\\x1B[2J\\x0Ax\"\n");
}
END_TEST

START_TEST(an_error_has_its_hint_on_a_line_of_its_own_a_message_has_one_line)
{
    struct err err = {0};
    to_pipe();
    err_set(&err, ERR_CONFIG, "no such store");
    log_err(&err);
    ck_assert_str_eq(written(), "pgkeep: no such store\n");
    err_hint(&err, "there is \"main\"");
    log_err(&err);
    ck_assert_str_eq(written(), "pgkeep: no such store\nhint: there is \"main\"\n");
    log_warning("skipped: %s", err.text);
    ck_assert_str_eq(written(),
                     "pgkeep: warning: skipped: no such store; hint: there is \"main\"\n");
    log_setup(LOG_LEVEL_INFO, LOG_FORMAT_JOURNAL);
    log_err(&err);
    ck_assert_str_eq(written(), "<3>pgkeep: no such store\n<3>hint: there is \"main\"\n");
    log_warning("w");
    ck_assert_str_eq(written(), "<4>pgkeep: warning: w\n");
}
END_TEST

/* ---- JSON ---- */

START_TEST(a_json_line_has_a_field_for_each_thing)
{
    struct err err = {0};
    to_pipe();
    log_setup(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
    err_set(&err, ERR_DENIED, "no rights");
    err_hint(&err, "ask");
    log_err(&err);
    const char *line = written();
    json_t *object = json_parse(line, strlen(line), &err);
    ck_assert_ptr_nonnull(object);
    ck_assert_str_eq(json_string_value(json_object_get(object, "level")), "error");
    ck_assert_str_eq(json_string_value(json_object_get(object, "kind")), "denied");
    ck_assert_str_eq(json_string_value(json_object_get(object, "message")), "no rights");
    ck_assert_str_eq(json_string_value(json_object_get(object, "hint")), "ask");
    ck_assert_uint_eq(strlen(json_string_value(json_object_get(object, "time"))), 24);
    json_decref(object);
    log_info("bytes \xFF");
    line = written();
    ck_assert_ptr_nonnull(strstr(line, "\"message\":\"bytes \\\\xFF\"}\n"));
    ck_assert_ptr_null(strstr(line, "kind"));
    log_raw("{\"progress\":1}");
    ck_assert_str_eq(written(), "{\"progress\":1}\n");
}
END_TEST

/* ---- the live line ---- */

START_TEST(the_live_line_is_always_the_last_one)
{
    to_terminal(40);
    ck_assert(log_is_terminal());
    log_live("50 %");
    ck_assert_str_eq(written(), "\r\033[K50 %");
    log_info("a line");
    ck_assert_str_eq(written(), "\r\033[Kpgkeep: a line\n50 %");
    log_live("60 %");
    ck_assert_str_eq(written(), "\r\033[K60 %");
    log_live(NULL);
    ck_assert_str_eq(written(), "\r\033[K");
    log_info("the end");
    ck_assert_str_eq(written(), "pgkeep: the end\n");
}
END_TEST

START_TEST(the_live_line_never_wraps)
{
    to_terminal(6);
    log_live("\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4");
    ck_assert_str_eq(written(), "\r\033[K\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4");
}
END_TEST

START_TEST(there_is_no_live_line_in_a_file)
{
    to_pipe();
    ck_assert(!log_is_terminal());
    log_live("50 %");
    log_info("x");
    ck_assert_str_eq(written(), "pgkeep: x\n");
}
END_TEST

/* ---- what is kept ---- */

START_TEST(the_last_lines_are_kept_for_the_record)
{
    to_pipe();
    log_setup(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
    ck_assert_ptr_null(log_kept());
    log_keep(1000);
    log_warning("a\nb");
    log_debug("not said, not kept");
    (void)written();
    char *kept = log_kept();
    ck_assert_str_eq(kept + strlen("2026-11-21T02:00:00Z"), " warning: a\\x0Ab\n");
    free(kept);
    /* Many of them: the newest stay, from the begin of a line on. */
    for (int i = 0; i < 500; i++) {
        log_info("line %d", i);
        (void)written();
    }
    kept = log_kept();
    ck_assert_uint_ge(strlen(kept), 900);
    ck_assert_uint_le(strlen(kept), 2000);
    ck_assert_ptr_nonnull(strstr(kept, "info: line 499\n"));
    ck_assert_int_eq(kept[0], '2');
    free(kept);
    log_keep(0);
    ck_assert_ptr_null(log_kept());
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("log");
    TCase *tcase = tcase_create("log");
    tcase_add_test(tcase, the_last_lines_are_kept_for_the_record);
    tcase_add_test(tcase, what_is_above_the_level_is_not_written);
    tcase_add_test(tcase, a_name_in_a_message_cannot_drive_the_terminal);
    tcase_add_test(tcase,
                   an_error_has_its_hint_on_a_line_of_its_own_a_message_has_one_line);
    tcase_add_test(tcase, a_json_line_has_a_field_for_each_thing);
    /* A chroot or a container may have no pseudo-terminals at all. */
    int terminal = posix_openpt(O_RDWR | O_NOCTTY);
    if (terminal >= 0) {
        tcase_add_test(tcase, the_live_line_is_always_the_last_one);
        tcase_add_test(tcase, the_live_line_never_wraps);
        close(terminal);
    } else {
        printf("skipped: the live line: no pseudo-terminal: %s\n", strerror(errno));
    }
    tcase_add_test(tcase, there_is_no_live_line_in_a_file);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
