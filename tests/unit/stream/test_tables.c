#include "stream/tables.h"
#include "tests/support/run_suite.h"

#include <check.h>

START_TEST(tables_of_one_name_become_the_first_with_all_rows)
{
    static const struct {
        const char *schema, *name;
        uint64_t rows;
    } seen[] = {{"b", "t", 1}, {"a", "t", 2},  {"b", "u", 4}, {"b", "t", 8},
                {"", "t", 16}, {"b", "t", 32}, {"a", "u", 64}};
    struct tables tables;

    tables_init(&tables);
    for (size_t i = 0; i < sizeof seen / sizeof *seen; i++) {
        tables_begin(&tables, seen[i].schema, seen[i].name);
        tables_add(&tables, seen[i].rows, seen[i].rows * 10);
    }
    tables_merge(&tables);
    static const struct {
        const char *schema, *name;
        uint64_t rows;
    } want[] = {
        {"b", "t", 41}, {"a", "t", 2}, {"b", "u", 4}, {"", "t", 16}, {"a", "u", 64}};
    ck_assert_uint_eq(tables.count, sizeof want / sizeof *want);
    for (size_t i = 0; i < tables.count; i++) {
        ck_assert_str_eq(tables.items[i].schema, want[i].schema);
        ck_assert_str_eq(tables.items[i].name, want[i].name);
        ck_assert_uint_eq(tables.items[i].rows, want[i].rows);
        ck_assert_uint_eq(tables.items[i].raw_bytes, want[i].rows * 10);
    }
    tables_release(&tables);
}
END_TEST

START_TEST(no_tables_and_many_tables_merge)
{
    struct tables tables;
    char name[32];
    tables_init(&tables);
    tables_merge(&tables);
    ck_assert_uint_eq(tables.count, 0);
    for (unsigned i = 0; i < 100000; i++) {
        snprintf(name, sizeof name, "t%u", i % 50000);
        tables_begin(&tables, "s", name);
        tables_add(&tables, 1, 1);
    }
    tables_merge(&tables);
    ck_assert_uint_eq(tables.count, 50000);
    ck_assert_uint_eq(tables.items[49999].rows, 2);
    tables_release(&tables);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tables");
    TCase *tcase = tcase_create("tables");

    tcase_add_test(tcase, tables_of_one_name_become_the_first_with_all_rows);
    tcase_add_test(tcase, no_tables_and_many_tables_merge);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
