/* Does a fresh backup look like the ones before it? */
#include "backup/anomaly.h"

#include "base/memory.h"
#include "tests/support/catalogs.h"
#include "tests/support/run_suite.h"

#include <check.h>

#define SHRINK 50.0

static struct catalogs catalogs;
static struct catalog_artifact artifact;
static struct text why;
static struct err err;

static void put(char **member, const char *text)
{
    free(*member);
    *member = memory_strdup(text);
}

static void setup(void)
{
    catalogs_begin(&catalogs);
    text_init(&why, 1000);
    catalogs_fill(&artifact, 999, 1795226400);
    artifact.seq = 999;
}

static void teardown(void)
{
    text_release(&why);
    catalog_artifact_release(&artifact);
    catalogs_end(&catalogs);
}

/* `count` complete ones before it, each of these figures. */
static void before(unsigned count, int64_t bytes, int64_t tables, int64_t rows)
{
    int64_t store = catalogs_store(catalogs.catalog, "nas");
    for (unsigned n = 1; n <= count; n++)
        (void)catalogs_complete(catalogs.catalog, n, store, 1795000000 + n);
    catalogs_sqlf(&catalogs,
                  "UPDATE artifacts SET raw_bytes = %lld, table_count = %lld,"
                  " row_count = %lld",
                  (long long)bytes, (long long)tables, (long long)rows);
}

static void now_is(uint64_t bytes, int64_t tables, int64_t rows)
{
    artifact.raw_bytes = bytes;
    artifact.table_count = tables;
    artifact.row_count = rows;
    for (int64_t i = 0; i < tables; i++)
        catalog_artifact_add_table(&artifact, "public", "t", 1, 1);
}

static const char *finding(void)
{
    text_clear(&why);
    ck_assert_msg(anomaly_find(catalogs.catalog, &artifact, SHRINK, &why, &err) == 0, "%s",
                  err.text);
    return why.length > 0 ? why.data : "";
}

static const struct row {
    uint64_t bytes;
    int64_t tables, rows;
    const char *finding;
} rows[] = {
    {1000000, 10, 5000, ""},
    {500000, 5, 2500, ""}, /* half is not more than 50 percent less */
    {499999, 10, 5000, "data, usually"},
    {1000000, 4, 5000, "4 tables, usually 10"},
    {1000000, 10, 2499, "2499 rows, usually 5000"},
    {1000000, 10, 0, "0 rows, usually 5000"},
    {90000000, 100, 500000, ""}, /* growth is none of its business */
    {1000000, 10, CATALOG_UNKNOWN_ROWS, ""},
};

START_TEST(what_shrinks_by_more_than_the_limit_is_told)
{
    before(5, 1000000, 10, 5000);
    now_is(rows[_i].bytes, rows[_i].tables, rows[_i].rows);
    const char *found = finding();
    if (*rows[_i].finding == '\0')
        ck_assert_str_eq(found, "");
    else
        ck_assert_msg(strstr(found, rows[_i].finding) != NULL, "%s", found);
}
END_TEST

START_TEST(the_first_of_its_group_has_nothing_to_be_compared_with)
{
    now_is(10, 1, 1);
    ck_assert_str_eq(finding(), "");
}
END_TEST

START_TEST(several_findings_are_one_sentence_each)
{
    before(3, 1000000, 10, 5000);
    now_is(10, 1, 1);
    ck_assert_ptr_nonnull(strstr(finding(), "; 1 tables, usually 10; 1 rows"));
}
END_TEST

START_TEST(a_dump_of_rows_without_a_table_is_told_where_there_were_some)
{
    static const struct {
        const char *type, *format;
        bool told;
    } kinds[] = {{"full", "plain", true},
                 {"data", "plain", true},
                 {"schema", "plain", false},
                 {"globals", "plain", false},
                 {"full", "custom", false}};
    before(1, 500, 10, 5000);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        catalogs_sqlf(&catalogs, "UPDATE artifacts SET type = '%s'", kinds[i].type);
        put(&artifact.type, kinds[i].type);
        put(&artifact.format, kinds[i].format);
        ck_assert_int_eq(strstr(finding(), "no table") != NULL, kinds[i].told);
    }
}
END_TEST

