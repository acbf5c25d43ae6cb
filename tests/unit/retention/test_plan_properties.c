/* Properties of the planner over random cases. PGKEEP_SEED=N repeats a run, PGKEEP_CASES=N
 * changes how many cases each property looks at; what fails names its case. */
#include "tests/support/planning.h"
#include "tests/support/run_suite.h"

#include "base/memory.h"

#include <check.h>

#define CASES 2000
#define ALL_MAX 64

static uint64_t seed;

/* A random case, its plan, and the plan of a changed copy. */
struct property {
    struct dice random;
    struct planning base, changed;
};

static void begin(struct property *property, uint64_t number, size_t index,
                  unsigned options)
{
    memset(property, 0, sizeof(*property));
    property->random.state = seed * 1000003 + number * 100000007 + index;
    planning_init(&property->base, "", "2026-11-21T02:00:00Z");
    planning_random_policy(&property->base, &property->random, options);
    planning_random_artifacts(&property->base, &property->random, options);
    planning_run(&property->base);
    planning_copy(&property->changed, &property->base);
}

static void end(struct property *property)
{
    planning_release(&property->base);
    planning_release(&property->changed);
}

static uint64_t below(struct property *property, uint64_t limit)
{
    return dice_below(&property->random, limit);
}

static unsigned verdict(const struct planning *planning, size_t index)
{
    return planning->plan->decisions[index].verdict;
}

static bool is_eligible(const struct planning *planning, size_t index)
{
    return planning->artifacts[index].state == RETENTION_COMPLETE &&
           (planning->plan->decisions[index].reasons & RETENTION_QUARANTINE) == 0;
}

static bool is_newer(const struct retention_artifact *a, const struct retention_artifact *b)
{
    if (a->time != b->time)
        return a->time > b->time;
    return a->seq != b->seq ? a->seq > b->seq : strcmp(a->id, b->id) > 0;
}

static bool same_group(const struct planning *planning, size_t a, size_t b)
{
    return strcmp(planning->artifacts[a].group, planning->artifacts[b].group) == 0;
}

/* How many eligible ones of its group are newer. */
static size_t rank(const struct planning *planning, size_t index)
{
    size_t newer = 0;
    for (size_t i = 0; i < planning->count; i++) {
        if (i != index && is_eligible(planning, i) && same_group(planning, i, index) &&
            is_newer(&planning->artifacts[i], &planning->artifacts[index]))
            newer++;
    }
    return newer;
}

static void expect(bool holds, const struct property *property, size_t index,
                   const char *what)
{
    if (holds)
        return;
    struct text policy;
    text_init(&policy, 4096);
    retention_policy_text(&property->base.policy, &policy);
    ck_abort_msg("%s: case %zu, seed %llu, policy %s", what, index,
                 (unsigned long long)seed, policy.data);
}

/* The same verdict for every artifact of `changed` as its namesake has in `base`. */
static bool same_verdicts(const struct planning *base, const struct planning *changed)
{
    for (size_t i = 0; i < changed->count; i++) {
        for (size_t j = 0; j < base->count; j++) {
            if (strcmp(base->artifacts[j].id, changed->artifacts[i].id) == 0 &&
                verdict(base, j) != verdict(changed, i))
                return false;
        }
    }
    return true;
}

/* Everything that `less` keeps, `more` keeps too; the artifacts are the same. */
static bool keeps_at_least(const struct planning *more, const struct planning *less)
{
    for (size_t i = 0; i < less->count; i++) {
        if (planning_keeps(less, i) && !planning_keeps(more, i))
            return false;
    }
    return true;
}

static size_t prunes(const struct planning *planning)
{
    size_t count = 0;
    for (size_t i = 0; i < planning->count; i++)
        count += verdict(planning, i) == RETENTION_PRUNE ? 1 : 0;
    return count;
}

