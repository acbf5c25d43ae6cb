#include "base/ulid.h"
#include "tests/support/run_suite.h"

#include <check.h>

START_TEST(an_id_begins_with_its_time)
{
    char id[ULID_SIZE];
    ulid_new(id, 1469918176385); /* the example of the specification */
    ck_assert_int_eq(strncmp(id, "01ARYZ6S41", 10), 0);
    ck_assert(ulid_is_valid(id));
    ulid_new(id, -1);
    ck_assert_int_eq(strncmp(id, "0000000000", 10), 0);
}
END_TEST

START_TEST(ids_of_one_millisecond_ascend)
{
    char before[ULID_SIZE], id[ULID_SIZE];
    ulid_new(before, 1000);
    for (int i = 0; i < 1000; i++) {
        ulid_new(id, 1000);
        ck_assert_int_gt(strcmp(id, before), 0);
        memcpy(before, id, sizeof id);
    }
}
END_TEST

START_TEST(ids_of_different_milliseconds_have_nothing_in_common)
{
    char first[ULID_SIZE], second[ULID_SIZE];
    ulid_new(first, 1000);
    ulid_new(second, 1001);
    ck_assert_int_ne(strcmp(first + 10, second + 10), 0);
}
END_TEST

START_TEST(only_26_letters_of_its_alphabet_are_an_id)
{
    static const char *const bad[] = {
        "",
        "01ARYZ6S41TSV4RRFFQ69G5FA",   /* 25 */
        "01ARYZ6S41TSV4RRFFQ69G5FAVX", /* 27 */
        "01ARYZ6S41TSV4RRFFQ69G5FAI",  /* I, L, O and U look like others */
        "01aryz6s41tsv4rrffq69g5fav",
        "81ARYZ6S41TSV4RRFFQ69G5FAV", /* a time beyond 48 bits */
        "01ARYZ6S41/SV4RRFFQ69G5FAV",
    };
    ck_assert(ulid_is_valid("01ARYZ6S41TSV4RRFFQ69G5FAV"));
    ck_assert(ulid_is_valid("7ZZZZZZZZZZZZZZZZZZZZZZZZZ"));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!ulid_is_valid(bad[i]), "%s", bad[i]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ulid");
    TCase *tcase = tcase_create("ulid");
    tcase_add_test(tcase, an_id_begins_with_its_time);
    tcase_add_test(tcase, ids_of_one_millisecond_ascend);
    tcase_add_test(tcase, ids_of_different_milliseconds_have_nothing_in_common);
    tcase_add_test(tcase, only_26_letters_of_its_alphabet_are_an_id);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
