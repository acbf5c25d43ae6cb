/*
 * The steps of plan.h, one function each, group by group. Reasons are bits that only grow:
 * a step adds why it keeps an artifact and never takes away what an earlier one said, so
 * that the words shown are all of the truth. conclude alone turns bits into a verdict.
 *
 * Made for a million copies: groups are stretches of one sorted array, a calendar
 * remembers the period it was last asked for, and rules that are used up leave.
 */
#include "retention/plan.h"

#include "base/memory.h"

/* Room for one more index than the largest, RETENTION_NOBODY. */
#define COUNT_MAX 4000000000

/* __int128 is an extension; a sum of 64-bit sizes needs it to be exact. */
__extension__ typedef unsigned __int128 total_size;

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

#define RULES_MAX (2 * RETENTION_RULES + 1)

/* What is known while one group is planned. */
struct work {
    struct retention_plan *plan;
    struct retention_group *group;
    struct retention_calendar calendar;
    struct rule rules[RULES_MAX];
    size_t rule_count;
    size_t verified; /* index of the newest verified eligible one, or RETENTION_NOBODY */
};

static const enum retention_period period_of_rule[RETENTION_RULES] = {
    [RETENTION_LAST] = RETENTION_NO_PERIOD, [RETENTION_HOURLY] = RETENTION_HOUR,
    [RETENTION_DAILY] = RETENTION_DAY,      [RETENTION_WEEKLY] = RETENTION_WEEK,
    [RETENTION_MONTHLY] = RETENTION_MONTH,  [RETENTION_YEARLY] = RETENTION_YEAR,
};

const char *retention_state_name(enum retention_state state)
{
    static const char *const names[RETENTION_STATES] = {
        [RETENTION_COMPLETE] = "complete", [RETENTION_RUNNING] = "running",
        [RETENTION_FAILED] = "failed",     [RETENTION_DAMAGED] = "damaged",
        [RETENTION_MISSING] = "missing",   [RETENTION_DELETING] = "deleting",
        [RETENTION_LOCKED] = "locked",     [RETENTION_BLOCKED] = "blocked",
    };
    return names[state];
}

size_t retention_plan_index(const struct retention_plan *plan, size_t place)
{
    return (size_t)(plan->order[place].artifact - plan->artifacts);
}

bool retention_plan_newly_quarantined(const struct retention_plan *plan, size_t index)
{
    uint32_t why = plan->decisions[index].reasons & RETENTION_QUARANTINE;
    return why != 0 && (why & 1u << RETENTION_BY_MARK) == 0;
}

/* Groups by name; inside one the newest first. Total: ids are unique. */
static int compare_places(const void *left, const void *right)
{
    const struct retention_place *a = left, *b = right;
    if (a->group != b->group) {
        int order = strcmp(a->group, b->group);
        if (order != 0)
            return order;
    }
    if (a->time != b->time)
        return a->time < b->time ? 1 : -1;
    if (a->seq != b->seq)
        return a->seq < b->seq ? 1 : -1;
    return strcmp(b->artifact->id, a->artifact->id);
}

static void sort_places(struct retention_plan *plan)
{
    bool is_sorted = true;
    for (size_t i = 0; i < plan->count; i++) {
        const struct retention_artifact *artifact = &plan->artifacts[i];
        struct retention_place *place = &plan->order[i];
        place->group = artifact->group;
        place->time = artifact->has_time ? artifact->time : INT64_MIN;
        place->seq = artifact->seq;
        place->artifact = artifact;
        is_sorted = is_sorted && (i == 0 || compare_places(place - 1, place) <= 0);
    }
    if (!is_sorted)
        qsort(plan->order, plan->count, sizeof(*plan->order), compare_places);
}

static bool begins_group(const struct retention_plan *plan, size_t place)
{
    if (place == 0)
        return true;
    const char *group = plan->order[place].group, *before = plan->order[place - 1].group;
    return group != before && strcmp(group, before) != 0;
}