START_TEST(p1_every_copy_has_one_verdict_and_a_reason)
{
    for (size_t i = 0; i < dice_cases(CASES); i++) {
        struct property p;
        begin(&p, 1, i, 0);
        for (size_t a = 0; a < p.base.count; a++) {
            struct strlist reasons = {0};
            retention_explain_list(p.base.plan, a, NULL, &reasons);
            bool is_complete = p.base.artifacts[a].state == RETENTION_COMPLETE;
            expect(reasons.count > 0 && reasons.items[0][0] != '\0', &p, i, "no reason");
            expect((verdict(&p.base, a) == RETENTION_IGNORE) != is_complete, &p, i,
                   "ignored or not");
            strlist_release(&reasons);
        }
        size_t judged = 0;
        for (size_t g = 0; g < p.base.plan->group_count; g++) {
            const struct retention_group *group = &p.base.plan->groups[g];
            judged += group->kept + group->pruned + group->ignored;
        }
        expect(judged == p.base.count, &p, i, "sums of the groups");
        end(&p);
    }
}
END_TEST

START_TEST(p2_p3_p4_the_newest_restorable_and_the_newest_verified_stay)
{
    for (size_t i = 0; i < dice_cases(CASES); i++) {
        struct property p;
        begin(&p, 2, i, 0);
        for (size_t a = 0; a < p.base.count; a++) {
            if (!is_eligible(&p.base, a))
                continue;
            if (rank(&p.base, a) == 0)
                expect(planning_keeps(&p.base, a), &p, i, "the newest goes");
            bool is_newest = (p.base.artifacts[a].flags & RETENTION_VERIFIED) != 0;
            for (size_t b = 0; b < p.base.count && is_newest; b++) {
                if (b != a && is_eligible(&p.base, b) && same_group(&p.base, a, b) &&
                    (p.base.artifacts[b].flags & RETENTION_VERIFIED) != 0 &&
                    is_newer(&p.base.artifacts[b], &p.base.artifacts[a]))
                    is_newest = false;
            }
            if (is_newest)
                expect(planning_keeps(&p.base, a), &p, i, "the newest verified goes");
        }
        end(&p);
    }
}
END_TEST

START_TEST(p5_p7_pinned_leased_running_and_future_ones_are_never_pruned)
{
    for (size_t i = 0; i < dice_cases(CASES); i++) {
        struct property p;
        begin(&p, 5, i, 0);
        for (size_t a = 0; a < p.base.count; a++) {
            const struct retention_artifact *artifact = &p.base.artifacts[a];
            bool is_untouchable =
                (artifact->flags &
                 (RETENTION_PINNED | RETENTION_LEASED | RETENTION_QUARANTINED)) != 0 ||
                artifact->state == RETENTION_RUNNING || artifact->pending != NULL ||
                !artifact->has_time ||
                artifact->time > p.base.now + p.base.policy.future_tolerance.seconds;
            if (is_untouchable)
                expect(verdict(&p.base, a) != RETENTION_PRUNE, &p, i, "it goes");
        }
        end(&p);
    }
}
END_TEST

START_TEST(p8_with_no_rule_on_nothing_goes)
{
    for (size_t i = 0; i < dice_cases(CASES); i++) {
        struct property p;
        begin(&p, 8, i, 0);
        planning_set_policy(&p.changed, i % 2 == 0 ? "keep_last=0 min_keep=3"
                                                   : "keep_oldest=true keep_daily=0");
        planning_run(&p.changed);
        expect(prunes(&p.changed) == 0 && !p.changed.plan->is_on, &p, i, "something goes");
        end(&p);
    }
}
END_TEST

START_TEST(p9_the_order_of_the_input_does_not_matter)
{
    for (size_t i = 0; i < dice_cases(CASES); i++) {
        struct property p;
        begin(&p, 9, i, 0);
        for (size_t a = p.changed.count; a-- > 1;) {
            size_t other = below(&p, a + 1);
            struct retention_artifact swap = p.changed.artifacts[a];
            p.changed.artifacts[a] = p.changed.artifacts[other];
            p.changed.artifacts[other] = swap;
        }
        planning_run(&p.changed);
        for (size_t place = 0; place < p.base.count; place++) {
            struct text one, other;
            text_init(&one, 4096);
            text_init(&other, 4096);
            retention_explain_row(p.base.plan, retention_plan_index(p.base.plan, place),
                                  NULL, &one);
            retention_explain_row(
                p.changed.plan, retention_plan_index(p.changed.plan, place), NULL, &other);
            expect(strcmp(one.data, other.data) == 0, &p, i, "another order, another line");
            text_release(&one);
            text_release(&other);
        }
        end(&p);
    }
}
END_TEST

