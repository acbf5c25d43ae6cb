/*
 * Guards come behind the plan and share none of its steps. What must survive is found again
 * here, by another way than the floors of the plan, just before anything is deleted.
 */
#include "retention/guard.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/memory.h"

#define CLOCK_BACK_MAX 3600      /* seconds behind the newest time seen */
#define STORE_CLOCK_MAX (5 * 60) /* seconds between a store and us */

/* More than the percentage, without rounding and without overflow. */
static bool is_more_than_percent(uint64_t part, int64_t percent, uint64_t whole)
{
    return percent < 100 && part * 100 > (uint64_t)percent * whole;
}

static bool is_too_many(const struct retention_plan *plan,
                        const struct retention_group *group)
{
    uint64_t going = group->pruned - group->held;
    return going > (uint64_t)plan->policy->guard_min_count &&
           is_more_than_percent(going, plan->policy->guard_percent, group->complete);
}

static bool is_newest_suspect(const struct retention_plan *plan,
                              const struct retention_group *group)
{
    return group->pruned > 0 && group->newest != RETENTION_NOBODY &&
           (plan->artifacts[group->newest].flags & RETENTION_SUSPECT) != 0;
}

static void explain_many(const struct retention_plan *plan,
                         const struct retention_group *group, struct text *out)
{
    text_addf(
        out,
        "%zu of %zu complete copies would go in one run; more than %lld and more than "
        "%lld %% is refused",
        group->pruned - group->held, group->complete,
        (long long)plan->policy->guard_min_count, (long long)plan->policy->guard_percent);
}

static void explain_suspect(const struct retention_plan *plan,
                            const struct retention_group *group, struct text *out)
{
    text_addf(
        out,
        "the newest backup, %s, is suspect; nothing goes until it is pinned, verified "
        "or followed by a normal one",
        plan->artifacts[group->newest].id);
}

static const struct {
    enum retention_guard guard;
    const char *name;
    bool (*refuses)(const struct retention_plan *, const struct retention_group *);
    void (*explain)(const struct retention_plan *, const struct retention_group *,
                    struct text *);
} guards_table[] = {
    {RETENTION_GUARD_MANY, "G3", is_too_many, explain_many},
    {RETENTION_GUARD_SUSPECT, "G11", is_newest_suspect, explain_suspect},
    {RETENTION_GUARD_CLOCK, "G4", NULL, NULL},
    {RETENTION_GUARD_FLOORS, "G2", NULL, NULL},
};
#define GUARDS (sizeof(guards_table) / sizeof(guards_table[0]))

unsigned retention_guard_group(const struct retention_plan *plan,
                               const struct retention_group *group)
{
    unsigned guards = 0;
    for (size_t i = 0; i < GUARDS; i++) {
        if (guards_table[i].refuses && guards_table[i].refuses(plan, group))
            guards |= guards_table[i].guard;
    }
    return guards;
}

const char *retention_guard_name(enum retention_guard guard)
{
    for (size_t i = 0; i < GUARDS; i++) {
        if (guards_table[i].guard == guard)
            return guards_table[i].name;
    }
    return "?";
}

void retention_guard_text(const struct retention_plan *plan,
                          const struct retention_group *group, unsigned guards,
                          struct text *out)
{
    const char *between = "";
    for (size_t i = 0; i < GUARDS; i++) {
        if ((guards & guards_table[i].guard) == 0 || guards_table[i].explain == NULL)
            continue;
        text_addf(out, "%s%s: ", between, guards_table[i].name);
        guards_table[i].explain(plan, group, out);
        between = "; ";
    }
}

int retention_guard_clock(int64_t now, int64_t highest_seen, struct err *err)
{
    /* A clock that was corrected by a little is no reason to refuse. */
    if (highest_seen == 0 || now >= highest_seen - CLOCK_BACK_MAX)
        return 0;
    char here[32], seen[32];
    err_set(err, ERR_UNSAFE, "G4: the clock says %s, but %s has already been seen",
            clock_rfc3339(here, now), clock_rfc3339(seen, highest_seen));
    return err_hint(err,
                    "set the clock of this machine right; nothing is removed until then");
}

int retention_guard_store_clock(int64_t now, int64_t store_date, struct err *err)
{
    int64_t apart = now > store_date ? now - store_date : store_date - now;
    if (apart <= STORE_CLOCK_MAX)
        return 0;
    char length[32];
    err_set(err, ERR_UNSAFE, "G4: the clock here is %s %s that of the store",
            text_duration(length, apart * 1000), now > store_date ? "ahead of" : "behind");
    return err_hint(err,
                    "set the clock of this machine right; nothing is removed until then");
}

int retention_guard_listing(bool is_whole, size_t listed, size_t known, struct err *err)
{
    if (!is_whole)
        return err_set(err, ERR_UNSAFE, "G10: the listing of the store broke off");
    if (listed == 0 && known > 0) {
        err_set(err, ERR_UNSAFE,
                "G10: the store lists nothing, but %zu copies are known to be there",
                known);
        return err_hint(err, "is this the right bucket, prefix or disk?");
    }
    return 0;
}

/* The artifact of a group that has to survive, as one store knows it. */
struct survivor {
    const struct retention_plan *plan;
    const struct retention_place *place;
};

