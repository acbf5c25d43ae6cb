#include "postgres/server_pattern.h"
#include "tests/support/run_suite.h"

#include <check.h>
#include <stdlib.h>

static const struct {
    const char *pattern;
    const char *schema, *name;
} rows[] = {
    {"users", NULL, "^(users)$"},
    {"Users", NULL, "^(users)$"},
    {"\"Users\"", NULL, "^(Users)$"},
    {"app.*", "^(app)$", "^(.*)$"},
    {"app.log_?", "^(app)$", "^(log_.)$"},
    {"\"a.b\".\"c*\"", "^(a\\.b)$", "^(c\\*)$"},
    {"\"say \"\"hi\"\"\"", NULL, "^(say \"hi\")$"},
    {"t$1", NULL, "^(t\\$1)$"},
    {"(a|b)_[0-9]+", NULL, "^((a|b)_[0-9]+)$"},
    {"\"(a|b)\"", NULL, "^(\\(a\\|b\\))$"},
    {"db.app.t", "^(app)$", "^(t)$"},
    {"", NULL, "^()$"},
    {"\"ÄÖ\"", NULL, "^(ÄÖ)$"},
};

START_TEST(a_pattern_becomes_the_expression_that_pg_dump_makes_of_it)
{
    struct server_pattern parsed;
    server_pattern_parse(rows[_i].pattern, &parsed);
    if (rows[_i].schema == NULL)
        ck_assert_ptr_null(parsed.schema);
    else
        ck_assert_str_eq(parsed.schema, rows[_i].schema);
    ck_assert_str_eq(parsed.name, rows[_i].name);
    server_pattern_release(&parsed);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("server_pattern");
    TCase *tcase = tcase_create("server_pattern");
    tcase_add_loop_test(tcase, a_pattern_becomes_the_expression_that_pg_dump_makes_of_it, 0,
                        sizeof rows / sizeof *rows);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
