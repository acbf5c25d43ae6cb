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
            role_filter_begin(&filter, (struct stream_sink){write_text, &out});
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

START_TEST(after_a_failure_nothing_more_is_passed_on)
{
    struct text out;
    struct role_filter filter;
    struct err err = {0};
    text_init(&out, 1000);
    struct stream_sink sink =
        role_filter_begin(&filter, (struct stream_sink){write_text, &out});
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
    tcase_add_test(tests, after_a_failure_nothing_more_is_passed_on);
    Suite *suite = suite_create("role_filter");
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
