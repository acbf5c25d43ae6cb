/* A dump's text taken apart: borders, what a statement is, whose it is. */
#include "backup/restore/splitter.h"

#include "base/memory.h"
#include "tests/support/run_suite.h"

static struct statement got[32];
static size_t count;
static struct text rows;
static uint64_t ended;

static int keep(void *context, struct statement *statement, struct err *err)
{
    (void)context;
    (void)err;
    ck_assert_uint_lt(count, sizeof got / sizeof *got);
    got[count++] = *statement;
    return 0;
}

static int keep_rows(void *context, const void *data, size_t size, struct err *err)
{
    (void)context;
    (void)err;
    text_add_bytes(&rows, data, size);
    return 0;
}

static int keep_end(void *context, uint64_t number, struct err *err)
{
    (void)context;
    (void)err;
    ended = number;
    return 0;
}

static void forget(void)
{
    for (size_t i = 0; i < count; i++)
        statement_release(&got[i]);
    count = 0;
    text_clear(&rows);
    ended = 0;
}

static void setup(void)
{
    text_init(&rows, 1 << 20);
}

static void teardown(void)
{
    forget();
    text_release(&rows);
}

/* In pieces of `step` bytes, as they may come. */
static int split(const char *sql, size_t step)
{
    struct splitter_sink sink = {
        .statement = keep, .rows = keep_rows, .rows_end = keep_end};
    struct splitter *splitter = splitter_new(&sink);
    struct err err = {0};
    size_t size = strlen(sql);
    int result = 0;
    forget();
    for (size_t at = 0; at < size && result == 0; at += step)
        result =
            splitter_push(splitter, sql + at, at + step < size ? step : size - at, &err);
    if (result == 0)
        result = splitter_finish(splitter, &err);
    splitter_free(splitter);
    return result;
}

static const struct border_row {
    const char *sql;
    size_t statements;
    const char *last; /* the last one's text; NULL: not compared */
} borders[] = {
    {"SET a = 1;\n\n--\n-- Name: x; Type: TABLE\n--\n\nSELECT 1;\n", 2, "SELECT 1;"},
    {"\\restrict abc\n\nSET a = 1;\n\\unrestrict abc\n\n", 1, "SET a = 1;"},
    {"CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $_$ SELECT 1; -- ; $x$ ; "
     "$_$;\nSELECT 2;",
     2, "SELECT 2;"},
    {"CREATE FUNCTION f() RETURNS int\n    LANGUAGE sql\n    BEGIN ATOMIC\n SELECT 1;\n "
     "SELECT CASE "
     "WHEN true THEN 1 END;\nEND;\nSELECT 2;",
     2, "SELECT 2;"},
    {"CREATE RULE r AS\n    ON INSERT TO s.t DO INSTEAD ( DELETE FROM s.a;\n DELETE FROM "
     "s.b;\n);\n"
     "SELECT 2;",
     2, "SELECT 2;"},
    {"COMMENT ON TABLE s.t IS 'it''s; \n--\n-- Name: forged; Type: TABLE\n--\nDROP TABLE "
     "s.t;';\n",
     1, NULL},
    {"CREATE TABLE \"a;b\" (\"x\"\";\" int);", 1, NULL},
    {"/* a ; /* nested ; */ */ SELECT 1;", 1, "SELECT 1;"},
    {"SELECT E'\\';', 1;SELECT 2;", 2, "SELECT 2;"},
    {";;\n", 0, NULL},
};

START_TEST(borders_are_psqls_however_the_text_comes)
{
    const struct border_row *row = &borders[_i];
    for (size_t step = 1; step < 200; step += step < 5 ? 1 : 61) {
        ck_assert_int_eq(split(row->sql, step), 0);
        ck_assert_uint_eq(count, row->statements);
        if (row->last != NULL)
            ck_assert_str_eq(got[count - 1].text, row->last);
    }
}
END_TEST

