#include "retention/policy.h"

#include "base/memory.h"
#include "tests/support/planning.h"
#include "tests/support/run_suite.h"
#include "tests/support/utc.h"

#include <check.h>

/* Every line a user may write, and what it is called in the plan's header afterwards. */
static const struct {
    const char *key, *value;
    const char *text; /* of the whole policy; NULL: refused */
} lines[] = {
    {"keep_last", "3", "last=3 min_keep=1 UTC"},
    {"keep_last", "0", "min_keep=1 UTC"},
    {"keep_last", "9223372036854775807", "last=9223372036854775807 min_keep=1 UTC"},
    {"keep_hourly", "24", "hourly=24 min_keep=1 UTC"},
    {"keep_daily", "7", "daily=7 min_keep=1 UTC"},
    {"keep_weekly", "4", "weekly=4 min_keep=1 UTC"},
    {"keep_monthly", "12", "monthly=12 min_keep=1 UTC"},
    {"keep_yearly", "10", "yearly=10 min_keep=1 UTC"},
    {"keep_within", "1y6mo", "within=1y6mo min_keep=1 UTC"},
    {"keep_within", "18mo", "within=1y6mo min_keep=1 UTC"},
    {"keep_within", "0h", "within=0h min_keep=1 UTC"},
    {"keep_within", "1w1d1h", "within=1w1d1h min_keep=1 UTC"},
    {"keep_within", "90min", "within=1h30min min_keep=1 UTC"},
    {"keep_within_hourly", "2d", "within_hourly=2d min_keep=1 UTC"},
    {"keep_within_daily", "1mo", "within_daily=1mo min_keep=1 UTC"},
    {"keep_within_weekly", "8w", "within_weekly=8w min_keep=1 UTC"},
    {"keep_within_monthly", "2y", "within_monthly=2y min_keep=1 UTC"},
    {"keep_within_yearly", "10y", "within_yearly=10y min_keep=1 UTC"},
    {"keep_days", "30", "days=30 min_keep=1 UTC"},
    {"keep_oldest", "true", "oldest=true min_keep=1 UTC"},
    {"keep_oldest", "false", "min_keep=1 UTC"},
    {"max_total_size", "500GiB", "max_total_size=500GiB min_keep=1 UTC"},
    {"max_total_size", "1000", "max_total_size=1000 min_keep=1 UTC"},
    {"max_total_size", "0", "min_keep=1 UTC"},
    {"min_keep", "2", "min_keep=2 UTC"},
    {"timezone", "Europe/Berlin", "min_keep=1 Europe/Berlin"},
    {"future_tolerance", "1h", "min_keep=1 future_tolerance=1h UTC"},
    {"future_tolerance", "15min", "min_keep=1 UTC"},
    {"failed_keep", "14d", "min_keep=1 failed_keep=2w UTC"},
    {"damaged_keep", "60d", "min_keep=1 damaged_keep=8w4d UTC"},
    {"delete_grace", "1d", "min_keep=1 delete_grace=1d UTC"},
    {"guard_percent", "30", "min_keep=1 guard_percent=30 UTC"},
    {"guard_min_count", "0", "min_keep=1 guard_min_count=0 UTC"},
    {"keep_last", "-1", NULL},
    {"keep_last", "", NULL},
    {"keep_last", "3x", NULL},
    {"keep_last", " 3", NULL},
    {"keep_last", "3.0", NULL},
    {"keep_last", "9223372036854775808", NULL},
    {"keep_days", "0", NULL},
    {"keep_days", "-7", NULL},
    {"min_keep", "0", NULL},
    {"min_keep", "-1", NULL},
    {"guard_percent", "-1", NULL},
    {"guard_min_count", "-1", NULL},
    {"keep_within", "", NULL},
    {"keep_within", "7", NULL},
    {"keep_within", "-7d", NULL},
    {"keep_within", "7D", NULL},
    {"keep_within", "7m", NULL},
    {"keep_within", "7days", NULL},
    {"keep_within", "1d1w", NULL},
    {"keep_within", "1d1d", NULL},
    {"keep_within", "1.5d", NULL},
    {"max_total_size", "-1", NULL},
    {"max_total_size", "10XB", NULL},
    {"keep_oldest", "maybe", NULL},
    {"timezone", "", NULL},
    {"timezone", "Mars/Olympus", NULL},
    {"timezone", "../UTC", NULL},
    {"keep_forever", "1", NULL},
    {"keep_Last", "1", NULL},
    {"", "1", NULL},
};

