#define _GNU_SOURCE /* pipe2 */
#include "base/process.h"

#include "base/file.h"
#include "base/memory.h"
#include "tests/support/run_suite.h"
#include "tests/support/scratch.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

static struct err err;
static struct text out, lines;

static void begin(void)
{
    text_init(&out, 100000);
    text_init(&lines, 100000);
}

static void end(void)
{
    text_release(&out);
    text_release(&lines);
}

static void add_line(void *context, const char *line)
{
    text_addf(context, "%s\n", line);
}

/* `script` by the shell. */
static struct process_spec shell(const char *script)
{
    static const char *argv[4] = {"sh", "-c"};
    argv[2] = script;
    return (struct process_spec){.argv = argv, .on_stderr = add_line, .context = &lines};
}

static int run(const char *script)
{
    struct process_spec spec = shell(script);
    return process_run(&spec, &out, &err);
}

/* ---- how it ends ---- */

START_TEST(what_it_printed_is_read_to_its_end)
{
    ck_assert_int_eq(run("printf one; printf two"), 0);
    ck_assert_str_eq(out.data, "onetwo");
    struct process_spec spec = shell("echo nobody reads this");
    ck_assert_int_eq(process_run(&spec, NULL, &err), 0);
}
END_TEST

START_TEST(a_failure_names_the_program_and_its_last_words)
{
    struct process_spec spec = shell("for w in a b c d e; do echo $w >&2; done; exit 3");
    struct process *process = process_start(&spec, &err);
    ck_assert_msg(process != NULL, "%s", err.text);
    ck_assert_int_eq(process_status(process), -1);
    ck_assert_str_eq(process_last_words(process), "");
    ck_assert_int_lt(process_finish(process, &err), 0);
    ck_assert_int_eq(err.kind, ERR_SYSTEM);
    ck_assert_str_eq(err.text, "sh ended with exit status 3: e");
    ck_assert_int_eq(process_status(process), 3);
    ck_assert_str_eq(process_last_words(process), "b; c; d; e");
    ck_assert_str_eq(lines.data, "a\nb\nc\nd\ne\n");
    process_free(process);
    process_free(NULL);
}
END_TEST

START_TEST(a_signal_is_told_by_its_name)
{
    struct process_spec spec = shell("kill -INT $$");
    struct process *process = process_start(&spec, &err);
    ck_assert_msg(process != NULL, "%s", err.text);
    ck_assert_int_lt(process_finish(process, &err), 0);
    ck_assert_str_eq(err.text, "sh was ended by signal 2 (INT)");
    ck_assert_int_eq(process_status(process), 130);
    process_free(process);
}
END_TEST

START_TEST(lines_of_stderr_are_cut_cleaned_and_never_lost)
{
    ck_assert_int_eq(
        run("printf 'crlf\\r\\n\\n' >&2; head -c 5000 /dev/zero >&2; echo >&2; "
            "printf 'no newline' >&2"),
        0);
    char *line = strchr(lines.data, '\n');
    ck_assert_int_eq(strncmp(lines.data, "crlf\n?", 6), 0);
    ck_assert_int_eq(strchr(line + 1, '\n') - (line + 1), 4096);
    ck_assert(text_ends_with(lines.data, "?\nno newline\n"));
}
END_TEST

/* ---- how it begins ---- */

START_TEST(a_program_that_is_not_there_or_cannot_run_is_told_at_once)
{
    char path[SCRATCH_SIZE];
    scratch_file(path, "\x7F no program");
    ck_assert_int_eq(chmod(path, 0700), 0);
    const char *const none[] = {"no-such-program-anywhere", NULL};
    const char *const garbage[] = {path, NULL};
    struct process_spec spec = {.argv = none};
    ck_assert_ptr_null(process_start(&spec, &err));
    ck_assert_str_eq(err.text, "no-such-program-anywhere: no such program");
    spec.argv = garbage;
    ck_assert_ptr_null(process_start(&spec, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "cannot run "));
    ck_assert_ptr_nonnull(strstr(err.text, "Exec format error"));
}
END_TEST

START_TEST(its_environment_is_ours_with_the_changes)
{
    static const char *const changes[] = {"ADDED=1", "CHANGED=2", "REMOVED", NULL};
    setenv("CHANGED", "1", 1);
    setenv("REMOVED", "1", 1);
    setenv("KEPT", "1", 1);
    struct process_spec spec = shell("echo \"$ADDED $CHANGED ${REMOVED-none} $KEPT\"");
    spec.env = changes;
    ck_assert_int_eq(process_run(&spec, &out, &err), 0);
    ck_assert_str_eq(out.data, "1 2 none 1\n");
}
END_TEST

