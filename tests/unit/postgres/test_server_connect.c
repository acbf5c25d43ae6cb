#include "postgres/server.h"

#include "base/cancel.h"
#include "base/log.h"
#include "tests/support/captured.h"
#include "tests/support/fake_libpq.h"
#include "tests/support/run_suite.h"

#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNINFO "host=db.internal dbname=shop user=keeper password=hunter2"

static struct err err;

static void serve(void)
{
    err = (struct err){0};
    unsetenv("PGCONNECT_TIMEOUT");
    log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    fake_libpq_serve(150018, 1000);
}

static void forget(void)
{
    ck_assert_uint_eq(fake_libpq_open(), 0);
    fake_libpq_reset();
}

START_TEST(a_session_cannot_be_ended_early_and_looks_only_where_it_is_told)
{
    static const char *const settings[] = {
        "client_encoding UTF8",
        "set_config('search_path', '', false)",
        "SET statement_timeout = 0",
        "SET lock_timeout = 0",
        "SET idle_in_transaction_session_timeout = 0",
        "SET datestyle = ISO",
        "SET standard_conforming_strings = on",
    };
    struct server *server = server_connect(CONNINFO, NULL, NULL, &err);
    ck_assert_msg(server != NULL, "%s", err.text);
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        ck_assert_msg(fake_libpq_asked(settings[i]) == 1, "%s", settings[i]);
    ck_assert_uint_eq(fake_libpq_asked("transaction_timeout = 0"), 0);
    ck_assert_int_eq(server_version(server), 150018);
    ck_assert_str_eq(server_version_text(server), "15.18");
    ck_assert_str_eq(server_database(server), "shop");
    ck_assert_str_eq(server_host(server), "db.internal");
    ck_assert_str_eq(server_port(server), "5432");
    ck_assert_str_eq(server_user(server), "keeper");
    server_free(server);
    server_free(NULL);
}
END_TEST

START_TEST(a_server_of_17_has_one_more_timeout_to_switch_off)
{
    fake_libpq_reset();
    fake_libpq_serve(170004, 1000);
    struct server *server = server_connect(CONNINFO, "other", NULL, &err);
    ck_assert_str_eq(server_database(server), "other");
    ck_assert_uint_eq(fake_libpq_asked("SET transaction_timeout = 0"), 1);
    server_free(server);
}
END_TEST

