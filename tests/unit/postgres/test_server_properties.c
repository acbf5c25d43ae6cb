#include "postgres/server.h"

#include "base/log.h"
#include "base/memory.h"
#include "tests/support/captured.h"
#include "tests/support/fake_libpq.h"
#include "tests/support/run_suite.h"

#include <check.h>
#include <stdlib.h>

static struct err err;
static struct server *server;
static struct server_properties properties;

static void serve_version(int version)
{
    server_free(server);
    fake_libpq_reset();
    fake_libpq_serve(version, 1000);
    server = server_connect("host=h dbname=shop user=keeper", NULL, NULL, &err);
    ck_assert_msg(server != NULL, "%s", err.text);
}

static void serve(void)
{
    err = (struct err){0};
    server = NULL;
    properties =
        (struct server_properties){.connection_limit = -1, .allow_connections = true};
    log_setup(LOG_LEVEL_WARNING, LOG_FORMAT_TEXT);
    serve_version(150018);
}

static void forget(void)
{
    server_properties_release(&properties);
    server_free(server);
    ck_assert_uint_eq(fake_libpq_open(), 0);
    fake_libpq_reset();
}

/* ---- reading ---- */

static const struct {
    int version;
    const char *columns, *letter, *provider;
} providers[] = {
    {140010, "'c'::pg_catalog.\"char\", NULL::pg_catalog.text, NULL", "c", "libc"},
    {150018, "d.datlocprovider, d.daticulocale, NULL", "i", "icu"},
    {160004, "d.datlocprovider, d.daticulocale, d.daticurules", "i", "icu"},
    {170004, "d.datlocprovider, d.datlocale, d.daticurules", "b", "builtin"},
};

START_TEST(the_properties_are_read_as_each_version_keeps_them)
{
    serve_version(providers[_i].version);
    fake_libpq_answer("pg_encoding_to_char(d.encoding)", 11, "LATIN1", "C", "de_DE",
                      providers[_i].letter, "und", "& V < a", "owner", "it's\na comment",
                      "t", "f", "7", FAKE_LIBPQ_END);
    fake_libpq_answer("pg_db_role_setting", 1, "\twork_mem=7MB", "app\tsearch_path=x",
                      FAKE_LIBPQ_END);
    fake_libpq_answer("d.datacl", 1, "=Tc/owner", "owner=CTc/owner", FAKE_LIBPQ_END);
    ck_assert_int_eq(server_properties(server, &properties, &err), 0);
    ck_assert_uint_eq(fake_libpq_asked(providers[_i].columns), 1);
    ck_assert_str_eq(properties.encoding, "LATIN1");
    ck_assert_str_eq(properties.collate, "C");
    ck_assert_str_eq(properties.ctype, "de_DE");
    ck_assert_str_eq(properties.locale_provider, providers[_i].provider);
    ck_assert_str_eq(properties.icu_locale, "und");
    ck_assert_str_eq(properties.icu_rules, "& V < a");
    ck_assert_str_eq(properties.owner, "owner");
    ck_assert_str_eq(properties.comment, "it's\na comment");
    ck_assert(properties.is_template);
    ck_assert(!properties.allow_connections);
    ck_assert_int_eq(properties.connection_limit, 7);
    ck_assert_uint_eq(properties.settings.count, 2);
    ck_assert_str_eq(properties.settings.items[1], "app\tsearch_path=x");
    ck_assert_uint_eq(properties.acl.count, 2);
}
END_TEST

START_TEST(a_database_that_went_away_while_it_was_asked_is_an_error)
{
    fake_libpq_answer("pg_encoding_to_char(d.encoding)", 11, FAKE_LIBPQ_END);
    ck_assert_int_eq(server_properties(server, &properties, &err), -1);
    ck_assert_str_eq(err.text, "the database has been renamed or dropped");
}
END_TEST

START_TEST(whichever_question_fails_nothing_half_read_is_left)
{
    for (unsigned n = 1; n <= 3; n++) {
        err = (struct err){0};
        serve_version(150018);
        fake_libpq_lose_at(n);
        ck_assert_int_eq(server_properties(server, &properties, &err), -1);
        ck_assert_int_eq(err.kind, ERR_DATABASE);
        ck_assert_ptr_null(properties.encoding);
        ck_assert_uint_eq(properties.settings.count, 0);
    }
}
END_TEST

/* ---- making ---- */

static void set(char **field, const char *text)
{
    memory_replace(field, text);
}

