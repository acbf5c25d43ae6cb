/* What is asked of a server before a dump. */
#include "postgres/profile/supabase.h"
#include "postgres/server.h"

#include "postgres/dump.h"
#include "tests/support/fake_libpq.h"
#include "tests/support/run_suite.h"

#include <check.h>

static struct err err;
static struct server *server;
static struct dump_filters filters;

static void serve_version(int version)
{
    server_free(server);
    fake_libpq_reset();
    fake_libpq_serve(version, 1000);
    server = server_connect("host=h dbname=shop user=reader", NULL, NULL, &err);
    ck_assert_msg(server != NULL, "%s", err.text);
}

static void serve(void)
{
    err = (struct err){0};
    server = NULL;
    filters = (struct dump_filters){0};
    serve_version(150018);
}

static void forget(void)
{
    strlist_release(&filters.schemas);
    strlist_release(&filters.exclude_schemas);
    strlist_release(&filters.tables);
    strlist_release(&filters.exclude_tables);
    strlist_release(&filters.exclude_table_data);
    server_free(server);
    ck_assert_uint_eq(fake_libpq_open(), 0);
    fake_libpq_reset();
}

/* A part of each question, and what its answer becomes. */
#define TABLES "c.relkind IN ('r', 'p') AND NOT"
#define SEQUENCES "c.relkind = 'S'"
#define HIDDEN "row_security_active"
#define LARGE_OBJECTS "aclexplode(m.lomacl)"

START_TEST(a_role_that_sees_everything_passes)
{
    ck_assert_int_eq(server_preflight(server, NULL, true, &err), 0);
    ck_assert_uint_eq(fake_libpq_asked(TABLES), 1);
    ck_assert_uint_eq(fake_libpq_asked(SEQUENCES), 1);
    ck_assert_uint_eq(fake_libpq_asked(HIDDEN), 1);
    ck_assert_uint_eq(fake_libpq_asked(LARGE_OBJECTS), 1);
}
END_TEST

static const struct {
    int version;
    const char *question;
    const char *says, *hint;
} findings[] = {
    {150018, TABLES,
     "database \"shop\": role \"reader\" may not read all tables; not 4: a.a, a.b, a.c, …",
     "GRANT pg_read_all_data TO \"reader\", or exclude them"},
    {130010, TABLES, "may not read all tables",
     "GRANT SELECT on them and USAGE on their schemas TO \"reader\""},
    {150018, SEQUENCES, "may not read all sequences; not 4: a.a", "pg_read_all_data"},
    {150018, HIDDEN, "because of row-level security, of 4: a.a",
     "ALTER ROLE \"reader\" BYPASSRLS, or exclude the tables"},
};

START_TEST(what_a_dump_would_trip_over_is_named_with_the_way_out)
{
    serve_version(findings[_i].version);
    fake_libpq_answer(findings[_i].question, 1, "a.a", "a.b", "a.c", "a.d", FAKE_LIBPQ_END);
    ck_assert_int_eq(server_preflight(server, &filters, true, &err), -1);
    ck_assert_int_eq(err.kind, ERR_DATABASE);
    ck_assert_msg(strstr(err.text, findings[_i].says) != NULL, "%s", err.text);
    ck_assert_msg(strstr(err.text, findings[_i].hint) != NULL, "%s", err.text);
}
END_TEST

START_TEST(without_rows_only_the_tables_matter)
{
    ck_assert_int_eq(server_preflight(server, &filters, false, &err), 0);
    ck_assert_uint_eq(fake_libpq_asked(TABLES), 1);
    ck_assert_uint_eq(fake_libpq_asked(SEQUENCES) + fake_libpq_asked(HIDDEN) +
                          fake_libpq_asked(LARGE_OBJECTS),
                      0);
}
END_TEST

START_TEST(large_objects_are_asked_for_as_each_version_can)
{
    fake_libpq_answer(LARGE_OBJECTS, 1, "3", FAKE_LIBPQ_END);
    ck_assert_int_eq(server_preflight(server, NULL, true, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "role \"reader\" may not read 3 large objects"));
    serve_version(180001);
    fake_libpq_answer("has_largeobject_privilege", 1, "1", FAKE_LIBPQ_END);
    ck_assert_int_eq(server_preflight(server, NULL, true, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "may not read 1 large objects"));
    /* pg_dump leaves them out when schemas or tables are chosen. */
    strlist_add(&filters.schemas, "app");
    ck_assert_int_eq(server_preflight(server, &filters, true, &err), 0);
}
END_TEST

static void ask_with_filters(void)
{
    ck_assert_msg(server_preflight(server, &filters, true, &err) == 0, "%s", err.text);
}