START_TEST(rows_go_by_whatever_they_look_like)
{
    static const char sql[] = "COPY \"odd\n\\.\nname\".t (a, \"b;\") FROM stdin;\n"
                              "1\tDROP TABLE x;\n\\\\.\t$$\n-- Name: x\t'\n\\.\n\n\nCREATE "
                              "INDEX i ON s.t USING btree (a);\n";
    for (size_t step = 1; step < 100; step += 13) {
        ck_assert_int_eq(split(sql, step), 0);
        ck_assert_uint_eq(count, 2);
        ck_assert_int_eq(got[0].action, STATEMENT_COPY);
        ck_assert_str_eq(got[0].of.schema, "odd\n\\.\nname");
        ck_assert_uint_eq(ended, 3);
        ck_assert_ptr_nonnull(strstr(rows.data, "DROP TABLE x;\n\\\\.\t$$\n"));
        ck_assert_int_eq(got[0].section, SECTION_DATA);
        ck_assert_int_eq(got[1].section, SECTION_POST_DATA);
    }
}
END_TEST

static const char *const cut[] = {"SELECT 1", "COPY s.t (a) FROM stdin;\n1\n",
                                  "SELECT $$ ;"};

START_TEST(a_text_that_is_cut_is_damage)
{
    ck_assert_int_eq(split(cut[_i], 3), -1);
}
END_TEST

START_TEST(large_objects_are_made_in_front_of_their_contents)
{
    ck_assert_int_eq(
        split(
            "CREATE TABLE s.t ();\nBEGIN;\nSELECT pg_catalog.lo_create('7');\nALTER LARGE "
            "OBJECT 7 OWNER TO x;\nCOMMIT;\nCOPY s.t  FROM stdin;\n\\.\nBEGIN;\n"
            "SELECT pg_catalog.lo_open('7', 131072);\nCOMMIT;\nGRANT ALL ON LARGE OBJECT 7 "
            "TO x;\n",
            7),
        0);
    ck_assert_uint_eq(count, 10);
    for (size_t i = 1; i < 9; i++)
        ck_assert_int_eq(got[i].section, SECTION_DATA);
    ck_assert_int_eq(got[9].section, SECTION_POST_DATA);
}
END_TEST

/* ---- what a statement is ---- */

static const struct kind_row {
    const char *sql;
    enum statement_action action;
    enum statement_subject subject;
    const char *type, *of, *object, *other; /* names as SQL writes them; NULL: none */
} kinds[] = {
    {"CREATE TABLE sales.\"Odd;\" (id int);", STATEMENT_CREATE, STATEMENT_OF_RELATION,
     "table", "sales.\"Odd;\"", NULL, NULL},
    {"CREATE UNLOGGED TABLE s.t ();", STATEMENT_CREATE, STATEMENT_OF_RELATION, "table",
     "s.t", NULL, NULL},
    {"CREATE UNIQUE INDEX i ON ONLY s.t USING btree (id);", STATEMENT_ADD,
     STATEMENT_OF_RELATION, "index", "s.t", "i", NULL},
    {"ALTER TABLE ONLY s.t\n    ADD CONSTRAINT k PRIMARY KEY (id);", STATEMENT_ADD,
     STATEMENT_OF_RELATION, "constraint", "s.t", "k", NULL},
    {"ALTER TABLE ONLY s.t ADD CONSTRAINT f FOREIGN KEY (\"references\", x) REFERENCES "
     "a.b(id);",
     STATEMENT_FOREIGN_KEY, STATEMENT_OF_RELATION, "foreign key", "s.t", "f", "a.b"},
    {"ALTER TABLE ONLY s.p ATTACH PARTITION s.c FOR VALUES IN (1);", STATEMENT_ATTACH,
     STATEMENT_OF_RELATION, "partition", "s.c", NULL, "s.p"},
    {"ALTER INDEX s.pi ATTACH PARTITION s.ci;", STATEMENT_ATTACH, STATEMENT_OF_INDEX,
     "index of a partition", "s.ci", NULL, "s.pi"},
    {"ALTER SEQUENCE s.q OWNED BY s.t.id;", STATEMENT_OWNED_BY, STATEMENT_OF_RELATION,
     "owner of a sequence", "s.q", NULL, "s.t"},
    {"ALTER TABLE s.t ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (\n    SEQUENCE "
     "NAME s.q\n);",
     STATEMENT_DEFAULT, STATEMENT_OF_RELATION, "identity column", "s.t", NULL, "s.q"},
    {"SELECT pg_catalog.setval('s.\"Q\"', 1, true);", STATEMENT_SEQUENCE_SET,
     STATEMENT_OF_RELATION, "sequence value", "s.\"Q\"", NULL, NULL},
    {"CREATE TRIGGER tr AFTER UPDATE OF a OR DELETE ON s.t FOR EACH ROW EXECUTE FUNCTION "
     "s.f();",
     STATEMENT_ADD, STATEMENT_OF_RELATION, "trigger", "s.t", "tr", NULL},
    {"CREATE RULE r AS\n    ON INSERT TO s.v DO INSTEAD NOTHING;", STATEMENT_ADD,
     STATEMENT_OF_RELATION, "rule", "s.v", "r", NULL},
    {"GRANT SELECT(a),UPDATE ON TABLE s.t TO x;", STATEMENT_PRIVILEGES,
     STATEMENT_OF_RELATION, "privileges", "s.t", NULL, NULL},
    {"REVOKE ALL ON FUNCTION s.f(x integer) FROM PUBLIC;", STATEMENT_PRIVILEGES,
     STATEMENT_OF_OBJECT, "privileges", "s.f", NULL, NULL},
    {"COMMENT ON COLUMN s.t.c IS 'x';", STATEMENT_COMMENT, STATEMENT_OF_RELATION, "comment",
     "s.t", NULL, NULL},
    {"COMMENT ON CONSTRAINT k ON s.t IS 'x';", STATEMENT_COMMENT, STATEMENT_OF_RELATION,
     "comment", "s.t", "k", NULL},
    {"ALTER FUNCTION s.f(a integer) OWNER TO x;", STATEMENT_OWNER, STATEMENT_OF_OBJECT,
     "owner", "s.f", NULL, NULL},
    {"ALTER DEFAULT PRIVILEGES FOR ROLE x IN SCHEMA s GRANT SELECT ON TABLES TO y;",
     STATEMENT_PRIVILEGES, STATEMENT_OF_SCHEMA, "default privileges", NULL, "s", NULL},
    {"CREATE EXTENSION IF NOT EXISTS citext WITH SCHEMA public;", STATEMENT_CREATE,
     STATEMENT_OF_DATABASE, "extension", NULL, "citext", "public"},
    {"VACUUM s.t;", STATEMENT_OTHER, STATEMENT_OF_DATABASE, "", NULL, NULL, NULL},
    {"CREATE FUNCTION s.f() RETURNS int LANGUAGE sql AS $$CREATE TABLE no.no ()$$;",
     STATEMENT_CREATE, STATEMENT_OF_OBJECT, "function", "s.f", NULL, NULL},
};