static bool is_verified(const struct survivor *survivor)
{
    return (survivor->place->artifact->flags & RETENTION_VERIFIED) != 0;
}

static bool is_staying(const struct survivor *survivor)
{
    size_t index = (size_t)(survivor->place->artifact - survivor->plan->artifacts);
    const struct retention_decision *decision = &survivor->plan->decisions[index];
    return decision->verdict == RETENTION_KEEP ||
           (decision->verdict == RETENTION_PRUNE && decision->is_held);
}

/* Verified before unverified, then the newest. */
static int compare_worth(const struct survivor *a, const struct survivor *b)
{
    const struct retention_place *left = a->place, *right = b->place;
    if (is_verified(a) != is_verified(b))
        return is_verified(a) ? -1 : 1;
    if (left->time != right->time)
        return left->time > right->time ? -1 : 1;
    if (left->seq != right->seq)
        return left->seq > right->seq ? -1 : 1;
    return strcmp(right->artifact->id, left->artifact->id);
}

/* By group; inside one the best first, and of one artifact the copy that stays. */
static int compare_survivors(const void *left, const void *right)
{
    const struct survivor *a = left, *b = right;
    int order = strcmp(a->place->group, b->place->group);
    if (order == 0)
        order = compare_worth(a, b);
    return order != 0 ? order : (int)is_staying(b) - (int)is_staying(a);
}

/* The best of one group in one store; false when nothing there could be restored. */
static bool find_survivor(const struct retention_plan *plan,
                          const struct retention_group *group, struct survivor *out)
{
    bool found = false;
    for (size_t i = group->first; i < group->first + group->count; i++) {
        struct survivor one = {plan, &plan->order[i]};
        size_t index = retention_plan_index(plan, i);
        if (one.place->artifact->state != RETENTION_COMPLETE ||
            (plan->decisions[index].reasons & RETENTION_QUARANTINE) != 0)
            continue;
        if (!found || compare_worth(&one, out) < 0)
            *out = one;
        found = true;
    }
    return found;
}

int retention_guard_survivors(const struct retention_plan *const *plans, size_t count,
                              struct err *err)
{
    size_t most = 0, found = 0;
    for (size_t i = 0; i < count; i++)
        most += plans[i]->group_count;
    struct survivor *survivors = memory_array(most + 1, sizeof(*survivors));
    for (size_t i = 0; i < count; i++) {
        for (size_t group = 0; group < plans[i]->group_count; group++) {
            if (find_survivor(plans[i], &plans[i]->groups[group], &survivors[found]))
                found++;
        }
    }
    qsort(survivors, found, sizeof(*survivors), compare_survivors);
    int result = 0;
    for (size_t i = 0; i < found && result == 0; i++) {
        const char *group = survivors[i].place->group;
        bool is_best = i == 0 || strcmp(survivors[i - 1].place->group, group) != 0;
        if (is_best && !is_staying(&survivors[i]))
            result =
                err_set(err, ERR_UNSAFE,
                        "the plan would remove %s, the last one to be sure of in \"%s\"",
                        survivors[i].place->artifact->id, group);
    }
    free(survivors);
    return result;
}

struct retention_hash_line {
    const char *store, *id;
    bool is_pruned;
};

void retention_hash_init(struct retention_hash *hash)
{
    memset(hash, 0, sizeof(*hash));
}

void retention_hash_release(struct retention_hash *hash)
{
    free(hash->lines);
    retention_hash_init(hash);
}

void retention_hash_add(struct retention_hash *hash, const char *store_uuid,
                        const struct retention_plan *plan)
{
    memory_grow(&hash->lines, &hash->capacity, hash->count + plan->count,
                sizeof(*hash->lines));
    for (size_t i = 0; i < plan->count; i++) {
        const struct retention_decision *decision = &plan->decisions[i];
        if (decision->verdict == RETENTION_IGNORE)
            continue;
        struct retention_hash_line *line = &hash->lines[hash->count++];
        line->store = store_uuid;
        line->id = plan->artifacts[i].id;
        line->is_pruned = decision->verdict == RETENTION_PRUNE && !decision->is_held;
    }
}

static int compare_lines(const void *left, const void *right)
{
    const struct retention_hash_line *a = left, *b = right;
    int order = a->store == b->store ? 0 : strcmp(a->store, b->store);
    return order != 0 ? order : strcmp(a->id, b->id);
}

const char *retention_hash_finish(struct retention_hash *hash,
                                  char out[RETENTION_HASH_SIZE])
{
    if (hash->count > 0)
        qsort(hash->lines, hash->count, sizeof(*hash->lines), compare_lines);
    struct digest digest;
    digest_init(&digest, DIGEST_SHA256);
    for (size_t i = 0; i < hash->count; i++) {
        const struct retention_hash_line *line = &hash->lines[i];
        /* The mark's UUID and not the name: names can be swapped in the configuration
         * between two runs. */
        digest_add(&digest, line->store, strlen(line->store));
        digest_add(&digest, " ", 1);
        digest_add(&digest, line->id, strlen(line->id));
        const char *end = line->is_pruned ? " prune\n" : " keep\n";
        digest_add(&digest, end, strlen(end));
    }
    unsigned char whole[SHA256_SIZE];
    digest_finish(&digest, whole);
    retention_hash_release(hash);
    return digest_hex(whole, (RETENTION_HASH_SIZE - 1) / 2, out);
}
