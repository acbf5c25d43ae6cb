#include "retention/plan.h"

#include "tests/support/planning.h"
#include "tests/support/run_suite.h"
#include "tests/support/utc.h"

#include <check.h>

static struct planning p;

static void begin(const char *policy)
{
    planning_init(&p, policy, "2026-11-21T12:00:00Z");
}

static void expect_kept(const char *ids)
{
    planning_run(&p);
    char *kept = planning_kept(&p);
    ck_assert_str_eq(kept, ids);
    free(kept);
}

static void expect_reasons(const char *id, const char *reasons)
{
    char *got = planning_reasons(&p, id);
    ck_assert_str_eq(got, reasons);
    free(got);
}

static void release(void)
{
    planning_release(&p);
}

/* One a day at 02:00, the 20th back to the 11th of November: d20 ... d11. */
static void add_ten_days(void)
{
    static const char *const days[] = {"11", "12", "13", "14", "15",
                                       "16", "17", "18", "19", "20"};
    for (size_t i = 0; i < sizeof(days) / sizeof(days[0]); i++) {
        char id[8], time[32];
        snprintf(id, sizeof(id), "d%s", days[i]);
        snprintf(time, sizeof(time), "2026-11-%sT02:00:00Z", days[i]);
        planning_add(&p, id, time);
    }
}

/* What each rule alone keeps of ten days (min_keep=1 keeps d20 anyway). Weeks begin on the
 * 16th. */
static const struct {
    const char *policy, *kept;
} rules[] = {
    {"keep_last=3", "d20 d19 d18"},
    {"keep_last=100", "d20 d19 d18 d17 d16 d15 d14 d13 d12 d11"},
    {"keep_hourly=2", "d20 d19"},
    {"keep_daily=4", "d20 d19 d18 d17"},
    {"keep_weekly=2", "d20 d15"},
    {"keep_weekly=5", "d20 d15"},
    {"keep_monthly=5", "d20"},
    {"keep_yearly=1", "d20"},
    {"keep_within=0h", "d20"},
    {"keep_within=2d", "d20 d19 d18"},
    {"keep_within=47h", "d20 d19"},
    {"keep_within_daily=3d", "d20 d19 d18 d17"},
    {"keep_within_weekly=5d", "d20 d15"},
    {"keep_within_weekly=4d", "d20"},
    {"keep_within_monthly=1y", "d20"},
    {"keep_days=2", "d20 d19 d18"},
    {"keep_last=2 keep_weekly=2", "d20 d19 d15"},
    {"keep_weekly=2 keep_oldest=true", "d20 d15"},
    {"keep_weekly=3 keep_oldest=true", "d20 d15 d11"},
    {"keep_last=10 keep_oldest=true", "d20 d19 d18 d17 d16 d15 d14 d13 d12 d11"},
    {"keep_within=1d keep_oldest=true", "d20 d19"},
    {"keep_daily=2 min_keep=4", "d20 d19 d18 d17"},
    {"", "d20 d19 d18 d17 d16 d15 d14 d13 d12 d11"},
    {"keep_last=0 keep_oldest=true", "d20 d19 d18 d17 d16 d15 d14 d13 d12 d11"},
    {"max_total_size=300", "d20 d19 d18"},
    {"max_total_size=399", "d20 d19 d18"},
    {"max_total_size=1", "d20"},
    {"keep_weekly=2 max_total_size=150", "d20"},
    {"keep_last=2 max_total_size=500", "d20 d19"},
    {"keep_last=9223372036854775807 keep_days=9223372036854775807",
     "d20 d19 d18 d17 d16 d15 d14 d13 d12 d11"},
};

START_TEST(a_rule_keeps_exactly_its_own)
{
    begin(rules[_i].policy);
    add_ten_days();
    expect_kept(rules[_i].kept);
    release();
}
END_TEST

START_TEST(matches_of_all_rules_are_recorded)
{
    begin("keep_last=2 keep_daily=3 keep_weekly=4 keep_within=1d");
    add_ten_days();
    planning_run(&p);
    expect_reasons("d20", "last 1/2; daily 1/3; weekly 1/4; within 1d");
    expect_reasons("d19", "last 2/2; daily 2/3; within 1d");
    expect_reasons("d18", "daily 3/3");
    expect_reasons("d15", "weekly 2/4");
    expect_reasons("d17", "no rule keeps it (week 2026-W47 is d20)");
    release();
}
END_TEST

