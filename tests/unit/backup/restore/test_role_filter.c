/* Globals with and without the passwords of roles; in pieces of every size. */
#include "backup/restore/role_filter.h"

#include "tests/support/run_suite.h"

#include <check.h>

static const struct {
    const char *in, *out;
} cases[] = {
    {"ALTER ROLE a WITH LOGIN PASSWORD 'SCRAM-SHA-256$4096:x=$y=';\n",
     "ALTER ROLE a WITH LOGIN;\n"},
    {"ALTER ROLE a WITH LOGIN PASSWORD 'md5' VALID UNTIL '2099-01-01';\n",
     "ALTER ROLE a WITH LOGIN VALID UNTIL '2099-01-01';\n"},
    {"CREATE ROLE a PASSWORD 'it''s; here' LOGIN;\nCREATE ROLE b;\n",
     "CREATE ROLE a LOGIN;\nCREATE ROLE b;\n"},
    /* a role may be called anything, and a comment may say anything */
    {"ALTER ROLE \"x PASSWORD 'y\" WITH LOGIN PASSWORD 'z';\n",
     "ALTER ROLE \"x PASSWORD 'y\" WITH LOGIN;\n"},
    {"ALTER ROLE \"x\"\" PASSWORD 'y\" WITH LOGIN;\n",
     "ALTER ROLE \"x\"\" PASSWORD 'y\" WITH LOGIN;\n"},
    {"COMMENT ON ROLE a IS 'has PASSWORD ''x''';\n",
     "COMMENT ON ROLE a IS 'has PASSWORD ''x''';\n"},
    {"-- ALTER ROLE a PASSWORD 'x'\n", "-- ALTER ROLE a PASSWORD 'x'\n"},
    {"ALTER ROLE a SET work_mem TO '1GB';\n", "ALTER ROLE a SET work_mem TO '1GB';\n"},
    {"ALTER ROLE a PASSWORD 'no end of line'", "ALTER ROLE a"},
    {"", ""},
};

/* For a Supabase project. */
static const struct {
    const char *in, *out;
} project[] = {
    /* what the platform has */
    {"CREATE ROLE anon;\nALTER ROLE anon WITH NOLOGIN;\nALTER ROLE anon SET x TO '3s';\n",
     ""},
    {"CREATE ROLE supabase_admin;\nCREATE ROLE cli_login_postgres;\n", ""},
    {"GRANT anon TO authenticator GRANTED BY postgres;\n", ""},
    {"COMMENT ON ROLE postgres IS 'x';\n", ""},
    {"CREATE TABLESPACE fast OWNER a LOCATION '/x';\nGRANT ALL ON TABLESPACE fast TO a;\n",
     ""},
    /* what is the user's, without what only a superuser may say */
    {"CREATE ROLE \"Reporting\";\n", "CREATE ROLE \"Reporting\";\n"},
    {"ALTER ROLE r WITH NOSUPERUSER INHERIT NOREPLICATION NOBYPASSRLS LOGIN;\n",
     "ALTER ROLE r WITH INHERIT LOGIN;\n"},
    {"GRANT r TO authenticator WITH ADMIN OPTION GRANTED BY supabase_admin;\n",
     "GRANT r TO authenticator WITH ADMIN OPTION;\n"},
    {"ALTER ROLE \"x NOSUPERUSER y\" SET work_mem TO '1MB';\n",
     "ALTER ROLE \"x NOSUPERUSER y\" SET work_mem TO '1MB';\n"},
    {"SET client_encoding = 'UTF8';\n-- a line\n\n",
     "SET client_encoding = 'UTF8';\n-- a line\n\n"},
};

static int write_text(void *context, const void *data, size_t size, struct err *err)
{
    (void)err;
    text_add_bytes(context, data, size);
    return 0;
}

START_TEST(the_password_of_a_role_is_left_out_and_nothing_else)
{
    const char *in = cases[_i].in;
    for (size_t piece = 1; piece <= strlen(in) + 1; piece++) {
        struct text out;
        struct role_filter filter;
        struct err err = {0};
        text_init(&out, 1000);
        struct stream_sink sink =
            role_filter_begin(&filter, (struct stream_sink){write_text, &out}, false);
        for (size_t at = 0; at < strlen(in); at += piece) {
            size_t size = strlen(in) - at < piece ? strlen(in) - at : piece;
            ck_assert_int_eq(stream_sink_write(&sink, in + at, size, &err), 0);
        }
        ck_assert_int_eq(role_filter_finish(&filter, 0, &err), 0);
        ck_assert_str_eq(out.data, cases[_i].out);
        text_release(&out);
    }
}
END_TEST

START_TEST(a_project_gets_only_roles_of_the_user)
{
    struct text out;
    struct role_filter filter;
    struct err err = {0};
    text_init(&out, 1000);
    struct stream_sink sink =
        role_filter_begin(&filter, (struct stream_sink){write_text, &out}, true);
    ck_assert_int_eq(stream_sink_write(&sink, project[_i].in, strlen(project[_i].in), &err),
                     0);
    ck_assert_int_eq(role_filter_finish(&filter, 0, &err), 0);
    ck_assert_str_eq(out.data, project[_i].out);
    text_release(&out);
}
END_TEST

START_TEST(after_a_failure_nothing_more_is_passed_on)
{
    struct text out;
    struct role_filter filter;
    struct err err = {0};
    text_init(&out, 1000);
    struct stream_sink sink =
        role_filter_begin(&filter, (struct stream_sink){write_text, &out}, false);
    ck_assert_int_eq(stream_sink_write(&sink, "half a li", 9, &err), 0);
    ck_assert_int_eq(role_filter_finish(&filter, -1, &err), -1);
    ck_assert_uint_eq(out.length, 0);
    text_release(&out);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("role_filter");
    tcase_add_loop_test(tests, the_password_of_a_role_is_left_out_and_nothing_else, 0,
                        sizeof cases / sizeof *cases);
    tcase_add_loop_test(tests, a_project_gets_only_roles_of_the_user, 0,
                        sizeof project / sizeof *project);
    tcase_add_test(tests, after_a_failure_nothing_more_is_passed_on);
    Suite *suite = suite_create("role_filter");
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
