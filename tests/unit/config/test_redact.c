#include "config/redact.h"
#include "tests/support/run_suite.h"

#include <check.h>

START_TEST(passwords_in_urls_are_found_and_hidden)
{
    static const struct {
        const char *url, *shown;
    } urls[] = {
        {"http://proxy:3128", NULL},
        {"http://u:hunter2@proxy:3128/x", "http://***@proxy:3128/x"},
        {"u:hunter2@proxy", "***@proxy"},
        {"http://u:hunt@er2@proxy", "http://***@proxy"},
        {"https://host/path@x", NULL},
        {"https://host/?a=b@c", NULL},
    };
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        struct text text;
        text_init(&text, 1000);
        redact_url(urls[i].url, &text);
        ck_assert_str_eq(text.data, urls[i].shown ? urls[i].shown : urls[i].url);
        ck_assert_int_eq(redact_url_has_password(urls[i].url), urls[i].shown != NULL);
        text_release(&text);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("redact");
    TCase *tcase = tcase_create("redact");
    tcase_add_test(tcase, passwords_in_urls_are_found_and_hidden);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