static int find_groups(struct retention_plan *plan, struct err *err)
{
    size_t count = 0;
    for (size_t i = 0; i < plan->count; i++)
        count += begins_group(plan, i) ? 1 : 0;
    plan->groups = memory_try((count + 1) * sizeof(*plan->groups), err);
    if (plan->groups == NULL)
        return -1;
    memset(plan->groups, 0, (count + 1) * sizeof(*plan->groups));
    for (size_t i = 0; i < plan->count; i++) {
        if (begins_group(plan, i)) {
            struct retention_group *group = &plan->groups[plan->group_count++];
            group->name = plan->order[i].group;
            group->first = i;
            group->newest = RETENTION_NOBODY;
        }
        plan->groups[plan->group_count - 1].count++;
    }
    return 0;
}

/* Why an artifact is set aside; 0: it is not. */
static uint32_t quarantine_of(const struct retention_artifact *artifact,
                              int64_t newest_allowed)
{
    uint32_t why = 0;
    if (!artifact->has_time)
        why |= 1u << RETENTION_BY_UNKNOWN_TIME;
    else if (artifact->time > newest_allowed)
        why |= 1u << RETENTION_BY_FUTURE;
    if ((artifact->flags & RETENTION_QUARANTINED) != 0)
        why |= 1u << RETENTION_BY_MARK;
    return why;
}

static bool is_eligible(const struct retention_plan *plan, size_t index)
{
    return plan->artifacts[index].state == RETENTION_COMPLETE &&
           (plan->decisions[index].reasons & RETENTION_QUARANTINE) == 0;
}

static void classify(struct work *work)
{
    struct retention_plan *plan = work->plan;
    struct retention_group *group = work->group;
    int64_t newest_allowed = retention_calendar_after(plan->policy->zone, plan->now,
                                                      plan->policy->future_tolerance);
    for (size_t i = group->first; i < group->first + group->count; i++) {
        const struct retention_artifact *artifact = plan->order[i].artifact;
        size_t index = retention_plan_index(plan, i);
        struct retention_decision *decision = &plan->decisions[index];
        decision->winner = RETENTION_NOBODY;
        if (artifact->state != RETENTION_COMPLETE) {
            decision->reasons = 1u << RETENTION_BY_STATE;
            continue;
        }
        group->complete++;
        decision->reasons = quarantine_of(artifact, newest_allowed);
        /* Set aside means kept, but by nobody's rule: it takes no slot from one that can be
         * trusted. */
        decision->is_protected = decision->reasons != 0;
        if (decision->reasons != 0)
            continue;
        group->eligible++;
        if (!group->has_anchor) {
            group->has_anchor = true;
            group->anchor = artifact->time;
            group->newest = (uint32_t)index;
        }
    }
}

static void add_rule(struct work *work, unsigned reason, enum retention_period period,
                     int64_t limit, int64_t cutoff)
{
    struct rule *rule = &work->rules[work->rule_count++];
    memset(rule, 0, sizeof(*rule));
    rule->reason = reason;
    rule->period = period;
    rule->limit = limit;
    rule->cutoff = cutoff;
}

static void add_rules(struct work *work)
{
    const struct retention_policy *policy = work->plan->policy;
    int64_t anchor = work->group->anchor;
    for (unsigned i = 0; i < RETENTION_RULES; i++) {
        if (policy->keep[i] > 0)
            add_rule(work, RETENTION_BY_COUNT + i, period_of_rule[i], policy->keep[i],
                     INT64_MIN);
    }
    for (unsigned i = 0; i < RETENTION_RULES; i++) {
        if (policy->has_within[i])
            add_rule(work, RETENTION_BY_WITHIN + i, period_of_rule[i], INT64_MAX,
                     retention_calendar_before(policy->zone, anchor, policy->within[i]));
    }
    if (policy->keep_days > 0) {
        struct duration days = {0, INT64_MAX};
        /* A number too large for seconds keeps everything, instead of wrapping around to
         * nothing. */
        if (policy->keep_days <= INT64_MAX / 86400)
            days.seconds = policy->keep_days * 86400;
        add_rule(work, RETENTION_BY_DAYS, RETENTION_NO_PERIOD, INT64_MAX,
                 retention_calendar_before(policy->zone, anchor, days));
    }
}

