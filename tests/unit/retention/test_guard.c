#include "retention/guard.h"

#include "base/digest.h"
#include "tests/support/planning.h"
#include "tests/support/run_suite.h"

#include <check.h>

static struct planning p;

static void begin(const char *policy)
{
    planning_init(&p, policy, "2026-11-21T12:00:00Z");
}

/* `count` of them, an hour apart, the first one the newest. */
static void add_hours(int count)
{
    for (int i = 0; i < count; i++)
        planning_add_at(&p, p.now - (i + 1) * 3600)->seq = 1000 - i;
}

/* keep_last = kept of `complete` copies: does G3 refuse? */
static const struct {
    int complete, kept;
    const char *guard;
    bool is_refused;
} amounts[] = {
    {10, 5, "", false},                   /* exactly half */
    {10, 4, "", true},                    /* 6 of 10 */
    {7, 4, "", false},                    /* 3 of 7: not more than 3.5 */
    {7, 3, "", true},                     /* 4 > 3.5 */
    {9, 5, "", false},                    /* 4 of 9: less than 4.5 */
    {4, 1, "", false},                    /* 3 may always go */
    {5, 1, "", true},                     /* 4 > 3 and 4 > 2.5 */
    {30, 20, " guard_percent=33", true},  /* 10 > 9.9 */
    {30, 20, " guard_percent=34", false}, /* 10 < 10.2 */
    {30, 1, " guard_percent=100", false},
    {30, 1, " guard_percent=9223372036854775807", false},
    {30, 29, " guard_percent=0 guard_min_count=0", true},
    {30, 30, " guard_percent=0 guard_min_count=0", false},
    {30, 1, " guard_min_count=29", false},
    {30, 1, " guard_min_count=28", true},
    {30, 1, " guard_min_count=9223372036854775807", false},
};

START_TEST(g3_refuses_more_than_both_limits_without_rounding)
{
    char policy[200];
    snprintf(policy, sizeof(policy), "keep_last=%d%s", amounts[_i].kept, amounts[_i].guard);
    begin(policy);
    add_hours(amounts[_i].complete);
    planning_run(&p);
    unsigned guards = retention_guard_group(p.plan, &p.plan->groups[0]);
    ck_assert_uint_eq(guards, amounts[_i].is_refused ? RETENTION_GUARD_MANY : 0);
    planning_release(&p);
}
END_TEST

START_TEST(g3_counts_complete_copies_whatever_their_time)
{
    begin("keep_last=1");
    add_hours(5); /* 4 of 5 would go */
    planning_add(&p, "failed", "2026-11-01")->state = RETENTION_FAILED;
    planning_run(&p);
    ck_assert_uint_eq(retention_guard_group(p.plan, &p.plan->groups[0]),
                      RETENTION_GUARD_MANY);
    for (int i = 0; i < 3; i++)
        planning_add_at(&p,
                        p.now + 1000000 + i); /* 4 of 8, three of them from the future */
    planning_run(&p);
    ck_assert_uint_eq(retention_guard_group(p.plan, &p.plan->groups[0]), 0);
    planning_release(&p);
}
END_TEST

START_TEST(g3_does_not_count_what_the_grace_holds)
{
    begin("keep_last=1 delete_grace=1d");
    add_hours(20);
    planning_run(&p);
    ck_assert_uint_eq(retention_guard_group(p.plan, &p.plan->groups[0]), 0);
    for (size_t i = 0; i < p.count; i++)
        p.artifacts[i].first_marked = p.now - 2 * 86400;
    planning_run(&p);
    ck_assert_uint_eq(retention_guard_group(p.plan, &p.plan->groups[0]),
                      RETENTION_GUARD_MANY);
    planning_release(&p);
}
END_TEST

START_TEST(g11_holds_the_group_while_the_newest_is_suspect)
{
    begin("keep_last=2");
    add_hours(3);
    p.artifacts[1].flags = RETENTION_SUSPECT; /* not the newest */
    planning_run(&p);
    ck_assert_uint_eq(retention_guard_group(p.plan, &p.plan->groups[0]), 0);
    p.artifacts[0].flags = RETENTION_SUSPECT;
    planning_run(&p);
    const struct retention_group *group = &p.plan->groups[0];
    ck_assert_uint_eq(retention_guard_group(p.plan, group), RETENTION_GUARD_SUSPECT);
    struct text text;
    text_init(&text, 1000);
    retention_guard_text(p.plan, group, RETENTION_GUARD_SUSPECT, &text);
    ck_assert_str_eq(
        text.data, "a doubtful newest backup (G11): a0001 is suspect; nothing goes before "
                   "`pgkeep accept a0001`, a drill of it, or a normal one");
    text_release(&text);
    planning_set_policy(&p, "keep_last=3"); /* nothing would go */
    planning_run(&p);
    ck_assert_uint_eq(retention_guard_group(p.plan, &p.plan->groups[0]), 0);
    planning_release(&p);
}
END_TEST

