/*
 * From rows of the catalog to plans: one part for each store and policy, because a store
 * may have a policy of its own for some jobs. All of them together have one hash, which is
 * what a person confirms with --force-unsafe.
 */
#include "prune/prune_steps.h"

#include "base/cancel.h"
#include "base/log.h"
#include "base/memory.h"
#include "catalog/db/facts.h"

enum retention_state prune_state(const struct catalog_plan_row *row)
{
    /* The planner knows states of the catalog by its own words, so that it can be tried
     * without one. */
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

/* ---- what is planned ---- */

/* From the list that was read with the rows: a store may be renamed meanwhile. */
const char *prune_store_name(const struct prune *prune, int64_t store_id)
{
    for (size_t i = 0; i < prune->known.count; i++) {
        if (prune->known.items[i].id == store_id)
            return prune->known.items[i].name;
    }
    return "";
}

int prune_gather(struct prune *prune, struct err *err)
{
    const struct prune_spec *spec = &prune->spec;
    /* All rows of the job, also of stores that are not asked for: floors and waiting copies
     * concern them all. */
    const struct catalog_plan_scope scope = {.job = spec->job, .now = spec->now};
    if (catalog_stores_list(prune->catalog, &prune->known, err) < 0 ||
        catalog_plan_rows(prune->catalog, &scope, &prune->rows, err) < 0)
        return -1;
    /* A typo should not read as "nothing to do". */
    if (session_require_store(spec->session, spec->store, err) < 0)
        return -1;
    return prune->rows.count > 0 ? 0 : session_require_job(spec->session, spec->job, err);
}

/* Only stores that the catalog has copies in: a prune must not wait for, or write a mark into, a
 * store that it has nothing to do with. Whatever is wrong with one - away, another than
 * expected, its password missing - the others are pruned. */
int prune_open_stores(struct prune *prune, struct err *err)
{
    const char *only = prune->spec.store;
    for (size_t i = 0; i < prune->known.count; i++) {
        const struct catalog_store *row = &prune->known.items[i];
        /* Under the id of its row: a name of the configuration may lead elsewhere by now */
        struct session_store store = {
            .name = row->name, .id = row->id, .named = only != NULL};
        bool has_rows = false;
        for (size_t j = 0; !has_rows && j < prune->rows.count; j++)
            has_rows = prune->rows.items[j].store_id == row->id;
        if ((only != NULL && strcmp(only, row->name) != 0) || !has_rows)
            continue;
        if (cancel_check(session_cancel(prune->spec.session), err) < 0 ||
            session_add_repository(prune->spec.session, &store, &prune->stores, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- parts ---- */

/* By store and policy: two jobs with the same policy are planned together, groups are never
 * mixed. */
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

/* One copy as the planner sees it. */
static void add_row(struct prune_part *part, const struct catalog_plan_row *row,
                    const char *const *pending)
{
    /* The same index in both arrays leads from a decision back to the row. */
    memory_grow(&part->artifacts, &part->capacity, part->count + 1,
                sizeof *part->artifacts);
    memory_grow(&part->rows, &part->row_capacity, part->count + 1, sizeof *part->rows);
    unsigned flags = (row->proven ? RETENTION_VERIFIED : 0u) |
                     (row->pinned ? RETENTION_PINNED : 0u) |
                     (row->lease != NULL ? RETENTION_LEASED : 0u) |
                     (row->suspect ? RETENTION_SUSPECT : 0u) |
                     (row->quarantined ? RETENTION_QUARANTINED : 0u);
    part->rows[part->count] = row;
    part->artifacts[part->count++] =
        (struct retention_artifact){.id = row->artifact,
                                    .group = row->group,
                                    .seq = row->seq,
                                    .time = row->time,
                                    .has_time = row->time != 0,
                                    .size = row->bytes,
                                    .state = prune_state(row),
                                    .flags = flags,
                                    .pin_reason = row->pin_reason,
                                    .pin_until = row->pin_until,
                                    .lease = row->lease,
                                    .pending = pending,
                                    .first_marked = row->first_marked,
                                    .locked_until = row->locked_until,
                                    .damaged_since = row->damaged_since};
}

/* Each copy goes to the part of its store and of the policy that its job has there. */
static int make_parts(struct prune *prune, struct err *err)
{
    /* Store by store, so that parts stand in the order of the stores, and the plan reads
     * so. */
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

/* G4 for one store: its clock and ours differ. */
static bool store_clock_disagrees(const struct prune *prune, struct repository *repository,
                                  struct err *why)
{
    bool known = false;
    int64_t offset = store_clock_offset(repository->store, &known);
    return known &&
           retention_guard_store_clock(prune->spec.now, prune->spec.now + offset, why) < 0;
}

/* What refuses each group of this store (RETENTION section 4). */
static void guard_part(struct prune *prune, struct prune_part *part)
{
    struct err ignored = {0};
    unsigned clock = store_clock_disagrees(prune, part->repository, &ignored)
                         ? RETENTION_GUARD_CLOCK
                         : 0;
    part->guards = memory_array(part->plan->group_count + 1, sizeof *part->guards);
    for (size_t i = 0; i < part->plan->group_count; i++) {
        const struct retention_group *group = &part->plan->groups[i];
        /* G3 and G11, which the planner can decide from its own facts. */
        unsigned guards = retention_guard_group(part->plan, group);
        /* A clock that disagrees matters where anything would go; also what failed or broke
         * is not cleared away by a doubtful clock. */
        bool would_go = group->pruned > 0;
        for (size_t j = group->first; j < group->first + group->count; j++)
            would_go |= part->plan->decisions[retention_plan_index(part->plan, j)].is_due;
        if (would_go)
            guards |= clock;
        /* --force-unsafe with this plan's hash overrides G3, G4 and G11. */
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

/* A policy that is meant to do something; who asked for none gets no warning. */
static void warn_of_nothing_on(const struct prune *prune)
{
    struct strlist names = {0};
    struct text list;
    text_init(&list, 1 << 12);
    for (size_t i = 0; i < prune->part_count; i++) {
        const struct prune_part *part = &prune->parts[i];
        const char *name = part->policy->name;
        /* A cap alone does something, too. */
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
    int64_t highest = 0;
    if (make_parts(prune, err) < 0)
        return -1;
    /* G4: our own clock went back, so the whole plan is wrong. */
    if (catalog_time_highest(prune->catalog, &highest, err) < 0)
        return -1;
    if (retention_guard_clock(prune->spec.now, highest, &prune->refusal) < 0)
        prune->refused_by = RETENTION_GUARD_CLOCK;
    /* A plan for each part, and one hash over all of them (CONTRACT-NOTES 4). */
    struct retention_hash sum;
    retention_hash_init(&sum);
    for (size_t i = 0; i < prune->part_count; i++) {
        struct prune_part *part = &prune->parts[i];
        part->plan = retention_plan_new(&part->policy->retention, prune->spec.now,
                                        part->artifacts, part->count, err);
        if (part->plan == NULL)
            return -1;
        retention_hash_add(&sum, part->repository->uuid, part->plan);
    }
    retention_hash_finish(&sum, prune->hash);
    warn_of_nothing_on(prune);
    /* What is forced must be what was shown: a hash of another plan is refused. */
    const char *force = prune->spec.force;
    prune->forced = force != NULL && strcmp(force, prune->hash) == 0;
    if (force != NULL && !prune->forced) {
        err_set(err, ERR_UNSAFE,
                "--force-unsafe: the plan is not the one of that hash: it is "
                "%s by now",
                prune->hash);
        return err_hint(err, "look at it again: `pgkeep prune`");
    }
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

/* ---- what is refused ---- */

/* "group G store S: what refuses it, and what to do", a line. */
static void add_refusal(const struct prune *prune, const struct prune_part *part,
                        size_t index, struct text *out)
{
    const struct retention_group *group = &part->plan->groups[index];
    unsigned guards = part->guards[index];
    text_add(out, "group ");
    text_add_printable(out, group->name, strlen(group->name));
    text_addf(out, " store %s: ", part->repository->name);
    retention_guard_text(part->plan, group, guards, out);
    if ((guards & RETENTION_GUARD_CLOCK) != 0 && guards != RETENTION_GUARD_CLOCK)
        text_add(out, "; ");
    /* Of the clock the planner knows nothing, so its sentence is made here. */
    if ((guards & RETENTION_GUARD_CLOCK) != 0) {
        struct err why = {0};
        if (store_clock_disagrees(prune, part->repository, &why))
            text_addf(out, "%.*s", (int)strcspn(why.text, "\n"), why.text);
    }
    text_add_char(out, '\n');
}

/* Asked twice, for yes or no and for the words; the words cost the planner's work. */
bool prune_is_refused(const struct prune *prune, struct text *out)
{
    /* A refusal of the whole plan comes first: with it no group is looked at. */
    bool whole = prune->refusal.kind != ERR_NONE;
    if (out && whole)
        text_addf(out, "%.*s\n", (int)strcspn(prune->refusal.text, "\n"),
                  prune->refusal.text);
    for (size_t i = 0; out && i < prune->part_count; i++) {
        for (size_t j = 0; j < prune->parts[i].plan->group_count; j++) {
            if (prune->parts[i].guards[j] != 0)
                add_refusal(prune, &prune->parts[i], j, out);
        }
    }
    return whole || prune->refused > 0;
}

bool prune_group_is_refused(const struct prune *prune, const struct prune_part *part,
                            size_t index)
{
    return prune->refusal.kind != ERR_NONE || part->guards[index] != 0;
}