START_TEST(the_filters_are_pg_dumps_patterns)
{
    strlist_add(&filters.schemas, "app*");
    strlist_add(&filters.schemas, "\"App\"");
    strlist_add(&filters.exclude_schemas, "tmp");
    strlist_add(&filters.exclude_tables, "app.log_?");
    strlist_add(&filters.exclude_table_data, "big");
    ask_with_filters();
    const char *sql = fake_libpq_last(TABLES);
    ck_assert_ptr_nonnull(
        strstr(sql, "AND ((n.nspname ~ '^(app.*)$') OR (n.nspname ~ '^(App)$')) "
                    "AND NOT ((n.nspname ~ '^(tmp)$')) "
                    "AND NOT ((n.nspname ~ '^(app)$' AND c.relname ~ '^(log_.)$'))"));
    /* A table without its rows is still read as a table, not as rows. */
    ck_assert_ptr_null(strstr(sql, "big"));
    ck_assert_ptr_nonnull(
        strstr(fake_libpq_last(HIDDEN),
               "AND NOT ((n.nspname = ANY ('{pg_catalog,public}'::pg_catalog.name[]) AND "
               "c.relname ~ '^(big)$'))"));
}
END_TEST

START_TEST(with_tables_pg_dump_does_not_look_at_schemas)
{
    strlist_add(&filters.schemas, "app");
    strlist_add(&filters.tables, "orders");
    ask_with_filters();
    ck_assert_ptr_null(strstr(fake_libpq_last(TABLES), "'^(app)$'"));
    ck_assert_ptr_nonnull(strstr(fake_libpq_last(TABLES), "'^(orders)$'"));
}
END_TEST

START_TEST(filters_beyond_all_measure_are_an_error_not_a_cut_question)
{
    char *pattern = NULL;
    struct text text;
    text_init(&text, 2 << 20);
    for (int i = 0; i < 60000; i++)
        text_add(&text, "abcdefghij");
    pattern = text.data;
    for (int i = 0; i < 30; i++)
        strlist_add(&filters.tables, pattern);
    ck_assert_int_eq(server_preflight(server, &filters, true, &err), -1);
    ck_assert_msg(strstr(err.text, "the query for the filters is larger than") != NULL,
                  "%s", err.text);
    text_release(&text);
}
END_TEST

START_TEST(whichever_question_fails_is_an_error)
{
    for (unsigned n = 1; n <= 4; n++) {
        err = (struct err){0};
        serve_version(150018);
        fake_libpq_lose_at(n);
        ck_assert_int_eq(server_preflight(server, NULL, true, &err), -1);
        ck_assert_msg(text_starts_with(err.text, "checking the privileges: server closed"),
                      "%s", err.text);
    }
}
END_TEST

START_TEST(numbers_of_the_server_are_read_whole)
{
    uint64_t number = 0;
    bool exists = true;
    ck_assert_int_eq(server_size(server, &number, &err), 0);
    ck_assert_uint_eq(number, 1000);
    fake_libpq_answer("c.relkind IN ('r', 'p', 'f', 'm')", 2, "public", "12", "auth", "5",
                      FAKE_LIBPQ_END);
    ck_assert_int_eq(server_user_tables(server, NULL, &number, &err), 0);
    ck_assert_uint_eq(number, 17);
    ck_assert_int_eq(server_user_tables(server, supabase_owns_schema, &number, &err), 0);
    ck_assert_uint_eq(number, 12);
    ck_assert_int_eq(server_database_exists(server, "shop", &exists, &err), 0);
    ck_assert(!exists);
    fake_libpq_answer("datname = $1; $1=shop", 1, "1", FAKE_LIBPQ_END);
    ck_assert_int_eq(server_database_exists(server, "shop", &exists, &err), 0);
    ck_assert(exists);
    fake_libpq_answer("pg_database_size(", 1, "many", FAKE_LIBPQ_END);
    ck_assert_int_eq(server_size(server, &number, &err), -1);
    ck_assert_str_eq(err.text, "size of the database: unexpected answer");
    fake_libpq_answer("pg_database_size(", 1, FAKE_LIBPQ_END);
    ck_assert_int_eq(server_size(server, &number, &err), -1);
    fake_libpq_break("datname = $1");
    ck_assert_int_eq(server_database_exists(server, "shop", &exists, &err), -1);
    ck_assert_int_eq(server_user_tables(server, NULL, &number, &err), -1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("server_preflight");
    TCase *tcase = tcase_create("server_preflight");
    tcase_add_checked_fixture(tcase, serve, forget);
    tcase_add_test(tcase, a_role_that_sees_everything_passes);
    tcase_add_loop_test(tcase, what_a_dump_would_trip_over_is_named_with_the_way_out, 0,
                        sizeof findings / sizeof *findings);
    tcase_add_test(tcase, without_rows_only_the_tables_matter);
    tcase_add_test(tcase, large_objects_are_asked_for_as_each_version_can);
    tcase_add_test(tcase, the_filters_are_pg_dumps_patterns);
    tcase_add_test(tcase, with_tables_pg_dump_does_not_look_at_schemas);
    tcase_add_test(tcase, filters_beyond_all_measure_are_an_error_not_a_cut_question);
    tcase_add_test(tcase, whichever_question_fails_is_an_error);
    tcase_add_test(tcase, numbers_of_the_server_are_read_whole);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
