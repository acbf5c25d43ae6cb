#include "drill/expectation.h"

#include "base/memory.h"
#include "tests/support/run_suite.h"

static const char *const text[] = {
    "CREATE TABLE a.t (i integer);",
    "CREATE TABLE a.u (i integer);",
    "CREATE VIEW a.v AS SELECT NULL::integer AS i;",
    "CREATE OR REPLACE VIEW a.v AS SELECT t.i FROM a.t;",
    "CREATE MATERIALIZED VIEW a.m AS SELECT 1;",
    "CREATE FUNCTION a.f() RETURNS integer LANGUAGE sql AS $$SELECT 1$$;",
    "CREATE FUNCTION a.f(i integer) RETURNS integer LANGUAGE sql AS $$SELECT 1$$;",
    "CREATE SEQUENCE a.s START WITH 1;",
    "SELECT pg_catalog.lo_create('4711');",
    "SELECT pg_catalog.setval('a.s', -5, false);",
    "ALTER TABLE ONLY a.t ADD CONSTRAINT t_pkey PRIMARY KEY (i);",
    "CREATE INDEX i ON a.t USING btree (i);",
    "ALTER TABLE ONLY a.u ADD CONSTRAINT u_fk FOREIGN KEY (i) REFERENCES a.t(i);",
    "CREATE TRIGGER g BEFORE INSERT ON a.t FOR EACH ROW EXECUTE FUNCTION a.f();",
    "CREATE POLICY p ON a.t USING (true);",
};

static struct outline outline;
static struct catalog_artifact artifact;
static struct expectation expectation;

static void setup(void)
{
    for (size_t i = 0; i < sizeof text / sizeof *text; i++) {
        struct statement statement = {0};
        statement_parse(&statement, memory_strdup(text[i]), strlen(text[i]));
        outline_add(&outline, &statement);
    }
    outline_resolve(&outline);
    catalog_artifact_init(&artifact);
    memory_replace(&artifact.format, "plain");
    memory_replace(&artifact.type, "full");
    catalog_artifact_add_table(&artifact, "a", "t", 7, 70);
}

static void teardown(void)
{
    expectation_release(&expectation);
    catalog_artifact_release(&artifact);
    outline_release(&outline);
}

START_TEST(things_are_counted_by_the_statements_that_make_them)
{
    static const int64_t wanted[INSPECT_KINDS] = {[INSPECT_TABLES] = 2,
                                                  [INSPECT_VIEWS] = 1,
                                                  [INSPECT_MATERIALIZED_VIEWS] = 1,
                                                  [INSPECT_INDEXES] = 1,
                                                  [INSPECT_CONSTRAINTS] = 1,
                                                  [INSPECT_FOREIGN_KEYS] = 1,
                                                  [INSPECT_FUNCTIONS] = 2,
                                                  [INSPECT_TRIGGERS] = 1,
                                                  [INSPECT_POLICIES] = 1,
                                                  [INSPECT_LARGE_OBJECTS] = 1};
    expectation_make(&artifact, &outline, true, &expectation);
    for (size_t i = 0; i < INSPECT_KINDS; i++)
        ck_assert_msg(expectation.side.counts[i] == wanted[i], "%s: %lld",
                      inspect_kind_name(i), (long long)expectation.side.counts[i]);
}
END_TEST

START_TEST(values_of_sequences_are_read_from_the_text)
{
    expectation_make(&artifact, &outline, true, &expectation);
    ck_assert_uint_eq(expectation.side.sequence_count, 1);
    ck_assert_str_eq(expectation.side.sequences[0].schema, "a");
    ck_assert_str_eq(expectation.side.sequences[0].name, "s");
    ck_assert_int_eq(expectation.side.sequences[0].value, -5);
    ck_assert(!expectation.side.sequences[0].called);
}
END_TEST

START_TEST(what_is_not_told_is_not_known)
{
    expectation_make(&artifact, &outline, false, &expectation);
    ck_assert_int_eq(expectation.side.counts[INSPECT_LARGE_OBJECTS], COMPARISON_UNKNOWN);
    ck_assert(expectation.rows_told);
    expectation_release(&expectation);
    expectation_make(&artifact, NULL, true, &expectation);
    ck_assert_int_eq(expectation.side.counts[INSPECT_TABLES], COMPARISON_UNKNOWN);
    ck_assert_uint_eq(expectation.side.table_count, 1);
    expectation_release(&expectation);
    memory_replace(&artifact.format, "custom");
    expectation_make(&artifact, &outline, false, &expectation);
    ck_assert(!expectation.rows_told);
}
END_TEST

START_TEST(a_manifest_that_is_not_the_catalogs_is_a_difference)
{
    struct catalog_artifact other = {0};
    struct comparison out = {0};
    catalog_artifact_init(&other);
    catalog_artifact_add_table(&other, "a", "t", 8, 70);
    expectation_compare_catalog(&artifact, &artifact, &out);
    ck_assert_uint_eq(out.differences, 0);
    expectation_compare_catalog(&artifact, &other, &out);
    ck_assert_uint_eq(out.differences, 1);
    catalog_artifact_add_table(&other, "a", "u", 1, 10);
    expectation_compare_catalog(&artifact, &other, &out);
    ck_assert_uint_eq(out.differences, 3);
    comparison_release(&out);
    catalog_artifact_release(&other);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("expectation");
    TCase *tcase = tcase_create("expectation");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, things_are_counted_by_the_statements_that_make_them);
    tcase_add_test(tcase, values_of_sequences_are_read_from_the_text);
    tcase_add_test(tcase, what_is_not_told_is_not_known);
    tcase_add_test(tcase, a_manifest_that_is_not_the_catalogs_is_a_difference);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