START_TEST(the_anchor_is_the_newest_good_one_and_not_the_clock)
{
    begin("keep_within=1d");
    planning_add(&p, "old", "2020-01-01T00:00:00Z");
    planning_add(&p, "older", "2019-12-31T00:00:00Z");
    planning_add(&p, "oldest", "2019-12-30T23:59:59Z");
    p.artifacts[0].seq = 9;
    expect_kept("old older");
    ck_assert_int_eq(p.plan->groups[0].anchor, utc("2020-01-01"));
    release();
}
END_TEST

START_TEST(ties_are_broken_by_seq_and_then_by_id)
{
    begin("keep_last=1");
    planning_add(&p, "b", "2026-11-20T02:00:00Z")->seq = 7;
    planning_add(&p, "c", "2026-11-20T02:00:00Z")->seq = 7;
    planning_add(&p, "d", "2026-11-20T02:00:00Z")->seq = 6;
    expect_kept("c");
    p.artifacts[2].seq = 8;
    expect_kept("d");
    release();
}
END_TEST

START_TEST(the_newest_by_sequence_stays_after_the_clock_went_back)
{
    begin("keep_last=1");
    planning_add(&p, "before", "2026-11-20T02:00:00Z");
    planning_add(&p, "after", "2026-11-10T02:00:00Z");
    planning_add(&p, "third", "2026-11-11T02:00:00Z")->seq = 1;
    expect_kept("before after");
    expect_reasons("after", "newest by sequence");
    release();
}
END_TEST

START_TEST(the_newest_verified_stays)
{
    begin("keep_last=1");
    planning_add(&p, "v1", "2026-11-01T02:00:00Z")->flags = RETENTION_VERIFIED;
    planning_add(&p, "v2", "2026-11-02T02:00:00Z")->flags = RETENTION_VERIFIED;
    planning_add(&p, "n", "2026-11-03T02:00:00Z");
    expect_kept("n v2");
    expect_reasons("v2", "newest verified");
    release();
}
END_TEST

START_TEST(floors_are_named_where_no_rule_keeps_it)
{
    begin("keep_weekly=1 min_keep=2");
    add_ten_days();
    planning_run(&p);
    expect_reasons("d20", "weekly 1/1");
    expect_reasons("d19", "min_keep 2/2");
    release();
}
END_TEST

/* State, and its word. */
static const struct {
    enum retention_state state;
    const char *reason;
} states[] = {
    {RETENTION_RUNNING, "running"},
    {RETENTION_FAILED, "failed"},
    {RETENTION_DAMAGED, "damaged"},
    {RETENTION_MISSING, "missing"},
    {RETENTION_DELETING, "deleting"},
    {RETENTION_BLOCKED, "blocked"},
    {RETENTION_LOCKED, "object lock: legal hold"},
};

START_TEST(what_is_not_complete_is_ignored_and_fills_no_slot)
{
    begin("keep_last=1 min_keep=1");
    struct retention_artifact *bad = planning_add(&p, "bad", "2026-11-21T02:00:00Z");
    bad->state = states[_i].state;
    bad->flags = RETENTION_PINNED | RETENTION_VERIFIED | RETENTION_LEASED;
    planning_add(&p, "good", "2026-11-20T02:00:00Z");
    expect_kept("good");
    ck_assert_str_eq(planning_verdict(&p, "bad"), "ignore");
    expect_reasons("bad", states[_i].reason);
    ck_assert_uint_eq(p.plan->groups[0].complete, 1);
    ck_assert_uint_eq(p.plan->groups[0].ignored, 1);
    release();
}
END_TEST

START_TEST(future_and_unknown_times_are_set_aside)
{
    begin("keep_last=1");
    planning_add(&p, "edge", "2026-11-21T12:15:00Z"); /* 15 minutes are tolerated */
    planning_add(&p, "future", "2026-11-21T12:15:01Z");
    planning_add(&p, "unknown", NULL);
    planning_add(&p, "marked", "2026-11-21T12:14:00Z")->flags = RETENTION_QUARANTINED;
    planning_add(&p, "good", "2026-11-20T02:00:00Z");
    p.artifacts[0].seq = 100;
    expect_kept("future edge marked unknown");
    expect_reasons("future", "quarantined: dated 2026-11-21 12:15, in the future");
    expect_reasons("unknown", "quarantined: time unknown");
    expect_reasons("marked", "quarantined: set aside earlier");
    ck_assert(retention_plan_newly_quarantined(p.plan, planning_index(&p, "future")));
    ck_assert(retention_plan_newly_quarantined(p.plan, planning_index(&p, "unknown")));
    ck_assert(!retention_plan_newly_quarantined(p.plan, planning_index(&p, "marked")));
    ck_assert(!retention_plan_newly_quarantined(p.plan, planning_index(&p, "edge")));
    release();
}
END_TEST