static void same_name(const struct sql_name *name, const char *wanted)
{
    if (wanted == NULL) {
        ck_assert_ptr_null(name->name);
        return;
    }
    ck_assert_ptr_nonnull(name->name);
    char *text = sql_name_text(name->schema, name->name);
    ck_assert_str_eq(text, wanted);
    free(text);
}

START_TEST(a_statement_is_told_by_its_words)
{
    const struct kind_row *row = &kinds[_i];
    ck_assert_int_eq(split(row->sql, 1000), 0);
    ck_assert_uint_eq(count, 1);
    ck_assert_int_eq(got[0].action, row->action);
    ck_assert_int_eq(got[0].subject, row->subject);
    ck_assert_str_eq(got[0].type, row->type);
    same_name(&got[0].of, row->of);
    same_name(&got[0].object, row->object);
    same_name(&got[0].other, row->other);
}
END_TEST

START_TEST(what_it_names_is_found_and_what_strings_hold_is_not)
{
    ck_assert_int_eq(
        split("CREATE TABLE s.t (k s.kind DEFAULT 'no.no'::s.kind, n int DEFAULT "
              "nextval('s.\"Q q\"'::regclass), CHECK (o.f(n) > pg_catalog.abs(1)));",
              1000),
        0);
    ck_assert_uint_eq(got[0].ref_count, 3);
    same_name(&got[0].refs[0], "s.kind");
    same_name(&got[0].refs[1], "s.\"Q q\"");
    same_name(&got[0].refs[2], "o.f");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("splitter");
    TCase *tcase = tcase_create("splitter");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, borders_are_psqls_however_the_text_comes, 0,
                        sizeof borders / sizeof *borders);
    tcase_add_test(tcase, rows_go_by_whatever_they_look_like);
    tcase_add_loop_test(tcase, a_text_that_is_cut_is_damage, 0, sizeof cut / sizeof *cut);
    tcase_add_test(tcase, large_objects_are_made_in_front_of_their_contents);
    tcase_add_loop_test(tcase, a_statement_is_told_by_its_words, 0,
                        sizeof kinds / sizeof *kinds);
    tcase_add_test(tcase, what_it_names_is_found_and_what_strings_hold_is_not);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