START_TEST(p10_planning_what_was_kept_prunes_nothing_more)
{
    for (size_t i = 0; i < dice_cases(CASES); i++) {
        struct property p;
        begin(&p, 10, i, 0);
        for (size_t a = p.changed.count; a-- > 0;) {
            if (verdict(&p.base, a) == RETENTION_PRUNE)
                planning_remove(&p.changed, a);
        }
        planning_run(&p.changed);
        expect(prunes(&p.changed) == 0, &p, i, "a second plan prunes more");
        end(&p);
    }
}
END_TEST

START_TEST(p11_a_higher_count_never_prunes_more)
{
    for (size_t i = 0; i < dice_cases(CASES); i++) {
        struct property p;
        begin(&p, 11, i, PLANNING_NO_CAP);
        size_t rule = below(&p, RETENTION_RULES);
        if (!p.base.plan->is_on)
            p.base.policy.keep[rule] = p.changed.policy.keep[rule] = 1;
        planning_run(&p.base);
        p.changed.policy.keep[rule] += 1 + (int64_t)below(&p, 3);
        if (i % 5 == 0)
            p.changed.policy.min_keep++;
        planning_run(&p.changed);
        expect(keeps_at_least(&p.changed, &p.base), &p, i,
               "a higher count loses something");
        end(&p);
    }
}
END_TEST

START_TEST(p12_a_pin_changes_only_its_own_verdict)
{
    for (size_t i = 0; i < dice_cases(CASES); i++) {
        struct property p;
        begin(&p, 12, i, PLANNING_NO_CAP);
        if (p.base.count > 0) {
            size_t pinned = below(&p, p.base.count);
            p.changed.artifacts[pinned].flags |= RETENTION_PINNED;
            planning_run(&p.changed);
            for (size_t a = 0; a < p.base.count; a++)
                expect(a == pinned || verdict(&p.base, a) == verdict(&p.changed, a), &p, i,
                       "another verdict changed");
            bool is_complete = p.base.artifacts[pinned].state == RETENTION_COMPLETE;
            expect(planning_keeps(&p.changed, pinned) == is_complete, &p, i,
                   "the pinned one itself");
        }
        end(&p);
    }
}
END_TEST

START_TEST(p13_failed_ones_change_nothing_else)
{
    for (size_t i = 0; i < dice_cases(CASES); i++) {
        struct property p;
        begin(&p, 13, i, 0);
        for (unsigned n = 0; n < 5; n++) {
            int64_t back = (int64_t)below(&p, 90 * 86400);
            struct retention_artifact *failed =
                planning_add_at(&p.changed, p.changed.now - back);
            failed->state = (enum retention_state)(RETENTION_FAILED + below(&p, 3));
            failed->seq = 5000;
            failed->size = 100000;
            failed->flags = RETENTION_VERIFIED | RETENTION_PINNED;
            failed->group = i % 2 == 0 ? "g" : "x";
        }
        planning_run(&p.changed);
        expect(same_verdicts(&p.base, &p.changed), &p, i, "a failed one matters");
        end(&p);
    }
}
END_TEST

START_TEST(p14_one_from_the_future_changes_no_other_verdict)
{
    for (size_t i = 0; i < dice_cases(CASES); i++) {
        struct property p;
        begin(&p, 14, i, PLANNING_NO_CAP);
        const struct retention_artifact *someone =
            p.base.count == 0 ? NULL : &p.base.artifacts[below(&p, p.base.count)];
        int64_t ahead = p.changed.policy.future_tolerance.seconds + 1;
        struct retention_artifact *future = planning_add_at(
            &p.changed, p.changed.now + ahead + (int64_t)below(&p, 1000000));
        future->group = someone == NULL ? "g" : someone->group;
        future->seq = (int64_t)below(&p, 100000);
        future->flags = RETENTION_VERIFIED;
        planning_run(&p.changed);
        expect(planning_keeps(&p.changed, p.changed.count - 1), &p, i,
               "the future one goes");
        expect(same_verdicts(&p.base, &p.changed), &p, i, "it pushed another one out");
        end(&p);
    }
}
END_TEST

