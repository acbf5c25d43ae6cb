#include "postgres/server.h"

#include "postgres/dump.h"
#include "tests/support/run_suite.h"
#include "tests/support/scratch.h"

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
    bool readable, secret;
    const char *shown; /* NULL: as it was given */
} publics[] = {
    {"shop", true, false, NULL},
    {"", true, false, NULL},
    {"host=h dbname=d user=u", true, false, NULL},
    {"host=h password=hunter2", true, true, "host='h'"},
    {"host=h password='hunter2 x'", true, true, "host='h'"},
    {"host = h   password = hunter2", true, true, "host='h'"},
    {"host=h sslpassword=hunter2 sslkey=k", true, true, "host='h' sslkey='k'"},
    {"password=hunter2 dbname='it''s'", false, true, NULL},
    {"password=hunter2 dbname='it\\'s \\\\'", true, true, "dbname='it\\'s \\\\'"},
    {"password=hunter2 dbname='a\nb'", true, true, "dbname='a\nb'"},
    {"postgresql://u@h:5432/d", true, false, NULL},
    {"postgresql://u:hunter2@h:5433/d", true, true,
     "user='u' dbname='d' host='h' port='5433'"},
    {"postgres://u@h/d%20e?password=hunter2", true, true, "user='u' dbname='d e' host='h'"},
    {"postgresql://h1:1,h2:2/d?target_session_attrs=any", true, false, NULL},
    {"host=h pasword=hunter2", false, true, NULL},
    {"host=h password='hunter2", false, true, NULL},
    {"postgresql://u:hunter2@[::1/d", false, true, NULL},
};

START_TEST(the_public_form_of_a_conninfo_holds_no_password)
{
    struct err err = {0};
    const char *conninfo = publics[_i].conninfo;
    char *shown = server_conninfo_public(conninfo, &err);
    ck_assert_int_eq(server_conninfo_has_password(conninfo), publics[_i].secret);
    ck_assert_msg(strstr(err.text, "hunter2") == NULL, "%s", err.text);
    if (publics[_i].readable) {
        ck_assert_msg(shown != NULL, "%s", err.text);
        ck_assert_str_eq(shown, publics[_i].shown != NULL ? publics[_i].shown : conninfo);
    } else {
        ck_assert_ptr_null(shown);
        ck_assert_int_eq(err.kind, ERR_USAGE);
        ck_assert_ptr_nonnull(strstr(err.text, "\nhint: "));
    }
    free(shown);
}
END_TEST

static const struct {
    const char *conninfo, *variable, *value, *database;
} defaults[] = {
    {"shop", NULL, NULL, "shop"},
    {"shop", "PGDATABASE", "other", "shop"},
    {"host=h user=u", "PGDATABASE", "env", "env"},
    {"host=h user=u", NULL, NULL, "u"},
    {"host=h", "PGUSER", "me", "me"},
    {"dbname='a b' user=u", NULL, NULL, "a b"},
    {"postgresql://u@h/", NULL, NULL, "u"},
    {"postgresql:///%C3%A4%2Fb", NULL, NULL, "ä/b"},
    {"dbname=../x", NULL, NULL, "../x"},
};

START_TEST(the_database_is_conninfos_then_the_environments_then_the_users_name)
{
    struct err err = {0};
    clear_environment();
    if (defaults[_i].variable != NULL)
        setenv(defaults[_i].variable, defaults[_i].value, 1);
    char *database = server_conninfo_database(defaults[_i].conninfo, &err);
    ck_assert_msg(database != NULL, "%s", err.text);
    ck_assert_str_eq(database, defaults[_i].database);
    free(database);
}
END_TEST

START_TEST(a_service_file_names_the_database)
{
    struct err err = {0};
    char path[SCRATCH_SIZE];
    scratch_file(path, "[shop]\ndbname=from_service\nhost=db.internal\nport=6000\n");
    clear_environment();
    setenv("PGSERVICEFILE", path, 1);
    char *database = server_conninfo_database("service=shop user=u", &err);
    ck_assert_msg(database != NULL, "%s", err.text);
    ck_assert_str_eq(database, "from_service");
    free(database);
    ck_assert_ptr_null(server_conninfo_database("service=absent", &err));
    ck_assert_int_eq(err.kind, ERR_USAGE);
}
END_TEST

#define COMMON                                                                             \
    " application_name='pgkeep' connect_timeout='15' keepalives_idle='30' "                \
    "keepalives_interval='10' keepalives_count='6' options='' client_encoding=''"