START_TEST(without_properties_the_servers_defaults_are_taken)
{
    ck_assert_int_eq(server_create_database(server, "new \"one\"", NULL, &err), 0);
    ck_assert_str_eq(fake_libpq_last("CREATE DATABASE"),
                     "CREATE DATABASE \"new \"\"one\"\"\" TEMPLATE template0");
}
END_TEST

static const struct {
    int version;
    const char *provider, *locale;
    const char *sql;
    bool warns;
} locales[] = {
    {150018, NULL, NULL, "LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'", false},
    {150018, "libc", NULL, "LC_COLLATE 'C' LC_CTYPE 'C.UTF-8' LOCALE_PROVIDER 'libc'",
     false},
    {150018, "icu", "de", "LOCALE_PROVIDER 'icu' ICU_LOCALE 'de'", false},
    {170004, "builtin", "C.UTF-8", "LOCALE_PROVIDER 'builtin' BUILTIN_LOCALE 'C.UTF-8'",
     false},
    {140010, "libc", NULL, "LC_CTYPE 'C.UTF-8'", false},
    {140010, "icu", "de", "LC_CTYPE 'C.UTF-8'", true},
};

START_TEST(the_locale_comes_back_as_far_as_the_server_knows_it)
{
    struct text said;
    serve_version(locales[_i].version);
    set(&properties.encoding, "UTF8");
    set(&properties.collate, "C");
    set(&properties.ctype, "C.UTF-8");
    set(&properties.locale_provider, locales[_i].provider);
    set(&properties.icu_locale, locales[_i].locale);
    captured_begin();
    ck_assert_int_eq(server_create_database(server, "new", &properties, &err), 0);
    captured_end(&said);
    char *end = memory_format("TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C'");
    const char *sql = fake_libpq_last("CREATE DATABASE");
    ck_assert_msg(strstr(sql, end) != NULL && text_ends_with(sql, locales[_i].sql), "%s",
                  sql);
    ck_assert_int_eq(strstr(said.data, "no locale provider") != NULL, locales[_i].warns);
    free(end);
    text_release(&said);
}
END_TEST

static const struct {
    int version;
    bool kept;
} rules[] = {{150018, false}, {160004, true}, {170004, true}};

START_TEST(icu_rules_come_back_where_the_server_knows_them)
{
    serve_version(rules[_i].version);
    set(&properties.locale_provider, "icu");
    set(&properties.icu_locale, "de");
    set(&properties.icu_rules, "& V << w");
    ck_assert_int_eq(server_create_database(server, "new", &properties, &err), 0);
    ck_assert_int_eq(strstr(fake_libpq_last("CREATE DATABASE"), "ICU_RULES '& V << w'") !=
                         NULL,
                     rules[_i].kept);
}
END_TEST

START_TEST(the_owner_comes_back_where_the_role_exists)
{
    struct text said;
    set(&properties.owner, "boss \"x\"");
    fake_libpq_answer("pg_roles WHERE rolname = $1; $1=boss", 1, "1", FAKE_LIBPQ_END);
    ck_assert_int_eq(server_create_database(server, "new", &properties, &err), 0);
    ck_assert_str_eq(fake_libpq_last("CREATE DATABASE"),
                     "CREATE DATABASE \"new\" TEMPLATE template0 OWNER \"boss \"\"x\"\"\"");
    set(&properties.owner, "gone");
    captured_begin();
    ck_assert_int_eq(server_create_database(server, "new", &properties, &err), 0);
    captured_end(&said);
    ck_assert_str_eq(fake_libpq_last("CREATE DATABASE"),
                     "CREATE DATABASE \"new\" TEMPLATE template0");
    ck_assert_msg(strstr(said.data, "its owner \"gone\" is no role of this server") != NULL,
                  "%s", said.data);
    text_release(&said);
    fake_libpq_break("pg_roles");
    ck_assert_int_eq(server_create_database(server, "new", &properties, &err), -1);
    ck_assert_msg(text_starts_with(err.text, "database \"new\": roles: "), "%s", err.text);
}
END_TEST

START_TEST(a_database_that_cannot_be_made_is_an_error_and_its_comment_is_not_tried)
{
    set(&properties.comment, "a comment");
    fake_libpq_fail("CREATE DATABASE", "ERROR:  database \"new\" already exists\n");
    ck_assert_int_eq(server_create_database(server, "new", &properties, &err), -1);
    ck_assert_str_eq(err.text,
                     "database \"new\": creating the database: ERROR: database "
                     "\"new\" already exists\nhint: the target holds such an object: "
                     "restore into an empty database");
    ck_assert_uint_eq(fake_libpq_asked("COMMENT"), 0);
}
END_TEST