START_TEST(refusals_give_their_figures)
{
    begin("keep_last=1");
    add_hours(20);
    p.artifacts[0].flags = RETENTION_SUSPECT;
    planning_run(&p);
    const struct retention_group *group = &p.plan->groups[0];
    struct text text;
    text_init(&text, 1000);
    retention_guard_text(p.plan, group, retention_guard_group(p.plan, group), &text);
    ck_assert_ptr_nonnull(
        strstr(text.data, "too many at once (G3): 19 of 20 complete copies would go in "
                          "one run; more than 3 and more than 50 % is refused; a "
                          "doubtful newest backup (G11): "));
    ck_assert_str_eq(retention_guard_name(RETENTION_GUARD_MANY), "G3");
    ck_assert_str_eq(retention_guard_name(RETENTION_GUARD_SUSPECT), "G11");
    text_release(&text);
    planning_release(&p);
}
END_TEST

START_TEST(g4_refuses_a_clock_that_went_back_more_than_an_hour)
{
    struct err err = {0};
    ck_assert_int_eq(retention_guard_clock(1000000, 0, &err), 0);
    ck_assert_int_eq(retention_guard_clock(1000000, 1003600, &err), 0);
    ck_assert_int_eq(retention_guard_clock(1000000, 1003601, &err), -1);
    ck_assert_int_eq(err.kind, ERR_UNSAFE);
}
END_TEST

START_TEST(g4_refuses_a_store_whose_clock_is_five_minutes_off)
{
    struct err err = {0};
    ck_assert_int_eq(retention_guard_store_clock(1000, 1300, &err), 0);
    ck_assert_int_eq(retention_guard_store_clock(1300, 1000, &err), 0);
    ck_assert_int_eq(retention_guard_store_clock(1000, 1301, &err), -1);
    ck_assert_int_eq(err.kind, ERR_UNSAFE);
    ck_assert_ptr_nonnull(strstr(err.text, "behind"));
    ck_assert_int_eq(retention_guard_store_clock(1301, 1000, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "ahead of"));
}
END_TEST

START_TEST(g10_refuses_broken_and_unbelievable_listings)
{
    struct err err = {0};
    ck_assert_int_eq(retention_guard_listing(true, 5, 9, &err), 0);
    ck_assert_int_eq(retention_guard_listing(true, 0, 0, &err), 0);
    ck_assert_int_eq(retention_guard_listing(false, 5, 5, &err), -1);
    ck_assert_int_eq(err.kind, ERR_UNSAFE);
    ck_assert_int_eq(retention_guard_listing(true, 0, 1, &err), -1);
    ck_assert_int_eq(err.kind, ERR_UNSAFE);
}
END_TEST

START_TEST(the_last_good_one_of_a_group_survives_somewhere)
{
    struct planning other;
    begin("keep_last=1");
    add_hours(3);
    p.artifacts[2].flags = RETENTION_VERIFIED;
    planning_copy(&other, &p);
    planning_run(&p);
    planning_run(&other);
    const struct retention_plan *const plans[] = {p.plan, other.plan};
    struct err err = {0};
    ck_assert_int_eq(retention_guard_survivors(plans, 2, &err), 0);
    ck_assert_int_eq(retention_guard_survivors(plans, 0, &err), 0);
    /* No plan does this; a mistake in one would. */
    p.plan->decisions[2].verdict = RETENTION_PRUNE;
    ck_assert_int_eq(retention_guard_survivors(plans, 2, &err), 0);
    other.plan->decisions[2].verdict = RETENTION_PRUNE;
    ck_assert_int_eq(retention_guard_survivors(plans, 2, &err), -1);
    ck_assert_int_eq(err.kind, ERR_UNSAFE);
    ck_assert_ptr_nonnull(strstr(err.text, "a0003"));
    other.plan->decisions[2].is_held = true; /* not in this run */
    ck_assert_int_eq(retention_guard_survivors(plans, 2, &err), 0);
    planning_release(&other);
    planning_release(&p);
}
END_TEST