/* One artifact against one rule. A key that is not smaller than the last one is no new
 * period: at St John's on 2006-10-29 the local date went back to the 28th at one past
 * midnight. */
static bool apply_rule(struct work *work, struct rule *rule, size_t index)
{
    int64_t time = work->plan->artifacts[index].time;
    struct retention_decision *decision = &work->plan->decisions[index];
    /* Newest first: what is older than the cutoff once is so for all that follow, the rule
     * leaves. */
    if (time < rule->cutoff)
        return false;
    bool is_new = true;
    int64_t key = 0;
    if (rule->period != RETENTION_NO_PERIOD) {
        key = retention_calendar_key(&work->calendar, rule->period, time);
        is_new = rule->taken == 0 || key < rule->last_key;
    }
    if (is_new && rule->taken < rule->limit) {
        rule->last_key = key;
        rule->winner = (uint32_t)index;
        rule->taken++;
        decision->reasons |= 1u << rule->reason;
        if (rule->reason < RETENTION_BY_WITHIN)
            decision->slot[rule->reason - RETENTION_BY_COUNT] = (uint32_t)rule->taken;
    } else if (is_new) {
        return false;
    } else if (key == rule->last_key && decision->winner == RETENTION_NOBODY) {
        decision->winner = rule->winner;
        decision->winner_period = (uint8_t)rule->period;
    }
    return true;
}

/* Rules that have nothing more to say leave the list: most do so early, and a plan of a
 * million artifacts spends its time here. */
static void apply_rules_to(struct work *work, size_t index)
{
    size_t left = 0;
    for (size_t i = 0; i < work->rule_count; i++) {
        if (!apply_rule(work, &work->rules[i], index))
            continue;
        if (left != i)
            work->rules[left] = work->rules[i];
        left++;
    }
    work->rule_count = left;
}

/* Of a count rule; those that left the list had used all of theirs. */
static bool has_free_slot(const struct work *work)
{
    for (size_t i = 0; i < work->rule_count; i++) {
        const struct rule *rule = &work->rules[i];
        if (rule->reason < RETENTION_BY_WITHIN && rule->taken < rule->limit)
            return true;
    }
    return false;
}

static void apply_rules(struct work *work)
{
    struct retention_plan *plan = work->plan;
    const struct retention_group *group = work->group;
    size_t oldest = RETENTION_NOBODY;
    add_rules(work);
    for (size_t i = group->first; i < group->first + group->count; i++) {
        size_t index = retention_plan_index(plan, i);
        if (!is_eligible(plan, index))
            continue;
        oldest = index;
        apply_rules_to(work, index);
        if (!plan->is_on)
            plan->decisions[index].reasons |= 1u << RETENTION_BY_ALL;
    }
    if (plan->policy->keep_oldest && oldest != RETENTION_NOBODY && has_free_slot(work))
        plan->decisions[oldest].reasons |= 1u << RETENTION_BY_OLDEST;
}

static void protect(struct retention_plan *plan, size_t index, unsigned reason)
{
    plan->decisions[index].reasons |= 1u << reason;
    plan->decisions[index].is_protected = true;
}