START_TEST(a_comment_that_is_refused_does_not_make_the_database_a_failure)
{
    struct text said;
    set(&properties.comment, "it's");
    ck_assert_int_eq(server_create_database(server, "new", &properties, &err), 0);
    ck_assert_str_eq(fake_libpq_last("COMMENT"), "COMMENT ON DATABASE \"new\" IS 'it''s'");
    fake_libpq_fail("COMMENT ON", "ERROR:  must be owner of database new");
    captured_begin();
    ck_assert_int_eq(server_create_database(server, "new", &properties, &err), 0);
    captured_end(&said);
    ck_assert_ptr_nonnull(strstr(said.data, "database \"new\": comment of the database: "));
    text_release(&said);
}
END_TEST

/* ---- settings, rights, limits ---- */

/* As a restore does: some before the content, the rest behind it. */
static int apply(void)
{
    return server_apply_settings(server, "new", &properties, &err) < 0
               ? -1
               : server_apply_properties(server, "new", &properties, &err);
}

static const struct {
    const char *entry, *sql;
} settings[] = {
    {"work_mem=7MB", "ALTER DATABASE \"new\" SET \"work_mem\" TO '7MB'"},
    {"\twork_mem=7MB", "ALTER DATABASE \"new\" SET \"work_mem\" TO '7MB'"},
    {"\tmy.setting=it's = a\tvalue",
     "ALTER DATABASE \"new\" SET \"my\".\"setting\" TO 'it''s = a\tvalue'"},
    {"a\trole\tstatement_timeout=5min",
     "ALTER ROLE \"a\trole\" IN DATABASE \"new\" SET \"statement_timeout\" TO '5min'"},
    {"app\tsearch_path=\"$user\", public, \"odd, \"\"name\"\"\"",
     "ALTER ROLE \"app\" IN DATABASE \"new\" SET \"search_path\" TO '$user', 'public', "
     "'odd, "
     "\"name\"'"},
    {"\tsearch_path=", "ALTER DATABASE \"new\" SET \"search_path\" TO ''"},
    {"\ttemp_tablespaces=a, b",
     "ALTER DATABASE \"new\" SET \"temp_tablespaces\" TO 'a', 'b'"},
    {"\tDateStyle=SQL, DMY", "ALTER DATABASE \"new\" SET \"DateStyle\" TO 'SQL, DMY'"},
};

START_TEST(a_setting_comes_back_as_it_was_written)
{
    strlist_add(&properties.settings, settings[_i].entry);
    ck_assert_int_eq(apply(), 0);
    ck_assert_str_eq(fake_libpq_last("ALTER "), settings[_i].sql);
}
END_TEST

static const char *const late_settings[] = {"\tdefault_transaction_read_only=on",
                                            "app\trole=other"};

START_TEST(what_would_forbid_writing_is_set_behind_the_content)
{
    strlist_add(&properties.settings, late_settings[_i]);
    strlist_add(&properties.settings, "\tTimeZone=Asia/Tokyo");
    ck_assert_int_eq(server_apply_settings(server, "new", &properties, &err), 0);
    ck_assert_uint_eq(fake_libpq_asked("ALTER "), 1);
    ck_assert_uint_eq(fake_libpq_asked("\"TimeZone\" TO 'Asia/Tokyo'"), 1);
    ck_assert_int_eq(server_apply_properties(server, "new", &properties, &err), 0);
    ck_assert_uint_eq(fake_libpq_asked("ALTER "), 2);
}
END_TEST

START_TEST(what_the_server_refuses_is_a_warning_and_the_rest_follows)
{
    struct text said;
    strlist_add(&properties.settings, "gone\twork_mem=1");
    strlist_add(&properties.settings, "unreadable");
    strlist_add(&properties.settings, "\twork_mem=2");
    fake_libpq_fail("ALTER ROLE \"gone\"", "ERROR:  role \"gone\" does not exist");
    captured_begin();
    ck_assert_int_eq(apply(), 0);
    captured_end(&said);
    ck_assert_ptr_nonnull(
        strstr(said.data, "not applied: setting work_mem of role gone: "));
    ck_assert_ptr_nonnull(strstr(said.data, "not applied: a setting that cannot be read"));
    ck_assert_uint_eq(fake_libpq_asked("TO '2'"), 1);
    text_release(&said);
}
END_TEST