START_TEST(a_group_of_only_quarantined_ones_has_no_anchor)
{
    begin("keep_last=1 max_total_size=1");
    planning_add(&p, "a", "2099-01-01");
    planning_add(&p, "b", NULL);
    expect_kept("a b");
    ck_assert(!p.plan->groups[0].has_anchor);
    ck_assert(p.plan->groups[0].over_cap);
    release();
}
END_TEST

START_TEST(pins_leases_and_waiting_copies_protect)
{
    static const char *const waiting[] = {"offsite", "nas", NULL};
    static const char *const nobody[] = {NULL};
    begin("keep_last=1 max_total_size=1");
    struct retention_artifact *pinned = planning_add(&p, "pinned", "2026-11-01T02:00:00Z");
    pinned->flags = RETENTION_PINNED;
    pinned->pin_reason = "before migration";
    pinned->pin_until = utc("2026-12-01");
    planning_add(&p, "leased", "2026-11-02T02:00:00Z")->flags = RETENTION_LEASED;
    p.artifacts[1].lease = "being restored";
    planning_add(&p, "waited", "2026-11-03T02:00:00Z")->pending = waiting;
    planning_add(&p, "free", "2026-11-04T02:00:00Z")->pending = nobody;
    planning_add(&p, "newest", "2026-11-05T02:00:00Z");
    expect_kept("newest waited leased pinned");
    expect_reasons("pinned", "pinned \"before migration\" until 2026-12-01");
    expect_reasons("leased", "leased: being restored");
    expect_reasons("waited", "pending copy to offsite, nas");
    release();
}
END_TEST

START_TEST(a_pin_ends_at_its_date)
{
    begin("keep_last=1");
    planning_add(&p, "pinned", "2026-11-01T02:00:00Z")->flags = RETENTION_PINNED;
    planning_add(&p, "newest", "2026-11-05T02:00:00Z");
    p.artifacts[0].pin_until = p.now + 1;
    expect_kept("newest pinned");
    p.artifacts[0].pin_until = p.now;
    expect_kept("newest");
    release();
}
END_TEST

START_TEST(the_cap_counts_all_and_takes_the_oldest_first)
{
    begin("keep_last=5 max_total_size=350");
    planning_add(&p, "future", "2099-01-01");
    planning_add(&p, "e1", "2026-11-01")->flags = RETENTION_PINNED;
    planning_add(&p, "e2", "2026-11-02");
    planning_add(&p, "e3", "2026-11-02"); /* a tie: e2 has the lower seq */
    planning_add(&p, "e4", "2026-11-04");
    planning_add(&p, "failed", "2026-11-04")->state = RETENTION_FAILED;
    expect_kept("future e4 e1");
    expect_reasons("e2", "max_total_size (was: last 3/5)");
    ck_assert(!p.plan->groups[0].over_cap);
    p.policy.max_total_size = 400;
    expect_kept("future e4 e3 e1");
    p.policy.max_total_size = 299;
    expect_kept("future e4 e1");
    ck_assert(p.plan->groups[0].over_cap);
    release();
}
END_TEST

START_TEST(sizes_are_added_exactly_even_beyond_64_bits)
{
    begin("keep_last=5 max_total_size=1");
    for (int i = 0; i < 5; i++) {
        static const char *const ids[] = {"s1", "s2", "s3", "s4", "s5"};
        static const char *const times[] = {"2026-11-01", "2026-11-02", "2026-11-03",
                                            "2026-11-04", "2026-11-05"};
        planning_add(&p, ids[i], times[i])->size = i == 4 ? 1 : UINT64_MAX / 2 + 1;
    }
    expect_kept("s5");
    ck_assert(!p.plan->groups[0].over_cap);
    ck_assert_uint_eq(p.plan->groups[0].pruned_bytes, UINT64_MAX);
    p.policy.max_total_size = UINT64_MAX;
    expect_kept("s5 s4");
    release();
}
END_TEST

