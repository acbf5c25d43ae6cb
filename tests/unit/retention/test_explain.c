#include "retention/explain.h"

#include "tests/support/planning.h"
#include "tests/support/run_suite.h"
#include "tests/support/utc.h"

#include <check.h>

static struct planning p;

static void add_short(void *context, const char *id, struct text *out)
{
    text_addf(out, "%.*s", *(const int *)context, id);
}

/* The example of the retention contract. */
static void begin_example(void)
{
    planning_init(&p, "keep_daily=7 keep_weekly=4 keep_monthly=6", "2026-11-21T03:00:00Z");
    static const char *const ids[] = {"01JD20", "01JD21", "01JD22", "01JD23", "01JD24",
                                      "01JD25", "01JD26", "01JC08", "01JC07"};
    static const char *const times[] = {
        "2026-11-21T02:00:00Z", "2026-11-20T02:00:00Z", "2026-11-19T02:00:00Z",
        "2026-11-18T02:00:00Z", "2026-11-17T02:00:00Z", "2026-11-16T02:00:00Z",
        "2026-11-15T02:00:00Z", "2026-11-08T02:00:00Z", "2026-11-07T02:00:00Z"};
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        struct retention_artifact *artifact = planning_add(&p, ids[i], times[i]);
        artifact->group = "nightly/shop/full";
        artifact->seq = 100 - (int64_t)i;
        artifact->size = 1288490189; /* 1.2 GiB */
    }
    p.artifacts[0].flags = RETENTION_VERIFIED;
    struct retention_artifact *pinned = &p.artifacts[7];
    pinned->flags = RETENTION_PINNED;
    pinned->pin_reason = "before migration";
    pinned->pin_until = utc("2026-12-01");
}

static void expect_row(size_t index, const char *wanted)
{
    int width = 6;
    const struct retention_style style = {add_short, &width};
    struct text text;
    text_init(&text, 1000);
    retention_explain_row(p.plan, index, &style, &text);
    ck_assert_str_eq(text.data, wanted);
    text_release(&text);
}

START_TEST(rows_read_as_in_the_contract)
{
    begin_example();
    planning_run(&p);
    expect_row(0, "KEEP    01JD20  2026-11-21 02:00    1.2 GiB  daily 1/7; weekly 1/4; "
                  "monthly 1/6; newest verified\n");
    expect_row(7,
               "KEEP    01JC08  2026-11-08 02:00    1.2 GiB  weekly 3/4; pinned \"before "
               "migration\" until 2026-12-01\n");
    expect_row(8, "PRUNE   01JC07  2026-11-07 02:00    1.2 GiB  no rule keeps it (week "
                  "2026-W45 is 01JC08)\n");
    planning_release(&p);
}
END_TEST

START_TEST(the_header_names_group_store_policy_and_anchor)
{
    begin_example();
    planning_run(&p);
    struct text text;
    text_init(&text, 1000);
    retention_explain_header(p.plan, &p.plan->groups[0], "offsite", "standard", &text);
    ck_assert_str_eq(text.data,
                     "group nightly/shop/full  store offsite  policy standard (daily=7 "
                     "weekly=4 monthly=6 min_keep=1 UTC)  anchor 2026-11-21 02:00+00\n");
    text_release(&text);
    planning_release(&p);
}
END_TEST

START_TEST(times_are_local_and_the_header_says_where)
{
    struct text text;
    setenv("TZ", "IST-5:30", 1);
    begin_example();
    planning_run(&p);
    text_init(&text, 1000);
    retention_explain_header(p.plan, &p.plan->groups[0], "nas", "standard", &text);
    ck_assert_ptr_nonnull(strstr(text.data, "  anchor 2026-11-21 07:30+05:30\n"));
    expect_row(0, "KEEP    01JD20  2026-11-21 07:30    1.2 GiB  daily 1/7; weekly 1/4; "
                  "monthly 1/6; newest verified\n");
    text_release(&text);
    planning_release(&p);
}
END_TEST

START_TEST(the_last_line_sums_up)
{
    begin_example();
    planning_run(&p);
    struct retention_summary summary = {0};
    retention_summary_add(&summary, p.plan);
    struct text text;
    text_init(&text, 1000);
    retention_explain_summary(&summary, "6f1c000000000000", &text);
    ck_assert_str_eq(text.data, "plan 6f1c000000000000  keep 8  prune 1 (11 %)  frees 1.2 "
                                "GiB  guards ok\n");
    planning_set_policy(&p, "keep_last=1");
    p.artifacts[0].flags = RETENTION_SUSPECT;
    planning_run(&p);
    retention_summary_add(&summary, p.plan);
    text_clear(&text);
    retention_explain_summary(&summary, "6f1c000000000000", &text);
    ck_assert_str_eq(text.data, "plan 6f1c000000000000  keep 10  prune 8 (44 %)  frees 9.6 "
                                "GiB  guards G3 G11\n");
    summary.guards = RETENTION_GUARD_CLOCK | RETENTION_GUARD_FLOORS;
    text_clear(&text);
    retention_explain_summary(&summary, "h", &text);
    ck_assert_str_eq(text.data, "plan h  keep 10  prune 8 (44 %)  frees 9.6 GiB  guards G4 "
                                "G2\n");
    text_release(&text);
    planning_release(&p);
}
END_TEST

