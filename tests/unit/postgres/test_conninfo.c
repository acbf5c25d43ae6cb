#include "postgres/conninfo.h"

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
    char *shown = conninfo_public(conninfo, &err);
    ck_assert_int_eq(conninfo_has_secret(conninfo), publics[_i].secret);
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
    char *database = conninfo_database(defaults[_i].conninfo, &err);
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
    char *database = conninfo_database("service=shop user=u", &err);
    ck_assert_msg(database != NULL, "%s", err.text);
    ck_assert_str_eq(database, "from_service");
    free(database);
    ck_assert_ptr_null(conninfo_database("service=absent", &err));
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
    struct conninfo_child child;
    clear_environment();
    ck_assert_msg(
        conninfo_child(children[_i].conninfo, children[_i].database, &child, &err) == 0,
        "%s", err.text);
    ck_assert_str_eq(child.argument, children[_i].argument);
    ck_assert_msg(strlist_has(&child.env, children[_i].env), "%s", children[_i].env);
    ck_assert(strlist_has(&child.env, "LC_ALL=C"));
    ck_assert(!strlist_has(&child.env, "PGPASSWORD")); /* an inherited one may be needed */
    conninfo_child_release(&child);
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
        ck_assert_msg(conninfo_names_database(rows[i].conninfo) == rows[i].named, "%s",
                      rows[i].conninfo);
    setenv("PGDATABASE", "shop", 1);
    ck_assert(conninfo_names_database("host=db"));
}
END_TEST

START_TEST(the_environment_fills_in_what_conninfo_lacks)
{
    struct err err = {0};
    struct conninfo_child child;
    clear_environment();
    setenv("PGHOST", "from-env", 1);
    setenv("PGDATABASE", "from_env", 1);
    setenv("PGCONNECT_TIMEOUT", "7", 1);
    ck_assert_int_eq(conninfo_child("user=u", NULL, &child, &err), 0);
    ck_assert_ptr_nonnull(strstr(child.argument, "dbname='from_env'"));
    ck_assert_ptr_null(strstr(child.argument, "connect_timeout"));
    ck_assert_ptr_null(strstr(child.argument, "host="));
    ck_assert(!strlist_has(&child.env, "PGHOST"));
    ck_assert(!strlist_has(&child.env, "PGHOSTADDR"));
    ck_assert(strlist_has(&child.env, "PGUSER"));
    conninfo_child_release(&child);
}
END_TEST

START_TEST(a_secret_that_only_argv_could_carry_is_refused)
{
    struct err err = {0};
    struct conninfo_child child;
    ck_assert_int_eq(conninfo_child("dbname=d sslpassword=hunter2", NULL, &child, &err),
                     -1);
    ck_assert_int_eq(err.kind, ERR_USAGE);
    ck_assert_ptr_nonnull(strstr(err.text, "sslpassword"));
    ck_assert_ptr_null(strstr(err.text, "hunter2"));
}
END_TEST

static const struct {
    const char *conninfo;
    bool readable, secret;
    const char *shown;
} conninfos[] = {
    {"shop", true, false, "shop"},
    {"host=h dbname=d user=u", true, false, "host=h dbname=d user=u"},
    {"host=h password=hunter2", true, true, "password=*** host=h"},
    {"host=h password='hunter2 x'", true, true, "password=*** host=h"},
    {"host=h sslpassword=hunter2", true, true, "host=h sslpassword=***"},
    {"host = h   password = hunter2", true, true, "password=*** host=h"},
    {"password=hunter2 application_name='my \\'app'", true, true,
     "password=*** application_name='my \\'app'"},
    {"postgresql://u@h:5432/d", true, false, "postgresql://u@h:5432/d"},
    {"postgresql://u:hunter2@h:5433/d", true, true, NULL},
    {"postgres://u@h/d?password=hunter2", true, true, NULL},
    {"postgresql://h/d?sslmode=require", true, false, "postgresql://h/d?sslmode=require"},
    {"host=h pasword=hunter2", false, true, "(hidden)"},
    {"host=h password='hunter2", false, true, "(hidden)"},
    {"postgresql://u:hunter2@[::1/d", false, true, "(hidden)"},
    {"", false, false, ""},
};

START_TEST(passwords_in_connection_strings_are_found_and_hidden)
{
    struct err err = {0};
    struct text text;
    const char *conninfo = conninfos[_i].conninfo;
    text_init(&text, 1000);
    ck_assert_int_eq(conninfo_check(conninfo, &err), conninfos[_i].readable ? 0 : -1);
    ck_assert_msg(!strstr(err.text, "hunter2"), "%s", err.text);
    ck_assert_int_eq(conninfo_has_secret(conninfo), conninfos[_i].secret);
    conninfo_redact(conninfo, &text);
    ck_assert_ptr_null(strstr(text.data, "hunter2"));
    if (conninfos[_i].shown)
        ck_assert_str_eq(text.data, conninfos[_i].shown);
    text_release(&text);
}
END_TEST