static void apply_floors(struct work *work)
{
    struct retention_plan *plan = work->plan;
    const struct retention_group *group = work->group;
    size_t last = RETENTION_NOBODY;
    int64_t seen = 0;
    for (size_t i = group->first; i < group->first + group->count; i++) {
        size_t index = retention_plan_index(plan, i);
        const struct retention_artifact *artifact = &plan->artifacts[index];
        if (!is_eligible(plan, index))
            continue;
        if (seen < plan->policy->min_keep) {
            protect(plan, index, RETENTION_BY_MIN_KEEP);
            plan->decisions[index].floor_slot = (uint32_t)++seen;
        }
        if (work->verified == RETENTION_NOBODY &&
            (artifact->flags & RETENTION_VERIFIED) != 0)
            work->verified = index;
        if (last == RETENTION_NOBODY || artifact->seq > plan->artifacts[last].seq)
            last = index;
    }
    if (work->verified != RETENTION_NOBODY)
        protect(plan, work->verified, RETENTION_BY_VERIFIED);
    if (last !=
        RETENTION_NOBODY) /* after a backward jump of the clock the newest looks old */
        protect(plan, last, RETENTION_BY_SEQUENCE);
}

static void apply_pins(struct work *work)
{
    struct retention_plan *plan = work->plan;
    const struct retention_group *group = work->group;
    for (size_t i = group->first; i < group->first + group->count; i++) {
        const struct retention_artifact *artifact = plan->order[i].artifact;
        size_t index = retention_plan_index(plan, i);
        if (artifact->state != RETENTION_COMPLETE)
            continue;
        bool has_ended = artifact->pin_until != 0 && plan->now >= artifact->pin_until;
        if ((artifact->flags & RETENTION_PINNED) != 0 && !has_ended)
            protect(plan, index, RETENTION_BY_PIN);
        if ((artifact->flags & RETENTION_LEASED) != 0)
            protect(plan, index, RETENTION_BY_LEASE);
        if (artifact->pending != NULL && artifact->pending[0] != NULL)
            protect(plan, index, RETENTION_BY_PENDING);
    }
}

static void apply_size_cap(struct work *work)
{
    struct retention_plan *plan = work->plan;
    struct retention_group *group = work->group;
    uint64_t cap = plan->policy->max_total_size;
    if (cap == 0)
        return;
    total_size total = 0;
    for (size_t i = group->first; i < group->first + group->count; i++) {
        size_t index = retention_plan_index(plan, i);
        if (plan->artifacts[index].state == RETENTION_COMPLETE &&
            plan->decisions[index].reasons != 0)
            total += plan->artifacts[index].size;
    }
    /* From the oldest on, and only as many as it takes. */
    for (size_t i = group->first + group->count; i-- > group->first && total > cap;) {
        size_t index = retention_plan_index(plan, i);
        struct retention_decision *decision = &plan->decisions[index];
        if (plan->artifacts[index].state != RETENTION_COMPLETE || decision->reasons == 0 ||
            decision->is_protected)
            continue;
        decision->reasons |= 1u << RETENTION_BY_SIZE;
        total -= plan->artifacts[index].size;
    }
    group->over_cap = total > cap;
}

static bool is_over(const struct work *work, int64_t since, struct duration keep)
{
    return work->plan->now >=
           retention_calendar_after(work->plan->policy->zone, since, keep);
}

/* What failed has served when it is old enough and something newer is whole. */
static bool is_failed_due(const struct work *work,
                          const struct retention_artifact *artifact)
{
    return work->group->has_anchor && work->group->anchor > artifact->time &&
           is_over(work, artifact->time, work->plan->policy->failed_keep);
}

/* What is damaged may be healed from another store, or hold what nothing else holds: its
 * time counts from when that was found out, however old it is, and only something newer
 * that is proven makes up for it. */
static bool is_damaged_due(const struct work *work,
                           const struct retention_artifact *artifact)
{
    int64_t since = artifact->damaged_since;
    if (since == 0 || work->verified == RETENTION_NOBODY ||
        work->plan->artifacts[work->verified].time <= artifact->time)
        return false;
    return is_over(work, since > artifact->time ? since : artifact->time,
                   work->plan->policy->damaged_keep);
}

