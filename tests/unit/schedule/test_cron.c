#include "schedule/cron.h"

#include "base/clock.h"
#include "tests/support/run_suite.h"
#include "tests/support/utc.h"

#include <check.h>

/* 2026-11-01 is a Sunday, the 13th a Friday. */
static const struct {
    const char *line, *from, *next;
} nexts[] = {
    {"* * * * *", "2026-11-01 00:00:00", "2026-11-01 00:00"},
    {"* * * * *", "2026-11-01 00:00:01", "2026-11-01 00:01"},
    {"30 2 * * *", "2026-11-01 02:30:00", "2026-11-01 02:30"},
    {"30 2 * * *", "2026-11-01 02:30:01", "2026-11-02 02:30"},
    {"0 0 1 1 *", "2026-01-01 00:01", "2027-01-01 00:00"},
    {"5,50 8-10/2 * * *", "2026-11-01 08:51", "2026-11-01 10:05"},
    {"*/20 23 * * *", "2026-12-31 23:41", "2027-01-01 23:00"},
    {"0 12 * * mon-fri", "2026-11-06 12:01", "2026-11-09 12:00"},
    {"0 12 * * MON-Fri", "2026-11-06 12:01", "2026-11-09 12:00"},
    {"0 12 * * sat-sun", "2026-11-02 00:00", "2026-11-07 12:00"},
    {"0 12 * * 5-7", "2026-11-08 00:00", "2026-11-08 12:00"},
    {"0 12 * * 7", "2026-11-02 00:00", "2026-11-08 12:00"},
    {"0 12 * * 0", "2026-11-02 00:00", "2026-11-08 12:00"},
    {"0 0 * feb,AUG *", "2026-03-01 00:00", "2026-08-01 00:00"},
    {"0 0 31 * *", "2026-11-01 00:00", "2026-12-31 00:00"},
    {"0 0 29 2 *", "2026-11-01 00:00", "2028-02-29 00:00"},
    {"0 0 29 2 *", "2096-03-01 00:00", "2104-02-29 00:00"}, /* 2100 is none */
    {"\t0  0 \t1 * * ", "2026-11-02 00:00", "2026-12-01 00:00"},
    /* Vixie's days: both restricted, either will do */
    {"0 0 13 * 5", "2026-11-07 00:00", "2026-11-13 00:00"},
    {"0 0 14 * 5", "2026-11-13 00:01", "2026-11-14 00:00"},
    {"0 0 14 * 5", "2026-11-14 00:01", "2026-11-20 00:00"},
    {"0 0 1-7 * 1", "2026-11-08 00:00", "2026-11-09 00:00"},
    /* one of them free: the other decides */
    {"0 0 13 * *", "2026-11-01 00:00", "2026-11-13 00:00"},
    {"0 0 * * 5", "2026-11-07 00:00", "2026-11-13 00:00"},
    /* a field that begins with * is free, and still has its step: both are asked */
    {"0 0 */2 * 1", "2026-11-01 00:00", "2026-11-09 00:00"},
    {"0 0 1-7 * */7", "2026-11-02 00:00", "2026-12-06 00:00"},
    {"0 0 1-31 * 1", "2026-11-03 00:00", "2026-11-03 00:00"}, /* restricted, to all days */
    {"@hourly", "2026-11-01 00:01", "2026-11-01 01:00"},
    {"@daily", "2026-11-01 00:01", "2026-11-02 00:00"},
    {"@midnight", "2026-11-01 00:01", "2026-11-02 00:00"},
    {"@weekly", "2026-11-01 00:01", "2026-11-08 00:00"},
    {"@monthly", "2026-11-01 00:01", "2026-12-01 00:00"},
    {"@yearly", "2026-11-01 00:01", "2027-01-01 00:00"},
    {"@annually", "2026-11-01 00:01", "2027-01-01 00:00"},
};

START_TEST(the_next_minute_is_the_one_that_the_fields_name)
{
    struct err err = {0};
    struct cron cron;
    ck_assert_msg(cron_parse(nexts[_i].line, &cron, &err) == 0, "%s", err.text);
    char next[32];
    clock_rfc3339(next, cron_next(&cron, utc(nexts[_i].from)));
    char wanted[32];
    clock_rfc3339(wanted, utc(nexts[_i].next));
    ck_assert_msg(strcmp(next, wanted) == 0, "\"%s\" after %s: %s instead of %s",
                  nexts[_i].line, nexts[_i].from, next, wanted);
}
END_TEST

static const struct {
    const char *line, *says;
} refused[] = {
    {"", "only 0 of the five fields"},
    {"* * * *", "only 4 of the five fields"},
    {"* * * * * *", "more than five"},
    {"60 * * * *", "minute: 60 is not in 0-59"},
    {"* 24 * * *", "hour: 24"},
    {"* * 0 * *", "day of month: 0"},
    {"* * 32 * *", "day of month: 32"},
    {"* * * 13 *", "month: 13"},
    {"* * * * 8", "day of week: 8"},
    {"99999999999999999999 * * * *", "minute"},
    {"10-5 * * * *", "goes backwards"},
    {"* * * dec-jan *", "goes backwards"},
    {"5/10 * * * *", "a step needs"},
    {"*/0 * * * *", "from 1 on"},
    {"*/90 * * * *", "longer than its range"},
    {"*/x * * * *", "from 1 on"},
    {"5- * * * *", "no end"},
    {"5, * * * *", "is missing"},
    {",5 * * * *", "is missing"},
    {"x * * * *", "a number or *"},
    {"* * * * mo", "a name"},
    {"* * * * monday", "\"day\" cannot stand here"},
    {"jan * * * *", "minute"},
    {"0 0 30 2 *", "no such day"},
    {"0 0 31 4,6,9,11 *", "no such day"},
    {"@reboot", "none of @hourly"},
    {"@daily 5", "none of @hourly"},
    {"*5 * * * *", "cannot stand here"},
    {"-5 * * * *", "is missing"},
    {"* * * * ?", "is missing"},
    {"* * L * *", "is missing"},
};

START_TEST(what_is_no_line_is_refused_and_the_field_named)
{
    struct err err = {0};
    struct cron cron;
    ck_assert_int_eq(cron_parse(refused[_i].line, &cron, &err), -1);
    ck_assert_int_eq(err.kind, ERR_USAGE);
    ck_assert_msg(strstr(err.text, refused[_i].says) != NULL, "\"%s\": %s",
                  refused[_i].line, err.text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cron");
    TCase *tcase = tcase_create("cron");
    tcase_add_loop_test(tcase, the_next_minute_is_the_one_that_the_fields_name, 0,
                        (int)(sizeof nexts / sizeof *nexts));
    tcase_add_loop_test(tcase, what_is_no_line_is_refused_and_the_field_named, 0,
                        (int)(sizeof refused / sizeof *refused));
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
