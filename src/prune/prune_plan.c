/*
 * From rows of the catalog to plans: one part for each store and policy, because a store
 * may have a policy of its own for some jobs. All of them together have one hash, which is
 * what a person confirms with --force-unsafe.
 */
#include "prune/prune_steps.h"

#include "base/log.h"
#include "base/memory.h"
#include "catalog/db/facts.h"

enum retention_state prune_state(const struct catalog_plan_row *row)
{
    static const enum retention_state states[CATALOG_COPY_STATES] = {
        [CATALOG_COPY_UPLOADING] = RETENTION_RUNNING,
        [CATALOG_COPY_COMPLETE] = RETENTION_COMPLETE,
        [CATALOG_COPY_FAILED] = RETENTION_FAILED,
        [CATALOG_COPY_MISSING] = RETENTION_MISSING,
        [CATALOG_COPY_DAMAGED] = RETENTION_DAMAGED,
        [CATALOG_COPY_DELETING] = RETENTION_DELETING,
        [CATALOG_COPY_LOCKED] = RETENTION_LOCKED,
        [CATALOG_COPY_BLOCKED] = RETENTION_BLOCKED,
        [CATALOG_COPY_DELETED] = RETENTION_DELETING,
    };
    /* A copy can be complete a moment before its artifact is: nothing of it may go. */
    return row->status == CATALOG_RUNNING ? RETENTION_RUNNING : states[row->state];
}

/* ---- parts ---- */

static struct prune_part *find_part(struct prune *prune, struct repository *repository,
                                    const struct policy *policy)
{
    for (size_t i = 0; i < prune->part_count; i++) {
        if (prune->parts[i].repository == repository && prune->parts[i].policy == policy)
            return &prune->parts[i];
    }
    memory_grow(&prune->parts, &prune->part_capacity, prune->part_count + 1,
                sizeof *prune->parts);
    struct prune_part *part = &prune->parts[prune->part_count++];
    *part = (struct prune_part){.repository = repository, .policy = policy};
    return part;
}

static unsigned flags_of(const struct catalog_plan_row *row)
{
    return (row->proven ? RETENTION_VERIFIED : 0u) | (row->pinned ? RETENTION_PINNED : 0u) |
           (row->lease != NULL ? RETENTION_LEASED : 0u) |
           (row->suspect ? RETENTION_SUSPECT : 0u) |
           (row->quarantined ? RETENTION_QUARANTINED : 0u);
}

static void add_row(struct prune_part *part, const struct catalog_plan_row *row,
                    const char *const *pending)
{
    memory_grow(&part->artifacts, &part->capacity, part->count + 1,
                sizeof *part->artifacts);
    memory_grow(&part->rows, &part->row_capacity, part->count + 1, sizeof *part->rows);
    part->rows[part->count] = row;
    part->artifacts[part->count++] =
        (struct retention_artifact){.id = row->artifact,
                                    .group = row->group,
                                    .seq = row->seq,
                                    .time = row->time,
                                    .has_time = row->time != 0,
                                    .size = row->bytes,
                                    .state = prune_state(row),
                                    .flags = flags_of(row),
                                    .pin_reason = row->pin_reason,
                                    .pin_until = row->pin_until,
                                    .lease = row->lease,
                                    .pending = pending,
                                    .first_marked = row->first_marked,
                                    .locked_until = row->locked_until,
                                    .damaged_since = row->damaged_since};
}

static int make_parts(struct prune *prune, struct err *err)
{
    for (size_t s = 0; s < prune->stores.count; s++) {
        struct repository *repository = prune->stores.items[s];
        for (size_t i = 0; i < prune->rows.count; i++) {
            const struct catalog_plan_row *row = &prune->rows.items[i];
            if (row->store_id != repository->id)
                continue;
            const struct policy *policy =
                policies_for(prune->policies, row->job, repository->name, err);
            if (policy == NULL)
                return -1;
            add_row(find_part(prune, repository, policy), row,
                    (const char *const *)prune->pending[i]);
        }
    }
    return 0;
}

/* ---- guards ---- */

/* The whole plan is wrong when our own clock went back; one store's when it and we
 * disagree. */
static int check_clock(struct prune *prune, struct err *err)
{
    int64_t highest = 0;
    if (catalog_time_highest(prune->catalog, &highest, err) < 0)
        return -1;
    if (retention_guard_clock(prune->spec.now, highest, &prune->refusal) < 0)
        prune->refused_by = RETENTION_GUARD_CLOCK;
    return 0;
}

