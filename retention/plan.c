/*
 * The steps of plan.h, group by group; step 2 is rules.c. Reasons are bits that only grow: a
 * step adds why it keeps a copy and never takes away what an earlier one said, so that the
 * words shown are all of the truth. conclude alone turns bits into a verdict.
 *
 * Made for a million copies: groups are stretches of one sorted array, and each step walks its
 * stretch once.
 */
#include "retention/plan.h"

#include "base/memory.h"
#include "retention/rules.h"

/* Room for one more index than the largest, RETENTION_NOBODY. */
#define COUNT_MAX 4000000000

/* __int128 is an extension; a sum of 64-bit sizes needs it to be exact. */
__extension__ typedef unsigned __int128 total_size;

/* What is known while one group is planned. */
struct work {
    struct retention_plan *plan;
    struct retention_group *group;
    size_t verified; /* index of the newest verified eligible one, or RETENTION_NOBODY */
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

bool retention_plan_newly_quarantined(const struct retention_plan *plan, size_t index)
{
    uint32_t why = plan->decisions[index].reasons & RETENTION_QUARANTINE;
    return why != 0 && (why & 1u << RETENTION_BY_MARK) == 0;
}

/* ---- groups ---- */

/* By name; inside one the newest first: by (t, seq), and the id where a catalog that was
 * merged from two machines has the same seq twice. Total, since ids are unique: the order of
 * the input does not matter (section 8, P9). */
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
        /* An unknown time sorts last: it must not look like the newest. */
        place->time = artifact->has_time ? artifact->time : INT64_MIN;
        place->seq = artifact->seq;
        place->artifact = artifact;
        is_sorted = is_sorted && (i == 0 || compare_places(place - 1, place) <= 0);
    }
    /* The catalog hands its rows over in this order already, mostly. */
    if (!is_sorted)
        qsort(plan->order, plan->count, sizeof(*plan->order), compare_places);
}

/* By the pointer first, for callers that share one text per group. */
static bool begins_group(const struct retention_plan *plan, size_t place)
{
    if (place == 0)
        return true;
    const char *group = plan->order[place].group, *before = plan->order[place - 1].group;
    return group != before && strcmp(group, before) != 0;
}

/* Each group is a stretch of the sorted places. Counted first, so that there is one big
 * allocation whose failure is an ordinary error. */
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

/* ---- the steps ---- */

/* Step 1: what is eligible, and the anchor. */
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

        /* Running, failed, damaged, missing: they never fill a slot and never count for a
         * floor (section 1, no. 2). */
        if (artifact->state != RETENTION_COMPLETE) {
            decision->reasons = 1u << RETENTION_BY_STATE;
            continue;
        }
        group->complete++;

        /* t > now + future_tolerance, or t unknown: quarantined (G5). The mark is sticky:
         * when its time has come it must still not become the anchor (section 1, no. 4). */
        if (!artifact->has_time)
            decision->reasons |= 1u << RETENTION_BY_UNKNOWN_TIME;
        else if (artifact->time > newest_allowed)
            decision->reasons |= 1u << RETENTION_BY_FUTURE;
        if ((artifact->flags & RETENTION_QUARANTINED) != 0)
            decision->reasons |= 1u << RETENTION_BY_MARK;
        if (decision->reasons != 0) {
            /* Set aside means kept, but by nobody's rule: it takes no slot from one that can
             * be trusted. */
            decision->is_protected = true;
            continue;
        }

        /* anchor = E[0].t, not the clock: with no new good backup nothing ages out. */
        group->eligible++;
        if (!group->has_anchor) {
            group->has_anchor = true;
            group->anchor = artifact->time;
            group->newest = (uint32_t)index;
        }
    }
}

/* Kept, and not to be taken by the size cap either. */
static void protect(struct retention_plan *plan, size_t index, unsigned reason)
{
    plan->decisions[index].reasons |= 1u << reason;
    plan->decisions[index].is_protected = true;
}

/* Step 3: the newest min_keep, the newest verified, the newest by seq: kept and protected
 * (G2), whatever the rules say. */
