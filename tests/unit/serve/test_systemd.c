#include "serve/systemd.h"

#include "tests/support/run_suite.h"
#include "tests/support/scratch.h"

#include <check.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int manager = -1;

/* A service manager's socket: by path, or abstract when the name begins with '@'. */
static void listen_at(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    ck_assert_uint_lt(strlen(name), sizeof address.sun_path);
    memcpy(address.sun_path, name, strlen(name));
    if (*name == '@')
        address.sun_path[0] = '\0';
    manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    ck_assert_int_ge(manager, 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
    ck_assert_int_eq(bind(manager, (const struct sockaddr *)&address, size), 0);
    ck_assert_int_eq(setenv("NOTIFY_SOCKET", name, 1), 0);
}

static const char *heard(void)
{
    static char text[1024];
    ssize_t size = recv(manager, text, sizeof text - 1, 0);
    text[size > 0 ? size : 0] = '\0';
    return text;
}

START_TEST(a_manager_hears_one_datagram_for_each_word)
{
    char folder[SCRATCH_SIZE], path[SCRATCH_SIZE + 2];
    scratch_folder(folder);
    (void)snprintf(path, sizeof path, "%s/n", folder);
    listen_at(path);
    systemd_notify("READY=1\nSTATUS=%d running", 2);
    systemd_notify("STOPPING=1");
    ck_assert_str_eq(heard(), "READY=1\nSTATUS=2 running");
    ck_assert_str_eq(heard(), "STOPPING=1");
    ck_assert_str_eq(heard(), "");
    close(manager);
}
END_TEST

START_TEST(an_abstract_name_begins_with_an_at_sign)
{
    char name[64];
    (void)snprintf(name, sizeof name, "@pgkeep-test-%ld", (long)getpid());
    listen_at(name);
    systemd_notify("READY=1");
    ck_assert_str_eq(heard(), "READY=1");
    close(manager);
}
END_TEST

START_TEST(without_a_manager_nothing_happens)
{
    ck_assert_int_eq(unsetenv("NOTIFY_SOCKET"), 0);
    systemd_notify("READY=1");
    ck_assert_int_eq(setenv("NOTIFY_SOCKET", "/nowhere/at/all", 1), 0);
    systemd_notify("READY=1");
    ck_assert_int_eq(setenv("NOTIFY_SOCKET", "relative", 1), 0);
    systemd_notify("READY=1");
}
END_TEST

static const struct {
    const char *usec, *pid;
    int64_t ms;
} watchdogs[] = {
    {"30000000", NULL, 15000}, {"30000000", "self", 15000}, {"30000000", "1", 0},
    {NULL, NULL, 0},           {"nonsense", NULL, 0},       {"1000", NULL, 1},
};

START_TEST(a_sign_of_life_is_due_after_half_the_time)
{
    char self[32];
    (void)snprintf(self, sizeof self, "%ld", (long)getpid());
    (void)unsetenv("WATCHDOG_USEC");
    (void)unsetenv("WATCHDOG_PID");
    if (watchdogs[_i].usec != NULL)
        (void)setenv("WATCHDOG_USEC", watchdogs[_i].usec, 1);
    if (watchdogs[_i].pid != NULL)
        (void)setenv("WATCHDOG_PID",
                     strcmp(watchdogs[_i].pid, "self") == 0 ? self : watchdogs[_i].pid, 1);
    ck_assert_int_eq(systemd_watchdog_ms(), watchdogs[_i].ms);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("systemd");
    TCase *tcase = tcase_create("systemd");
    tcase_add_test(tcase, a_manager_hears_one_datagram_for_each_word);
    tcase_add_test(tcase, an_abstract_name_begins_with_an_at_sign);
    tcase_add_test(tcase, without_a_manager_nothing_happens);
    tcase_add_loop_test(tcase, a_sign_of_life_is_due_after_half_the_time, 0,
                        (int)(sizeof watchdogs / sizeof *watchdogs));
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