static bool is_due(const struct work *work, const struct retention_artifact *artifact)
{
    if (!artifact->has_time)
        return false;
    return (artifact->state == RETENTION_FAILED && is_failed_due(work, artifact)) ||
           (artifact->state == RETENTION_DAMAGED && is_damaged_due(work, artifact));
}

static bool is_held(const struct work *work, const struct retention_artifact *artifact)
{
    const struct retention_policy *policy = work->plan->policy;
    if (policy->delete_grace.months == 0 && policy->delete_grace.seconds == 0)
        return false;
    return artifact->first_marked == 0 ||
           work->plan->now < retention_calendar_after(policy->zone, artifact->first_marked,
                                                      policy->delete_grace);
}

static void add_bytes(uint64_t *sum, uint64_t size)
{
    *sum = size > UINT64_MAX - *sum ? UINT64_MAX : *sum + size;
}

static void conclude(struct work *work)
{
    struct retention_plan *plan = work->plan;
    struct retention_group *group = work->group;
    for (size_t i = group->first; i < group->first + group->count; i++) {
        const struct retention_artifact *artifact = plan->order[i].artifact;
        struct retention_decision *decision =
            &plan->decisions[retention_plan_index(plan, i)];
        if (artifact->state != RETENTION_COMPLETE) {
            decision->verdict = RETENTION_IGNORE;
            decision->is_due = is_due(work, artifact);
            group->ignored++;
            continue;
        }
        if (decision->reasons == 0)
            decision->reasons = 1u << RETENTION_BY_NOTHING;
        if ((decision->reasons & (1u << RETENTION_BY_NOTHING | 1u << RETENTION_BY_SIZE)) ==
            0) {
            decision->verdict = RETENTION_KEEP;
            group->kept++;
            add_bytes(&group->kept_bytes, artifact->size);
            continue;
        }
        decision->verdict = RETENTION_PRUNE;
        decision->is_held = is_held(work, artifact);
        group->pruned++;
        group->held += decision->is_held ? 1 : 0;
        add_bytes(&group->pruned_bytes, artifact->size);
    }
}

static void plan_group(struct retention_plan *plan, struct retention_group *group)
{
    struct work work = {.plan = plan, .group = group, .verified = RETENTION_NOBODY};
    retention_calendar_init(&work.calendar, plan->policy->zone);
    classify(&work);
    if (group->has_anchor) {
        apply_rules(&work);
        apply_floors(&work);
    }
    apply_pins(&work);
    apply_size_cap(&work);
    conclude(&work);
}

struct retention_plan *retention_plan_new(const struct retention_policy *policy,
                                          int64_t now,
                                          const struct retention_artifact *artifacts,
                                          size_t count, struct err *err)
{
    if (count > COUNT_MAX) {
        err_set(err, ERR_SYSTEM, "a plan of %zu copies is too large", count);
        return NULL;
    }
    struct retention_plan *plan = memory_zalloc(sizeof(*plan));
    plan->policy = policy;
    plan->artifacts = artifacts;
    plan->count = count;
    plan->now = now;
    plan->is_on = retention_policy_is_on(policy);
    plan->decisions = memory_try((count + 1) * sizeof(*plan->decisions), err);
    if (plan->decisions == NULL)
        goto failed;
    memset(plan->decisions, 0, (count + 1) * sizeof(*plan->decisions));
    plan->order = memory_try((count + 1) * sizeof(*plan->order), err);
    if (plan->order == NULL)
        goto failed;
    sort_places(plan);
    if (find_groups(plan, err) < 0)
        goto failed;
    for (size_t i = 0; i < plan->group_count; i++)
        plan_group(plan, &plan->groups[i]);
    return plan;
failed:
    retention_plan_free(plan);
    return NULL;
}

void retention_plan_free(struct retention_plan *plan)
{
    if (plan == NULL)
        return;
    free(plan->decisions);
    free(plan->order);
    free(plan->groups);
    free(plan);
}