START_TEST(without_an_encoding_texts_are_the_stored_bytes)
{
    static const struct row {
        const char *server, *client;
    } rows[] = {{"SQL_ASCII", "client_encoding SQL_ASCII"},
                {"MULE_INTERNAL", "client_encoding MULE_INTERNAL"},
                {"LATIN1", "client_encoding UTF8"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fake_libpq_encoding(rows[i].server, NULL);
        struct server *server = server_connect(CONNINFO, NULL, NULL, &err);
        ck_assert_ptr_nonnull(server);
        ck_assert_uint_eq(fake_libpq_asked(rows[i].client), 1);
        server_free(server);
    }
    fake_libpq_encoding("EUC_TW", "UTF8");
    ck_assert_ptr_null(server_connect(CONNINFO, NULL, NULL, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "cannot set client_encoding: conversion"));
}
END_TEST

static const struct {
    const char *host, *message;
    const char *says, *hint;
} refusals[] = {
    {"h", "FATAL:  database \"shop\" does not exist", "does not exist", "psql --list"},
    {"h", "FATAL:  role \"keeper\" does not exist", "role \"keeper\"", "user="},
    {"h", "FATAL:  password authentication failed for user \"keeper\"", "password auth",
     "~/.pgpass"},
    {"h", "FATAL:  sorry, too many clients already", "too many clients", "free connection"},
    {"h", "connection to server at \"h\" failed:\n\tsomething\nodd ",
     "failed: something odd", NULL},
    {"db.abcdefghijklmnopqrst.supabase.co", "Network is unreachable", "unreachable",
     "user=postgres.abcdefghijklmnopqrst"},
    {"db.ABC.supabase.co", "Network is unreachable", "unreachable", "IPv6"},
    {"db.abcdefghijklmnopqrst.supabase.co", "password authentication failed",
     "authentication", "~/.pgpass"},
    {"aws-0-eu.pooler.supabase.com port=6543", "whatever",
     "port 6543 is transaction pooling", "port=5432 user=keeper"},
};

START_TEST(a_refusal_is_one_line_with_the_hint_that_fits)
{
    struct text conninfo;
    text_init(&conninfo, 1000);
    text_addf(&conninfo, "dbname=shop user=keeper host=%s", refusals[_i].host);
    fake_libpq_refuse(NULL, refusals[_i].message);
    ck_assert_ptr_null(server_connect(conninfo.data, NULL, NULL, &err));
    ck_assert_int_eq(err.kind,
                     strstr(refusals[_i].message, "too many") ? ERR_AGAIN : ERR_DATABASE);
    const char *hint = strstr(err.text, "\nhint: ");
    ck_assert_msg(strstr(err.text, refusals[_i].says) != NULL, "%s", err.text);
    if (refusals[_i].hint != NULL)
        ck_assert_msg(hint != NULL && strstr(hint, refusals[_i].hint), "%s", err.text);
    else
        ck_assert_msg(hint == NULL, "%s", err.text);
    text_release(&conninfo);
}
END_TEST

START_TEST(whichever_call_loses_the_connection_it_is_one_error_and_nothing_is_left)
{
    unsigned calls = 1;
    for (unsigned n = 1; n <= calls; n++) {
        err = (struct err){0};
        fake_libpq_lose_at(0);
        unsigned before = fake_libpq_calls();
        server_free(server_connect(CONNINFO, NULL, NULL, &err));
        calls = fake_libpq_calls() - before;
        fake_libpq_lose_at(n);
        struct server *server = server_connect(CONNINFO, NULL, NULL, &err);
        /* The second is the question for a pooler, which is not worth an error. */
        ck_assert_msg(server == NULL || n == 2, "call %u", n);
        ck_assert_int_eq(err.kind, server == NULL ? ERR_DATABASE : ERR_NONE);
        server_free(server);
        ck_assert_uint_eq(fake_libpq_open(), 0);
    }
    ck_assert_uint_gt(calls, 8);
}
END_TEST

START_TEST(a_pooler_that_shares_sessions_is_refused_before_anything_is_set)
{
    fake_libpq_pool(1);
    ck_assert_ptr_null(server_connect(CONNINFO, NULL, NULL, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "shares the server's sessions"));
    ck_assert_ptr_nonnull(strstr(err.text, "hint: connect to the server itself"));
    ck_assert_uint_eq(fake_libpq_asked("SET "), 0);
    ck_assert_uint_eq(fake_libpq_asked("client_encoding"), 0);
}
END_TEST

START_TEST(a_pooler_that_keeps_sessions_apart_serves)
{
    fake_libpq_pool(100);
    struct server *server = server_connect(CONNINFO, NULL, NULL, &err);
    ck_assert_msg(server != NULL, "%s", err.text);
    server_free(server);
}
END_TEST

static const struct {
    enum log_level level;
    enum log_format format;
    const char *said, *not_said;
} notices[] = {
    {LOG_LEVEL_INFO, LOG_FORMAT_TEXT,
     "database \"shop\": server: WARNING: database \"a\\x1B[31m\" has a collation version "
     "mismatch DETAIL: created with 2.31\n",
     "chat"},
    {LOG_LEVEL_INFO, LOG_FORMAT_JSON, "\"message\"", "chat"},
    {LOG_LEVEL_DEBUG, LOG_FORMAT_TEXT, "database \"shop\": server: NOTICE: chat\n", "\x1b"},
    {LOG_LEVEL_WARNING, LOG_FORMAT_TEXT, "", "WARNING"},
};

/* Collation versions and login triggers speak while connecting already. */
START_TEST(notices_go_to_the_log_and_nowhere_else)
{
    struct text said;
    fake_libpq_notice(NULL,
                      "WARNING:  database \"a\x1b[31m\" has a collation version mismatch\n"
                      "DETAIL:  created with 2.31\n");
    fake_libpq_notice("SET lock_timeout", "NOTICE:  chat\n");
    captured_begin();
    log_setup(notices[_i].level, notices[_i].format);
    server_free(server_connect(CONNINFO, NULL, NULL, &err));
    captured_end(&said);
    ck_assert_msg(strstr(said.data, notices[_i].said) != NULL, "%s", said.data);
    ck_assert_msg(strstr(said.data, notices[_i].not_said) == NULL, "%s", said.data);
    ck_assert_ptr_null(strstr(said.data, "\x1b"));
    text_release(&said);
}
END_TEST

/* libpq itself, and a server that takes connections and never says a word. */
static int listen_silently(char *conninfo, size_t size)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, length), 0);
    ck_assert_int_eq(listen(listener, 5), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &length), 0);
    (void)snprintf(conninfo, size,
                   "host=127.0.0.1 port=%d dbname=shop user=u connect_timeout=1",
                   ntohs(address.sin_port));
    fake_libpq_reset();
    return listener;
}

START_TEST(a_cancel_ends_the_wait_for_a_login)
{
    char conninfo[100];
    int listener = listen_silently(conninfo, sizeof conninfo);
    ck_assert_int_eq(cancel_install(&err), 0);
    cancel_trip(NULL, CANCEL_SIGTERM);
    ck_assert_ptr_null(server_connect(conninfo, NULL, NULL, &err));
    ck_assert_int_eq(err.kind, ERR_CANCELLED);
    (void)close(listener);
}
END_TEST

START_TEST(a_server_that_says_nothing_is_given_up_after_connect_timeout)
{
    char conninfo[100];
    int listener = listen_silently(conninfo, sizeof conninfo);
    ck_assert_ptr_null(server_connect(conninfo, NULL, NULL, &err));
    ck_assert_int_eq(err.kind, ERR_DATABASE);
    ck_assert_msg(strstr(err.text, "timeout expired") != NULL, "%s", err.text);
    ck_assert_ptr_nonnull(strstr(err.text, "hint: no answer within connect_timeout"));
    (void)close(listener);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("server_connect");
    TCase *tcase = tcase_create("server_connect");
    tcase_add_checked_fixture(tcase, serve, forget);
    tcase_add_test(tcase, a_session_cannot_be_ended_early_and_looks_only_where_it_is_told);
    tcase_add_test(tcase, a_server_of_17_has_one_more_timeout_to_switch_off);
    tcase_add_test(tcase, without_an_encoding_texts_are_the_stored_bytes);
    tcase_add_loop_test(tcase, a_refusal_is_one_line_with_the_hint_that_fits, 0,
                        sizeof refusals / sizeof *refusals);
    tcase_add_test(tcase,
                   whichever_call_loses_the_connection_it_is_one_error_and_nothing_is_left);
    tcase_add_test(tcase, a_pooler_that_shares_sessions_is_refused_before_anything_is_set);
    tcase_add_test(tcase, a_pooler_that_keeps_sessions_apart_serves);
    tcase_add_loop_test(tcase, notices_go_to_the_log_and_nowhere_else, 0,
                        sizeof notices / sizeof *notices);
    tcase_add_test(tcase, a_cancel_ends_the_wait_for_a_login);
    tcase_add_test(tcase, a_server_that_says_nothing_is_given_up_after_connect_timeout);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
