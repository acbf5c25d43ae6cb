#include "config/redact.h"
#include "tests/support/run_suite.h"

#include <check.h>

static const struct {
    const char *conninfo;
    bool readable, secret;
    const char *shown;
} conninfos[] = {
    {"shop", true, false, "shop"},
    {"host=h dbname=d user=u", true, false, "host=h dbname=d user=u"},
    {"host=h password=hunter2", true, true, "password=*** host=h"},
    {"host=h password='hunter2 x'", true, true, "password=*** host=h"},
    {"host=h sslpassword=hunter2", true, true, "host=h sslpassword=***"},
    {"host = h   password = hunter2", true, true, "password=*** host=h"},
    {"password=hunter2 application_name='my \\'app'", true, true,
     "password=*** application_name='my \\'app'"},
    {"postgresql://u@h:5432/d", true, false, "postgresql://u@h:5432/d"},
    {"postgresql://u:hunter2@h:5433/d", true, true, NULL},
    {"postgres://u@h/d?password=hunter2", true, true, NULL},
    {"postgresql://h/d?sslmode=require", true, false, "postgresql://h/d?sslmode=require"},
    {"host=h pasword=hunter2", false, true, "(hidden)"},
    {"host=h password='hunter2", false, true, "(hidden)"},
    {"postgresql://u:hunter2@[::1/d", false, true, "(hidden)"},
    {"", false, false, ""},
};

START_TEST(passwords_in_connection_strings_are_found_and_hidden)
{
    struct err err = {0};
    struct text text;
    const char *conninfo = conninfos[_i].conninfo;
    text_init(&text, 1000);
    ck_assert_int_eq(redact_conninfo_check(conninfo, &err),
                     conninfos[_i].readable ? 0 : -1);
    ck_assert_msg(!strstr(err.text, "hunter2"), "%s", err.text);
    ck_assert_int_eq(redact_conninfo_has_password(conninfo), conninfos[_i].secret);
    redact_conninfo(conninfo, &text);
    ck_assert_ptr_null(strstr(text.data, "hunter2"));
    if (conninfos[_i].shown)
        ck_assert_str_eq(text.data, conninfos[_i].shown);
    text_release(&text);
}
END_TEST

START_TEST(a_typo_is_named_when_no_password_is_near)
{
    struct err err = {0};
    ck_assert_int_eq(redact_conninfo_check("hots=h dbname=d", &err), -1);
    ck_assert_msg(
        text_starts_with(err.text, "invalid connection option \"hots\"\nhint: as "), "%s",
        err.text);
}
END_TEST

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
    tcase_add_loop_test(tcase, passwords_in_connection_strings_are_found_and_hidden, 0,
                        (int)(sizeof(conninfos) / sizeof(conninfos[0])));
    tcase_add_test(tcase, a_typo_is_named_when_no_password_is_near);
    tcase_add_test(tcase, passwords_in_urls_are_found_and_hidden);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