START_TEST(unwanted_ones_are_held_for_the_grace)
{
    begin("keep_last=1 delete_grace=2d");
    planning_add(&p, "new", "2026-11-20");
    planning_add(&p, "marked", "2026-11-19")->first_marked = p.now - 2 * 86400;
    planning_add(&p, "young", "2026-11-18")->first_marked = p.now - 2 * 86400 + 1;
    planning_add(&p, "unmarked", "2026-11-17");
    p.artifacts[0].seq = 9;
    expect_kept("new");
    ck_assert(!p.plan->decisions[1].is_held);
    ck_assert(p.plan->decisions[2].is_held);
    ck_assert(p.plan->decisions[3].is_held);
    ck_assert_uint_eq(p.plan->groups[0].pruned, 3);
    ck_assert_uint_eq(p.plan->groups[0].held, 2);
    release();
}
END_TEST

START_TEST(failed_and_damaged_ones_are_due_when_old_and_replaced)
{
    begin("keep_last=1 failed_keep=7d damaged_keep=30d");
    static const struct {
        const char *id, *time;
        enum retention_state state;
        bool is_due;
    } rows[] = {
        {"good", "2026-11-15", RETENTION_COMPLETE, false},
        {"proven", "2026-10-22T12:00:02Z", RETENTION_COMPLETE, false},
        {"failed-new", "2026-11-20", RETENTION_FAILED, false}, /* nothing newer is whole */
        {"failed-week", "2026-11-14T12:00:00Z", RETENTION_FAILED, true},
        {"failed-less", "2026-11-14T12:00:01Z", RETENTION_FAILED, false},
        {"damaged-old", "2026-10-22T12:00:00Z", RETENTION_DAMAGED, true},
        {"damaged-new", "2026-10-22T12:00:01Z", RETENTION_DAMAGED, false},
        {"damaged-unproven", "2026-10-22T12:00:03Z", RETENTION_DAMAGED, false},
        {"damaged-found-late", "2025-01-01", RETENTION_DAMAGED, false},
        {"damaged-found-long-ago", "2025-01-01", RETENTION_DAMAGED, true},
        {"damaged-found-unknown", "2025-01-01", RETENTION_DAMAGED, false},
        {"missing", "2020-01-01", RETENTION_MISSING, false},
        {"running", "2020-01-01", RETENTION_RUNNING, false},
        {"failed-unknown", NULL, RETENTION_FAILED, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct retention_artifact *artifact = planning_add(&p, rows[i].id, rows[i].time);
        artifact->state = rows[i].state;
        artifact->flags = strcmp(rows[i].id, "proven") == 0 ? RETENTION_VERIFIED : 0u;
        artifact->damaged_since = p.now - 30 * 86400;
        if (strcmp(rows[i].id, "damaged-new") == 0 ||
            strcmp(rows[i].id, "damaged-found-late") == 0)
            artifact->damaged_since++;
        if (strcmp(rows[i].id, "damaged-found-unknown") == 0)
            artifact->damaged_since = 0;
    }
    planning_run(&p);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        ck_assert_msg(p.plan->decisions[i].is_due == rows[i].is_due, "%s", rows[i].id);
    release();
}
END_TEST

START_TEST(groups_never_mix)
{
    begin("keep_last=1");
    planning_add(&p, "a1", "2026-11-01")->group = "app";
    planning_add(&p, "a2", "2026-11-02")->group = "app";
    planning_add(&p, "s1", "2026-11-03")->group = "app-staging";
    planning_add(&p, "s2", "2026-11-04")->group = "app-staging";
    expect_kept("a2 s2");
    ck_assert_uint_eq(p.plan->group_count, 2);
    ck_assert_str_eq(p.plan->groups[0].name, "app");
    ck_assert_str_eq(p.plan->groups[1].name, "app-staging");
    release();
}
END_TEST

START_TEST(groups_are_known_by_their_letters_not_their_address)
{
    char one[] = "shop", other[] = "shop";
    begin("keep_last=1");
    planning_add(&p, "a1", "2026-11-01")->group = one;
    planning_add(&p, "a2", "2026-11-02")->group = other;
    expect_kept("a2");
    ck_assert_uint_eq(p.plan->group_count, 1);
    release();
}
END_TEST

START_TEST(an_empty_store_has_an_empty_plan)
{
    begin("keep_last=1");
    expect_kept("");
    ck_assert_uint_eq(p.plan->group_count, 0);
    release();
}
END_TEST

START_TEST(too_many_copies_are_refused_before_memory_is_asked_for)
{
    begin("keep_last=1");
    struct err err = {0};
    ck_assert_ptr_null(
        retention_plan_new(&p.policy, 0, p.artifacts, (size_t)4000000001, &err));
    ck_assert_int_eq(err.kind, ERR_SYSTEM);
    release();
}
END_TEST

/* A local day that comes back: one past midnight on the 29th it was the 28th again. */
START_TEST(a_day_that_returns_is_no_third_day)
{
    begin("keep_daily=3 timezone=America/St_Johns");
    planning_add(&p, "noon29", "2006-10-29T15:30:00Z");
    planning_add(&p, "second28", "2006-10-29T02:40:00Z"); /* 23:10 on the 28th, again */
    planning_add(&p, "first29", "2006-10-29T02:30:30Z");  /* 00:00:30 on the 29th */
    planning_add(&p, "noon28", "2006-10-28T14:30:00Z");
    planning_add(&p, "noon27", "2006-10-27T14:30:00Z");
    for (size_t i = 0; i < p.count; i++)
        p.artifacts[i].seq = 100 - (int64_t)i;
    expect_kept("noon29 second28 noon27");
    expect_reasons("noon28", "no rule keeps it (day 2006-10-28 is second28)");
    release();
}
END_TEST

START_TEST(the_hour_that_comes_twice_is_two_hours)
{
    begin("keep_hourly=10 timezone=Europe/Berlin");
    planning_add(&p, "h1", "2026-10-25T00:10:00Z"); /* 02:10 summer time */
    planning_add(&p, "h2", "2026-10-25T00:50:00Z");
    planning_add(&p, "h3", "2026-10-25T01:10:00Z"); /* 02:10 winter time */
    planning_add(&p, "h4", "2026-10-25T01:50:00Z");
    expect_kept("h4 h2");
    release();
}
END_TEST

START_TEST(a_day_that_never_was_takes_no_slot)
{
    begin("keep_daily=3 timezone=Pacific/Apia");
    planning_add(&p, "d29", "2011-12-30T09:00:00Z");
    planning_add(&p, "d28", "2011-12-29T09:00:00Z");
    planning_add(&p, "d31", "2011-12-30T11:00:00Z");
    planning_add(&p, "d27", "2011-12-28T09:00:00Z");
    p.artifacts[2].seq = 100;
    expect_kept("d31 d29 d28");
    release();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        matches_of_all_rules_are_recorded,
        the_anchor_is_the_newest_good_one_and_not_the_clock,
        ties_are_broken_by_seq_and_then_by_id,
        the_newest_by_sequence_stays_after_the_clock_went_back,
        the_newest_verified_stays,
        floors_are_named_where_no_rule_keeps_it,
        future_and_unknown_times_are_set_aside,
        a_group_of_only_quarantined_ones_has_no_anchor,
        pins_leases_and_waiting_copies_protect,
        a_pin_ends_at_its_date,
        the_cap_counts_all_and_takes_the_oldest_first,
        sizes_are_added_exactly_even_beyond_64_bits,
        unwanted_ones_are_held_for_the_grace,
        failed_and_damaged_ones_are_due_when_old_and_replaced,
        groups_never_mix,
        groups_are_known_by_their_letters_not_their_address,
        an_empty_store_has_an_empty_plan,
        too_many_copies_are_refused_before_memory_is_asked_for,
        a_day_that_returns_is_no_third_day,
        the_hour_that_comes_twice_is_two_hours,
        a_day_that_never_was_takes_no_slot,
    };
    Suite *suite = suite_create("plan");
    TCase *tcase = tcase_create("plan");
    tcase_add_loop_test(tcase, a_rule_keeps_exactly_its_own, 0,
                        (int)(sizeof(rules) / sizeof(rules[0])));
    tcase_add_loop_test(tcase, what_is_not_complete_is_ignored_and_fills_no_slot, 0,
                        (int)(sizeof(states) / sizeof(states[0])));
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