static void apply_floors(struct work *work)
{
    struct retention_plan *plan = work->plan;
    const struct retention_group *group = work->group;
    size_t last = RETENTION_NOBODY;
    int64_t seen = 0;
    /* Newest first: the first that fits is the newest that does. */
    for (size_t i = group->first; i < group->first + group->count; i++) {
        size_t index = retention_plan_index(plan, i);
        const struct retention_artifact *artifact = &plan->artifacts[index];
        if (!retention_is_eligible(plan, index))
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
    /* After a backward jump of the clock the newest looks old; its seq does not. */
    if (last != RETENTION_NOBODY)
        protect(plan, last, RETENTION_BY_SEQUENCE);
}

/* Steps 4 and 5: pinned, leased, awaited by another store: kept and protected. They have
 * used slots like any other (step 4): a pin changes only its own verdict (section 8, P12). */
static void apply_pins(struct work *work)
{
    struct retention_plan *plan = work->plan;
    for (size_t i = work->group->first; i < work->group->first + work->group->count; i++) {
        const struct retention_artifact *artifact = plan->order[i].artifact;
        size_t index = retention_plan_index(plan, i);
        if (artifact->state != RETENTION_COMPLETE)
            continue;
        bool has_ended = artifact->pin_until != 0 && plan->now >= artifact->pin_until;
        if ((artifact->flags & RETENTION_PINNED) != 0 && !has_ended)
            protect(plan, index, RETENTION_BY_PIN);
        if ((artifact->flags & RETENTION_LEASED) != 0)
            protect(plan, index, RETENTION_BY_LEASE);
        /* G7: this may be the only place the other copy can come from. */
        if (artifact->pending != NULL && artifact->pending[0] != NULL)
            protect(plan, index, RETENTION_BY_PENDING);
    }
}

/* Step 6, the only rule that removes: the oldest kept goes until the rest fits, never a
 * protected one. All kept count, pinned and quarantined ones too (section 9). */
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

    /* By (t, seq) upwards, and only as many as it takes. Their rules stay in the bits: the
     * texts say what would have kept them. */
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

/* By the clock, not the anchor: these spans are promises to people who wait. */
static bool is_over(const struct work *work, int64_t since, struct duration keep)
{
    return work->plan->now >=
           retention_calendar_after(work->plan->policy->zone, since, keep);
}

/* May one that is no backup be cleared away? Section 5: "removed after failed_keep /
 * damaged_keep if a newer good (verified) one exists". */
static bool is_due(const struct work *work, const struct retention_artifact *artifact)
{
    const struct retention_policy *policy = work->plan->policy;
    if (!artifact->has_time)
        return false;

    /* What failed has served when it is old enough and something newer is whole: a complete
     * one suffices (CONTRACT-NOTES 23). */
    if (artifact->state == RETENTION_FAILED)
        return work->group->has_anchor && work->group->anchor > artifact->time &&
               is_over(work, artifact->time, policy->failed_keep);

    /* What is damaged may be healed from another store, or hold what nothing else holds: its
     * time counts from when that was found out, however old it is, and only something newer
     * that is proven makes up for it. */
    int64_t since = artifact->damaged_since;
    if (artifact->state != RETENTION_DAMAGED || since == 0 ||
        work->verified == RETENTION_NOBODY ||
        work->plan->artifacts[work->verified].time <= artifact->time)
        return false;
    return is_over(work, since > artifact->time ? since : artifact->time,
                   policy->damaged_keep);
}

/* G6, delete_grace: it must still be unwanted this long after a plan first marked it. */
static bool is_held(const struct work *work, const struct retention_artifact *artifact)
{
    const struct duration *grace = &work->plan->policy->delete_grace;
    if (grace->months == 0 && grace->seconds == 0)
        return false;
    return artifact->first_marked == 0 || !is_over(work, artifact->first_marked, *grace);
}

/* Sums for people: what is beyond 64 bits is shown as the largest number. */
static void add_bytes(uint64_t *sum, uint64_t size)
{
    *sum = size > UINT64_MAX - *sum ? UINT64_MAX : *sum + size;
}

/* Step 7: bits become verdicts. */
static void conclude(struct work *work)
{
    const uint32_t against = 1u << RETENTION_BY_NOTHING | 1u << RETENTION_BY_SIZE;
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

        /* Each has at least one reason (section 8, P1), and be it this one. */
        if (decision->reasons == 0)
            decision->reasons = 1u << RETENTION_BY_NOTHING;
        if ((decision->reasons & against) == 0) {
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

/* ---- the plan ---- */

struct retention_plan *retention_plan_new(const struct retention_policy *policy,
                                          int64_t now,
                                          const struct retention_artifact *artifacts,
                                          size_t count, struct err *err)
{
    /* Indexes are 32 bits wide, which halves the memory of a large plan. */
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

    /* One more than there are: an empty array has an address, too. */
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

    /* Groups never mix: planned apart they come to the same as together (section 8, P24). */
    for (size_t i = 0; i < plan->group_count; i++) {
        struct work work = {plan, &plan->groups[i], RETENTION_NOBODY};
        classify(&work);
        /* Without anything eligible there is nothing to count from, and nothing to keep. */
        if (work.group->has_anchor) {
            retention_rules_apply(plan, work.group);
            apply_floors(&work);
        }
        apply_pins(&work);
        apply_size_cap(&work);
        conclude(&work);
    }
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
