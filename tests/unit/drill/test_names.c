#include "drill/names.h"

#include "base/memory.h"
#include "tests/support/run_suite.h"

/* One statement, and what it takes for granted: roles, tablespaces, schemas, in this order. */
static const struct row {
    const char *sql, *names;
} rows[] = {
    {"ALTER TABLE a.t OWNER TO \"O dd\";", "O dd||"},
    {"ALTER TABLE a.t OWNER TO postgres;", "||"},
    {"GRANT SELECT ON TABLE a.t TO app WITH GRANT OPTION;", "app||"},
    {"REVOKE ALL ON SCHEMA public FROM PUBLIC;", "||"},
    {"REVOKE ALL ON TABLE a.t FROM app;", "app||"},
    {"ALTER DEFAULT PRIVILEGES FOR ROLE x IN SCHEMA a GRANT SELECT ON TABLES TO y;",
     "x y||"},
    {"CREATE POLICY p ON a.t TO one, two USING ((a.f() = 1));", "one two||"},
    {"CREATE POLICY p ON a.t USING (true);", "||"},
    {"CREATE USER MAPPING FOR m SERVER s;", "m||"},
    {"GRANT USAGE ON SCHEMA a TO pg_read_all_data;", "||"},
    {"SET default_tablespace = fast;", "||"},
    {"SET default_tablespace = 'fast';", "|fast|"},
    {"SET default_tablespace = '\"O dd\"';", "|O dd|"},
    {"SET default_tablespace = '';", "||"},
    {"CREATE TABLE a.t (i integer);", "||a"},
    {"CREATE TABLE public.t (i integer);", "||"},
    {"CREATE FUNCTION public.f() RETURNS text LANGUAGE sql AS $$SELECT 'OWNER TO x'$$;",
     "||"},
};

static void add_list(struct text *text, const struct strlist *list)
{
    for (size_t i = 0; i < list->count; i++)
        text_addf(text, "%s%s", i > 0 ? " " : "", list->items[i]);
}

START_TEST(what_a_dump_takes_for_granted_is_found)
{
    struct outline outline = {0};
    struct statement statement = {0};
    struct names names = {0};
    struct text text;
    statement_parse(&statement, memory_strdup(rows[_i].sql), strlen(rows[_i].sql));
    outline_add(&outline, &statement);
    outline_resolve(&outline);
    names_collect(&outline, &names);
    text_init(&text, 1024);
    add_list(&text, &names.roles);
    text_add(&text, "|");
    add_list(&text, &names.tablespaces);
    text_add(&text, "|");
    add_list(&text, &names.schemas);
    ck_assert_str_eq(text.data, rows[_i].names);
    text_release(&text);
    names_release(&names);
    outline_release(&outline);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("names");
    TCase *tcase = tcase_create("names");
    tcase_add_loop_test(tcase, what_a_dump_takes_for_granted_is_found, 0,
                        (int)(sizeof rows / sizeof *rows));
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
