/*
 * Independent counters, OR-ed (RETENTION section 3, step 2): a copy stays when one rule wants
 * it, and every rule that does is recorded, whether or not another one did before.
 *
 * The walk is newest first, so that "the newest of each of the newest n periods" is: the first
 * copy seen of each period, until n were taken. A rule that has nothing more to say leaves the
 * list. Most do so early, and a plan of a million copies spends its time here.
 */
#include "retention/rules.h"

/* One rule of the policy at work on one group. */
struct rule {
    unsigned reason; /* its bit's number */
    enum retention_period period;
    int64_t cutoff; /* the oldest time it looks at */
    int64_t limit;  /* slots */
    int64_t taken;
    int64_t last_key; /* of the period taken last, when `taken` > 0 */
    uint32_t winner;  /* who took it */
};

/* A count and a duration of each kind, and keep_days. */
#define RULES_MAX (2 * RETENTION_RULES + 1)

struct rules {
    struct retention_plan *plan;
    struct retention_calendar calendar;
    struct rule list[RULES_MAX];
    size_t count;
};

static const enum retention_period period_of_rule[RETENTION_RULES] = {
    [RETENTION_LAST] = RETENTION_NO_PERIOD, [RETENTION_HOURLY] = RETENTION_HOUR,
    [RETENTION_DAILY] = RETENTION_DAY,      [RETENTION_WEEKLY] = RETENTION_WEEK,
    [RETENTION_MONTHLY] = RETENTION_MONTH,  [RETENTION_YEARLY] = RETENTION_YEAR,
};

static void add(struct rules *rules, const struct rule *rule)
{
    rules->list[rules->count++] = *rule;
}

/* The rules of the policy that are on. Durations are measured from the anchor, which is the
 * newest eligible copy, and not from the clock (section 3): while backups fail nothing ages
 * out (section 1, no. 1). */
static void add_all(struct rules *rules, int64_t anchor)
{
    const struct retention_policy *policy = rules->plan->policy;
    /* keep_last, keep_hourly …: n slots, however old. */
    for (unsigned i = 0; i < RETENTION_RULES; i++) {
        if (policy->keep[i] > 0)
            add(rules, &(struct rule){.reason = RETENTION_BY_COUNT + i,
                                      .period = period_of_rule[i],
                                      .limit = policy->keep[i],
                                      .cutoff = INT64_MIN});
    }

    /* keep_within, keep_within_hourly …: any number, but none beyond the cutoff. */
    for (unsigned i = 0; i < RETENTION_RULES; i++) {
        if (policy->has_within[i])
            add(rules, &(struct rule){.reason = RETENTION_BY_WITHIN + i,
                                      .period = period_of_rule[i],
                                      .limit = INT64_MAX,
                                      .cutoff = retention_calendar_before(
                                          policy->zone, anchor, policy->within[i])});
    }

    /* keep_days is keep_within of n x 86400 s (section 2): a keep rule like the others. A
     * number too large for seconds keeps everything, instead of wrapping around to nothing. */
    if (policy->keep_days > 0) {
        struct duration days = {0, INT64_MAX};
        if (policy->keep_days <= INT64_MAX / 86400)
            days.seconds = policy->keep_days * 86400;
        add(rules, &(struct rule){
                       .reason = RETENTION_BY_DAYS,
                       .period = RETENTION_NO_PERIOD,
                       .limit = INT64_MAX,
                       .cutoff = retention_calendar_before(policy->zone, anchor, days)});
    }
}

/* One copy against one rule. False: the rule has nothing to say to it, nor to any older one. */
static bool apply(struct rules *rules, struct rule *rule, size_t index)
{
    int64_t time = rules->plan->artifacts[index].time;
    struct retention_decision *decision = &rules->plan->decisions[index];
    /* The cut-off is inclusive (section 2). Newest first: all that follow are older. */
    if (time < rule->cutoff)
        return false;

    /* `<` and not `!=` (section 3, step 2): a key that is not smaller than the last one is no
     * new period. Local dates are not monotone in UTC: at St John's on 2006-10-29 the date
     * went back to the 28th at one minute past midnight. */
    bool is_new = true;
    int64_t key = 0;
    if (rule->period != RETENTION_NO_PERIOD) {
        key = retention_calendar_key(&rules->calendar, rule->period, time);
        is_new = rule->taken == 0 || key < rule->last_key;
    }

    /* The newest of its period takes the slot, if one is left. */
    if (is_new && rule->taken < rule->limit) {
        rule->last_key = key;
        rule->winner = (uint32_t)index;
        rule->taken++;
        decision->reasons |= 1u << rule->reason;
        if (rule->reason < RETENTION_BY_WITHIN)
            decision->slot[rule->reason - RETENTION_BY_COUNT] = (uint32_t)rule->taken;
        return true;
    }
    if (is_new)
        return false;

    /* Not the newest of its period: if it goes, the plan says who is (step 7). The first rule
     * that knows decides, which is the one of the shortest periods. */
    if (key == rule->last_key && decision->winner == RETENTION_NOBODY) {
        decision->winner = rule->winner;
        decision->winner_period = (uint8_t)rule->period;
    }
    return true;
}

void retention_rules_apply(struct retention_plan *plan, const struct retention_group *group)
{
    struct rules rules = {.plan = plan};
    size_t oldest = RETENTION_NOBODY;
    retention_calendar_init(&rules.calendar, plan->policy->zone);
    add_all(&rules, group->anchor);
    /* One walk from the newest to the oldest serves all rules at once. */
    for (size_t i = group->first; i < group->first + group->count; i++) {
        size_t index = retention_plan_index(plan, i);
        if (!retention_is_eligible(plan, index))
            continue;
        oldest = index;

        /* Those that are used up leave; the order of the others stays. */
        size_t left = 0;
        for (size_t rule = 0; rule < rules.count; rule++) {
            if (!apply(&rules, &rules.list[rule], index))
                continue;
            if (left != rule)
                rules.list[left] = rules.list[rule];
            left++;
        }
        rules.count = left;

        /* No rule on: keep all (G1; section 2: "keeps everything, with a warning"). */
        if (!plan->is_on)
            plan->decisions[index].reasons |= 1u << RETENTION_BY_ALL;
    }

    /* keep_oldest: while a count rule has free slots. Those that left had used all theirs. */
    for (size_t i = 0; i < rules.count && plan->policy->keep_oldest; i++) {
        const struct rule *rule = &rules.list[i];
        if (oldest != RETENTION_NOBODY && rule->reason < RETENTION_BY_WITHIN &&
            rule->taken < rule->limit)
            plan->decisions[oldest].reasons |= 1u << RETENTION_BY_OLDEST;
    }
}