START_TEST(p15_five_years_without_a_new_backup_change_nothing)
{
    for (size_t i = 0; i < dice_cases(CASES); i++) {
        struct property p;
        begin(&p, 15, i, 0);
        for (size_t a = 0; a < p.changed.count; a++) { /* the mark is sticky */
            if (retention_plan_newly_quarantined(p.base.plan, a))
                p.changed.artifacts[a].flags |= RETENTION_QUARANTINED;
        }
        p.changed.now += (int64_t)5 * 366 * 86400;
        planning_run(&p.changed);
        expect(same_verdicts(&p.base, &p.changed), &p, i, "time alone changed a verdict");
        end(&p);
    }
}
END_TEST

START_TEST(p16_each_rule_keeps_what_a_naive_planner_keeps_for_it)
{
    static const char *const names[RETENTION_RULES] = {"last",   "hourly",  "daily",
                                                       "weekly", "monthly", "yearly"};
    for (size_t i = 0; i < dice_cases(CASES); i++) {
        struct property p;
        begin(&p, 16, i, PLANNING_ONLY_GOOD | PLANNING_ONE_GROUP);
        size_t rule = i % RETENTION_RULES;
        char *policy =
            memory_format("keep_%s=%u timezone=%s", names[rule], 1 + (unsigned)below(&p, 8),
                          zone_name(p.base.policy.zone));
        planning_set_policy(&p.changed, policy);
        free(policy);
        planning_run(&p.changed);
        uint8_t verdicts[ALL_MAX];
        planning_naive(&p.changed, verdicts);
        for (size_t a = 0; a < p.changed.count; a++)
            expect(verdicts[a] == verdict(&p.changed, a), &p, i, names[rule]);
        end(&p);
    }
}
END_TEST

START_TEST(whole_plans_equal_those_of_the_naive_planner)
{
    for (size_t i = 0; i < dice_cases(2 * CASES); i++) {
        struct property p;
        begin(&p, 99, i, 0);
        uint8_t verdicts[ALL_MAX];
        planning_naive(&p.base, verdicts);
        for (size_t a = 0; a < p.base.count; a++)
            expect(verdicts[a] == verdict(&p.base, a), &p, i, p.base.artifacts[a].id);
        end(&p);
    }
}
END_TEST

START_TEST(slots_are_numbered_from_the_newest_without_gaps)
{
    for (size_t i = 0; i < dice_cases(CASES); i++) {
        struct property p;
        begin(&p, 98, i, PLANNING_ONE_GROUP);
        for (size_t rule = 0; rule < RETENTION_RULES; rule++) {
            uint32_t taken = 0;
            for (size_t place = 0; place < p.base.count; place++) {
                size_t a = retention_plan_index(p.base.plan, place);
                uint32_t slot = p.base.plan->decisions[a].slot[rule];
                expect(slot == 0 || slot == ++taken, &p, i, "slots are not in order");
            }
            expect(taken <= p.base.policy.keep[rule], &p, i, "more slots than there are");
        }
        end(&p);
    }
}
END_TEST

START_TEST(p17_p18_the_cap_only_removes_and_is_met_or_only_protected_ones_are_left)
{
    for (size_t i = 0; i < dice_cases(CASES); i++) {
        struct property p;
        begin(&p, 17, i, PLANNING_NO_CAP | PLANNING_ONE_GROUP);
        p.changed.policy.max_total_size = 1 + below(&p, 3000);
        planning_run(&p.changed);
        expect(keeps_at_least(&p.base, &p.changed), &p, i, "the cap kept something");
        uint64_t total = 0;
        bool all_protected = true;
        for (size_t a = 0; a < p.changed.count; a++) {
            if (!planning_keeps(&p.changed, a))
                continue;
            total += p.changed.artifacts[a].size;
            all_protected = all_protected && p.changed.plan->decisions[a].is_protected;
        }
        bool is_met = total <= p.changed.policy.max_total_size;
        expect(is_met || all_protected, &p, i, "too much is left");
        expect(p.changed.count == 0 || p.changed.plan->groups[0].over_cap == !is_met, &p, i,
               "over_cap");
        end(&p);
    }
}
END_TEST

START_TEST(p19_the_newest_min_keep_stay)
{
    for (size_t i = 0; i < dice_cases(CASES); i++) {
        struct property p;
        begin(&p, 19, i, 0);
        for (size_t a = 0; a < p.base.count; a++) {
            if (is_eligible(&p.base, a) &&
                (int64_t)rank(&p.base, a) < p.base.policy.min_keep)
                expect(planning_keeps(&p.base, a), &p, i, "below the floor");
        }
        end(&p);
    }
}
END_TEST

