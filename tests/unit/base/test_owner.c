#include "base/owner.h"
#include "tests/support/run_suite.h"

#include <check.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static struct owner self(void)
{
    struct owner owner;
    struct err err = {0};
    ck_assert_int_eq(owner_self(&owner, &err), 0);
    return owner;
}

START_TEST(a_text_comes_back_as_the_owner_it_was)
{
    struct owner owner = self();
    struct owner back;
    char text[OWNER_SIZE];
    char again[OWNER_SIZE];
    owner_text(text, &owner);
    ck_assert_int_eq(owner_parse(text, &back), 0);
    ck_assert_str_eq(owner_text(again, &back), text);
    ck_assert_int_eq(back.pid, getpid());
    ck_assert_int_gt(back.start, 0);
    ck_assert_int_gt(back.pid_namespace, 0);
    ck_assert_uint_eq(strlen(back.boot), 36);
}
END_TEST

START_TEST(the_longest_owner_fits)
{
    struct owner owner = {INT64_MAX, INT64_MAX, INT64_MAX, "", ""};
    struct owner back;
    char text[OWNER_SIZE];
    memset(owner.boot, 'b', sizeof owner.boot - 1);
    memset(owner.host, ':', sizeof owner.host - 1);
    owner_text(text, &owner);
    ck_assert_int_eq(owner_parse(text, &back), 0);
    ck_assert_str_eq(back.host, owner.host);
}
END_TEST

static const char *const bad_texts[] = {
    "",
    "1",
    "1:2:3",
    "1:2:3:b",
    ":2:3:b:h",
    "0:2:3:b:h",
    "-1:2:3:b:h",
    "1:-2:3:b:h",
    "1x:2:3:b:h",
    "1:2:3::h",
    "99999999999999999999:2:3:b:h",
    "1:2:3:0123456789012345678901234567890123456789:h",
};

START_TEST(what_is_no_owner_is_unknown)
{
    struct owner owner;
    ck_assert_int_eq(owner_parse(bad_texts[_i], &owner), -1);
    ck_assert_int_eq(owner_text_state(bad_texts[_i]), OWNER_UNKNOWN);
    ck_assert_int_eq(owner_text_state(NULL), OWNER_UNKNOWN);
}
END_TEST

START_TEST(we_are_alive_under_any_host_name)
{
    struct owner owner = self();
    ck_assert_int_eq(owner_state(&owner), OWNER_ALIVE);
    snprintf(owner.host, sizeof owner.host, "renamed");
    ck_assert_int_eq(owner_state(&owner), OWNER_ALIVE);
}
END_TEST

START_TEST(a_pid_that_is_another_process_now_is_dead)
{
    struct owner owner = self();
    owner.start++;
    ck_assert_int_eq(owner_state(&owner), OWNER_DEAD);
}
END_TEST

START_TEST(who_lived_before_the_last_boot_is_dead)
{
    struct owner owner = self();
    owner.boot[0] = owner.boot[0] == 'a' ? 'b' : 'a';
    ck_assert_int_eq(owner_state(&owner), OWNER_DEAD);
}
END_TEST

START_TEST(another_machine_is_unknown)
{
    struct owner owner = self();
    owner.boot[0] = owner.boot[0] == 'a' ? 'b' : 'a';
    snprintf(owner.host, sizeof owner.host, "another.example");
    ck_assert_int_eq(owner_state(&owner), OWNER_UNKNOWN);
}
END_TEST

START_TEST(another_container_is_unknown)
{
    struct owner owner = self();
    owner.pid_namespace++;
    ck_assert_int_eq(owner_state(&owner), OWNER_UNKNOWN);
}
END_TEST

START_TEST(a_pid_beyond_all_pids_is_dead)
{
    struct owner owner = self();
    owner.pid = INT64_MAX;
    ck_assert_int_eq(owner_state(&owner), OWNER_DEAD);
}
END_TEST

/* A child that says who it is and waits for its end. */
static pid_t start_child(struct owner *owner)
{
    int fds[2];
    struct err err = {0};
    ck_assert_int_eq(pipe(fds), 0);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        if (owner_self(owner, &err) < 0 ||
            write(fds[1], owner, sizeof *owner) != sizeof *owner)
            _exit(1);
        for (;;)
            pause();
    }
    ck_assert_int_eq(read(fds[0], owner, sizeof *owner), sizeof *owner);
    close(fds[0]);
    close(fds[1]);
    return pid;
}

START_TEST(a_child_lives_then_is_a_zombie_then_is_gone)
{
    struct owner owner;
    siginfo_t info;
    pid_t pid = start_child(&owner);
    ck_assert_int_eq(owner.pid, pid);
    ck_assert_int_eq(owner_state(&owner), OWNER_ALIVE);
    kill(pid, SIGKILL);
    ck_assert_int_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    ck_assert_int_eq(owner_state(&owner), OWNER_DEAD);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
    ck_assert_int_eq(owner_state(&owner), OWNER_DEAD);
}
END_TEST

START_TEST(states_have_names)
{
    ck_assert_str_eq(owner_state_name(OWNER_DEAD), "dead");
    ck_assert_str_eq(owner_state_name(OWNER_ALIVE), "alive");
    ck_assert_str_eq(owner_state_name(OWNER_UNKNOWN), "unknown");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("owner");
    TCase *tcase = tcase_create("owner");
    tcase_add_test(tcase, a_text_comes_back_as_the_owner_it_was);
    tcase_add_test(tcase, the_longest_owner_fits);
    tcase_add_loop_test(tcase, what_is_no_owner_is_unknown, 0,
                        sizeof bad_texts / sizeof *bad_texts);
    tcase_add_test(tcase, we_are_alive_under_any_host_name);
    tcase_add_test(tcase, a_pid_that_is_another_process_now_is_dead);
    tcase_add_test(tcase, who_lived_before_the_last_boot_is_dead);
    tcase_add_test(tcase, another_machine_is_unknown);
    tcase_add_test(tcase, another_container_is_unknown);
    tcase_add_test(tcase, a_pid_beyond_all_pids_is_dead);
    tcase_add_test(tcase, a_child_lives_then_is_a_zombie_then_is_gone);
    tcase_add_test(tcase, states_have_names);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