START_TEST(nothing_of_ours_leaks_into_it)
{
    sigset_t blocked;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    ck_assert_int_eq(pthread_sigmask(SIG_BLOCK, &blocked, NULL), 0);
    ck_assert_int_eq(dup2(STDIN_FILENO, 77), 77); /* without O_CLOEXEC */
    /* What our own parent ignored is none of ours; SIGPIPE is signal 13, SIGXFSZ 25. */
    ck_assert_int_eq(run("while read -r name mask; do case $name in "
                         "SigBlk:) echo $((0x$mask)) ;; "
                         "SigIgn:) echo $((0x$mask & 0x1001000)) ;; esac; "
                         "done </proc/self/status; "
                         "[ -e /proc/self/fd/77 ] && echo leaked; cat"),
                     0);
    ck_assert_str_eq(out.data, "0\n0\n");
}
END_TEST

/* ---- its three descriptors ---- */

START_TEST(it_is_written_to_and_read_from)
{
    struct process_spec spec = shell("tr a-z A-Z");
    char bytes[16] = "";
    spec.pipe_stdin = spec.pipe_stdout = true;
    struct process *process = process_start(&spec, &err);
    ck_assert_msg(process != NULL, "%s", err.text);
    ck_assert_int_eq(file_write_all(process_stdin(process), "abc", 3), 0);
    process_close_stdin(process);
    ck_assert_int_eq(process_stdin(process), -1);
    ck_assert_int_eq(file_read_all(process_stdout(process), bytes, sizeof bytes), 3);
    ck_assert_str_eq(bytes, "ABC");
    ck_assert_int_eq(process_finish(process, &err), 0);
    process_free(process);
}
END_TEST

START_TEST(descriptors_of_the_caller_stay_the_callers)
{
    char path[SCRATCH_SIZE];
    int ends[2];
    char bytes[16] = "";
    scratch_file(path, "from a file");
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    struct process_spec spec = shell("cat");
    spec.stdin_fd = open(path, O_RDONLY | O_CLOEXEC);
    spec.stdout_fd = ends[1];
    ck_assert_int_eq(process_run(&spec, NULL, &err), 0);
    ck_assert_int_ge(fcntl(spec.stdin_fd, F_GETFD), 0);
    ck_assert_int_eq(close(ends[1]), 0);
    ck_assert_int_eq(file_read_all(ends[0], bytes, sizeof bytes), 11);
    ck_assert_str_eq(bytes, "from a file");
    close(spec.stdin_fd);
    close(ends[0]);
}
END_TEST

START_TEST(a_process_without_open_descriptors_can_start_one)
{
    close(STDIN_FILENO); /* its pipes would be 0, 1 and 2 */
    close(STDOUT_FILENO);
    struct process_spec spec = shell("cat; echo x >&2; echo y");
    int result = process_run(&spec, &out, &err);
    ck_assert_msg(result == 0, "%s", err.text);
    ck_assert_str_eq(out.data, "y\n");
    ck_assert_str_eq(lines.data, "x\n");
}
END_TEST

/* ---- being ended ---- */

START_TEST(one_that_prints_without_end_is_ended)
{
    ck_assert_int_lt(run("exec yes"), 0);
    ck_assert_str_eq(err.text, "sh: what the program printed is larger than 100000 bytes");
}
END_TEST

START_TEST(one_that_survives_us_is_not_ended_by_a_cancel)
{
    struct process_spec spec = shell("sleep 0.2");
    struct cancel *cancel = cancel_new(NULL, 0, &err);
    spec.survives = true;
    spec.cancel = cancel;
    struct process *process = process_start(&spec, &err);
    ck_assert_msg(process != NULL, "%s", err.text);
    cancel_trip(cancel, CANCEL_SIGTERM);
    ck_assert_msg(process_finish(process, &err) == 0, "%s", err.text);
    ck_assert_int_eq(process_status(process), 0);
    process_free(process);
    cancel_free(cancel);
}
END_TEST

START_TEST(a_cancel_ends_it_and_is_the_reason)
{
    struct process_spec spec = shell("exec cat");
    struct cancel *cancel = cancel_new(NULL, 0, &err);
    spec.pipe_stdin = true;
    spec.cancel = cancel;
    struct process *process = process_start(&spec, &err);
    ck_assert_msg(process != NULL, "%s", err.text);
    cancel_trip(cancel, CANCEL_SIGTERM);
    ck_assert_int_lt(process_finish(process, &err), 0);
    ck_assert_int_eq(err.kind, ERR_CANCELLED);
    ck_assert_str_eq(err.text, "interrupted by SIGTERM");
    process_free(process);
    ck_assert_int_lt(process_run(&spec, &out, &err), 0);
    ck_assert_int_eq(err.kind, ERR_CANCELLED);
    cancel_free(cancel);
}
END_TEST

