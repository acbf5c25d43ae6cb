#include "report/name_text.h"
#include "tests/support/run_suite.h"

#include <check.h>
#include <stdlib.h>

static const struct {
    const char *name, *encoding, *text;
} names[] = {
    {"orders", "EUC_JP", "orders"},
    {"Kunden\xc3\xa4", "UTF8", "Kunden\xc3\xa4"},
    {"M\xfcller", "LATIN1", "M\xc3\xbcller"},
    {"M\xfcller", "latin1", "M\xc3\xbcller"},
    {"\xa4", "LATIN9", "\xe2\x82\xac"},
    {"\x80", "WIN1252", "\xe2\x82\xac"},
    {"\xcc\xbe", "EUC_JP", "\xe5\x90\x8d"},
    {"\xf0\xc5", "KOI8R", "\xd0\x9f\xd0\xb5"},
    /* what cannot be told stays as it is */
    {"M\xfcller", NULL, "M\xfcller"},
    {"M\xfcller", "SQL_ASCII", "M\xfcller"},
    {"M\xfcller", "MULE_INTERNAL", "M\xfcller"},
    {"a\xa4", "EUC_JP", "a\xa4"},
};

START_TEST(a_name_is_read_in_the_encoding_of_its_dump_or_kept_as_it_is)
{
    char *text = name_text(names[_i].name, names[_i].encoding);
    ck_assert_str_eq(text, names[_i].text);
    free(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("name_text");
    TCase *tcase = tcase_create("name_text");
    tcase_add_loop_test(tcase, a_name_is_read_in_the_encoding_of_its_dump_or_kept_as_it_is,
                        0, sizeof names / sizeof *names);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