START_TEST(a_typo_is_named_when_no_password_is_near)
{
    struct err err = {0};
    ck_assert_int_eq(conninfo_check("hots=h dbname=d", &err), -1);
    ck_assert_msg(
        text_starts_with(err.text, "invalid connection option \"hots\"\nhint: as "), "%s",
        err.text);
}
END_TEST

static const char *const mistakes[] = {
    "postgresql+psycopg2://u:hunter2@h/d",
    "postgresql+psycopg2://u:hunter2@h/d?sslmode=require",
    "jdbc:postgresql://h/d?user=u&password=hunter2",
    "jdbc:postgresql://u:hunter2@h:5432/d",
    "POSTGRESQL://u:hunter2@h/d",
    "Postgres://u:hunter2@h/d?sslmode=require",
    "postgres ://u:hunter2@h/d",
    "postgresql:/u:hunter2@h/d",
    "postgresql//u:hunter2@h/d",
    "mysql://u:hunter2@h/d",
    "\"postgresql://u:hunter2@h/d\"",
    "'postgresql://u:hunter2@h/d'",
    " postgresql://u:hunter2@h/d",
    "\npostgresql://u:hunter2@h/d",
    "postgresql://u:hunter2@h/d ",
    "postgresql://u:hunter2@h/d\"",
    "postgresql://u:hunter2@h/d\n",
    "u:hunter2@h/d",
    "u:hunter2@h",
    "u:hunter2@h/d?sslmode=require",
    "postgresql://u:hunter2/x@h/d",
    "postgresql://u:12/hunter2@h/d",
    "postgresql://u:x@hunter2@h/d",
    "postgresql://u:x@hunter2/y@h/d",
    "postgresql://u:x?hunter2/y@h/d",
    "postgresql://u@h/d&password=hunter2",
    "postgresql://u@h/d;password=hunter2",
    "postgresql://u:hunter2%zz@h/d",
    "dbname=postgresql+x://u:hunter2@h/d",
    "dbname=u:hunter2@h",
    "host=u:hunter2@h dbname=d",
    "host=h user=u:hunter2@h dbname=d",
    "host=h;user=u;password=hunter2;dbname=d",
    "host=h,password=hunter2 dbname=d",
    "host=h;pwd=hunter2",
    "Server=h;Database=d;Pwd=hunter2",
    "host: h, password: hunter2, dbname: d",
    "{\"host\": \"h\", \"password\": \"hunter2\"}",
    "host=h password=x hunter2 dbname=d",
    "service=u:hunter2@h",
};

/* Note 32 of the contract: libpq would take these for names, or quote them. */
START_TEST(a_mistyped_connection_string_is_refused_and_never_quoted)
{
    struct err err = {0};
    struct conninfo_child child;
    struct text shown;
    const char *conninfo = mistakes[_i];
    clear_environment();
    text_init(&shown, 1000);
    conninfo_redact(conninfo, &shown);
    ck_assert_str_eq(shown.data, "(hidden)");
    ck_assert(conninfo_has_secret(conninfo));
    ck_assert_int_eq(conninfo_check(conninfo, &err), -1);
    ck_assert_int_eq(err.kind, ERR_USAGE);
    ck_assert_msg(strstr(err.text, "hunter2") == NULL, "%s", err.text);
    ck_assert_ptr_nonnull(strstr(err.text, "\nhint: as \"host="));
    ck_assert_ptr_null(conninfo_public(conninfo, &err));
    ck_assert_ptr_null(conninfo_database(conninfo, &err));
    ck_assert_ptr_null(conninfo_with_password(conninfo, "other", &err));
    ck_assert_int_eq(conninfo_child(conninfo, NULL, &child, &err), -1);
    ck_assert_msg(strstr(err.text, "hunter2") == NULL, "%s", err.text);
    text_release(&shown);
}
END_TEST

static const char *const good[] = {
    "postgresql://u:p%40%2F@h/d",
    "postgresql://u:p?q#r:s@h/d",
    "postgresql://u@h/d?application_name=a@b",
    "postgresql:///d?host=/var/run/postgresql",
    "postgresql://[fe80::1]:5432/d",
    "postgresql://h/a%40b",
    "host=h user=u password=x://y:z@w dbname=d",
    "host=h user=name@realm dbname=d",
    "host=fe80::1,10.0.0.1 dbname=passwords",
    "user@host",
    "a:b",
    "passwords",
    "shop",
};