START_TEST(a_group_that_never_held_a_table_is_not_suspect_for_holding_none)
{
    artifact.raw_bytes = 500;
    ck_assert_str_eq(finding(), "");
    before(3, 500, 0, 0);
    ck_assert_str_eq(finding(), "");
    catalogs_sql(&catalogs, "UPDATE artifacts SET suspect = 1");
    ck_assert_str_eq(finding(), "");
    /* It held one long ago, and that one is gone. */
    catalogs_sql(&catalogs, "UPDATE artifacts SET table_count = 1, status = 'deleted'"
                            " WHERE seq = 1");
    ck_assert_ptr_nonnull(strstr(finding(), "no table"));
}
END_TEST

/* An application that was moved away: said once, and not every night again. */
START_TEST(what_was_accepted_is_where_normal_begins_anew)
{
    before(5, 1000000, 10, 5000);
    catalogs_sql(&catalogs, "UPDATE artifacts SET suspect = 1, raw_bytes = 500,"
                            " table_count = 0, row_count = 0 WHERE seq = 5");
    artifact.raw_bytes = 500;
    ck_assert_ptr_nonnull(strstr(finding(), "no table"));
    ck_assert_int_eq(catalog_artifact_accept(catalogs.catalog, catalogs_id(5),
                                             "moved to another server", &err),
                     0);
    ck_assert_str_eq(finding(), "");
}
END_TEST

/* Of a custom archive neither tables nor rows are known. */
START_TEST(another_format_is_no_shrink)
{
    before(5, 1000000, 10, 5000);
    put(&artifact.format, "custom");
    now_is(1000000, 0, CATALOG_UNKNOWN_ROWS);
    ck_assert_str_eq(finding(), "");
    catalogs_sql(&catalogs, "UPDATE artifacts SET format = 'custom', table_count = 0,"
                            " row_count = -1");
    put(&artifact.format, "plain");
    now_is(1000000, 3, 10);
    ck_assert_str_eq(finding(), "");
    /* Bytes are known of both. */
    artifact.raw_bytes = 1000;
    ck_assert_ptr_nonnull(strstr(finding(), "of data"));
}
END_TEST

START_TEST(suspect_ones_do_not_become_normal)
{
    before(3, 1000000, 10, 5000);
    catalogs_sql(&catalogs,
                 "UPDATE artifacts SET suspect = 1, raw_bytes = 10 WHERE seq > 1");
    now_is(10, 10, 5000);
    ck_assert_ptr_nonnull(strstr(finding(), "of data"));
}
END_TEST

START_TEST(another_server_of_an_ad_hoc_source_is_another_history)
{
    before(3, 1000000, 10, 5000);
    catalogs_sql(&catalogs, "UPDATE artifacts SET job = '', origin = 'db1:5432'");
    put(&artifact.job, "");
    now_is(10, 1, 1);
    put(&artifact.origin, "db2:5432");
    ck_assert_str_eq(finding(), "");
    put(&artifact.origin, "db1:5432");
    ck_assert_str_ne(finding(), "");
}
END_TEST

static Suite *suite(void)
{
    Suite *suite = suite_create("anomaly");
    TCase *tcase = tcase_create("anomaly");
    int count = sizeof rows / sizeof rows[0];
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, what_shrinks_by_more_than_the_limit_is_told, 0, count);
    tcase_add_test(tcase, the_first_of_its_group_has_nothing_to_be_compared_with);
    tcase_add_test(tcase, several_findings_are_one_sentence_each);
    tcase_add_test(tcase, a_dump_of_rows_without_a_table_is_told_where_there_were_some);
    tcase_add_test(tcase, a_group_that_never_held_a_table_is_not_suspect_for_holding_none);
    tcase_add_test(tcase, what_was_accepted_is_where_normal_begins_anew);
    tcase_add_test(tcase, another_format_is_no_shrink);
    tcase_add_test(tcase, suspect_ones_do_not_become_normal);
    tcase_add_test(tcase, another_server_of_an_ad_hoc_source_is_another_history);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return run_suite(suite());
}