START_TEST(p20_whole_weeks_later_the_plan_is_the_same)
{
    for (size_t i = 0; i < dice_cases(CASES); i++) {
        struct property p;
        begin(&p, 20, i, PLANNING_UTC | PLANNING_NO_CALENDAR);
        int64_t shift = ((int64_t)below(&p, 2000) - 1000) * 7 * 86400;
        p.changed.now += shift;
        for (size_t a = 0; a < p.changed.count; a++)
            p.changed.artifacts[a].time += shift;
        planning_run(&p.changed);
        expect(same_verdicts(&p.base, &p.changed), &p, i, "weeks are not equal");
        end(&p);
    }
}
END_TEST

START_TEST(p21_a_newer_good_one_never_resurrects_a_pruned_one_by_a_count)
{
    const uint32_t count_rules = (1u << RETENTION_BY_WITHIN) - 1;
    for (size_t i = 0; i < dice_cases(CASES); i++) {
        struct property p;
        begin(&p, 21, i, PLANNING_NO_CAP | PLANNING_ONE_GROUP);
        int64_t newest = p.base.now - 400 * 86400;
        for (size_t a = 0; a < p.base.count; a++) {
            if (is_eligible(&p.base, a) && p.base.artifacts[a].time > newest)
                newest = p.base.artifacts[a].time;
        }
        struct retention_artifact *added =
            planning_add_at(&p.changed, newest + (int64_t)below(&p, 86400));
        added->seq = 6000;
        p.changed.now += 10 * 86400;
        for (size_t a = 0; a + 1 < p.changed.count; a++) {
            if (retention_plan_newly_quarantined(p.base.plan, a))
                p.changed.artifacts[a].flags |= RETENTION_QUARANTINED;
        }
        planning_run(&p.changed);
        for (size_t a = 0; a < p.base.count; a++) {
            if (verdict(&p.base, a) == RETENTION_PRUNE)
                expect((p.changed.plan->decisions[a].reasons & count_rules) == 0, &p, i,
                       "it came back");
        }
        end(&p);
    }
}
END_TEST

START_TEST(p23_the_union_of_two_policies_keeps_what_either_keeps)
{
    for (size_t i = 0; i < dice_cases(CASES); i++) {
        struct property p;
        const unsigned options = PLANNING_NO_CAP | PLANNING_UTC | PLANNING_RULE_ON;
        begin(&p, 23, i, options);
        struct planning other, both;
        planning_copy(&other, &p.base);
        planning_random_policy(&other, &p.random, options);
        planning_copy(&both, &p.base);
        p.base.policy.future_tolerance = other.policy.future_tolerance;
        planning_run(&p.base);
        other.now = p.base.now;
        planning_run(&other);
        both.policy.future_tolerance = other.policy.future_tolerance;
        for (size_t rule = 0; rule < RETENTION_RULES; rule++) {
            if (other.policy.keep[rule] > both.policy.keep[rule])
                both.policy.keep[rule] = other.policy.keep[rule];
            struct duration one = both.policy.within[rule], two = other.policy.within[rule];
            int64_t cutoff = retention_calendar_before(both.policy.zone, both.now, one);
            if (!both.policy.has_within[rule] ||
                retention_calendar_before(both.policy.zone, both.now, two) < cutoff)
                both.policy.within[rule] = two;
            both.policy.has_within[rule] |= other.policy.has_within[rule];
        }
        if (other.policy.keep_days > both.policy.keep_days)
            both.policy.keep_days = other.policy.keep_days;
        if (other.policy.min_keep > both.policy.min_keep)
            both.policy.min_keep = other.policy.min_keep;
        both.policy.keep_oldest |= other.policy.keep_oldest;
        /* Which of two durations is longer can depend on the anchor; then there is no
         * union. */
        bool is_clear = true;
        for (size_t rule = 0; rule < RETENTION_RULES; rule++)
            is_clear =
                is_clear &&
                (p.base.policy.within[rule].months == 0 ||
                 other.policy.within[rule].months == 0 || !p.base.policy.has_within[rule] ||
                 !other.policy.has_within[rule]) &&
                p.base.policy.within[rule].months + other.policy.within[rule].months == 0;
        planning_run(&both);
        if (is_clear)
            expect(keeps_at_least(&both, &p.base) && keeps_at_least(&both, &other), &p, i,
                   "the union keeps less");
        planning_release(&other);
        planning_release(&both);
        end(&p);
    }
}
END_TEST