START_TEST(freed_it_is_gone)
{
    struct process_spec spec = shell("echo $$; exec cat >&2");
    char bytes[16] = "";
    int ends[2];
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    spec.stdin_fd = ends[0]; /* never ends by itself */
    spec.pipe_stdout = true;
    struct process *process = process_start(&spec, &err);
    ck_assert_msg(process != NULL, "%s", err.text);
    ck_assert_int_gt(file_read_all(process_stdout(process), bytes, sizeof bytes - 1), 0);
    pid_t pid = (pid_t)strtol(bytes, NULL, 10);
    process_free(process);
    ck_assert_int_lt(kill(pid, 0), 0);
    ck_assert_int_eq(errno, ESRCH);
}
END_TEST

/* The shell's child, whose number it prints; it is gone after the process is freed. */
static void ends_with_its_child(const char *script)
{
    struct process_spec spec = shell(script);
    char bytes[16] = "";
    spec.pipe_stdin = spec.pipe_stdout = true;
    struct process *process = process_start(&spec, &err);
    ck_assert_msg(process != NULL, "%s", err.text);
    ck_assert_int_gt(read(process_stdout(process), bytes, sizeof bytes - 1), 0);
    pid_t pid = (pid_t)strtol(bytes, NULL, 10);
    process_free(process);
    /* It is init's to reap, or of whoever stands for it here: a zombie is good enough. */
    char *path = memory_format("/proc/%d/cmdline", (int)pid);
    for (int tries = 0; tries < 1000 && file_exists(path); tries++) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t size = fd < 0 ? 0 : read(fd, bytes, sizeof bytes);
        file_close(&fd);
        if (size <= 0)
            break;
        poll(NULL, 0, 10);
        ck_assert_int_lt(tries, 999);
    }
    free(path);
}

START_TEST(a_wrapper_goes_with_what_it_has_started)
{
    ends_with_its_child("cat >&2 & echo $!; wait");
}
END_TEST

START_TEST(what_ignores_the_signal_does_not_outlive_the_wrapper)
{
    ends_with_its_child(
        "(trap '' TERM; exec sleep 60 <&- >&- 2>&-) & sleep 0.2; echo $!; wait");
}
END_TEST

START_TEST(signals_of_a_terminal_reach_us_alone)
{
    /* Field 6 of stat is the session; the shell's name in field 2 has no blank. */
    ck_assert_int_eq(run("read -r pid name state parent group session rest </proc/$$/stat; "
                         "[ $session = $$ ] && [ $group = $$ ] && echo alone"),
                     0);
    ck_assert_str_eq(out.data, "alone\n");
}
END_TEST

START_TEST(a_grandchild_that_keeps_stderr_does_not_hold_us)
{
    ck_assert_int_eq(run("sleep 1000 >/dev/null & echo $!"), 0);
    ck_assert_int_eq(kill((pid_t)strtol(out.data, NULL, 10), SIGKILL), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("process");
    TCase *tcase = tcase_create("process");
    tcase_add_checked_fixture(tcase, begin, end);
    tcase_add_test(tcase, what_it_printed_is_read_to_its_end);
    tcase_add_test(tcase, a_failure_names_the_program_and_its_last_words);
    tcase_add_test(tcase, a_signal_is_told_by_its_name);
    tcase_add_test(tcase, lines_of_stderr_are_cut_cleaned_and_never_lost);
    tcase_add_test(tcase, a_program_that_is_not_there_or_cannot_run_is_told_at_once);
    tcase_add_test(tcase, its_environment_is_ours_with_the_changes);
    tcase_add_test(tcase, nothing_of_ours_leaks_into_it);
    tcase_add_test(tcase, it_is_written_to_and_read_from);
    tcase_add_test(tcase, descriptors_of_the_caller_stay_the_callers);
    tcase_add_test(tcase, a_process_without_open_descriptors_can_start_one);
    tcase_add_test(tcase, one_that_prints_without_end_is_ended);
    tcase_add_test(tcase, one_that_survives_us_is_not_ended_by_a_cancel);
    tcase_add_test(tcase, a_cancel_ends_it_and_is_the_reason);
    tcase_add_test(tcase, freed_it_is_gone);
    tcase_add_test(tcase, a_wrapper_goes_with_what_it_has_started);
    tcase_add_test(tcase, what_ignores_the_signal_does_not_outlive_the_wrapper);
    tcase_add_test(tcase, signals_of_a_terminal_reach_us_alone);
    tcase_add_test(tcase, a_grandchild_that_keeps_stderr_does_not_hold_us);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