START_TEST(every_verdict_has_its_word)
{
    planning_init(&p, "keep_last=1 delete_grace=1d", "2026-11-21T03:00:00Z");
    planning_add(&p, "01JAA1", "2026-11-18T02:00:00Z")->first_marked = 1;
    planning_add(&p, "01JAA2", "2026-11-19T02:00:00Z");
    planning_add(&p, "01JAA3", NULL);
    planning_add(&p, "01JAA4", "2026-11-19T02:00:00Z")->state = RETENTION_LOCKED;
    p.artifacts[3].locked_until = utc("2026-12-24");
    planning_add(&p, "01JAA5", "2026-11-19T02:00:00Z")->state = RETENTION_DAMAGED;
    planning_add(&p, "01JAA6", "2026-11-20T02:00:00Z");
    planning_run(&p);
    expect_row(0, "PRUNE   01JAA1  2026-11-18 02:00      100 B  no rule keeps it\n");
    expect_row(1, "HELD    01JAA2  2026-11-19 02:00      100 B  no rule keeps it\n");
    expect_row(2,
               "KEEP    01JAA3  unknown               100 B  quarantined: time unknown\n");
    expect_row(
        3, "LOCKED  01JAA4  2026-11-19 02:00      100 B  object lock until 2026-12-24\n");
    expect_row(4, "IGNORE  01JAA5  2026-11-19 02:00      100 B  damaged\n");
    expect_row(5, "KEEP    01JAA6  2026-11-20 02:00      100 B  last 1/1\n");
    struct retention_summary summary = {0};
    retention_summary_add(&summary, p.plan);
    struct text text;
    text_init(&text, 1000);
    retention_explain_summary(&summary, "h", &text);
    ck_assert_str_eq(text.data,
                     "plan h  keep 2  prune 1 (25 %)  held 1  frees 100 B  guards "
                     "ok\n");
    text_release(&text);
    planning_release(&p);
}
END_TEST

START_TEST(what_the_cap_took_still_says_what_wanted_it)
{
    planning_init(&p, "keep_last=5 keep_weekly=2 max_total_size=150",
                  "2026-11-21T03:00:00Z");
    planning_add(&p, "old", "2026-11-10T02:00:00Z");
    planning_add(&p, "new", "2026-11-20T02:00:00Z");
    planning_run(&p);
    struct strlist reasons = {0};
    retention_explain_list(p.plan, 0, NULL, &reasons);
    ck_assert_uint_eq(reasons.count, 1);
    ck_assert_str_eq(reasons.items[0], "max_total_size (was: last 2/5; weekly 2/2)");
    strlist_release(&reasons);
    planning_release(&p);
}
END_TEST

START_TEST(names_from_outside_cannot_drive_a_terminal)
{
    static const char *const pending[] = {"off\x1b[2Jsite", NULL};
    planning_init(&p, "keep_last=1", "2026-11-21T03:00:00Z");
    struct retention_artifact *artifact = planning_add(&p, "a", "2026-11-20T02:00:00Z");
    artifact->flags = RETENTION_PINNED;
    artifact->pin_reason = "bell\a";
    artifact->pending = pending;
    artifact->group = "job/\x1b]0;x\a/full";
    planning_run(&p);
    struct text text;
    text_init(&text, 1000);
    retention_explain_header(p.plan, &p.plan->groups[0], "s", "default", &text);
    retention_explain_text(p.plan, 0, NULL, &text);
    for (size_t i = 0; i < text.length; i++)
        ck_assert(text.data[i] == '\n' || (unsigned char)text.data[i] >= ' ');
    text_release(&text);
    planning_release(&p);
}
END_TEST

/* Who won: the finest period that somebody took, local to the zone. */
static const struct {
    const char *policy, *reason;
} winners[] = {
    {"keep_last=1", "no rule keeps it"},
    {"keep_hourly=1", "no rule keeps it (hour 2026-11-20 23:00 is b)"},
    {"keep_daily=1", "no rule keeps it (day 2026-11-20 is b)"},
    {"keep_weekly=1", "no rule keeps it (week 2026-W47 is b)"},
    {"keep_monthly=1", "no rule keeps it (month 2026-11 is b)"},
    {"keep_yearly=1", "no rule keeps it (year 2026 is b)"},
    {"keep_yearly=1 keep_daily=1", "no rule keeps it (day 2026-11-20 is b)"},
    {"keep_within_monthly=1y", "no rule keeps it (month 2026-11 is b)"},
    {"keep_daily=1 timezone=Europe/Berlin", "no rule keeps it (day 2026-11-21 is b)"},
};

START_TEST(the_winner_of_the_period_is_named)
{
    planning_init(&p, winners[_i].policy, "2026-11-21T03:00:00Z");
    planning_add(&p, "a", "2026-11-20T23:10:00Z");
    planning_add(&p, "b", "2026-11-20T23:20:00Z");
    planning_run(&p);
    char *reasons = planning_reasons(&p, "a");
    ck_assert_str_eq(reasons, winners[_i].reason);
    free(reasons);
    planning_release(&p);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("explain");
    setenv("TZ", "UTC", 1); /* of each test */
    TCase *tcase = tcase_create("explain");
    tcase_add_test(tcase, rows_read_as_in_the_contract);
    tcase_add_test(tcase, the_header_names_group_store_policy_and_anchor);
    tcase_add_test(tcase, times_are_local_and_the_header_says_where);
    tcase_add_test(tcase, the_last_line_sums_up);
    tcase_add_test(tcase, every_verdict_has_its_word);
    tcase_add_test(tcase, what_the_cap_took_still_says_what_wanted_it);
    tcase_add_test(tcase, names_from_outside_cannot_drive_a_terminal);
    tcase_add_loop_test(tcase, the_winner_of_the_period_is_named, 0,
                        (int)(sizeof(winners) / sizeof(winners[0])));
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