START_TEST(a_broken_copy_is_no_survivor)
{
    struct planning other;
    begin("keep_last=5");
    add_hours(1);
    planning_copy(&other, &p);
    other.artifacts[0].state = RETENTION_MISSING;
    planning_run(&p);
    planning_run(&other);
    p.plan->decisions[0].verdict = RETENTION_PRUNE;
    const struct retention_plan *const plans[] = {other.plan, p.plan};
    struct err err = {0};
    ck_assert_int_eq(retention_guard_survivors(plans, 2, &err), -1);
    planning_release(&other);
    planning_release(&p);
}
END_TEST

static void hash_of(const char *store, char out[RETENTION_HASH_SIZE])
{
    struct retention_hash hash;
    retention_hash_init(&hash);
    retention_hash_add(&hash, store, p.plan);
    retention_hash_finish(&hash, out);
    retention_hash_release(&hash);
}

START_TEST(the_hash_is_that_of_the_sorted_lines)
{
    begin("keep_last=1");
    planning_add(&p, "b", "2026-11-20");
    planning_add(&p, "a", "2026-11-19");
    planning_add(&p, "c", "2026-11-18")->state = RETENTION_FAILED;
    p.artifacts[0].seq = 10;
    planning_run(&p);
    const char lines[] = "s1 a prune\ns1 b keep\ns2 a prune\ns2 b keep\n";
    unsigned char wanted[SHA256_SIZE];
    digest_sha256(lines, strlen(lines), wanted);
    char hex[RETENTION_HASH_SIZE], got[RETENTION_HASH_SIZE];
    digest_hex(wanted, 8, hex);
    struct retention_hash hash;
    retention_hash_init(&hash);
    retention_hash_add(&hash, "s2", p.plan);
    retention_hash_add(&hash, "s1", p.plan);
    ck_assert_str_eq(retention_hash_finish(&hash, got), hex);
    planning_release(&p);
}
END_TEST

START_TEST(the_hash_changes_with_what_would_be_done_and_only_then)
{
    char one[RETENTION_HASH_SIZE], other[RETENTION_HASH_SIZE];
    begin("keep_last=2");
    add_hours(4);
    planning_run(&p);
    hash_of("s", one);
    for (size_t i = 0; i < p.count; i++) { /* other times and sizes, the same verdicts */
        p.artifacts[i].time -= 1000;
        p.artifacts[i].size *= 2;
    }
    planning_set_policy(&p, "keep_within=1h");
    planning_run(&p);
    hash_of("s", other);
    ck_assert_str_eq(one, other);
    hash_of("t", other);
    ck_assert_str_ne(one, other);
    planning_set_policy(&p, "keep_last=3");
    planning_run(&p);
    hash_of("s", other);
    ck_assert_str_ne(one, other);
    planning_release(&p);
}
END_TEST

START_TEST(an_empty_plan_has_a_hash_too)
{
    begin("keep_last=2");
    planning_run(&p);
    char hash[RETENTION_HASH_SIZE];
    hash_of("s", hash);
    ck_assert_str_eq(hash, "e3b0c44298fc1c14"); /* of nothing */
    planning_release(&p);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        g3_counts_complete_copies_whatever_their_time,
        g3_does_not_count_what_the_grace_holds,
        g11_holds_the_group_while_the_newest_is_suspect,
        refusals_give_their_figures,
        g4_refuses_a_clock_that_went_back_more_than_an_hour,
        g4_refuses_a_store_whose_clock_is_five_minutes_off,
        g10_refuses_broken_and_unbelievable_listings,
        the_last_good_one_of_a_group_survives_somewhere,
        a_broken_copy_is_no_survivor,
        the_hash_is_that_of_the_sorted_lines,
        the_hash_changes_with_what_would_be_done_and_only_then,
        an_empty_plan_has_a_hash_too,
    };
    Suite *suite = suite_create("guard");
    TCase *tcase = tcase_create("guard");
    tcase_add_loop_test(tcase, g3_refuses_more_than_both_limits_without_rounding, 0,
                        (int)(sizeof(amounts) / sizeof(amounts[0])));
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