static bool store_clock_disagrees(const struct prune *prune, struct repository *repository)
{
    struct err why = {0};
    bool known = false;
    int64_t offset = store_clock_offset(repository->store, &known);
    return known &&
           retention_guard_store_clock(prune->spec.now, prune->spec.now + offset, &why) < 0;
}

/* Would anything go? Also what failed or broke is not cleared away by a doubtful clock. */
static bool would_go(const struct retention_plan *plan, const struct retention_group *group)
{
    bool due = false;
    for (size_t i = group->first; i < group->first + group->count; i++)
        due |= plan->decisions[retention_plan_index(plan, i)].is_due;
    return due || group->pruned > 0;
}

static void guard_part(struct prune *prune, struct prune_part *part)
{
    unsigned clock =
        store_clock_disagrees(prune, part->repository) ? RETENTION_GUARD_CLOCK : 0;
    part->guards = memory_array(part->plan->group_count + 1, sizeof *part->guards);
    for (size_t i = 0; i < part->plan->group_count; i++) {
        const struct retention_group *group = &part->plan->groups[i];
        unsigned guards = retention_guard_group(part->plan, group);
        if (clock != 0 && would_go(part->plan, group))
            guards |= clock;
        part->guards[i] = prune->forced ? 0 : guards;
        prune->refused += part->guards[i] != 0;
        prune->over_cap |= group->over_cap;
    }
}

/* The plan's own floors see to it; asked once more over all stores together. Never to be
 * overridden. */
static void check_survivors(struct prune *prune)
{
    struct err why = {0};
    const struct retention_plan **plans =
        memory_array(prune->part_count + 1, sizeof *plans);
    for (size_t i = 0; i < prune->part_count; i++)
        plans[i] = prune->parts[i].plan;
    if (retention_guard_survivors(plans, prune->part_count, &why) < 0) {
        prune->refusal = why;
        prune->refused_by = RETENTION_GUARD_FLOORS;
    }
    free(plans);
}

static void hash(struct prune *prune)
{
    struct retention_hash sum;
    retention_hash_init(&sum);
    for (size_t i = 0; i < prune->part_count; i++)
        retention_hash_add(&sum, prune->parts[i].repository->uuid, prune->parts[i].plan);
    retention_hash_finish(&sum, prune->hash);
}

static int check_force(struct prune *prune, struct err *err)
{
    const char *force = prune->spec.force;
    prune->forced = force != NULL && strcmp(force, prune->hash) == 0;
    if (force == NULL || prune->forced)
        return 0;
    err_set(err, ERR_UNSAFE,
            "--force-unsafe: the plan is not the one of that hash: it is "
            "%s by now",
            prune->hash);
    return err_hint(err, "look at it again: `pgkeep prune`");
}

/* A policy that is meant to do something; who asked for none gets no warning. */
static void warn_of_nothing_on(const struct prune *prune)
{
    struct strlist names = {0};
    struct text list;
    text_init(&list, 1 << 12);
    for (size_t i = 0; i < prune->part_count; i++) {
        const struct prune_part *part = &prune->parts[i];
        const char *name = part->policy->name;
        if (part->plan->is_on || part->policy->retention.max_total_size > 0 ||
            settings_policy(prune->settings, name) == NULL || strlist_has(&names, name))
            continue;
        strlist_add(&names, name);
        text_addf(&list, "%s\"%s\"", names.count > 1 ? ", " : "", name);
    }
    if (names.count > 0)
        log_warning("no rule is on in %s %s: everything is kept",
                    names.count == 1 ? "policy" : "policies", list.data);
    text_release(&list);
    strlist_release(&names);
}

int prune_plan(struct prune *prune, struct err *err)
{
    if (make_parts(prune, err) < 0 || check_clock(prune, err) < 0)
        return -1;
    for (size_t i = 0; i < prune->part_count; i++) {
        struct prune_part *part = &prune->parts[i];
        part->plan = retention_plan_new(&part->policy->retention, prune->spec.now,
                                        part->artifacts, part->count, err);
        if (part->plan == NULL)
            return -1;
    }
    warn_of_nothing_on(prune);
    hash(prune);
    if (check_force(prune, err) < 0)
        return -1;
    /* The clock and G3, G11 can be forced; what check_survivors says below cannot. */
    if (prune->forced) {
        err_clear(&prune->refusal);
        prune->refused_by = 0;
    }
    check_survivors(prune);
    for (size_t i = 0; i < prune->part_count; i++)
        guard_part(prune, &prune->parts[i]);
    return 0;
}
