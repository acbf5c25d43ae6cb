/*
 * Guards (RETENTION section 4) come behind the plan and share none of its steps. What must
 * survive is found again here, by another way than the floors of the plan, just before
 * anything is deleted.
 */
#include "retention/guard.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/memory.h"

#define CLOCK_BACK_MAX 3600      /* seconds behind the newest time seen */
#define STORE_CLOCK_MAX (5 * 60) /* seconds between a store and us */

unsigned retention_guard_group(const struct retention_plan *plan,
                               const struct retention_group *group)
{
    const struct retention_policy *policy = plan->policy;
    unsigned guards = 0;
    /* G3: more than max(guard_min_count, guard_percent %) of the complete copies in one run.
     * Exact: part / whole > percent / 100 without a division, so that no rounding lets one
     * more through (section 9). What delete_grace still holds does not go in this run. */
    uint64_t going = group->pruned - group->held;
    if (going > (uint64_t)policy->guard_min_count && policy->guard_percent < 100 &&
        going * 100 > (uint64_t)policy->guard_percent * group->complete)
        guards |= RETENTION_GUARD_MANY;

    /* G11: the newest one looks wrong, so that the older ones may be the last good ones
     * (section 6). Held ones count, too: their time would run while nobody looks. */
    if (group->pruned > 0 && group->newest != RETENTION_NOBODY &&
        (plan->artifacts[group->newest].flags & RETENTION_SUSPECT) != 0)
        guards |= RETENTION_GUARD_SUSPECT;
    return guards;
}

/* As section 4 numbers them, which is how users meet them. */
const char *retention_guard_name(enum retention_guard guard)
{
    switch (guard) {
    case RETENTION_GUARD_MANY:
        return "G3";
    case RETENTION_GUARD_SUSPECT:
        return "G11";
    case RETENTION_GUARD_CLOCK:
        return "G4";
    case RETENTION_GUARD_FLOORS:
        return "G2";
    }
    return "?";
}

void retention_guard_text(const struct retention_plan *plan,
                          const struct retention_group *group, unsigned guards,
                          struct text *out)
{
    if ((guards & RETENTION_GUARD_MANY) != 0)
        text_addf(out,
                  "too many at once (G3): %zu of %zu complete copies would go in one run; "
                  "more than "
                  "%lld and "
                  "more than %lld %% is refused",
                  group->pruned - group->held, group->complete,
                  (long long)plan->policy->guard_min_count,
                  (long long)plan->policy->guard_percent);
    if ((guards & RETENTION_GUARD_MANY) != 0 && (guards & RETENTION_GUARD_SUSPECT) != 0)
        text_add(out, "; ");
    if ((guards & RETENTION_GUARD_SUSPECT) != 0)
        text_addf(out,
                  "a doubtful newest backup (G11): %s is suspect; nothing goes before "
                  "`pgkeep accept %s`, a drill of it, or a normal one",
                  plan->artifacts[group->newest].id, plan->artifacts[group->newest].id);
}

int retention_guard_clock(int64_t now, int64_t highest_seen, struct err *err)
{
    /* "now < the highest time seen - 1 h": a clock that was corrected by a little is no
     * reason to refuse. */
    if (highest_seen == 0 || now >= highest_seen - CLOCK_BACK_MAX)
        return 0;
    char here[32], seen[32];
    err_set(err, ERR_UNSAFE,
            "a clock that went back (G4): it says %s, but %s has already been seen",
            clock_rfc3339(here, now), clock_rfc3339(seen, highest_seen));
    return err_hint(err,
                    "set the clock of this machine right; nothing is removed until then");
}

/* In either direction: which of the two is wrong cannot be told, and both date copies. */
int retention_guard_store_clock(int64_t now, int64_t store_date, struct err *err)
{
    int64_t apart = now > store_date ? now - store_date : store_date - now;
    if (apart <= STORE_CLOCK_MAX)
        return 0;
    char length[32];
    err_set(err, ERR_UNSAFE,
            "a clock that disagrees (G4): here it is %s %s that of the store",
            text_duration(length, apart * 1000), now > store_date ? "ahead of" : "behind");
    return err_hint(err,
                    "set the clock of this machine right; nothing is removed until then");
}

int retention_guard_listing(bool is_whole, size_t listed, size_t known, struct err *err)
{
    /* What a listing does not show may be there all the same: nothing follows from half a
     * one, and nothing from an unmounted disk (section 1, no. 9). */
    if (!is_whole)
        return err_set(err, ERR_UNSAFE,
                       "a listing that broke off (G10): nothing is concluded from it");
    if (listed == 0 && known > 0) {
        err_set(err, ERR_UNSAFE, "an empty listing (G10): %zu copies are known to be there",
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

/* Does this run leave it? What delete_grace holds is there at least until a later one. */
static bool is_staying(const struct survivor *survivor)
{
    size_t index = (size_t)(survivor->place->artifact - survivor->plan->artifacts);
    const struct retention_decision *decision = &survivor->plan->decisions[index];
    return decision->verdict == RETENTION_KEEP ||
           (decision->verdict == RETENTION_PRUNE && decision->is_held);
}

/* Section 3, last paragraph: the newest verified, else the newest complete. */
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

/* For the sum over stores. By group; inside one the best first, and of one artifact the copy that stays. */
static int compare_survivors(const void *left, const void *right)
{
    const struct survivor *a = left, *b = right;
    int order = strcmp(a->place->group, b->place->group);
    if (order == 0)
        order = compare_worth(a, b);
    return order != 0 ? order : (int)is_staying(b) - (int)is_staying(a);
}

/* Found by a walk of its own, not by the anchor or the floors of the plan: a mistake there must
 * not be believed here.
 *
 * The best of one group in one store; false when nothing there could be restored. */
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
    /* The best of each group in each store … */
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

    /* … and of these the best over all stores, first of its group, must stay somewhere. */
    qsort(survivors, found, sizeof(*survivors), compare_survivors);
    int result = 0;
    for (size_t i = 0; i < found && result == 0; i++) {
        const char *group = survivors[i].place->group;
        bool is_best = i == 0 || strcmp(survivors[i - 1].place->group, group) != 0;
        if (is_best && !is_staying(&survivors[i]))
            result = err_set(
                err, ERR_UNSAFE,
                "the last one to be sure of (G2): the plan would remove %s of \"%s\"",
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
        /* The sentence that is forced is "these go, those stay" (CONTRACT-NOTES 4): what is
         * no backup is not in it, and what is held stays for now. */
        if (decision->verdict == RETENTION_IGNORE)
            continue;
        struct retention_hash_line *line = &hash->lines[hash->count++];
        line->store = store_uuid;
        line->id = plan->artifacts[i].id;
        line->is_pruned = decision->verdict == RETENTION_PRUNE && !decision->is_held;
    }
}

/* One store's lines share a pointer, which saves most of the comparing. */
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
