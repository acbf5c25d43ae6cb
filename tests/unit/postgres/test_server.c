#include "postgres/server.h"

#include "tests/support/run_suite.h"

#include <check.h>
#include <stdlib.h>

static void clear_environment(void)
{
    static const char *const names[] = {"PGHOST",    "PGHOSTADDR",   "PGPORT",
                                        "PGUSER",    "PGDATABASE",   "PGPASSWORD",
                                        "PGSERVICE", "PGPASSFILE",   "PGCONNECT_TIMEOUT",
                                        "PGOPTIONS", "PGSERVICEFILE"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unsetenv(names[i]);
}

static const struct {
    const char *conninfo;
    const char *says, *hint;
} unreachable[] = {
    {"host=/nonexistent dbname=d user=u", "cannot connect to database \"d\"",
     "no server at"},
    {"host=127.0.0.1 port=1 dbname=d user=u password=hunter2", "cannot connect to database",
     "is the server running"},
    {"host=nowhere.invalid dbname=d user=u", "could not translate host name", "resolver"},
    {"host=127.0.0.1 port=1 dbname=d user=u sslmode=hunter", "sslmode", NULL},
};

START_TEST(a_server_that_is_not_there_is_one_sentence_and_a_hint)
{
    struct err err = {0};
    clear_environment();
    struct server *server = server_connect(unreachable[_i].conninfo, NULL, NULL, &err);
    ck_assert_ptr_null(server);
    server_free(server);
    ck_assert_int_eq(err.kind, ERR_DATABASE);
    ck_assert_msg(strstr(err.text, unreachable[_i].says) != NULL, "%s", err.text);
    if (unreachable[_i].hint != NULL)
        ck_assert_msg(strstr(err.text, unreachable[_i].hint) != NULL, "%s", err.text);
    ck_assert_ptr_null(strstr(err.text, "hunter2"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("server");
    TCase *tcase = tcase_create("server");
    tcase_add_loop_test(tcase, a_server_that_is_not_there_is_one_sentence_and_a_hint, 0,
                        sizeof unreachable / sizeof *unreachable);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
