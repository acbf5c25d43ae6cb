#include "catalog/db/pairs.h"

#include "base/memory.h"
#include "tests/support/run_suite.h"

#include <check.h>

/* "tables=a tables=b": the hash; static. */
static const char *hash_of(const char *words)
{
    static char out[2][CATALOG_FILTERS_HASH_SIZE];
    static unsigned next;
    struct catalog_pairs pairs = {0};
    while (*words != '\0') {
        size_t size = strcspn(words, " ");
        char *name = memory_strndup(words, strcspn(words, "="));
        char *value = memory_strndup(words + strlen(name) + 1, size - strlen(name) - 1);
        catalog_pairs_add(&pairs, name, value);
        free(name);
        free(value);
        words += size + (words[size] == ' ');
    }
    const char *hash = catalog_filters_hash(&pairs, out[next++ % 2]);
    catalog_pairs_release(&pairs);
    return hash;
}

static const struct row {
    const char *claim, *one, *other;
    bool same;
} rows[] = {
    {"the order does not matter", "tables=a tables=b", "tables=b tables=a", true},
    {"nor over options", "tables=a schemas=b", "schemas=b tables=a", true},
    {"nor being given twice", "tables=a tables=a", "tables=a", true},
    {"nor where it came from", "tables=a exclude_table_data=b",
     "--table=a --exclude-table-data=b", true},
    {"nor of any of the options", "schemas=a exclude_schemas=b exclude_tables=c",
     "--schema=a --exclude-schema=b --exclude-table=c", true},
    {"another pattern is another filter", "tables=a", "tables=b", false},
    {"the same pattern of another option, too", "tables=a", "schemas=a", false},
    {"leaving out is not taking", "tables=a", "exclude_tables=a", false},
    {"one more is another set", "tables=a", "tables=a tables=b", false},
    {"patterns do not run together", "tables=ab tables=c", "tables=a tables=bc", false},
};

START_TEST(equal_filters_have_equal_hashes)
{
    bool same = strcmp(hash_of(rows[_i].one), hash_of(rows[_i].other)) == 0;
    ck_assert_msg(same == rows[_i].same, "%s", rows[_i].claim);
}
END_TEST

START_TEST(no_filters_have_no_hash)
{
    ck_assert_str_eq(hash_of(""), "");
}
END_TEST

/* It stands in catalogs: another one would be another group for every backup that is there. */
START_TEST(a_hash_stays_what_it_is)
{
    ck_assert_str_eq(hash_of("tables=big"), "40e254c7");
    ck_assert_str_eq(hash_of("exclude_table_data=public.sessions"), "9f2ebb14");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pairs");
    TCase *tcase = tcase_create("pairs");
    tcase_add_loop_test(tcase, equal_filters_have_equal_hashes, 0,
                        sizeof rows / sizeof *rows);
    tcase_add_test(tcase, no_filters_have_no_hash);
    tcase_add_test(tcase, a_hash_stays_what_it_is);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