static const struct {
    const char *conninfo, *database;
    const char *argument;
    const char *env; /* one that must be there */
} children[] = {
    {"shop", NULL, "dbname='shop'" COMMON, "PGDATABASE"},
    {"shop", "a=b", "dbname='a=b'" COMMON, "PGOPTIONS"},
    {"shop", "postgresql://evil/x", "dbname='postgresql://evil/x'" COMMON,
     "PGCLIENTENCODING"},
    {"host=h dbname=d", "it's \\ \"x\"\n",
     "host='h' dbname='it\\'s \\\\ \"x\"\n'" COMMON " hostaddr=''", "PGHOSTADDR"},
    {"hostaddr=10.0.0.1 dbname=d", NULL, "dbname='d' hostaddr='10.0.0.1'" COMMON " host=''",
     "PGHOSTADDR"},
    {"dbname=d password='p w'", NULL, "dbname='d'" COMMON, "PGPASSWORD=p w"},
    {"postgresql://u:p%40%2F@h:1/d", NULL,
     "user='u' dbname='d' host='h' port='1'" COMMON " hostaddr=''", "PGPASSWORD=p@/"},
    {"dbname=d options='-c role=x' application_name=mine connect_timeout=3", NULL,
     "connect_timeout='3' dbname='d' options='-c role=x' application_name='mine' "
     "keepalives_idle='30' keepalives_interval='10' keepalives_count='6' "
     "client_encoding=''",
     "PGAPPNAME"},
};

START_TEST(a_child_gets_all_but_the_password_by_argument)
{
    struct err err = {0};
    struct server_child child;
    clear_environment();
    ck_assert_msg(
        server_child(children[_i].conninfo, children[_i].database, &child, &err) == 0, "%s",
        err.text);
    ck_assert_str_eq(child.argument, children[_i].argument);
    ck_assert_msg(strlist_has(&child.env, children[_i].env), "%s", children[_i].env);
    ck_assert(strlist_has(&child.env, "LC_ALL=C"));
    ck_assert(!strlist_has(&child.env, "PGPASSWORD")); /* an inherited one may be needed */
    server_child_release(&child);
    ck_assert_ptr_null(child.argument);
}
END_TEST

START_TEST(a_user_alone_names_no_database)
{
    static const struct row {
        const char *conninfo;
        bool named;
    } rows[] = {
        {"host=db user=postgres", false}, {"postgresql://postgres@db", false},
        {"host=db dbname=shop", true},    {"postgresql://postgres@db/shop", true},
        {"service=shop", true},           {"shop", true},
    };
    unsetenv("PGDATABASE");
    unsetenv("PGSERVICE");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        ck_assert_msg(server_conninfo_names_database(rows[i].conninfo) == rows[i].named,
                      "%s", rows[i].conninfo);
    setenv("PGDATABASE", "shop", 1);
    ck_assert(server_conninfo_names_database("host=db"));
}
END_TEST

START_TEST(the_environment_fills_in_what_conninfo_lacks)
{
    struct err err = {0};
    struct server_child child;
    clear_environment();
    setenv("PGHOST", "from-env", 1);
    setenv("PGDATABASE", "from_env", 1);
    setenv("PGCONNECT_TIMEOUT", "7", 1);
    ck_assert_int_eq(server_child("user=u", NULL, &child, &err), 0);
    ck_assert_ptr_nonnull(strstr(child.argument, "dbname='from_env'"));
    ck_assert_ptr_null(strstr(child.argument, "connect_timeout"));
    ck_assert_ptr_null(strstr(child.argument, "host="));
    ck_assert(!strlist_has(&child.env, "PGHOST"));
    ck_assert(!strlist_has(&child.env, "PGHOSTADDR"));
    ck_assert(strlist_has(&child.env, "PGUSER"));
    server_child_release(&child);
}
END_TEST

START_TEST(a_secret_that_only_argv_could_carry_is_refused)
{
    struct err err = {0};
    struct server_child child;
    ck_assert_int_eq(server_child("dbname=d sslpassword=hunter2", NULL, &child, &err), -1);
    ck_assert_int_eq(err.kind, ERR_USAGE);
    ck_assert_ptr_nonnull(strstr(err.text, "sslpassword"));
    ck_assert_ptr_null(strstr(err.text, "hunter2"));
}
END_TEST

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
    struct server *server = server_connect(unreachable[_i].conninfo, NULL, &err);
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
    tcase_add_loop_test(tcase, the_public_form_of_a_conninfo_holds_no_password, 0,
                        sizeof publics / sizeof *publics);
    tcase_add_loop_test(tcase,
                        the_database_is_conninfos_then_the_environments_then_the_users_name,
                        0, sizeof defaults / sizeof *defaults);
    tcase_add_test(tcase, a_service_file_names_the_database);
    tcase_add_loop_test(tcase, a_child_gets_all_but_the_password_by_argument, 0,
                        sizeof children / sizeof *children);
    tcase_add_test(tcase, a_user_alone_names_no_database);
    tcase_add_test(tcase, the_environment_fills_in_what_conninfo_lacks);
    tcase_add_test(tcase, a_secret_that_only_argv_could_carry_is_refused);
    tcase_add_loop_test(tcase, a_server_that_is_not_there_is_one_sentence_and_a_hint, 0,
                        sizeof unreachable / sizeof *unreachable);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