START_TEST(what_libpq_reads_as_it_was_meant_is_taken)
{
    struct err err = {0};
    clear_environment();
    ck_assert_msg(conninfo_check(good[_i], &err) == 0, "%s", err.text);
}
END_TEST

START_TEST(a_mistake_in_the_environment_is_refused_too)
{
    static const char *const names[] = {"PGDATABASE", "PGHOST", "PGUSER"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct err err = {0};
        struct conninfo_child child;
        clear_environment();
        setenv(names[i], "postgresql+psycopg2://u:hunter2@h/d", 1);
        ck_assert_int_eq(conninfo_child("port=1", NULL, &child, &err), -1);
        ck_assert_ptr_nonnull(strstr(err.text, names[i]));
        ck_assert_ptr_null(strstr(err.text, "hunter2"));
    }
}
END_TEST

START_TEST(a_mistake_in_a_service_file_is_refused_too)
{
    struct err err = {0};
    struct conninfo_child child;
    char path[SCRATCH_SIZE];
    scratch_file(path, "[shop]\ndbname=postgresql+psycopg2://u:hunter2@h/d\nuser=u\n"
                       "[shop2]\nuser=u:hunter2@h\ndbname=d\n");
    clear_environment();
    setenv("PGSERVICEFILE", path, 1);
    ck_assert_int_eq(conninfo_child("service=shop", NULL, &child, &err), -1);
    ck_assert_msg(strstr(err.text, "hunter2") == NULL, "%s", err.text);
    ck_assert_int_eq(conninfo_child("service=shop2", NULL, &child, &err), -1);
    ck_assert_msg(strstr(err.text, "hunter2") == NULL, "%s", err.text);
}
END_TEST

START_TEST(a_database_of_the_server_may_have_any_name)
{
    struct err err = {0};
    struct conninfo_child child;
    clear_environment();
    ck_assert_int_eq(conninfo_child("host=h", "x://y:z@w", &child, &err), 0);
    ck_assert_ptr_nonnull(strstr(child.argument, "dbname='x://y:z@w'"));
    conninfo_child_release(&child);
}
END_TEST

START_TEST(texts_that_may_hold_a_password_are_known_by_their_looks)
{
    ck_assert(conninfo_may_be("postgresql://u:pw@h/d"));
    ck_assert(conninfo_may_be("u:pw@h"));
    ck_assert(conninfo_may_be("host=h Password = x"));
    ck_assert(!conninfo_may_be("nightly"));
    ck_assert(!conninfo_may_be("s3://bucket/prefix"));
    ck_assert(!conninfo_may_be("user@host:5432"));
}
END_TEST

/* Whatever the connection string led to, and whatever the name holds. */
START_TEST(another_database_takes_the_place_of_its_own)
{
    static const struct {
        const char *conninfo, *database;
    } rows[] = {{"host=db user=u", "shop"},
                {"host=db dbname=other", "it's \\ odd"},
                {"postgresql://u:p%40w@db:5433/other?sslmode=disable", "shop"},
                {"other", "host=x"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err err = {0};
        char *with = conninfo_with_database(rows[i].conninfo, rows[i].database, &err);
        ck_assert_msg(with != NULL, "%s", err.text);
        char *database = conninfo_database(with, &err);
        ck_assert_str_eq(database, rows[i].database);
        ck_assert_int_eq(conninfo_has_secret(with), i == 2);
        free(database);
        free(with);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("conninfo");
    TCase *tcase = tcase_create("conninfo");
    tcase_add_test(tcase, another_database_takes_the_place_of_its_own);
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
    tcase_add_loop_test(tcase, passwords_in_connection_strings_are_found_and_hidden, 0,
                        sizeof conninfos / sizeof *conninfos);
    tcase_add_test(tcase, a_typo_is_named_when_no_password_is_near);
    tcase_add_loop_test(tcase, a_mistyped_connection_string_is_refused_and_never_quoted, 0,
                        sizeof mistakes / sizeof *mistakes);
    tcase_add_loop_test(tcase, what_libpq_reads_as_it_was_meant_is_taken, 0,
                        sizeof good / sizeof *good);
    tcase_add_test(tcase, a_mistake_in_the_environment_is_refused_too);
    tcase_add_test(tcase, a_mistake_in_a_service_file_is_refused_too);
    tcase_add_test(tcase, a_database_of_the_server_may_have_any_name);
    tcase_add_test(tcase, texts_that_may_hold_a_password_are_known_by_their_looks);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