START_TEST(p24_groups_planned_apart_and_together_are_the_same)
{
    for (size_t i = 0; i < dice_cases(CASES); i++) {
        struct property p;
        begin(&p, 24, i, 0);
        for (size_t g = 0; g < p.base.plan->group_count; g++) {
            struct planning apart;
            planning_copy(&apart, &p.base);
            for (size_t a = apart.count; a-- > 0;) {
                if (strcmp(apart.artifacts[a].group, p.base.plan->groups[g].name) != 0)
                    planning_remove(&apart, a);
            }
            planning_run(&apart);
            expect(same_verdicts(&p.base, &apart), &p, i, "groups mix");
            expect(apart.plan->group_count == 1 &&
                       retention_guard_group(apart.plan, &apart.plan->groups[0]) ==
                           retention_guard_group(p.base.plan, &p.base.plan->groups[g]),
                   &p, i, "guards mix groups");
            planning_release(&apart);
        }
        end(&p);
    }
}
END_TEST

START_TEST(p27_two_runs_over_the_same_facts_have_the_same_hash)
{
    for (size_t i = 0; i < dice_cases(CASES); i++) {
        struct property p;
        begin(&p, 27, i, 0);
        for (size_t a = 0; a < p.changed.count / 2; a++) { /* read in another order */
            struct retention_artifact swap = p.changed.artifacts[a];
            p.changed.artifacts[a] = p.changed.artifacts[p.changed.count - 1 - a];
            p.changed.artifacts[p.changed.count - 1 - a] = swap;
        }
        planning_run(&p.changed);
        char one[RETENTION_HASH_SIZE], other[RETENTION_HASH_SIZE];
        struct retention_hash hash;
        retention_hash_init(&hash);
        retention_hash_add(&hash, "s1", p.base.plan);
        retention_hash_add(&hash, "s2", p.changed.plan);
        retention_hash_finish(&hash, one);
        retention_hash_init(&hash);
        retention_hash_add(&hash, "s2", p.base.plan);
        retention_hash_add(&hash, "s1", p.changed.plan);
        retention_hash_finish(&hash, other);
        expect(strcmp(one, other) == 0, &p, i, "the hash depends on the order");
        end(&p);
    }
}
END_TEST

int main(void)
{
    seed = dice_seed();
    const TTest *const tests[] = {
        p1_every_copy_has_one_verdict_and_a_reason,
        p2_p3_p4_the_newest_restorable_and_the_newest_verified_stay,
        p5_p7_pinned_leased_running_and_future_ones_are_never_pruned,
        p8_with_no_rule_on_nothing_goes,
        p9_the_order_of_the_input_does_not_matter,
        p10_planning_what_was_kept_prunes_nothing_more,
        p11_a_higher_count_never_prunes_more,
        p12_a_pin_changes_only_its_own_verdict,
        p13_failed_ones_change_nothing_else,
        p14_one_from_the_future_changes_no_other_verdict,
        p15_five_years_without_a_new_backup_change_nothing,
        p16_each_rule_keeps_what_a_naive_planner_keeps_for_it,
        whole_plans_equal_those_of_the_naive_planner,
        slots_are_numbered_from_the_newest_without_gaps,
        p17_p18_the_cap_only_removes_and_is_met_or_only_protected_ones_are_left,
        p19_the_newest_min_keep_stay,
        p20_whole_weeks_later_the_plan_is_the_same,
        p21_a_newer_good_one_never_resurrects_a_pruned_one_by_a_count,
        p23_the_union_of_two_policies_keeps_what_either_keeps,
        p24_groups_planned_apart_and_together_are_the_same,
        p27_two_runs_over_the_same_facts_have_the_same_hash,
    };
    Suite *suite = suite_create("plan_properties");
    TCase *tcase = tcase_create("properties");
    tcase_set_timeout(tcase, 300);
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