START_TEST(rights_are_given_one_by_one_with_their_grant_options)
{
    static const char *const grants[] = {
        "REVOKE ALL ON DATABASE \"new\" FROM PUBLIC",
        "GRANT TEMPORARY ON DATABASE \"new\" TO PUBLIC",
        "GRANT CONNECT ON DATABASE \"new\" TO PUBLIC",
        "GRANT CREATE ON DATABASE \"new\" TO \"say \"\"x\"\"=\" WITH GRANT OPTION",
        "GRANT CONNECT ON DATABASE \"new\" TO \"say \"\"x\"\"=\"",
    };
    strlist_add(&properties.acl, "=Tc/owner");
    strlist_add(&properties.acl, "\"say \"\"x\"\"=\"=C*xc/owner");
    strlist_add(&properties.acl, "no aclitem");
    ck_assert_int_eq(apply(), 0);
    for (size_t i = 0; i < sizeof grants / sizeof *grants; i++)
        ck_assert_msg(fake_libpq_asked(grants[i]) == 1, "%s", grants[i]);
    ck_assert_uint_eq(fake_libpq_asked("GRANT "), 4);
}
END_TEST

START_TEST(limits_come_back_and_defaults_are_left_alone)
{
    ck_assert_int_eq(apply(), 0);
    ck_assert_uint_eq(fake_libpq_asked("ALTER DATABASE"), 0);
    ck_assert_uint_eq(fake_libpq_asked("REVOKE"), 0);
    properties.connection_limit = 7;
    ck_assert_int_eq(apply(), 0);
    ck_assert_str_eq(fake_libpq_last("ALTER DATABASE"),
                     "ALTER DATABASE \"new\" CONNECTION LIMIT 7 IS_TEMPLATE false "
                     "ALLOW_CONNECTIONS true");
    properties.connection_limit = -2;
    properties.is_template = true;
    properties.allow_connections = false;
    ck_assert_int_eq(apply(), 0);
    ck_assert_str_eq(fake_libpq_last("ALTER DATABASE"),
                     "ALTER DATABASE \"new\" CONNECTION LIMIT -1 IS_TEMPLATE true "
                     "ALLOW_CONNECTIONS false");
}
END_TEST

START_TEST(a_lost_connection_is_an_error_wherever_it_happens)
{
    for (unsigned n = 1; n <= 4; n++) {
        err = (struct err){0};
        properties.connection_limit = 7;
        strlist_release(&properties.settings);
        strlist_release(&properties.acl);
        properties.settings = properties.acl = (struct strlist){0};
        strlist_add(&properties.settings, "\twork_mem=1");
        strlist_add(&properties.acl, "=c/owner");
        serve_version(150018);
        fake_libpq_lose_at(n);
        ck_assert_int_eq(apply(), -1);
        ck_assert_int_eq(err.kind, ERR_DATABASE);
        ck_assert_msg(text_starts_with(err.text, "database \"new\": "), "%s", err.text);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("server_properties");
    TCase *tcase = tcase_create("server_properties");
    tcase_add_checked_fixture(tcase, serve, forget);
    tcase_add_loop_test(tcase, the_properties_are_read_as_each_version_keeps_them, 0,
                        sizeof providers / sizeof *providers);
    tcase_add_test(tcase, a_database_that_went_away_while_it_was_asked_is_an_error);
    tcase_add_test(tcase, whichever_question_fails_nothing_half_read_is_left);
    tcase_add_test(tcase, without_properties_the_servers_defaults_are_taken);
    tcase_add_loop_test(tcase, the_locale_comes_back_as_far_as_the_server_knows_it, 0,
                        sizeof locales / sizeof *locales);
    tcase_add_loop_test(tcase, icu_rules_come_back_where_the_server_knows_them, 0, 3);
    tcase_add_test(tcase, the_owner_comes_back_where_the_role_exists);
    tcase_add_test(tcase,
                   a_database_that_cannot_be_made_is_an_error_and_its_comment_is_not_tried);
    tcase_add_test(tcase, a_comment_that_is_refused_does_not_make_the_database_a_failure);
    tcase_add_loop_test(tcase, a_setting_comes_back_as_it_was_written, 0,
                        sizeof settings / sizeof *settings);
    tcase_add_loop_test(tcase, what_would_forbid_writing_is_set_behind_the_content, 0, 2);
    tcase_add_test(tcase, what_the_server_refuses_is_a_warning_and_the_rest_follows);
    tcase_add_test(tcase, rights_are_given_one_by_one_with_their_grant_options);
    tcase_add_test(tcase, limits_come_back_and_defaults_are_left_alone);
    tcase_add_test(tcase, a_lost_connection_is_an_error_wherever_it_happens);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