START_TEST(a_line_is_taken_whole_or_refused_with_the_key_in_the_sentence)
{
    struct retention_policy policy;
    retention_policy_init(&policy);
    struct err err = {0};
    int result = retention_policy_set(&policy, lines[_i].key, lines[_i].value, &err);
    ck_assert_msg((result == 0) == (lines[_i].text != NULL), "%s", err.text);
    if (result < 0) {
        ck_assert_int_eq(err.kind, ERR_CONFIG);
        ck_assert_ptr_nonnull(strstr(err.text, lines[_i].key));
    } else {
        struct text text;
        text_init(&text, 1000);
        retention_policy_text(&policy, &text);
        ck_assert_str_eq(text.data, lines[_i].text);
        text_release(&text);
    }
    retention_policy_release(&policy);
}
END_TEST

START_TEST(a_mistyped_key_is_answered_with_the_nearest)
{
    struct retention_policy policy;
    retention_policy_init(&policy);
    struct err err = {0};
    ck_assert_int_eq(retention_policy_set(&policy, "keep_dayly", "7", &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "unknown policy key \"keep_dayly\""));
    ck_assert_ptr_nonnull(strstr(err.text, "\"keep_daily\""));
    retention_policy_release(&policy);
}
END_TEST

START_TEST(durations_of_ages_are_taken)
{
    static const char *const texts[] = {"99999y", "10000000h", "1000000000d",
                                        "999999999999mo"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct retention_policy policy;
        retention_policy_init(&policy);
        struct err err = {0};
        ck_assert_msg(retention_policy_set(&policy, "keep_within", texts[i], &err) == 0,
                      "%s", err.text);
        int64_t now = utc("2026-11-21");
        ck_assert_int_lt(
            retention_calendar_before(policy.zone, now, policy.within[RETENTION_LAST]),
            utc("1000-01-01"));
        retention_policy_release(&policy);
    }
}
END_TEST

/* Which keys make a policy choose at all? */
static const struct {
    const char *policy;
    bool is_on;
} ons[] = {
    {"", false},
    {"keep_last=0 keep_daily=0", false},
    {"keep_oldest=true", false},
    {"max_total_size=1GiB", false},
    {"min_keep=3 timezone=Europe/Berlin delete_grace=1d", false},
    {"keep_last=1", true},
    {"keep_hourly=1", true},
    {"keep_yearly=1", true},
    {"keep_within=0h", true},
    {"keep_within_monthly=1y", true},
    {"keep_days=1", true},
};

START_TEST(only_rules_that_choose_switch_a_policy_on)
{
    struct planning planning;
    planning_init(&planning, ons[_i].policy, "2026-11-21");
    ck_assert(retention_policy_is_on(&planning.policy) == ons[_i].is_on);
    planning_release(&planning);
}
END_TEST

START_TEST(the_text_names_rules_in_a_fixed_order)
{
    struct planning planning;
    planning_init(&planning,
                  "timezone=Europe/Berlin keep_monthly=6 keep_weekly=4 keep_daily=7",
                  "2026-11-21");
    struct text text;
    text_init(&text, 1000);
    retention_policy_text(&planning.policy, &text);
    ck_assert_str_eq(text.data, "daily=7 weekly=4 monthly=6 min_keep=1 Europe/Berlin");
    text_release(&text);
    planning_release(&planning);
}
END_TEST

START_TEST(the_table_is_sound)
{
    static const size_t sizes[] = {
        [RETENTION_KIND_COUNT] = sizeof(int64_t),
        [RETENTION_KIND_DURATION] = sizeof(struct duration),
        [RETENTION_KIND_FLAG] = sizeof(bool),
        [RETENTION_KIND_SIZE] = sizeof(uint64_t),
        [RETENTION_KIND_ZONE] = sizeof(struct zone *),
    };
    const struct retention_key *keys = retention_policy_keys;
    for (size_t i = 0; i < retention_policy_key_count; i++) {
        ck_assert_ptr_eq(retention_policy_key(keys[i].name), &keys[i]);
        ck_assert_uint_le(keys[i].offset + sizes[keys[i].kind],
                          sizeof(struct retention_policy));
        for (size_t j = 0; j < i; j++)
            ck_assert(keys[j].offset + sizes[keys[j].kind] <= keys[i].offset ||
                      keys[i].offset + sizes[keys[i].kind] <= keys[j].offset);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("policy");
    TCase *tcase = tcase_create("policy");
    tcase_add_loop_test(tcase,
                        a_line_is_taken_whole_or_refused_with_the_key_in_the_sentence, 0,
                        (int)(sizeof(lines) / sizeof(lines[0])));
    tcase_add_test(tcase, a_mistyped_key_is_answered_with_the_nearest);
    tcase_add_test(tcase, durations_of_ages_are_taken);
    tcase_add_loop_test(tcase, only_rules_that_choose_switch_a_policy_on, 0,
                        (int)(sizeof(ons) / sizeof(ons[0])));
    tcase_add_test(tcase, the_text_names_rules_in_a_fixed_order);
    tcase_add_test(tcase, the_table_is_sound);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
