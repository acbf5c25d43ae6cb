#include "postgres/server.h"

#include "tests/support/fake_libpq.h"
#include "tests/support/run_suite.h"

#include <check.h>

static struct err err;
static struct server *server;
static struct strlist include, exclude;
static struct server_databases found;

static void serve(void)
{
    err = (struct err){0};
    include = exclude = (struct strlist){0};
    fake_libpq_serve(150018, 1000);
    fake_libpq_answer("SELECT datname, ", 4, "app1", "t", "-1", "f", "app2", "t", "7", "f",
                      "broken", "t", "-2", "f", "closed", "f", "-1", "f", "postgres", "t",
                      "-1", "f", "template0", "f", "-1", "t", "template1", "t", "-1", "t",
                      FAKE_LIBPQ_END);
    server = server_connect("host=h dbname=postgres user=keeper", NULL, NULL, &err);
    ck_assert_msg(server != NULL, "%s", err.text);
}

static void forget(void)
{
    server_databases_release(&found);
    strlist_release(&include);
    strlist_release(&exclude);
    server_free(server);
    ck_assert_uint_eq(fake_libpq_open(), 0);
    fake_libpq_reset();
}

/* "app1 app2 broken! closed!": a '!' behind those that cannot be dumped, '=' before those
 * that are named. */
static void assert_found(const char *expected)
{
    struct text text;
    text_init(&text, 1000);
    ck_assert_msg(server_databases(server, &include, &exclude, &found, &err) == 0, "%s",
                  err.text);
    for (size_t i = 0; i < found.count; i++)
        text_addf(&text, "%s%s%s%s", i > 0 ? " " : "", found.items[i].named ? "=" : "",
                  found.items[i].name, found.items[i].problem != NULL ? "!" : "");
    ck_assert_str_eq(text.data, expected);
    text_release(&text);
}

static const struct {
    const char *include[3], *exclude[3];
    const char *found;
} rows[] = {
    {{NULL}, {NULL}, "app1 app2 broken! closed! postgres"},
    {{"*"}, {NULL}, "app1 app2 broken! closed! postgres"},
    {{"app?"}, {NULL}, "app1 app2"},
    {{"*p*"}, {"app*", "x"}, "postgres"},
    {{"a*2", "post*"}, {NULL}, "app2 postgres"},
    {{"*"}, {"*"}, ""},
    {{"app1"}, {NULL}, "=app1"},
    {{"app1", "*"}, {"broken", "closed"}, "=app1 app2 postgres"},
    {{"broken"}, {NULL}, "=broken!"},
    {{"closed", "app1"}, {NULL}, "=app1 =closed!"},
    {{"absent"}, {NULL}, "=absent!"},
    {{"absent", "app1"}, {NULL}, "=app1 =absent!"},
    {{"absent"}, {"abs*"}, ""},
    {{"nothing*"}, {NULL}, ""},
    {{"App1"}, {NULL}, "=App1!"},
    {{"template1"}, {NULL}, "=template1"},
    {{"template0"}, {NULL}, "=template0!"},
    {{"template*"}, {NULL}, ""},
};

START_TEST(what_is_named_is_told_even_when_it_cannot_be_dumped)
{
    for (size_t i = 0; i < 3 && rows[_i].include[i] != NULL; i++)
        strlist_add(&include, rows[_i].include[i]);
    for (size_t i = 0; i < 3 && rows[_i].exclude[i] != NULL; i++)
        strlist_add(&exclude, rows[_i].exclude[i]);
    assert_found(rows[_i].found);
}
END_TEST

START_TEST(each_reason_is_one_sentence)
{
    strlist_add(&include, "broken");
    strlist_add(&include, "closed");
    strlist_add(&include, "postgers");
    strlist_add(&include, "something else");
    assert_found("=broken! =closed! =postgers! =something else!");
    ck_assert_str_eq(found.items[0].problem,
                     "it is invalid: a DROP DATABASE was interrupted (drop it again)");
    ck_assert_str_eq(found.items[1].problem,
                     "it takes no connections (ALTER DATABASE … ALLOW_CONNECTIONS true)");
    ck_assert_str_eq(found.items[2].problem,
                     "the server has no such database; did you mean \"postgres\"?");
    ck_assert_str_eq(found.items[3].problem, "the server has no such database");
}
END_TEST

START_TEST(a_question_that_fails_is_an_error_and_no_list)
{
    fake_libpq_break("SELECT datname, ");
    ck_assert_int_eq(server_databases(server, &include, &exclude, &found, &err), -1);
    ck_assert_int_eq(err.kind, ERR_DATABASE);
    ck_assert_uint_eq(found.count, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("server_databases");
    TCase *tcase = tcase_create("server_databases");
    tcase_add_checked_fixture(tcase, serve, forget);
    tcase_add_loop_test(tcase, what_is_named_is_told_even_when_it_cannot_be_dumped, 0,
                        sizeof rows / sizeof *rows);
    tcase_add_test(tcase, each_reason_is_one_sentence);
    tcase_add_test(tcase, a_question_that_fails_is_an_error_and_no_list);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
