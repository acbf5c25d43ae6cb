#include "s3/http/http.h"
#include "tests/support/run_suite.h"

#include <check.h>

static const struct {
    const char *text;
    int64_t seconds; /* -1: none */
} dates[] = {
    {"Sat, 21 Nov 2026 02:00:00 GMT", 1795226400},
    {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
    {"Mon, 29 Feb 2100 25:00:00 GMT", -1},
    {"Sat, 21 Abc 2026 02:00:00 GMT", -1},
    /* The obsolete forms, and what curl_getdate takes beside. */
    {"Saturday, 21-Nov-26 02:00:00 GMT", -1},
    {"Sat Nov 21 02:00:00 2026", -1},
    {"Sat, 21 Nov 2026 02:00:00 CET", -1},
    {"Sat, 21 Nov 2026 02:00:00", -1},
    {"20261121", -1},
    {"60", -1},
    {"", -1},
};

START_TEST(only_the_fixed_form_of_a_date_is_read)
{
    ck_assert_int_eq(s3_http_date(dates[_i].text), dates[_i].seconds);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http");
    TCase *tcase = tcase_create("http");
    tcase_add_loop_test(tcase, only_the_fixed_form_of_a_date_is_read, 0,
                        (int)(sizeof dates / sizeof *dates));
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
